"""What a claim is, what a check of it may find, and the verdicts that follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reachability.claims.case import Case
    from reachability.packet import Packet
    from reachability.prover import Sender
    from reachability.trace import Hop


class Outcome(StrEnum):
    """Proved of every packet, refuted by one, or neither: something met on the way is not modelled or not known."""

    PROVED = "proved"
    REFUTED = "refuted"
    NOT_MODELLED = "not-modelled"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that breaks a claim. ``sentence`` says what, for people.

    A packet that must not arrive is ``packet``, sent by ``sender``, delivered to ``to``. A connection that must work
    and does not has ``obstacles``, every setting in its way. A setting that is wrong by itself has neither.
    ``uncertain`` is why it is not known whether this really happens: then the claim is not refuted by it, and not
    proved either.
    """

    sentence: str
    sender: Sender | None = None
    packet: Packet | None = None
    to: str | None = None
    obstacles: tuple[Hop, ...] = ()
    uncertain: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a claim depends on and that is not modelled or not known. ``reason`` is a sentence."""

    reason: str


Finding = Violation | Gap


@dataclass(frozen=True, slots=True)
class Claim:
    """A promise of the estate, defined once: in words, and as a predicate.

    ``id`` never changes. ``statement`` is the promise in one sentence; ``explanation`` says precisely what is checked,
    and what is not. ``check`` yields whatever breaks the promise; nothing: it holds.
    """

    id: str
    statement: str
    explanation: str
    check: Callable[[Case], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Witness:
    """A packet that breaks a claim and its way, or what stands in the way of one that must pass."""

    packet: Packet | None
    hops: tuple[Hop, ...]

    def document(self) -> dict[str, Any]:
        """As ``prove --json`` prints it."""
        return {
            "packet": self.packet.document() if self.packet else None,
            "hops": [{"at": hop.at, "decided_by": hop.decided_by, "action": hop.action} for hop in self.hops],
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one claim. ``sentences``: each thing that breaks it. ``reasons``: why it is not modelled."""

    claim: Claim
    outcome: Outcome
    witness: Witness | None = None
    sentences: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As ``prove --json`` prints it."""
        return {
            "id": self.claim.id,
            "statement": self.claim.statement,
            "verdict": self.outcome.value,
            "witness": self.witness.document() if self.witness else None,
            "violations": list(self.sentences),
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All verdicts of one network. ``seconds``: how long the claims took, without compiling."""

    network: str
    verdicts: tuple[Verdict, ...]
    seconds: float
    coverage: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """Refuted if any claim is, else not modelled if any claim is, else proved."""
        found = {verdict.outcome for verdict in self.verdicts}
        for outcome in (Outcome.REFUTED, Outcome.NOT_MODELLED):
            if outcome in found:
                return outcome
        return Outcome.PROVED if found else Outcome.NOT_MODELLED

    def document(self) -> dict[str, Any]:
        """As ``prove --json`` prints it."""
        return {
            "network": self.network,
            "verdict": self.outcome.value,
            "claims": [verdict.document() for verdict in self.verdicts],
            "coverage": self.coverage,
            "seconds": self.seconds,
        }
