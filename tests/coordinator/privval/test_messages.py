"""Which questions may be acted on, and what there is to decide about them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from coordinator.decision.position import Position, Step
from coordinator.privval import canonical
from coordinator.privval.messages import Dialect, SignProposalRequest, SignVoteRequest
from coordinator.privval.votes import NIL, PREVOTE, BlockId, Proposal, Vote
from coordinator.privval.wire import Malformed
from verification.coordinator import samples
from verification.coordinator.samples import BLOCK, PROPOSED, VOTE

HALF = [
    BlockId(b"h" * 32),
    BlockId(b"", 1, b"p" * 32),
    BlockId(b"h" * 32, 0, b"p" * 32),
    BlockId(b"h" * 31, 1, b"p" * 32),
]


def vote_asked(chain_id: str = "chain", **changes: object) -> SignVoteRequest:
    return SignVoteRequest(chain_id, replace(VOTE, **changes), Dialect.TENDERMINT)


def proposal_asked(chain_id: str = "chain", **changes: object) -> SignProposalRequest:
    return SignProposalRequest(chain_id, replace(PROPOSED, **changes), Dialect.TENDERMINT)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (vote_asked(height=0), "height 0 is below 1"),
        (vote_asked(height=-(2**63)), "is below 1"),
        (vote_asked(round=-1), "round -1 is below 0"),
        (vote_asked(type=0), "neither prevote nor precommit"),
        (vote_asked(type=32), "neither prevote nor precommit"),
        *((vote_asked(block_id=half), "neither nil nor complete") for half in HALF),
        (vote_asked(validator_address=b""), "no validator"),
        (vote_asked(validator_index=-1), "no validator"),
        (vote_asked(signature=b"s"), "already signed"),
        (vote_asked(extension_signature=b"s"), "already signed"),
        (vote_asked(extension=b"e", type=PREVOTE), "only a precommit for a block"),
        (vote_asked(extension=b"e", block_id=NIL), "only a precommit for a block"),
        (vote_asked(chain_id=""), "has 0 bytes"),
        (vote_asked(chain_id="c" * 51), "has 51 bytes"),
        (proposal_asked(height=0), "height 0 is below 1"),
        (proposal_asked(round=-1), "round -1 is below 0"),
        (proposal_asked(type=1), "not that of a proposal"),
        (proposal_asked(pol_round=-2), "not before its own"),
        (proposal_asked(pol_round=2), "not before its own"),
        (proposal_asked(block_id=NIL), "not complete"),
        *((proposal_asked(block_id=half), "not complete") for half in HALF),
        (proposal_asked(signature=b"s"), "already signed"),
        (proposal_asked(chain_id="c" * 51), "has 51 bytes"),
    ],
)
def test_an_invalid_request_is_refused_with_the_reason(
    asked: SignVoteRequest | SignProposalRequest, reason: str
) -> None:
    with pytest.raises(Malformed, match=reason):
        asked.request()


def test_positions_are_the_protocols() -> None:
    assert vote_asked().request().position == Position(VOTE.height, VOTE.round, Step.PRECOMMIT)
    assert vote_asked(type=PREVOTE).request().position == Position(VOTE.height, VOTE.round, Step.PREVOTE)
    assert proposal_asked().request().position == Position(PROPOSED.height, PROPOSED.round, Step.PROPOSAL)


def test_intents_are_those_of_every_gate_before() -> None:
    """They are in the table, where a gate of another version compares them."""
    vote, proposal = (
        SignVoteRequest("c", VOTE, Dialect.TENDERMINT).request(),
        SignProposalRequest("c", PROPOSED, Dialect.TENDERMINT).request(),
    )
    assert vote.intent.hex() == "da8d2004194bc13ddab3cd8b826c6941a5449d3835bd6be693926fab84af9bf2"
    assert proposal.intent.hex() == "4378faca29f1bc26c98d4d63d928eaa7808282d02b3bd808f12e027402b58506"


def test_two_votes_that_differ_in_time_alone_have_one_intent() -> None:
    one, other = vote_asked().request(), vote_asked(time_ns=1).request()
    assert one.intent == other.intent
    assert one.sign_bytes != other.sign_bytes


@pytest.mark.parametrize(
    "change", [{"block_id": NIL}, {"height": 9}, {"round": 9}, {"type": PREVOTE}, {"block_id": replace(BLOCK, parts=4)}]
)
def test_votes_for_other_things_have_other_intents(change: dict) -> None:
    assert vote_asked(**change).request().intent != vote_asked().request().intent


def test_proposals_with_other_proofs_of_lock_have_other_intents() -> None:
    assert proposal_asked(pol_round=1).request().intent != proposal_asked().request().intent


def test_the_same_vote_for_another_chain_has_another_intent() -> None:
    assert vote_asked("other").request().intent != vote_asked().request().intent


@pytest.mark.parametrize(
    ("changes", "dialect", "skip", "declared", "signed"),
    [
        ({}, Dialect.TENDERMINT, False, False, False),
        ({}, Dialect.TENDERMINT, False, True, True),
        ({"extension": b"e"}, Dialect.TENDERMINT, False, False, True),
        ({"extension": b"e"}, Dialect.TENDERMINT, False, True, True),
        ({"type": PREVOTE}, Dialect.TENDERMINT, False, True, False),
        ({"block_id": NIL}, Dialect.TENDERMINT, False, True, False),
        ({}, Dialect.COMETBFT_V1, False, False, True),
        ({}, Dialect.COMETBFT_V1, True, True, False),
        ({"extension": b"e"}, Dialect.COMETBFT_V1, True, True, False),
        ({"type": PREVOTE}, Dialect.COMETBFT_V1, False, True, False),
        ({"block_id": NIL}, Dialect.COMETBFT_V1, False, True, False),
    ],
)
def test_an_extension_is_signed_where_the_node_needs_it_and_nowhere_else(
    changes: dict, dialect: Dialect, skip: bool, declared: bool, signed: bool
) -> None:
    vote = replace(VOTE, **changes)
    request = SignVoteRequest("chain", vote, dialect, skip).request(sign_extensions=declared)
    assert request.extension == (canonical.extension_bytes("chain", vote) if signed else None)


@samples.unhurried
@given(samples.chains, samples.votes())
def test_any_valid_vote_is_a_request(chain_id: str, vote: Vote) -> None:
    asked = SignVoteRequest(chain_id, vote, Dialect.TENDERMINT)
    request = asked.request()
    assert (request.chain_id, request.time_ns, request.message) == (chain_id, vote.time_ns, asked)
    assert request.sign_bytes == canonical.vote_bytes(chain_id, vote, vote.time_ns)


@samples.unhurried
@given(samples.chains, samples.proposals())
def test_any_valid_proposal_is_a_request(chain_id: str, proposal: Proposal) -> None:
    request = SignProposalRequest(chain_id, proposal, Dialect.TENDERMINT).request()
    assert request.extension is None
    assert request.sign_bytes == canonical.proposal_bytes(chain_id, proposal, proposal.time_ns)
