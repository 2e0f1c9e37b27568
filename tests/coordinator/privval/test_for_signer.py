"""What a signer answers is read strictly; nothing is taken for a signature that is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coordinator.privval import encoding, for_signer
from coordinator.privval.messages import (
    MAX_MESSAGE,
    Dialect,
    ErrorResponse,
    PingResponse,
    PubKeyResponse,
    Unreadable,
)
from coordinator.privval.wire import bytes_field, message_field
from verification.coordinator.samples import PROPOSED, VOTE

A_ERROR = ErrorResponse(1, "it's a error")
KEY = bytes.fromhex("556a436f1218d30942efe798420f51dc9b6a311b929c578257457d05c5fcf230")


def refusal(data: bytes | str, dialect: Dialect = Dialect.TENDERMINT) -> str:
    found = for_signer.decode_reply(bytes.fromhex(data) if isinstance(data, str) else data, dialect)
    assert isinstance(found, Unreadable), found
    return found.reason


@pytest.mark.parametrize("dialect", Dialect)
def test_the_older_form_of_a_key_is_read_in_both_dialects(dialect: Dialect) -> None:
    data = bytes.fromhex("12240a220a20") + KEY
    assert for_signer.decode_reply(data, dialect) == PubKeyResponse(KEY)


def test_the_newer_form_of_a_key_is_read_in_v1_only() -> None:
    data = bytes.fromhex("122b1a20") + KEY + bytes.fromhex("220765643235353139")
    assert for_signer.decode_reply(data, Dialect.COMETBFT_V1) == PubKeyResponse(KEY)
    assert "unknown field 3" in refusal(data)


@pytest.mark.parametrize(
    "data",
    [
        "1200",
        "12020a00",
        "12230a210a1f" + KEY.hex()[:-2],
        "12240a221220" + KEY.hex(),
        "12240a220a20" + KEY.hex()[:-2] + "ff" + "00",
    ],
)
def test_what_holds_no_ed25519_key_is_refused(data: str) -> None:
    assert refusal(data)


def test_two_keys_and_other_kinds_of_key_are_refused_in_v1() -> None:
    both = message_field(1, bytes_field(1, KEY)) + bytes_field(3, KEY) + bytes_field(4, b"ed25519")
    assert "there are two" in refusal(message_field(2, both), Dialect.COMETBFT_V1)
    unnamed = bytes_field(3, KEY)
    assert "not an Ed25519 key" in refusal(message_field(2, unnamed), Dialect.COMETBFT_V1)
    named = message_field(1, bytes_field(1, KEY)) + bytes_field(4, b"ed25519")
    assert "there are two" in refusal(message_field(2, named), Dialect.COMETBFT_V1)
    assert "32 bytes" in refusal(message_field(2, bytes_field(4, b"ed25519")), Dialect.COMETBFT_V1)
    other = bytes_field(3, KEY) + bytes_field(4, b"secp256k1")
    assert "not an Ed25519 key" in refusal(message_field(2, other), Dialect.COMETBFT_V1)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("12140a0012100801120c697427732061206572726f72", A_ERROR),
        ("121212100801120c697427732061206572726f72", A_ERROR),
        (
            "22250a11220212002a0b088092b8c398feffffff0112100801120c697427732061206572726f72",
            A_ERROR,
        ),
        (
            "32250a112a021200320b088092b8c398feffffff0112100801120c697427732061206572726f72",
            A_ERROR,
        ),
        ("22021200", ErrorResponse(0, "")),
        ("4200", PingResponse()),
    ],
)
def test_errors_are_read_as_cometbft_and_tmkms_write_them(data: str, told: ErrorResponse | PingResponse) -> None:
    assert for_signer.decode_reply(bytes.fromhex(data), Dialect.TENDERMINT) == told


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"signature": b""}, "does not have 64 bytes"),
        ({"signature": b"s" * 63}, "does not have 64 bytes"),
        ({"signature": b"s" * 64, "extension_signature": b"e"}, "does not have 64 bytes"),
    ],
)
def test_a_vote_without_whole_signatures_is_refused(changes: dict, reason: str) -> None:
    assert reason in refusal(message_field(4, message_field(1, encoding.vote(replace(VOTE, **changes)))))


def test_a_proposal_without_a_signature_is_refused() -> None:
    assert "64 bytes" in refusal(message_field(6, message_field(1, encoding.proposal(PROPOSED))))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "holds 0 responses"),
        ("42004200", "repeated"),
        ("2200", "neither a signed message nor an error"),
        ("3a00", "a request, not a response"),
        ("5200", "unknown field 10"),
        ("42020801", "pong: unknown field 1"),
    ],
)
def test_what_is_no_answer_is_refused_with_the_reason(data: str, reason: str) -> None:
    assert reason in refusal(data)


@pytest.mark.parametrize(("data", "tag"), [("", 0), ("8001", 0), ("7a00", 15), ("1aff", 3), ("ff", 0)])
def test_what_is_no_answer_is_told_with_its_tag(data: str, tag: int) -> None:
    found = for_signer.decode_reply(bytes.fromhex(data), Dialect.TENDERMINT)
    assert isinstance(found, Unreadable) and found.tag == tag


def test_as_much_as_the_limit_is_read() -> None:
    error = bytes_field(2, b"x" * (MAX_MESSAGE - 12))
    data = message_field(4, message_field(2, error))
    data = message_field(4, message_field(2, bytes_field(2, b"x" * (MAX_MESSAGE - 12 - (len(data) - MAX_MESSAGE)))))
    assert len(data) == MAX_MESSAGE
    assert isinstance(for_signer.decode_reply(data, Dialect.TENDERMINT), ErrorResponse)


def test_more_than_the_limit_is_refused() -> None:
    assert "more than" in refusal(message_field(4, bytes(MAX_MESSAGE)))
