"""A tap on the unix socket between tmkms and its gate: records every signature that tmkms makes, before passing it on.

A process of its own: ``python -m lab.chaos.tap SOCKET TARGET LOG MODE`` listens where tmkms dials, dials the gate for
it, and appends one JSON object per signature to LOG. The file MODE, looked at before each message, breaks the link:
``hold-questions`` and ``hold-answers`` let nothing pass in that direction until they are taken away.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path

from coordinator.decision.position import Position, Step
from coordinator.privval import canonical, encoding
from coordinator.privval.stream import Broken, Messages
from coordinator.privval.votes import PREVOTE
from coordinator.privval.wire import Kind, Malformed, delimited, read_fields
from lab.chaos import chain

QUESTIONS, ANSWERS = "questions", "answers"
LOOK_AGAIN_SECONDS = 0.02
SIGNED_VOTE, SIGNED_PROPOSAL = 4, 6


def signature(message: bytes, chain_id: str) -> dict[str, object] | None:
    """What an answer of tmkms signs, by its own copy of the vote or the proposal; ``None``: it signs nothing.

    ``position`` is as ``Position.text``; the rest is base64.
    """
    try:
        found = read_fields(message, dict.fromkeys(range(1, 9), Kind.MESSAGE), "message")
        tag = next(iter(found), 0)
        if tag not in (SIGNED_VOTE, SIGNED_PROPOSAL):
            return None
        body = read_fields(found[tag], {1: Kind.MESSAGE, 2: Kind.MESSAGE}, "answer")
        if 1 not in body:
            return None
        if tag == SIGNED_PROPOSAL:
            proposal = encoding.read_proposal(body[1])
            position = Position(proposal.height, proposal.round, Step.PROPOSAL)
            signed, zeroed = (canonical.proposal_bytes(chain_id, proposal, at) for at in (proposal.time_ns, 0))
            value, block = proposal.signature, proposal.block_id
        else:
            vote = encoding.read_vote(body[1])
            position = Position(vote.height, vote.round, Step.PREVOTE if vote.type == PREVOTE else Step.PRECOMMIT)
            signed, zeroed = (canonical.vote_bytes(chain_id, vote, at) for at in (vote.time_ns, 0))
            value, block = vote.signature, vote.block_id
    except Malformed as error:
        return {"unreadable": str(error), "message": _text(message)}
    return {
        "position": position.text,
        "sign_bytes": _text(signed),
        "intent": _text(sha256(zeroed).digest()),
        "block": block.hash.hex().upper(),
        "signature": _text(value),
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


class _Tap:
    def __init__(self, target: str, log: Path, mode: Path) -> None:
        self._target, self._mode = target, mode
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _wait(self, direction: str) -> None:
        while True:
            try:
                if f"hold-{direction}" not in self._mode.read_text():
                    return
            except FileNotFoundError:
                return
            time.sleep(LOOK_AGAIN_SECONDS)

    def _pump(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        messages = Messages(source.recv)
        try:
            while True:
                message = messages.next()
                if direction == ANSWERS and (found := signature(message, chain.CHAIN_ID)):
                    line = json.dumps({"time": time.time(), **found})
                    os.write(self._log, line.encode() + b"\n")
                self._wait(direction)
                sink.sendall(delimited(message))
        except (OSError, Broken):
            pass
        finally:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def serve(self, listener: socket.socket) -> None:
        """Accepts one signer after the other, without end."""
        while True:
            signer, _ = listener.accept()
            gate = socket.socket(socket.AF_UNIX)
            try:
                gate.connect(self._target)
            except OSError:
                signer.close()
                gate.close()
                continue
            back = threading.Thread(target=self._pump, args=(signer, gate, ANSWERS), daemon=True)
            back.start()
            threading.Thread(target=self._close, args=(back, gate, signer), daemon=True).start()

    def _close(self, back: threading.Thread, gate: socket.socket, signer: socket.socket) -> None:
        self._pump(gate, signer, QUESTIONS)
        back.join()
        gate.close()
        signer.close()


def main(path: str, target: str, log: str, mode: str) -> None:
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(4)
    _Tap(target, Path(log), Path(mode)).serve(listener)


if __name__ == "__main__":
    main(*sys.argv[1:])
