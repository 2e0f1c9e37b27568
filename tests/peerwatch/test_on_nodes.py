"""The watch beside a real CometBFT node, in a network namespace: one node dials the other through a relay that can be
cut.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab import netns
from peerwatch import __main__ as watching
from peerwatch.decision import Limits
from tests.lab.wiring.conftest import needs_namespaces
from tools import parts

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
RELAY = 26700
CUT_SECONDS = 300
"""Longer than the twenty tries and the pauses of 3, 9, 27 and 81 s; the next one is of 243 s."""

SHORT = Limits(patience_seconds=1, unseen_seconds=30, pause_seconds=1, slot_seconds=1, window_seconds=1)


@dataclass
class Pair:
    """`here` is watched and dials `there` through the relay; `there` dials nobody."""

    namespace: str
    directory: Path
    program: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def run(self, name: str, *words: str | Path, **environment: str) -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            self.running[name] = netns.start(
                self.namespace, [str(word) for word in words], output=log, environment={**os.environ, **environment}
            )

    def end(self, name: str) -> None:
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def make(self) -> None:
        for name in ("here", "there"):
            subprocess.run([self.program, "init", "--home", self.directory / name], check=True, capture_output=True)
        shutil.copy(self.directory / "here/config/genesis.json", self.directory / "there/config/genesis.json")
        config = self.directory / "here/config/config.toml"
        config.write_text(re.sub(r"(?m)^(addr_book_strict) = .*", r"\1 = false", config.read_text()))

    def node_id(self, name: str) -> str:
        told = subprocess.run(
            [self.program, "show-node-id", "--home", self.directory / name], check=True, capture_output=True, text=True
        )
        return told.stdout.strip()

    def start(self, name: str, port: int, *options: str) -> None:
        listens = (f"--p2p.laddr=tcp://127.0.0.1:{port}", f"--rpc.laddr=tcp://127.0.0.1:{port + 1}")
        self.run(name, self.program, "start", "--home", self.directory / name, "--proxy_app=kvstore",
                 "--p2p.pex=false", *listens, *options)  # fmt: skip

    def start_here(self) -> None:
        self.start("here", 26650, f"--p2p.persistent_peers={self.node_id('there')}@127.0.0.1:{RELAY}")

    def configuration(self, limits: Limits, **other: str | int | float) -> str:
        values = {"rpc": "127.0.0.1:26651", "turn": 0, "turns": 1, **other}
        lines = [f"{key} = {json.dumps(value)}" for key, value in {**values, "only_alone": True}.items()]
        lines += ["[peers]", f'there = "{self.node_id("there")}@127.0.0.1:{RELAY}"', "[limits]"]
        return "\n".join([*lines, *(f"{key} = {value}" for key, value in vars(limits).items())])

    def look(self) -> watching.Look:
        with netns.entered(self.namespace):
            return watching.look(watching.read(self.configuration(SHORT)))

    def watch(self, limits: Limits, **other: float) -> None:
        (self.directory / "watch.toml").write_text(self.configuration(limits, **other))
        self.run(
            "watch", sys.executable, "-EsB", "-m", "peerwatch", self.directory / "watch.toml",
            STATE_DIRECTORY=str(self.directory),
        )  # fmt: skip

    def joined(self) -> bool:
        seen = self.look().node
        return seen is not None and self.node_id("there") in seen.connected


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    needs_namespaces()
    monkeypatch.chdir(ROOT)
    made = Pair(f"evpw{os.getpid()}", tmp_path, parts.ensure("cometbft") / "bin" / "cometbft")
    subprocess.run(["ip", "netns", "add", made.namespace], check=True)
    try:
        subprocess.run(["ip", "-n", made.namespace, "link", "set", "lo", "up"], check=True)
        made.make()
        made.run("relay", sys.executable, Path(__file__).with_name("relay.py"), str(RELAY), "26660")
        made.start("there", 26660)
        made.start_here()
        until(made.joined, "the two nodes are peers")
        yield made
    finally:
        for name in list(made.running):
            made.end(name)
        subprocess.run(["ip", "netns", "del", made.namespace], check=True)


def until(so: Callable[[], bool], what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.2)


def test_a_restart_is_asked_for_only_while_the_peer_is_missing_and_accepts(pair: Pair) -> None:
    assert pair.look().accepting == frozenset(), "a peer that is connected is not tried"
    pair.watch(SHORT, interval_seconds=0.1)
    pair.running["relay"].send_signal(signal.SIGUSR1)
    until(lambda: not pair.joined(), "the cut ends the connection")
    assert pair.look().accepting == {"there"}
    pair.end("there")
    assert pair.running["watch"].wait(60) == watching.RESTART, "cut, and its port accepts all the same"
    said = (pair.directory / "watch.log").read_text()
    assert said.count("there; the node is restarted") == 1, said
    pair.end("relay")
    assert pair.look().accepting == frozenset(), "nothing listens there any more"
    pair.end("here")
    assert pair.look().node is None, "a node that does not answer is not one without peers"


def test_a_configuration_that_cannot_be_read_ends_the_watch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.toml").write_text("rpc = 7")
    assert watching.main([str(tmp_path / "bad.toml")]) == watching.BAD_CONFIGURATION
    assert "not the configuration of a watch" in capsys.readouterr().err


def test_after_a_cut_the_restart_brings_the_peers_together(pair: Pair, is_long: bool) -> None:
    """The long size waits out CometBFT's own dialling and mends the relay first. In the short one CometBFT would dial
    by itself after some seconds, so the relay is mended last.
    """
    pair.running["relay"].send_signal(signal.SIGUSR1)
    until(lambda: not pair.joined(), "the cut ends the connection")
    if is_long:
        time.sleep(CUT_SECONDS)
        pair.running["relay"].send_signal(signal.SIGUSR2)
        pair.watch(Limits(slot_seconds=1, window_seconds=1))
    else:
        pair.watch(SHORT, interval_seconds=0.1)
    assert pair.running["watch"].wait(Limits().patience_seconds + 120) == watching.RESTART
    assert not pair.joined(), "CometBFT has not dialled by itself: the restart was needed"
    pair.running["relay"].send_signal(signal.SIGUSR2)
    pair.end("here")
    pair.start_here()
    until(pair.joined, "a node dials its peers at its start")
