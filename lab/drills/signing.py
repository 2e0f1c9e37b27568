"""Signing fails in one place: signer, datacentre, path to the table. The other datacentre signs on, and never twice."""

from __future__ import annotations

import time

from estate.model import Role
from estate.plan.hosts import Host
from lab.chain.watch import ChainUnreachable, Node
from lab.drills.estate import Estate
from lab.errors import PromiseBroken
from lab.table import coordination

GATE_UNIT, SIGNER_UNIT = "signing-gate.service", "tmkms.service"
WAITING_SECONDS = 15
"""A node without its signer is watched this long; it must not answer."""

KILLS = 2
BLOCKS_UNTIL_BACK = 5
CUT_BLOCKS = 5
"""A datacentre is cut off for this many blocks, and watched for as many after its return."""


def _answers(node: Node) -> bool:
    try:
        node.head()
    except ChainUnreachable:
        return False
    return True


def _owner(estate: Estate) -> Host:
    """The signer that owns the table's current height."""
    row = coordination.operator_table(estate.paths, estate.network).read(estate.key)
    owners = [host for host in coordination.gates(estate.network) if row and host.name == row.owner]
    if not owners:
        raise PromiseBroken("the table has no claim of a gate of ours: nothing is signed through it")
    return owners[0]


def _stop(estate: Estate, host: Host) -> None:
    estate.units("stop", host, SIGNER_UNIT, GATE_UNIT)


def _start(estate: Estate, host: Host) -> None:
    estate.units("start", host, GATE_UNIT, SIGNER_UNIT)


def stop_signer(estate: Estate) -> None:
    """One datacentre's signer stops: the other signs on; the validator, restarted, waits for its signer."""
    site = estate.network.signing.custody
    signer, validator = estate.active(Role.SIGNER, site), estate.active(Role.VALIDATOR, site)
    rpc = Node("127.0.0.1", estate.network.chain.ports.rpc, estate.paths.namespace(validator.name), timeout_seconds=3)
    try:
        with estate.missing_at_most(1):
            estate.say(f"stopping gate and tmkms on {signer.name}")
            _stop(estate, signer)
        estate.say(f"restarting the node on {validator.name} without a signer")
        estate.node_unit("stop", validator)
        estate.node_unit("start", validator)
        time.sleep(WAITING_SECONDS)
        if _answers(rpc):
            raise PromiseBroken(f"the node on {validator.name} runs without its signer; it must wait for it")
        estate.say("it waits")
    finally:
        _start(estate, signer)
    with estate.missing_at_most(0):
        estate.say(f"{signer.name} signs again")


def kill_owner(estate: Estate) -> None:
    """Gate and tmkms of the height's owner are killed, twice: at most one height is missed each time."""
    for _ in range(KILLS):
        owner = _owner(estate)
        try:
            with estate.missing_at_most(1, BLOCKS_UNTIL_BACK):
                estate.say(f"killing gate and tmkms on {owner.name}, which owns the height")
                estate.units("kill", owner, "--signal=KILL", GATE_UNIT, SIGNER_UNIT)
                _stop(estate, owner)
        finally:
            _start(estate, owner)
        estate.wait_until_steady()


def lose_datacentre(estate: Estate) -> None:
    """Each datacentre in turn is cut off from everything: the other signs on, and at most two heights are missed."""
    for host in coordination.gates(estate.network):
        with estate.missing_at_most(2, CUT_BLOCKS), estate.without(site=host.place):
            estate.let_pass(CUT_BLOCKS)
        estate.wait_until_steady()


def partition(estate: Estate) -> None:
    """A datacentre and the table lose each other, in one direction, then in both: at most two heights are missed."""
    for host in coordination.gates(estate.network):
        for both_ways in (False, True):
            with estate.missing_at_most(2, CUT_BLOCKS), estate.muted(host.place, both_ways=both_ways):
                estate.let_pass(CUT_BLOCKS)
            estate.wait_until_steady()


def lose_table(estate: Estate) -> None:
    """Nobody reaches the table: nothing is signed anywhere, and signing resumes by itself when it is back."""
    with estate.muted(*(host.place for host in coordination.gates(estate.network)), both_ways=True):
        estate.must_sign_none()
    estate.say(f"signing resumed {estate.wait_until_signing():.0f} s after the table was back")
    estate.wait_until_steady()
