"""The name under which other nodes find the seeds."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.nouns import SeedNameArgs

TTL_SECONDS = 60
CHECKERS = ("us-east-1", "eu-west-1", "ap-southeast-1")
"""The regions of the health checks: the fewest that AWS accepts, because each check connects to the seed."""


class SeedName(AwsComponent):
    """An address record for each seed, answered while its p2p port is."""

    TOKEN = "estate:endpoint:SeedName"

    def __init__(self, name: str, args: SeedNameArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        for host, seed in args.seeds.items():
            check = self._resource(
                aws.route53.HealthCheck,
                f"{host}-health",
                type="TCP",
                ip_address=seed.public_address,
                port=args.network.chain.ports.p2p,
                request_interval=30,
                failure_threshold=3,
                regions=list(CHECKERS),
            )
            self._resource(
                aws.route53.Record,
                host,
                zone_id=args.zone_id,
                name=args.network.endpoints.seed,
                type="A",
                ttl=TTL_SECONDS,
                records=[seed.public_address],
                set_identifier=host,
                multivalue_answer_routing_policy=True,
                health_check_id=check.id,
            )
        self.register_outputs({})
