"""The network model: every frontend (AWS, GCP, sites, nftables) compiles to it, and the walk runs on it.

A packet is at a *stage*, named by a string. A stage passes it to other stages, changes it, drops it, or delivers it.
Only frontends contain cloud-specific code; everything that uses this module is independent of the cloud.

Fields of a packet: source and destination address (``addresses``), service (``services``), source port (0-65535).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from reachability.addresses import Interval, Intervals

INTERNET = "internet"
"""The stage of the public internet: its hosts send from here, and gateways send to it."""


class Action(StrEnum):
    """The action of a rule on a matching packet.

    ``ACCEPT`` ends the chain and its callers, ``RETURN`` returns to the caller (in a base chain: to the policy),
    ``CONTINUE`` only counts or logs, ``JUMP`` returns, ``GOTO`` does not. The last four translate addresses and then
    accept (in nat chains).
    """

    ACCEPT = "accept"
    DROP = "drop"
    CONTINUE = "continue"
    RETURN = "return"
    JUMP = "jump"
    GOTO = "goto"
    SNAT = "snat"
    DNAT = "dnat"
    MASQUERADE = "masquerade"
    REDIRECT = "redirect"


class State(StrEnum):
    """The connection tracking state of a packet."""

    NEW = "new"
    ESTABLISHED = "established"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Devices:
    """Interfaces by name: those in ``names`` (``None``: all) that are not in ``excluded``.

    A name that ends in ``*`` stands for all with that prefix. If a packet has no such interface, its name is empty.
    """

    names: frozenset[str] | None = None
    excluded: frozenset[str] = frozenset()

    def __contains__(self, device: str) -> bool:
        return (self.names is None or among(device, self.names)) and not among(device, self.excluded)


@lru_cache(maxsize=1 << 14)
def among(device: str, names: frozenset[str]) -> bool:
    """Whether an interface has one of some names, of which those that end in ``*`` stand for all with that prefix."""
    return device in names or any(name[-1:] == "*" and device.startswith(name[:-1]) for name in names)


@dataclass(frozen=True, slots=True)
class Match:
    """The packets to which a rule applies: those that match every field; ``None`` matches all.

    ``incoming`` and ``outgoing`` are the names of interfaces of the host. ``uncertain`` is the reason why it is
    unknown which of these packets match (an unknown at preview, a test of something outside the model, such as a user
    id): some subset of them does. An uncertain rule accepts when computing what *may* pass, and drops when computing
    what *must* pass.
    """

    sources: Intervals | None = None
    destinations: Intervals | None = None
    services: Intervals | None = None
    source_ports: Intervals | None = None
    states: frozenset[State] | None = None
    incoming: frozenset[str] | Devices | None = None
    outgoing: frozenset[str] | Devices | None = None
    translated: bool | None = None
    """Whether the packet's connection had its destination translated (nft ``ct status dnat``)."""
    uncertain: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """``name`` is for reports: ``sg-1 ingress: tcp 22 from 0.0.0.0/0``. ``origin``: its URN or file."""

    match: Match
    action: Action
    name: str
    origin: str = ""
    chain: str = ""
    """The target chain of ``JUMP`` and ``GOTO``."""
    address: Intervals | None = None
    """New source (``SNAT``) or destination (``DNAT``); several: any of them."""
    port: Interval | None = None
    """New source or destination port; ``None`` keeps it."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Rules in order, first match decides; ``policy`` (``ACCEPT`` or ``DROP``) if none matches."""

    name: str
    rules: tuple[Rule, ...]
    policy: Action = Action.DROP
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """``chain`` decides; accepted packets go to ``then``. ``chains`` has the targets of jumps.

    ``device``: the connection table that accepts answers of known connections; empty for a stateless filter.
    """

    chain: Chain
    then: str
    device: str = ""
    chains: Mapping[str, Chain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """Packets to ``destinations`` go to one of ``via`` (any of them; none: a black hole).

    ``uncertain``: why it is unknown whether the route exists.
    """

    destinations: Interval
    via: tuple[str, ...]
    name: str
    origin: str = ""
    uncertain: str = ""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A routing decision: the route with the longest matching prefix (the narrowest interval); none: dropped."""

    name: str
    routes: tuple[Route, ...]
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Translation:
    """The translation of matching packets by a gateway or load balancer. ``None`` keeps a field; the source port may
    become any.

    ``destination``: several addresses mean any of them, each with its own next stage: write one per target.
    """

    match: Match
    then: str
    name: str
    source: int | None = None
    destination: int | None = None
    service: int | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Translate:
    """Any matching translation may apply (write disjoint matches where only one may).

    ``otherwise``: the next stage of other packets; ``None`` drops them. ``device``: the connection table that reverses
    the translation for answers: it applies at any ``Translate`` stage of the same device on the connection's path.
    ``answers``: the next stage of answers, if it differs from that of new packets. ``returns``: answers reach the
    device independent of the route tables (a load balancer that keeps the client's address).
    """

    name: str
    device: str
    translations: tuple[Translation, ...]
    otherwise: str | None = None
    origin: str = ""
    answers: str = ""
    returns: bool = False


@dataclass(frozen=True, slots=True)
class Arrive:
    """The packet enters interface ``device`` of ``machine``, which accepts, forwards or drops it."""

    machine: str
    device: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """The packet leaves the model, or ends at something other than a machine; ``to`` is its name in reports and
    queries (a URN, ``internet``, ``outside <name>``)."""

    to: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """All packets are dropped here. ``name`` is the setting that drops them (``peering pcx-1 is not accepted``)."""

    name: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Unmodelled:
    """The behaviour here is not modelled: every claim with packets here is *not modelled*. ``reason`` is a sentence.

    ``passes_on``: where packets go is unknown, but not to whom: their destination stays the same.
    """

    reason: str
    origin: str = ""
    passes_on: bool = False


Stage = Check | Lookup | Translate | Arrive | Deliver | Blocked | Unmodelled


def filter_at(stages: Mapping[str, Stage], name: str) -> Check:
    """The filter of that name. Raises ``TypeError`` if it is another kind of stage, ``KeyError`` if there is none."""
    stage = stages[name]
    if not isinstance(stage, Check):
        raise TypeError(f"{name} is a {type(stage).__name__}, not a filter")
    return stage


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of a machine. ``id`` is a URN or ``host/device``; ``device`` is its name in rules (``ens5``).

    ``addresses`` are those that packets carry on this interface; ``public`` are those that some gateway translates to
    it. ``out`` is the stage of packets that the machine sends through it.
    """

    id: str
    machine: str
    device: str
    addresses: tuple[int, ...]
    out: str
    public: tuple[int, ...] = ()
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """A host. ``name`` is its key: the host's name where known, else the URN of its instance.

    ``routes``: the device for each destination; a cloud instance sends everything through its first. ``forwards``:
    whether it forwards packets to other destinations. ``pools``: by device, the addresses of clients behind it (an
    OpenVPN pool). ``labels``: tags (Role, Network, Name, ...).
    """

    name: str
    interfaces: tuple[Interface, ...]
    routes: tuple[tuple[Interval, str], ...]
    """(destinations, device), longest prefix wins; equal prefixes: any."""
    forwards: bool = False
    declared: bool = False
    """Whether its forwarding is declared, not derived from a setting of its cloud. Then its routes are complete, and
    without a ruleset it filters and translates nothing; otherwise what it does with packets of others is unknown."""
    source_routes: tuple[tuple[int, Interval, str], ...] = ()
    """(own source address, destinations, device): policy routing that precedes ``routes`` for that source."""
    pools: Mapping[str, Intervals] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""
    aliases: tuple[str, ...] = ()
    """Other names for queries: ids, URNs."""


@dataclass(frozen=True, slots=True)
class Firewall:
    """A machine's hooks: for each of prerouting, input, forward, output, postrouting its base chains in order of
    priority.

    ``kinds``: ``nat`` for base chains of that type (they see only new connections), else ``filter``. ``chains``: the
    targets of jumps, by ``<family> <table> <chain>``. ``unmodelled``: parts of the ruleset that are not modelled.
    """

    hooks: Mapping[str, tuple[Chain, ...]]
    kinds: Mapping[str, str]
    chains: Mapping[str, Chain]
    unmodelled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkEnd:
    """One end of a link (a tunnel, a peering) whose other end may be in another frontend or in an external network.

    Both sides use the same ``key`` (``tunnel 169.254.8.16/30``, ``peering pcx-1``). ``entry`` is the stage where
    packets from the other side enter. The stage ``exit_stage(key, side)`` leads to the other side. If only one side is
    known, outbound packets are delivered to ``outside <name>``, and packets from any source in ``sources`` may enter.
    """

    key: str
    side: str
    entry: str
    name: str
    sources: Intervals


def exit_stage(key: str, side: str) -> str:
    """The stage that leads from ``side`` through the link."""
    return f"link {key} from {side}"


@dataclass(slots=True)
class Fragment:
    """The output of one frontend. ``public``: routes from the internet to intervals of public addresses.

    ``unmodelled``: reasons that make every claim *not modelled* (an unknown type that touches the network).
    """

    stages: dict[str, Stage] = field(default_factory=dict)
    machines: list[Machine] = field(default_factory=list)
    link_ends: list[LinkEnd] = field(default_factory=list)
    public: list[Route] = field(default_factory=list)
    unmodelled: list[str] = field(default_factory=list)
    unseen: str = ""
    """The name of the link to what is in networks that are known by their ids only: any other link may lead there, too.
    """
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Other things that can be queried by id, URN or name (a load balancer, a NAT gateway): the ``Deliver.to`` or the
    entry stage of packets to them."""
