"""VPC endpoints."""

from __future__ import annotations

from reachability.aws.cloud import Cloud
from reachability.aws.index import Malformed
from reachability.resources import Resource

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
TYPES: tuple[str, ...] = ()


def stage(cloud: Cloud, endpoint: Resource) -> str:
    """Where what a route sends to an endpoint stands."""
    raise Malformed("routes to endpoints are not understood")


def add_routes(cloud: Cloud) -> None:
    """The routes that gateway endpoints put into tables."""
