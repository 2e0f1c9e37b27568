"""The bytes that a signature covers: CometBFT's canonical encodings (proto/tendermint/types/canonical.proto).

They are the same from 0.34 to v1. Each is the length-prefixed encoding that `VoteSignBytes`, `ProposalSignBytes` and
`VoteExtensionSignBytes` return.
"""

from __future__ import annotations

from coordinator.privval.encoding import block_id, timestamp
from coordinator.privval.votes import PROPOSAL, Proposal, Vote
from coordinator.privval.wire import (
    Malformed,
    bytes_field,
    delimited,
    fixed_field,
    message_field,
    number_field,
    read_varint,
)


def vote_bytes(chain_id: str, vote: Vote, time_ns: int) -> bytes:
    """The sign bytes of ``vote``, with ``time_ns`` as its timestamp."""
    return delimited(
        number_field(1, vote.type)
        + fixed_field(2, vote.height)
        + fixed_field(3, vote.round)
        + (b"" if vote.block_id.is_nil else message_field(4, block_id(vote.block_id)))
        + message_field(5, timestamp(time_ns))
        + bytes_field(6, chain_id.encode())
    )


def proposal_bytes(chain_id: str, proposal: Proposal, time_ns: int) -> bytes:
    """The sign bytes of ``proposal``, with ``time_ns`` as its timestamp."""
    return delimited(
        number_field(1, PROPOSAL)
        + fixed_field(2, proposal.height)
        + fixed_field(3, proposal.round)
        + number_field(4, proposal.pol_round)
        + (b"" if proposal.block_id.is_nil else message_field(5, block_id(proposal.block_id)))
        + message_field(6, timestamp(time_ns))
        + bytes_field(7, chain_id.encode())
    )


def extension_bytes(chain_id: str, vote: Vote) -> bytes:
    """The sign bytes of a precommit's extension: the extension, bound to chain, height and round."""
    return delimited(
        bytes_field(1, vote.extension)
        + fixed_field(2, vote.height)
        + fixed_field(3, vote.round)
        + bytes_field(4, chain_id.encode())
    )


def voted_hash(sign_bytes: bytes) -> bytes:
    """The hash of the block that a vote's sign bytes are for; empty for nil.

    Raises:
        Malformed: they are not sign bytes of a vote.
    """
    try:
        length, at = read_varint(sign_bytes, 0)
        if length != len(sign_bytes) - at:
            raise Malformed("their length is not the one that they begin with")
        return _fields(_fields(sign_bytes[at:]).get(4, b"")).get(1, b"")
    except Malformed as error:
        raise Malformed(f"sign bytes: {error}") from None


def _fields(data: bytes) -> dict[int, bytes]:
    """The delimited fields by number; the others are skipped."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag & 7 == 0:
            _, at = read_varint(data, at)
        elif tag & 7 == 1:
            at += 8
        elif tag & 7 == 2:
            length, at = read_varint(data, at)
            found[tag >> 3] = data[at : at + length]
            at += length
        else:
            raise Malformed(f"a field of wire type {tag & 7}")
    if at != len(data):
        raise Malformed("a field ends behind them")
    return found
