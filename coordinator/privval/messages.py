"""The questions and answers between node, gate and signer, and which questions may be acted on."""

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
    """Which protocol a node speaks. They differ in the public key's answer and in ``skip_extension_signing``."""

    TENDERMINT = "tendermint"
    COMETBFT_V1 = "cometbft-v1"


@dataclass(frozen=True, slots=True)
class PubKeyRequest:
    """The node asks for the public key."""

    chain_id: str
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class SignVoteRequest:
    """The node asks for a vote's signature. ``skip_extension`` exists in v1 only."""

    chain_id: str
    vote: Vote
    dialect: Dialect
    skip_extension: bool = False

    def request(self, sign_extensions: bool = False) -> Request:
        """What there is to decide. ``sign_extensions``: whether this chain has vote extensions, as far as is declared.

        A node with extensions enabled stops for good on a precommit for a block that comes back without a signature of
        its extension, be the extension empty (`SignAndCheckVote`); one without ignores such a signature; any node stops
        on one beside a prevote or a vote for nil. CometBFT's file signer therefore signs the extension of every
        precommit for a block, and v1's whenever it is not told to skip it. tmkms does with its own
        ``sign_extensions`` only, for want of a way to know, and 0.15.0 reads votes without their extension and leaves
        its signature out of the answer.
        So: in v1 the question says whether one is needed. Before, one is needed for a precommit for a block that has
        an extension (only a node that needs it sends one), and for one that has none if ``sign_extensions``.

        Raises:
            Malformed: it breaks a rule of the protocol; nobody may sign it.
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
    """The node asks for a proposal's signature."""

    chain_id: str
    proposal: Proposal
    dialect: Dialect

    def request(self, sign_extensions: bool = False) -> Request:
        """What there is to decide; ``sign_extensions`` has no meaning for a proposal.

        Raises:
            Malformed: it breaks a rule of the protocol; nobody may sign it.
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
    """The node asks whether anyone is there."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not a message of the protocol. ``tag``: what it seemed to be, 0 if nothing; an answer is possible all the same
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
    """The signer is there."""


def _check(chain_id: str, height: int, round_: int, signature: bytes) -> None:
    """The rules that votes and proposals share (spec/consensus/signing.md)."""
    if not 1 <= len(chain_id.encode()) <= MAX_CHAIN_ID:
        raise Malformed(f"the chain's name has {len(chain_id.encode())} bytes; it must have 1 to {MAX_CHAIN_ID}")
    if height < 1:
        raise Malformed(f"height {height} is below 1")
    if round_ < 0:
        raise Malformed(f"round {round_} is below 0")
    if signature:
        raise Malformed("it is already signed")
