"""The permutation and the transcript against what others publish."""

from __future__ import annotations

import hashlib

import pytest

from coordinator.secret_connection.keccak import permute
from coordinator.secret_connection.merlin import Transcript


@pytest.mark.parametrize("message", [b"", b"abc", b"\xff" * 135])
def test_the_permutation_makes_sha3(message: bytes) -> None:
    state = bytearray(message.ljust(200, b"\0"))
    state[len(message)] ^= 0x06
    state[135] ^= 0x80
    permute(state)
    assert bytes(state[:32]) == hashlib.sha3_256(message).digest()


def test_a_transcript_gives_the_challenge_of_merlins_vector() -> None:
    transcript = Transcript(b"test protocol")
    transcript.append(b"some label", b"some data")
    expected = "d5a21972d0d5fe320c0d263fac7fffb8145aa640af6e9bca177c03c7efcf0615"
    assert transcript.challenge(b"challenge", 32).hex() == expected


@pytest.mark.slow
def test_messages_longer_than_the_rate_and_several_challenges_follow_merlins_vector() -> None:
    """The longer equivalence test of the `merlin` crate, whose outcome its Go and Rust versions share."""
    transcript = Transcript(b"test protocol")
    transcript.append(b"step1", b"some data")
    data = b"\x63" * 1024
    for _ in range(32):
        challenge = transcript.challenge(b"challenge", 32)
        transcript.append(b"bigdata", data)
        transcript.append(b"challengedata", challenge)
    assert challenge.hex() == "a8c933f54fae76e3f9bea93648c1308e7dfa2152dd51674ff3ca438351cf003c"
