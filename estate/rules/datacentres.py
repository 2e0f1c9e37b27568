"""Rules about a datacentre's machines, whoever uses them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from estate.model import Datacentre
from estate.rules.finding import Finding, free, repeated, show


def _unique(values: list[tuple[str, Hashable]], rule: str, reason: str, fix: str) -> Iterator[Finding]:
    for path, value, first in repeated(values):
        yield Finding(
            path=path, value=show(value), rule=rule, reason=f"{first} has it too{reason}", fix=fix, involves=(first,)
        )


def rack_units_are_distinct(datacentre: Datacentre) -> Iterator[Finding]:
    """One rack unit holds one machine."""
    units = [
        (f"machines.{serial}.rack_units.{index}", unit)
        for serial, machine in datacentre.machines.items()
        for index, unit in enumerate(machine.rack_units)
    ]
    yield from _unique(
        [*units],
        f"each rack unit of cabinet {datacentre.cabinet.id} must hold one machine",
        ", and two machines do not fit",
        f"choose another unit: {free((unit for _, unit in units), 1, 48)}",
    )


def macs_are_distinct(datacentre: Datacentre) -> Iterator[Finding]:
    """One MAC address is one network card."""
    yield from _unique(
        [
            (f"machines.{serial}.nics.{index}.mac", nic.mac)
            for serial, machine in datacentre.machines.items()
            for index, nic in enumerate(machine.nics)
        ],
        "each network card must have a MAC address of its own",
        ", and two cards with one address take each other's packets",
        "read the address on the card again",
    )


def public_addresses_are_distinct(datacentre: Datacentre) -> Iterator[Finding]:
    """One public address is one machine."""
    yield from _unique(
        [
            (f"machines.{serial}.public_address", machine.public_address)
            for serial, machine in datacentre.machines.items()
            if machine.public_address
        ],
        "each machine must have a public address of its own",
        "",
        "choose another address of the uplink",
    )


RULES = (rack_units_are_distinct, macs_are_distinct, public_addresses_are_distinct)


def check(datacentre: Datacentre) -> Iterator[Finding]:
    """Every finding about ``datacentre``."""
    for rule in RULES:
        yield from rule(datacentre)
