"""The side of the signer: writes requests, reads its responses.

tmkms 0.15 speaks `Dialect.TENDERMINT`, whatever its validator speaks. Of v1, only PubKeyResponse differs here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coordinator.decision.records import Signed
from coordinator.privval import encoding
from coordinator.privval.messages import (
    MAX_MESSAGE,
    Dialect,
    ErrorResponse,
    PingResponse,
    PubKeyResponse,
    SignedResponse,
    SignProposalRequest,
    SignVoteRequest,
    Unreadable,
)
from coordinator.privval.wire import Kind, Malformed, bytes_field, message_field, number_field, read_fields

_MESSAGE = dict.fromkeys(range(1, 9), Kind.MESSAGE)
_SIGNED = {1: Kind.MESSAGE, 2: Kind.MESSAGE}
_PUBLIC_KEY = {
    Dialect.TENDERMINT: {1: Kind.MESSAGE, 2: Kind.MESSAGE},
    Dialect.COMETBFT_V1: {1: Kind.MESSAGE, 2: Kind.MESSAGE, 3: Kind.BYTES, 4: Kind.TEXT},
}
_KEYS = {1: Kind.CHOSEN_BYTES, 2: Kind.CHOSEN_BYTES}
_ERROR = {1: Kind.INT32, 2: Kind.TEXT}

SignerResponse = PubKeyResponse | SignedResponse | ErrorResponse | PingResponse


def ask(asked: SignVoteRequest | SignProposalRequest, time_ns: int) -> bytes:
    """The node's request, with the claim's timestamp in place of its own."""
    chain = bytes_field(2, asked.chain_id.encode())
    if isinstance(asked, SignProposalRequest):
        return message_field(5, message_field(1, encoding.proposal(replace(asked.proposal, time_ns=time_ns))) + chain)
    vote = message_field(1, encoding.vote(replace(asked.vote, time_ns=time_ns)))
    return message_field(3, vote + chain + number_field(3, asked.skip_extension))


def ask_public_key(chain_id: str) -> bytes:
    """A PubKeyRequest. tmkms drops the connection unless ``chain_id`` is its own."""
    return message_field(1, bytes_field(1, chain_id.encode()))


def ping() -> bytes:
    """A PingRequest."""
    return message_field(7, b"")


def decode_reply(data: bytes, dialect: Dialect) -> SignerResponse | Unreadable:
    """The signer's response: one message without its length prefix. Raises nothing, whatever ``data`` is.

    Nothing is verified. In v1 the older form of PubKeyResponse is read too, because signers send it to any node.
    """
    tag = data[0] >> 3 if data and data[0] < 0x80 else 0
    if len(data) > MAX_MESSAGE:
        return Unreadable(tag, f"the message has more than {MAX_MESSAGE} bytes")
    try:
        found = read_fields(data, _MESSAGE, "message")
        if len(found) != 1:
            return Unreadable(tag, f"message: it holds {len(found)} responses")
        return _read(tag, found[tag], dialect)
    except Malformed as error:
        return Unreadable(tag, str(error))


def _read(tag: int, body: bytes, dialect: Dialect) -> SignerResponse | Unreadable:
    if tag == 8:
        read_fields(body, {}, "pong")
        return PingResponse()
    if tag not in (2, 4, 6):
        return Unreadable(tag, f"message: field {tag} is a request, not a response")
    found = read_fields(body, _PUBLIC_KEY[dialect] if tag == 2 else _SIGNED, "answer")
    if 2 in found:
        error = read_fields(found[2], _ERROR, "error")
        return ErrorResponse(error.get(1, 0), error.get(2, ""))
    if tag == 2:
        return _read_key(found)
    if 1 not in found:
        return Unreadable(tag, "response: neither a signed message nor an error")
    if tag == 6:
        proposal = encoding.read_proposal(found[1])
        return _signed(tag, proposal.signature, b"", proposal.time_ns)
    vote = encoding.read_vote(found[1])
    return _signed(tag, vote.signature, vote.extension_signature, vote.time_ns)


def _read_key(found: dict[int, Any]) -> PubKeyResponse | Unreadable:
    if 3 in found or 4 in found:
        if 1 in found or found.get(4) != "ed25519":
            return Unreadable(2, "response: the key is not an Ed25519 key, or there are two")
        key = found.get(3, b"")
    else:
        keys = read_fields(found.get(1, b""), _KEYS, "public key")
        key = keys.get(1, b"") if len(keys) == 1 else b""
    return PubKeyResponse(key) if len(key) == 32 else Unreadable(2, "response: it has no Ed25519 key of 32 bytes")


def _signed(tag: int, signature: bytes, extension_signature: bytes, time_ns: int) -> SignedResponse | Unreadable:
    if len(signature) != 64 or len(extension_signature) not in (0, 64):
        return Unreadable(tag, "response: a signature does not have 64 bytes")
    return SignedResponse(Signed(signature, extension_signature or None), time_ns)
