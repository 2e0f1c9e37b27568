"""Claims, the findings of their checks, and verdicts."""

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
    """Proved for every packet, refuted by one, or neither: something on the path is not modelled or unknown."""

    PROVED = "proved"
    REFUTED = "refuted"
    NOT_MODELLED = "not-modelled"


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation of a claim. ``sentence`` describes it.

    A packet that must not arrive is ``packet``, sent by ``sender``, delivered to ``to``. A required connection that
    fails has ``obstacles``, every setting that blocks it. A setting that is wrong by itself has neither.
    ``uncertain`` is why it is unknown whether this happens: then the claim is neither refuted by it nor proved.
    """

    sentence: str
    sender: Sender | None = None
    packet: Packet | None = None
    to: str | None = None
    obstacles: tuple[Hop, ...] = ()
    uncertain: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something on which a claim depends and that is not modelled or unknown. ``reason`` is a sentence."""

    reason: str


Finding = Violation | Gap


@dataclass(frozen=True, slots=True)
class Claim:
    """A promise of the estate, as text and as a predicate.

    ``id`` never changes. ``statement`` is the promise in one sentence; ``explanation`` defines exactly what is
    checked and what is not. ``check`` yields every violation; none means that the promise holds.
    """

    id: str
    statement: str
    explanation: str
    check: Callable[[Case], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Witness:
    """A packet that refutes a claim, with its path; or the settings that block a required packet."""

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
    """The verdict on one claim. ``sentences``: its violations. ``reasons``: why it is not modelled."""

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
    """All verdicts of one network. ``seconds``: duration of the checks, without compiling."""

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
