"""Load balancers: application, network and classic, with listeners, rules, target groups and targets.

Sources: the Elastic Load Balancing guides: "Security groups for your Network Load Balancer", "Target groups" (client IP
preservation and its defaults, cross-zone), "Listener rules", "Edit attributes" (``ipv6.deny_all_igw_traffic``: an
internal balancer takes nothing that comes through an internet gateway), "Configure your Classic Load Balancer".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from reachability import services
from reachability.addresses import EVERYWHERE, V6, AddressError, Interval, Intervals, address, union
from reachability.frontends.aws import balancers_elsewhere, elastic_addresses, groups, interfaces, stand_ins
from reachability.frontends.aws.cloud import Cloud, Nic, Subnet
from reachability.frontends.aws.index import Malformed, flag, given, items, says, settled, text_of, whole
from reachability.frontends.aws.vpcs import SUBNETS, VPCS, known
from reachability.frontends.aws_tokens import (
    BALANCER,
    CLASSIC,
    CLASSIC_ATTACHMENT,
    LISTENER,
    LISTENER_RULE,
    TARGET,
    TARGET_GROUP,
)
from reachability.network import (
    Action,
    Blocked,
    Check,
    Deliver,
    Lookup,
    Match,
    Route,
    Rule,
    Translate,
    Translation,
    Unmodelled,
    filter_at,
)
from reachability.resources import UNKNOWN, Resource

TYPES = (BALANCER, CLASSIC, CLASSIC_ATTACHMENT, LISTENER, LISTENER_RULE, TARGET_GROUP, TARGET)

TRANSPORT = {
    "TCP": (services.TCP,),
    "TLS": (services.TCP,),
    "HTTP": (services.TCP,),
    "HTTPS": (services.TCP,),
    "UDP": (services.UDP,),
    "TCP_UDP": (services.TCP, services.UDP),
    "QUIC": (services.UDP,),
    "TCP_QUIC": (services.TCP, services.UDP),
}
TLS = "TLS"
"""The protocol of which a network load balancer ends its clients' connections itself, whatever its targets do."""
NOT_HERE = "its load balancer is not among the resources"
KEEPS_CLIENTS = frozenset({"UDP", "TCP_UDP", "QUIC", "TCP_QUIC"})
"""Protocols for which a network load balancer preserves the client's address for IP targets, too."""


@dataclass(slots=True, eq=False)
class Target:
    """A target: its address and port; ``nic`` if it is an interface in the input."""

    address: int
    port: int | None
    zone: str
    nic: Nic | None
    origin: str


@dataclass(slots=True, eq=False)
class TargetGroup:
    """``port``: of targets without one. ``keeps``: whether the client's address is preserved; ``None``: default."""

    label: str
    resource: Resource
    kind: str
    port: int | None
    protocol: str
    keeps: bool | None
    cross_zone: bool | None
    v6: bool = False
    """Whether targets are reached at their IPv6 addresses."""
    targets: list[Target] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Balancer:
    """A load balancer and its nodes, one in each subnet."""

    label: str
    resource: Resource
    application: bool
    """Whether it ends its clients' connections itself, as application and classic load balancers do."""
    cross_zone: bool
    nodes: list[Nic] = field(default_factory=list)

    @property
    def device(self) -> str:
        return f"load balancer {self.label}"


_Listener = tuple[Intervals, str, str, list[TargetGroup], bool, str]
"""What it hears, its protocol, its name, its target groups, whether the balancer itself may answer, and why it may hear
less."""


def read(cloud: Cloud) -> None:
    """Reads balancers, with the interfaces of their nodes, before the rules of security groups."""
    for resource in cloud.index.of(BALANCER):
        with cloud.index.reading(resource):
            kind = settled(resource, "loadBalancerType") or "application"
            if kind not in ("application", "network"):
                raise Malformed(f"load balancers of type {kind!r} are not modelled")
            application = kind == "application"
            cross_zone = application or flag(settled(resource, "enableCrossZoneLoadBalancing"), False)
            cloud.balancers[resource.urn] = _balancer(cloud, resource, application, cross_zone)
    for resource in cloud.index.of(CLASSIC):
        with cloud.index.reading(resource):
            cross_zone = flag(settled(resource, "crossZoneLoadBalancing"), True)
            cloud.balancers[resource.urn] = _balancer(cloud, resource, True, cross_zone)


