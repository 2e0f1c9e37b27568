"""Events are written in order; whoever reads them, or does not, delays nobody."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from coordinator.events import Events

ROOT = Path(__file__).resolve().parents[2]


def test_events_are_lines_in_the_order_in_which_they_were_told() -> None:
    stream = io.StringIO()
    events = Events(stream)
    for number in range(500):
        events("signed", chain="lab-1", number=number)
    events.drain()
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [each["number"] for each in found] == list(range(500))
    assert all(each["time"].endswith("+00:00") for each in found)
    assert {(each["event"], each["chain"]) for each in found} == {("signed", "lab-1")}


def test_a_process_does_not_wait_for_who_reads_its_events() -> None:
    events = Events(io.StringIO())
    events("signed")
    assert events._thread and events._thread.daemon


class Stuck(io.StringIO):
    """Nobody reads it until ``read`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.read = threading.Event()

    def write(self, text: str) -> int:
        self.read.wait()
        return super().write(text)


def test_what_an_unread_stream_cannot_take_is_dropped_and_counted_for_its_chain() -> None:
    stream, dropped = Stuck(), []
    events = Events(stream, dropped.append, most_waiting=10)
    for number in range(100):
        events("signed", chain="lab-1", number=number)
    events("gate-down")
    assert dropped[:-1] and set(dropped[:-1]) == {"lab-1"} and dropped[-1] == ""
    stream.read.set()
    events.drain()
    written = [json.loads(line)["number"] for line in stream.getvalue().splitlines()]
    assert written == sorted(written) and written[0] == 0 and len(written) + len(dropped) == 101


def test_a_stream_that_cannot_be_written_to_loses_events_and_nothing_else() -> None:
    stream = io.StringIO()
    stream.close()
    events = Events(stream)
    events("signed")
    events("signed")
    events.drain()


@pytest.mark.slow
def test_a_process_whose_output_nobody_reads_ends() -> None:
    program = (
        "from coordinator.events import Events\n"
        "events = Events(most_waiting=20)\n"
        "for number in range(2000): events('signed', text='x' * 400)\n"
        "events.drain(0.1)\n"
    )
    read, write = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, stdout=write, stderr=subprocess.PIPE, timeout=60
        )
    finally:
        os.close(write)
        os.close(read)
    assert (done.returncode, done.stderr) == (0, b"")


def test_as_many_events_wait_as_are_allowed_and_one_more_is_dropped() -> None:
    stream, dropped = Stuck(), []
    events = Events(stream, dropped.append, most_waiting=3)
    events("first")
    while events._waiting:
        pass
    for _ in range(3):
        events("waits", chain="lab-1")
    assert dropped == []
    events("dropped", chain="lab-2")
    assert dropped == ["lab-2"]
    stream.read.set()
    events.drain()
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["first", *["waits"] * 3]


def test_what_is_drained_is_written_though_it_has_left_the_queue() -> None:
    stream = Stuck()
    events = Events(stream)
    events("slow")
    while events._waiting:
        pass
    threading.Timer(0.05, stream.read.set).start()
    events.drain(30)
    assert stream.getvalue().count("\n") == 1
    events("next")
    events.drain(30)
    assert not events._writing and stream.getvalue().count("\n") == 2


def test_without_a_stream_the_standard_output_gets_each_line() -> None:
    program = "from coordinator.events import Events\nevents = Events()\nevents('up', gate='g')\nevents.drain()\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    (line,) = done.stdout.decode().splitlines()
    assert {name: value for name, value in json.loads(line).items() if name != "time"} == {"event": "up", "gate": "g"}


def test_a_line_is_written_whole_though_the_output_takes_it_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[int, bytes]] = []

    def write(descriptor: int, data: bytes) -> int:
        written.append((descriptor, data[:7]))
        return len(data[:7])

    class Output:
        @staticmethod
        def fileno() -> int:
            return 77

    monkeypatch.setattr("coordinator.events.os.write", write)
    monkeypatch.setattr("coordinator.events.sys.stdout", Output)
    Events()._write("a line that is long\n")
    assert b"".join(part for _, part in written) == b"a line that is long\n"
    assert {descriptor for descriptor, _ in written} == {77}
