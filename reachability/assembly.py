"""Assembles one network from clouds, datacentres and host firewalls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from reachability.addresses import ALL_V4, ALL_V6, GLOBAL, NOT_GLOBAL, Interval, Intervals, difference, union
from reachability.frontends import kubernetes, site_stages
from reachability.network import (
    INTERNET,
    Action,
    Arrive,
    Chain,
    Check,
    Deliver,
    Firewall,
    Fragment,
    LinkEnd,
    Lookup,
    Machine,
    Match,
    Route,
    Stage,
    Translate,
    exit_stage,
)
from reachability.space import Space, TooManyAtoms
from reachability.subject import Guest, Subject

WORLD = "world"
"""The stage of packets to public addresses outside the estate."""

WITHOUT_NETWORK = (
    "archive:", "auth0:", "cloudinit:", "command:", "datadog:", "dns:", "docker-build:", "docker:index/image:",
    "docker:index/registryImage:", "docker:index/remoteImage:", "docker:index/tag:", "external:", "github:", "gitlab:",
    "grafana:", "local:", "mysql:", "newrelic:", "null:", "okta:", "opsgenie:", "pagerduty:", "postgresql:", "pulumi:",
    "pulumiservice:", "random:", "sentry:", "std:", "template:", "terraform:", "time:", "tls:", "vault:",
)  # fmt: skip
"""Providers, and types of providers, whose resources do not handle packets."""

MOST_RULES = 10_000
"""The maximum number of rules in one host's firewall; each may split every set of packets."""

_PASS = Chain("link", (), Action.ACCEPT)


@dataclass(slots=True)
class Assembly:
    """``machines`` by name, ``firewalls`` by machine, ``outsides``: link ends whose other side is external, by name.

    ``aliases``: further names of machines. ``names``: other things that can be queried (``Fragment.names``).
    ``public``: the addresses that the internet routes here. ``own``: those of machines and of clients behind them.
    ``unmodelled``: reasons that apply to the whole network. ``uncertain``: whether some packets may pass but need not.
    """

    stages: dict[str, Stage]
    machines: dict[str, Machine]
    firewalls: dict[str, Firewall]
    outsides: dict[str, LinkEnd]
    aliases: dict[str, str]
    names: dict[str, tuple[str, ...]]
    public: Intervals
    own: Intervals
    unmodelled: tuple[str, ...]
    opaque: frozenset[str]
    """Machines that forward, but whose forwarding is neither declared nor told by a ruleset."""
    uncertain: bool
    space: Space = field(repr=False)


def assemble(subject: Subject) -> Assembly:
    """Compiles every part and joins them. Never raises for what a part contains: that becomes ``unmodelled``."""
    announcements = {
        tunnel.key: site.announces for site in subject.sites for server in site.servers for tunnel in server.tunnels
    }
    fragments = [
        *_clouds(subject, announcements),
        site_stages.compile(subject.sites),
        Fragment(unmodelled=_foreign(subject)),
    ]
    return join(fragments, guests=subject.guests, rulesets=subject.rulesets)


def _clouds(subject: Subject, announcements: Mapping[str, Intervals]) -> Iterator[Fragment]:
    """The fragments of the clouds. A cloud's frontend is imported only for networks that have resources there."""
    amazon = [each for each in subject.resources if each.type.startswith("aws:")]
    google = [each for each in subject.resources if each.type.startswith("gcp:")]
    if amazon:
        from reachability.frontends import aws

        yield aws.compile(amazon, announcements)
    if google:
        from reachability.frontends import gcp

        yield gcp.compile(google, announcements)


def join(
    fragments: Iterable[Fragment],
    *,
    guests: Mapping[str, Guest] | None = None,
    rulesets: Mapping[str, str] | None = None,
) -> Assembly:
    """Joins all parts: matches link ends, routes public addresses, gives machines names and firewalls."""
    fragments = list(fragments)
    unmodelled = [reason for fragment in fragments for reason in fragment.unmodelled]
    stages: dict[str, Stage] = {}
    names: dict[str, tuple[str, ...]] = {}
    for fragment in fragments:
        stages.update(fragment.stages)
        names.update(fragment.names)
    outsides = _meet(stages, [end for fragment in fragments for end in fragment.link_ends])
    unmodelled += _unseen(fragments, outsides)
    public = [route for fragment in fragments for route in fragment.public]
    stages[INTERNET] = _internet(public)
    stages[WORLD] = Deliver(INTERNET)
    machines, renamed = _machines(fragments, guests or {})
    for id_, stage in stages.items():
        if isinstance(stage, Arrive) and stage.machine in renamed:
            stages[id_] = Arrive(renamed[stage.machine], stage.device)
    firewalls, unread = _firewalls(machines, rulesets or {})
    try:
        space = _space(stages.values(), machines.values(), firewalls.values())
    except TooManyAtoms as error:
        unread.append(str(error))
        stages, machines, firewalls, outsides = {INTERNET: _internet([])}, {}, {}, {}
        space = _space(stages.values(), (), ())
    opaque = frozenset(
        name for name, each in machines.items() if each.forwards and not each.declared and name not in firewalls
    )
    aliases = {alias: name for name, machine in machines.items() for alias in machine.aliases}
    return Assembly(
        stages=stages,
        machines=machines,
        firewalls=firewalls,
        outsides=outsides,
        aliases=aliases | {old: new for old, new in renamed.items() if old != new},
        names=names,
        public=union([route.destinations for route in public]),
        own=union(
            *(pool for machine in machines.values() for pool in machine.pools.values()),
            [(point, point) for machine in machines.values() for leg in machine.interfaces for point in leg.addresses],
        ),
        unmodelled=tuple(dict.fromkeys(unmodelled + unread)),
        opaque=opaque,
        uncertain=bool(opaque) or _is_uncertain(stages.values(), firewalls.values()),
        space=space,
    )


