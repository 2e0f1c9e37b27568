"""A signer of ours on CometBFT's own listener: the handshake, the frames and the messages, as its node takes them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coordinator.decision.records import Signed
from coordinator.privval import for_node
from coordinator.privval.messages import Dialect, PingRequest, PubKeyRequest, Unreadable
from coordinator.privval.stream import Broken, Messages
from coordinator.privval.votes import NIL, PREVOTE
from coordinator.privval.wire import Malformed, delimited
from coordinator.secret_connection.connection import SecretConnection
from verification.coordinator.judge import JudgeNode, verdict
from verification.coordinator.samples import BLOCK, PROPOSED, VOTE

pytestmark = pytest.mark.slow
KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
MINE = replace(VOTE, validator_address=b"a" * 20)


def answer(message: bytes) -> bytes:
    asked = for_node.decode(message, Dialect.TENDERMINT)
    if isinstance(asked, PingRequest):
        return for_node.pong()
    if isinstance(asked, PubKeyRequest):
        return for_node.public_key_reply(PUBLIC, asked.dialect)
    if isinstance(asked, Unreadable):
        return for_node.refused(asked.tag, 1, asked.reason)
    try:
        request = asked.request(sign_extensions=True)
    except Malformed as error:
        return for_node.refused(asked, 2, str(error))
    extension = KEY.sign(request.extension) if request.extension is not None else None
    return for_node.granted(asked, request.time_ns, Signed(KEY.sign(request.sign_bytes), extension))


def serve(connection: SecretConnection) -> None:
    messages = Messages(connection.recv)
    try:
        while True:
            connection.send(delimited(answer(messages.next())))
    except (Broken, OSError):
        return


@pytest.fixture(scope="module")
def node() -> Iterator[JudgeNode]:
    with JudgeNode() as judge, socket.create_connection(("127.0.0.1", judge.port), 5) as sock:
        connection = SecretConnection.connect(sock, Ed25519PrivateKey.generate())
        assert len(connection.remote_public_key) == 32
        signer = threading.Thread(target=serve, args=(connection,))
        signer.start()
        try:
            assert judge.wait(5).granted
            assert judge.public_key().public_key == PUBLIC
            yield judge
        finally:
            sock.shutdown(socket.SHUT_RDWR)
            signer.join()


@pytest.mark.parametrize("vote", [MINE, replace(MINE, type=PREVOTE), replace(MINE, block_id=NIL)])
def test_a_vote_that_we_sign_verifies_there(node: JudgeNode, vote: object) -> None:
    told = node.vote(vote)  # type: ignore[arg-type]
    assert (told.error, told.verified, told.time_ns) == ("", True, MINE.time_ns)


@pytest.mark.parametrize("size", [0, 1, 3000, 200_000])
def test_extensions_of_any_size_are_signed_and_accepted(node: JudgeNode, size: int) -> None:
    told = node.vote(replace(MINE, extension=b"e" * size), extensions_enabled=True)
    assert (told.error, told.fatal, told.verified, len(told.extension_signature)) == ("", False, True, 64)


def test_a_prevote_where_extensions_are_enabled_is_accepted(node: JudgeNode) -> None:
    told = node.vote(replace(MINE, type=PREVOTE), extensions_enabled=True)
    assert (told.error, told.fatal, told.extension_signature) == ("", False, b"")


def test_a_proposal_that_we_sign_verifies_there(node: JudgeNode) -> None:
    told = node.proposal(PROPOSED)
    assert (told.error, told.verified, told.time_ns) == ("", True, PROPOSED.time_ns)


def test_a_refusal_arrives_as_an_answer(node: JudgeNode) -> None:
    told = node.vote(replace(MINE, height=0))
    assert (told.code, told.fatal, told.verified) == (2, False, False)
    assert "height 0 is below 1" in told.error
    assert node.connected()


def test_the_judge_finds_a_double_sign_and_a_signature_that_is_none() -> None:
    """What finds nothing elsewhere must be able to find."""

    def signed(vote: object, time_ns: int = MINE.time_ns) -> object:
        from coordinator.privval.canonical import vote_bytes

        return replace(vote, time_ns=time_ns, signature=KEY.sign(vote_bytes("chain", vote, time_ns)))  # type: ignore

    once, again = signed(MINE), signed(MINE, 5)
    conflict = signed(replace(MINE, block_id=replace(BLOCK, parts=9)))
    forged = replace(MINE, signature=b"s" * 64)
    found = verdict([("chain", PUBLIC, one) for one in (once, again, forged)])  # type: ignore[misc]
    assert (found.messages, found.invalid_signatures, found.duplicates) == (3, [2], [])
    found = verdict([("chain", PUBLIC, one) for one in (once, conflict)])  # type: ignore[misc]
    assert [one["evidence"] for one in found.duplicates] == ["accepted"]
