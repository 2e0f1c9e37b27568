"""Security groups: stateful, allow only, the union of an interface's groups.

Sources: the VPC user guide's "Security group rules" (a reference means the private addresses of the interfaces with
the group), "Update your security groups to reference peer security groups" (only within a region, only where the
peering is active), "Default security groups", and the EC2 guide's list of what groups do not filter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from reachability.addresses import ALL_V4, ALL_V6, EVERYWHERE, Intervals, union
from reachability.frontends.aws import prefix_lists, traffic
from reachability.frontends.aws.cloud import Cloud, Group, Nic, Vpc
from reachability.frontends.aws.index import Found, Malformed, cidr, flag, given, items, says, text_of
from reachability.frontends.aws.vpcs import VPCS, known, unfiltered, vpc_of
from reachability.network import Action, Chain, Check, Match, Rule, Translate
from reachability.resources import UNKNOWN, Resource

GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
VPC_ASSOCIATION = "aws:vpc/securityGroupVpcAssociation:SecurityGroupVpcAssociation"
TYPES = (GROUP, DEFAULT_GROUP, RULE, INGRESS, EGRESS, VPC_ASSOCIATION)
REFERABLE = (GROUP, DEFAULT_GROUP, *VPCS)


def read(cloud: Cloud) -> None:
    """Reads the groups without their rules, which need the members."""
    index = cloud.index
    for resource in index.of(GROUP, DEFAULT_GROUP):
        with index.reading(resource):
            unseen = cloud.unseen_vpcs.get(text_of(resource.properties.get("vpcId")))
            vpc = unseen or vpc_of(cloud, resource)
            label = index.label(resource)
            id_ = text_of(resource.id)
            group = Group(f"{id_} {label}" if id_ else label, vpc, resource)
            cloud.groups[resource.urn] = group
            if resource.type == DEFAULT_GROUP or _is_default(cloud, vpc, resource):
                vpc.default_group = group
    for vpc in cloud.vpcs.values():
        cloud.groups[vpc.resource.urn] = vpc.default_group


def _is_default(cloud: Cloud, vpc: Vpc, resource: Resource) -> bool:
    """Whether a group is the default one of its VPC: by the VPC's outputs, or by its name, which AWS reserves."""
    own = text_of(resource.id)
    return cloud.index.named(own, *VPCS) is vpc.resource or resource.properties.get("name") == "default"


def of_interface(cloud: Cloud, vpc: Vpc, found: Found) -> tuple[tuple[Group, ...], str]:
    """The groups of an interface, and why they are unknown; groups outside the input may allow anything."""
    if not found.given:
        unknown = vpc.unseen and vpc.default_group.resource is None
        return (_foreign(cloud, vpc, f"the default group of {vpc.label}") if unknown else vpc.default_group,), ""
    if found.unknown and not found.resources:
        known_here = {id(each): each for each in cloud.groups.values() if each.vpc is vpc}
        return (*known_here.values(), _foreign(cloud, vpc, f"an unknown group of {vpc.label}")), found.unknown
    groups = [known(cloud.groups, each) for each in found.resources]
    groups += [_foreign(cloud, vpc, name) for name in found.foreign]
    return tuple(dict.fromkeys(groups)), found.unknown


def _foreign(cloud: Cloud, vpc: Vpc, name: str) -> Group:
    group = cloud.groups.get(name)
    if group is None:
        group = cloud.groups[name] = Group(name, vpc, None)
        uncertainty = Match(uncertain=f"{name} is not among the resources: its rules are not known")
        group.ingress.append(Rule(uncertainty, Action.ACCEPT, f"{name}: in, rules that are not known"))
        group.egress.append(Rule(uncertainty, Action.ACCEPT, f"{name}: out, rules that are not known"))
    return group


def unnamed(cloud: Cloud, vpc: Vpc, owner: str) -> Group:
    """The group of a service that no resource names: it may allow anything."""
    return _foreign(cloud, vpc, f"the security groups that AWS makes for {owner}")


