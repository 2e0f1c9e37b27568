"""Our bytes are CometBFT's bytes, and each reads what the other writes."""

from __future__ import annotations

import pytest

from coordinator.decision.records import Signed
from coordinator.privval import canonical, for_node, for_signer
from coordinator.privval.messages import Dialect, SignedResponse, SignProposalRequest, SignVoteRequest
from coordinator.privval.votes import NIL, PRECOMMIT, PREVOTE, BlockId, Proposal, Vote
from verification.coordinator import judge
from verification.coordinator.judge import Encoded
from verification.coordinator.samples import PROPOSED, SIGNED, VOTE

pytestmark = pytest.mark.slow
COUNT = 10_000


@pytest.fixture(scope="module")
def theirs() -> list[Encoded]:
    return list(judge.generated(COUNT, seed=5))


def asked(one: Encoded) -> SignVoteRequest | SignProposalRequest:
    if one.vote is not None:
        return SignVoteRequest(one.chain_id, one.vote, Dialect.TENDERMINT)
    assert one.proposal is not None
    return SignProposalRequest(one.chain_id, one.proposal, Dialect.TENDERMINT)


def test_a_request_of_cometbft_is_read_as_it_was_written(theirs: list[Encoded]) -> None:
    for one in theirs:
        assert for_node.decode(one.request, Dialect.TENDERMINT) == asked(one)
    assert len(theirs) == COUNT


def test_sign_bytes_are_cometbfts(theirs: list[Encoded]) -> None:
    for one in theirs:
        request = asked(one).request(sign_extensions=True)
        assert request.sign_bytes == one.sign_bytes
        if one.vote is not None and one.vote.type == PRECOMMIT and one.vote.block_id != NIL:
            assert request.extension == one.extension_sign_bytes
        else:
            assert request.extension is None


def test_what_the_signer_is_asked_is_what_cometbft_asks(theirs: list[Encoded]) -> None:
    for one in theirs:
        question = asked(one)
        body = question.vote if isinstance(question, SignVoteRequest) else question.proposal
        assert for_signer.ask(question, body.time_ns) == one.request


def test_the_limits_are_among_what_was_compared(theirs: list[Encoded]) -> None:
    bodies = [one.vote or one.proposal for one in theirs]
    assert {2**63 - 1, 1} <= {body.height for body in bodies if body}
    assert {2**31 - 1, 0} <= {body.round for body in bodies if body}
    assert -1 in {body.pol_round for body in bodies if isinstance(body, Proposal)}
    assert min(body.time_ns for body in bodies if body) < 0


def test_cometbft_reads_what_is_granted(theirs: list[Encoded]) -> None:
    answers = [for_node.granted(asked(one), 77, SIGNED) for one in theirs]
    for one, read in zip(theirs, judge.readings(answers), strict=True):
        body = read.vote or read.proposal
        assert body is not None
        assert (body.signature, body.time_ns, read.error_code) == (SIGNED.signature, 77, None)
        assert body.block_id == (one.vote or one.proposal).block_id  # type: ignore[union-attr]
        if read.vote is not None:
            assert read.vote.extension_signature == SIGNED.extension_signature


def test_what_cometbfts_signer_answers_is_read() -> None:
    signed_vote = Vote(PREVOTE, 5, 1, NIL, 9, b"a" * 20, 0, signature=b"s" * 64)
    signed_proposal = Proposal(32, 5, 1, -1, BlockId(b"h" * 32, 1, b"p" * 32), 9, signature=b"s" * 64)
    for one in judge.encodings([("c", signed_vote), ("c", signed_proposal)]):
        assert for_signer.decode_reply(one.reply, Dialect.TENDERMINT) == SignedResponse(Signed(b"s" * 64), 9)


def test_cometbft_reads_every_refusal_as_an_error() -> None:
    questions = [
        for_node.PubKeyRequest("c", Dialect.TENDERMINT),
        SignVoteRequest("c", VOTE, Dialect.TENDERMINT),
        SignProposalRequest("c", PROPOSED, Dialect.TENDERMINT),
    ]
    read = judge.readings([for_node.refused(question, 9, "because") for question in questions])
    assert [(one.kind, one.error_code, one.error) for one in read] == [
        ("PubKeyResponse", 9, "because"),
        ("SignedVoteResponse", 9, "because"),
        ("SignedProposalResponse", 9, "because"),
    ]


def test_cometbft_reads_the_key_and_the_pong() -> None:
    key, pong = judge.readings([for_node.public_key_reply(b"k" * 32, Dialect.TENDERMINT), for_node.pong()])
    assert (key.kind, key.public_key) == ("PubKeyResponse", b"k" * 32)
    assert pong.kind == "PingResponse"


def test_what_cometbft_would_sign_for_another_chain_differs() -> None:
    one, other = judge.encodings([("a", VOTE), ("b", VOTE)])
    assert one.sign_bytes != other.sign_bytes
    assert one.sign_bytes == canonical.vote_bytes("a", VOTE, VOTE.time_ns)
