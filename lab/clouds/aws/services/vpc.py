"""VPCs, their address blocks and their subnets.

Sources of the rules: the VPC user guide on CIDR blocks and subnet sizing, and the EC2 API's list of error codes.
"""

import ipaddress

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import between, cidr, conflicts, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.spec import Computed, Reference, TypeSpec
from lab.clouds.store import Row

NO_VPC = ("InvalidVpcID.NotFound", "The vpc ID '{id}' does not exist")
NO_SUBNET = ("InvalidSubnetID.NotFound", "The subnet ID '{id}' does not exist")
IN_VPC = Reference("vpcId", (tokens.VPC,), NO_VPC)
IN_SUBNET = Reference("subnetId", (tokens.SUBNET,), NO_SUBNET)


def blocks_of(call: Call, vpc: Row) -> list[ipaddress.IPv4Network]:
    """Returns the IPv4 blocks of a VPC, the secondary ones included."""
    associated = call.find(tokens.VPC_IPV4_CIDR_BLOCK_ASSOCIATION, vpcId=vpc.id)
    return [ipaddress.IPv4Network(row.properties["cidrBlock"]) for row in (vpc, *associated)]


def vpc_of_subnet(call: Call, subnet_id: str) -> str:
    """Returns the VPC id of a subnet that is known to exist."""
    subnet = call.get(tokens.SUBNET, subnet_id)
    return subnet.properties["vpcId"] if subnet else ""


def has_internet_gateway(call: Call, vpc_id: str) -> bool:
    """Says whether an internet gateway is attached to a VPC."""
    gateways = (tokens.INTERNET_GATEWAY, tokens.INTERNET_GATEWAY_ATTACHMENT)
    return bool(call.mentioning(vpc_id, *gateways))


