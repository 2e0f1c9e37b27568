"""The claim that all layers agree: security group, host firewall, load-balancer target, node, topology."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from estate.model import Role
from estate.plan import addressing, topology
from estate.plan.hosts import Host
from reachability import addresses, services
from reachability.addresses import Interval, Intervals, union
from reachability.claims import filters
from reachability.claims.case import Case
from reachability.claims.claim import Claim, Finding, Gap, Violation
from reachability.claims.filters import NotComparable, beyond, canonical
from reachability.claims.plan import Permitted, intervals, unfiltered
from reachability.claims.sets import CONNECTIONS, Allowance, port
from reachability.declared import INSTANCE
from reachability.frontends.aws_tokens import TARGET
from reachability.network import Chain, Check, Machine
from reachability.resources import UNKNOWN, Resource

GROUP, FIREWALL, TOPOLOGY = "the security group", "the host firewall", "the topology"
SHOWN = 3
"""The number of differences reported for a host and direction."""

Permits = Mapping[Interval, Intervals]


def _layers_agree(case: Case) -> Iterator[Finding]:
    groups = _Groups()
    union_of: dict[tuple[str, Role, bool], list[Allowance]] = {}
    for host in case.everyone:
        permitted = case.permitted.get(host.name, Permitted())
        for inbound, flows in ((True, permitted.inbound), (False, permitted.outbound)):
            union_of.setdefault((host.place, host.role, inbound), []).extend(flows.values())
    shared = {key: _Expected(boxes) for key, boxes in union_of.items()}
    for host in case.everyone:
        machine = case.machine(host.name)
        if machine is None:
            yield Gap(f"{host.name} is declared but not deployed")
            continue
        for inbound in (True, False):
            try:
                yield from _host_firewall(case, host, machine, inbound)
                if host.in_cloud:
                    yield from _group(case, host, machine, inbound, groups, shared[host.place, host.role, inbound])
            except NotComparable as error:
                yield Gap(f"the layers of {host.name} cannot be compared: {error}")
        yield from _forwarding(case, host)
        yield from _listening(case, host)
    yield from _targets(case)


def _counted(boxes: Iterable[Allowance]) -> list[Allowance]:
    """The boxes without ICMP errors, which the layers permit in different forms."""
    return [(peers, kept) for peers, used in boxes if (kept := addresses.intersection(used, CONNECTIONS))]


def _own(machine: Machine) -> Intervals:
    return union([(point, point) for leg in machine.interfaces for point in leg.addresses])


def _host_firewall(case: Case, host: Host, machine: Machine, inbound: bool) -> Iterator[Finding]:
    firewall = case.prover.assembly.firewalls.get(host.name)
    if firewall is None:
        if inbound:
            yield Violation(f"{host.name} has no host firewall, so it permits more than the topology")
        return
    own = _own(machine)
    hook = "input" if inbound else "output"
    chains = [chain for chain in firewall.hooks.get(hook, ()) if firewall.kinds.get(chain.name) != "nat"]
    if not chains:
        yield Violation(f"{host.name}: its firewall has no filter of the {hook} hook")
        return
    essentials = case.essentials(host)[0 if inbound else 1]
    if inbound and host.role is Role.VPN:
        pool = intervals([addressing.vpn_pool(case.network, host.place)])
        essentials = (*essentials, (pool, port(services.TCP, topology.SSH_PORT)))
    flows = case.permitted.get(host.name, Permitted())
    declared = (flows.inbound if inbound else flows.outbound).values()
    given = [*declared, *essentials]
    plain = filters.accepted_by_services(chains[0], firewall.chains, inbound=inbound, own=own)
    if (
        len(chains) == 1
        and plain is not None
        and filters.plainly_within(plain, filters.by_services(given), own)
        and filters.plainly_within(filters.by_services(declared), plain, own)
    ):
        return
    expected = canonical(_counted(declared), own)
    tolerated = canonical(_counted(given), own)
    permitted = canonical(
        _counted(box for box in filters.permits(chains[0], firewall.chains, inbound=inbound, own=own)),
        own,
    )
    for chain in chains[1:]:
        also = canonical(_counted(filters.permits(chain, firewall.chains, inbound=inbound, own=own)), own)
        permitted = {
            atom: both
            for atom, peers in permitted.items()
            for key, others in also.items()
            if key[0] <= atom[0] <= key[1] and (both := addresses.intersection(peers, others))
        }
    yield from _differences(host, inbound, FIREWALL, beyond(permitted, tolerated), TOPOLOGY)
    yield from _differences(host, inbound, TOPOLOGY, beyond(expected, permitted), FIREWALL)


class _Expected:
    """What the security group of a role in a region must permit; computed in full only if needed."""

    def __init__(self, boxes: list[Allowance]) -> None:
        self._boxes = boxes
        self._closely: Permits | None = None

    def closely(self) -> Permits:
        if self._closely is None:
            self._closely = canonical(_counted(self._boxes))
        return self._closely

    def is_plainly(self, chain: Chain, others: Mapping[str, Chain], *, inbound: bool, ignored: Intervals) -> bool:
        """Whether a group's chain permits exactly this, ``ignored`` aside."""
        plain = filters.accepted_by_services(chain, others, inbound=inbound)
        if plain is None:
            return False
        named = filters.by_services(self._boxes)
        plain = {used: left for used, peers in plain.items() if (left := addresses.difference(peers, ignored))}
        return filters.plainly_within(plain, named) and filters.plainly_within(named, plain, ignored)


