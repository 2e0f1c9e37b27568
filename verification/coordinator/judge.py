"""CometBFT's own code as the judge of signing (the part `privval-judge`), as Python calls it.

`JudgeNode` is a validator node's side of the connection; `sign_bytes` and `generated` are its encodings; `verdict` is
what its evidence code says about everything that was released.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from coordinator.privval.votes import BlockId, Proposal, Vote
from tools import parts

SECOND = 10**9


def program() -> Path:
    """The judge; it is built first if it is not in the cache (minutes)."""
    return parts.ensure("privval-judge", lambda text: None) / "bin" / "privval-judge"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a node got for one request.

    ``error`` is empty if it succeeded. ``code``: of the signer's own refusal; ``None`` if it succeeded or failed in
    transport (timeout, connection lost, wrong kind of answer). ``fatal``: a node stops for good on this answer.
    ``verified``: all signatures are by the key last returned by `public_key`, over CometBFT's own sign bytes: of a vote
    with ``time_ns``, of a proposal with the time that the node asked for, since a node takes only a vote's time over.
    """

    latency_ns: int
    error: str
    code: int | None
    fatal: bool
    public_key: bytes
    signature: bytes
    extension_signature: bytes
    time_ns: int
    verified: bool
    connected: bool

    @property
    def granted(self) -> bool:
        return not self.error

    @property
    def refused(self) -> bool:
        """The signer refused with a response, as every refusal must."""
        return self.code is not None


class JudgeNode:
    """A node that listens for its signer.

    ``listen_address``: ``tcp://host:port`` (SecretConnection; port 0 for a free one) or ``unix:///path``. ``chain_id``
    is used if a request names none. ``retries``: repeat a failed transport this often, 100 ms apart, as a node does
    (50 there). ``timeout``: seconds for a read or a write. ``accept``: seconds to wait for a signer to dial in.
    ``prefix``: a command to start it under (``ip netns exec …``).

    Requests are sent one at a time, from any thread.
    """

    def __init__(
        self,
        listen_address: str = "tcp://127.0.0.1:0",
        *,
        chain_id: str = "chain",
        retries: int = 0,
        timeout: float = 5.0,
        accept: float = 3.0,
        prefix: Iterable[str] = (),
    ) -> None:
        self._command = [
            *(*prefix, str(program()), "node", "-listen", listen_address, "-chain-id", chain_id),
            *("-retries", str(retries), "-timeout", f"{timeout}s", "-accept", f"{accept}s"),
        ]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self.address = listen_address

    def start(self) -> Self:
        """Listen. From then on ``address`` is where it does."""
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = json.loads(self._process.stdout.readline())["listening"]
        return self

    @property
    def port(self) -> int:
        """Of a ``tcp`` address."""
        return int(self.address.rpartition(":")[2])

    def public_key(self) -> Reply:
        """Ask for the key; what is signed later is verified with it."""
        return self._ask({"do": "public_key"})

    def vote(self, vote: Vote, *, chain_id: str = "", extensions_enabled: bool = False) -> Reply:
        """Have a vote signed, the way a node's consensus does (`SignAndCheckVote`)."""
        fields = {"vote": vote_fields(vote), "extensions_enabled": extensions_enabled}
        return self._ask({"do": "vote", "chain_id": chain_id, **fields})

    def proposal(self, proposal: Proposal, *, chain_id: str = "") -> Reply:
        """Have a proposal signed."""
        return self._ask({"do": "proposal", "chain_id": chain_id, "proposal": proposal_fields(proposal)})

    def ping(self) -> Reply:
        """CometBFT's client reports no failure of a ping; see `connected`."""
        return self._ask({"do": "ping"})

    def wait(self, seconds: float) -> Reply:
        """Wait until a signer has dialled in."""
        return self._ask({"do": "wait", "seconds": seconds})

    def connected(self) -> bool:
        """Whether a signer is connected, as far as the node knows."""
        return self._ask({"do": "connected"}).connected

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, question: dict[str, Any]) -> Reply:
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            told = json.loads(self._process.stdout.readline())
        return Reply(
            latency_ns=told["latency_ns"],
            error=told.get("error", ""),
            code=told.get("code"),
            fatal=told.get("fatal", False),
            public_key=bytes.fromhex(told.get("public_key", "")),
            signature=bytes.fromhex(told.get("signature", "")),
            extension_signature=bytes.fromhex(told.get("extension_signature", "")),
            time_ns=told.get("seconds", 0) * SECOND + told.get("nanos", 0),
            verified=told.get("verified", False),
            connected=told.get("connected", False),
        )


def vote_fields(vote: Vote) -> dict[str, Any]:
    """A vote as the judge reads it."""
    seconds, nanos = divmod(vote.time_ns, SECOND)
    return {
        "type": vote.type,
        "height": vote.height,
        "round": vote.round,
        "block": _block_fields(vote.block_id),
        "seconds": seconds,
        "nanos": nanos,
        "validator_address": vote.validator_address.hex(),
        "validator_index": vote.validator_index,
        "signature": vote.signature.hex(),
        "extension": vote.extension.hex(),
        "extension_signature": vote.extension_signature.hex(),
    }