def _balancer(cloud: Cloud, resource: Resource, application: bool, cross_zone: bool | None) -> Balancer:
    index = cloud.index
    label = index.label(resource)
    balancer = Balancer(label, resource, application, cross_zone is not False)
    internal = flag(given(resource, "internal"), False)
    family = text_of(settled(resource, "ipAddressType"))
    dual, public_v4 = family.startswith("dualstack"), family != "dualstack-without-public-ipv4"
    wanted = index.find(resource, "securityGroups", *groups.REFERABLE, value=given(resource, "securityGroups", []))
    for subnet, mapping in _places(cloud, resource):
        private = mapping.get("privateIpv4Address")
        v6 = mapping.get("ipv6Address") or UNKNOWN
        has_v6 = dual and any(low >= V6 for low, _ in subnet.blocks)
        addresses = interfaces.private_addresses(cloud, subnet, [private], [v6] if has_v6 else [], None, 0)
        name = f"{label} in {subnet.label}"
        nic = Nic(name, resource, subnet, addresses, f"{balancer.device} in {subnet.label}", checked=False)
        if wanted.given or application:
            nic.groups, nic.uncertainty = groups.of_interface(cloud, subnet.vpc, wanted)
        else:
            nic.filtered = False
        nic.faces_internet = None if internal is None else not internal
        if internal is not True:
            nic.public_uncertainty = (
                "" if internal is False else "whether it is internal is unknown until the deployment"
            )
        if internal is not True and public_v4:
            elastic = _elastic(cloud, resource, mapping)
            nic.public[addresses[0]] = [elastic or stand_ins.public_address(cloud, f"{resource.urn} {subnet.label}")]
        interfaces.add(cloud, resource, nic)
        balancer.nodes.append(nic)
    if not balancer.nodes:
        raise Malformed("it is in no subnet")
    return balancer


def _elastic(cloud: Cloud, resource: Resource, mapping: Mapping[str, Any]) -> int | None:
    value = mapping.get("allocationId")
    if not says(value):
        return None
    found = cloud.index.one(resource, "subnetMappings", elastic_addresses.EIP, value=value)
    return elastic_addresses.value(cloud, found) if found else None


def _places(cloud: Cloud, resource: Resource) -> Iterator[tuple[Subnet, Mapping[str, Any]]]:
    index = cloud.index
    mappings = items(given(resource, "subnetMappings"), "subnetMappings")
    mapped = [each for each in mappings if isinstance(each, dict)]
    by_references = list(index.find(resource, "subnetMappings", *SUBNETS, value=UNKNOWN).resources)
    for number, mapping in enumerate(mapped):
        value = mapping.get("subnetId")
        found = (
            by_references[number]
            if value is UNKNOWN and len(by_references) == len(mapped)
            else index.one(resource, "subnetMappings", *SUBNETS, value=value)
        )
        if found is not None:
            yield known(cloud.subnets, found), mapping
    if mapped:
        return
    found_all = index.find(resource, "subnets", *SUBNETS, value=given(resource, "subnets", []))
    if found_all.foreign or (found_all.unknown and not found_all.resources):
        raise Malformed("one of its subnets is not among the resources")
    for each in found_all.resources:
        yield known(cloud.subnets, each), {}


