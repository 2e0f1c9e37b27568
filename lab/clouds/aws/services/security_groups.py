"""Security groups and their rules, inline and as resources of their own.

Source: the EC2 API's error codes, and the VPC user guide on security group rules and quotas.
"""

import ipaddress
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import at_least_one, conflicts, exactly_one, matches, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.services.interfaces import GROUPS, NO_GROUP
from lab.clouds.aws.services.peering import active_peers
from lab.clouds.aws.services.vpc import IN_VPC, NO_VPC
from lab.clouds.aws.spec import Autoname, Computed, Found, Reference, TypeSpec
from lab.clouds.store import Row

PROTOCOLS = ("-1", "all", "tcp", "udp", "icmp", "icmpv6")
_WITH_PORTS = ("tcp", "udp", "6", "17")
_DESCRIPTION = r"[A-Za-z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}"
_RULES = (tokens.SECURITY_GROUP_INGRESS_RULE, tokens.SECURITY_GROUP_EGRESS_RULE, tokens.SECURITY_GROUP_RULE)
_NO_PREFIX_LIST = ("InvalidPrefixListID.NotFound", "The prefix list ID '{id}' does not exist")
_IN_USE = ("DependencyViolation", "resource {id} has a dependent object ({by})")


def _is_elsewhere(group_id: str) -> bool:
    return "/" in group_id


IN_GROUP = Reference("securityGroupId", GROUPS, NO_GROUP, blocks=False)
_PEER_GROUP = Reference("referencedSecurityGroupId", GROUPS, NO_GROUP, ignore=_is_elsewhere)


def check_ports(call: Call, protocol: str, low: int | None, high: int | None) -> None:
    """Refuses an unknown protocol and ports that do not go with it."""
    if protocol not in PROTOCOLS and not (protocol.isdigit() and int(protocol) <= 255):
        call.refuse("InvalidParameterValue", f"Invalid value '{protocol}' for IP protocol. Unknown protocol.")
    if protocol not in _WITH_PORTS:
        return
    if low is None or high is None:
        call.refuse(
            "InvalidParameterValue",
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
        )
    if low > high or low < 0 or high > 65535:
        call.refuse("InvalidParameterValue", f"Invalid TCP/UDP port range ({low}:{high})")


def check_block(call: Call, block: str, version: int) -> None:
    """Refuses a source or destination that is not a whole CIDR block."""
    try:
        good = ipaddress.ip_network(block).version == version
    except ValueError:
        good = False
    if not good:
        call.refuse("InvalidParameterValue", f"CIDR block {block} is malformed")


def check_peer_group(call: Call, group_vpc: str, peer_id: str) -> None:
    """Refuses a group that is neither in the same VPC nor in one with an active peering."""
    if _is_elsewhere(peer_id):
        owner = peer_id.split("/")[0]
        if not any(vpc.owner_id == owner and vpc.vpc_id in active_peers(call, group_vpc) for vpc in call.world.vpcs):
            call.refuse("InvalidGroup.NotFound", f"The security group '{peer_id}' does not exist")
        return
    peer = call.get(GROUPS, peer_id)
    if peer is None:
        call.refuse("InvalidGroup.NotFound", f"The security group '{peer_id}' does not exist")
    if peer.properties["vpcId"] != group_vpc and peer.properties["vpcId"] not in active_peers(call, group_vpc):
        call.refuse("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")


def _refuse_group(call: Call) -> None:
    if not call.props.get("vpcId"):
        call.refuse("VPCIdNotSpecified", "No default VPC for this user")
    name, vpc_id = call.props.get("name"), call.props["vpcId"]
    if name == "default" and call.old is None:
        call.refuse("InvalidParameterValue", "Cannot use reserved security group name: default")
    if call.old is None and any(row.maker is None for row in call.find(tokens.SECURITY_GROUP, name=name, vpcId=vpc_id)):
        call.refuse("InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc_id}'")
    _refuse_inline_rules(call, vpc_id)


