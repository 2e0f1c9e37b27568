"""What the tap reads from the answers of tmkms."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

from coordinator.decision.position import Position, Step
from coordinator.privval import canonical, encoding, for_node, for_signer
from coordinator.privval.messages import Dialect
from coordinator.privval.votes import PRECOMMIT, PREVOTE, PROPOSAL, BlockId, Proposal, Vote
from coordinator.privval.wire import message_field
from lab.chaos.tap import signature

CHAIN = "chaos-1"
BLOCK = BlockId(b"\1" * 32, 1, b"\2" * 32)
VOTE = Vote(PRECOMMIT, 7, 2, BLOCK, 1_700_000_000_000_000_001, b"\3" * 20, 4, signature=b"\4" * 64)


def answer(vote: Vote) -> bytes:
    return message_field(4, message_field(1, encoding.vote(vote)))


def line_of(message: bytes) -> Mapping[str, str]:
    """The line that the tap writes for this answer of tmkms."""
    found = signature(message, CHAIN)
    assert found is not None
    return {name: str(value) for name, value in found.items()}


def test_a_vote_is_read_with_what_its_signature_covers() -> None:
    found = line_of(answer(VOTE))
    assert found["position"] == Position(7, 2, Step.PRECOMMIT).text
    assert base64.b64decode(found["sign_bytes"]) == canonical.vote_bytes(CHAIN, VOTE, VOTE.time_ns)
    assert (found["block"], base64.b64decode(found["signature"])) == ("01" * 32, b"\4" * 64)


def test_the_time_is_no_part_of_what_a_vote_is_for() -> None:
    later = replace(VOTE, time_ns=VOTE.time_ns + 1)
    first, second = line_of(answer(VOTE)), line_of(answer(later))
    assert first["intent"] == second["intent"] and first["sign_bytes"] != second["sign_bytes"]


def test_a_vote_for_nil_is_for_no_block() -> None:
    found = line_of(answer(replace(VOTE, type=PREVOTE, block_id=BlockId())))
    assert found["block"] == "" and found["position"] == Position(7, 2, Step.PREVOTE).text


def test_a_proposal_is_read() -> None:
    proposal = Proposal(PROPOSAL, 7, 2, -1, BLOCK, VOTE.time_ns, b"\5" * 64)
    found = line_of(message_field(6, message_field(1, encoding.proposal(proposal))))
    assert found["position"] == Position(7, 2, Step.PROPOSAL).text
    assert base64.b64decode(found["sign_bytes"]) == canonical.proposal_bytes(CHAIN, proposal, VOTE.time_ns)


def test_what_signs_nothing_leaves_no_line() -> None:
    assert signature(for_node.pong(), CHAIN) is None
    assert signature(for_signer.ping(), CHAIN) is None
    assert signature(for_node.public_key_reply(b"\1" * 32, Dialect.TENDERMINT), CHAIN) is None
    assert signature(for_node.refused(4, 2, "no"), CHAIN) is None


def test_what_cannot_be_read_leaves_a_line_that_says_so() -> None:
    assert "unreadable" in line_of(b"\xff\xff\xff")