def compile(cloud: Cloud) -> None:
    """Adds the listeners' translations. Must run after all interfaces are read and before checks are compiled."""
    index = cloud.index
    target_groups = _target_groups(cloud)
    by_balancer: dict[str, list[_Listener]] = {}
    actions_of: dict[str, list[tuple[Resource, str]]] = {}
    used: dict[int, TargetGroup] = {}
    for resource in index.of(LISTENER_RULE):
        with index.reading(resource):
            if index.find(resource, "listenerArn", LISTENER).foreign:
                _listens_elsewhere(cloud, resource, "actions", target_groups)
                continue
            listener = index.need(resource, "listenerArn", LISTENER)
            actions_of.setdefault(listener.urn, []).append((resource, "actions"))
    for resource in index.of(LISTENER):
        with index.reading(resource):
            if index.find(resource, "loadBalancerArn", BALANCER).foreign:
                for source, name in [(resource, "defaultActions"), *actions_of.get(resource.urn, ())]:
                    _listens_elsewhere(cloud, source, name, target_groups)
                continue
            owner = index.need(resource, "loadBalancerArn", BALANCER)
            if owner.urn not in cloud.balancers:
                raise Malformed(f"it refers to {owner.urn}, which could not be read")
            heard, protocol, shown, doubt = _listening(resource)
            chosen: list[TargetGroup] = []
            ends = given(resource, "protocol") in (TLS, UNKNOWN)
            for source, name in [(resource, "defaultActions"), *actions_of.get(resource.urn, ())]:
                more, other = _forwarded(cloud, source, name, target_groups)
                chosen += [each for each in more if each not in chosen]
                ends = ends or other
            used |= {id(each): each for each in chosen}
            entry = heard, protocol, f"{shown} ({resource.urn})", chosen, ends, doubt
            by_balancer.setdefault(owner.urn, []).append(entry)
    for group in target_groups.values():
        why = _served_elsewhere(cloud, group, id(group) in used)
        for target in group.targets if why else ():
            if target.nic is not None:
                balancers_elsewhere.note(cloud, [target.nic], target.port, group.resource.urn, why)
    for resource in index.of(CLASSIC_ATTACHMENT):
        with index.reading(resource):
            if index.find(resource, "elb", CLASSIC).foreign:
                found = index.find(resource, "instance", interfaces.INSTANCE)
                nics = [cloud.nics[each.urn][0] for each in found.resources if each.urn in cloud.nics]
                balancers_elsewhere.note(cloud, nics, None, resource.urn, NOT_HERE)
    for urn, balancer in cloud.balancers.items():
        with index.reading(balancer.resource):
            elsewhere: tuple[str, ...] = ()
            if balancer.resource.type == CLASSIC:
                by_balancer[urn], elsewhere = _classic(cloud, balancer)
            _compile_balancer(cloud, balancer, by_balancer.get(urn, []), elsewhere)


def _served_elsewhere(cloud: Cloud, group: TargetGroup, used: bool) -> str:
    """Why a load balancer outside of the input may send to the targets of a group; empty if none does."""
    shown = group.resource.properties.get("loadBalancerArns")
    if shown is UNKNOWN and group.resource.left_out("loadBalancerArns"):
        return ""
    if shown is None or shown is UNKNOWN:
        return "" if used else "no listener among the resources forwards to it"
    foreign = cloud.index.find(group.resource, "loadBalancerArns", BALANCER, value=shown).foreign
    return f"it is of {foreign[0]}, which is not among the resources" if foreign else ""


def _listens_elsewhere(cloud: Cloud, resource: Resource, name: str, target_groups: Mapping[str, TargetGroup]) -> None:
    """A listener or rule of a load balancer outside of the input: it may send to its target groups' targets."""
    chosen, _ = _forwarded(cloud, resource, name, target_groups, foreign=True)
    for target in (target for group in chosen for target in group.targets):
        if target.nic is not None:
            balancers_elsewhere.note(cloud, [target.nic], target.port, resource.urn, NOT_HERE)


def _classic(cloud: Cloud, balancer: Balancer) -> tuple[list[_Listener], tuple[str, ...]]:
    """The listeners of a classic load balancer, each with a port of its instances; and the instances among these that
    are not among the resources."""
    index, resource = cloud.index, balancer.resource
    ties = [(resource, "instances", given(resource, "instances"))]
    for tie in index.of(CLASSIC_ATTACHMENT):
        if not index.find(tie, "elb", CLASSIC).foreign and index.need(tie, "elb", CLASSIC) is resource:
            ties.append((tie, "instance", tie.properties.get("instance")))
    nics: dict[Nic, str] = {}
    elsewhere: dict[str, None] = {}
    for source, name, value in ties:
        if not says(value):
            continue
        found = index.find(source, name, interfaces.INSTANCE, value=value)
        if found.unknown:
            raise Malformed(found.unknown)
        elsewhere |= dict.fromkeys(found.foreign)
        for each in found.resources:
            if each.urn not in cloud.nics:
                raise Malformed(f"it refers to {each.urn}, which could not be read")
            nics[cloud.nics[each.urn][0]] = source.urn
    for owner, _ in cloud.registered.get(resource.urn, ()):
        nics |= dict.fromkeys(cloud.nics[owner.urn], owner.urn)
    listeners: list[_Listener] = []
    for each in items(settled(resource, "listeners"), "listeners"):
        if each is UNKNOWN:
            raise Malformed("a listener is not known yet")
        port, behind = whole(each.get("lbPort"), "lbPort"), whole(each.get("instancePort"), "instancePort")
        group = TargetGroup(balancer.label, resource, "instance", behind, "TCP", False, None)
        group.targets += [Target(_first(nic, group), behind, nic.subnet.zone, nic, urn) for nic, urn in nics.items()]
        listeners.append(((services.of(services.TCP, port, port),), "TCP", f"{port}", [group], True, ""))
    return listeners, tuple(elsewhere)


