"""The watch of one node: asks the node and its own peers, and ends with the status `RESTART` to have it restarted.

    python3 -m peerwatch CONFIG

It has no right to restart anything; its unit does that when it ends so, and starts the watch again.
"""

from __future__ import annotations

import errno
import http.client
import json
import os
import selectors
import socket
import sys
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peerwatch.decision import Limits, Look, Memory, Node, Place, decide, recalled, remembered, repaired

RESTART = 10
"""The exit status that asks for a restart of the node."""

BAD_CONFIGURATION = 2
INTERVAL_SECONDS = 20.0
ANSWERS_WITHIN_SECONDS = 5.0
ACCEPTS_WITHIN_SECONDS = 3.0
LIMITS = "limits"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One of the node's own persistent peers, and where the node dials it."""

    name: str
    node_id: str
    host: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Rpc:
    """Where the node's RPC is: below the path `base`, which some clients serve it at."""

    host: str
    port: int
    base: str = ""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """The configuration."""

    rpc: Rpc
    place: Place
    peers: tuple[Peer, ...]
    limits: Limits
    interval_seconds: float


def read(text: str) -> Watch:
    """The configuration from its TOML. The table `limits`, and any key of it, may be missing.

    Raises:
        ValueError: the text is not a configuration.
    """
    try:
        document = tomllib.loads(text)
        return Watch(
            rpc=_rpc(document["rpc"]),
            place=Place(
                turn=int(document["turn"]), turns=int(document["turns"]), only_alone=bool(document["only_alone"])
            ),
            peers=tuple(_peer(name, value) for name, value in document["peers"].items()),
            limits=Limits(**document.get(LIMITS, {})),
            interval_seconds=float(document.get("interval_seconds", INTERVAL_SECONDS)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the configuration of a watch: {error!r}") from error


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _rpc(text: str) -> Rpc:
    address, slash, path = text.partition("/")
    host, port = _address(address)
    return Rpc(host=host, port=port, base=slash + path)


def _peer(name: str, text: str) -> Peer:
    node_id, _, address = text.partition("@")
    host, port = _address(address)
    return Peer(name=name, node_id=node_id, host=host, port=port)


def ask(rpc: Rpc, method: str) -> Any:
    """The result of one method of the node's RPC.

    Raises:
        OSError, http.client.HTTPException, ValueError: the node did not answer as a node does.
    """
    connection = http.client.HTTPConnection(rpc.host, rpc.port, timeout=ANSWERS_WITHIN_SECONDS)
    try:
        connection.request("GET", f"{rpc.base}/{method}")
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if not isinstance(answer, dict) or "result" not in answer:
        raise ValueError(f"{method}: no result")
    return answer["result"]


def node(rpc: Rpc) -> Node | None:
    """What the node says of itself; `None` if it does not answer, or not as a node does."""
    try:
        status, net = ask(rpc, "status"), ask(rpc, "net_info")
        return Node(
            connected=frozenset(str(each["node_info"]["id"]) for each in net["peers"]),
            catching_up=status["sync_info"]["catching_up"] is not False,
        )
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None


def accepting(peers: Iterable[Peer]) -> frozenset[str]:
    """Those, by name, that accept a connection at their port, all tried at once. Nothing is sent."""
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for peer in peers:
            tried = stack.enter_context(socket.socket())
            tried.setblocking(False)
            if tried.connect_ex((peer.host, peer.port)) in (0, errno.EINPROGRESS):
                selector.register(tried, selectors.EVENT_WRITE, (tried, peer.name))
        found = set()
        end = time.monotonic() + ACCEPTS_WITHIN_SECONDS
        while selector.get_map() and (left := end - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                tried, name = key.data
                selector.unregister(tried)
                if tried.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    found.add(name)
        return frozenset(found)


def look(watch: Watch) -> Look:
    answer = node(watch.rpc)
    absent = [] if answer is None else [peer for peer in watch.peers if peer.node_id not in answer.connected]
    return Look(accepting=accepting(absent), node=answer, at=time.time())


def recall(file: Path) -> Memory:
    """What is remembered; nothing where the file is missing or damaged."""
    try:
        return recalled(json.loads(file.read_text()))
    except (OSError, ValueError):
        return Memory()


def remember(file: Path, memory: Memory) -> None:
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(remembered(memory)))
    partial.replace(file)


def run(watch: Watch, file: Path) -> None:
    """Looks until a restart is due. What is said is said once, until it changes."""
    ids: Mapping[str, str] = {peer.name: peer.node_id for peer in watch.peers}
    memory, said = recall(file), ""
    while True:
        verdict = decide(ids, watch.place, watch.limits, memory, look(watch))
        if repaired(memory, verdict.memory):
            remember(file, verdict.memory)
        memory = verdict.memory
        if verdict.why not in ("", said):
            print(verdict.why, flush=True)
        said = verdict.why
        if verdict.restart:
            remember(file, memory)
            return
        time.sleep(watch.interval_seconds)


def main(words: Sequence[str]) -> int:
    """The exit status: `RESTART` once the node must be restarted, 2 for a configuration that cannot be used."""
    try:
        (path,) = words
        watch = read(Path(path).read_text())
    except (OSError, ValueError) as error:
        print(f"peerwatch: {' '.join(words)}: {error}", file=sys.stderr)
        return BAD_CONFIGURATION
    run(watch, Path(os.environ["STATE_DIRECTORY"]) / "memory.json")
    return RESTART


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