def compile(cloud: Cloud) -> None:
    """Reads the rules and compiles the checks of every interface. Must run after members and peerings are read."""
    peers = _Peers(cloud)
    index = cloud.index
    for vpc in cloud.vpcs.values():
        default = vpc.default_group
        if default.resource is None:
            default.ingress += peers.reference(default, default, None, "all", "", False)
            everywhere = Match(destinations=EVERYWHERE)
            default.egress.append(
                Rule(everywhere, Action.ACCEPT, f"{default.name}: out all to anywhere", default.origin)
            )
    for resource in index.of(GROUP, DEFAULT_GROUP):
        declared = cloud.groups.get(resource.urn)
        if declared is None:
            continue
        with index.reading(resource):
            declared.ingress += _inline(cloud, peers, declared, resource, egress=False)
        with index.reading(resource):
            declared.egress += _inline(cloud, peers, declared, resource, egress=True)
    for resource in index.of(RULE):
        with index.reading(resource):
            group = _owner(cloud, resource)
            direction = resource.properties.get("type")
            if direction not in ("ingress", "egress"):
                raise Malformed(f"type is {direction!r}, which is neither ingress nor egress")
            egress = direction == "egress"
            rules = _entry(cloud, peers, group, resource, resource.properties, "", egress)
            (group.egress if egress else group.ingress).extend(rules)
    for type_, egress in ((INGRESS, False), (EGRESS, True)):
        for resource in index.of(type_):
            with index.reading(resource):
                group = _owner(cloud, resource)
                (group.egress if egress else group.ingress).extend(_single(cloud, peers, group, resource, egress))
    for group in {id(each): each for each in cloud.groups.values()}.values():
        group.ingress, group.egress = _once(group.ingress), _once(group.egress)
    _compile_checks(cloud)


def _once(rules: list[Rule]) -> list[Rule]:
    """State repeats a separate rule resource in its group: only the resource is used."""
    by_match = {rule.match: rule for rule in rules}
    return rules if len(by_match) == len(rules) else list(by_match.values())


def _owner(cloud: Cloud, resource: Resource) -> Group:
    return known(cloud.groups, cloud.index.need(resource, "securityGroupId", *REFERABLE))


def _rule(
    group: Group, peers: Intervals, peer: str, used: tuple[Intervals | None, str, str], egress: bool, origin: str
) -> Rule:
    wanted, shown, uncertainty = used
    if egress:
        match = Match(destinations=peers, services=wanted, uncertain=uncertainty)
        return Rule(match, Action.ACCEPT, f"{group.name}: out {shown} to {peer}", origin)
    match = Match(sources=peers, services=wanted, uncertain=uncertainty)
    return Rule(match, Action.ACCEPT, f"{group.name}: in {shown} from {peer}", origin)


def _single(cloud: Cloud, peers: _Peers, group: Group, resource: Resource, egress: bool) -> Iterable[Rule]:
    """The rules of a resource with one peer."""
    properties = resource.properties
    used = traffic.read(properties.get("ipProtocol"), properties.get("fromPort"), properties.get("toPort"))
    for name, family in (("cidrIpv4", ALL_V4), ("cidrIpv6", ALL_V6)):
        block = properties.get(name)
        if not says(block):
            continue
        if block is UNKNOWN:
            uncertainty = used[0], used[1], used[2] or f"{name} is not known yet"
            return (_rule(group, (family,), "an unknown block", uncertainty, egress, resource.urn),)
        interval = cidr(block, name, v6=family is ALL_V6)
        return (_rule(group, (interval,), str(block), used, egress, resource.urn),)
    if says(properties.get("prefixListId")):
        return _listed(cloud, group, resource, "prefixListId", None, used, egress)
    if says(properties.get("referencedSecurityGroupId")):
        found = cloud.index.find(resource, "referencedSecurityGroupId", *REFERABLE)
        found = _within_account(cloud, found, resource, "referencedSecurityGroupId")
        return peers.references(group, found, used, egress, resource.urn)
    raise Malformed("it has no peer: neither cidrIpv4, cidrIpv6, prefixListId nor referencedSecurityGroupId")


def _within_account(cloud: Cloud, found: Found, resource: Resource, name: str) -> Found:
    """References may be written ``account/group``."""
    if len(found.foreign) == 1 and "/" in found.foreign[0]:
        return cloud.index.find(resource, name, *REFERABLE, value=found.foreign[0].rpartition("/")[2])
    return found


def _inline(cloud: Cloud, peers: _Peers, group: Group, resource: Resource, *, egress: bool) -> Iterator[Rule]:
    name = "egress" if egress else "ingress"
    value = given(resource, name)
    if value is UNKNOWN:
        used = None, "all", f"the {name} rules of {group.name} are not known yet"
        yield _rule(group, EVERYWHERE, "anywhere", used, egress, resource.urn)
        return
    for entry in items(value, name):
        if entry is UNKNOWN:
            used = None, "all", f"a rule in {name} of {group.name} is not known yet"
            yield _rule(group, EVERYWHERE, "anywhere", used, egress, resource.urn)
            continue
        yield from _entry(cloud, peers, group, resource, entry, name, egress)