def _listening(listener: Resource) -> tuple[Intervals, str, str, str]:
    """What a listener accepts: services, protocol, a name for reports, and why it may accept only a part."""
    properties = listener.properties
    protocol, port = given(listener, "protocol", "HTTP"), properties.get("port")
    numbers = (services.TCP, services.UDP) if protocol is UNKNOWN else TRANSPORT.get(protocol)
    if numbers is None:
        raise Malformed(f"protocol {protocol!r} is not modelled")
    if port is UNKNOWN or port is None:
        doubt = f"the port of {listener.urn} is unknown"
        return tuple(services.of(number) for number in numbers), "TCP_UDP", "any port", doubt
    number = whole(port, "port")
    if not 0 < number < 65536:
        raise Malformed(f"port {number}: must be within 1-65535")
    heard = tuple(services.of(each, number, number) for each in numbers)
    if protocol is UNKNOWN:
        return heard, "TCP_UDP", f"{number}", f"the protocol of {listener.urn} is unknown"
    return heard, protocol, f"{number}", ""


def _forwarded(
    cloud: Cloud, resource: Resource, name: str, target_groups: Mapping[str, TargetGroup], *, foreign: bool = False
) -> tuple[list[TargetGroup], bool]:
    """The target groups to which actions forward, and whether the balancer may answer itself. ``foreign``: whether
    target groups outside of the input are left out."""
    actions = resource.properties.get(name)
    index = cloud.index
    if actions is UNKNOWN:
        found = index.find(resource, name, TARGET_GROUP)
        return [known(target_groups, each) for each in found.resources], True
    chosen: list[TargetGroup] = []
    ends = False
    for action in items(actions, name):
        if action is UNKNOWN:
            raise Malformed(f"{name} is not known yet")
        if action.get("type") != "forward" and not says(action.get("targetGroupArn")):
            ends = True
            continue
        values = [action.get("targetGroupArn")]
        forward = action.get("forward")
        if isinstance(forward, dict):
            values += [each.get("arn") for each in items(forward.get("targetGroups"), "targetGroups")]
        for value in values:
            if not says(value):
                continue
            found = index.find(resource, name, TARGET_GROUP, value=value)
            if found.foreign and foreign:
                continue
            if found.foreign or not found.resources:
                raise Malformed("it forwards to a target group that is not among the resources")
            chosen += [known(target_groups, each) for each in found.resources]
    return chosen, ends


def _target_groups(cloud: Cloud) -> dict[str, TargetGroup]:
    index = cloud.index
    found: dict[str, TargetGroup] = {}
    for resource in index.of(TARGET_GROUP):
        with index.reading(resource):
            properties = resource.properties
            port = settled(resource, "port")
            cross = text_of(settled(resource, "loadBalancingCrossZoneEnabled"))
            found[resource.urn] = TargetGroup(
                label=index.label(resource),
                resource=resource,
                kind=settled(resource, "targetType") or "instance",
                port=None if port is None else whole(port, "port"),
                protocol=text_of(properties.get("protocol")),
                keeps=_keeps(resource),
                cross_zone=True if cross == "true" else False if cross == "false" else None,
                v6=text_of(settled(resource, "ipAddressType")) == "ipv6",
            )
    for resource in index.of(TARGET):
        with index.reading(resource):
            if index.find(resource, "targetGroupArn", TARGET_GROUP).foreign:
                balancers_elsewhere.note(
                    cloud, _named_nics(cloud, resource), _port_of(resource), resource.urn, NOT_HERE
                )
                continue
            group = known(found, index.need(resource, "targetGroupArn", TARGET_GROUP))
            group.targets += _targets(cloud, resource, group)
    for group in found.values():
        for owner, number in cloud.registered.get(group.resource.urn, ()):
            with index.reading(owner):
                group.targets += [
                    Target(_first(nic, group), number or group.port, nic.subnet.zone, nic, owner.urn)
                    for nic in cloud.nics[owner.urn]
                ]
    return found


def _port_of(target: Resource) -> int | None:
    port = settled(target, "port")
    return None if port is None else whole(port, "port")


def _named_nics(cloud: Cloud, target: Resource) -> list[Nic]:
    """The interfaces that a target names, of whatever kind its group is; none if they are outside of the input."""
    value = target.properties.get("targetId")
    if isinstance(value, str):
        with suppress(AddressError):
            return cloud.at.get(address(value), [])
    found = cloud.index.find(target, "targetId", interfaces.INSTANCE, interfaces.INTERFACE, BALANCER)
    if found.unknown:
        raise Malformed(found.unknown)
    return [nic for each in found.resources for nic in cloud.nics.get(each.urn, ())]


