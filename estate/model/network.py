"""The typed declaration of one network's ServiceInstance.

Shapes only: each field says what one value must look like. What values must be to each other is in ``estate.rules``;
the one way from a file to a ``Network`` is ``estate.declaration.load``.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints


class Model(BaseModel):
    """Frozen, and without room for a misspelt field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Role(StrEnum):
    """What a host is for. A host has exactly one role."""

    PUBLIC_SENTRY = "public-sentry"
    PRIVATE_SENTRY = "private-sentry"
    SEED = "seed"
    VPN = "vpn"
    MONITOR = "monitor"
    VALIDATOR = "validator"
    SIGNER = "signer"
    EDGE = "edge"


CloudRole = Literal[Role.PUBLIC_SENTRY, Role.PRIVATE_SENTRY, Role.SEED, Role.VPN, Role.MONITOR]
SiteRole = Literal[Role.VALIDATOR, Role.SIGNER, Role.EDGE]
SENTRY_ROLES = (Role.PUBLIC_SENTRY, Role.PRIVATE_SENTRY)
CHAIN_ROLES = (*SENTRY_ROLES, Role.SEED, Role.VALIDATOR)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=20)]
NetworkName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,15}$")]
RegionName = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
ZoneLetter = Annotated[str, StringConstraints(pattern=r"^[a-f]$")]
AccountId = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
HostNumber = Annotated[int, Field(ge=1, le=30)]
NodeId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
PeerAddress = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}@[A-Za-z0-9.-]+:[0-9]{1,5}$")]
DnsName = Annotated[
    str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$", max_length=253)
]
Arn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:.+$")]
Asn = Annotated[int, Field(ge=1, le=4294967294)]
SshPublicKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^(ssh-ed25519|sk-ssh-ed25519@openssh\.com|ecdsa-sha2-nistp256) [A-Za-z0-9+/=]+( \S+)?$"
    ),
]
SecretRef = Annotated[str, StringConstraints(pattern=r"^vault:[a-z0-9-]+(/[A-Za-z0-9._-]+)+#[a-z0-9_]+$")]


ENGINE_MIDNIGHT = " 00:00:00 +0000 UTC"
"""What the engine makes of a bare YAML date when it hands it on as text."""


def _without_midnight(value: object) -> object:
    return value.removesuffix(ENGINE_MIDNIGHT) if isinstance(value, str) else value


Day = Annotated[date, BeforeValidator(_without_midnight)]


class Download(Model):
    """A file that is taken from elsewhere, and what it must hash to."""

    url: Annotated[str, StringConstraints(pattern=r"^(https|file)://\S+$")]
    sha256: Sha256


class Client(Model):
    """The chain's node software, installed as the Debian package ``package`` from the estate's own repository."""

    package: Name
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)*([+~-][A-Za-z0-9.]+)?$")]
    daemon: Name
    release: Download | None = None


class Ports(Model):
    """TCP ports of a node of this chain."""

    p2p: Port = 26656
    rpc: Port = 26657
    lcd: Port = 1317
    privval: Port = 26659
    metrics: Port = 26660


class Chain(Model):
    """What the chain is, apart from whose estate runs on it."""

    chain_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{1,49}$")]
    client: Client
    genesis: Download
    bech32_prefix: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}$")]
    minimum_gas_prices: Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?[a-z][A-Za-z0-9/]{1,127}$")]
    block_seconds: Annotated[float, Field(gt=0, le=60)]
    ports: Ports = Ports()
    seeds: tuple[PeerAddress, ...] = ()
    persistent_peers: tuple[PeerAddress, ...] = ()


class Aws(Model):
    """The one AWS account that this network's cloud side lives in."""

    account_id: AccountId
    permissions_boundary: Arn | None = None


class Zone(Model):
    """An availability zone in use. ``slot`` places its subnets in the region's block, for ever."""

    slot: Annotated[int, Field(ge=0, le=4)]


class Region(Model):
    """A cloud region in use. ``slot`` places its /20 in the network's /16, for ever."""

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
    """The public names under which seeds, RPC and LCD are reached; RPC and LCD only by TLS at the load balancer."""

    dns_zone: DnsName
    seed: DnsName
    rpc: DnsName
    lcd: DnsName


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


class ZoneKind(StrEnum):
    """What a datacentre's firewall zone is for."""

    VALIDATOR = "validator"
    SIGNER = "signer"
    MANAGEMENT = "management"
    EDGE = "edge"


class SiteZone(Model):
    """A firewall zone of a datacentre: one VLAN, one /24 of the site's block."""

    kind: ZoneKind
    slot: Annotated[int, Field(ge=0, le=15)]
    vlan: Annotated[int, Field(ge=2, le=4094)]


