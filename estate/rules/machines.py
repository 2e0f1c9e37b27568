"""Rules about one machine in its cabinet, as a datacentre declares it and as a network uses it.

``path`` is the machine's place in what is checked, ``where`` that of its cabinet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from estate.model import Cabinet, Machine
from estate.rules.finding import Finding, choose, show, unique, words


def macs_are_distinct(machines: Iterable[tuple[str, Machine]]) -> Iterator[Finding]:
    """One MAC address is one network card. ``machines``: each with its path."""
    yield from unique(
        ((f"{path}.nics.{index}.mac", nic.mac) for path, machine in machines for index, nic in enumerate(machine.nics)),
        "each network card must have a MAC address of its own",
        ", and two cards with one address take each other's packets",
        "read the address on the card again",
    )


def macs_name_single_cards(path: str, machine: Machine) -> Iterator[Finding]:
    """A MAC address names one card, not a group."""
    for index, nic in enumerate(machine.nics):
        if int(nic.mac[:2], 16) & 1:
            yield Finding(
                path=f"{path}.nics.{index}.mac",
                value=show(nic.mac),
                rule="must be the address of one card",
                reason="its first pair is odd, so it is a multicast address (IEEE 802)",
                fix="read the address on the card again",
            )


def power_is_known(path: str, machine: Machine, where: str, cabinet: Cabinet) -> Iterator[Finding]:
    """A machine is fed by PDUs of its cabinet."""
    for index, feed in enumerate(machine.power):
        if feed not in cabinet.pdus:
            yield Finding(
                path=f"{path}.power.{index}",
                value=show(feed),
                rule=f"must be one of the PDUs of cabinet {cabinet.id}",
                reason="the server has no cable to another",
                fix=choose(feed, cabinet.pdus),
                involves=(f"{where}.pdus.*",),
            )


def power_is_dual(path: str, machine: Machine) -> Iterator[Finding]:
    """A machine survives the loss of one feed."""
    if len(set(machine.power)) < 2:
        yield Finding(
            path=f"{path}.power",
            value=show(machine.power),
            rule="must be two different PDUs",
            reason="a server with one feed fails with it",
            fix="wire its second power supply, and name both",
            involves=(f"{path}.power.*",),
        )


def switches_are_known(path: str, machine: Machine, where: str, cabinet: Cabinet) -> Iterator[Finding]:
    """A machine is wired to switches of its cabinet."""
    for index, nic in enumerate(machine.nics):
        if nic.switch not in cabinet.switches:
            yield Finding(
                path=f"{path}.nics.{index}.switch",
                value=show(nic.switch),
                rule=f"must be one of the switches of cabinet {cabinet.id}",
                reason="the server has no cable to another",
                fix=choose(nic.switch, cabinet.switches),
                involves=(f"{where}.switches.*",),
            )


def bonds_have_two_switches(path: str, machine: Machine) -> Iterator[Finding]:
    """A machine survives the loss of one switch."""
    if len({nic.switch for nic in machine.nics}) < 2:
        yield Finding(
            path=f"{path}.nics",
            value=words(nic.switch for nic in machine.nics),
            rule="must be wired to two different switches",
            reason="a bond over one switch fails with it",
            fix="wire the second network card to the other switch",
            involves=(f"{path}.nics.*.switch",),
        )


def public_address_is_usable(
    path: str, address: IPv4Address, uplink: IPv4Network, involves: tuple[str, ...]
) -> Iterator[Finding]:
    """A machine's public address is one that the carrier routes to it."""
    fix = f"choose one from {uplink[2]} to {uplink[-2]}" if uplink.num_addresses > 3 else "choose one of the uplink"
    gateway = uplink.network_address + 1
    if address not in uplink:
        yield Finding(
            path=f"{path}.public_address",
            value=show(address),
            rule=f"must lie in the uplink {uplink}",
            reason="the carrier routes nothing else to this site",
            fix=fix,
            involves=involves,
        )
    elif address in (uplink.network_address, uplink.broadcast_address, gateway):
        what = "the carrier's gateway" if address == gateway else "the network's own or its broadcast address"
        yield Finding(
            path=f"{path}.public_address",
            value=show(address),
            rule="must be a host address of the uplink",
            reason=f"it is {what}",
            fix=fix,
            involves=involves,
        )
