"""Security groups and network ACLs: what each lets pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from lab.clouds.store import Resource
from lab.wiring.cloud.model import NetworkAcl, Permission, SecurityGroup
from lab.wiring.cloud.resources import Resources, blocks_of, blocks_of_prefix_list, token

PROTOCOL_NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "-1": "all"}


def _protocol(value: Any) -> str:
    return PROTOCOL_NUMBERS.get(str(value).lower(), str(value).lower())


def _number(value: Any) -> int | None:
    return None if value in (None, -1, "-1", "") else int(value)


def _matched(protocol: str, start: Any, end: Any) -> dict[str, Any]:
    """Ports, or ICMP type and code, of a rule with AWS's ``fromPort`` and ``toPort``."""
    first, last = _number(start), _number(end)
    if protocol.startswith("icmp"):
        return {"ports": None, "icmp": (first, last)}
    if protocol not in ("tcp", "udp") or first is None or last is None or (first, last) in ((0, 65535),):
        return {"ports": None}
    return {"ports": (first, last)}


def _group_permissions(resources: Resources, resource: Resource) -> list[Permission]:
    """The permissions of one rule of its own; none where it is for IPv6 only."""
    properties = resource.properties
    protocol = _protocol(properties["ipProtocol"])
    matched = {
        "id": resource.id,
        "protocol": protocol,
        **_matched(protocol, properties.get("fromPort"), properties.get("toPort")),
    }
    if referenced := properties.get("referencedSecurityGroupId"):
        return [Permission(**matched, group=str(referenced).rsplit("/", 1)[-1])]
    if prefix_list := properties.get("prefixListId"):
        return [Permission(**matched, blocks=blocks_of_prefix_list(resources, prefix_list))]
    blocks = blocks_of([properties.get("cidrIpv4")])
    return [Permission(**matched, blocks=blocks)] if blocks else []


def _inline_permissions(
    resources: Resources, id: str, rules: Iterable[Mapping[str, Any]], group: str
) -> list[Permission]:
    """The permissions of rules written inside a group, or of the older kind of rule."""
    permissions = []
    for rule in rules:
        protocol = _protocol(rule["protocol"])
        matched = {"id": id, "protocol": protocol, **_matched(protocol, rule.get("fromPort"), rule.get("toPort"))}
        blocks = blocks_of(rule.get("cidrBlocks") or ())
        for prefix_list in rule.get("prefixListIds") or ():
            blocks += blocks_of_prefix_list(resources, prefix_list)
        if blocks:
            permissions.append(Permission(**matched, blocks=blocks))
        others = [
            *(rule.get("securityGroups") or ()),
            rule.get("sourceSecurityGroupId"),
            group if rule.get("self") else None,
        ]
        permissions += [Permission(**matched, group=other) for other in others if other]
    return permissions


def security_groups(resources: Resources) -> dict[str, SecurityGroup]:
    rules: dict[tuple[str, str], list[Permission]] = defaultdict(list)
    for direction, noun in (("ingress", "vpc/securityGroupIngressRule"), ("egress", "vpc/securityGroupEgressRule")):
        for resource in resources.of(noun):
            rules[resource.properties["securityGroupId"], direction] += _group_permissions(resources, resource)
    for resource in resources.of("ec2/securityGroupRule"):
        group = resource.properties["securityGroupId"]
        rules[group, resource.properties["type"]] += _inline_permissions(
            resources, resource.id, [resource.properties], group
        )
    groups = {}
    for resource in [*resources.of("ec2/securityGroup"), *resources.of("ec2/defaultSecurityGroup")]:
        for direction in ("ingress", "egress"):
            if not rules[resource.id, direction]:
                inline = resource.properties.get(direction) or ()
                rules[resource.id, direction] += _inline_permissions(resources, resource.id, inline, resource.id)
        groups[resource.id] = SecurityGroup(
            id=resource.id,
            vpc=resource.properties.get("vpcId", ""),
            ingress=tuple(rules[resource.id, "ingress"]),
            egress=tuple(rules[resource.id, "egress"]),
        )
    return groups


def _acl_permission(id: str, rule: Mapping[str, Any], number: int, action: str) -> Permission | None:
    blocks = blocks_of([rule.get("cidrBlock")])
    protocol = _protocol(rule["protocol"])
    if not blocks:
        return None
    matched = _matched(protocol, rule.get("fromPort"), rule.get("toPort"))
    if protocol == "icmp":
        matched = {"ports": None, "icmp": (_number(rule.get("icmpType")), _number(rule.get("icmpCode")))}
    return Permission(
        id=f"{id} {number}", protocol=protocol, blocks=blocks, allow=action == "allow", number=number, **matched
    )


def network_acls(resources: Resources) -> dict[str, NetworkAcl]:
    rules: dict[tuple[str, bool], list[Permission | None]] = defaultdict(list)
    for resource in resources.of("ec2/networkAclRule"):
        rule = resource.properties
        permission = _acl_permission(rule["networkAclId"], rule, int(rule["ruleNumber"]), rule["ruleAction"])
        rules[rule["networkAclId"], bool(rule.get("egress"))].append(permission)
    acls = {}
    for resource in [*resources.of("ec2/networkAcl"), *resources.of("ec2/defaultNetworkAcl")]:
        for egress, name in ((False, "ingress"), (True, "egress")):
            inline = resource.properties.get(name) or ()
            rules[resource.id, egress] += [
                _acl_permission(resource.id, rule, int(rule["ruleNo"]), rule["action"]) for rule in inline
            ]
        ordered = {
            egress: tuple(
                sorted(
                    {rule.number: rule for rule in rules[resource.id, egress] if rule}.values(),
                    key=lambda rule: rule.number,
                )
            )
            for egress in (False, True)
        }
        acls[resource.id] = NetworkAcl(id=resource.id, ingress=ordered[False], egress=ordered[True])
    return acls


def _is_default_acl(resource: Resource, declared: set[str]) -> bool:
    return resource.id in declared or (bool(resource.made_for) and resource.type == token("ec2/networkAcl"))


def acl_of_subnets(resources: Resources) -> dict[str, str]:
    """Which network ACL guards each subnet; AWS's default ACL of the VPC where none was chosen."""
    defaults: dict[str, str] = {}
    declared = {resource.properties["defaultNetworkAclId"] for resource in resources.of("ec2/defaultNetworkAcl")}
    for resource in resources.of("ec2/networkAcl", "ec2/defaultNetworkAcl"):
        if _is_default_acl(resource, declared):
            defaults[resource.properties.get("vpcId") or resource.made_for] = resource.id
    chosen = {}
    for resource in resources.of("ec2/networkAcl", "ec2/defaultNetworkAcl"):
        chosen.update(dict.fromkeys(resource.properties.get("subnetIds") or (), resource.id))
    for resource in resources.of("ec2/networkAclAssociation"):
        chosen[resource.properties["subnetId"]] = resource.properties["networkAclId"]
    return {
        subnet.id: chosen.get(subnet.id) or defaults.get(subnet.properties["vpcId"], "")
        for subnet in resources.of("ec2/subnet")
    }
