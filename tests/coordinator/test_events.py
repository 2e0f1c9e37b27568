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
    assert {(each["event"], each["chain"]) for each in found} == {("signed", "lab-1")}


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
