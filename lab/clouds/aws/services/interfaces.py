"""Network interfaces: those that are declared and those that AWS makes for others, and the addresses they have."""

import ipaddress

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import address, at_least_one
from lab.clouds.aws.services import tokens
from lab.clouds.aws.services.vpc import IN_SUBNET, vpc_of_subnet
from lab.clouds.aws.spec import Computed, Reference, TypeSpec
from lab.clouds.store import Row

GROUPS = (tokens.SECURITY_GROUP, tokens.DEFAULT_SECURITY_GROUP)
NO_GROUP = ("InvalidGroup.NotFound", "The security group '{id}' does not exist")
NO_INSTANCE = ("InvalidInstanceID.NotFound", "The instance ID '{id}' does not exist")
NO_INTERFACE = ("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '{id}' does not exist")
AN_INSTANCE = Reference("instanceId", (tokens.INSTANCE,), NO_INSTANCE, blocks=False)


def check_groups(call: Call, group_ids: list[str], vpc_id: str) -> None:
    """Refuses security groups of another VPC, and more than an interface can have."""
    for group_id in group_ids:
        group = call.get(GROUPS, group_id)
        if group is None or group.properties.get("vpcId") != vpc_id:
            call.refuse("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist in VPC '{vpc_id}'")
    most = call.quotas.security_groups_per_interface
    if len(group_ids) > most:
        call.refuse(
            "SecurityGroupsPerInterfaceLimitExceeded",
            f"The maximum number of security groups per interface has been reached: {len(group_ids)} of {most}.",
        )


def check_private_address(call: Call, subnet: Row, wanted: str) -> None:
    """Refuses an address outside the subnet, one that AWS keeps for itself, and one that is in use."""
    network = ipaddress.IPv4Network(subnet.properties["cidrBlock"])
    value = ipaddress.IPv4Address(wanted)
    if value not in network:
        call.refuse("InvalidParameterValue", f"Address {wanted} does not fall within the subnet's address range")
    if value in (network[0], network[1], network[2], network[3], network[-1]):
        call.refuse("InvalidParameterValue", f"Address {wanted} is in subnet's reserved address range")
    if wanted in call.private_addresses(subnet.id):
        call.refuse("InvalidIPAddress.InUse", f"Address {wanted} is in use.")


def private_dns(address_text: str, region: str) -> str:
    """Returns the private name of an address, as AWS forms it."""
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{address_text.replace('.', '-')}.{domain}"


def default_group_of(call: Call, vpc_id: str) -> str:
    """Returns the id of a VPC's default security group."""
    vpc = call.get(tokens.VPC, vpc_id)
    return vpc.properties["defaultSecurityGroupId"] if vpc else ""


def interface_of_instance(call: Call, instance_id: str) -> str | None:
    """Returns the id of an instance's primary interface."""
    instance = call.get(tokens.INSTANCE, instance_id)
    return instance.properties.get("primaryNetworkInterfaceId") if instance else None


def make_interface(
    call: Call,
    subnet: Row,
    *,
    private: str | None = None,
    public: str = "",
    groups: list[str] | None = None,
    description: str = "",
    kind: str = "interface",
    source_dest_check: bool = True,
) -> Row:
    """Makes the interface that AWS adds by itself for the resource of this call."""
    salt = (description, subnet.id)
    chosen = private or call.free_private_address(subnet, *salt)
    id = call.new_id("eni-", *salt)
    return call.make(
        tokens.NETWORK_INTERFACE,
        id,
        {
            "subnetId": subnet.id,
            "vpcId": subnet.properties["vpcId"],
            "availabilityZone": subnet.properties["availabilityZone"],
            "privateIp": chosen,
            "privateIps": [chosen],
            "privateDnsName": private_dns(chosen, call.region),
            "ipv6Addresses": _ipv6_addresses(call, subnet, *salt),
            "securityGroups": groups or [],
            "description": description,
            "interfaceType": kind,
            "sourceDestCheck": source_dest_check,
            "macAddress": _mac(call, *salt),
            "publicIp": public,
            "arn": call.arn("ec2", f"network-interface/{id}"),
            "ownerId": call.account,
            "region": call.region,
        },
    )


def _ipv6_addresses(call: Call, subnet: Row, *salt: object) -> list[str]:
    block = subnet.properties.get("ipv6CidrBlock")
    if not block or not subnet.properties.get("assignIpv6AddressOnCreation"):
        return []
    network = ipaddress.IPv6Network(block)
    return [str(network[16 + int(call.digest("ipv6", *salt)[:12], 16)])]


def _mac(call: Call, *salt: object) -> str:
    digits = call.digest("mac", *salt)
    return ":".join(["02", *(digits[at : at + 2] for at in range(0, 10, 2))])


def _wanted_addresses(call: Call) -> list[str]:
    single = call.props.get("privateIp") if call.old is None or call.changed("privateIp") else None
    return list(call.props.get("privateIps") or ([single] if single else []))


def _refuse_interface(call: Call) -> None:
    subnet = call.get(tokens.SUBNET, call.props["subnetId"])
    if subnet is None:
        return
    check_groups(call, call.props.get("securityGroups") or [], subnet.properties["vpcId"])
    before = call.old.properties.get("privateIps", []) if call.old else []
    for wanted in _wanted_addresses(call):
        if wanted not in before:
            check_private_address(call, subnet, wanted)


