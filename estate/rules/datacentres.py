"""Rules about datacentres and their machines, whoever uses them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping

from estate.model import Datacentre
from estate.rules import machines
from estate.rules.finding import Finding, free, show, unique

Datacentres = Mapping[str, Datacentre]


def rack_units_are_distinct(datacentre: Datacentre) -> Iterator[Finding]:
    """One rack unit holds one machine."""
    units = [
        (f"machines.{serial}.rack_units.{index}", unit)
        for serial, machine in datacentre.machines.items()
        for index, unit in enumerate(machine.rack_units)
    ]
    yield from unique(
        units,
        f"each rack unit of cabinet {datacentre.cabinet.id} must hold one machine",
        ", and two machines do not fit",
        f"choose another unit: {free((unit for _, unit in units), 1, 48)}",
    )


def macs_are_distinct(datacentre: Datacentre) -> Iterator[Finding]:
    """One MAC address is one network card."""
    yield from machines.macs_are_distinct(
        (f"machines.{serial}", machine) for serial, machine in datacentre.machines.items()
    )


def public_addresses_are_distinct(datacentre: Datacentre) -> Iterator[Finding]:
    """One public address is one machine."""
    yield from unique(
        [
            (f"machines.{serial}.public_address", machine.public_address)
            for serial, machine in datacentre.machines.items()
            if machine.public_address
        ],
        "each machine must have a public address of its own",
        "",
        "choose another address of the uplink",
    )


def public_addresses_are_usable(datacentre: Datacentre) -> Iterator[Finding]:
    """A machine's public address is one that the carrier routes to it."""
    for serial, machine in datacentre.machines.items():
        if machine.public_address:
            yield from machines.public_address_is_usable(
                f"machines.{serial}", machine.public_address, datacentre.uplink, ("uplink",)
            )


def power_is_known(datacentre: Datacentre) -> Iterator[Finding]:
    """A machine is fed by PDUs of its cabinet."""
    for serial, machine in datacentre.machines.items():
        yield from machines.power_is_known(f"machines.{serial}", machine, "cabinet", datacentre.cabinet)


def switches_are_known(datacentre: Datacentre) -> Iterator[Finding]:
    """A machine is wired to switches of its cabinet."""
    for serial, machine in datacentre.machines.items():
        yield from machines.switches_are_known(f"machines.{serial}", machine, "cabinet", datacentre.cabinet)


def power_is_dual(datacentre: Datacentre) -> Iterator[Finding]:
    """A machine survives the loss of one feed."""
    for serial, machine in datacentre.machines.items():
        yield from machines.power_is_dual(f"machines.{serial}", machine)


def bonds_have_two_switches(datacentre: Datacentre) -> Iterator[Finding]:
    """A machine survives the loss of one switch."""
    for serial, machine in datacentre.machines.items():
        yield from machines.bonds_have_two_switches(f"machines.{serial}", machine)


def macs_name_single_cards(datacentre: Datacentre) -> Iterator[Finding]:
    """A MAC address names one card, not a group."""
    for serial, machine in datacentre.machines.items():
        yield from machines.macs_name_single_cards(f"machines.{serial}", machine)


RULES = (
    rack_units_are_distinct,
    macs_are_distinct,
    public_addresses_are_distinct,
    public_addresses_are_usable,
    power_is_known,
    switches_are_known,
    power_is_dual,
    bonds_have_two_switches,
    macs_name_single_cards,
)


def check(datacentre: Datacentre) -> Iterator[Finding]:
    """Every finding about ``datacentre``."""
    for rule in RULES:
        yield from rule(datacentre)


def _once(
    claims: list[tuple[str, str, Hashable, str]], rule: str, reason: str, fix: str
) -> Iterator[tuple[str, Finding]]:
    """A finding for each of the ``claims`` (datacentre, path, what it is, as shown) that another datacentre made."""
    first: dict[Hashable, tuple[str, str]] = {}
    for name, path, claimed, shown in claims:
        earlier, there = first.setdefault(claimed, (name, path))
        if earlier != name:
            yield (
                name,
                Finding(path=path, value=shown, rule=rule, reason=f"{earlier} has it at {there}{reason}", fix=fix),
            )


def machines_stand_once(datacentres: Datacentres) -> Iterator[tuple[str, Finding]]:
    """A machine, and each of its cards, stands in one datacentre."""
    yield from _once(
        [
            (name, f"machines.{serial}", serial, show(serial))
            for name, each in datacentres.items()
            for serial in each.machines
        ],
        "each machine must stand in one datacentre",
        ", and two networks could use it without being told",
        "remove it where it does not stand",
    )
    yield from _once(
        [
            (name, f"machines.{serial}.nics.{index}.mac", nic.mac, show(nic.mac))
            for name, each in datacentres.items()
            for serial, machine in each.machines.items()
            for index, nic in enumerate(machine.nics)
        ],
        "each network card must have a MAC address of its own",
        "",
        "read the address on the card again",
    )


def cabinets_are_declared_once(datacentres: Datacentres) -> Iterator[tuple[str, Finding]]:
    """One cabinet is in one file: in two, nobody compares its rack units and VLANs."""
    yield from _once(
        [
            (name, "cabinet.id", tuple(" ".join(part.casefold().split()) for part in place), show(each.cabinet.id))
            for name, each in datacentres.items()
            for place in [(each.vendor, each.facility, each.cabinet.id)]
        ],
        "each cabinet must be declared in one datacentre",
        ", and what is in two files is not compared: rack units, and the VLANs of networks",
        "move its machines there, and use that datacentre, or correct vendor, facility or cabinet",
    )


def uplinks_are_disjoint(datacentres: Datacentres) -> Iterator[tuple[str, Finding]]:
    """A public address belongs to one datacentre."""
    items = list(datacentres.items())
    for position, (name, each) in enumerate(items):
        for other, earlier in items[:position]:
            if each.uplink.overlaps(earlier.uplink):
                yield (
                    name,
                    Finding(
                        path="uplink",
                        value=show(each.uplink),
                        rule="must not overlap with the uplink of another datacentre",
                        reason=f"{other} has {earlier.uplink}",
                        fix="write the block that the carrier assigned to this datacentre",
                    ),
                )
                break


def check_all(datacentres: Datacentres) -> Iterator[tuple[str, Finding]]:
    """Everything that is wrong between ``datacentres``, each finding with the name of the one that it is in."""
    for rule in (machines_stand_once, cabinets_are_declared_once, uplinks_are_disjoint):
        yield from rule(datacentres)
