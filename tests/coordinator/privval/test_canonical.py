"""Sign bytes against the vectors that CometBFT (types/vote_test.go) and tmkms (src/privval.rs) publish."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coordinator.privval.canonical import extension_bytes, proposal_bytes, vote_bytes, voted_hash
from coordinator.privval.encoding import FIRST_SECOND, SECOND
from coordinator.privval.votes import NIL, PRECOMMIT, PREVOTE, PROPOSAL, BlockId, Proposal, Vote
from coordinator.privval.wire import Malformed

NO_TIME = FIRST_SECOND * SECOND
TMKMS_TIME = 1696413600 * SECOND


@pytest.mark.parametrize(
    ("chain_id", "type_", "expected"),
    [
        ("", PRECOMMIT, "2108021101000000000000001901000000000000002a0b088092b8c398feffffff01"),
        ("", PREVOTE, "2108011101000000000000001901000000000000002a0b088092b8c398feffffff01"),
        ("", 0, "1f1101000000000000001901000000000000002a0b088092b8c398feffffff01"),
        (
            "test_chain_id",
            0,
            "2e1101000000000000001901000000000000002a0b088092b8c398feffffff01320d746573745f636861696e5f6964",
        ),
    ],
)
def test_votes_are_written_as_in_the_vectors_of_cometbft(chain_id: str, type_: int, expected: str) -> None:
    vote = Vote(type_, 1, 1, NIL, NO_TIME, b"", 0, extension=b"extension")
    assert vote_bytes(chain_id, vote, NO_TIME).hex() == expected


def test_height_and_round_zero_are_left_out() -> None:
    assert vote_bytes("", Vote(0, 0, 0, NIL, NO_TIME, b"", 0), NO_TIME).hex() == "0d2a0b088092b8c398feffffff01"


def test_a_vote_is_written_as_in_the_vector_of_tmkms() -> None:
    block = BlockId(b"some hash".ljust(32, b"0"), 1_000_000, b"parts_hash".ljust(32, b"0"))
    vote = Vote(PREVOTE, 500001, 2, block, TMKMS_TIME, b"", 56789)
    expected = (
        "7708011121a1070000000000190200000000000000224a0a20"
        + block.hash.hex()
        + "122608c0843d1220"
        + block.parts_hash.hex()
        + "2a0608a0eff4a806320d746573745f636861696e5f6964"
    )
    assert vote_bytes("test_chain_id", vote, TMKMS_TIME).hex() == expected


def test_a_proposal_is_written_as_in_the_vector_of_tmkms() -> None:
    proposal = Proposal(PROPOSAL, 12345, 1, -1, NIL, TMKMS_TIME)
    assert proposal_bytes("test_chain_id", proposal, TMKMS_TIME).hex() == (
        "36082011393000000000000019010000000000000020ffffffffffffffffff01320608a0eff4a8063a0d746573745f636861696e5f6964"
    )


def test_an_extension_is_bound_to_chain_height_and_round() -> None:
    vote = Vote(PRECOMMIT, 1, 1, NIL, 0, b"", 0, extension=b"e")
    seen = {
        extension_bytes("c", vote),
        extension_bytes("d", vote),
        extension_bytes("c", replace(vote, height=2)),
        extension_bytes("c", replace(vote, round=2)),
        extension_bytes("c", replace(vote, extension=b"")),
    }
    assert len(seen) == 5
    assert extension_bytes("c", vote).hex() == "180a0165110100000000000000190100000000000000220163"


@pytest.mark.parametrize("block", [NIL, BlockId(bytes(range(32)), 300, b"\x09" * 32)])
def test_the_block_of_a_vote_is_read_from_its_sign_bytes(block: BlockId) -> None:
    whole = vote_bytes("test-1", Vote(PRECOMMIT, 2**62, 3, block, TMKMS_TIME, b"", 0), TMKMS_TIME)
    assert voted_hash(whole) == block.hash


@pytest.mark.parametrize("damaged", ["", "02", "0109", "0308011200", "0110", "010b", "0a2205", "ff" * 12])
def test_bytes_that_are_no_sign_bytes_are_refused(damaged: str) -> None:
    with pytest.raises(Malformed, match="sign bytes"):
        voted_hash(bytes.fromhex(damaged))
