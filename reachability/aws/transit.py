"""Transit gateways."""

from __future__ import annotations

from reachability.aws.cloud import Cloud, Vpc
from reachability.aws.index import Malformed
from reachability.resources import Resource

GATEWAY = "aws:ec2transitgateway/transitGateway:TransitGateway"
TYPES: tuple[str, ...] = ()


def stage(cloud: Cloud, gateway: Resource, vpc: Vpc) -> str:
    """Where what a VPC sends to a transit gateway stands."""
    raise Malformed("transit gateways are not understood")
