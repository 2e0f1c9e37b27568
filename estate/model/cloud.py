"""The cloud side: account, regions, nodes, public names, partners."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated

from pydantic import Field, StringConstraints

from estate.model.roles import CloudRole
from estate.model.types import AccountId, Arn, Asn, Day, DnsName, HostNumber, Model, PeerAddress, RegionName, ZoneLetter

Limit = Annotated[int, Field(ge=0)]


class QuotaSet(Model):
    """What AWS has raised an account's service quotas to, in one region; what is absent is as AWS grants it by default.

    The defaults are in ``estate.clouds.aws.QUOTAS``, by the same names.
    """

    vpcs_per_region: Limit | None = None
    nat_gateways_per_zone: Limit | None = None
    elastic_ips_per_region: Limit | None = None
    rules_per_security_group: Limit | None = None
    route_tables_per_vpc: Limit | None = None
    routes_per_route_table: Limit | None = None
    customer_gateways_per_region: Limit | None = None
    vpn_gateways_per_region: Limit | None = None
    vpn_connections_per_region: Limit | None = None
    vpn_connections_per_gateway: Limit | None = None
    on_demand_standard_vcpus: Limit | None = None
    on_demand_x_vcpus: Limit | None = None


class Aws(Model):
    """The one AWS account that this network's cloud side lives in. ``quotas``: those that AWS has raised, by region."""

    account_id: AccountId
    permissions_boundary: Arn | None = None
    quotas: dict[RegionName, QuotaSet] = {}


class Zone(Model):
    """An availability zone in use. ``slot`` places its subnets in the region's block; it must never change."""

    slot: Annotated[int, Field(ge=0, le=4)]


class Region(Model):
    """A cloud region in use. ``slot`` places its /20 in the network's /16; it must never change."""

    slot: Annotated[int, Field(ge=0, le=10)]
    zones: dict[ZoneLetter, Zone]
    image: Annotated[str, StringConstraints(pattern=r"^ami-[0-9a-f]{8}([0-9a-f]{9})?$")]
    asn: Asn


class CloudNode(Model):
    """A virtual machine. Role, region and number are its identity; ``number`` also fixes its address."""

    role: CloudRole
    region: RegionName
    zone: ZoneLetter
    number: HostNumber
    instance_type: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$")] = "m6i.xlarge"
    disk_gib: Annotated[int, Field(ge=8, le=16384)] = 500


class Endpoints(Model):
    """The public names under which seeds, RPC and LCD are reached; RPC and LCD only by TLS at the load balancer.

    ``lcd`` is absent where the chain's nodes serve none.
    """

    dns_zone: DnsName
    seed: DnsName
    rpc: DnsName
    lcd: DnsName | None = None

    def by_name(self) -> dict[str, str]:
        """The names of ``seed``, ``rpc`` and, if there is one, ``lcd``."""
        names = {"seed": self.seed, "rpc": self.rpc, "lcd": self.lcd}
        return {key: name for key, name in names.items() if name}


class Partner(Model):
    """Another validator company whose private sentries peer with ours, through VPC peering in one region."""

    account_id: AccountId
    vpc_id: Annotated[str, StringConstraints(pattern=r"^vpc-[0-9a-f]{8}([0-9a-f]{9})?$")]
    vpc_region: RegionName
    region: RegionName
    cidrs: Annotated[tuple[IPv4Network, ...], Field(min_length=1)]
    peers: Annotated[tuple[PeerAddress, ...], Field(min_length=1)]
    expires: Day
    contact: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
