"""The network that packets cross: what every frontend (AWS, GCP, sites, nftables) compiles to and the walk runs on.

A packet stands at a *stage*, named by a string. A stage hands it on to other stages, changes it, drops it, or delivers
it. Frontends know their cloud; nothing behind this module knows any.

Fields of a packet: source and destination address (``addresses``), service (``services``), source port (0-65535).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from reachability.addresses import Interval, Intervals

INTERNET = "internet"
"""The stage of the public internet: where outsiders send from, and where gateways send to."""


class Action(StrEnum):
    """What a rule does with a packet that matches.

    ``ACCEPT`` ends the chain and whatever called it, ``RETURN`` goes back to the caller (at the top: the policy),
    ``CONTINUE`` only counts or logs, ``JUMP`` comes back, ``GOTO`` does not. The last four translate addresses and then
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
    """What connection tracking says of a packet."""

    NEW = "new"
    ESTABLISHED = "established"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Devices:
    """Interfaces by name: those in ``names`` (``None``: all) that are not in ``excluded``.

    A name that ends in ``*`` stands for all that begin so. Where a packet has no such interface, its name is empty.
    """

    names: frozenset[str] | None = None
    excluded: frozenset[str] = frozenset()

    def __contains__(self, device: str) -> bool:
        return (self.names is None or _among(device, self.names)) and not _among(device, self.excluded)


@lru_cache(maxsize=1 << 14)
def _among(device: str, names: frozenset[str]) -> bool:
    return device in names or any(name[-1:] == "*" and device.startswith(name[:-1]) for name in names)