def _refuse_inline_rules(call: Call, vpc_id: str) -> None:
    for direction in ("ingress", "egress"):
        for rule in call.props.get(direction) or []:
            check_ports(call, rule["protocol"], rule.get("fromPort"), rule.get("toPort"))
            for block in rule.get("cidrBlocks") or []:
                check_block(call, block, 4)
            for block in rule.get("ipv6CidrBlocks") or []:
                check_block(call, block, 6)
            for peer in rule.get("securityGroups") or []:
                check_peer_group(call, vpc_id, peer)
        alone = _rules_of(call, call.id, direction == "ingress") if call.id else []
        listed = [row.properties for row in alone]
        _refuse_too_many(call, [*listed, *(call.props.get(direction) or [])])


def _weights(call: Call, rule: Mapping[str, Any]) -> Counter[str]:
    """How often a rule counts, by IP version, which AWS limits each by itself.

    A block counts once; a group once for each version, whatever its size; a prefix list as often as it may have
    entries. A rule may be written as any of the resources writes it.
    """
    lists = [*(rule.get("prefixListIds") or []), *filter(None, [rule.get("prefixListId")])]
    named = [rule.get("referencedSecurityGroupId"), rule.get("sourceSecurityGroupId"), rule.get("self")]
    peers = len(rule.get("securityGroups") or []) + sum(map(bool, named))
    counts = Counter(
        {
            "IPv4": peers + len(rule.get("cidrBlocks") or []) + bool(rule.get("cidrIpv4")),
            "IPv6": peers + len(rule.get("ipv6CidrBlocks") or []) + bool(rule.get("cidrIpv6")),
        }
    )
    for id in lists:
        prefixes = call.get(tokens.MANAGED_PREFIX_LIST, id)
        if prefixes:
            counts[prefixes.properties["addressFamily"]] += prefixes.properties["maxEntries"]
    return counts


def _refuse_too_many(call: Call, rules: Iterable[Mapping[str, Any]]) -> None:
    """Refuses more rules of one direction of a group than its quota, for either IP version."""
    most = call.quotas.rules_per_security_group
    total: Counter[str] = Counter()
    for rule in rules:
        total.update(_weights(call, rule))
    for version, count in total.items():
        if count > most:
            call.refuse(
                "RulesPerSecurityGroupLimitExceeded",
                f"The maximum number of rules per security group has been reached: {count} of {most} for {version}.",
            )


def _rules_of(call: Call, group_id: str, ingress: bool) -> list[Row]:
    token = tokens.SECURITY_GROUP_INGRESS_RULE if ingress else tokens.SECURITY_GROUP_EGRESS_RULE
    mentioned = {row.key: row for row in call.mentioning(group_id, token, tokens.SECURITY_GROUP_RULE)}
    of_group = [row for row in mentioned.values() if row.properties["securityGroupId"] == group_id]
    word = "ingress" if ingress else "egress"
    return [row for row in of_group if row.type == token or row.properties["type"] == word]


def _all_rules_of(call: Call, group: Row, ingress: bool) -> list[Mapping[str, Any]]:
    """Returns the properties of a group's other rules in one direction, inline ones included."""
    inline = group.properties.get("ingress" if ingress else "egress") or []
    return [*(row.properties for row in _rules_of(call, group.id, ingress)), *inline]


def _refuse_rule(call: Call) -> None:
    props = call.props
    ingress = call.spec.token == tokens.SECURITY_GROUP_INGRESS_RULE
    check_ports(call, props["ipProtocol"], props.get("fromPort"), props.get("toPort"))
    if props.get("cidrIpv4"):
        check_block(call, props["cidrIpv4"], 4)
    if props.get("cidrIpv6"):
        check_block(call, props["cidrIpv6"], 6)
    group = call.get(GROUPS, props["securityGroupId"])
    if group is None:
        return
    if props.get("referencedSecurityGroupId"):
        check_peer_group(call, group.properties["vpcId"], props["referencedSecurityGroupId"])
    others = _rules_of(call, group.id, ingress)
    if any(_is_same_rule(row.properties, props) for row in others):
        call.refuse("InvalidPermission.Duplicate", f'the specified rule "{_words(props)}" already exists')
    _refuse_too_many(call, [*_all_rules_of(call, group, ingress), props])


