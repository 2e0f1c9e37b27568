"""What a node's RPC answers is read as it is meant."""

from __future__ import annotations

from ceremonies.chain_rpc import Commit, parse_commit, parse_head, parse_peers, parse_validators, record

US, OTHER = "A" * 40, "B" * 40


def test_a_vote_for_nil_is_not_a_signature_of_the_block() -> None:
    signatures = [
        {"block_id_flag": 2, "validator_address": US},
        {"block_id_flag": 3, "validator_address": OTHER},
        {"block_id_flag": 1, "validator_address": ""},
    ]
    commit = parse_commit({"signed_header": {"commit": {"height": "7", "signatures": signatures}}})
    assert commit == Commit(height=7, signers=frozenset({US}))


def test_a_head_says_whether_the_node_is_behind() -> None:
    head = parse_head(
        {
            "node_info": {"network": "x-1"},
            "sync_info": {"latest_block_height": "9", "latest_block_time": "2026-01-01T00:00:00Z", "catching_up": True},
        }
    )
    assert (head.chain_id, head.height, head.catching_up) == ("x-1", 9, True)


def test_peers_are_named_by_their_monikers() -> None:
    peers = [{"node_info": {"moniker": "b"}}, {"node_info": {"moniker": "a"}}]
    assert parse_peers({"peers": peers}) == ("a", "b")


def test_validators_are_known_by_address() -> None:
    assert parse_validators({"validators": [{"address": US}]}) == {US}


def commits(*signed: bool) -> list[Commit]:
    return [Commit(height=height, signers=frozenset({US} if each else set())) for height, each in enumerate(signed, 1)]


def test_a_block_before_we_were_in_the_set_is_not_missed() -> None:
    found = record(US, commits(False, False, True, True), {1: frozenset(), 2: frozenset()})
    assert (found.missed, found.last_signed_height, found.bonded) == (0, 4, True)


def test_a_block_that_we_did_not_sign_while_in_the_set_is_missed() -> None:
    found = record(US, commits(True, False, False), {2: frozenset({US}), 3: frozenset({US})})
    assert (found.missed, found.last_signed_height, found.bonded) == (2, 1, True)


def test_a_validator_that_never_was_in_the_set_has_no_record() -> None:
    found = record(US, commits(False, False), {1: frozenset({OTHER}), 2: frozenset({OTHER})})
    assert (found.missed, found.last_signed_height, found.bonded) == (0, None, False)


def test_no_blocks_are_no_record() -> None:
    found = record(US, [], {})
    assert (found.missed, found.last_signed_height, found.blocks, found.bonded) == (0, None, 0, False)