def _interface_attributes(call: Call) -> Computed:
    subnet = call.get(tokens.SUBNET, call.props["subnetId"])
    assert subnet is not None
    addresses = _wanted_addresses(call) or [call.free_private_address(subnet)]
    extra = call.props.get("privateIpsCount", 0)
    for number in range(extra if not call.props.get("privateIps") else 0):
        addresses.append(call.free_private_address(subnet, "secondary", number))
    return {
        "privateIp": addresses[0],
        "privateIps": addresses,
        "privateIpsCount": len(addresses) - 1,
        "privateDnsName": private_dns(addresses[0], call.region),
        "ipv6Addresses": call.props.get("ipv6Addresses") or _ipv6_addresses(call, subnet),
        "macAddress": _mac(call),
        "securityGroups": call.props.get("securityGroups") or [default_group_of(call, subnet.properties["vpcId"])],
        "outpostArn": "",
    }


def _interface_readdressed(call: Call) -> Computed:
    addresses = call.props.get("privateIps") or [call.props["privateIp"]]
    return {
        "privateIp": addresses[0],
        "privateIps": addresses,
        "privateIpsCount": len(addresses) - 1,
        "privateDnsName": private_dns(addresses[0], call.region),
    }


def attached_interfaces(call: Call, instance_id: str) -> dict[int, str]:
    """Returns the interfaces of an instance by device index."""
    instance = call.get(tokens.INSTANCE, instance_id)
    found: dict[int, str] = {}
    if instance:
        found[0] = instance.properties.get("primaryNetworkInterfaceId", "")
        for entry in instance.properties.get("networkInterfaces") or []:
            found[entry["deviceIndex"]] = entry["networkInterfaceId"]
    for attachment in call.find(tokens.NETWORK_INTERFACE_ATTACHMENT, instanceId=instance_id):
        found[attachment.properties["deviceIndex"]] = attachment.properties["networkInterfaceId"]
    return found


def refuse_busy_interface(call: Call, interface_id: str) -> None:
    """Refuses an interface that an instance or AWS itself uses."""
    interface = call.get(tokens.NETWORK_INTERFACE, interface_id)
    holders = call.mentioning(interface_id, tokens.INSTANCE, tokens.NETWORK_INTERFACE_ATTACHMENT)
    if holders or (interface and (interface.maker is not None or interface.properties.get("attachments"))):
        call.refuse("InvalidNetworkInterface.InUse", f"Interface: [{interface_id}] in use.")


def _refuse_attachment(call: Call) -> None:
    refuse_busy_interface(call, call.props["networkInterfaceId"])
    instance = call.get(tokens.INSTANCE, call.props["instanceId"])
    interface = call.get(tokens.NETWORK_INTERFACE, call.props["networkInterfaceId"])
    index = call.props["deviceIndex"]
    if instance is None or interface is None:
        return
    if index in attached_interfaces(call, instance.id):
        call.refuse(
            "InvalidParameterValue",
            f"Instance '{instance.id}' already has an interface attached at device index '{index}'.",
        )
    subnet = call.get(tokens.SUBNET, interface.properties["subnetId"])
    if subnet and subnet.properties["availabilityZone"] != instance.properties["availabilityZone"]:
        call.refuse(
            "InvalidParameterCombination",
            "You may not attach a network interface to an instance if they are not in the same availability zone"
            f" ({interface.id} is in {subnet.properties['availabilityZone']},"
            f" {instance.id} in {instance.properties['availabilityZone']})",
        )
    if subnet and vpc_of_subnet(call, instance.properties["subnetId"]) != subnet.properties["vpcId"]:
        call.refuse("InvalidParameterCombination", "You may not attach an interface of another VPC.")


SPECS = (
    TypeSpec(
        token=tokens.NETWORK_INTERFACE,
        noun="EC2 Network Interface",
        service="EC2",
        create="CreateNetworkInterface",
        update="ModifyNetworkInterfaceAttribute",
        id="eni-",
        arn="arn:aws:ec2:{region}:{account}:network-interface/{id}",
        replaces=frozenset({"subnetId", "interfaceType", "privateIp"}),
        computed_inputs=frozenset(
            {"privateIp", "privateIps", "privateIpsCount", "securityGroups", "ipv6Addresses", "interfaceType"}
        ),
        defaults={"sourceDestCheck": True, "interfaceType": "interface", "description": ""},
        rules=(address("privateIp"), address("privateIps[]")),
        references=(
            IN_SUBNET,
            Reference("securityGroups[]", GROUPS, NO_GROUP),
            Reference("attachments[].instance", (tokens.INSTANCE,), NO_INSTANCE, blocks=False),
        ),
        refusals=(_refuse_interface,),
        compute=_interface_attributes,
        recompute=_interface_readdressed,
        in_use=("InvalidNetworkInterface.InUse", "Network interface '{id}' is currently in use. ({by})"),
    ),
    TypeSpec(
        token=tokens.NETWORK_INTERFACE_ATTACHMENT,
        noun="EC2 Network Interface Attachment",
        service="EC2",
        create="AttachNetworkInterface",
        delete="DetachNetworkInterface",
        id="eni-attach-",
        replaces=frozenset({"deviceIndex", "instanceId", "networkInterfaceId", "networkCardIndex"}),
        rules=(at_least_one("deviceIndex"),),
        references=(AN_INSTANCE, Reference("networkInterfaceId", (tokens.NETWORK_INTERFACE,), NO_INTERFACE)),
        refusals=(_refuse_attachment,),
        compute=lambda call: {"attachmentId": call.id, "status": "attached"},
    ),
)
