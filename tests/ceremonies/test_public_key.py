"""A public key is written as tmkms and the chain write it."""

from __future__ import annotations

import pytest

from ceremonies.public_key import ConsensusKey, bech32

KEY = "YKJfwJD7+C0MEguJwUVliU17MhP1oCOb2txPHQYue1U="


def test_a_key_is_written_as_tmkms_prints_it() -> None:
    printed = "wasmvalconspub1zcjduepqvz39lsysl0uz6rqjpwyuz3t939xhkvsn7ksz8x76m3836p3w0d2sa6uyn9"
    assert ConsensusKey.from_base64(KEY).bech32("wasm") == printed


def test_an_address_is_the_one_in_commits() -> None:
    key = ConsensusKey.from_base64(KEY)
    assert key.address == "3292BA48202164D441FC242AD8227732A43A6E89"
    assert key.bech32_address("wasm") == "wasmvalcons1x2ft5jpqy9jdgs0uys4dsgnhx2jr5m5fr32ns2"


def test_bech32_agrees_with_its_specification() -> None:
    program = bytes.fromhex("751e76e8199196d454941c45d1b3a323f1433bd6")
    assert bech32("split", program).startswith("split1w508d6qejxtdg4y5r3zarvary0c5xw7k")


@pytest.mark.parametrize("text", ["", "not base64!", "AAAA"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="got"):
        ConsensusKey.from_base64(text)


def test_a_key_is_written_as_it_was_read() -> None:
    key = ConsensusKey.from_base64(f" {KEY}\n")
    assert key.base64 == KEY and len(key.raw) == 32 and ConsensusKey(key.raw) == key
