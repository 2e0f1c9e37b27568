"""Network ACLs: stateless, by rule number, first match decides.

Sources: the VPC user guide's "Network ACL basics" and "Network ACL rules"; ACLs do not filter traffic to the resolver
and the metadata service, nor between interfaces of one subnet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reachability.addresses import ALL_V4, ALL_V6
from reachability.frontends.aws import traffic
from reachability.frontends.aws.cloud import Acl, Cloud
from reachability.frontends.aws.index import Malformed, cidr, flag, given, items, text_of, whole
from reachability.frontends.aws.vpcs import SUBNETS, VPCS
from reachability.network import Action, Chain, Match, Rule
from reachability.resources import UNKNOWN, Resource

ACL = "aws:ec2/networkAcl:NetworkAcl"
DEFAULT_ACL = "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl"
RULE = "aws:ec2/networkAclRule:NetworkAclRule"
ASSOCIATION = "aws:ec2/networkAclAssociation:NetworkAclAssociation"
TYPES = (ACL, DEFAULT_ACL, RULE, ASSOCIATION)

LAST_NUMBER = 32766
_Numbered = tuple[int, Rule]


def compile(cloud: Cloud) -> None:
    """Sets the ACL of every subnet: the associated one, else its VPC's default, which allows all if unmanaged."""
    index = cloud.index
    rules: dict[tuple[str, bool], list[_Numbered]] = {}
    extra = _separate(cloud)
    made: dict[str, Acl] = {}
    default_of: dict[str, Resource] = {}
    for resource in index.of(ACL, DEFAULT_ACL):
        with index.reading(resource):
            label = _label(cloud, resource)
            for egress in (False, True):
                found = _inline(resource, label, egress)
                rules[resource.urn, egress] = [*found, *extra.get((resource.urn, egress), ())]
            made[resource.urn] = _acl(label, resource.urn, rules[resource.urn, False], rules[resource.urn, True])
            owner = index.named(text_of(resource.id), *VPCS)
            if resource.type == DEFAULT_ACL and owner is None:
                owner = index.one(resource, "defaultNetworkAclId", *VPCS)
                if owner is None:
                    raise Malformed("its VPC is unknown")
            if owner is not None:
                default_of[owner.urn] = resource
    for vpc in cloud.vpcs.values():
        urn = vpc.resource.urn
        default = default_of.get(urn)
        if default is not None and default.urn in made:
            vpc.default_acl = made[default.urn]
            continue
        label = f"{vpc.label} default acl"
        origin = vpc.resource.urn
        allow = [(100, Rule(Match(), Action.ACCEPT, f"{label}: 100 allow all", origin))]
        vpc.default_acl = _acl(
            label, origin, [*allow, *extra.get((urn, False), ())], [*allow, *extra.get((urn, True), ())]
        )
    _associate(cloud, made)


def _associate(cloud: Cloud, made: Mapping[str, Acl]) -> None:
    index = cloud.index
    for resource in index.of(ACL):
        with index.reading(resource):
            found = index.find(resource, "subnetIds", *SUBNETS, value=given(resource, "subnetIds", []))
            if found.unknown:
                raise Malformed("the subnets that it is associated with are not known yet")
            for each in found.resources:
                if resource.urn in made and each.urn in cloud.subnets:
                    cloud.subnets[each.urn].own_acl = made[resource.urn]
    for resource in index.of(ASSOCIATION):
        with index.reading(resource):
            subnet = index.need(resource, "subnetId", *SUBNETS)
            acl = index.need(resource, "networkAclId", ACL, DEFAULT_ACL, *VPCS)
            if subnet.urn in cloud.subnets and acl.urn in made:
                cloud.subnets[subnet.urn].own_acl = made[acl.urn]


def _label(cloud: Cloud, resource: Resource) -> str:
    label = cloud.index.label(resource)
    return f"{resource.id} {label}" if isinstance(resource.id, str) and resource.id else label


def _acl(label: str, origin: str, ingress: list[_Numbered], egress: list[_Numbered]) -> Acl:
    chains = []
    for direction, rules in (("in", ingress), ("out", egress)):
        rules.sort(key=lambda each: each[0])
        chains.append(Chain(f"{label} {direction}", tuple(rule for _, rule in rules), Action.DROP, origin))
    return Acl(label, *chains)


def _inline(resource: Resource, label: str, egress: bool) -> list[_Numbered]:
    name = "egress" if egress else "ingress"
    value = given(resource, name)
    if value is UNKNOWN:
        unknown = Match(uncertain=f"the {name} entries of {label} are not known yet")
        return [(1, Rule(unknown, Action.ACCEPT, f"{label}: unknown {name}", resource.urn))]
    found = []
    for entry in items(value, name):
        number = whole(entry.get("ruleNo"), "ruleNo")
        if number <= LAST_NUMBER:
            found += _entry(label, resource.urn, egress, number, entry.get("action"), entry)
    return found


def _separate(cloud: Cloud) -> dict[tuple[str, bool], list[_Numbered]]:
    """Separate rule resources, by URN of the ACL (or of the VPC, for a default ACL) and direction."""
    index = cloud.index
    found: dict[tuple[str, bool], list[_Numbered]] = {}
    for resource in index.of(RULE):
        with index.reading(resource):
            acl = index.need(resource, "networkAclId", ACL, DEFAULT_ACL, *VPCS)
            egress = flag(resource.properties.get("egress"), False)
            if egress is None:
                raise Malformed("its direction is not known yet")
            number = whole(resource.properties.get("ruleNumber"), "ruleNumber")
            label = index.label(acl) if acl.type in VPCS else _label(cloud, acl)
            action = resource.properties.get("ruleAction")
            rules = _entry(label, resource.urn, egress, number, action, resource.properties)
            found.setdefault((acl.urn, egress), []).extend(rules)
    return found


def _entry(
    label: str, origin: str, egress: bool, number: int, action: Any, entry: Mapping[str, Any]
) -> list[_Numbered]:
    used, shown, uncertainty = traffic.of_entry(entry)
    v4, v6 = entry.get("cidrBlock"), entry.get("ipv6CidrBlock")
    if v4 is UNKNOWN or v6 is UNKNOWN:
        peers, peer = (ALL_V4 if v4 is UNKNOWN else ALL_V6,), "an unknown block"
        uncertainty = uncertainty or "its block is not known yet"
    elif v4:
        peers, peer = (cidr(v4, "cidrBlock", v6=False),), v4
    elif v6:
        peers, peer = (cidr(v6, "ipv6CidrBlock", v6=True),), v6
    else:
        raise Malformed(f"entry {number} has neither cidrBlock nor ipv6CidrBlock")
    actions = ("allow", "deny") if action is UNKNOWN else (text_of(action).lower(),)
    if len(actions) == 2:
        uncertainty = uncertainty or "its action is not known yet"
    elif actions[0] not in ("allow", "deny"):
        raise Malformed(f"entry {number}: action {action!r} is neither allow nor deny")
    match = Match(
        sources=None if egress else peers, destinations=peers if egress else None, services=used, uncertain=uncertainty
    )
    direction, towards = ("out", "to") if egress else ("in", "from")
    return [
        (
            number,
            Rule(
                match,
                Action.ACCEPT if each == "allow" else Action.DROP,
                f"{label}: {direction} {number} {each} {shown} {towards} {peer}",
                origin,
            ),
        )
        for each in actions
    ]
