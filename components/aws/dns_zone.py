"""The DNS zone of one public name."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.nouns import DnsZoneArgs

CERTIFICATE_AUTHORITY = "amazon.com"
TTL_SECONDS = 300


class DnsZone(AwsComponent):
    """A zone of exactly one public name, so that no network can change another's, and its CAA record.

    The company's zone, which is in no stack, must delegate the name to ``name_servers``.
    """

    TOKEN = "estate:endpoint:DnsZone"

    id: pulumi.Output[str]
    name_servers: pulumi.Output[Sequence[str]]

    def __init__(self, name: str, args: DnsZoneArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        zone = self._resource(
            aws.route53.Zone,
            "zone",
            outlive=True,
            name=args.domain,
            comment=f"Public name of {args.network.name}",
            force_destroy=False,
        )
        self._resource(
            aws.route53.Record,
            "issuers",
            zone_id=zone.zone_id,
            name=args.domain,
            type="CAA",
            ttl=TTL_SECONDS,
            records=[f'0 issue "{CERTIFICATE_AUTHORITY}"', '0 issuewild ";"'],
        )
        self.id = zone.zone_id
        self.name_servers = zone.name_servers
        self.register_outputs({"id": zone.zone_id, "name_servers": zone.name_servers})
