"""Votes and proposals as passed between node and signer. Structure only: they may break the protocol's rules."""

from __future__ import annotations

from dataclasses import dataclass

PREVOTE, PRECOMMIT, PROPOSAL = 1, 2, 32
"""`SignedMsgType`."""


@dataclass(frozen=True, slots=True)
class BlockId:
    """A block id: the header's hash, and the number and root hash of the block's parts. All empty: nil."""

    hash: bytes = b""
    parts: int = 0
    parts_hash: bytes = b""

    @property
    def is_nil(self) -> bool:
        return self == NIL

    @property
    def is_complete(self) -> bool:
        return len(self.hash) == 32 and self.parts > 0 and len(self.parts_hash) == 32


NIL = BlockId()


@dataclass(frozen=True, slots=True)
class Vote:
    """``time_ns``: nanoseconds since 1970. Signatures are empty in a request."""

    type: int
    height: int
    round: int
    block_id: BlockId
    time_ns: int
    validator_address: bytes
    validator_index: int
    signature: bytes = b""
    extension: bytes = b""
    extension_signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Proposal:
    """``pol_round``: the proof-of-lock round, -1 for none."""

    type: int
    height: int
    round: int
    pol_round: int
    block_id: BlockId
    time_ns: int
    signature: bytes = b""
