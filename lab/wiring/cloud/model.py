"""The cloud's network as the wiring needs it, without the properties of AWS resources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

EVERYWHERE = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, kw_only=True)
class Permission:
    """What one rule of a security group or network ACL matches.

    ``ports`` are inclusive, None is all; ``icmp`` is type and code, where None is any.

    Exactly one of ``blocks`` (addresses of the other end) and ``group`` (members of that security group) is given.
    """

    id: str
    protocol: str
    ports: tuple[int, int] | None
    blocks: tuple[IPv4Network, ...] = ()
    group: str = ""
    icmp: tuple[int | None, int | None] = (None, None)
    allow: bool = True
    number: int = 0


@dataclass(frozen=True, kw_only=True)
class SecurityGroup:
    id: str
    vpc: str
    ingress: tuple[Permission, ...]
    egress: tuple[Permission, ...]


@dataclass(frozen=True, kw_only=True)
class NetworkAcl:
    """Stateless rules in order of number; ``open`` if it lets everything pass both ways, as AWS's default does."""

    id: str
    ingress: tuple[Permission, ...]
    egress: tuple[Permission, ...]

    @property
    def open(self) -> bool:
        return all(
            bool(rules) and rules[0].allow and rules[0].protocol == "all" and EVERYWHERE in rules[0].blocks
            for rules in (self.ingress, self.egress)
        )


@dataclass(frozen=True, kw_only=True)
class Subnet:
    id: str
    vpc: str
    block: IPv4Network
    zone: str
    route_table: str
    acl: str


@dataclass(frozen=True, kw_only=True)
class CloudRoute:
    destination: IPv4Network
    target: str


@dataclass(frozen=True, kw_only=True)
class RouteTable:
    id: str
    vpc: str
    routes: tuple[CloudRoute, ...]
    propagating: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CloudInterface:
    """An interface in a VPC, of the instance, NAT gateway or load balancer ``owner``.

    ``groups`` is None where none apply.
    """

    id: str
    owner: str
    kind: str
    subnet: str
    address: IPv4Address
    groups: tuple[str, ...] | None
    checked: bool = True
    public: IPv4Address | None = None


@dataclass(frozen=True, kw_only=True)
class Peering:
    """A peering; ``accepter`` may be a VPC of another account, which is not among ``Cloud.vpcs``."""

    id: str
    requester: str
    accepter: str
    active: bool


@dataclass(frozen=True, kw_only=True)
class VpnGateway:
    id: str
    vpc: str
    region: str
    asn: int


@dataclass(frozen=True, kw_only=True)
class VpnConnection:
    """A site-to-site connection.

    ``insides`` are the /30 of its two tunnels, ``peer`` is the outside address of the customer gateway.
    """

    id: str
    gateway: str
    peer_asn: int
    peer: str
    insides: tuple[IPv4Network, ...]


@dataclass(frozen=True, kw_only=True)
class Listener:
    """``protocol`` TLS ends TLS at the load balancer, TCP does not. ``names`` are those of the certificate."""

    port: int
    protocol: str
    target_group: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Target:
    address: IPv4Address
    port: int
    zone: str


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """When a target is sent connections: ``path`` answers HTTP with ``matcher``; without a path, TCP connects."""

    path: str = ""
    matcher: str = "200-399"
    interval_seconds: int = 30
    rise: int = 5
    fall: int = 2


@dataclass(frozen=True, kw_only=True)
class LoadBalancer:
    id: str
    name: str
    region: str
    across_zones: bool
    listeners: tuple[Listener, ...]


@dataclass(frozen=True, kw_only=True)
class Vpc:
    id: str
    region: str
    blocks: tuple[IPv4Network, ...]
    main_route_table: str


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The network part of an AWS account, by id."""

    vpcs: Mapping[str, Vpc]
    subnets: Mapping[str, Subnet]
    route_tables: Mapping[str, RouteTable]
    acls: Mapping[str, NetworkAcl]
    groups: Mapping[str, SecurityGroup]
    interfaces: tuple[CloudInterface, ...]
    instance_names: Mapping[str, str]
    internet_gateways: Mapping[str, str]
    peerings: tuple[Peering, ...]
    vpn_gateways: Mapping[str, VpnGateway]
    vpn_connections: tuple[VpnConnection, ...]
    balancers: Mapping[str, LoadBalancer]
    targets: Mapping[str, tuple[Target, ...]]
    health_checks: Mapping[str, HealthCheck]
    not_modelled: tuple[str, ...] = ()

    def members(self, group: str) -> tuple[IPv4Address, ...]:
        return tuple(sorted(each.address for each in self.interfaces if each.groups and group in each.groups))

    def vpc_of(self, interface: CloudInterface) -> str:
        return self.subnets[interface.subnet].vpc