@dataclass(frozen=True, slots=True)
class Match:
    """The packets that a rule speaks of: those that fit every field; ``None`` fits all.

    ``incoming`` and ``outgoing`` are the names of interfaces of the host. ``uncertain`` says why it cannot be known
    which of
    the packets described really match (an unknown at preview, a test of something that the model has not, such as a
    user id): the truth is some subset of them. An uncertain rule counts as letting through when asked what *may* pass
    and as stopping
    when asked what *must*.
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
    """``name`` is how a report calls it: ``sg-1 ingress: tcp 22 from 0.0.0.0/0``. ``origin``: URN or file that it
    came from."""

    match: Match
    action: Action
    name: str
    origin: str = ""
    chain: str = ""
    """Where ``JUMP`` and ``GOTO`` lead."""
    address: Intervals | None = None
    """New source (``SNAT``) or destination (``DNAT``); several: any of them."""
    port: Interval | None = None
    """New source or destination port; ``None`` keeps it."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Rules in order, first match decides; ``policy`` (``ACCEPT`` or ``DROP``) for what none decides."""

    name: str
    rules: tuple[Rule, ...]
    policy: Action = Action.DROP
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """``chain`` decides; what it accepts goes to ``then``. Jumps look in ``chains``.

    ``device``: the connection table that lets answers of known connections through; empty for a stateless filter.
    """

    chain: Chain
    then: str
    device: str = ""
    chains: Mapping[str, Chain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """Packets to ``destinations`` go to one of ``via`` (any of them may be taken; none: a black hole).

    ``uncertain``: why it is not known whether the route exists.
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
    """What a gateway or load balancer does to packets that match. ``None`` keeps a field. The source port becomes any.

    ``destination``: several addresses mean any of them, each with its own way on: write one ``Translation`` a target.
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
    """Every translation that matches may be taken (write disjoint matches where only one is).

    ``otherwise``: where the rest goes; ``None`` drops it. ``device``: whose table undoes it for answers: an answer that
    comes to any ``Translate`` stage of the same device on the connection's way goes back as it came. ``answers``: the
    stage at which it goes on then, where that is not the way of new packets. ``returns``: answers come back to the
    device by themselves, whatever the route tables say (a load balancer that keeps the client's address).
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
    """The packet comes in at interface ``device`` of ``machine``, which takes, forwards or drops it."""

    machine: str
    device: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """The packet leaves what is modelled, or ends at a thing that is no machine; ``to`` is its name for people and
    queries
    (a URN, ``internet``, ``outside <name>``)."""

    to: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """Nothing goes on from here. ``name`` is the setting that stops it (``peering pcx-1 is not accepted``)."""

    name: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Unmodelled:
    """What would happen here is not modelled: whatever claim comes here is *not modelled*. ``reason`` is a
    sentence."""

    reason: str
    origin: str = ""


Stage = Check | Lookup | Translate | Arrive | Deliver | Blocked | Unmodelled


def filter_at(stages: Mapping[str, Stage], name: str) -> Check:
    """The filter of that name. Raises ``TypeError`` for a stage of another kind, ``KeyError`` for none."""
    stage = stages[name]
    if not isinstance(stage, Check):
        raise TypeError(f"{name} is a {type(stage).__name__}, not a filter")
    return stage


@dataclass(frozen=True, slots=True)
class Interface:
    """One leg of a machine. ``id`` is a URN or ``host/device``; ``device`` its name in firewall rules (``ens5``).

    ``addresses`` are those that packets carry on this leg; ``public``, those that some gateway translates to it.
    ``out``
    is the stage of what the machine sends through it.
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

    ``routes``: which device it sends through; an instance of a cloud sends everything through its first. ``forwards``:
    whether it routes what is not for it. ``pools``: devices behind which clients sit with addresses of their own
    (an OpenVPN pool), by device. ``labels``: tags (Role, Network, Name, ...).
    """

    name: str
    interfaces: tuple[Interface, ...]
    routes: tuple[tuple[Interval, str], ...]
    """(destinations, device), longest prefix wins; equal prefixes: any."""
    forwards: bool = False
    source_routes: tuple[tuple[int, Interval, str], ...] = ()
    """(own source address, destinations, device): policy routing that comes before ``routes`` for that source."""
    pools: Mapping[str, Intervals] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""
    aliases: tuple[str, ...] = ()
    """Other names by which people ask for it: ids, URNs."""


@dataclass(frozen=True, slots=True)
class Firewall:
    """A machine's hooks: for each of prerouting, input, forward, output, postrouting its base chains in order of
    priority.

    ``kinds``: ``nat`` for base chains of that type (they see only new connections), else ``filter``. ``chains``: what
    jumps lead to, by ``<family> <table> <chain>``. ``unmodelled``: reasons why it is not fully understood.
    """

    hooks: Mapping[str, tuple[Chain, ...]]
    kinds: Mapping[str, str]
    chains: Mapping[str, Chain]
    unmodelled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkEnd:
    """One side of a link whose other side may be in another frontend or unknown: a tunnel, a peering to another
    account.

    Both sides use the same ``key`` (``tunnel 169.254.8.16/30``, ``peering pcx-1``). ``entry`` is the stage where
    packets
    from the other side come in. Send to the other side with the stage ``exit_stage(key, side)``. If only
    one side is known, what leaves is delivered to ``outside <name>`` and anything with a source in ``sources`` may
    come in.
    """

    key: str
    side: str
    entry: str
    name: str
    sources: Intervals


def exit_stage(key: str, side: str) -> str:
    """The stage that leads from ``side`` through the door."""
    return f"link {key} from {side}"


@dataclass(slots=True)
class Fragment:
    """What one frontend contributes. ``public``: where the internet sends packets for an interval of addresses.

    ``unmodelled``: reasons that make every claim *not modelled* (an unknown type that touches the network).
    """

    stages: dict[str, Stage] = field(default_factory=dict)
    machines: list[Machine] = field(default_factory=list)
    link_ends: list[LinkEnd] = field(default_factory=list)
    public: list[Route] = field(default_factory=list)
    unmodelled: list[str] = field(default_factory=list)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Other things that people may ask for by id, URN or name (a load balancer, a NAT gateway): what a packet must be
    delivered to (``Deliver.to``) or whose entry stage it must come through."""
