"""The privval messages between node, gate and signer, and the validity rules of requests.

They are named as in CometBFT. ``SignedResponse`` is a SignedVoteResponse or a SignedProposalResponse;
``ErrorResponse`` is any response whose ``error`` is set.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from coordinator.decision.position import Position, Step
from coordinator.decision.records import Request, Signed
from coordinator.privval import canonical
from coordinator.privval.votes import PRECOMMIT, PREVOTE, PROPOSAL, Proposal, Vote
from coordinator.privval.wire import Malformed

MAX_MESSAGE = 2**20
"""Bytes of one message; tmkms accepts no more."""
MAX_CHAIN_ID = 50
"""Bytes; of CometBFT and of tmkms."""


class Dialect(StrEnum):
    """The protocol that a node speaks. The two differ in PubKeyResponse and in ``skip_extension_signing``."""

    TENDERMINT = "tendermint"
    COMETBFT_V1 = "cometbft-v1"


@dataclass(frozen=True, slots=True)
class PubKeyRequest:
    """The node requests the public key."""

    chain_id: str
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class SignVoteRequest:
    """The node requests a signature over a vote. ``skip_extension`` exists in v1 only."""

    chain_id: str
    vote: Vote
    dialect: Dialect
    skip_extension: bool = False

    def request(self, sign_extensions: bool = False) -> Request:
        """The request for the decision. ``sign_extensions``: whether this chain is declared to have vote extensions.

        A node with extensions enabled panics on a precommit for a block whose extension, even an empty one, comes back
        unsigned (`SignAndCheckVote`). A node without extensions ignores such a signature. Any node panics on one beside
        a prevote or a vote for nil. CometBFT's file signer therefore signs the extension of every precommit for a
        block; v1's does so unless the request says to skip it. tmkms cannot know and does so only with its own
        ``sign_extensions``; 0.15.0 reads votes without their extension and omits its signature from the response.
        Hence: in v1 the request says whether a signature is needed. Before v1, it is needed for a precommit for a block
        that has an extension (only a node that needs the signature sends one), and for one without an extension if
        ``sign_extensions``.

        Raises:
            Malformed: the vote breaks a rule of the protocol and must not be signed.
        """
        vote = self.vote
        _check(self.chain_id, vote.height, vote.round, vote.signature)
        if vote.type not in (PREVOTE, PRECOMMIT):
            raise Malformed(f"vote: type {vote.type} is neither prevote nor precommit")
        if not (vote.block_id.is_nil or vote.block_id.is_complete):
            raise Malformed("vote: the block is neither nil nor complete")
        if len(vote.validator_address) != 20 or vote.validator_index < 0:
            raise Malformed("vote: no validator has this address or index")
        if vote.extension_signature:
            raise Malformed("vote: its extension is already signed")
        may_extend = vote.type == PRECOMMIT and not vote.block_id.is_nil
        if vote.extension and not may_extend:
            raise Malformed("vote: only a precommit for a block has an extension")
        if self.dialect is Dialect.COMETBFT_V1:
            extend = may_extend and not self.skip_extension
        else:
            extend = may_extend and (sign_extensions or bool(vote.extension))
        return Request(
            chain_id=self.chain_id,
            position=Position(vote.height, vote.round, Step.PREVOTE if vote.type == PREVOTE else Step.PRECOMMIT),
            sign_bytes=canonical.vote_bytes(self.chain_id, vote, vote.time_ns),
            intent=sha256(canonical.vote_bytes(self.chain_id, vote, 0)).digest(),
            time_ns=vote.time_ns,
            extension=canonical.extension_bytes(self.chain_id, vote) if extend else None,
            message=self,
        )


@dataclass(frozen=True, slots=True)
class SignProposalRequest:
    """The node requests a signature over a proposal."""

    chain_id: str
    proposal: Proposal
    dialect: Dialect

    def request(self, sign_extensions: bool = False) -> Request:
        """The request for the decision. ``sign_extensions`` has no meaning for a proposal.

        Raises:
            Malformed: the proposal breaks a rule of the protocol and must not be signed.
        """
        proposal = self.proposal
        _check(self.chain_id, proposal.height, proposal.round, proposal.signature)
        if proposal.type != PROPOSAL:
            raise Malformed(f"proposal: type {proposal.type} is not that of a proposal")
        if not -1 <= proposal.pol_round < proposal.round:
            raise Malformed(f"proposal: its proof of lock is of round {proposal.pol_round}, not before its own")
        if not proposal.block_id.is_complete:
            raise Malformed("proposal: the block is not complete")
        return Request(
            chain_id=self.chain_id,
            position=Position(proposal.height, proposal.round, Step.PROPOSAL),
            sign_bytes=canonical.proposal_bytes(self.chain_id, proposal, proposal.time_ns),
            intent=sha256(canonical.proposal_bytes(self.chain_id, proposal, 0)).digest(),
            time_ns=proposal.time_ns,
            message=self,
        )


@dataclass(frozen=True, slots=True)
class PingRequest:
    """The node's keep-alive."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not a valid message of the protocol. ``tag``: its field number, 0 if it has none; it can be answered all the same
    (`for_node.refused`).
    """

    tag: int
    reason: str


@dataclass(frozen=True, slots=True)
class PubKeyResponse:
    """The signer's Ed25519 public key: 32 bytes."""

    public_key: bytes


@dataclass(frozen=True, slots=True)
class SignedResponse:
    """The signer signed, with the time ``time_ns``. Nothing has been verified."""

    signed: Signed
    time_ns: int


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """The signer refused."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class PingResponse:
    """The signer's answer to a PingRequest."""


def _check(chain_id: str, height: int, round_: int, signature: bytes) -> None:
    """The rules that votes and proposals share (spec/consensus/signing.md)."""
    if not 1 <= len(chain_id.encode()) <= MAX_CHAIN_ID:
        raise Malformed(f"the chain id has {len(chain_id.encode())} bytes; it must have 1 to {MAX_CHAIN_ID}")
    if height < 1:
        raise Malformed(f"height {height} is below 1")
    if round_ < 0:
        raise Malformed(f"round {round_} is below 0")
    if signature:
        raise Malformed("it is already signed")
