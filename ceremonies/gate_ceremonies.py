"""The ceremonies of a key that several sites sign with, each through its gate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from ceremonies import gates
from ceremonies.custody import Next, Refused, Step, holders, public_key
from ceremonies.gates import Declared, Situation
from ceremonies.key_ceremonies import KeyStatus, leftovers
from ceremonies.ports import ChainPort, Signers, TablePort
from ceremonies.public_key import ConsensusKey
from ceremonies.steps import Pace, Transcript, carry_out
from coordinator.decision.effects import Cause
from coordinator.decision.position import spent
from coordinator.decision.records import Head


@dataclass(frozen=True, kw_only=True)
class GateStatus(KeyStatus):
    """`due`: which ceremony is missing next: `Step.SEED` where the key has to be started, `Step.ADMIT` where a site has
    to join; `None`: none is.
    """

    situation: Situation
    due: Next | None


@dataclass(frozen=True, kw_only=True)
class GateCeremonies:
    """The hosts, the chain, the table, and the declaration. A ceremony that was killed continues when called again.

    Each returns the steps that it did. Each raises `Refused` if the next step would not be safe, `HostFailed` if a host
    did not answer or a step failed there, and `ceremonies.row.NotDone` if the table refused or the outcome is unknown.
    """

    signers: Signers
    chain: ChainPort
    table: TablePort
    declared: Declared
    transcript: Transcript
    pace: Pace = field(default_factory=Pace)

    def status(self) -> GateStatus:
        """The hosts that hold the key, those that sign, and the missing ceremony."""
        situation = self._situation(())
        seen = KeyStatus.of(situation.signers, [*gates.problems(situation), *leftovers(situation.signers)])
        return GateStatus(
            key=seen.key,
            holders=seen.holders,
            signing=seen.signing,
            signers=seen.signers,
            problems=seen.problems,
            situation=situation,
            due=gates.due(situation),
        )

    def start(self, target: str) -> tuple[Next, ...]:
        """Creates the row of a key that never signed through a gate, and admits the gate of `target`."""
        return self._carry_out("start", partial(gates.starting, target=target), (target,), gates_after=(target,))

    def join(self, target: str) -> tuple[Next, ...]:
        """Copies the key to `target`, beside the hosts that sign with it, and admits its gate."""
        return self._carry_out("join", partial(gates.joining, target=target), ())

    def move(self, leaving: str, target: str) -> tuple[Next, ...]:
        """Admits `target`, then removes `leaving` and destroys its key."""
        if leaving == target:
            raise Refused(f"got {target} as both the old and the new host of the key; they must differ")
        return self._carry_out("move", partial(gates.moving, leaving=leaving, target=target), (leaving,))

    def take_over(self, dead: Collection[str], target: str, *, locked_block: str = "") -> tuple[Next, ...]:
        """Lets `target` sign on in the height in which its owner, one of the signers `dead` of a site, died. They are
        dismissed and need not answer. For a key without which the chain makes no block.
        """
        if target in dead:
            raise Refused(f"got {target} both as a signer that died and as the one that signs on; they must differ")
        return self._carry_out(
            "take-over",
            lambda situation: gates.taking_over(situation, dead, target, locked_block),
            (),
            without=dead,
            takes_over=target,
            locked_block=locked_block,
        )

    def renew_table(self, *, second_operator: str) -> tuple[Next, ...]:
        """Begins the declared generation after a table was lost or rolled back. It starts nothing: the next deployment
        does. `second_operator`: the second person who has verified the reason.
        """
        if not second_operator.strip():
            refusal = (
                "got no second operator; replacing the table takes two people, because only the table keeps two "
                "signers apart; name the second: --second-operator NAME"
            )
            self.transcript.write(ceremony="renew-table", refused=refusal)
            raise Refused(refusal)
        return self._carry_out("renew-table", gates.renewing, None, second_operator=second_operator)

    def retire(self, address: str) -> tuple[Next, ...]:
        """Retires the key: no gate can claim for it again, and it is destroyed on every host."""
        return self._carry_out("retire", partial(gates.retiring, address=address), (), address=address)

    def clear_halt(self, target: str, cause: Cause | None) -> tuple[Next, ...]:
        """Lets a halted gate sign again. `cause`: the cause of the halt that the operator found."""
        return self._carry_out("clear-halt", partial(gates.clearing, target=target, cause=cause), (), cause=cause)

    def _situation(
        self, watched: Iterable[str] | None, without: Collection[str] = (), takes_over: str = ""
    ) -> Situation:
        """Hosts first, then the table, then the chain. `watched`: whose last signatures the chain must have passed;
        `None`: of all that hold the key. `without`: the hosts that are dead and not asked; the chain is asked then.
        `takes_over`: from one of them; its node's lock and the precommits of the row's height are looked at then.
        """
        seen = self.signers.observe(without)
        key = public_key(seen)
        row = self.table.read(key) if key else None
        opened = {name: self.signers.look_into(name) for name, each in seen.items() if each.sealed}
        names = holders(seen) if watched is None else tuple(watched)
        still = bool(without) or (bool(names) and all(seen[name].still for name in names))
        view = self.chain.view(key.address, gates.last_signed(seen, names, row)) if key and still else None
        from_dead = bool(takes_over and key and row and row.owner in without)
        return Situation(
            signers=seen,
            declared=self.declared,
            row=row,
            chain=view,
            sealed={name: each for name, each in opened.items() if each is not None},
            precommits=tuple(self.table.precommits(key, row.position)) if from_dead and key and row else (),
            lock=self.chain.lock(takes_over) if from_dead else None,
        )

    def _carry_out(
        self,
        name: str,
        decide: Callable[[Situation], Next],
        watched: tuple[str, ...] | None,
        gates_after: tuple[str, ...] = (),
        without: Collection[str] = (),
        takes_over: str = "",
        **noted: object,
    ) -> tuple[Next, ...]:
        heads: list[int] = []

        def observe() -> Situation:
            situation = self._situation(watched, without, takes_over)
            if situation.chain is None:
                heads.clear()
                return situation
            heads.append(situation.chain.head)
            return replace(situation, watched_from=heads[0])

        return carry_out(
            observe,
            decide,
            lambda step, situation: self._act(step, situation, gates_after),
            partial(self.transcript.write, ceremony=name, **noted),
            self.pace,
        )

    def _act(self, step: Next, situation: Situation, gates_after: tuple[str, ...]) -> None:
        key, generation = public_key(situation.signers), situation.row.generation if situation.row else 0
        assert isinstance(key, ConsensusKey)
        signers, table, host, declared = self.signers, self.table, step.host, self.declared.generation
        acts: dict[Step, Callable[[], object]] = {
            Step.HALT: lambda: signers.halt(host),
            Step.INVITE: lambda: signers.invite(host),
            Step.SEAL: lambda: signers.seal(host, self._invited(situation), keep=True),
            Step.UNSEAL: lambda: signers.unseal(host, key.base64, keep_state=True),
            Step.TIDY: lambda: signers.tidy(host),
            Step.DESTROY: lambda: signers.destroy(host),
            Step.RELEASE: lambda: signers.release(host),
            Step.FREE: lambda: signers.free(host),
            Step.RAISE: lambda: signers.raise_floor(host, key, step.height),
            Step.CLEAR: lambda: signers.clear_halt(host),
            Step.SEED: lambda: table.seed(key, spent(step.height), declared, gates_after),
            Step.ADMIT: lambda: table.admit(key, host, generation),
            Step.DISMISS: lambda: table.dismiss(key, host, generation),
            Step.TAKE_OVER: lambda: table.take_over(key, self._row(situation), host, situation.precommits),
            Step.RENEW: lambda: table.renew(
                key, generation or declared - 1, declared, spent(step.height), holders(situation.signers)
            ),
            Step.CLOSE: lambda: table.close(key, generation),
        }
        acts[step.step]()

    @staticmethod
    def _row(situation: Situation) -> Head:
        assert situation.row
        return situation.row

    @staticmethod
    def _invited(situation: Situation) -> str:
        """The one host with a certificate: `gates` allows no second one when a package is created."""
        (name,) = (name for name, each in situation.signers.items() if each.invited)
        return name
