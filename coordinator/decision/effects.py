"""What the decision asks for, and what it may be told. Each effect names the outcomes that answer it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from coordinator.decision.position import Position
from coordinator.decision.records import Claim, Head, Request, Signed


class Cause(StrEnum):
    """Why nothing was signed. The text is what metrics and logs carry."""

    MALFORMED = "malformed"
    FOREIGN_CHAIN = "foreign-chain"
    HALTED = "halted"
    BELOW_FLOOR = "below-floor"
    BELOW_HEAD = "below-head"
    CONFLICT = "conflict"
    NOT_OWNER = "not-owner"
    NOT_YET_SIGNED = "not-yet-signed"
    FENCED = "fenced"
    TABLE_UNKNOWN = "table-unknown"
    TABLE_MISSING = "table-missing"
    TABLE_WENT_BACK = "table-went-back"
    ROW_TAKEN = "row-taken"
    DISK = "disk"
    SIGNER_ABSENT = "signer-absent"
    SIGNER_FAILED = "signer-failed"
    BAD_SIGNATURE = "bad-signature"
    SITTING_OUT = "sitting-out"


@dataclass(frozen=True, slots=True)
class ReadHead:
    """Read the row, strongly consistent, without changing it. → ``Seen | Missing | Unknown``"""


@dataclass(frozen=True, slots=True)
class ClaimHead:
    """Put ``claim`` into the row if ``records.claimable``, in one step. → ``Won | Lost | Missing | Unknown``"""

    claim: Claim


@dataclass(frozen=True, slots=True)
class WriteFloor:
    """Make ``claim.position`` the local floor, on the disk when it is answered. → ``Done | Unknown``"""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Sign:
    """At the same time: insert the claim's row if there is none, and have the signer sign ``request`` with the time of
    ``claim``. → ``Signing``
    """

    claim: Claim
    request: Request


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the node: with a signature, or with a refusal. → ``Done``, always. Asked exactly once for a request."""

    reply: Granted | Refused


@dataclass(frozen=True, slots=True)
class Record:
    """Write what was signed beside the claim, if the row still holds that claim. Nothing depends on it. → any"""

    claim: Claim
    signed: Signed


@dataclass(frozen=True, slots=True)
class Halt:
    """Remember across restarts that this key must not sign here until a person has looked. → any"""

    cause: Cause


Effect = ReadHead | ClaimHead | WriteFloor | Sign | Answer | Record | Halt


@dataclass(frozen=True, slots=True)
class Granted:
    """Sign-off: ``signed`` covers ``claim.sign_bytes``. ``replayed``: it had been signed before."""

    claim: Claim
    signed: Signed
    replayed: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """No signature. ``detail`` is for people."""

    cause: Cause
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """It is done, and durable where that was asked."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have happened, or may happen yet."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no row for this key."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The row, as it stands."""

    head: Head


@dataclass(frozen=True, slots=True)
class Won:
    """The claim is in the row. ``previous``: where the row stood before."""

    previous: Position


@dataclass(frozen=True, slots=True)
class Lost:
    """The condition did not hold for ``head``, and nothing was written."""

    head: Head


@dataclass(frozen=True, slots=True)
class Signing:
    """Both halves of ``Sign``. ``row``: the row that now stands at the position (ours, or one that was there before),
    ``None`` if that is not known. ``signed``: ``None`` if the signer gave no signature, and ``detail`` says why.
    """

    row: Claim | None
    signed: Signed | None
    detail: str = ""


Outcome = Done | Unknown | Missing | Seen | Won | Lost | Signing
