"""The product's decisions about ceremonies, in the states that the model reaches.

A ceremony observes, decides and acts; the decision is a pure function. Whatever state a trace reached, a new row that
it asks for must be above every signature of the key, and a key that it destroys must no longer be admitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ceremonies import gates
from ceremonies.chain_rpc import Lock
from ceremonies.custody import ChainView, Next, Refused, Step
from ceremonies.gates import Declared, Situation
from ceremonies.observation import GateObservation, SignedState, SignerObservation
from ceremonies.public_key import ConsensusKey
from coordinator.decision.effects import Cause
from coordinator.decision.records import Claim, Head
from coordinator.floor import Floor
from coordinator.table.items import CLOSED
from verification.life.gates import CHAIN, block_hash, position
from verification.life.itf import State

KEY = ConsensusKey(bytes(range(32)))
MISSING = -1
WATCHED_BLOCKS = 1000
"""For how long the chain was watched with everything stopped: long enough for any decision."""


def name(host: int) -> str:
    return f"signer-{host}"


def _signer(there: State) -> SignerObservation:
    where = position(there["tmkms"])
    gate = GateObservation(
        provisioned=there["coordinated"],
        generation=there["generation"],
        masked=there["masked"],
        enabled=there["enabled"],
        active=there["running"] and there["coordinated"],
        processes=int(there["running"] and there["coordinated"]),
        floor=Floor(CHAIN, KEY.raw, position(there["floor"]), Cause.TABLE_WENT_BACK if there["halted"] else None)
        if there["floor"] != MISSING
        else None,
    )
    return SignerObservation(
        installed=True,
        provisioned=True,
        key=KEY.base64 if there["key"] else None,
        recorded=KEY.base64 if there["key"] else None,
        state=SignedState(height=where.height, round=where.round, step=max(where.step - 1, 0))
        if there["key"] or there["tmkms"]
        else None,
        masked=there["masked"],
        enabled=there["enabled"],
        active=there["running"],
        processes=int(there["running"]),
        gate=gate,
    )


def situation(state: State) -> Situation:
    """What a ceremony observes in this state of the model."""
    row, declared = state["row"], state["declared"]
    signers = {name(host): _signer(there) for host, there in state["hosts"].items()}
    head = None
    if row["exists"]:
        admitted = tuple((name(host), "boot") for host in sorted(row["admitted"]))
        head = Head(row["generation"], CLOSED if row["closed"] else position(row["head"]), admitted)
    last = gates.last_signed(signers, signers, head)
    return Situation(
        signers=signers,
        declared=Declared(gates=frozenset(map(name, declared["sites"])), generation=declared["generation"]),
        row=head,
        chain=ChainView(
            head=state["chain"], signed_since=tuple(height for height in sorted(state["ours"]) if height > last)
        ),
        watched_from=state["chain"] - WATCHED_BLOCKS,
        sealed={},
    )


def _steps(state: State) -> Iterator[tuple[str, Next]]:
    """What each ceremony would do next; those that refuse are left out."""
    seen, sites = situation(state), [name(host) for host in state["declared"]["sites"]]
    calls: list[tuple[str, Callable[[], Next]]] = [
        ("renew-table", lambda: gates.renewing(seen)),
        ("start", lambda: gates.starting(seen, name(state["declared"]["custody"]))),
    ]
    for site in sites:
        calls.append((f"join {site}", lambda site=site: gates.joining(seen, site)))  # type: ignore[misc]
        for other in seen.signers:
            if other != site:
                calls.append(
                    (f"move {other} {site}", lambda site=site, other=other: gates.moving(seen, other, site))  # type: ignore[misc]
                )
    for words, call in calls:
        try:
            yield words, call()
        except Refused:
            continue


def wrong(state: State) -> list[str]:
    """What a ceremony would do wrong in this state. None if nothing, or if no key signs through gates here."""
    if not state["declared"]["coordinated"] or state["row"]["left"] or state["retired"]:
        return []
    if not all(there["up"] for there in state["hosts"].values()):
        return []
    signed = max((each["pos"] // 100 for each in state["signatures"]), default=0)
    admitted = {name(host) for host in state["row"]["admitted"]}
    found = []
    for words, step in _steps(state):
        if step.step in (Step.SEED, Step.RENEW) and (step.height or 0) < signed:
            found.append(f"{words}: a row at height {step.height}, and height {signed} was signed")
        if step.step is Step.DESTROY and step.host in admitted:
            found.append(f"{words}: destroys the key of {step.host}, which is admitted")
    return found


SITES = {1: 1, 2: 2, 3: 1}
"""Of a big validator's hosts. The third one is a spare."""


def takes_over(state: State, target: int, row: Head, precommits: Callable[[Head], Sequence[Claim]]) -> bool:
    """Whether the product would now give the row's height to `target`, for an operator to whom the other site is dead
    and who confirms whatever the node of `target` is locked on.

    `row` and `precommits` are the table's, with the gates' own names.
    """
    dead = {host for host in state["hosts"] if SITES[host] != SITES[target]}
    asked = {host: there for host, there in state["hosts"].items() if host not in dead}
    if not all(there["up"] for there in asked.values()):
        return False
    declared, here = state["declared"], state["hosts"][target]
    lock = Lock(
        height=state["chain"] + 1,
        round=here["lockRound"],
        block=block_hash(here["lockBlock"]) if here["lockRound"] >= 0 else "",
    )
    from_dead = row.owner in {f"gate-{host}" for host in dead}
    seen = Situation(
        signers={name(host): _signer(there) for host, there in asked.items()},
        declared=Declared(gates=frozenset(map(name, declared["sites"])), generation=declared["generation"]),
        row=_as_signer(row),
        chain=ChainView(head=state["chain"]),
        sealed={},
        precommits=tuple(precommits(row)) if from_dead else (),
        lock=lock if from_dead else None,
    )
    try:
        step = gates.taking_over(seen, {name(host) for host in dead}, name(target), lock.block)
    except Refused:
        return False
    return step.step is Step.TAKE_OVER


def _as_signer(row: Head) -> Head:
    """The row with the names of the signers, which are those of their gates outside of the model."""
    admitted = tuple((gate.replace("gate-", "signer-"), boot) for gate, boot in row.gates)
    claim = row.claim and replace(row.claim, gate_id=row.claim.gate_id.replace("gate-", "signer-"))
    return replace(row, gates=admitted, claim=claim)