def proposal_fields(proposal: Proposal) -> dict[str, Any]:
    """A proposal as the judge reads it."""
    seconds, nanos = divmod(proposal.time_ns, SECOND)
    return {
        "type": proposal.type,
        "height": proposal.height,
        "round": proposal.round,
        "pol_round": proposal.pol_round,
        "block": _block_fields(proposal.block_id),
        "seconds": seconds,
        "nanos": nanos,
        "signature": proposal.signature.hex(),
    }


def _block_fields(block: BlockId) -> dict[str, Any]:
    return {"hash": block.hash.hex(), "parts": block.parts, "parts_hash": block.parts_hash.hex()}


def _block(fields: dict[str, Any]) -> BlockId:
    parts_hash = bytes.fromhex(fields["parts_hash"] or "")
    return BlockId(bytes.fromhex(fields["hash"] or ""), fields["parts"], parts_hash)


def _vote(fields: dict[str, Any]) -> Vote:
    return Vote(
        type=fields["type"],
        height=fields["height"],
        round=fields["round"],
        block_id=_block(fields["block"]),
        time_ns=fields["seconds"] * SECOND + fields["nanos"],
        validator_address=bytes.fromhex(fields["validator_address"] or ""),
        validator_index=fields["validator_index"],
        signature=bytes.fromhex(fields["signature"] or ""),
        extension=bytes.fromhex(fields["extension"] or ""),
        extension_signature=bytes.fromhex(fields["extension_signature"] or ""),
    )


def _proposal(fields: dict[str, Any]) -> Proposal:
    return Proposal(
        type=fields["type"],
        height=fields["height"],
        round=fields["round"],
        pol_round=fields["pol_round"],
        block_id=_block(fields["block"]),
        time_ns=fields["seconds"] * SECOND + fields["nanos"],
        signature=bytes.fromhex(fields["signature"] or ""),
    )


@dataclass(frozen=True, slots=True)
class Encoded:
    """How CometBFT writes a vote or proposal (``request``, ``reply``, ``sign_bytes``), or what it reads in a message
    (``kind``, ``again``: how it writes that itself). ``error`` is its own, or that which the message carries.
    """

    chain_id: str
    vote: Vote | None
    proposal: Proposal | None
    kind: str
    error_code: int | None
    error: str
    public_key: bytes
    sign_bytes: bytes
    extension_sign_bytes: bytes
    request: bytes
    reply: bytes
    again: bytes


def _encoded(line: str) -> Encoded:
    told = json.loads(line)
    return Encoded(
        chain_id=told.get("chain_id", ""),
        vote=_vote(told["vote"]) if "vote" in told else None,
        proposal=_proposal(told["proposal"]) if "proposal" in told else None,
        kind=told.get("kind", "").rpartition("_")[2],
        error_code=told.get("error_code"),
        error=told.get("error", ""),
        **{
            name: bytes.fromhex(told.get(name, ""))
            for name in ("public_key", "sign_bytes", "extension_sign_bytes", "request", "reply", "again")
        },
    )


def encodings(of: Iterable[tuple[str, Vote | Proposal]]) -> list[Encoded]:
    """How CometBFT writes each (chain, vote or proposal)."""
    return _said(
        {"chain_id": chain_id, "vote": vote_fields(one)}
        if isinstance(one, Vote)
        else {"chain_id": chain_id, "proposal": proposal_fields(one)}
        for chain_id, one in of
    )


def readings(of: Iterable[bytes]) -> list[Encoded]:
    """What CometBFT reads in each message (without its length)."""
    return _said({"message": message.hex()} for message in of)


def _said(questions: Iterable[dict[str, Any]]) -> list[Encoded]:
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    return [_encoded(line) for line in _run(["sign-bytes"], lines).splitlines()]


def generated(count: int, seed: int) -> Iterator[Encoded]:
    """Random valid votes and proposals of CometBFT's making; the same seed gives the same."""
    return map(_encoded, _run(["encode", "-count", str(count), "-seed", str(seed)], "").splitlines())


@dataclass(frozen=True, slots=True)
class Verdict:
    """``invalid_signatures``: which lines (from 0) the key did not sign. ``duplicates``: height, round and type where
    CometBFT takes two votes for evidence, and ``evidence``: "accepted" or why not. ``conflicting_proposals``: alike.
    """

    messages: int
    invalid_signatures: list[int]
    duplicates: list[dict[str, Any]]
    conflicting_proposals: list[dict[str, Any]]


def verdict(released: Iterable[tuple[str, bytes, Vote | Proposal]]) -> Verdict:
    """What CometBFT's evidence code says of everything released: (chain, public key, signed vote or proposal)."""
    lines = "".join(
        json.dumps(
            {
                "chain_id": chain_id,
                "public_key": public_key.hex(),
                **({"vote": vote_fields(one)} if isinstance(one, Vote) else {"proposal": proposal_fields(one)}),
            }
        )
        + "\n"
        for chain_id, public_key, one in released
    )
    return Verdict(**json.loads(_run(["evidence"], lines)))


def _run(arguments: list[str], lines: str) -> str:
    return subprocess.run([program(), *arguments], input=lines, capture_output=True, text=True, check=True).stdout
