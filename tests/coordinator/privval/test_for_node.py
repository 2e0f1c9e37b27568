"""What a node asks is read strictly, and every question can be answered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.decision.records import Signed
from coordinator.privval import for_node, for_signer
from coordinator.privval.encoding import vote as vote_encoding
from coordinator.privval.messages import (
    MAX_MESSAGE,
    Dialect,
    ErrorResponse,
    PingRequest,
    PubKeyRequest,
    SignedResponse,
    SignProposalRequest,
    SignVoteRequest,
    Unreadable,
)
from coordinator.privval.votes import NIL, PRECOMMIT, BlockId, Proposal, Vote
from coordinator.privval.wire import bytes_field, message_field, number_field
from verification.coordinator import samples
from verification.coordinator.samples import PROPOSED, VOTE

COMETBFT_VOTE_REQUEST = (
    "1a81010a7f080210031802224a0a208b01023386c371778ecb6368573e539afc3cc860ec3a2f614e54fe5652f4fc80122608c0843d122072db3d"
    "959635dff1bb567bedaa70573392c5159666a3f8caf11e413aac52207a2a0608f49a8ded0532146af1f4111082efb388211bc72c55bcd61e9ac3"
    "d538d5bb034a09657874656e73696f6e"
)
"""`TestPrivvalVectors` of CometBFT."""


def refusal(data: bytes, dialect: Dialect = Dialect.TENDERMINT) -> Unreadable:
    found = for_node.decode(data, dialect)
    assert isinstance(found, Unreadable), found
    return found


def test_a_vote_of_cometbfts_vectors_is_read() -> None:
    asked = for_node.decode(bytes.fromhex(COMETBFT_VOTE_REQUEST), Dialect.TENDERMINT)
    assert isinstance(asked, SignVoteRequest)
    assert asked.vote == Vote(
        type=PRECOMMIT,
        height=3,
        round=2,
        block_id=BlockId(
            bytes.fromhex("8b01023386c371778ecb6368573e539afc3cc860ec3a2f614e54fe5652f4fc80"),
            1_000_000,
            bytes.fromhex("72db3d959635dff1bb567bedaa70573392c5159666a3f8caf11e413aac52207a"),
        ),
        time_ns=1570983284 * 10**9,
        validator_address=bytes.fromhex("6af1f4111082efb388211bc72c55bcd61e9ac3d5"),
        validator_index=56789,
        extension=b"extension",
    )


@pytest.mark.parametrize("dialect", Dialect)
def test_ping_and_key_are_read_in_both_dialects(dialect: Dialect) -> None:
    assert for_node.decode(bytes.fromhex("3a00"), dialect) == PingRequest()
    assert for_node.decode(bytes.fromhex("0a00"), dialect) == PubKeyRequest("", dialect)
    assert for_node.decode(for_signer.ask_public_key("c"), dialect) == PubKeyRequest("c", dialect)


@pytest.mark.parametrize(
    ("data", "tag", "reason"),
    [
        ("", 0, "holds 0 requests"),
        ("0a003a00", 1, "holds 2 requests"),
        ("3a003a00", 7, "repeated"),
        ("3a0000", 7, "unknown field 0"),
        ("3a020801", 7, "ping: unknown field 1"),
        ("4a00", 9, "unknown field 9"),
        ("5200", 10, "unknown field 10"),
        ("820100", 0, "unknown field 16"),
        ("8001", 0, "unknown field 16"),
        ("4200", 8, "a response, not a request"),
        ("1200", 2, "a response, not a request"),
        ("1a00", 3, "there is no vote"),
        ("2a00", 5, "there is no proposal"),
        ("1a020a00", 3, "the timestamp is missing"),
        ("1a03120163", 3, "there is no vote"),
        ("3801", 7, "wire type 0"),
        ("1aff", 3, "truncated"),
    ],
)
def test_what_is_no_request_is_reported_with_its_tag_and_reason(data: str, tag: int, reason: str) -> None:
    found = refusal(bytes.fromhex(data))
    assert found.tag == tag
    assert reason in found.reason


def test_the_field_to_skip_extensions_is_unknown_before_v1() -> None:
    question = message_field(3, message_field(1, vote_encoding(VOTE)) + bytes_field(2, b"c") + number_field(3, 1))
    assert for_node.decode(question, Dialect.COMETBFT_V1) == SignVoteRequest("c", VOTE, Dialect.COMETBFT_V1, True)
    assert "unknown field 3" in refusal(question).reason


@pytest.mark.parametrize(("second", "nanos"), [(253402300800, 0), (-62135596801, 0), (0, 10**9), (0, -1)])
def test_a_time_out_of_range_is_refused(second: int, nanos: int) -> None:
    time = number_field(1, second) + number_field(2, nanos)
    vote = number_field(1, 1) + number_field(2, 1) + message_field(5, time)
    assert "timestamp: out of range" in refusal(message_field(3, message_field(1, vote))).reason


def test_more_than_the_limit_is_refused() -> None:
    question = for_signer.ask(SignVoteRequest("c", replace(VOTE, extension=b"e" * MAX_MESSAGE), Dialect.TENDERMINT), 0)
    assert refusal(question) == Unreadable(3, f"the message has more than {MAX_MESSAGE} bytes")


@samples.unhurried
@given(st.binary(max_size=300), st.sampled_from(list(Dialect)))
def test_any_bytes_get_an_answer(data: bytes, dialect: Dialect) -> None:
    found = for_node.decode(data, dialect)
    assert for_node.refused(found.tag if isinstance(found, Unreadable) else found, 1, "no")


@samples.unhurried
@given(samples.chains, samples.votes(), st.sampled_from(list(Dialect)), st.booleans())
def test_a_vote_survives_the_way_to_the_signer(chain_id: str, vote: Vote, dialect: Dialect, skip: bool) -> None:
    asked = SignVoteRequest(chain_id, vote, dialect, skip and dialect is Dialect.COMETBFT_V1)
    assert for_node.decode(for_signer.ask(asked, vote.time_ns), dialect) == asked


@samples.unhurried
@given(samples.chains, samples.proposals(), st.sampled_from(list(Dialect)))
def test_a_proposal_survives_the_way_to_the_signer(chain_id: str, proposal: Proposal, dialect: Dialect) -> None:
    asked = SignProposalRequest(chain_id, proposal, dialect)
    assert for_node.decode(for_signer.ask(asked, proposal.time_ns), dialect) == asked


def test_the_signer_is_asked_with_the_claims_time() -> None:
    asked = SignVoteRequest("c", VOTE, Dialect.TENDERMINT)
    passed_on = for_node.decode(for_signer.ask(asked, 5), Dialect.TENDERMINT)
    assert passed_on == replace(asked, vote=replace(VOTE, time_ns=5))


@pytest.mark.parametrize("dialect", Dialect)
def test_a_public_key_response_is_in_each_dialect_as_cometbft_writes_it(dialect: Dialect) -> None:
    key = "556a436f1218d30942efe798420f51dc9b6a311b929c578257457d05c5fcf230"
    expected = {
        Dialect.TENDERMINT: f"12240a220a20{key}",
        Dialect.COMETBFT_V1: f"122b1a20{key}220765643235353139",
    }
    assert for_node.public_key_reply(bytes.fromhex(key), dialect).hex() == expected[dialect]


@pytest.mark.parametrize(("tag", "answer"), [(1, 2), (3, 4), (5, 6), (9, 10), (0, 4), (2, 4), (77, 4)])
def test_a_refusal_has_the_kind_of_the_question(tag: int, answer: int) -> None:
    error = message_field(2, number_field(1, 7) + bytes_field(2, b"no"))
    assert for_node.refused(tag, 7, "no") == message_field(answer, error)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (PubKeyRequest("c", Dialect.TENDERMINT), 2),
        (SignVoteRequest("c", VOTE, Dialect.TENDERMINT), 4),
        (SignProposalRequest("c", PROPOSED, Dialect.TENDERMINT), 6),
    ],
)
def test_a_refused_request_gets_the_response_of_its_kind(asked: for_node.NodeRequest, answer: int) -> None:
    error = message_field(2, number_field(1, 7) + bytes_field(2, b"no"))
    assert for_node.refused(asked, 7, "no") == message_field(answer, error)


def test_a_refused_ping_is_a_pong() -> None:
    assert for_node.refused(7, 1, "no") == for_node.refused(PingRequest(), 1, "no") == for_node.pong()


def test_text_that_has_no_encoding_is_no_obstacle_to_a_refusal() -> None:
    told = for_signer.decode_reply(for_node.refused(3, 1, "\udcff"), Dialect.TENDERMINT)
    assert told == ErrorResponse(1, "?")


@samples.unhurried
@given(samples.votes(), st.binary(min_size=64, max_size=64), st.none() | st.binary(min_size=64, max_size=64))
def test_a_granted_vote_carries_time_and_signatures(vote: Vote, signature: bytes, extension: bytes | None) -> None:
    answer = for_node.granted(SignVoteRequest("c", vote, Dialect.TENDERMINT), 5, Signed(signature, extension))
    assert for_signer.decode_reply(answer, Dialect.TENDERMINT) == SignedResponse(Signed(signature, extension), 5)


def test_a_granted_proposal_carries_time_and_signature() -> None:
    answer = for_node.granted(SignProposalRequest("c", PROPOSED, Dialect.TENDERMINT), 5, Signed(b"s" * 64))
    assert for_signer.decode_reply(answer, Dialect.TENDERMINT) == SignedResponse(Signed(b"s" * 64), 5)


def test_an_extension_that_older_nodes_would_not_read_is_left_out() -> None:
    asked = SignVoteRequest("c", replace(VOTE, extension=b"e" * 20000), Dialect.TENDERMINT)
    answer = for_node.granted(asked, 5, samples.SIGNED)
    assert len(answer) < for_node.ANSWER_READ
    assert for_signer.decode_reply(answer, Dialect.TENDERMINT) == SignedResponse(samples.SIGNED, 5)


def test_what_a_request_does_not_hold_is_zero_or_empty() -> None:
    time = message_field(5, number_field(1, 7))
    asked = for_node.decode(message_field(3, message_field(1, time)), Dialect.TENDERMINT)
    assert asked == SignVoteRequest("", Vote(0, 0, 0, NIL, 7 * 10**9, b"", 0), Dialect.TENDERMINT)
    time = message_field(6, number_field(1, 7))
    asked = for_node.decode(message_field(5, message_field(1, time)), Dialect.TENDERMINT)
    assert asked == SignProposalRequest("", Proposal(0, 0, 0, 0, NIL, 7 * 10**9), Dialect.TENDERMINT)
