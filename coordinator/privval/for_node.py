"""The side of the validator node: reads its requests, writes responses."""

from __future__ import annotations

from dataclasses import replace

from coordinator.decision.records import Signed
from coordinator.privval import encoding
from coordinator.privval.messages import (
    MAX_MESSAGE,
    Dialect,
    PingRequest,
    PubKeyRequest,
    SignProposalRequest,
    SignVoteRequest,
    Unreadable,
)
from coordinator.privval.wire import Kind, Malformed, bytes_field, message_field, number_field, read_fields

ANSWER_READ = 10 * 1024
"""Bytes of a response that a node before v0.40 reads."""

_MESSAGE = dict.fromkeys(range(1, 9), Kind.MESSAGE)
_CHAIN_ONLY = {1: Kind.TEXT}
_PROPOSAL = {1: Kind.MESSAGE, 2: Kind.TEXT}
_VOTE = {
    Dialect.TENDERMINT: {1: Kind.MESSAGE, 2: Kind.TEXT},
    Dialect.COMETBFT_V1: {1: Kind.MESSAGE, 2: Kind.TEXT, 3: Kind.BOOL},
}

NodeRequest = PubKeyRequest | SignVoteRequest | SignProposalRequest | PingRequest


def decode(data: bytes, dialect: Dialect) -> NodeRequest | Unreadable:
    """The node's request: one message without its length prefix. Raises nothing, whatever ``data`` is.

    Tags 9 and 10, by which v1 and Celestia request signatures over arbitrary bytes, are not read.
    """
    tag = data[0] >> 3 if data and data[0] < 0x80 else 0
    if len(data) > MAX_MESSAGE:
        return Unreadable(tag, f"the message has more than {MAX_MESSAGE} bytes")
    try:
        found = read_fields(data, _MESSAGE, "message")
        if len(found) != 1:
            return Unreadable(tag, f"message: it holds {len(found)} requests")
        return _read(tag, found[tag], dialect)
    except Malformed as error:
        return Unreadable(tag, str(error))


def _read(tag: int, body: bytes, dialect: Dialect) -> NodeRequest | Unreadable:
    if tag == 1:
        return PubKeyRequest(read_fields(body, _CHAIN_ONLY, "public key request").get(1, ""), dialect)
    if tag == 3:
        found = read_fields(body, _VOTE[dialect], "vote request")
        if 1 not in found:
            return Unreadable(tag, "vote request: there is no vote")
        return SignVoteRequest(found.get(2, ""), encoding.read_vote(found[1]), dialect, found.get(3, False))
    if tag == 5:
        found = read_fields(body, _PROPOSAL, "proposal request")
        if 1 not in found:
            return Unreadable(tag, "proposal request: there is no proposal")
        return SignProposalRequest(found.get(2, ""), encoding.read_proposal(found[1]), dialect)
    if tag == 7:
        read_fields(body, {}, "ping")
        return PingRequest()
    return Unreadable(tag, f"message: field {tag} is a response, not a request")


def public_key_reply(public_key: bytes, dialect: Dialect) -> bytes:
    """A PubKeyResponse with an Ed25519 key (32 bytes)."""
    if dialect is Dialect.COMETBFT_V1:
        return message_field(2, bytes_field(3, public_key) + bytes_field(4, b"ed25519"))
    return message_field(2, message_field(1, bytes_field(1, public_key)))


def granted(asked: SignVoteRequest | SignProposalRequest, time_ns: int, signed: Signed) -> bytes:
    """A SignedVoteResponse or SignedProposalResponse: the node's vote or proposal, the signed time and the signatures.

    The node reads only the time and the two signatures of a vote. An extension that would make the response longer than
    older nodes read is therefore not sent back.
    """
    if isinstance(asked, SignProposalRequest):
        proposal = replace(asked.proposal, time_ns=time_ns, signature=signed.signature)
        return message_field(6, message_field(1, encoding.proposal(proposal)))
    vote = replace(
        asked.vote,
        time_ns=time_ns,
        signature=signed.signature,
        extension_signature=signed.extension_signature or b"",
    )
    answer = message_field(4, message_field(1, encoding.vote(vote)))
    if len(answer) > ANSWER_READ:
        answer = message_field(4, message_field(1, encoding.vote(replace(vote, extension=b""))))
    return answer


def refused(asked: NodeRequest | int, code: int, text: str) -> bytes:
    """A response with a `RemoteSignerError`. The node reports it and does not repeat its request.

    ``asked`` may be the ``tag`` of an unreadable message; a tag without a response gets a SignedVoteResponse. A
    PingResponse has no error field: a ping is answered with `pong`.
    """
    tags = {PubKeyRequest: 2, SignVoteRequest: 4, SignProposalRequest: 6, PingRequest: 8}
    tag = {1: 2, 3: 4, 5: 6, 7: 8, 9: 10}.get(asked, 4) if isinstance(asked, int) else tags[type(asked)]
    if tag == 8:
        return pong()
    error = number_field(1, code) + bytes_field(2, text.encode("utf-8", "replace"))
    return message_field(tag, message_field(2, error))


def pong() -> bytes:
    """Answers `PingRequest`."""
    return message_field(8, b"")
