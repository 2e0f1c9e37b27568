"""What another validator's blocks say of us."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from lab.chain.watch import Node
from lab.chaos.witness import Block, Evidence, Seal, Witness, parse_block

OURS, OTHER = "A" * 40, "B" * 40


def document(
    signatures: Sequence[Mapping[str, Any]] = (), evidence: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    last = {"height": "41", "round": 1, "block_id": {"hash": "CAFE"}, "signatures": list(signatures)}
    header = {"height": "42", "proposer_address": OTHER}
    return {"block": {"header": header, "last_commit": last, "evidence": {"evidence": list(evidence)}}}


def entry(address: str, flag: int = 2) -> dict[str, Any]:
    return {"validator_address": address, "block_id_flag": flag, "signature": base64.b64encode(b"s").decode()}


def vote(block: str) -> dict[str, Any]:
    return {"validator_address": OURS, "height": "40", "round": 0, "type": 2, "block_id": {"hash": block}}


def test_our_signature_is_of_the_height_before() -> None:
    assert parse_block(document([entry(OTHER), entry(OURS)]), OURS).seal == Seal(41, 1, "CAFE", b"s")


def test_a_vote_for_nil_and_an_absent_one_are_missed() -> None:
    assert parse_block(document([entry(OURS, flag=3)]), OURS).seal is None
    assert parse_block(document([entry(OTHER)]), OURS).seal is None


def test_evidence_tells_what_was_signed_twice() -> None:
    evidence = {"type": "tendermint/DuplicateVoteEvidence", "value": {"vote_a": vote("AA"), "vote_b": vote("BB")}}
    assert parse_block(document(evidence=[evidence]), OURS).evidence == (Evidence(42, OURS, 40, 0, 2, ("AA", "BB")),)


def test_a_height_is_missed_when_the_next_block_lacks_our_signature() -> None:
    witness = Witness(Node("192.0.2.1"), OURS)
    for height, seal in ((2, Seal(1, 0, "", b"")), (3, None), (4, Seal(3, 0, "", b""))):
        witness.blocks[height] = Block(height, seal, ())
    assert witness.missed(1, 3) == (2,)
