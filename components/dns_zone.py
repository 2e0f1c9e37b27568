"""The DNS zone in which a network's public names live."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.base import Args, Component

CERTIFICATE_AUTHORITY = "amazon.com"
TTL_SECONDS = 300


class DnsZone(Component):
    """The declared zone, and who may issue certificates under it. The parent zone delegates to ``name_servers``."""

    TOKEN = "estate:endpoint:DnsZone"

    id: pulumi.Output[str]
    name_servers: pulumi.Output[list[str]]

    def __init__(self, name: str, args: Args, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        zone = self._child(
            aws.route53.Zone,
            "zone",
            outlive=True,
            name=args.network.endpoints.dns_zone,
            comment=f"Public names of {args.network.name}",
            force_destroy=False,
        )
        self._child(
            aws.route53.Record,
            "issuers",
            zone_id=zone.zone_id,
            name=args.network.endpoints.dns_zone,
            type="CAA",
            ttl=TTL_SECONDS,
            records=[f'0 issue "{CERTIFICATE_AUTHORITY}"', '0 issuewild ";"'],
        )
        self.id = zone.zone_id
        self.name_servers = zone.name_servers
        self.register_outputs({"id": zone.zone_id, "name_servers": zone.name_servers})