class _Groups:
    """The security groups' checks of every machine's interfaces, each evaluated once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, bool], Permits] = {}

    def permits(self, check: Check, inbound: bool, own: Intervals) -> Permits:
        key = id(check.chain), inbound
        known = self._known.get(key)
        if known is None:
            boxes = filters.permits(check.chain, check.chains, inbound=inbound, own=own)
            known = self._known[key] = canonical(_counted(boxes))
        return known


def _group(
    case: Case, host: Host, machine: Machine, inbound: bool, groups: _Groups, wanted: _Expected
) -> Iterator[Finding]:
    checks = case.groups_in(machine) if inbound else case.groups_out(machine)
    if not checks:
        yield Violation(f"{host.name}: no security group filters what {'comes in' if inbound else 'goes out'}")
    for check in checks:
        own = _own(machine)
        ignored = own if inbound else union(own, unfiltered(case.network, host.place))
        if wanted.is_plainly(check.chain, check.chains, inbound=inbound, ignored=ignored):
            continue
        permitted, expected = groups.permits(check, inbound, own), wanted.closely()
        yield from _differences(host, inbound, GROUP, _but(ignored, beyond(permitted, expected)), TOPOLOGY)
        yield from _differences(host, inbound, TOPOLOGY, _but(ignored, beyond(expected, permitted)), GROUP)


def _but(ignored: Intervals, boxes: list[Allowance]) -> list[Allowance]:
    return [(rest, used) for peers, used in boxes if (rest := addresses.difference(peers, ignored))]


def _differences(host: Host, inbound: bool, one: str, extra: list[Allowance], other: str) -> Iterator[Violation]:
    for peers, used in extra[:SHOWN]:
        blocks = addresses.texts(peers)
        shown = ", ".join(blocks[:SHOWN]) + (f" and {len(blocks) - SHOWN} more" if len(blocks) > SHOWN else "")
        way = f"from {shown} to {host.name}" if inbound else f"from {host.name} to {shown}"
        yield Violation(f"{one} permits {_service_texts(used)} {way}, {other} does not")


def _service_texts(used: Intervals) -> str:
    texts = []
    for low, high in used:
        last = services.text(high)
        texts.append(services.text(low) if low == high else f"{services.text(low)} to {last.rpartition(' ')[2]}")
    return ", ".join(texts)


def _forwarding(case: Case, host: Host) -> Iterator[Finding]:
    """Compares what a router's firewall forwards with the topology."""
    firewall = case.prover.assembly.firewalls.get(host.name)
    if firewall is None:
        return
    declared: list[tuple[Intervals, Intervals, Intervals]] = []
    if host.role is Role.EDGE:
        declared = [
            (
                intervals(rule.sources),
                intervals(rule.destinations),
                (services.of(services.protocol(rule.protocol), *rule.ports),),
            )
            for rule in case.forwarded(host.place)
        ]
    elif host.role is Role.VPN:
        pool = intervals([addressing.vpn_pool(case.network, host.place)])
        flow = case.permitted.get(host.name, Permitted()).outbound.get("ssh-vpn")
        declared = [(pool, *flow)] if flow else []
    found = [
        (rule.match.sources or addresses.EVERYWHERE, rule.match.destinations or addresses.EVERYWHERE, used)
        for chain in (*firewall.hooks.get("forward", ()), *firewall.chains.values())
        if chain in firewall.hooks.get("forward", ()) and firewall.kinds.get(chain.name) != "nat"
        for rule in filters.accepting(chain)
        if (used := addresses.intersection(rule.match.services or services.ANY, CONNECTIONS))
    ]
    if any(chain.policy.value == "accept" for chain in firewall.hooks.get("forward", ())):
        found.append((addresses.EVERYWHERE, addresses.EVERYWHERE, CONNECTIONS))
    machine = case.machine(host.name)
    own = _own(machine) if machine is not None else ()
    for one, boxes, other, others in (
        (FIREWALL, found, TOPOLOGY, declared),
        (TOPOLOGY, declared, FIREWALL, found),
    ):
        for sources, destinations, used in _outside(boxes, others, own)[:SHOWN]:
            yield Violation(
                f"{one} has {host.name} forward {_service_texts(used)} from {addresses.texts(sources)[0]} to "
                f"{addresses.texts(destinations)[0]}, {other} does not"
            )


