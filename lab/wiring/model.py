"""What the lab's network is made of: namespaces, the links between them, and what runs inside."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_INTERFACE_NAME = 15
"""Linux's IFNAMSIZ without the closing zero."""


@dataclass(frozen=True, kw_only=True, order=True)
class Interface:
    """A network interface.

    Attributes:
        name: at most 15 characters.
        peer: (namespace, interface) at the other end of a veth pair; None for a bridge and for ``lo``.
        bridge: whether it is a bridge.
        master: the bridge of the same namespace that it is a port of.
        addresses: in CIDR form, kept by every apply.
        handover_addresses: given once, when the namespace is made; the host's own configuration moves them later.
        proxy_arp: whether it answers for every address that is reached through another interface.
    """

    name: str
    peer: tuple[str, str] | None = None
    bridge: bool = False
    master: str | None = None
    addresses: tuple[str, ...] = ()
    handover_addresses: tuple[str, ...] = ()
    proxy_arp: bool = False


@dataclass(frozen=True, kw_only=True, order=True)
class Route:
    """One route of a table; 254 is main.

    ``kind`` is unicast, blackhole or unreachable; ``source`` the preferred source address.
    """

    destination: str
    kind: str = "unicast"
    table: int = 254
    device: str = ""
    gateway: str = ""
    metric: int = 0
    source: str = ""

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.destination


@dataclass(frozen=True, kw_only=True, order=True)
class Rule:
    """A policy routing rule: which table a packet's route is looked up in.

    ``arriving`` is the incoming interface, ``source`` an address. ``table`` 0 discards what is not from this namespace
    itself.
    """

    priority: int
    table: int
    arriving: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Namespace:
    """A network namespace by its name without the lab's prefix.

    In a router everything belongs to the wiring. In a machine its system has addresses, routes, kernel settings and a
    firewall of its own in addition to what is given here; ``handover_*`` is its state when it is first switched on.
    ``ruleset`` is nftables text of the one table ``ip lab``.

    A ``shared`` namespace is one for all networks of the checkout: each has its own interfaces there, with addresses
    and routes, and leaves alone what others made.
    """

    name: str
    machine: bool = False
    shared: bool = False
    interfaces: tuple[Interface, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    ruleset: str = ""
    handover_settings: tuple[tuple[str, str], ...] = ()
    handover_ruleset: str = ""


@dataclass(frozen=True, kw_only=True, order=True)
class Process:
    """A program that runs in a namespace: ``bird`` or ``haproxy``, with its configuration file's text."""

    namespace: str
    program: str
    configuration: str


@dataclass(frozen=True, kw_only=True, order=True)
class Certificate:
    """A server certificate of the lab's own authority, for ``names``; ``path`` holds chain and key."""

    path: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """All namespaces of one network in the lab, and the shared ones."""

    namespaces: tuple[Namespace, ...]
    processes: tuple[Process, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    not_modelled: tuple[str, ...] = ()

    def namespace(self, name: str) -> Namespace:
        return next(each for each in self.namespaces if each.name == name)