def _followed(firewall: Firewall) -> Firewall:
    """The firewall, or one that is not modelled if it has more than ``MOST_RULES`` rules."""
    chains = (*(chain for base in firewall.hooks.values() for chain in base), *firewall.chains.values())
    count = len({id(rule) for chain in chains for rule in chain.rules})
    if count <= MOST_RULES:
        return firewall
    return Firewall({}, {}, {}, (f"it has {count:,} rules; the limit for one host is {MOST_RULES:,}",))


def _firewalls(machines: Mapping[str, Machine], rulesets: Mapping[str, str]) -> tuple[dict[str, Firewall], list[str]]:
    """The host firewalls by machine, and the errors of rulesets that cannot be read. No ruleset means no filtering."""
    compiled: dict[str, Firewall] = {}
    firewalls: dict[str, Firewall] = {}
    unread = []
    for name, text in rulesets.items():
        if name not in machines:
            continue
        try:
            if text not in compiled:
                compiled[text] = _followed(_compiled(text))
            firewalls[name] = compiled[text]
        except ValueError as error:
            unread.append(f"the ruleset of {name} cannot be read: {error}")
            continue
        unread += [f"the ruleset of {name}: {reason}" for reason in firewalls[name].unmodelled]
    return firewalls, unread


def _compiled(text: str) -> Firewall:
    """The firewall of a ruleset. The compiler is imported only for networks whose rulesets are known."""
    from reachability.frontends import nftables

    return nftables.firewall(text)


def _foreign(subject: Subject) -> list[str]:
    """Resources of clouds without a frontend."""
    read = ("aws:", "gcp:", *WITHOUT_NETWORK)
    foreign = sorted(
        {
            each.type
            for each in subject.resources
            if each.id != "" and not each.type.startswith(read) and not kubernetes.inside_cluster(each)
        }
    )
    return [f"{type_} belongs to a provider that is not supported (supported: aws, gcp)" for type_ in foreign]


def _meet(stages: dict[str, Stage], link_ends: Iterable[LinkEnd]) -> dict[str, LinkEnd]:
    """Joins link ends with the same key; returns those that lead to an external network, by name."""
    by_key: dict[str, list[LinkEnd]] = {}
    for end in link_ends:
        by_key.setdefault(end.key, []).append(end)
    outsides = {}
    for key, sides in by_key.items():
        for end in sides:
            others = [other for other in sides if other is not end]
            if others:
                stages[exit_stage(key, end.side)] = Check(_PASS, others[0].entry)
            else:
                name = f"outside {end.name}"
                stages[exit_stage(key, end.side)] = Deliver(name)
                outsides[name] = end
    return outsides


def _unseen(fragments: Iterable[Fragment], outsides: Mapping[str, LinkEnd]) -> Iterator[str]:
    """Why links to external networks may lead to networks that are known by their ids only."""
    for unseen in (fragment.unseen for fragment in fragments if fragment.unseen):
        for each in outsides.values():
            if each.name != unseen:
                yield f"whether {each.name} leads to {unseen} is unknown"


def _internet(public: list[Route]) -> Lookup:
    world = [Route(interval, (WORLD,), "the internet") for interval in GLOBAL]
    nowhere = [Route(interval, (), "addresses that are not routed on the internet") for interval in NOT_GLOBAL]
    return Lookup("the internet", (*public, *world, *nowhere))