def _refuse_vpc_block(call: Call) -> None:
    block = call.props.get("cidrBlock")
    if block is None:
        call.refuse("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
    if not 16 <= ipaddress.IPv4Network(block).prefixlen <= 28:
        call.refuse("InvalidVpc.Range", f"The CIDR '{block}' is invalid.")


def _refuse_too_many_vpcs(call: Call) -> None:
    if call.old is None and len(call.find(tokens.VPC)) >= call.quotas.vpcs_per_region:
        call.refuse("VpcLimitExceeded", "The maximum number of VPCs has been reached.")


def _make_vpc_defaults(call: Call) -> Computed:
    group, table, acl = (call.new_id(prefix, "default") for prefix in ("sg-", "rtb-", "acl-"))
    everything = {"protocol": "-1", "fromPort": 0, "toPort": 0}
    call.make(
        tokens.SECURITY_GROUP,
        group,
        {
            "name": "default",
            "description": "default VPC security group",
            "vpcId": call.id,
            "ingress": [everything | {"self": True}],
            "egress": [everything | {"cidrBlocks": ["0.0.0.0/0"]}],
            "arn": call.arn("ec2", f"security-group/{group}"),
            "ownerId": call.account,
            "region": call.region,
        },
    )
    call.make(
        tokens.ROUTE_TABLE,
        table,
        {
            "vpcId": call.id,
            "routes": [],
            "arn": call.arn("ec2", f"route-table/{table}"),
            "ownerId": call.account,
            "region": call.region,
        },
    )
    entry = {"protocol": "-1", "fromPort": 0, "toPort": 0, "ruleNo": 100, "action": "allow", "cidrBlock": "0.0.0.0/0"}
    call.make(
        tokens.NETWORK_ACL,
        acl,
        {
            "vpcId": call.id,
            "ingress": [entry],
            "egress": [entry],
            "arn": call.arn("ec2", f"network-acl/{acl}"),
            "ownerId": call.account,
            "region": call.region,
        },
    )
    return {
        "defaultSecurityGroupId": group,
        "defaultRouteTableId": table,
        "mainRouteTableId": table,
        "defaultNetworkAclId": acl,
        "dhcpOptionsId": call.new_id("dopt-"),
    } | _vpc_ipv6(call)


def _vpc_ipv6(call: Call) -> Computed:
    if not call.props.get("assignGeneratedIpv6CidrBlock"):
        return {"ipv6AssociationId": "", "ipv6CidrBlock": ""}
    if call.old and call.old.properties.get("ipv6CidrBlock"):
        return {}
    return {"ipv6AssociationId": call.new_id("vpc-cidr-assoc-", "6"), "ipv6CidrBlock": str(call.take_ipv6_block())}


def _refuse_association(call: Call) -> None:
    vpc = call.get(tokens.VPC, call.props["vpcId"])
    if vpc is None or call.props.get("cidrBlock") is None:
        return
    block = ipaddress.IPv4Network(call.props["cidrBlock"])
    if not 16 <= block.prefixlen <= 28:
        call.refuse("InvalidVpc.Range", f"The CIDR '{block}' is invalid.")
    present = blocks_of(call, vpc)
    if len(present) >= call.quotas.cidr_blocks_per_vpc:
        call.refuse(
            "CidrLimitExceeded", f"This network '{vpc.id}' has met its maximum number of allowed CIDRs: {len(present)}"
        )
    for other in present:
        if block.overlaps(other):
            call.refuse(
                "InvalidVpc.Conflict", f"The CIDR '{block}' conflicts with '{other}', which {vpc.id} has already."
            )


def _refuse_subnet_block(call: Call) -> None:
    if not call.changed("cidrBlock", "vpcId"):
        return
    vpc = call.get(tokens.VPC, call.props["vpcId"])
    if vpc is None:
        return
    if not call.props.get("cidrBlock"):
        call.refuse("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
    block = ipaddress.IPv4Network(call.props["cidrBlock"])
    inside = any(block.subnet_of(whole) for whole in blocks_of(call, vpc))
    if not inside or not 16 <= block.prefixlen <= 28:
        call.refuse("InvalidSubnet.Range", f"The CIDR '{block}' is invalid.")
    neighbours = call.find(tokens.SUBNET, vpcId=vpc.id)
    for other in neighbours:
        if block.overlaps(ipaddress.IPv4Network(other.properties["cidrBlock"])):
            call.refuse("InvalidSubnet.Conflict", f"The CIDR '{block}' conflicts with another subnet")
    if len(neighbours) >= call.quotas.subnets_per_vpc:
        call.refuse("SubnetLimitExceeded", f"The maximum number of subnets has been reached in {vpc.id}.")


def _refuse_subnet_zone(call: Call) -> None:
    zone = call.props.get("availabilityZone")
    if zone is not None and zone not in call.zones():
        call.refuse(
            "InvalidParameterValue",
            f"Value ({zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the"
            f" following availability zones: {', '.join(call.zones())}.",
        )
    zone_id = call.props.get("availabilityZoneId")
    if zone_id is not None and call.old is None and zone_id not in call.zone_ids():
        call.refuse("InvalidParameterValue", f"Value ({zone_id}) for parameter availabilityZoneId is invalid.")


def _refuse_subnet_ipv6(call: Call) -> None:
    block = call.props.get("ipv6CidrBlock")
    if call.props.get("assignIpv6AddressOnCreation") and not block:
        call.refuse(
            "InvalidParameterCombination", "assignIpv6AddressOnCreation requires an IPv6 CIDR block on the subnet."
        )
    vpc = call.get(tokens.VPC, call.props["vpcId"])
    if not block or vpc is None or not call.changed("ipv6CidrBlock"):
        return
    network = ipaddress.IPv6Network(block)
    whole = vpc.properties.get("ipv6CidrBlock")
    if network.prefixlen != 64 or not whole or not network.subnet_of(ipaddress.IPv6Network(whole)):
        call.refuse(
            "InvalidSubnet.Range", f"The CIDR '{block}' is invalid: a /64 of {whole or 'the IPv6 block of the VPC'}"
        )
    for other in call.find(tokens.SUBNET, vpcId=vpc.id):
        if other.properties.get("ipv6CidrBlock") == block:
            call.refuse("InvalidSubnet.Conflict", f"The CIDR '{block}' conflicts with another subnet")


def _subnet_attributes(call: Call) -> Computed:
    ids = call.zone_ids()
    zone = call.props.get("availabilityZone") or ids.get(call.props.get("availabilityZoneId", ""))
    zone = zone or call.zones()[int(call.digest("zone")[:4], 16) % len(call.zones())]
    found = {"availabilityZone": zone, "availabilityZoneId": next(id for id, name in ids.items() if name == zone)}
    if call.props.get("ipv6CidrBlock"):
        found["ipv6CidrBlockAssociationId"] = call.new_id("subnet-cidr-assoc-", "6")
    return found


SPECS = (
    TypeSpec(
        token=tokens.VPC,
        noun="EC2 VPC",
        service="EC2",
        create="CreateVpc",
        update="ModifyVpcAttribute",
        id="vpc-",
        arn="arn:aws:ec2:{region}:{account}:vpc/{id}",
        replaces=frozenset({"cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength"}),
        computed_inputs=frozenset({"cidrBlock", "ipv6CidrBlock", "ipv6CidrBlockNetworkBorderGroup"}),
        defaults={
            "enableDnsSupport": True,
            "enableDnsHostnames": False,
            "enableNetworkAddressUsageMetrics": False,
            "instanceTenancy": "default",
            "assignGeneratedIpv6CidrBlock": False,
        },
        rules=(
            cidr("cidrBlock"),
            one_of("instanceTenancy", "default", "dedicated"),
            conflicts("assignGeneratedIpv6CidrBlock", "ipv6IpamPoolId"),
            conflicts("cidrBlock", "ipv4NetmaskLength"),
        ),
        refusals=(_refuse_vpc_block, _refuse_too_many_vpcs),
        compute=_make_vpc_defaults,
        recompute=_vpc_ipv6,
    ),
    TypeSpec(
        token=tokens.VPC_IPV4_CIDR_BLOCK_ASSOCIATION,
        noun="EC2 VPC IPv4 CIDR Block Association",
        service="EC2",
        create="AssociateVpcCidrBlock",
        delete="DisassociateVpcCidrBlock",
        id="vpc-cidr-assoc-",
        replaces=frozenset({"vpcId", "cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength"}),
        rules=(cidr("cidrBlock"), between("ipv4NetmaskLength", 16, 28)),
        references=(IN_VPC,),
        refusals=(_refuse_association,),
    ),
    TypeSpec(
        token=tokens.SUBNET,
        noun="EC2 Subnet",
        service="EC2",
        create="CreateSubnet",
        update="ModifySubnetAttribute",
        id="subnet-",
        arn="arn:aws:ec2:{region}:{account}:subnet/{id}",
        replaces=frozenset(
            {"vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId", "ipv6Native", "outpostArn"}
        ),
        computed_inputs=frozenset({"availabilityZone", "availabilityZoneId", "privateDnsHostnameTypeOnLaunch"}),
        defaults={
            "assignIpv6AddressOnCreation": False,
            "enableDns64": False,
            "enableResourceNameDnsARecordOnLaunch": False,
            "enableResourceNameDnsAaaaRecordOnLaunch": False,
            "ipv6Native": False,
            "mapPublicIpOnLaunch": False,
            "privateDnsHostnameTypeOnLaunch": "ip-name",
        },
        rules=(
            cidr("cidrBlock"),
            cidr("ipv6CidrBlock", version=6),
            conflicts("availabilityZone", "availabilityZoneId"),
            one_of("privateDnsHostnameTypeOnLaunch", "ip-name", "resource-name"),
        ),
        references=(IN_VPC,),
        refusals=(_refuse_subnet_zone, _refuse_subnet_block, _refuse_subnet_ipv6),
        compute=_subnet_attributes,
    ),
)