def _keeps(resource: Resource) -> bool | None:
    value = settled(resource, "preserveClientIp", "")
    return None if value == "" else flag(value, False)


def _targets(cloud: Cloud, resource: Resource, group: TargetGroup) -> list[Target]:
    index, properties = cloud.index, resource.properties
    port = settled(resource, "port")
    number = group.port if port is None else whole(port, "port")
    value = properties.get("targetId")
    if group.kind == "lambda":
        return []
    if group.kind == "ip" and isinstance(value, str):
        point = address(value)
        nic = _at(cloud, group, point)
        return [Target(point, number, nic.subnet.zone if nic else "", nic, resource.urn)]
    found = index.find(resource, "targetId", interfaces.INSTANCE, interfaces.INTERFACE, BALANCER)
    if found.foreign or not found.resources or found.unknown:
        raise Malformed("its target is not among the resources")
    nics = cloud.nics.get(found.resources[0].urn)
    if not nics:
        raise Malformed(f"it refers to {found.resources[0].urn}, which could not be read")
    if found.resources[0].type != BALANCER:
        nics = nics[:1]
    return [Target(_first(nic, group), number, nic.subnet.zone, nic, resource.urn) for nic in nics]


def _first(nic: Nic, group: TargetGroup) -> int:
    """The primary address of an interface, of the group's family. Raises ``Malformed``."""
    own = next((point for point in nic.addresses if (point >= V6) is group.v6), None)
    if own is None:
        raise Malformed(f"its target {nic.label} has no {'IPv6' if group.v6 else 'IPv4'} address")
    return own


def _at(cloud: Cloud, group: TargetGroup, point: int) -> Nic | None:
    """The interface with an address in the group's VPC or in a peer VPC."""
    home = known(cloud.vpcs, cloud.index.need(group.resource, "vpcId", *VPCS))
    near = {home, *home.peers.values()}
    found = [nic for nic in cloud.at.get(point, ()) if nic.subnet.vpc in near]
    found.sort(key=lambda nic: nic.subnet.vpc is not home)
    return found[0] if found else None


def _compile_balancer(cloud: Cloud, balancer: Balancer, listeners: list[_Listener], elsewhere: tuple[str, ...]) -> None:
    stages = cloud.fragment.stages
    urn, label = balancer.resource.urn, balancer.label
    refuses = f"{balancer.device} has no other listener"
    stages[refuses] = Blocked(f"{balancer.device} {_listens(listeners)}", urn)
    itself = f"{balancer.device} itself"
    stages[itself] = Deliver(urn)
    beyond = f"{balancer.device} to others"
    if elsewhere:
        reason = f"it forwards to {', '.join(elsewhere)}, which are not among the resources"
        stages[beyond] = Unmodelled(f"{urn}: {reason}", urn)
    for node in balancer.nodes:
        translations = []
        for heard, protocol, shown, chosen, ends, doubt in listeners:
            targets = [
                (group, target)
                for group in chosen
                for target in group.targets
                if _served(balancer, node, group, target)
            ]
            for interval in heard:
                for group, target in targets:
                    for made in _ways(balancer, node, interval, protocol, shown, group, target, doubt):
                        translations.append(made)
                        if made.then != node.out and target.nic is not None:
                            cloud.by_balancer[made.then] = node, target.nic
                if ends or not targets or balancer.application:
                    match = _to_node(node.addresses, interval, doubt)
                    translations.append(Translation(match, itself, f"{label}: {shown}", origin=urn))
                if elsewhere:
                    match = _to_node(node.addresses, interval, doubt)
                    translations.append(Translation(match, beyond, f"{label}: {shown} to others", origin=urn))
        stages[node.arrival] = Translate(
            f"{label}: listeners", balancer.device, tuple(translations), refuses, urn, returns=True
        )
    interfaces.name(cloud, balancer.resource, (*(node.entry for node in balancer.nodes), urn))


def _listens(listeners: Iterable[_Listener]) -> str:
    """What a load balancer hears, in words."""
    heard = [
        services.text(low) if low == high else f"all of {services.NAMES[services.number(low)]}"
        for each in listeners
        for low, high in each[0]
    ]
    return f"listens on {', '.join(dict.fromkeys(heard))} only" if heard else "has no listener"


