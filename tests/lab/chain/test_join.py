"""Our validator joins the chain once, with the key that it will keep."""

from __future__ import annotations

import pytest

from ceremonies.public_key import ConsensusKey
from lab.chain.join import JoinFailed, creation, missing_step

KEY = ConsensusKey(bytes(range(32)))
OURS = {"consensus_pubkey": {"type": "tendermint/PubKeyEd25519", "value": KEY.base64}}


def test_a_validator_that_the_chain_does_not_know_is_created() -> None:
    assert missing_step(None, KEY) == "create"


def test_a_jailed_validator_is_freed_and_a_free_one_left_alone() -> None:
    assert missing_step({**OURS, "jailed": True}, KEY) == "unjail"
    assert missing_step(OURS, KEY) is None


def test_another_key_than_the_chain_knows_is_refused() -> None:
    other = ConsensusKey(bytes(32))
    with pytest.raises(JoinFailed, match="a validator keeps its key for life"):
        missing_step(OURS, other)


def test_a_creation_names_the_consensus_key_and_the_stake() -> None:
    document = creation(KEY, "ours")
    assert document["pubkey"] == {"@type": "/cosmos.crypto.ed25519.PubKey", "key": KEY.base64}
    assert str(document["amount"]).endswith("stake")
