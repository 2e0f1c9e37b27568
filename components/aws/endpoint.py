"""Public RPC and LCD of a region: TLS at a load balancer, seeds behind it."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.nouns import EndpointArgs
from estate.model import Network
from estate.plan import naming
from estate.plan.addressing import Tier
from estate.plan.permissions import LOAD_BALANCER

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
NAME_LIMIT = 32
"""Characters in the name of a load balancer or target group."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """One thing served: its DNS name, its port (outside and on the seeds), and a path that answers if it works."""

    name: str
    port: int
    health_path: str


def services(network: Network) -> dict[str, Service]:
    """What the seeds serve, by name; the LCD, if the chain's client has one."""
    client, names = network.chain.client.spec, network.endpoints.by_name()
    health = {"rpc": client.rpc_health, "lcd": client.lcd_health}
    return {
        key: Service(name=names[key], port=port, health_path=path)
        for key, port in network.chain.ports.public().items()
        if (path := health[key])
    }


class Endpoint(AwsComponent):
    """A network load balancer that terminates TLS, its targets, and the latency records that point to it."""

    TOKEN = "estate:endpoint:Endpoint"

    def __init__(self, name: str, args: EndpointArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        purpose = {"role": LOAD_BALANCER, "tier": Tier.INGRESS.value}
        balancer = self._resource(
            aws.lb.LoadBalancer,
            "balancer",
            purpose=purpose,
            name=naming.safe(f"{args.network.name}-seeds", NAME_LIMIT),
            load_balancer_type="network",
            internal=False,
            ip_address_type="ipv4",
            subnets=list(args.ingress.subnet_ids.values()),
            security_groups=list(args.group_ids),
            enable_cross_zone_load_balancing=True,
            enable_deletion_protection=self.production,
        )
        for key, service in services(args.network).items():
            self._serve(key, service, args, balancer, purpose)
        self.register_outputs({"dns_name": balancer.dns_name, "arn": balancer.arn})

    def _serve(
        self, key: str, service: Service, args: EndpointArgs, balancer: aws.lb.LoadBalancer, purpose: dict[str, str]
    ) -> None:
        targets = self._resource(
            aws.lb.TargetGroup,
            f"{key}-targets",
            purpose=purpose,
            name=naming.safe(f"{args.network.name}-{key}", NAME_LIMIT),
            vpc_id=args.vpc.id,
            port=service.port,
            protocol="TCP",
            target_type="instance",
            preserve_client_ip="false",
            deregistration_delay=60,
            health_check={
                "enabled": True,
                "protocol": "HTTP",
                "port": "traffic-port",
                "path": service.health_path,
                "matcher": "200",
                "interval": 10,
                "timeout": 5,
                "healthy_threshold": 3,
                "unhealthy_threshold": 3,
            },
        )
        for host, seed in args.seeds.items():
            self._resource(
                aws.lb.TargetGroupAttachment,
                f"{key}-{host}",
                target_group_arn=targets.arn,
                target_id=seed.id,
                port=service.port,
            )
        self._resource(
            aws.lb.Listener,
            f"{key}-listener",
            purpose=purpose,
            load_balancer_arn=balancer.arn,
            port=service.port,
            protocol="TLS",
            ssl_policy=TLS_POLICY,
            certificate_arn=args.certificate_id,
            default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
        )
        self._resource(
            aws.route53.Record,
            f"{key}-name",
            zone_id=args.zone_ids[service.name],
            name=service.name,
            type="A",
            set_identifier=args.region,
            latency_routing_policies=[{"region": args.region}],
            aliases=[{"name": balancer.dns_name, "zone_id": balancer.zone_id, "evaluate_target_health": True}],
        )