class Nic(Model):
    """One cable of a bond."""

    mac: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")]
    switch: Name


class Server(Model):
    """A bare-metal host of a datacentre. ``active`` marks the one of each pair that does the work now."""

    role: SiteRole
    zone: Name
    number: HostNumber
    hardware: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    serial: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{4,32}$")]
    rack_units: Annotated[tuple[Annotated[int, Field(ge=1, le=48)], ...], Field(min_length=1)]
    power: Annotated[tuple[Name, ...], Field(min_length=1)]
    nics: Annotated[tuple[Nic, ...], Field(min_length=1)]
    active: bool = False
    public_address: IPv4Address | None = None


class Cabinet(Model):
    """Where the servers stand, and what feeds them."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    pdus: Annotated[tuple[Name, ...], Field(min_length=1)]
    switches: Annotated[tuple[Name, ...], Field(min_length=1)]


class Link(Model):
    """Site-to-site tunnels between this site and one cloud region: two per edge firewall."""

    certificates: Annotated[tuple[Arn, ...], Field(min_length=1)]


class Site(Model):
    """A datacentre. ``slot`` places its /20 in the network's /16, for ever."""

    slot: Annotated[int, Field(ge=11, le=14)]
    vendor: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    facility: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    continent: Literal["north-america", "europe", "asia", "south-america", "africa", "oceania"]
    asn: Asn
    uplink: IPv4Network
    cabinet: Cabinet
    zones: dict[Name, SiteZone]
    servers: tuple[Server, ...]
    links: dict[RegionName, Link]


class Coordination(Model):
    """How several sites sign with one key: each claims a height, round and step in one table before it signs.

    ``sites``: whose active signer signs, with the AWS lease by which its gate calls the table. ``generation`` counts
    the tables that there were. ``replicas``: the table's regions, with the central service that leads to each, in order
    of preference; where there are two, ``witness`` is the third region that decides with them.
    """

    sites: Annotated[dict[Name, Name], Field(min_length=1)]
    generation: Annotated[int, Field(ge=1, le=1000000)] = 1
    replicas: Annotated[dict[RegionName, Name], Field(min_length=1)]
    witness: RegionName | None = None


class Signing(Model):
    """How blocks are signed, and which site's signer holds the key first.

    Without ``coordination`` only the signer of ``custody`` signs.
    """

    backend: Literal["softsign", "yubihsm"]
    custody: Name
    coordination: Coordination | None = None


class Vpn(Model):
    """The instance's own VPN: every operator comes through it, with certificate, password and one-time code."""

    port: Port = 1194
    certificate_authority: SecretRef


class Operator(Model):
    """A person with an account on hosts of the listed roles."""

    ssh_public_keys: Annotated[tuple[SshPublicKey, ...], Field(min_length=1)]
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]


class Service(Model):
    """A central service that hosts of the listed roles may call."""

    address: IPv4Address
    port: Port
    protocol: Literal["tcp", "udp"] = "tcp"
    consumers: Annotated[tuple[Role, ...], Field(min_length=1)]


class Lease(Model):
    """A credential that hosts of the listed roles take from Vault for a short time."""

    kind: Literal["aws", "pki", "ssh", "kv", "database"]
    path: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(/[A-Za-z0-9._-]+)+$")]
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    ttl_seconds: Annotated[int, Field(ge=60, le=86400)]
    renew_before_seconds: Annotated[int, Field(ge=10)]
    single_use: bool = False


class ScrapeJob(Model):
    """What the monitors read from each host of the listed roles."""

    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    port: Port
    path: Annotated[str, StringConstraints(pattern=r"^/\S*$")] = "/metrics"
    interval_seconds: Annotated[int, Field(ge=5, le=300)] = 15


class Network(Model):
    """One network's ServiceInstance: everything that a ``stacks/Pulumi.<network>.yaml`` declares."""

    name: NetworkName
    slot: Annotated[int, Field(ge=1, le=254)]
    owner: Name
    stage: Literal["production", "testnet"]
    chain: Chain
    aws: Aws
    regions: Annotated[dict[RegionName, Region], Field(min_length=1)]
    nodes: tuple[CloudNode, ...]
    endpoints: Endpoints
    partners: dict[Name, Partner] = {}
    sites: Annotated[dict[Name, Site], Field(min_length=1)]
    signing: Signing
    vpn: Vpn
    operators: dict[Name, Operator]
    services: dict[Name, Service]
    leases: dict[Name, Lease]
    monitoring: dict[Name, ScrapeJob]
