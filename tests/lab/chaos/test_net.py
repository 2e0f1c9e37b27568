"""The fast net's namespaces: places that hear each other, and that are made deaf."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from lab import netns
from lab.chaos import net
from lab.chaos.net import Net, both_ways
from lab.netns import NAMED, entered
from lab.wiring import namespace

pytestmark = pytest.mark.lab

HERE, THERE = net.node("a"), net.signer("a")


@pytest.fixture(scope="module")
def wires(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    made = Net(net.paths(tmp_path_factory.mktemp("chaos")))
    made.make()
    yield made
    made.remove()


@pytest.fixture(autouse=True)
def _healed(wires: Net) -> Iterator[None]:
    yield
    wires.heal()


def reaches(wires: Net, place: str, other: str) -> bool:
    """Whether a question from ``place`` is heard at ``other``, and its answer (nothing listens) at ``place``."""
    with entered(wires.paths.namespace(place)), socket.socket() as asking:
        asking.settimeout(1)
        try:
            asking.connect((str(net.ADDRESSES[other]), 9))
        except ConnectionRefusedError:
            return True
        except TimeoutError:
            return False
    raise AssertionError("something listens")


def drops(wires: Net, place: str) -> int:
    """How many rules of a cut there are at ``place``."""
    inside = ["nsenter", f"--net={NAMED / wires.paths.namespace(place)}"]
    rules = subprocess.run([*inside, "nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
    return rules.count("drop")


def test_every_place_reaches_every_other(wires: Net) -> None:
    assert reaches(wires, HERE, THERE) and reaches(wires, net.TABLE, net.OTHER_VALIDATORS[2])


def test_a_place_that_is_cut_off_from_another_reaches_the_others(wires: Net) -> None:
    wires.cut(*both_ways([HERE], [THERE]))
    assert not reaches(wires, HERE, THERE) and not reaches(wires, THERE, HERE)
    assert reaches(wires, HERE, net.TABLE)


def test_a_cut_in_one_direction_is_where_the_packets_arrive(wires: Net) -> None:
    wires.cut((HERE, THERE))
    assert not reaches(wires, HERE, THERE)
    assert (drops(wires, THERE), drops(wires, HERE)) == (1, 0)


def test_what_is_healed_leaves_the_other_cuts(wires: Net) -> None:
    wires.cut((HERE, THERE), (net.TABLE, THERE))
    wires.heal((HERE, THERE))
    assert reaches(wires, HERE, THERE) and not reaches(wires, net.TABLE, THERE)


def test_no_link_leads_out_of_where_tmkms_is(wires: Net) -> None:
    inside = ["ip", "-n", wires.paths.namespace(net.vault("a")), "-brief", "link"]
    assert subprocess.run(inside, capture_output=True, text=True, check=True).stdout.split() in (
        [],
        ["lo", "DOWN", "00:00:00:00:00:00", "<LOOPBACK>"],
    )


def test_a_started_process_is_in_its_namespace_at_once(wires: Net) -> None:
    name = wires.paths.namespace(HERE)
    living = [netns.start(name, ["sleep", "600"]) for _ in range(20)]
    found = namespace.occupants([name])
    for each in living:
        each.kill()
        each.wait()
    assert set(found[name]) == {each.pid for each in living}


def test_what_lived_in_an_earlier_net_is_killed(wires: Net) -> None:
    living = netns.start(wires.paths.namespace(HERE), ["sleep", "600"])
    wires.make()
    assert living.wait(60) == -signal.SIGKILL
    assert reaches(wires, HERE, THERE)
