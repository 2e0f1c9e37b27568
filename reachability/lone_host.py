"""One host of which only the ruleset is known: what passes from the networks around it to it and to what it publishes.

Its addresses, interfaces and containers are those that the ruleset names: a destination of a ``dnat`` is a machine
behind the bridge to which the rules forward it, as Docker's are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reachability.addresses import (
    ALL_V4,
    ALL_V6,
    EVERYWHERE,
    GLOBAL,
    NOT_GLOBAL,
    V6,
    Intervals,
    address,
    contains,
    difference,
    text,
    union,
)
from reachability.assembly import Assembly, join
from reachability.frontends import nftables
from reachability.network import (
    INTERNET,
    Action,
    Arrive,
    Devices,
    Firewall,
    Fragment,
    Interface,
    LinkEnd,
    Lookup,
    Machine,
    Route,
    Rule,
    exit_stage,
)
from reachability.places import Target

HOST = "host"
NETWORK = "lan"
"""The name of the network around the host, for addresses that are not on the internet."""
UNNAMED = "uplink"
ADDRESSES = ("192.0.2.1", "2001:db8::1")
"""The addresses of a host whose ruleset names none."""
TABLES = re.compile(r"^(?=[ \t]*table\s)", re.MULTILINE)
TABLE = re.compile(r"\s*table\s+(ip6?)\s")
LOCAL = re.compile(r"\bfib daddr type local\b")
UPLINK = re.compile(r"(?:en|eth|wl|ww|ib|bond)[a-z0-9.]*\*?")
"""The names of interfaces that lead out of a host (systemd.net-naming-scheme(7)); others are bridges and tunnels."""


@dataclass(frozen=True, slots=True)
class _Behind:
    """A machine to which the host translates: its address, and the interfaces that may lead to it."""

    address: int
    devices: frozenset[str]

    @property
    def name(self) -> str:
        return f"behind-{text(self.address)}"


def assembly(ruleset: str) -> Assembly:
    """The network of a host with this ruleset.

    Raises:
        NftError: nft would not load the ruleset, so that the host would have no firewall.
    """
    firewall = nftables.firewall(ruleset)
    rules = list(_rules(firewall))
    behind = _behind(rules)
    inner = frozenset[str]().union(*(each.devices for each in behind))
    named = {name for rule in rules for name in _named(rule)}
    uplinks = sorted(name.replace("*", "0") for name in named - inner if UPLINK.fullmatch(name)) or [UNNAMED]
    own = _own(rules, {each.address for each in behind})
    made = Fragment()
    made.stages["out"] = Lookup(
        "the networks around the host",
        (
            *(Route(each, (INTERNET,), "the internet") for each in GLOBAL),
            *(Route(each, (exit_stage(NETWORK, HOST),), NETWORK) for each in NOT_GLOBAL),
        ),
    )
    legs = []
    for device in uplinks:
        made.stages[f"in by {device}"] = Arrive(HOST, device)
        legs.append(Interface(f"{HOST}/{device}", HOST, device, own, "out", own))
    entries = tuple(f"in by {device}" for device in uplinks)
    made.stages["in"] = Lookup(HOST, tuple(Route(each, entries, HOST) for each in EVERYWHERE))
    made.public += [Route((point, point), ("in",), HOST) for point in own]
    around = difference(EVERYWHERE, union([(point, point) for point in own]))
    made.link_ends.append(LinkEnd(NETWORK, HOST, "in", NETWORK, around))
    routes = [(ALL_V4, uplinks[0]), (ALL_V6, uplinks[0])]
    bridges: dict[str, list[_Behind]] = {}
    for each in behind:
        if len(each.devices) > 1:
            made.unmodelled.append(
                f"{text(each.address)} may be behind {' or '.join(sorted(each.devices))}: the ruleset does not tell"
            )
        bridges.setdefault(min(each.devices, default="bridge"), []).append(each)
    for device, members in bridges.items():
        point = (each.address for each in members)
        made.stages[f"in by {device}"] = Arrive(HOST, device)
        made.stages[f"on {device}"] = Lookup(
            device, tuple(Route((each, each), (f"at {text(each)}",), device) for each in point)
        )
        legs.append(Interface(f"{HOST}/{device}", HOST, device, (), f"on {device}"))
        for each in members:
            routes.append(((each.address, each.address), device))
            made.stages[f"at {text(each.address)}"] = Arrive(each.name, "eth0")
            leg = Interface(f"{each.name}/eth0", each.name, "eth0", (each.address,), f"in by {device}")
            made.machines.append(
                Machine(each.name, (leg,), ((ALL_V4, "eth0"), (ALL_V6, "eth0")), aliases=(text(each.address),))
            )
    made.machines.append(Machine(HOST, tuple(legs), tuple(routes), forwards=True, labels={"Name": HOST}))
    return join([made], rulesets={HOST: _with_local_addresses(ruleset, own)})


def _with_local_addresses(ruleset: str, own: tuple[int, ...]) -> str:
    """The ruleset in which ``fib daddr type local``, as Docker writes it, is a test for one of the host's addresses."""
    found = {
        "ip": [*(text(each) for each in own if each < V6), "127.0.0.0/8"],
        "ip6": [*(text(each) for each in own if each >= V6), "::1"],
    }

    def written(table: str) -> str:
        family = TABLE.match(table)
        if family is None:
            return table
        return LOCAL.sub(f"{family[1]} daddr {{ {', '.join(found[family[1]])} }}", table)

    return "".join(map(written, TABLES.split(ruleset)))


def published(assembly: Assembly) -> Target:
    """The host with every machine that it publishes: packets to one of its addresses may end at any of them."""
    host = assembly.machines[HOST]
    own = union([(point, point) for leg in host.interfaces for point in leg.addresses])
    ends = frozenset((name, None) for name in assembly.machines)
    return Target(HOST, ends=ends, destinations=own, machine=host)


def _rules(firewall: Firewall) -> Iterator[Rule]:
    for base in firewall.hooks.values():
        for chain in base:
            yield from chain.rules
    for chain in firewall.chains.values():
        yield from chain.rules


def _points(found: Intervals | None) -> Iterator[int]:
    yield from (low for low, high in found or () if low == high)


def _own(rules: list[Rule], behind: set[int]) -> tuple[int, ...]:
    """The host's addresses: single destinations that its rules name, and one of each family."""
    given = {point for rule in rules for point in _points(rule.match.destinations)} - behind
    unicast = {point for point in given if contains(GLOBAL, point)}
    return tuple(sorted({*unicast, *map(address, ADDRESSES)}))


def _behind(rules: list[Rule]) -> list[_Behind]:
    """The machines to which the rules translate."""
    found: dict[int, set[str]] = {}
    for rule in rules:
        if rule.action is Action.DNAT:
            for point in _points(rule.address):
                excluded = rule.match.incoming.excluded if isinstance(rule.match.incoming, Devices) else frozenset()
                found.setdefault(point, set()).update(excluded)
    for point, devices in found.items():
        for rule in rules:
            if rule.match.destinations is not None and contains(rule.match.destinations, point):
                devices |= _names(rule.match.outgoing)
    return [_Behind(point, frozenset(devices)) for point, devices in sorted(found.items())]


def _names(devices: frozenset[str] | Devices | None) -> frozenset[str]:
    names = devices.names if isinstance(devices, Devices) else devices
    return names or frozenset()


def _named(rule: Rule) -> Iterator[str]:
    for devices in (rule.match.incoming, rule.match.outgoing):
        yield from _names(devices)
        if isinstance(devices, Devices):
            yield from devices.excluded
