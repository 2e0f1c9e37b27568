"""The Cosmos Hub from its declaration to signed blocks, on this machine; then what breaks, and what must not.

In the order in which they stand: each test works on the estate that the ones before it left running.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab.drills import DRILLS
from tests.drills.conftest import NETWORK, Checkout

pytestmark = pytest.mark.lab

KILLS = int(os.environ.get("ESTATE_KILLS", "3"))
"""How often an up is killed at a random moment. Twenty is the long version: ESTATE_KILLS=20."""

KILLED_WITHIN_SECONDS = 90
BLOCKS = 50


def changes(said: str) -> tuple[int, int]:
    """Resources and host operations, of the line that an up ends with."""
    found = re.search(r"changes: (\d+) resources, (\d+) host operations\s*\Z", said)
    assert found, f"an up ends with its changes, but this one said:\n{said[-2000:]}"
    return int(found[1]), int(found[2])


def lab_traces(checkout: Checkout) -> list[str]:
    """Whatever carries this lab's id in the kernel: namespaces, links, mounts, cgroups, processes."""
    prefix = checkout.paths.prefix
    found = [f"namespace {each.name}" for each in Path("/run/netns").glob(f"{prefix}*")]
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    found += [f"link {line}" for line in links.splitlines() if prefix.rstrip("-") in line]
    found += [f"mount {line}" for line in Path("/proc/self/mounts").read_text().splitlines() if str(checkout.paths.root) in line]
    found += [f"cgroup {each}" for each in Path("/sys/fs/cgroup").glob(f"*/{prefix}*")]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(checkout.paths.root) in command:
                found.append(f"process {entry.name} {command[:120]}")
    return found


def test_a_killed_up_is_completed_by_the_next_whenever_it_was_killed(checkout: Checkout):
    moments = [random.Random(index).uniform(1, KILLED_WITHIN_SECONDS) for index in range(KILLS)]
    for seconds in moments:
        command = subprocess.Popen(
            [str(checkout.root / "bin" / "estate"), "up", NETWORK], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            command.wait(seconds)
        except subprocess.TimeoutExpired:
            command.send_signal(signal.SIGKILL)
            command.wait()
    assert changes(checkout.run("up", NETWORK))


def test_after_an_up_blocks_rise_and_our_active_validator_signs_them(checkout: Checkout):
    before = checkout.status()
    time.sleep(10)
    after = checkout.status()
    assert after["height"] > before["height"], "the chain makes blocks"
    active = [each for each in after["signing"] if each["active"]]
    assert len(active) == 1, "exactly one datacentre's signer holds the key"
    assert active[0]["last_signed_height"] >= after["height"] - 3, "our signature stands in the newest final commits"
    assert {host["state"] for host in after["hosts"]} == {"running"}


def test_another_up_changes_nothing_and_says_so(checkout: Checkout):
    assert changes(checkout.run("up", NETWORK)) == (0, 0)


def test_none_of_our_blocks_is_missed_over_fifty_heights(checkout: Checkout):
    begun = checkout.status()["height"]
    deadline = time.monotonic() + 300
    while (seen := checkout.status())["height"] < begun + BLOCKS + 5 and time.monotonic() < deadline:
        time.sleep(5)
    assert seen["height"] >= begun + BLOCKS + 5, "the chain went fifty blocks further"
    missed = [each["missed_last_50"] for each in seen["signing"] if each["active"]]
    assert missed == [0], f"missed blocks of ours: {missed}; problems: {seen['problems']}"
    assert seen["problems"] == []


def test_lab_and_prover_agree_on_the_packets_of_every_claim_and_a_sample_of_others(checkout: Checkout):
    found = json.loads(checkout.run("probe", NETWORK, "--json"))
    assert (found["verdict"], found["disagreements"]) == ("agrees", [])
    assert found["answered"] > 500, "packets that get nowhere would agree with anything"


@pytest.mark.parametrize("name", DRILLS)
def test_the_promise_holds_in_the_drill(checkout: Checkout, name: str):
    checkout.run("drill", name, "--network", NETWORK)


def test_the_key_moves_to_the_other_datacentre_and_signs_there(checkout: Checkout):
    declaration = checkout.root / "stacks" / f"Pulumi.{NETWORK}.yaml"
    text = declaration.read_text()
    assert "custody: ash1" in text
    said = checkout.run("key", "move", NETWORK, "--to", "zrh1")
    assert "signing.custody: zrh1" in said, "the operator is told what to declare"
    before = checkout.run("key", "status", NETWORK)
    assert "not signing" in before, "until custody is declared, nothing signs"
    declaration.write_text(text.replace("custody: ash1", "custody: zrh1"))
    checkout.run("up", NETWORK)
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        seen = checkout.status()
        active = next(each for each in seen["signing"] if each["active"])
        if active["last_signed_height"] and active["last_signed_height"] >= seen["height"] - 3:
            break
        time.sleep(3)
    assert "zrh1" in active["validator"]
    assert active["last_signed_height"] >= seen["height"] - 3, "the key signs at its new place"


def test_down_leaves_nothing_behind(checkout: Checkout):
    assert lab_traces(checkout), "the lab ran until now, so this test can see its traces"
    checkout.run("down", NETWORK)
    assert lab_traces(checkout) == []
    assert not checkout.paths.root.exists()
