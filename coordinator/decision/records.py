"""Requests, signing claims and the rows of the table. All frozen and hashable."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from coordinator.decision.position import Position, Step

REACH = 14_400
"""A day of blocks of six seconds. A key that has not signed for longer is looked at by people first."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate of one key, in one run of its process.

    ``gate_id`` names the signer host, ``boot_id`` this run. ``generation`` counts the ceremonies that replaced the
    table's state; a gate that is configured for another generation can claim nothing. ``reach``: how many heights above
    the row a claim may be. The row never goes down, so a claim that is far too high would be the last one.
    """

    gate_id: str
    boot_id: str
    chain_id: str
    generation: int
    reach: int = REACH


@dataclass(frozen=True, slots=True)
class Request:
    """A vote or a proposal that the node wants signed, as the codec read it.

    ``sign_bytes``: the canonical, length-prefixed bytes that a signature covers. ``intent``: SHA-256 of the same with
    the timestamp left out, so that two requests with one intent vote for the same thing. ``time_ns``: the timestamp in
    nanoseconds since 1970. ``extension``: the canonical bytes of a vote extension, where one must be signed.
    ``message`` is the decoded privval message; the decision does not read it.
    """

    chain_id: str
    position: Position
    sign_bytes: bytes
    intent: bytes
    time_ns: int
    extension: bytes | None = None
    message: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Signed:
    """Signatures over a claim's ``sign_bytes`` and, where it has one, its ``extension``: 64 bytes each."""

    signature: bytes
    extension_signature: bytes | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to sign exactly these bytes at exactly this position. ``claim_id`` is unique to an attempt.

    ``not_below``: the highest position at which the gate has seen the row, which the claim must not find lower. It is
    part of the attempt and is not stored.
    """

    position: Position
    generation: int
    gate_id: str
    boot_id: str
    claim_id: str
    sign_bytes: bytes
    intent: bytes
    time_ns: int
    extension: bytes | None = None
    not_below: Position = field(default=Position(0, 0, 0), compare=False)

    @property
    def digest(self) -> bytes:
        return sha256(self.sign_bytes).digest()

    def matches(self, request: Request) -> bool:
        """Whether the claim is for ``request``, ignoring both timestamps."""
        return (self.position, self.intent, self.extension) == (request.position, request.intent, request.extension)

    def serves(self, request: Request) -> bool:
        """Whether a node that asked for ``request``, which the claim ``matches``, can use a signature with the claim's
        time. CometBFT takes the time of a vote from the answer, but keeps the time of its proposal
        (``defaultDecideProposal``).
        """
        return request.position.step != Step.PROPOSAL or self.time_ns == request.time_ns


@dataclass(frozen=True, slots=True)
class Head:
    """The head row of a key. ``position`` only rises.

    ``gates``: the gates that a ceremony has admitted, each with its current run. ``claim`` is ``None`` when a ceremony
    wrote the row. ``signed``: the signatures for the claim, once they are recorded.
    """

    generation: int
    position: Position
    gates: tuple[tuple[str, str], ...]
    claim: Claim | None = None
    signed: Signed | None = None

    @property
    def owner(self) -> str:
        """The gate that owns the height of ``position``; empty if there is none."""
        return self.claim.gate_id if self.claim else ""

    def speaks_for(self, gate: Gate) -> bool:
        """Whether this run is the current run of an admitted gate, in this generation."""
        return self.generation == gate.generation and (gate.gate_id, gate.boot_id) in self.gates


def claimable(head: Head | None, claim: Claim) -> bool:
    """The condition under which ``claim`` replaces ``head``. The table must check it atomically with the write.

    ``head`` exists, names this run of this gate in this generation, has a lower position, but none lower than this gate
    has seen, and its height is lower or owned by this gate.
    """
    return (
        head is not None
        and head.speaks_for(Gate(claim.gate_id, claim.boot_id, "", claim.generation))
        and claim.not_below <= head.position
        and head.position < claim.position
        and (head.position.height < claim.position.height or head.owner == claim.gate_id)
    )
