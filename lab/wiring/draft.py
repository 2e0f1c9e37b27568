"""A network while it is built: namespaces are extended piece by piece, and the result is sorted and checked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network

from lab.wiring.model import LONGEST_INTERFACE_NAME, Interface, Namespace, Route, Rule

LINK_ADDRESSES = IPv4Network("100.64.0.0/10")
"""Addresses of the links between routers (RFC 6598): no one's, and never seen by a host."""

ROUTER_SETTINGS = (
    ("net/ipv4/ip_forward", "1"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/conf/all/send_redirects", "0"),
    ("net/ipv4/conf/default/send_redirects", "0"),
    ("net/ipv4/neigh/default/proxy_delay", "0"),
    ("net/ipv6/conf/all/disable_ipv6", "1"),
    ("net/ipv6/conf/default/disable_ipv6", "1"),
)


def interface_name(name: str) -> str:
    """``name``, cut to what Linux takes, with four digits of its hash where it was longer."""
    if len(name) <= LONGEST_INTERFACE_NAME:
        return name
    return f"{name[: LONGEST_INTERFACE_NAME - 5]}-{sha256(name.encode()).hexdigest()[:4]}"


@dataclass
class _Open:
    machine: bool
    shared: bool = False
    interfaces: dict[str, Interface] = field(default_factory=dict)
    routes: set[Route] = field(default_factory=set)
    rules: set[Rule] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)
    ruleset: str = ""
    handover_settings: dict[str, str] = field(default_factory=dict)
    handover_ruleset: str = ""


@dataclass
class Draft:
    """Namespaces by name, while links, addresses and routes are added to them."""

    open: dict[str, _Open] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)

    def router(self, name: str) -> None:
        """A namespace that belongs to the wiring and forwards."""
        self.open.setdefault(name, _Open(machine=False, settings=dict(ROUTER_SETTINGS)))
        self.loopback(name)

    def shared_router(self, name: str) -> None:
        """A namespace that forwards between the networks of the checkout."""
        self.open.setdefault(name, _Open(machine=False, shared=True, settings=dict(ROUTER_SETTINGS)))

    def machine(self, name: str) -> None:
        """A namespace that a system of its own lives in."""
        self.open.setdefault(name, _Open(machine=True))

    def loopback(self, name: str, *addresses: str) -> None:
        """Addresses of the router itself, which it answers for on every interface."""
        self._update(name, "lo", addresses)

    def address(self, name: str, interface: str, *addresses: str) -> None:
        """Further addresses of an interface that is there."""
        self._update(name, interface, addresses)

    def bridge(self, name: str, interface: str, *addresses: str) -> None:
        self.open[name].interfaces[interface] = Interface(name=interface, bridge=True, addresses=addresses)

    def link(
        self,
        near: tuple[str, str],
        far: tuple[str, str],
        *,
        near_addresses: tuple[str, ...] = (),
        far_addresses: tuple[str, ...] = (),
        near_master: str | None = None,
        near_proxy: bool = False,
    ) -> None:
        """A veth pair between two (namespace, interface)."""
        ends = (
            (near, far, near_addresses, near_master, near_proxy),
            (far, near, far_addresses, None, False),
        )
        for (namespace, name), peer, addresses, master, proxy in ends:
            if name in self.open[namespace].interfaces:
                raise ValueError(
                    f"{namespace}: got a second interface {name}, to {'/'.join(peer)}; names are unique in a namespace"
                )
            self.open[namespace].interfaces[name] = Interface(
                name=name, peer=peer, master=master, addresses=addresses, proxy_arp=proxy
            )

    def router_link(self, near: tuple[str, str], far: tuple[str, str]) -> tuple[str, str]:
        """A link between two routers; returns the addresses of the near and the far end."""
        near_address, far_address = self._link_addresses(near, far)
        self.link(near, far, near_addresses=(f"{near_address}/31",), far_addresses=(f"{far_address}/31",))
        return str(near_address), str(far_address)

    def route(self, name: str, *routes: Route) -> None:
        self.open[name].routes.update(routes)

    def rule(self, name: str, *rules: Rule) -> None:
        self.open[name].rules.update(rules)

    def setting(self, name: str, key: str, value: str) -> None:
        self.open[name].settings[key] = value

    def ruleset(self, name: str, text: str) -> None:
        self.open[name].ruleset = text

    def handover(self, name: str, *, settings: dict[str, str] | None = None, ruleset: str = "") -> None:
        self.open[name].handover_settings.update(settings or {})
        self.open[name].handover_ruleset += ruleset

    def handover_addresses(self, name: str, interface: str, *addresses: str) -> None:
        known = self.open[name].interfaces[interface]
        self.open[name].interfaces[interface] = replace(
            known, handover_addresses=(*known.handover_addresses, *addresses)
        )

    def namespaces(self) -> tuple[Namespace, ...]:
        return tuple(
            Namespace(
                name=name,
                machine=draft.machine,
                shared=draft.shared,
                interfaces=tuple(sorted(draft.interfaces.values(), key=lambda each: each.name)),
                routes=tuple(sorted(draft.routes)),
                rules=tuple(sorted(draft.rules)),
                settings=tuple(sorted(draft.settings.items())),
                ruleset=draft.ruleset,
                handover_settings=tuple(sorted(draft.handover_settings.items())),
                handover_ruleset=draft.handover_ruleset,
            )
            for name, draft in sorted(self.open.items())
        )

    def _update(self, name: str, interface: str, addresses: tuple[str, ...]) -> None:
        known = self.open[name].interfaces.get(interface, Interface(name=interface))
        merged = tuple(sorted({*known.addresses, *addresses}))
        self.open[name].interfaces[interface] = replace(known, addresses=merged)

    def _link_addresses(self, near: tuple[str, str], far: tuple[str, str]) -> tuple[IPv4Address, IPv4Address]:
        """A /31 from the hash of the link's name, the next free one where two links share it."""
        identity = "\0".join(("/".join(near), "/".join(far)))
        pairs = LINK_ADDRESSES.num_addresses // 2
        index = int(sha256(identity.encode()).hexdigest(), 16) % pairs
        while index in self.taken:
            index = (index + 1) % pairs
        self.taken.add(index)
        return LINK_ADDRESSES[2 * index], LINK_ADDRESSES[2 * index + 1]