def _machines(fragments: Iterable[Fragment], guests: Mapping[str, Guest]) -> tuple[dict[str, Machine], dict[str, str]]:
    machines: dict[str, Machine] = {}
    renamed: dict[str, str] = {}
    for fragment in fragments:
        for machine in fragment.machines:
            guest = guests.get(machine.name)
            if guest is not None:
                renamed[machine.name] = guest.name
                machine = replace(
                    machine,
                    name=guest.name,
                    aliases=(*machine.aliases, machine.name),
                    forwards=machine.forwards if guest.forwards is None else guest.forwards,
                    declared=machine.declared or guest.forwards is not None,
                    pools={**machine.pools, **guest.pools},
                    labels={**machine.labels, **guest.labels},
                )
            machines[machine.name] = machine
    return machines, renamed


def _chains(stages: Iterable[Stage], firewalls: Iterable[Firewall]) -> Iterator[Chain]:
    for stage in stages:
        if isinstance(stage, Check):
            yield stage.chain
            yield from stage.chains.values()
    for firewall in firewalls:
        for base in firewall.hooks.values():
            yield from base
        yield from firewall.chains.values()


def _matches(stages: Iterable[Stage], firewalls: Iterable[Firewall]) -> Iterator[Match]:
    for chain in _chains(stages, firewalls):
        for rule in chain.rules:
            yield rule.match
    for stage in stages:
        if isinstance(stage, Translate):
            for translation in stage.translations:
                yield translation.match


def _is_uncertain(stages: Iterable[Stage], firewalls: Iterable[Firewall]) -> bool:
    stages, firewalls = list(stages), list(firewalls)
    return any(match.uncertain for match in _matches(stages, firewalls)) or any(
        route.uncertain for stage in stages if isinstance(stage, Lookup) for route in stage.routes
    )


def _space(stages: Iterable[Stage], machines: Iterable[Machine], firewalls: Iterable[Firewall]) -> Space:
    stages, firewalls = list(stages), list(firewalls)
    sources: set[Intervals] = {GLOBAL, (ALL_V4,), (ALL_V6,)}
    destinations: set[Interval] = {*GLOBAL}
    services_used: set[Interval] = set()
    ports: set[Interval] = set()
    owned: set[int] = set()
    for match in _matches(stages, firewalls):
        if match.sources is not None:
            sources.add(match.sources)
        if match.destinations is not None:
            destinations.update(match.destinations)
        if match.services is not None:
            services_used.update(match.services)
        if match.source_ports is not None:
            ports.update(match.source_ports)
    for stage in stages:
        if isinstance(stage, Lookup):
            destinations.update(route.destinations for route in stage.routes)
        elif isinstance(stage, Translate):
            for each in stage.translations:
                if each.destination is not None:
                    destinations.add((each.destination, each.destination))
                if each.service is not None:
                    services_used.add((each.service, each.service))
                if each.source is not None:
                    destinations.add((each.source, each.source))
    for chain in _chains(stages, firewalls):
        for rule in chain.rules:
            if rule.address is not None:
                destinations.update(rule.address)
            if rule.port is not None and rule.action in (Action.DNAT, Action.REDIRECT):
                for number in (6, 17, 132, 33, 136):
                    services_used.add((number << 16 | rule.port[0], number << 16 | rule.port[1]))
    for machine in machines:
        destinations.update(interval for interval, _ in machine.routes)
        destinations.update(interval for _, interval, _ in machine.source_routes)
        sources.update(((point, point),) for point, _, _ in machine.source_routes)
        for pool in machine.pools.values():
            destinations.update(pool)
        for leg in machine.interfaces:
            for point in (*leg.addresses, *leg.public):
                destinations.add((point, point))
                owned.add(point)
    return Space(
        sources=sources, destinations=destinations, services_used=services_used, source_ports=ports, owned=owned
    )


def sources_on_the_internet(assembly: Assembly) -> Intervals:
    """The source addresses of the internet: public addresses outside the estate."""
    return difference(GLOBAL, assembly.public)


def answerable(assembly: Assembly) -> dict[str, Intervals]:
    """By name of an external link end: the addresses to which some route, certain or not, leads through it."""
    before: dict[str, list[str]] = {}
    for name, stage in assembly.stages.items():
        ways: tuple[str, ...] = (stage.then,) if isinstance(stage, Check) else ()
        if isinstance(stage, Lookup):
            ways = tuple(via for route in stage.routes for via in route.via)
        for way in ways:
            before.setdefault(way, []).append(name)
    found = {}
    for end_name, end in assembly.outsides.items():
        leading, todo, intervals = set(), [exit_stage(end.key, end.side)], []
        while todo:
            name = todo.pop()
            if name in leading:
                continue
            leading.add(name)
            for each in before.get(name, ()):
                stage = assembly.stages[each]
                if isinstance(stage, Lookup):
                    intervals += [route.destinations for route in stage.routes if name in route.via]
                else:
                    todo.append(each)
        for machine in assembly.machines.values():
            devices = {leg.device for leg in machine.interfaces if leg.out in leading}
            intervals += [interval for interval, device in machine.routes if device in devices]
        found[end_name] = union(intervals)
    return found
