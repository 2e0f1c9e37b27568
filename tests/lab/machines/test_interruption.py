"""Whoever starts or stops machines may be killed any time: the next call finishes the work, and nothing is left."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import machines
from tests.lab.machines.conftest import World

pytestmark = pytest.mark.lab

ROOT = Path(__file__).resolve().parents[3]
CALL = """
import json, sys
from pathlib import Path
from lab import machines
from lab.paths import LabPaths
paths = LabPaths(checkout=Path(sys.argv[1]), network=sys.argv[2])
machine = machines.Machine(name="alpha", hostname="alpha", netns=sys.argv[3], authorized_keys=(sys.argv[4],))
print("ready", flush=True)
machines.start(paths, machine) if sys.argv[5] == "start" else machines.stop(paths, "alpha")
"""


def call_and_kill(world: World, action: str, seconds: float) -> None:
    """Start or stop alpha in another process and end that by SIGKILL after ``seconds``."""
    paths, machine = world.paths, world.members["alpha"]
    arguments = [str(paths.checkout), paths.network, machine.netns, machine.authorized_keys[0], action]
    caller = subprocess.Popen([sys.executable, "-c", CALL, *arguments], cwd=ROOT, stdout=subprocess.PIPE)
    assert caller.stdout is not None
    caller.stdout.readline()
    time.sleep(seconds)
    caller.kill()
    caller.wait()
    caller.stdout.close()


def nspawns(world: World) -> list[str]:
    """The pids of the systemd-nspawn processes that supervise alpha."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            program, *arguments = (process / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if program == "systemd-nspawn" and f"--machine={world.paths.prefix}alpha" in arguments:
            found.append(process.name)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_a_start_killed_at_any_moment_is_finished_by_the_next(world: World, seed: int) -> None:
    chance = random.Random(seed)
    machines.destroy(world.paths, "alpha")
    for _ in range(3):
        call_and_kill(world, "start", chance.uniform(0, 0.5))
    world.start("alpha")
    assert world.ssh("alpha", "true").returncode == 0
    assert len(nspawns(world)) == 1, "one machine has one supervisor, however often it was started"


@pytest.mark.parametrize("seed", range(4))
def test_a_stop_killed_at_any_moment_is_finished_by_the_next(world: World, seed: int) -> None:
    world.start("alpha")
    call_and_kill(world, "stop", random.Random(seed).uniform(0, 0.3))
    machines.stop(world.paths, "alpha")
    assert world.leftovers() == []


def test_a_machine_outlives_the_process_that_started_it(world: World) -> None:
    machines.stop(world.paths, "alpha")
    call_and_kill(world, "start", 3)
    assert world.ssh("alpha", "true").returncode == 0
    assert not world.start("alpha").booted


def test_a_machine_whose_supervisor_was_killed_is_still_known_and_can_be_stopped(world: World) -> None:
    world.start("alpha")
    (supervisor,) = nspawns(world)
    subprocess.run(["kill", "-KILL", supervisor], check=True)
    assert not world.start("alpha").booted
    machines.stop(world.paths, "alpha")
    assert world.leftovers() == []


def test_a_machine_that_ignores_the_order_to_power_off_is_ended(world: World) -> None:
    world.start("alpha")
    never_ends = ("--property=ExecStop=/bin/sleep infinity", "--property=TimeoutStopSec=infinity")
    done = machines.execute(world.paths, "alpha", ["systemd-run", "--quiet", *never_ends, "/bin/sleep", "infinity"])
    assert done.returncode == 0, done.stderr
    machines.stop(world.paths, "alpha", graceful_seconds=1)
    assert world.leftovers() == []