def _to_node(own: Iterable[int], interval: Interval, doubt: str) -> Match:
    return Match(destinations=union([(point, point) for point in own]), services=(interval,), uncertain=doubt)


def _served(balancer: Balancer, node: Nic, group: TargetGroup, target: Target) -> bool:
    """Whether a node sends to a target: in its own zone, or in any zone with cross-zone load balancing."""
    cross = balancer.cross_zone if group.cross_zone is None else group.cross_zone
    return bool(cross or not target.zone or not node.subnet.zone or target.zone == node.subnet.zone)


def keeps_client(balancer: Balancer, group: TargetGroup, protocol: str) -> bool:
    """Whether targets see the address of the client."""
    if balancer.application:
        return False
    if protocol in KEEPS_CLIENTS and group.keeps is None:
        return True
    if group.keeps is not None:
        return group.keeps
    return group.kind in ("instance", "alb")


def _ways(
    balancer: Balancer,
    node: Nic,
    interval: Interval,
    protocol: str,
    shown: str,
    group: TargetGroup,
    target: Target,
    doubt: str,
) -> Iterator[Translation]:
    """A node's translations of client packets for one target: one for each address that the node may have.

    Clients of the target's family keep their address where the group preserves it; those of the other never do.

    Raises:
        Malformed: the node has no address of the target's family.
    """
    keeps = keeps_client(balancer, group, protocol)
    if keeps and target.nic is not None and balancer.device not in target.nic.preserving:
        target.nic.preserving.append(balancer.device)
    number = interval[0] >> 16
    port = target.port if target.port is not None else interval[0] & 0xFFFF
    v6 = target.address >= V6
    own = [point for point in node.addresses if (point >= V6) is v6]
    other = [point for point in node.addresses if (point >= V6) is not v6]
    if not own:
        raise Malformed(f"it has no {'IPv6' if v6 else 'IPv4'} address in {node.subnet.label} for one of its targets")
    ways: list[tuple[list[int], int | None]] = [(own, None)] if keeps else [(own, point) for point in own]
    ways += [(other, point) for point in own] if other else []
    for heard, source in ways:
        preserved = source is None and node.filtered and target.nic is not None
        yield Translation(
            match=_to_node(heard, interval, doubt),
            then=_onward(node, target.nic) if preserved and target.nic is not None else node.out,
            name=f"{balancer.label}: {shown} to {target.nic.label if target.nic else 'a target'}",
            source=source,
            destination=target.address,
            service=services.of(number, port, port)[0],
            origin=target.origin,
        )


def _onward(node: Nic, target: Nic) -> str:
    """The stage for packets of a node to a target that keep the client's address."""
    return f"{node.arrival} to {target.label}"


def compile_onward(cloud: Cloud) -> None:
    """A target that admits a security group of the balancer also admits the balancer's clients, from any address. Must
    run after checks are compiled.
    """
    stages = cloud.fragment.stages
    for stage, (node, nic) in cloud.by_balancer.items():
        straight = f"{stage} past groups"
        to_target = [Route((point, point), (straight,), stage, node.resource.urn) for point in nic.addresses]
        beyond = [Route(family, (node.out,), stage, node.resource.urn) for family in EVERYWHERE]
        stages[stage] = Lookup(stage, (*to_target, *beyond), node.resource.urn)
        sending, taking = filter_at(stages, node.out), filter_at(stages, nic.entry)
        apart = node.subnet is not nic.subnet
        inside = f"{stage} at {nic.label}"
        stages[straight] = Check(sending.chain, f"{stage} leaving" if apart else inside, sending.device)
        if apart:
            stages[f"{stage} leaving"] = Check(node.subnet.acl.egress, f"{stage} entering")
            stages[f"{stage} entering"] = Check(nic.subnet.acl.ingress, inside)
        more = tuple(_for_clients(node, nic))
        chain = replace(taking.chain, rules=(*taking.chain.rules, *more)) if more else taking.chain
        stages[inside] = Check(chain, nic.arrival, taking.device)


def _for_clients(node: Nic, nic: Nic) -> Iterator[Rule]:
    for group in nic.groups:
        for other, rule in group.referred:
            if other in node.groups:
                uncertainty = rule.match.uncertain or nic.uncertainty or node.uncertainty
                match = Match(services=rule.match.services, uncertain=uncertainty)
                yield Rule(match, Action.ACCEPT, f"{rule.name}, with the addresses of its clients", rule.origin)
