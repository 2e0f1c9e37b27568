"""Site-to-site VPN: customer gateways, virtual private gateways and the tunnels between them.

Source: the Site-to-Site VPN user guide on tunnel options and quotas, and the EC2 API's error codes.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import address, arn, at_least_one, between, cidr, exactly_one, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.services.vpc import IN_VPC
from lab.clouds.aws.spec import Computed, Found, Reference, TypeSpec

NO_VPN_GATEWAY = ("InvalidVpnGatewayID.NotFound", "The vpnGateway ID '{id}' does not exist")
NO_CUSTOMER_GATEWAY = ("InvalidCustomerGatewayID.NotFound", "The customerGateway ID '{id}' does not exist")
NO_CONNECTION = ("InvalidVpnConnectionID.NotFound", "The vpnConnection ID '{id}' does not exist")
DEFAULT_ASN = "64512"
_LINK_LOCAL = ipaddress.IPv4Network("169.254.0.0/16")
_RESERVED_INSIDE = frozenset(f"169.254.{third}.0/30" for third in range(6)) | {"169.254.169.252/30"}
_KEY = re.compile(r"[A-Za-z1-9._][A-Za-z0-9._]{7,63}")
_TUNNELS = (1, 2)


def _asn(value: object) -> int | None:
    return int(str(value)) if str(value).isdigit() else None


def _refuse_customer_gateway(call: Call) -> None:
    if call.old is not None:
        return
    if len(call.find(tokens.CUSTOMER_GATEWAY)) >= call.quotas.customer_gateways_per_region:
        call.refuse("CustomerGatewayLimitExceeded", "The maximum number of customer gateways has been reached.")
    number = _asn(call.props.get("bgpAsnExtended") or call.props.get("bgpAsn") or DEFAULT_ASN)
    reserved = {"us-east-1": 7224, "eu-west-1": 9059, "ap-southeast-1": 17493, "ap-northeast-1": 10124}
    if number is None or not 1 <= number <= 4294967295 or number == reserved.get(call.region):
        given = call.props.get("bgpAsnExtended") or call.props.get("bgpAsn")
        call.refuse("InvalidParameterValue", f"Value ({given}) for parameter bgpAsn is invalid.")
    given_address = call.props.get("ipAddress")
    if given_address:
        value = ipaddress.IPv4Address(given_address)
        if (
            value.is_loopback
            or value.is_multicast
            or value.is_link_local
            or value in ipaddress.IPv4Network("0.0.0.0/8")
        ):
            call.refuse(
                "InvalidParameterValue",
                f"Value ({given_address}) for parameter ipAddress is invalid. Invalid IP address.",
            )
    certificate = call.props.get("certificateArn")
    issued = certificate in call.world.certificates and f":acm:{call.region}:" in certificate
    if certificate and not issued and not call.find(tokens.CERTIFICATE, arn=certificate, type="PRIVATE"):
        call.refuse(
            "InvalidParameterValue",
            f"Value ({certificate}) for parameter certificateArn is invalid: no private certificate of this region.",
        )


def _refuse_vpn_gateway(call: Call) -> None:
    if call.old is None and len(call.find(tokens.VPN_GATEWAY)) >= call.quotas.vpn_gateways_per_region:
        call.refuse("VpnGatewayLimitExceeded", "The maximum number of virtual private gateways has been reached.")
    number = _asn(call.props.get("amazonSideAsn", DEFAULT_ASN))
    private = number is not None and (64512 <= number <= 65534 or 4200000000 <= number <= 4294967294)
    if not private and str(number) not in ("7224", "9059", "10124", "17493"):
        call.refuse(
            "InvalidParameterValue",
            f"Value ({call.props.get('amazonSideAsn')}) for parameter amazonSideAsn is invalid. Invalid ASN.",
        )
    zone = call.props.get("availabilityZone")
    if zone and zone not in call.zones():
        call.refuse("InvalidParameterValue", f"Value ({zone}) for parameter availabilityZone is invalid.")
    if call.changed("vpcId"):
        _refuse_second_gateway(call)


def _refuse_second_gateway(call: Call) -> None:
    vpc_id = call.props.get("vpcId")
    if vpc_id and call.mentioning(vpc_id, tokens.VPN_GATEWAY, tokens.VPN_GATEWAY_ATTACHMENT):
        call.refuse("InvalidVpcState", f"The VPC {vpc_id} already has a virtual private gateway attached to it.")


def _refuse_attached_gateway(call: Call) -> None:
    gateway = call.get(tokens.VPN_GATEWAY, call.props["vpnGatewayId"])
    others = call.mentioning(call.props["vpnGatewayId"], tokens.VPN_GATEWAY_ATTACHMENT)
    if others or (gateway and gateway.properties.get("vpcId")):
        call.refuse(
            "VpnGatewayAttachmentLimitExceeded",
            f"The virtual private gateway {call.props['vpnGatewayId']} is attached to a VPC already.",
        )


def _refuse_connection(call: Call) -> None:
    inside = []
    for tunnel in _TUNNELS:
        block = call.props.get(f"tunnel{tunnel}InsideCidr")
        if block and call.changed(f"tunnel{tunnel}InsideCidr"):
            _refuse_inside_block(call, block)
            inside.append(block)
        key = call.props.get(f"tunnel{tunnel}PresharedKey")
        if key and not _KEY.fullmatch(key):
            call.refuse(
                "InvalidParameterValue",
                "Pre-shared key must be between 8 and 64 characters of A-Z, a-z, 0-9, '.' and '_', and cannot start"
                " with zero (0).",
            )
    if len(set(inside)) < len(inside):
        call.refuse("InvalidParameterCombination", f"The two tunnels have the same inside CIDR {inside[0]}")
    if call.old is None:
        others = call.mentioning(call.props.get("vpnGatewayId", ""), tokens.VPN_CONNECTION)
        everywhere = call.find(tokens.VPN_CONNECTION)
        full = len(others) >= call.quotas.vpn_connections_per_gateway
        if full or len(everywhere) >= call.quotas.vpn_connections_per_region:
            call.refuse("VpnConnectionLimitExceeded", "The maximum number of VPN connections has been reached.")


def _refuse_inside_block(call: Call, block: str) -> None:
    network = ipaddress.IPv4Network(block)
    if network.prefixlen != 30 or not network.subnet_of(_LINK_LOCAL) or block in _RESERVED_INSIDE:
        call.refuse(
            "InvalidParameterValue",
            f"The inside tunnel CIDR {block} is invalid: a /30 of {_LINK_LOCAL} that AWS does not reserve.",
        )
    for other in call.mentioning(call.props.get("vpnGatewayId", ""), tokens.VPN_CONNECTION):
        if block in (other.properties.get("tunnel1InsideCidr"), other.properties.get("tunnel2InsideCidr")):
            call.refuse("InvalidParameterValue", f"The inside tunnel CIDR {block} is in use by {other.id}")


def _connection_attributes(call: Call) -> Computed:
    gateway = call.get(tokens.VPN_GATEWAY, call.props.get("vpnGatewayId", ""))
    customer = call.get(tokens.CUSTOMER_GATEWAY, call.props["customerGatewayId"])
    by_certificate = bool(customer and customer.properties.get("certificateArn"))
    static = bool(call.props.get("staticRoutesOnly"))
    found: Computed = {}
    for tunnel in _TUNNELS:
        block = ipaddress.IPv4Network(call.props.get(f"tunnel{tunnel}InsideCidr") or _free_inside_block(call, tunnel))
        key = call.props.get(f"tunnel{tunnel}PresharedKey") or f"k{call.digest('psk', tunnel)[:31]}"
        found |= {
            f"tunnel{tunnel}Address": call.take_public_address(tunnel),
            f"tunnel{tunnel}InsideCidr": str(block),
            f"tunnel{tunnel}VgwInsideAddress": str(block[1]),
            f"tunnel{tunnel}CgwInsideAddress": str(block[2]),
            f"tunnel{tunnel}PresharedKey": "" if by_certificate else key,
            f"tunnel{tunnel}BgpAsn": "" if static or not gateway else str(gateway.properties["amazonSideAsn"]),
            f"tunnel{tunnel}BgpHoldtime": 0 if static else 30,
        }
    return found | {
        "routes": [],
        "vgwTelemetries": [],
        "customerGatewayConfiguration": _configuration(call.id, call.props, found),
        "coreNetworkArn": "",
        "coreNetworkAttachmentArn": "",
        "transitGatewayAttachmentId": "",
        "presharedKeyArn": "",
    }


def _free_inside_block(call: Call, tunnel: int) -> str:
    taken = set(_RESERVED_INSIDE)
    for other in call.find(tokens.VPN_CONNECTION):
        taken |= {str(other.properties.get(f"tunnel{number}InsideCidr")) for number in _TUNNELS}
    taken |= {str(call.props.get(f"tunnel{number}InsideCidr")) for number in _TUNNELS}
    blocks = 1 << 14
    start = int(call.digest("inside", tunnel)[:8], 16)
    candidates = (
        f"{ipaddress.IPv4Address(int(_LINK_LOCAL.network_address) + 4 * ((start + step) % blocks))}/30"
        for step in range(blocks)
    )
    return next(block for block in candidates if block not in taken)


def _configuration(connection_id: str, props: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    root = ElementTree.Element("vpn_connection", id=connection_id)
    ElementTree.SubElement(root, "customer_gateway_id").text = props["customerGatewayId"]
    ElementTree.SubElement(root, "vpn_gateway_id").text = props.get("vpnGatewayId", "")
    for tunnel in _TUNNELS:
        described = ElementTree.SubElement(root, "ipsec_tunnel")
        outside = ElementTree.SubElement(ElementTree.SubElement(described, "vpn_gateway"), "tunnel_outside_address")
        ElementTree.SubElement(outside, "ip_address").text = found[f"tunnel{tunnel}Address"]
    return ElementTree.tostring(root, encoding="unicode")


def _refuse_connection_route(call: Call) -> None:
    connection = call.get(tokens.VPN_CONNECTION, call.props["vpnConnectionId"])
    if connection and not connection.properties.get("staticRoutesOnly"):
        call.refuse(
            "InvalidVpnConnection.InvalidType",
            f"The VPN connection {connection.id} does not support static routes: it exchanges them by BGP.",
        )
    destination = call.props["destinationCidrBlock"]
    for other in call.mentioning(call.props["vpnConnectionId"], tokens.VPN_CONNECTION_ROUTE):
        if other.properties["destinationCidrBlock"] == destination:
            call.refuse("RouteAlreadyExists", f"The route identified by {destination} already exists.")


def _transit_gateways_are_left_out(inputs: Mapping[str, Any]) -> Found:
    for name in ("transitGatewayId", "vpnConcentratorId"):
        if inputs.get(name):
            yield name, "the lab's AWS ends a VPN at a virtual private gateway only; set vpnGatewayId"


def _settled_authentication(inputs: Mapping[str, Any]) -> Found:
    if inputs.get("bgpAsn") and inputs.get("bgpAsnExtended"):
        yield "bgpAsn", "Conflicting configuration arguments: 'bgpAsn' conflicts with 'bgpAsnExtended'"


_TUNNEL_RULES = tuple(
    rule
    for tunnel in _TUNNELS
    for rule in (
        cidr(f"tunnel{tunnel}InsideCidr"),
        one_of(f"tunnel{tunnel}IkeVersions[]", "ikev1", "ikev2"),
        one_of(f"tunnel{tunnel}StartupAction", "add", "start"),
        one_of(f"tunnel{tunnel}DpdTimeoutAction", "clear", "none", "restart"),
        between(f"tunnel{tunnel}Phase1LifetimeSeconds", 900, 28800),
        between(f"tunnel{tunnel}Phase2LifetimeSeconds", 900, 3600),
        one_of(f"tunnel{tunnel}Phase1EncryptionAlgorithms[]", "AES128", "AES256", "AES128-GCM-16", "AES256-GCM-16"),
        one_of(f"tunnel{tunnel}Phase2EncryptionAlgorithms[]", "AES128", "AES256", "AES128-GCM-16", "AES256-GCM-16"),
        one_of(f"tunnel{tunnel}Phase1IntegrityAlgorithms[]", "SHA1", "SHA2-256", "SHA2-384", "SHA2-512"),
        one_of(f"tunnel{tunnel}Phase2IntegrityAlgorithms[]", "SHA1", "SHA2-256", "SHA2-384", "SHA2-512"),
    )
)

SPECS = (
    TypeSpec(
        token=tokens.CUSTOMER_GATEWAY,
        noun="EC2 Customer Gateway",
        service="EC2",
        create="CreateCustomerGateway",
        id="cgw-",
        arn="arn:aws:ec2:{region}:{account}:customer-gateway/{id}",
        replaces=frozenset({"bgpAsn", "bgpAsnExtended", "certificateArn", "deviceName", "ipAddress", "type"}),
        rules=(
            one_of("type", "ipsec.1"),
            address("ipAddress"),
            arn("certificateArn"),
            at_least_one("ipAddress", "certificateArn"),
            _settled_authentication,
        ),
        refusals=(_refuse_customer_gateway,),
        in_use=("IncorrectState", "The customer gateway is in use. ({by})"),
    ),
    TypeSpec(
        token=tokens.VPN_GATEWAY,
        noun="EC2 VPN Gateway",
        service="EC2",
        create="CreateVpnGateway",
        update="AttachVpnGateway",
        id="vgw-",
        arn="arn:aws:ec2:{region}:{account}:vpn-gateway/{id}",
        replaces=frozenset({"amazonSideAsn", "availabilityZone"}),
        computed_inputs=frozenset({"amazonSideAsn", "vpcId"}),
        defaults={"amazonSideAsn": DEFAULT_ASN},
        references=(IN_VPC,),
        refusals=(_refuse_vpn_gateway,),
        in_use=("IncorrectState", "The virtual private gateway {id} is in use. ({by})"),
    ),
    TypeSpec(
        token=tokens.VPN_GATEWAY_ATTACHMENT,
        noun="EC2 VPN Gateway Attachment",
        service="EC2",
        create="AttachVpnGateway",
        delete="DetachVpnGateway",
        id=lambda call: f"vpn-attachment-{call.digest('id')[:8]}",
        replaces=frozenset({"vpcId", "vpnGatewayId"}),
        references=(IN_VPC, Reference("vpnGatewayId", (tokens.VPN_GATEWAY,), NO_VPN_GATEWAY)),
        refusals=(_refuse_attached_gateway, _refuse_second_gateway),
    ),
    TypeSpec(
        token=tokens.VPN_CONNECTION,
        noun="EC2 VPN Connection",
        service="EC2",
        create="CreateVpnConnection",
        id="vpn-",
        arn="arn:aws:ec2:{region}:{account}:vpn-connection/{id}",
        replaces=frozenset(
            {
                "enableAcceleration",
                "outsideIpAddressType",
                "presharedKeyStorage",
                "staticRoutesOnly",
                "transportTransitGatewayAttachmentId",
                "tunnel1InsideCidr",
                "tunnel1InsideIpv6Cidr",
                "tunnel2InsideCidr",
                "tunnel2InsideIpv6Cidr",
                "tunnelInsideIpVersion",
                "type",
            }
        ),
        computed_inputs=frozenset(
            {
                "enableAcceleration",
                "localIpv4NetworkCidr",
                "outsideIpAddressType",
                "remoteIpv4NetworkCidr",
                "staticRoutesOnly",
                "tunnel1InsideCidr",
                "tunnel1PresharedKey",
                "tunnel2InsideCidr",
                "tunnel2PresharedKey",
                "tunnelInsideIpVersion",
            }
        ),
        defaults={
            "enableAcceleration": False,
            "localIpv4NetworkCidr": "0.0.0.0/0",
            "outsideIpAddressType": "PublicIpv4",
            "remoteIpv4NetworkCidr": "0.0.0.0/0",
            "staticRoutesOnly": False,
            "tunnelInsideIpVersion": "ipv4",
        },
        rules=(
            one_of("type", "ipsec.1"),
            _transit_gateways_are_left_out,
            exactly_one("vpnGatewayId", "transitGatewayId", "vpnConcentratorId"),
            *_TUNNEL_RULES,
        ),
        references=(
            Reference("customerGatewayId", (tokens.CUSTOMER_GATEWAY,), NO_CUSTOMER_GATEWAY),
            Reference("vpnGatewayId", (tokens.VPN_GATEWAY,), NO_VPN_GATEWAY),
        ),
        refusals=(_refuse_connection,),
        compute=_connection_attributes,
    ),
    TypeSpec(
        token=tokens.VPN_CONNECTION_ROUTE,
        noun="EC2 VPN Connection Route",
        service="EC2",
        create="CreateVpnConnectionRoute",
        id=lambda call: f"{call.props['destinationCidrBlock']}:{call.props['vpnConnectionId']}",
        replaces=frozenset({"destinationCidrBlock", "vpnConnectionId"}),
        rules=(cidr("destinationCidrBlock"),),
        references=(Reference("vpnConnectionId", (tokens.VPN_CONNECTION,), NO_CONNECTION, blocks=False),),
        refusals=(_refuse_connection_route,),
    ),
)
