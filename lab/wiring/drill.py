"""Deliberate failures: a region, a datacentre or a host is cut off, as if its cables were pulled.

A cut is an nftables table of its own in the routers concerned, so routes and links stay as they are and neighbours
learn of it as they would: by silence. An apply takes it away, as it does with whatever is not declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.paths import LabPaths
from lab.wiring import namespace, rulesets, security
from lab.wiring.model import Wiring
from lab.wiring.outside import INTERNET
from lab.wiring.site import TO_INTERNET, fabric

TABLES = ("inet cut", "bridge cut")
MUTE = "inet mute"


def _text(interfaces: Iterable[str]) -> str:
    """Drops what comes in or goes out by these interfaces, bridged or routed."""
    names = ", ".join(f'"{name}"' for name in sorted(interfaces))
    chains = "\n".join(
        (
            security.chain("inward", [f"iifname {{ {names} }} drop"], hook="filter hook prerouting priority -400"),
            security.chain("outward", [f"oifname {{ {names} }} drop"], hook="filter hook postrouting priority 400"),
        )
    )
    return "".join(f"table {table}\ndelete table {table}\ntable {table} {{\n{chains}\n}}\n" for table in TABLES)


def severed(wiring: Wiring, *, region: str = "", site: str = "", host: str = "") -> dict[str, tuple[str, ...]]:
    """The routers' interfaces, by router, that a cut of exactly one of these goes through.

    Raises:
        KeyError: nothing in the lab has this name.
    """
    if host:
        return _of_host(wiring, host)
    if site:
        return _of_site(wiring, site)
    found = {
        each.name: tuple(interface.name for interface in each.interfaces if interface.peer)
        for each in wiring.namespaces
        if not each.machine and each.name.split("-", 1)[0] in ("vpc", "vgw") and each.name.split("-", 1)[1] == region
    }
    if not found:
        raise KeyError(f"{region}: no region of this name is in the lab")
    return found


def _of_host(wiring: Wiring, host: str) -> dict[str, tuple[str, ...]]:
    routers = {each.name for each in wiring.namespaces if not each.machine}
    own = next((each for each in wiring.namespaces if each.machine and each.name == host), None)
    if own is None:
        raise KeyError(f"{host}: no host of this name is in the lab")
    found: dict[str, list[str]] = {}
    for interface in own.interfaces:
        if interface.peer and interface.peer[0] in routers:
            found.setdefault(interface.peer[0], []).append(interface.peer[1])
    return {name: tuple(sorted(names)) for name, names in found.items()}


def _of_site(wiring: Wiring, site: str) -> dict[str, tuple[str, ...]]:
    """The uplink, and the far ends of the tunnels to its edges; traffic inside the site continues."""
    name = fabric(site)
    if name not in {each.name for each in wiring.namespaces}:
        raise KeyError(f"{site}: no datacentre of this name is in the lab")
    servers = {interface.peer[0] for interface in wiring.namespace(name).interfaces if interface.peer}
    found: dict[str, tuple[str, ...]] = {name: (TO_INTERNET,)}
    for each in wiring.namespaces:
        tunnels = tuple(
            i.name for i in each.interfaces if i.peer and i.peer[0] in servers and i.peer[1].startswith("vti-")
        )
        if tunnels and not each.machine:
            found[each.name] = tunnels
    return found


def cut(paths: LabPaths, wiring: Wiring, *, region: str = "", site: str = "", host: str = "") -> None:
    """Cuts off one region, one datacentre or one host; further cuts add to it.

    Raises:
        KeyError: nothing in the lab has this name.
    """
    for router, interfaces in severed(wiring, region=region, site=site, host=host).items():
        name = paths.namespace(router)
        before = cuts(paths).get(router, ())
        rulesets.load(name, _text({*before, *interfaces}))


def mute(paths: LabPaths, ways: Sequence[tuple[Sequence[str], Sequence[str]]]) -> None:
    """The internet's router drops what the first of each pair sends to the second (addresses or CIDRs, as the packets
    there carry them). Replaces the pairs of an earlier call.
    """
    rules = [f"ip saddr {{ {', '.join(senders)} }} ip daddr {{ {', '.join(takers)} }} drop" for senders, takers in ways]
    chain = security.chain("silence", rules, hook="filter hook prerouting priority -400")
    rulesets.load(paths.namespace(INTERNET), f"table {MUTE}\ndelete table {MUTE}\ntable {MUTE} {{\n{chain}\n}}\n")


def cuts(paths: LabPaths) -> dict[str, tuple[str, ...]]:
    """The interfaces that are cut now, by router."""
    found = {}
    for name in namespace.named(paths.prefix):
        listed = rulesets.listing(name, TABLES[0]) if namespace.exists(name) else ""
        if listed:
            line = next(line for line in listed.splitlines() if "iifname" in line)
            names = line.split("iifname", 1)[1].removesuffix(" drop").strip(" {}")
            found[name.removeprefix(paths.prefix)] = tuple(sorted(each.strip(' "') for each in names.split(",")))
    return found


def heal(paths: LabPaths) -> None:
    """Removes every cut and every mute."""
    rulesets.load(paths.namespace(INTERNET), f"table {MUTE}\ndelete table {MUTE}\n")
    for router in cuts(paths):
        text = "".join(f"table {table}\ndelete table {table}\n" for table in TABLES)
        rulesets.load(paths.namespace(router), text)
