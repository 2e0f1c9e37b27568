"""The rest of the world as one account sees it: other accounts' VPCs, public addresses, service quotas."""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

OWN_ACCOUNT = "123456789012"
"""The account of a provider that does not say which account it may use."""


@dataclass(frozen=True)
class ForeignVpc:
    """A VPC of another account, whose owner accepts a peering when asked."""

    owner_id: str
    vpc_id: str
    cidr: str
    region: str


@dataclass(frozen=True)
class Quotas:
    """The service quotas of an account in one region, with AWS's defaults.

    Sources: the quota pages of the VPC, Site-to-Site VPN and EC2 guides. Running instances count by the quota of their
    type's family; of all families but the standard ones a new account may run none.
    """

    vpcs_per_region: int = 5
    subnets_per_vpc: int = 200
    cidr_blocks_per_vpc: int = 5
    nat_gateways_per_zone: int = 5
    elastic_ips_per_region: int = 5
    route_tables_per_vpc: int = 200
    routes_per_route_table: int = 500
    security_groups_per_interface: int = 5
    rules_per_security_group: int = 60
    rules_per_network_acl: int = 20
    active_peerings_per_vpc: int = 50
    customer_gateways_per_region: int = 50
    vpn_gateways_per_region: int = 5
    vpn_connections_per_region: int = 50
    vpn_connections_per_gateway: int = 10
    on_demand_standard_vcpus: int = 5
    on_demand_x_vcpus: int = 0
    on_demand_other_vcpus: int = 0

    @property
    def internet_gateways_per_region(self) -> int:
        """AWS raises it with the number of VPCs, and not by itself."""
        return self.vpcs_per_region


@dataclass(frozen=True)
class World:
    """What the lab's AWS answers from besides its own state.

    Attributes:
        vpcs: the VPCs of other accounts.
        quotas: the limits of the own account, by region, where AWS has raised any.
        certificates: ARNs of the own account's private certificates, issued by an authority outside of the stack.
        public_pool: where elastic, load balancer and VPN tunnel addresses come from; a documentation range.
        public_taken: the addresses of that pool which other accounts have.
        public_pool6: where VPCs get their /56 from.
    """

    vpcs: tuple[ForeignVpc, ...] = ()
    quotas: Mapping[str, Quotas] = field(default_factory=dict)
    certificates: frozenset[str] = frozenset()
    public_pool: ipaddress.IPv4Network = ipaddress.IPv4Network("203.0.113.0/24")
    public_taken: frozenset[str] = frozenset()
    public_pool6: ipaddress.IPv6Network = ipaddress.IPv6Network("2001:db8::/32")

    def quotas_in(self, region: str) -> Quotas:
        """Returns the account's quotas in a region: AWS's defaults where none was raised."""
        return self.quotas.get(region, Quotas())

    def accounts(self) -> frozenset[str]:
        """Returns the other accounts that have a VPC here."""
        return frozenset(vpc.owner_id for vpc in self.vpcs)

    def vpc(self, owner_id: str, vpc_id: str, region: str) -> ForeignVpc | None:
        """Returns the VPC of another account, or None if there is none of that id in that region."""
        return next((v for v in self.vpcs if (v.owner_id, v.vpc_id, v.region) == (owner_id, vpc_id, region)), None)


def read_world(path: Path | None) -> World:
    """Reads the world from JSON.

    The file is a list of VPCs `{"ownerId", "vpcId", "cidr", "region"}`, or an object `{"vpcs": [...],
    "quotas": {"eu-central-1": {"vpcs_per_region": 10, ...}, ...}, "certificates": [ARN, ...],
    "publicPool": "203.0.113.0/24", "publicTaken": [address, ...]}`.

    Raises:
        ValueError: the file is of another form; the message names what is wrong.
    """
    if path is None:
        return World()
    document = json.loads(path.read_text())
    if isinstance(document, list):
        document = {"vpcs": document}
    try:
        return _world(document)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a world: {error}; expected a list of ownerId, vpcId, cidr, region") from error


def _world(document: Mapping[str, Any]) -> World:
    vpcs = tuple(
        ForeignVpc(str(vpc["ownerId"]), vpc["vpcId"], str(ipaddress.ip_network(vpc["cidr"])), vpc["region"])
        for vpc in document.get("vpcs", ())
    )
    quotas = {region: _quotas(raised) for region, raised in document.get("quotas", {}).items()}
    pool = ipaddress.IPv4Network(document.get("publicPool", "203.0.113.0/24"))
    return World(
        vpcs=vpcs,
        quotas=quotas,
        certificates=frozenset(map(str, document.get("certificates", ()))),
        public_pool=pool,
        public_taken=frozenset(map(str, document.get("publicTaken", ()))),
    )


def _quotas(raised: Mapping[str, int]) -> Quotas:
    known = {quota.name for quota in fields(Quotas)}
    if unknown := set(raised) - known:
        raise KeyError(f"unknown quotas {sorted(unknown)}, known are {sorted(known)}")
    return Quotas(**raised)
