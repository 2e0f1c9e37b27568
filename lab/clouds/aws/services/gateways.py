"""What joins a VPC to the internet: internet gateways, elastic addresses, NAT gateways."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import at_least_one, conflicts, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.services.interfaces import check_private_address, interface_of_instance, make_interface
from lab.clouds.aws.services.vpc import IN_SUBNET, IN_VPC, has_internet_gateway
from lab.clouds.aws.spec import Computed, Found, Reference, TypeSpec
from lab.clouds.store import Row

NO_ALLOCATION = ("InvalidAllocationID.NotFound", "The allocation ID '{id}' does not exist")
NO_INSTANCE = ("InvalidInstanceID.NotFound", "The instance ID '{id}' does not exist")
NO_INTERFACE = ("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '{id}' does not exist")
NO_INTERNET_GATEWAY = ("InvalidInternetGatewayID.NotFound", "The internetGateway ID '{id}' does not exist")


def public_dns(address: str, region: str) -> str:
    """Returns the public name of an address, as AWS forms it."""
    domain = "compute-1" if region == "us-east-1" else f"{region}.compute"
    return f"ec2-{address.replace('.', '-')}.{domain}.amazonaws.com"


def refuse_taken_address(call: Call, allocation_id: str) -> None:
    """Refuses an elastic address that a gateway, balancer, instance or interface has."""
    address = call.get(tokens.EIP, allocation_id)
    if address is None:
        return
    holders = call.mentioning(allocation_id, tokens.NAT_GATEWAY, tokens.EIP_ASSOCIATION, tokens.LOAD_BALANCER)
    bound = (
        holders[0].id if holders else address.properties.get("instance") or address.properties.get("networkInterface")
    )
    if bound:
        call.refuse("Resource.AlreadyAssociated", f"resource {allocation_id} is already associated with {bound}")


def _refuse_second_gateway(call: Call) -> None:
    vpc_id = call.props.get("vpcId")
    if vpc_id and call.changed("vpcId") and has_internet_gateway(call, vpc_id):
        call.refuse("InvalidParameterValue", f"Network {vpc_id} already has an internet gateway attached")
    if call.old is None and call.spec.token == tokens.INTERNET_GATEWAY:
        count = len(call.find(tokens.INTERNET_GATEWAY))
        if count >= call.quotas.internet_gateways_per_region:
            call.refuse("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")


def _refuse_attached_gateway(call: Call) -> None:
    gateway = call.get(tokens.INTERNET_GATEWAY, call.props["internetGatewayId"])
    if gateway and gateway.properties.get("vpcId"):
        network = gateway.properties["vpcId"]
        call.refuse("Resource.AlreadyAssociated", f"resource {gateway.id} is already attached to network {network}")


def _refuse_detaching_while_public(call: Call) -> None:
    vpc_id = call.row.properties.get("vpcId")
    if not vpc_id:
        return
    subnets = {row.id for row in call.find(tokens.SUBNET, vpcId=vpc_id)}
    for gateway in call.find(tokens.NAT_GATEWAY):
        if gateway.properties.get("subnetId") in subnets and gateway.properties.get("publicIp"):
            _refuse_mapped(call, vpc_id, gateway)
    for association in call.find(tokens.EIP_ASSOCIATION):
        interface = call.get(tokens.NETWORK_INTERFACE, association.properties.get("networkInterfaceId"))
        if interface and interface.properties.get("subnetId") in subnets:
            _refuse_mapped(call, vpc_id, association)
    for made in call.find(tokens.NETWORK_INTERFACE):
        if made.maker is not None and made.properties.get("subnetId") in subnets and made.properties.get("publicIp"):
            _refuse_mapped(call, vpc_id, made)


def _refuse_mapped(call: Call, vpc_id: str, holder: Row) -> None:
    call.refuse(
        "DependencyViolation",
        f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before detaching"
        f" the gateway. ({holder.id} has one)",
    )


def _gateway_id(call: Call) -> str:
    return f"{call.props['internetGatewayId']}:{call.props['vpcId']}"


def _refuse_too_many_addresses(call: Call) -> None:
    if call.old is None and len(call.find(tokens.EIP)) >= call.quotas.elastic_ips_per_region:
        call.refuse("AddressLimitExceeded", "The maximum number of addresses has been reached.")


def _refuse_eip_holder(call: Call) -> None:
    if not call.changed("instance", "networkInterface"):
        return
    interface_id = _interface_of(call, call.props.get("instance"), call.props.get("networkInterface"))
    if interface_id:
        _refuse_offline_interface(call, interface_id)


def _eip_attributes(call: Call) -> Computed:
    address = call.take_public_address()
    interface_id = _interface_of(call, call.props.get("instance"), call.props.get("networkInterface"))
    interface = call.get(tokens.NETWORK_INTERFACE, interface_id) if interface_id else None
    return {
        "allocationId": call.id,
        "publicIp": address,
        "publicDns": public_dns(address, call.region),
        "publicIpv4Pool": "amazon",
        "networkBorderGroup": call.region,
        "associationId": call.new_id("eipassoc-") if interface else "",
        "privateIp": interface.properties["privateIp"] if interface else "",
        "instance": call.props.get("instance", ""),
        "networkInterface": interface_id or "",
        "ptrRecord": "",
        "carrierIp": "",
        "customerOwnedIp": "",
        "customerOwnedIpv4Pool": "",
    }


def _interface_of(call: Call, instance_id: str | None, interface_id: str | None) -> str | None:
    if interface_id:
        return interface_id
    return interface_of_instance(call, instance_id) if instance_id else None


def _refuse_offline_interface(call: Call, interface_id: str) -> None:
    interface = call.get(tokens.NETWORK_INTERFACE, interface_id)
    subnet = call.get(tokens.SUBNET, interface.properties["subnetId"]) if interface else None
    if subnet and not has_internet_gateway(call, subnet.properties["vpcId"]):
        network = subnet.properties["vpcId"]
        call.refuse("Gateway.NotAttached", f"Network {network} is not attached to any internet gateway")


def _refuse_association(call: Call) -> None:
    if not call.props.get("allowReassociation"):
        refuse_taken_address(call, call.props.get("allocationId", ""))
    interface_id = _interface_of(call, call.props.get("instanceId"), call.props.get("networkInterfaceId"))
    if interface_id is None:
        return
    _refuse_offline_interface(call, interface_id)
    for other in call.find(tokens.EIP_ASSOCIATION, networkInterfaceId=interface_id):
        wanted = call.props.get("privateIpAddress") or other.properties.get("privateIpAddress")
        if other.properties.get("privateIpAddress") == wanted:
            call.refuse("Resource.AlreadyAssociated", f"resource {interface_id} is already associated with {other.id}")


def _association_attributes(call: Call) -> Computed:
    interface_id = _interface_of(call, call.props.get("instanceId"), call.props.get("networkInterfaceId"))
    interface = call.get(tokens.NETWORK_INTERFACE, interface_id) if interface_id else None
    address = call.get(tokens.EIP, call.props.get("allocationId", ""))
    return {
        "networkInterfaceId": interface_id or "",
        "instanceId": call.props.get("instanceId", ""),
        "privateIpAddress": call.props.get("privateIpAddress")
        or (interface.properties["privateIp"] if interface else ""),
        "publicIp": address.properties["publicIp"] if address else call.props.get("publicIp", ""),
    }


def _refuse_nat_gateway(call: Call) -> None:
    public = call.props["connectivityType"] == "public"
    allocation = call.props.get("allocationId")
    if public and not allocation:
        call.refuse("MissingParameter", "The request must include the AllocationId parameter for a public NAT gateway.")
    if not public and allocation:
        call.refuse(
            "InvalidParameterCombination", "You cannot specify an allocation ID for a NAT gateway that is private."
        )
    if call.old is not None:
        return
    if allocation:
        refuse_taken_address(call, allocation)
    subnet = call.get(tokens.SUBNET, call.props["subnetId"])
    if subnet is None:
        return
    vpc_id, zone = subnet.properties["vpcId"], subnet.properties["availabilityZone"]
    if public and not has_internet_gateway(call, vpc_id):
        call.refuse("Gateway.NotAttached", f"Network {vpc_id} has no Internet gateway attached")
    in_zone = [row for row in call.find(tokens.NAT_GATEWAY) if _zone_of(call, row) == zone]
    if len(in_zone) >= call.quotas.nat_gateways_per_zone:
        call.refuse("NatGatewayLimitExceeded", f"The maximum number of NAT gateways has been reached in {zone}.")
    if call.props.get("privateIp"):
        check_private_address(call, subnet, call.props["privateIp"])


def _zone_of(call: Call, gateway: Row) -> str:
    subnet = call.get(tokens.SUBNET, gateway.properties.get("subnetId", ""))
    return subnet.properties["availabilityZone"] if subnet else ""


def _nat_attributes(call: Call) -> Computed:
    address = call.get(tokens.EIP, call.props.get("allocationId", ""))
    public = address.properties["publicIp"] if address else ""
    subnet = call.get(tokens.SUBNET, call.props["subnetId"])
    assert subnet is not None
    interface = make_interface(
        call,
        subnet,
        private=call.props.get("privateIp"),
        public=public,
        description=f"Interface for NAT Gateway {call.id}",
        kind="nat_gateway",
        source_dest_check=False,
    )
    return {
        "networkInterfaceId": interface.id,
        "privateIp": interface.properties["privateIp"],
        "publicIp": public,
        "associationId": call.new_id("eipassoc-") if public else "",
        "secondaryPrivateIpAddressCount": 0,
    }


def _regional_nat_is_left_out(inputs: Mapping[str, Any]) -> Found:
    if inputs.get("availabilityMode", "zonal") == "regional":
        yield "availabilityMode", "the lab's AWS has no regional NAT gateways; use one zonal gateway in each zone"


def _documentation_address(inputs: Mapping[str, Any]) -> Found:
    wanted = inputs.get("address")
    if isinstance(wanted, str) and wanted:
        try:
            ipaddress.IPv4Address(wanted)
        except ValueError:
            yield "address", f'expected address to contain a valid IPv4 address, got: "{wanted}"'


SPECS = (
    TypeSpec(
        token=tokens.INTERNET_GATEWAY,
        noun="EC2 Internet Gateway",
        service="EC2",
        create="CreateInternetGateway",
        update="AttachInternetGateway",
        delete="DetachInternetGateway",
        id="igw-",
        arn="arn:aws:ec2:{region}:{account}:internet-gateway/{id}",
        references=(IN_VPC,),
        refusals=(_refuse_second_gateway,),
        refuse_deletion=_refuse_detaching_while_public,
    ),
    TypeSpec(
        token=tokens.INTERNET_GATEWAY_ATTACHMENT,
        noun="EC2 Internet Gateway Attachment",
        service="EC2",
        create="AttachInternetGateway",
        delete="DetachInternetGateway",
        id=_gateway_id,
        replaces=frozenset({"internetGatewayId", "vpcId"}),
        references=(IN_VPC, Reference("internetGatewayId", (tokens.INTERNET_GATEWAY,), NO_INTERNET_GATEWAY)),
        refusals=(_refuse_attached_gateway, _refuse_second_gateway),
        refuse_deletion=_refuse_detaching_while_public,
    ),
    TypeSpec(
        token=tokens.EGRESS_ONLY_INTERNET_GATEWAY,
        noun="EC2 Egress-only Internet Gateway",
        service="EC2",
        create="CreateEgressOnlyInternetGateway",
        id="eigw-",
        replaces=frozenset({"vpcId"}),
        references=(IN_VPC,),
    ),
    TypeSpec(
        token=tokens.EIP,
        noun="EC2 EIP",
        service="EC2",
        create="AllocateAddress",
        update="AssociateAddress",
        delete="ReleaseAddress",
        id="eipalloc-",
        arn="arn:aws:ec2:{region}:{account}:elastic-ip/{id}",
        replaces=frozenset({"domain", "address", "publicIpv4Pool", "networkBorderGroup", "ipamPoolId"}),
        computed_inputs=frozenset({"instance", "networkInterface", "publicIpv4Pool", "networkBorderGroup", "domain"}),
        defaults={"domain": "vpc"},
        rules=(one_of("domain", "vpc"), _documentation_address),
        references=(
            Reference("instance", (tokens.INSTANCE,), NO_INSTANCE, blocks=False, ignore=lambda id: not id),
            Reference(
                "networkInterface", (tokens.NETWORK_INTERFACE,), NO_INTERFACE, blocks=False, ignore=lambda id: not id
            ),
        ),
        refusals=(_refuse_too_many_addresses, _refuse_eip_holder),
        compute=_eip_attributes,
        in_use=("InvalidIPAddress.InUse", "Address {id} is in use. ({by})"),
    ),
    TypeSpec(
        token=tokens.EIP_ASSOCIATION,
        noun="EC2 EIP Association",
        service="EC2",
        create="AssociateAddress",
        delete="DisassociateAddress",
        id="eipassoc-",
        replaces=frozenset(
            {
                "allocationId",
                "allowReassociation",
                "instanceId",
                "networkInterfaceId",
                "privateIpAddress",
                "publicIp",
            }
        ),
        computed_inputs=frozenset({"allocationId", "instanceId", "networkInterfaceId", "privateIpAddress", "publicIp"}),
        rules=(
            at_least_one("allocationId", "publicIp"),
            at_least_one("instanceId", "networkInterfaceId"),
            conflicts("instanceId", "networkInterfaceId"),
        ),
        references=(
            Reference("allocationId", (tokens.EIP,), NO_ALLOCATION),
            Reference("instanceId", (tokens.INSTANCE,), NO_INSTANCE, blocks=False, ignore=lambda id: not id),
            Reference("networkInterfaceId", (tokens.NETWORK_INTERFACE,), NO_INTERFACE, blocks=False),
        ),
        refusals=(_refuse_association,),
        compute=_association_attributes,
    ),
    TypeSpec(
        token=tokens.NAT_GATEWAY,
        noun="EC2 NAT Gateway",
        service="EC2",
        create="CreateNatGateway",
        update="AssignPrivateNatGatewayAddress",
        id="nat-",
        replaces=frozenset({"allocationId", "connectivityType", "privateIp", "subnetId", "availabilityMode", "vpcId"}),
        computed_inputs=frozenset({"privateIp"}),
        defaults={"connectivityType": "public"},
        rules=(one_of("connectivityType", "public", "private"), _regional_nat_is_left_out, at_least_one("subnetId")),
        references=(IN_SUBNET, Reference("allocationId", (tokens.EIP,), NO_ALLOCATION)),
        refusals=(_refuse_nat_gateway,),
        compute=_nat_attributes,
    ),
)