def _entry(
    cloud: Cloud,
    peers: _Peers,
    group: Group,
    resource: Resource,
    entry: Mapping[str, Any],
    inline: str,
    egress: bool,
) -> Iterator[Rule]:
    """The rules of one inline entry, or (``inline`` empty) of one rule resource with lists of peers."""
    used = traffic.read(entry.get("protocol"), entry.get("fromPort"), entry.get("toPort"))
    for name, family in (("cidrBlocks", ALL_V4), ("ipv6CidrBlocks", ALL_V6)):
        blocks = entry.get(name)
        for block in (UNKNOWN,) if blocks is UNKNOWN else items(blocks, name):
            if block is UNKNOWN:
                vague = used[0], used[1], used[2] or f"{name} is not known yet"
                yield _rule(group, (family,), "an unknown block", vague, egress, resource.urn)
            else:
                yield _rule(group, (cidr(block, name, v6=family is ALL_V6),), block, used, egress, resource.urn)
    if says(entry.get("prefixListIds")):
        value = entry["prefixListIds"]
        yield from _listed(cloud, group, resource, inline or "prefixListIds", value, used, egress)
    value = entry.get("securityGroups") if inline else given(resource, "sourceSecurityGroupId")
    if says(value):
        name = inline or "sourceSecurityGroupId"
        found = cloud.index.find(resource, name, *REFERABLE, value=value)
        if not inline:
            found = _within_account(cloud, found, resource, name)
        yield from peers.references(group, found, used, egress, resource.urn)
    own = flag(entry.get("self"), False)
    if own is not False:
        uncertainty = used[2] or ("" if own else "self is not known yet")
        yield from peers.reference(group, group, used[0], used[1], uncertainty, egress, resource.urn)


def _listed(
    cloud: Cloud,
    group: Group,
    resource: Resource,
    name: str,
    value: Any,
    used: tuple[Intervals | None, str, str],
    egress: bool,
) -> Iterator[Rule]:
    for shown, blocks, uncertainty in prefix_lists.contents(cloud, resource, name, value):
        yield _rule(group, blocks, shown, (used[0], used[1], used[2] or uncertainty), egress, resource.urn)