Cube = tuple[Intervals, Intervals, Intervals]


def _outside(boxes: list[Cube], others: list[Cube], own: Intervals) -> list[Cube]:
    """The parts of boxes that are in none of the others, without the router's own addresses."""
    known = set(others)
    found: list[Cube] = []
    for box in boxes:
        left = [] if box in known else [_less(box, own)]
        for other in others if left else ():
            left = [part for each in left for part in _minus(each, other)]
        found += [each for each in left if all(each)]
    return found


def _less(box: Cube, own: Intervals) -> Cube:
    return addresses.difference(box[0], own), addresses.difference(box[1], own), box[2]


def _minus(box: Cube, other: Cube) -> list[Cube]:
    common = tuple(addresses.intersection(one, two) for one, two in zip(box, other, strict=True))
    if not all(common):
        return [box]
    parts = [
        (addresses.difference(box[0], common[0]), box[1], box[2]),
        (common[0], addresses.difference(box[1], common[1]), box[2]),
        (common[0], common[1], addresses.difference(box[2], common[2])),
    ]
    return [part for part in parts if all(part)]


def _listening(case: Case, host: Host) -> Iterator[Finding]:
    """A node listens on exactly the ports that the topology opens, where its configuration is given.

    A spare may listen on fewer: it accepts no signer connection until it is promoted.
    """
    listening = case.estate.listening.get(host.name)
    if listening is None:
        return
    node = union(*(port(services.TCP, each) for each in case.network.chain.ports.by_name().values()))
    flows = case.permitted.get(host.name, Permitted()).inbound.values()
    let_in = addresses.intersection(union(*(used for _, used in flows)), node)
    taken = addresses.intersection(listening, node)
    for one, two, text in (
        (let_in, taken, "the topology opens {} of {host}, but its node does not listen there"),
        (taken, let_in, "the node of {host} listens on {}, which the topology does not open"),
    ):
        if (rest := addresses.difference(one, two)) and (host.active or one is taken):
            yield Violation(text.format(_service_texts(rest), host=host.name))


def _targets(case: Case) -> Iterator[Finding]:
    """The load balancers' targets are the hosts and ports of the topology's flows from balancers."""
    expected = {
        (name, port_number)
        for flow in case.topology.flows
        if flow.source.place is not None and not flow.source.hosts
        for name in flow.destination.hosts
        for port_number in range(flow.ports[0], flow.ports[1] + 1)
    }
    attachments = case.resources(TARGET)
    instances = _instances(case)
    found = set()
    for attachment in attachments:
        host, number = _target(attachment, instances), attachment.properties.get("port")
        if host is None or number is UNKNOWN or number is None:
            yield Gap(f"the target of {attachment.name} is unknown until the deployment")
            return
        found.add((host, int(number)))
    for name, number in sorted(found - expected):
        yield Violation(f"a load balancer forwards to {name} on {number}, {TOPOLOGY} does not")
    for name, number in sorted(expected - found):
        yield Violation(f"{TOPOLOGY} requires a load balancer target {name} on {number}, there is none")


def _instances(case: Case) -> dict[str, str]:
    """Host names by URN, id and private address of their instances."""
    aliases = case.prover.assembly.aliases
    names = {}
    for instance in case.resources(INSTANCE):
        name = aliases.get(instance.urn, instance.urn)
        for key in (instance.urn, instance.id, instance.properties.get("privateIp")):
            if isinstance(key, str):
                names[key] = name
    return names


def _target(attachment: Resource, instances: dict[str, str]) -> str | None:
    target = attachment.properties.get("targetId")
    if isinstance(target, str):
        return instances.get(target, target)
    known = [instances[urn] for urn in attachment.references.get("targetId", ()) if urn in instances]
    return known[0] if len(known) == 1 else None


LAYERS_AGREE = Claim(
    "layers-agree",
    "security group = host firewall = node configuration = load-balancer target = topology",
    "For every host and direction: the services and peers that its security group permits are those of the "
    "topology for its role and region, those that its own firewall permits are those of the topology for the host, and "
    "a router forwards exactly the topology's forwarding rules. A host's own addresses, essential services (DHCP, "
    "metadata, neighbour discovery, VRRP, ESP) and ICMP errors are not compared. A load balancer's "
    "targets are the hosts and ports of the topology's flows from balancers. Node configuration takes its ports from "
    "the same declaration; where the listening ports of nodes are given, they are compared too.",
    _layers_agree,
)
CLAIMS = (LAYERS_AGREE,)
