"""Votes and proposals to and from bytes, as gogoproto writes them (proto/tendermint/types/types.proto)."""

from __future__ import annotations

from coordinator.privval.votes import NIL, BlockId, Proposal, Vote
from coordinator.privval.wire import (
    Kind,
    Malformed,
    bytes_field,
    message_field,
    number_field,
    read_fields,
)

SECOND = 10**9
FIRST_SECOND, AFTER_LAST_SECOND = -62135596800, 253402300800
"""A Timestamp is within the years 1 to 9999."""

_PARTS = {1: Kind.UINT32, 2: Kind.BYTES}
_BLOCK_ID = {1: Kind.BYTES, 2: Kind.MESSAGE}
_TIMESTAMP = {1: Kind.INT64, 2: Kind.INT32}
_VOTE = {
    1: Kind.INT32,
    2: Kind.INT64,
    3: Kind.INT32,
    4: Kind.MESSAGE,
    5: Kind.MESSAGE,
    6: Kind.BYTES,
    7: Kind.INT32,
    8: Kind.BYTES,
    9: Kind.BYTES,
    10: Kind.BYTES,
}
_PROPOSAL = {
    1: Kind.INT32,
    2: Kind.INT64,
    3: Kind.INT32,
    4: Kind.INT32,
    5: Kind.MESSAGE,
    6: Kind.MESSAGE,
    7: Kind.BYTES,
}


def timestamp(time_ns: int) -> bytes:
    """A ``google.protobuf.Timestamp``."""
    seconds, nanos = divmod(time_ns, SECOND)
    return number_field(1, seconds) + number_field(2, nanos)


def block_id(of: BlockId) -> bytes:
    """A `BlockID`. A `CanonicalBlockID` has the same encoding."""
    parts = number_field(1, of.parts) + bytes_field(2, of.parts_hash)
    return bytes_field(1, of.hash) + message_field(2, parts)


def vote(of: Vote) -> bytes:
    """A `Vote`."""
    return (
        number_field(1, of.type)
        + number_field(2, of.height)
        + number_field(3, of.round)
        + message_field(4, block_id(of.block_id))
        + message_field(5, timestamp(of.time_ns))
        + bytes_field(6, of.validator_address)
        + number_field(7, of.validator_index)
        + bytes_field(8, of.signature)
        + bytes_field(9, of.extension)
        + bytes_field(10, of.extension_signature)
    )


def proposal(of: Proposal) -> bytes:
    """A `Proposal`."""
    return (
        number_field(1, of.type)
        + number_field(2, of.height)
        + number_field(3, of.round)
        + number_field(4, of.pol_round)
        + message_field(5, block_id(of.block_id))
        + message_field(6, timestamp(of.time_ns))
        + bytes_field(7, of.signature)
    )


def read_timestamp(data: bytes | None) -> int:
    """Nanoseconds since 1970.

    Raises:
        Malformed: as for every reader; also if the timestamp is absent, which implementations read as different times.
    """
    if data is None:
        raise Malformed("the timestamp is missing")
    found = read_fields(data, _TIMESTAMP, "timestamp")
    seconds: int = found.get(1, 0)
    nanos: int = found.get(2, 0)
    if not (FIRST_SECOND <= seconds < AFTER_LAST_SECOND and 0 <= nanos < SECOND):
        raise Malformed("timestamp: out of range")
    return seconds * SECOND + nanos


def read_block_id(data: bytes | None) -> BlockId:
    """The block; nil if the field is absent, because prost omits it."""
    if not data:
        return NIL
    found = read_fields(data, _BLOCK_ID, "block")
    parts = read_fields(found.get(2, b""), _PARTS, "block's parts")
    return BlockId(found.get(1, b""), parts.get(1, 0), parts.get(2, b""))


def read_vote(data: bytes) -> Vote:
    """The `Vote` that all of ``data`` is."""
    found = read_fields(data, _VOTE, "vote")
    get = found.get
    return Vote(
        type=get(1, 0),
        height=get(2, 0),
        round=get(3, 0),
        block_id=read_block_id(get(4)),
        time_ns=read_timestamp(get(5)),
        validator_address=get(6, b""),
        validator_index=get(7, 0),
        signature=get(8, b""),
        extension=get(9, b""),
        extension_signature=get(10, b""),
    )


def read_proposal(data: bytes) -> Proposal:
    """The `Proposal` that all of ``data`` is."""
    found = read_fields(data, _PROPOSAL, "proposal")
    get = found.get
    return Proposal(
        type=get(1, 0),
        height=get(2, 0),
        round=get(3, 0),
        pol_round=get(4, 0),
        block_id=read_block_id(get(5)),
        time_ns=read_timestamp(get(6)),
        signature=get(7, b""),
    )
