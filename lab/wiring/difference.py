"""What must be done to a namespace, as lines for ``ip -batch``: pure, from what is wanted and what was observed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.wiring.model import Interface, Namespace, Route, Rule
from lab.wiring.observed import HANDED_OVER, PROTOCOL, Observed, ObservedInterface

LOOPBACK_ADDRESSES = frozenset({"127.0.0.1/8", "::1/128"})
OWN_KINDS = ("veth", "bridge")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command of ``ip`` without its namespace, and a description of it."""

    command: str
    words: str


def alias(prefix: str, interface: Interface) -> str:
    """The alias that marks an interface as the wiring's own: its other end."""
    return f"{prefix}{'/'.join(interface.peer)}" if interface.peer else f"{prefix}bridge"


def is_made(prefix: str, interface: Interface, observed: ObservedInterface | None) -> bool:
    """Whether the interface is there, of the right kind, with the right other end."""
    if interface.name == "lo":
        return True
    kind = "bridge" if interface.bridge else "veth"
    return observed is not None and observed.kind == kind and observed.alias == alias(prefix, interface)


def surplus_interfaces(prefix: str, wanted: Namespace, observed: Observed) -> Iterator[str]:
    """Interfaces to remove: in a router whatever is not wanted, elsewhere only what this network's wiring once made."""
    names = {interface.name for interface in wanted.interfaces}
    for name, each in sorted(observed.interfaces.items()):
        own = each.alias.startswith(prefix) if wanted.machine or wanted.shared else each.kind in OWN_KINDS
        if name not in names and own:
            yield name


def steps(wanted: Namespace, observed: Observed) -> list[Step]:
    """What brings interfaces that are there to their state, then rules and routes. Empty if nothing differs."""
    found = [step for interface in wanted.interfaces for step in _interface_steps(wanted, interface, observed)]
    lo = observed.interfaces.get("lo")
    if lo is not None and not lo.up:
        found.append(Step(command="link set dev lo up", words="lo up"))
    found += _rule_steps(wanted, observed)
    found += _route_steps(wanted, observed)
    return found


def handover_steps(wanted: Namespace, observed: Observed) -> list[Step]:
    """What a machine is given once; the mark is set last, so that a killed handover is repeated."""
    if observed.handed_over:
        return []
    given = [
        Step(command=_add_address(interface.name, address), words=f"{interface.name}: {address} handed over")
        for interface in wanted.interfaces
        for address in interface.handover_addresses
        if address not in getattr(observed.interfaces.get(interface.name), "addresses", ())
    ]
    return [*given, Step(command=f'link set dev lo alias "{HANDED_OVER}"', words="handed over")]


def _add_address(device: str, address: str) -> str:
    return f"address add {address} dev {device}{' nodad' if ':' in address else ''}"


def _interface_steps(wanted: Namespace, interface: Interface, observed: Observed) -> Iterator[Step]:
    name = interface.name
    present = observed.interfaces.get(name)
    if present is None:
        return
    if (interface.master or "") != present.master and not wanted.machine:
        master = f"master {interface.master}" if interface.master else "nomaster"
        yield Step(command=f"link set dev {name} {master}", words=f"{name}: {master}")
    if not present.up and name != "lo":
        yield Step(command=f"link set dev {name} up", words=f"{name} up")
    for address in interface.addresses:
        if address not in present.addresses:
            yield Step(command=_add_address(name, address), words=f"{name}: {address}")
    if not wanted.machine:
        for address in sorted(present.addresses - set(interface.addresses) - LOOPBACK_ADDRESSES):
            yield Step(command=f"address del {address} dev {name}", words=f"{name}: {address} taken away")


def _rule_text(rule: Rule) -> str:
    if rule.table == 0:
        return f"pref {rule.priority} not iif lo blackhole protocol {PROTOCOL}"
    arriving = f"iif {rule.arriving} " if rule.arriving else ""
    source = f"from {rule.source} " if rule.source else ""
    return f"pref {rule.priority} {source}{arriving}lookup {rule.table} protocol {PROTOCOL}"


def _rule_steps(wanted: Namespace, observed: Observed) -> Iterator[Step]:
    for rule in sorted(set(wanted.rules) - observed.rules):
        yield Step(command=f"rule add {_rule_text(rule)}", words=f"rule {rule.priority} to table {rule.table}")
    for rule in sorted(observed.rules - set(wanted.rules)):
        yield Step(
            command=f"rule del {_rule_text(rule)}", words=f"rule {rule.priority} to table {rule.table} taken away"
        )


def _route_text(route: Route) -> str:
    parts = [route.kind if route.kind != "unicast" else "", route.destination]
    parts.append(f"via {route.gateway}" if route.gateway else "")
    parts.append(f"dev {route.device}" if route.device else "")
    parts.append("onlink" if route.gateway and not route.is_ipv6 else "")
    parts.append(f"table {route.table}")
    parts.append(f"metric {route.metric}" if route.metric else "")
    parts.append(f"src {route.source}" if route.source else "")
    parts.append(f"proto {PROTOCOL}")
    return " ".join(part for part in parts if part)


def _route_steps(wanted: Namespace, observed: Observed) -> Iterator[Step]:
    devices = {interface.name for interface in wanted.interfaces}
    own = {route for route in observed.routes if not wanted.shared or route.device in devices}
    for route in sorted(own - set(wanted.routes)):
        yield Step(command=f"route del {_route_text(route)}", words=f"route {route.destination} taken away")
    for route in sorted(set(wanted.routes) - observed.routes):
        yield Step(command=f"route replace {_route_text(route)}", words=f"route {route.destination}")