_IDENTITY = ("ipProtocol", "fromPort", "toPort", "cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")


def _is_same_rule(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    return all(ours.get(name) == theirs.get(name) for name in _IDENTITY)


def _words(props: Mapping[str, Any]) -> str:
    peer = next(props[name] for name in _IDENTITY[3:] if props.get(name))
    protocol = {"-1": "ALL"}.get(props["ipProtocol"], props["ipProtocol"].upper())
    ports = (
        f", from port: {props['fromPort']}, to port: {props.get('toPort')}" if props.get("fromPort") is not None else ""
    )
    return f"peer: {peer}, {protocol}{ports}, ALLOW"


def _rule_attributes(call: Call) -> Computed:
    return {"securityGroupRuleId": call.id, "arn": call.arn("ec2", f"security-group-rule/{call.id}")}


def _refuse_older_rule(call: Call) -> None:
    props = call.props
    check_ports(call, props["protocol"], props["fromPort"], props["toPort"])
    group = call.get(GROUPS, props["securityGroupId"])
    if group is None:
        return
    for block in props.get("cidrBlocks") or []:
        check_block(call, block, 4)
    for block in props.get("ipv6CidrBlocks") or []:
        check_block(call, block, 6)
    if props.get("sourceSecurityGroupId"):
        check_peer_group(call, group.properties["vpcId"], props["sourceSecurityGroupId"])
    names = ("type", "protocol", "fromPort", "toPort", "self", "sourceSecurityGroupId")
    for other in call.mentioning(group.id, tokens.SECURITY_GROUP_RULE):
        if all(other.properties.get(name) == props.get(name) for name in names):
            shared = set(other.properties.get("cidrBlocks") or ()) & set(props.get("cidrBlocks") or ())
            if shared or not props.get("cidrBlocks"):
                call.refuse(
                    "InvalidPermission.Duplicate", f'the specified rule "peer: {shared or "as"}" already exists'
                )
    _refuse_too_many(call, [*_all_rules_of(call, group, props["type"] == "ingress"), props])


def _older_rule_id(call: Call) -> str:
    names = (
        "securityGroupId",
        "type",
        "protocol",
        "fromPort",
        "toPort",
        "cidrBlocks",
        "ipv6CidrBlocks",
        "prefixListIds",
        "self",
        "sourceSecurityGroupId",
    )
    return f"sgrule-{zlib.crc32(repr([call.props.get(name) for name in names]).encode())}"


def _default_group_id(call: Call) -> str:
    vpc = call.get(tokens.VPC, call.props.get("vpcId", ""))
    if vpc is None:
        call.refuse("VPCIdNotSpecified", "No default VPC for this user")
    return str(vpc.properties["defaultSecurityGroupId"])


def _refuse_default_group(call: Call) -> None:
    _refuse_inline_rules(call, call.props.get("vpcId", ""))


def _named_like_an_id(inputs: Mapping[str, Any]) -> Found:
    if str(inputs.get("name", "")).startswith("sg-"):
        yield "name", "invalid value for name (cannot begin with sg-)"


def _inline_references() -> tuple[Reference, ...]:
    return (
        Reference("ingress[].securityGroups[]", GROUPS, NO_GROUP, ignore=_is_elsewhere),
        Reference("egress[].securityGroups[]", GROUPS, NO_GROUP, ignore=_is_elsewhere),
        Reference("ingress[].prefixListIds[]", (tokens.MANAGED_PREFIX_LIST,), _NO_PREFIX_LIST),
        Reference("egress[].prefixListIds[]", (tokens.MANAGED_PREFIX_LIST,), _NO_PREFIX_LIST),
    )


def _rule_resource(token: str, noun: str, call: str) -> TypeSpec:
    return TypeSpec(
        token=token,
        noun=noun,
        service="EC2",
        create=f"Authorize{call}",
        update="ModifySecurityGroupRules",
        delete=f"Revoke{call}",
        id="sgr-",
        replaces=frozenset({"securityGroupId"}),
        rules=(
            exactly_one("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"),
            matches("description", _DESCRIPTION, "a security group rule's characters"),
        ),
        references=(
            IN_GROUP,
            _PEER_GROUP,
            Reference("prefixListId", (tokens.MANAGED_PREFIX_LIST,), _NO_PREFIX_LIST),
        ),
        refusals=(_refuse_rule,),
        compute=_rule_attributes,
        recompute=_rule_attributes,
    )


SPECS = (
    TypeSpec(
        token=tokens.SECURITY_GROUP,
        noun="EC2 Security Group",
        service="EC2",
        create="CreateSecurityGroup",
        update="AuthorizeSecurityGroupIngress",
        id="sg-",
        arn="arn:aws:ec2:{region}:{account}:security-group/{id}",
        replaces=frozenset({"name", "namePrefix", "description", "vpcId"}),
        computed_inputs=frozenset({"ingress", "egress", "vpcId"}),
        defaults={
            "description": "Managed by Pulumi",
            "ingress": [],
            "egress": [],
            "revokeRulesOnDelete": False,
        },
        autoname=Autoname(longest=255),
        rules=(_named_like_an_id, matches("description", _DESCRIPTION, "a security group's characters")),
        references=(IN_VPC, *_inline_references()),
        refusals=(_refuse_group,),
        in_use=_IN_USE,
    ),
    TypeSpec(
        token=tokens.DEFAULT_SECURITY_GROUP,
        noun="EC2 Default Security Group",
        service="EC2",
        create="AuthorizeSecurityGroupIngress",
        update="AuthorizeSecurityGroupIngress",
        delete="RevokeSecurityGroupIngress",
        id=_default_group_id,
        arn="arn:aws:ec2:{region}:{account}:security-group/{id}",
        replaces=frozenset({"vpcId"}),
        defaults={"ingress": [], "egress": [], "revokeRulesOnDelete": False},
        references=(
            Reference("vpcId", (tokens.VPC,), NO_VPC, blocks=False),
            *_inline_references(),
        ),
        refusals=(_refuse_default_group,),
        compute=lambda call: {"name": "default", "namePrefix": "", "description": "default VPC security group"},
        in_use=_IN_USE,
    ),
    TypeSpec(
        token=tokens.SECURITY_GROUP_RULE,
        noun="EC2 Security Group Rule",
        service="EC2",
        create="AuthorizeSecurityGroupIngress",
        update="UpdateSecurityGroupRuleDescriptionsIngress",
        delete="RevokeSecurityGroupIngress",
        id=_older_rule_id,
        replaces=frozenset(
            {
                "cidrBlocks",
                "fromPort",
                "ipv6CidrBlocks",
                "prefixListIds",
                "protocol",
                "securityGroupId",
                "self",
                "sourceSecurityGroupId",
                "toPort",
                "type",
            }
        ),
        defaults={"self": False},
        rules=(
            one_of("type", "ingress", "egress"),
            at_least_one("cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "self", "sourceSecurityGroupId"),
            conflicts("sourceSecurityGroupId", "cidrBlocks", "ipv6CidrBlocks", "self"),
        ),
        references=(
            IN_GROUP,
            Reference("sourceSecurityGroupId", GROUPS, NO_GROUP, ignore=_is_elsewhere),
            Reference("prefixListIds[]", (tokens.MANAGED_PREFIX_LIST,), _NO_PREFIX_LIST),
        ),
        refusals=(_refuse_older_rule,),
        compute=lambda call: {"securityGroupRuleId": call.new_id("sgr-")},
    ),
    _rule_resource(tokens.SECURITY_GROUP_INGRESS_RULE, "VPC Security Group Ingress Rule", "SecurityGroupIngress"),
    _rule_resource(tokens.SECURITY_GROUP_EGRESS_RULE, "VPC Security Group Egress Rule", "SecurityGroupEgress"),
)