class _Peers:
    """Resolves references to groups."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._reached: dict[int, tuple[set[Vpc], set[Vpc]]] = {}
        self._addresses: dict[tuple[int, int, bool], tuple[Intervals, Intervals]] = {}

    def _vpcs(self, group: Group) -> tuple[set[Vpc], set[Vpc]]:
        """The VPCs whose groups the rules of a group can reference, inbound and outbound."""
        reached = self._reached.get(id(group))
        if reached is None:
            homes = {group.vpc, *(nic.subnet.vpc for nic in group.members)}
            peered = homes | {peer for home in homes for peer in home.peers.values() if peer.region == home.region}
            over_transit = {peer for home in homes for peer in home.transit_peers if peer.region == home.region}
            reached = self._reached[id(group)] = peered | over_transit, peered
        return reached

    def references(
        self, group: Group, found: Found, used: tuple[Intervals | None, str, str], egress: bool, origin: str
    ) -> Iterator[Rule]:
        """The rules for a reference to one or more groups, which may be unknown or outside the input."""
        wanted, shown, uncertainty = used
        if found.unknown and not found.resources:
            used = wanted, shown, uncertainty or found.unknown
            yield _rule(group, EVERYWHERE, "an unknown group", used, egress, origin)
        for each in found.resources:
            other = known(self._cloud.groups, each)
            yield from self.reference(group, other, wanted, shown, uncertainty or found.unknown, egress, origin)
        for name in found.foreign:
            if not egress:
                group.strangers.append((name, wanted, origin or group.origin))
            used = wanted, shown, uncertainty or f"{name} is not among the resources: its members are unknown"
            yield _rule(group, EVERYWHERE, name, used, egress, origin)

    def reference(
        self,
        group: Group,
        other: Group,
        wanted: Intervals | None,
        shown: str,
        uncertainty: str,
        egress: bool,
        origin: str = "",
    ) -> Iterator[Rule]:
        """One rule for the certain members of ``other``, another for the possible ones; a rule that matches nothing if
        the cloud would not apply the reference.
        """
        origin = origin or group.origin
        reached = self._vpcs(group)[egress]
        if other.vpc not in reached:
            region, own = other.vpc.region, group.vpc.region
            why = (
                f"of another region, {region or 'unknown'}: a reference to it is refused"
                if region != own
                else f"of {other.vpc.label}, with which there is no active peering"
            )
            used = wanted, shown, uncertainty
            yield _rule(group, (), f"{other.name} ({why})", used, egress, origin)
            return
        key = id(group), id(other), egress
        sets = self._addresses.get(key)
        if sets is None:
            members = [nic for nic in other.members if nic.subnet.vpc in reached]
            sets = self._addresses[key] = (
                union([(point, point) for nic in members if not nic.uncertainty for point in nic.addresses]),
                union([(point, point) for nic in members if nic.uncertainty for point in nic.addresses]),
            )
        certain, possible = sets
        rule = _rule(group, certain, other.name, (wanted, shown, uncertainty), egress, origin)
        if not egress:
            group.referred.append((other, rule))
        yield rule
        if possible:
            used = wanted, shown, uncertainty or f"the members of {other.name} are unknown until the deployment"
            yield _rule(group, possible, f"{other.name}, perhaps", used, egress, origin)


def _compile_checks(cloud: Cloud) -> None:
    chains: dict[tuple[object, ...], tuple[Chain, Chain]] = {}
    always = {
        urn: Rule(
            Match(destinations=union([(point, point) for point, _ in unfiltered(vpc)])),
            Action.ACCEPT,
            "groups do not filter the services of the VPC",
            urn,
        )
        for urn, vpc in cloud.vpcs.items()
    }
    stages = cloud.fragment.stages
    for nics in cloud.nics.values():
        for nic in nics:
            vpc = nic.subnet.vpc
            key = vpc, nic.groups, nic.uncertainty, nic.filtered
            pair = chains.get(key)
            if pair is None:
                pair = chains[key] = _chains(nic, always[vpc.resource.urn])
            device = f"interface {nic.label}"
            stages[nic.entry] = Check(pair[0], nic.arrival, device)
            _compile_sending(cloud, nic, pair[1], device)


def _chains(nic: Nic, always: Rule) -> tuple[Chain, Chain]:
    if not nic.filtered:
        return Chain("no groups", (), Action.ACCEPT), Chain("no groups", (), Action.ACCEPT)
    ingress = [rule for group in nic.groups for rule in group.ingress]
    egress = [rule for group in nic.groups for rule in group.egress]
    if nic.uncertainty:
        ingress = [replace(rule, match=replace(rule.match, uncertain=nic.uncertainty)) for rule in ingress]
        egress = [replace(rule, match=replace(rule.match, uncertain=nic.uncertainty)) for rule in egress]
    name = ", ".join(group.name for group in nic.groups)
    origin = nic.groups[0].origin if len(nic.groups) == 1 else nic.resource.urn
    return (
        Chain(f"{name} in", tuple(ingress), Action.DROP, origin),
        Chain(f"{name} out", (always, *egress), Action.DROP, origin),
    )


def _compile_sending(cloud: Cloud, nic: Nic, egress: Chain, device: str) -> None:
    """Checks the source address first, then the groups, then the subnet."""
    stages = cloud.fragment.stages
    behind = _after_groups(cloud, nic)
    if nic.checked is False:
        stages[nic.out] = Check(egress, behind, device)
        return
    grouped = f"{nic.out} groups"
    own = union([(point, point) for point in nic.addresses])
    name = f"{nic.label}: source/destination check"
    rules = [Rule(Match(sources=own), Action.ACCEPT, f"{name}: an address of its own", nic.resource.urn)]
    if nic.checked is None:
        uncertainty = Match(uncertain="sourceDestCheck is not known yet")
        rules.append(Rule(uncertainty, Action.ACCEPT, f"{name}: perhaps off", nic.resource.urn))
    stages[nic.out] = Check(Chain(name, tuple(rules), Action.DROP, nic.resource.urn), grouped)
    stages[grouped] = Check(egress, behind, device)


def _after_groups(cloud: Cloud, nic: Nic) -> str:
    """The next stage of packets that an interface's groups accept: the subnet, after the load balancers that preserve
    client addresses and receive the answers.
    """
    then = nic.subnet.stage
    for balancer in nic.preserving:
        name = f"{nic.out} answers through {balancer}"
        cloud.fragment.stages[name] = Translate(name, balancer, (), then, nic.resource.urn)
        then = name
    return then
