"""Network ACLs, their entries and the subnets that they hold for."""

from collections import Counter
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import exactly_one, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.services.security_groups import check_block
from lab.clouds.aws.services.vpc import IN_VPC, NO_SUBNET, vpc_of_subnet
from lab.clouds.aws.spec import Reference, TypeSpec

ACLS = (tokens.NETWORK_ACL, tokens.DEFAULT_NETWORK_ACL)
NO_ACL = ("InvalidNetworkAclID.NotFound", "The networkAcl ID '{id}' does not exist")
_LAST_NUMBER = 32766


def _refuse_entry_number(call: Call, number: int) -> None:
    if not 1 <= number <= _LAST_NUMBER:
        call.refuse(
            "InvalidParameterValue",
            f"Value ({number}) for parameter ruleNumber is invalid. Rule numbers lie between 1 and {_LAST_NUMBER}.",
        )


def _refuse_entries(call: Call) -> None:
    for direction in ("ingress", "egress"):
        entries: list[dict[str, Any]] = call.props.get(direction) or []
        for entry in entries:
            _refuse_entry_number(call, entry["ruleNo"])
            if entry.get("cidrBlock"):
                check_block(call, entry["cidrBlock"], 4)
            if entry.get("ipv6CidrBlock"):
                check_block(call, entry["ipv6CidrBlock"], 6)
        for number, times in Counter(entry["ruleNo"] for entry in entries).items():
            if times > 1:
                _refuse_taken_number(call, number)
        _refuse_too_many(call, len(entries))
    vpc_id = call.props.get("vpcId")
    for subnet_id in call.props.get("subnetIds") or []:
        if vpc_id and vpc_of_subnet(call, subnet_id) != vpc_id:
            call.refuse("InvalidParameterValue", f"Network ACL and subnet {subnet_id} belong to different networks")


def _refuse_taken_number(call: Call, number: int) -> None:
    call.refuse("NetworkAclEntryAlreadyExists", f"The network acl entry identified by {number} already exists.")


def _refuse_too_many(call: Call, count: int) -> None:
    if count > call.quotas.rules_per_network_acl:
        call.refuse("NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached.")


def _refuse_rule(call: Call) -> None:
    props = call.props
    _refuse_entry_number(call, props["ruleNumber"])
    if props.get("cidrBlock"):
        check_block(call, props["cidrBlock"], 4)
    if props.get("ipv6CidrBlock"):
        check_block(call, props["ipv6CidrBlock"], 6)
    acl = call.get(ACLS, props["networkAclId"])
    if acl is None or call.old is not None:
        return
    side = "egress" if props["egress"] else "ingress"
    alone = [
        row.properties["ruleNumber"]
        for row in call.mentioning(acl.id, tokens.NETWORK_ACL_RULE)
        if row.properties["egress"] == props["egress"]
    ]
    numbers = alone + [entry["ruleNo"] for entry in acl.properties.get(side) or []]
    if props["ruleNumber"] in numbers:
        _refuse_taken_number(call, props["ruleNumber"])
    _refuse_too_many(call, len(numbers) + 1)


def _refuse_association(call: Call) -> None:
    acl = call.get(ACLS, call.props["networkAclId"])
    if acl and acl.properties.get("vpcId") != vpc_of_subnet(call, call.props["subnetId"]):
        call.refuse(
            "InvalidParameterValue",
            f"Network ACL {acl.id} and subnet {call.props['subnetId']} belong to different networks",
        )


def _adopted(call: Call) -> dict[str, Any]:
    acl = call.get(tokens.NETWORK_ACL, call.props["defaultNetworkAclId"])
    return {"vpcId": acl.properties["vpcId"] if acl else ""}


_SUBNETS = Reference("subnetIds[]", (tokens.SUBNET,), NO_SUBNET, blocks=False)

SPECS = (
    TypeSpec(
        token=tokens.NETWORK_ACL,
        noun="EC2 Network ACL",
        service="EC2",
        create="CreateNetworkAcl",
        update="ReplaceNetworkAclEntry",
        id="acl-",
        arn="arn:aws:ec2:{region}:{account}:network-acl/{id}",
        replaces=frozenset({"vpcId"}),
        computed_inputs=frozenset({"ingress", "egress", "subnetIds"}),
        defaults={"ingress": [], "egress": [], "subnetIds": []},
        rules=(one_of("ingress[].action", "allow", "deny"), one_of("egress[].action", "allow", "deny")),
        references=(IN_VPC, _SUBNETS),
        refusals=(_refuse_entries,),
    ),
    TypeSpec(
        token=tokens.DEFAULT_NETWORK_ACL,
        noun="EC2 Default Network ACL",
        service="EC2",
        create="CreateNetworkAclEntry",
        update="ReplaceNetworkAclEntry",
        delete="DeleteNetworkAclEntry",
        id=lambda call: call.props["defaultNetworkAclId"],
        arn="arn:aws:ec2:{region}:{account}:network-acl/{id}",
        replaces=frozenset({"defaultNetworkAclId"}),
        defaults={"ingress": [], "egress": [], "subnetIds": []},
        rules=(one_of("ingress[].action", "allow", "deny"), one_of("egress[].action", "allow", "deny")),
        references=(Reference("defaultNetworkAclId", (tokens.NETWORK_ACL,), NO_ACL, blocks=False), _SUBNETS),
        refusals=(_refuse_entries,),
        compute=_adopted,
    ),
    TypeSpec(
        token=tokens.NETWORK_ACL_RULE,
        noun="EC2 Network ACL Rule",
        service="EC2",
        create="CreateNetworkAclEntry",
        delete="DeleteNetworkAclEntry",
        id=lambda call: f"nacl-{call.digest('nacl')[:10]}",
        replaces=frozenset(
            {
                "cidrBlock",
                "egress",
                "fromPort",
                "icmpCode",
                "icmpType",
                "ipv6CidrBlock",
                "networkAclId",
                "protocol",
                "ruleAction",
                "ruleNumber",
                "toPort",
            }
        ),
        defaults={"egress": False},
        rules=(one_of("ruleAction", "allow", "deny"), exactly_one("cidrBlock", "ipv6CidrBlock")),
        references=(Reference("networkAclId", ACLS, NO_ACL, blocks=False),),
        refusals=(_refuse_rule,),
    ),
    TypeSpec(
        token=tokens.NETWORK_ACL_ASSOCIATION,
        noun="EC2 Network ACL Association",
        service="EC2",
        create="ReplaceNetworkAclAssociation",
        delete="ReplaceNetworkAclAssociation",
        id="aclassoc-",
        replaces=frozenset({"networkAclId", "subnetId"}),
        references=(
            Reference("networkAclId", ACLS, NO_ACL),
            Reference("subnetId", (tokens.SUBNET,), NO_SUBNET, blocks=False),
        ),
        refusals=(_refuse_association,),
    ),
)
