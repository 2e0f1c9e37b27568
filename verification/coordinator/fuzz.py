"""Mutated messages and random bytes against the codec: `python -m verification.coordinator.fuzz --inputs 1000000`.

For any input, nothing is raised and a response can be given. An accepted message survives encoding and decoding.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass, field

from coordinator.privval import for_node, for_signer
from coordinator.privval.messages import (
    Dialect,
    ErrorResponse,
    PingRequest,
    PingResponse,
    PubKeyRequest,
    PubKeyResponse,
    SignedResponse,
    SignProposalRequest,
    SignVoteRequest,
    Unreadable,
)
from coordinator.privval.wire import Malformed
from verification.coordinator import samples

DIALECTS = tuple(Dialect)
BOUNDARIES = (
    b"\x00",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\x80\x00",
    b"\xff" * 9 + b"\x01",
    b"\xff" * 10,
    b"\x48\x01",
    b"\x4a",
)
KEPT = 5000


@dataclass(slots=True)
class Report:
    """The numbers of inputs, of those that were read, and of those that could be signed. ``accepted``: some of the
    requests that were read, for another judge.
    """

    inputs: int = 0
    read: int = 0
    signable: int = 0
    seconds: float = 0.0
    accepted: list[bytes] = field(default_factory=list)


def mutated(draw: random.Random, corpus: list[bytes]) -> bytes:
    """A message of the corpus with one to three places changed; one in sixteen is random bytes."""
    chance = draw.random()
    if chance < 1 / 16:
        return draw.randbytes(int(chance * 16 * 200))
    data = bytearray(corpus[int(draw.random() * len(corpus))])
    for _ in range(1 + (chance > 0.7) + (chance > 0.9)):
        at = int(draw.random() * (len(data) + 1))
        how = int(draw.random() * 8)
        if how < 3 and at < len(data):
            data[at] ^= 1 << int(draw.random() * 8)
        elif how == 3 and at < len(data):
            data[at] = int(draw.random() * 256)
        elif how == 4:
            del data[at : at + 1 + int(draw.random() * 3)]
        elif how == 5:
            data[at:at] = BOUNDARIES[int(draw.random() * len(BOUNDARIES))]
        elif how == 6:
            length = int(draw.random() * 40)
            data[at:at] = data[at : at + length]
        else:
            other = corpus[int(draw.random() * len(corpus))]
            data[at:] = other[at:]
    return bytes(data)


def try_question(data: bytes, dialect: Dialect, report: Report) -> None:
    """One input as a node's request."""
    asked = for_node.decode(data, dialect)
    if isinstance(asked, Unreadable):
        assert asked.reason
        refusal = for_node.refused(asked.tag, 1, asked.reason)
        assert isinstance(for_signer.decode_reply(refusal, dialect), ErrorResponse | PingResponse) or asked.tag == 9
        return
    report.read += 1
    if len(report.accepted) < KEPT and dialect is Dialect.TENDERMINT:
        report.accepted.append(data)
    if isinstance(asked, SignVoteRequest | SignProposalRequest):
        body = asked.vote if isinstance(asked, SignVoteRequest) else asked.proposal
        assert for_node.decode(for_signer.ask(asked, body.time_ns), dialect) == asked
        try:
            request = asked.request()
        except Malformed as error:
            assert str(error)
        else:
            report.signable += 1
            assert request.position.height > 0 and request.position.round >= 0
    else:
        assert isinstance(asked, PubKeyRequest | PingRequest)


def try_answer(data: bytes, dialect: Dialect, report: Report) -> None:
    """One input as a signer's response."""
    told = for_signer.decode_reply(data, dialect)
    if isinstance(told, Unreadable):
        assert told.reason
        return
    report.read += 1
    if isinstance(told, SignedResponse):
        assert len(told.signed.signature) == 64
        assert told.signed.extension_signature is None or len(told.signed.extension_signature) == 64
    elif isinstance(told, PubKeyResponse):
        assert len(told.public_key) == 32
    else:
        assert isinstance(told, ErrorResponse | PingResponse)


def run(inputs: int, seed: int) -> Report:
    """Try ``inputs`` messages, two of three as requests. Raises AssertionError (or any exception) with the input."""
    draw = random.Random(seed)
    questions, answers = samples.questions(), samples.answers()
    report = Report()
    started = time.perf_counter()
    for number in range(inputs):
        question = number % 3 < 2
        data = mutated(draw, questions if question else answers)
        try:
            (try_question if question else try_answer)(data, DIALECTS[number & 1], report)
        except Exception as error:
            error.add_note(f"input {number} of seed {seed}: {data.hex()}")
            raise
    report.inputs = inputs
    report.seconds = time.perf_counter() - started
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    report = run(chosen.inputs, chosen.seed)
    print(
        f"{report.inputs} inputs in {report.seconds:.1f} s ({report.inputs / report.seconds:.0f}/s): "
        f"{report.read} read, {report.signable} of them signable, nothing raised"
    )


if __name__ == "__main__":
    main()
