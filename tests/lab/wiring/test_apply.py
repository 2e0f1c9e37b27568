"""Applying twice changes nothing, what is broken is repaired, what was killed is finished by the next apply."""

from __future__ import annotations

import dataclasses
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from estate.model import Role
from estate.plan import addressing
from lab import netns
from lab.netns import NAMED
from lab.paths import LabPaths
from lab.wiring import namespace
from lab.wiring.apply import apply, remove, state_directory
from lab.wiring.model import Wiring
from lab.wiring.observed import observe
from lab.wiring.plan import plan
from lab.wiring.send import Verdict
from tests.lab.wiring import small
from tests.lab.wiring.conftest import Wired

pytestmark = pytest.mark.lab

ROOT = Path(__file__).resolve().parents[3]
US = "us-east-1"


def of(paths: LabPaths) -> Wiring:
    estate = small.build()
    return plan(estate.network, estate.resources, paths)


def mounts() -> list[str]:
    return [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def test_a_second_apply_changes_nothing(wired: Wired) -> None:
    changes = apply(wired.wiring, wired.paths)
    assert not changes, f"{changes}: {[*changes.created, *changes.repaired, *changes.removed][:5]}"


BREAKAGES = {
    "an address is gone": ("vpc-us-east-1", ["ip", "address", "flush", "dev", "lo"]),
    "a route is gone": ("igw-us-east-1", ["ip", "route", "del", "default"]),
    "a route too many": ("vgw-us-east-1", ["ip", "route", "add", "192.0.2.0/24", "dev", "vpc", "proto", "199"]),
    "a rule is gone": ("vpc-us-east-1", ["ip", "rule", "del", "pref", "100"]),
    "a link is down": ("internet", ["ip", "link", "set", "dev", "world", "down"]),
    "a link is gone": ("site-ash1", ["ip", "link", "del", "dev", "internet"]),
    "a bridge is gone": ("site-ash1", ["ip", "link", "del", "dev", "vlan120"]),
    "a port left its bridge": ("site-ash1", ["ip", "link", "set", "dev", "sign-01.120", "nomaster"]),
    "the firewall is gone": ("vpc-us-east-1", ["nft", "flush", "ruleset"]),
    "the firewall has another rule": ("vpc-us-east-1", ["nft", "insert", "rule", "ip", "lab", "groups-in", "accept"]),
    "forwarding is off": ("nat-us-east-1-a", ["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"]),
    "a host lost its route": ("cosmoshub-signer-ash1-01", ["ip", "route", "del", "default"]),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_what_is_broken_is_mended(wired: Wired, breakage: str) -> None:
    where, command = BREAKAGES[breakage]
    namespace.run(["ip", "netns", "exec", wired.paths.namespace(where), *command])
    assert apply(wired.wiring, wired.paths), f"{breakage}: not noticed"
    again = apply(wired.wiring, wired.paths)
    assert not again, f"{breakage}: not repaired: {again.repaired[:3]}"


def test_a_program_that_died_is_started_again(wired: Wired) -> None:
    names = [wired.paths.namespace(f"vgw-{US}")]
    (pid,) = namespace.occupants(names)[names[0]]
    subprocess.run(["kill", "-9", str(pid)], check=True)
    assert apply(wired.wiring, wired.paths)
    assert namespace.occupants(names), "no BIRD speaks for the region"


def test_what_a_host_made_itself_is_left_alone(wired: Wired) -> None:
    """The shared gateway moves between the edges by VRRP; an apply that gave it back would break the site."""
    first, second = (wired.paths.namespace(f"cosmoshub-edge-ash1-0{number}") for number in (1, 2))
    shared = f"{addressing.zone_gateway(wired.estate.network, 'ash1', 'signer-a')}/24"
    device = "bond0.120"
    moved = [
        ["ip", "-n", first, "address", "del", shared, "dev", device],
        ["ip", "-n", second, "address", "add", shared, "dev", device],
    ]
    for command in moved:
        namespace.run(command)
    try:
        assert not apply(wired.wiring, wired.paths)
        assert shared in observe(second).interfaces[device].addresses
        assert shared not in observe(first).interfaces[device].addresses
    finally:
        namespace.run(["ip", "-n", second, "address", "del", shared, "dev", device])
        namespace.run(["ip", "-n", first, "address", "add", shared, "dev", device])


def test_a_host_that_is_gone_from_the_cloud_is_gone_from_the_network(spare_paths: LabPaths) -> None:
    estate = small.build()
    apply(plan(estate.network, estate.resources, spare_paths), spare_paths)
    sentry = estate.host(Role.PUBLIC_SENTRY, US)
    rest = [each for each in estate.resources if each.id != estate.instances[sentry.name]]
    smaller = plan(estate.network, rest, spare_paths)
    changes = apply(smaller, spare_paths)
    assert f"namespace {spare_paths.namespace(sentry.name)}" in changes.removed
    assert not namespace.exists(spare_paths.namespace(sentry.name))
    assert not apply(smaller, spare_paths)


def test_a_changed_rule_is_a_changed_firewall_and_nothing_else(wired: Wired) -> None:
    estate = small.build()
    group = estate.groups[US, Role.SEED]
    estate.account.make("vpc/securityGroupIngressRule", "sgr", US, securityGroupId=group, **small.permit(9999))
    seed = wired.host(Role.SEED, US)
    probe = wired.probe("client", wired.estate.public(seed.name), 9999)
    assert wired.ask(probe) == [Verdict.DROPPED]
    wider = plan(estate.network, estate.resources, wired.paths)
    assert apply(wider, wired.paths).repaired == [f"vpc-{US}: firewall"]
    assert wired.ask(probe) == [Verdict.REFUSED]
    assert apply(wired.wiring, wired.paths).repaired == [f"vpc-{US}: firewall"]
    assert wired.ask(probe) == [Verdict.DROPPED]


def test_a_firewall_that_nft_refuses_leaves_the_old_one_standing(wired: Wired) -> None:
    name = f"vpc-{US}"
    broken = dataclasses.replace(
        wired.wiring,
        namespaces=tuple(
            dataclasses.replace(each, ruleset=each.ruleset.replace("tcp dport", "tcp nonsense"))
            if each.name == name
            else each
            for each in wired.wiring.namespaces
        ),
    )
    with pytest.raises(namespace.CommandFailed, match="nonsense"):
        apply(broken, wired.paths)
    sentry = wired.estate.public(wired.host(Role.PUBLIC_SENTRY, US).name)
    assert wired.ask(wired.probe("client", sentry, 22)) == [Verdict.DROPPED]
    assert not apply(wired.wiring, wired.paths)


APPLY = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from lab import netns
from lab.netns import NAMED
from lab.paths import LabPaths
from lab.wiring.apply import apply
from lab.wiring.plan import plan
from tests.lab.wiring import small
paths = LabPaths(checkout=Path(sys.argv[2]), network="cosmoshub")
estate = small.build()
wiring = plan(estate.network, estate.resources, paths)
print("ready", flush=True)
apply(wiring, paths)
"""


def test_a_kill_at_any_moment_is_mended_by_the_next_apply(spare_paths: LabPaths) -> None:
    wiring = of(spare_paths)
    chance = random.Random(7)
    for _ in range(6):
        arguments = [sys.executable, "-c", APPLY, str(ROOT), str(spare_paths.checkout)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            running.stdout.readline()
            time.sleep(chance.uniform(0, 1.2))
            running.kill()
        if chance.random() < 0.5:
            remove(spare_paths)
            assert not namespace.named(spare_paths.prefix)
    apply(wiring, spare_paths)
    again = apply(wiring, spare_paths)
    assert not again, [*again.created, *again.repaired, *again.removed][:5]


def test_a_half_made_namespace_is_rebuilt(spare_paths: LabPaths) -> None:
    """A kill within ``ip netns add`` leaves an empty file under the namespace's name."""
    wiring = of(spare_paths)
    NAMED.mkdir(exist_ok=True)
    (NAMED / spare_paths.namespace("internet")).touch()
    apply(wiring, spare_paths)
    assert namespace.exists(spare_paths.namespace("internet"))


def test_remove_leaves_nothing_and_takes_nothing_else(wired: Wired, spare_paths: LabPaths) -> None:
    apply(of(spare_paths), spare_paths)
    before = set(namespace.named(wired.paths.prefix))
    inside = spare_paths.namespace("client")
    with netns.start(inside, ["sleep", "600"]) as stranded:
        remove(spare_paths)
        assert stranded.wait(timeout=60) < 0, "a process outlived the network that it was in"
    assert namespace.named(spare_paths.prefix) == ()
    assert not [mount for mount in mounts() if spare_paths.prefix in mount]
    assert not list(Path("/run").glob(f"{spare_paths.prefix}*"))
    assert not state_directory(spare_paths).exists()
    assert set(namespace.named(wired.paths.prefix)) == before
    changes = apply(wired.wiring, wired.paths)
    assert not changes, f"the other lab was touched: {changes.repaired[:3]}"


def test_removing_what_was_never_there_is_no_error(spare_paths: LabPaths) -> None:
    remove(spare_paths)
    remove(spare_paths)
