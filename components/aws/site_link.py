"""The tunnels between one datacentre and one region."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.nouns import SiteLinkArgs
from estate.model import Network, Role, Server
from estate.plan import naming, tunnels

LARGEST_SHORT_ASN = 2_147_483_647
"""Above it, AWS takes a customer gateway's ASN in another property."""

TUNNEL = {
    "ike_versions": ["ikev2"],
    "phase1_encryption_algorithms": ["AES256-GCM-16"],
    "phase1_integrity_algorithms": ["SHA2-384"],
    "phase1_dh_group_numbers": [20],
    "phase2_encryption_algorithms": ["AES256-GCM-16"],
    "phase2_integrity_algorithms": ["SHA2-384"],
    "phase2_dh_group_numbers": [20],
    "dpd_timeout_action": "restart",
    "startup_action": "add",
}
"""The only cryptographic parameters that both tunnels accept. ``add``: the edge initiates them."""


def edges(network: Network, site: str) -> tuple[Server, ...]:
    return tuple(
        sorted(
            (server for server in network.sites[site].servers if server.role == Role.EDGE),
            key=lambda server: server.number,
        )
    )


class SiteLink(AwsComponent):
    """For each edge firewall a customer gateway, and a connection of two tunnels that speaks BGP.

    Edges authenticate with the declared certificates, so there is no pre-shared key to leak. AWS chooses the public
    addresses of its ends; everything else of a tunnel follows from the declaration.
    """

    TOKEN = "estate:network:SiteLink"

    tunnels: dict[str, list[dict[str, pulumi.Output[str]]]]

    def __init__(self, name: str, args: SiteLinkArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        network, site = args.network, args.network.sites[args.site]
        certificates = site.links[args.region].certificates
        asn: dict[str, Any] = {"bgp_asn_extended" if site.asn > LARGEST_SHORT_ASN else "bgp_asn": str(site.asn)}
        self.tunnels = {}
        for edge, certificate in zip(edges(network, args.site), certificates, strict=True):
            host = naming.host(network.name, Role.EDGE, args.site, edge.number)
            purpose = {"site": args.site, "role": Role.EDGE.value}
            customer = self._resource(
                aws.ec2.CustomerGateway,
                f"edge-{edge.number:02d}",
                purpose=purpose,
                type="ipsec.1",
                ip_address=str(edge.public_address),
                certificate_arn=certificate,
                device_name=host,
                **asn,
            )
            planned = tunnels.between(network, args.site, args.region, edge.number)
            options: dict[str, Any] = {
                f"tunnel{number}_{option}": value for number in (1, 2) for option, value in TUNNEL.items()
            }
            connection = self._resource(
                aws.ec2.VpnConnection,
                f"edge-{edge.number:02d}-connection",
                purpose=purpose,
                type="ipsec.1",
                vpn_gateway_id=args.gateway_id,
                customer_gateway_id=customer.id,
                static_routes_only=False,
                tunnel_inside_ip_version="ipv4",
                tunnel1_inside_cidr=str(planned[0].inside_cidr),
                tunnel2_inside_cidr=str(planned[1].inside_cidr),
                **options,
            )
            self.tunnels[str(edge.number)] = [
                {"outside_address": connection.tunnel1_address},
                {"outside_address": connection.tunnel2_address},
            ]
        self.register_outputs({"tunnels": self.tunnels})
