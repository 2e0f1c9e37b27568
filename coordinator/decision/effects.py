"""The effects that the decision yields, and their outcomes. Each effect names its possible outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from coordinator.decision.position import Position
from coordinator.decision.records import Claim, Head, Request, Signed


class Cause(StrEnum):
    """Why nothing was signed. Metrics and logs use the value."""

    MALFORMED = "malformed"
    FOREIGN_CHAIN = "foreign-chain"
    HALTED = "halted"
    BELOW_FLOOR = "below-floor"
    BELOW_HEAD = "below-head"
    TOO_FAR = "too-far"
    CONFLICT = "conflict"
    OTHER_TIME = "other-time"
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
    """Write ``claim`` into the row if ``records.claimable``, atomically.
    → ``Won | Lost | Missing | NotSent | Unknown``
    """

    claim: Claim


@dataclass(frozen=True, slots=True)
class WriteFloor:
    """Raise the local watermark to ``position``; it is on disk before ``Done``. → ``Done | Unknown``"""

    position: Position


@dataclass(frozen=True, slots=True)
class Sign:
    """At the same time: insert the claim's row if there is none, and have the signer sign ``request`` with the time of
    ``claim``. → ``Signing``
    """

    claim: Claim
    request: Request


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the node with a signature or a refusal. → ``Done``, always. Yielded exactly once per request."""

    reply: Granted | Refused


@dataclass(frozen=True, slots=True)
class Record:
    """Write the signatures beside the claim, if the row still holds that claim. Nothing depends on it. → any"""

    claim: Claim
    signed: Signed


@dataclass(frozen=True, slots=True)
class Halt:
    """Halt this key on this host, across restarts, until a person has found the cause. → any"""

    cause: Cause


Effect = ReadHead | ClaimHead | WriteFloor | Sign | Answer | Record | Halt


@dataclass(frozen=True, slots=True)
class Granted:
    """``signed`` covers ``claim.sign_bytes``. ``replayed``: the signature already existed."""

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
    """The effect was carried out, durably if the effect says so."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The effect may have happened, or may still happen."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """The effect did not happen and never will: nothing of it left the gate. In doubt, the outcome is ``Unknown``."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no row for this key."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The current row."""

    head: Head


@dataclass(frozen=True, slots=True)
class Won:
    """The claim is in the row. ``previous``: the position of the row before."""

    previous: Position


@dataclass(frozen=True, slots=True)
class Lost:
    """The condition failed on ``head``; nothing was written."""

    head: Head


@dataclass(frozen=True, slots=True)
class Signing:
    """The outcome of both parts of ``Sign``. ``row``: the claim row at the position (this one, or an earlier one),
    ``None`` if that is unknown. ``signed``: ``None`` if the signer gave no signature; ``detail`` says why.
    """

    row: Claim | None
    signed: Signed | None
    detail: str = ""


Outcome = Done | Unknown | NotSent | Missing | Seen | Won | Lost | Signing
