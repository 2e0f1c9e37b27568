"""What exists: interfaces, addresses, routes and rules of a namespace, as the kernel reports it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from lab.wiring import namespace
from lab.wiring.model import Route, Rule

PROTOCOL = 199
"""The routing protocol number that marks routes and rules as the wiring's own."""

HANDED_OVER = "handed over"
"""The alias of ``lo`` in a machine that was given its handover state."""

KINDS = {"6": "blackhole", "7": "unreachable"}
DEFAULT_METRIC6 = 1024


@dataclass(frozen=True, kw_only=True)
class ObservedInterface:
    name: str
    alias: str
    kind: str
    up: bool
    master: str
    addresses: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Observed:
    """A namespace's own things, and of its routes and rules those that the wiring made."""

    interfaces: dict[str, ObservedInterface] = field(default_factory=dict)
    routes: frozenset[Route] = frozenset()
    rules: frozenset[Rule] = frozenset()

    @property
    def handed_over(self) -> bool:
        return "lo" in self.interfaces and self.interfaces["lo"].alias == HANDED_OVER


def _documents(text: str) -> list[list[dict[str, Any]]]:
    """``ip -j -batch`` prints one JSON array for each command, one after the other."""
    decoder, position, found = json.JSONDecoder(), 0, []
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        document, position = decoder.raw_decode(text, position)
        found.append(document)
    return found


def _interface(link: dict[str, Any]) -> ObservedInterface:
    return ObservedInterface(
        name=link["ifname"],
        alias=link.get("ifalias", ""),
        kind=link.get("linkinfo", {}).get("info_kind", ""),
        up="UP" in link.get("flags", ()),
        master=link.get("master", ""),
        addresses=frozenset(
            f"{each['local']}/{each['prefixlen']}"
            for each in link.get("addr_info", ())
            if not each["local"].startswith("fe80:")
        ),
    )


def _destination(text: str) -> str:
    return text if text in ("default", "::/0") or "/" in text else str(ip_network(text))


def _route(found: dict[str, Any]) -> Route:
    destination, gateway, metric = _destination(found["dst"]), found.get("gateway", ""), found.get("metric", 0)
    if ":" in gateway and destination == "default":
        destination = "::/0"
    unicast = found.get("type", "1") in ("1", "unicast")
    return Route(
        destination=destination,
        kind="unicast" if unicast else KINDS.get(found["type"], found["type"]),
        table=int(found.get("table", 254)),
        device=found.get("dev", "") if unicast else "",
        gateway=gateway,
        metric=0 if ":" in destination and metric == DEFAULT_METRIC6 else metric,
        source=found.get("prefsrc", ""),
    )


def _rule(found: dict[str, Any]) -> Rule:
    return Rule(
        priority=found["priority"],
        table=0 if "not" in found else int(found.get("table", 0)),
        arriving=found.get("iif", "") if found.get("iif") != "lo" else "",
        source=found.get("src", "all") if found.get("src") != "all" else "",
    )


def observe(name: str) -> Observed:
    """The state of the namespace ``name``."""
    commands = "address show\nroute show table all\nrule show\n"
    links, routes, rules = _documents(namespace.run(["ip", "-N", "-d", "-j", "-n", name, "-batch", "-"], commands))
    return Observed(
        interfaces={link["ifname"]: _interface(link) for link in links if link},
        routes=frozenset(_route(each) for each in routes if each.get("protocol") == str(PROTOCOL)),
        rules=frozenset(_rule(each) for each in rules if each.get("protocol") == str(PROTOCOL)),
    )


def read_setting(key: str) -> str | None:
    """A kernel setting of the namespace this thread is in; None where the kernel does not have it."""
    try:
        return (Path("/proc/sys") / key).read_text().strip()
    except FileNotFoundError:
        return None
