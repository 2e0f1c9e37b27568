"""The nouns of which an instance is built. A cloud is a folder that implements each of them (ADR 14).

Every ``*Args`` is what the program says of a noun; every protocol is what the program reads of it. ``id`` is how other
nouns of the same cloud refer to it: an ARN, a self link, a network tag, an email address. The program never reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pulumi

from components.base import Args, Build, Component, RegionalArgs
from estate.model import Network, Role
from estate.plan.addressing import Tier
from estate.plan.hosts import Host
from estate.plan.permissions import Permissions


class Named(Protocol):
    """A resource with an id in its cloud."""

    @property
    def id(self) -> pulumi.Output[str]: ...


class Key(Named, Protocol):
    """The key with which a region's disks and logs are encrypted."""


class Vpc(Named, Protocol):
    """A region's own network, closed by default. A cloud whose networks are global may share one among its regions."""


@dataclass(frozen=True, kw_only=True)
class FlowLogArgs(RegionalArgs):
    """``key_id`` encrypts the record."""

    vpc: Vpc
    key_id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class SubnetTierArgs(RegionalArgs):
    tier: Tier
    vpc: Vpc


class SubnetTier(Protocol):
    """A region's subnets of one kind.

    ``subnet_ids`` is by zone; where a subnet spans the region, every zone has the same.
    """

    @property
    def subnet_ids(self) -> Mapping[str, pulumi.Output[str]]: ...


@dataclass(frozen=True, kw_only=True)
class NatArgs(RegionalArgs):
    """The way out of the private subnets, at fixed public addresses.

    ``public`` holds the gateways, if the cloud places them in a subnet; ``private`` is what they serve.
    """

    vpc: Vpc
    public: SubnetTier
    private: SubnetTier


@dataclass(frozen=True, kw_only=True)
class PrivateGatewayArgs(RegionalArgs):
    """``tiers``: the subnets that learn the datacentres' addresses from the gateway."""

    vpc: Vpc
    tiers: Mapping[Tier, SubnetTier]


class PrivateGateway(Named, Protocol):
    """A region's end of the tunnels from the datacentres; it speaks BGP with the region's AS number."""


@dataclass(frozen=True, kw_only=True)
class SiteLinkArgs(RegionalArgs):
    site: str
    gateway_id: pulumi.Input[str]


class SiteLink(Protocol):
    """The tunnels between one datacentre and one region.

    ``tunnels`` is by edge number: of each tunnel in order, the ``outside_address`` of the cloud's end, which the cloud
    chooses. All else of a tunnel follows from the declaration.
    """

    @property
    def tunnels(self) -> Mapping[str, Sequence[Mapping[str, pulumi.Output[str]]]]: ...


@dataclass(frozen=True, kw_only=True)
class PeeringEnd:
    """A region as another one reaches it. ``tiers``: those with hosts, which must know the way to the other end."""

    region: str
    vpc: Vpc
    tiers: Mapping[Tier, SubnetTier]


@dataclass(frozen=True, kw_only=True)
class RegionPeeringArgs(Args):
    """Both ends; ``requester`` requests and ``accepter`` accepts; the two do not differ otherwise."""

    requester: PeeringEnd
    accepter: PeeringEnd


@dataclass(frozen=True, kw_only=True)
class PartnerPeeringArgs(RegionalArgs):
    """``vpc`` and ``private`` are ours, in the region that the declaration names for ``partner``."""

    partner: str
    vpc: Vpc
    private: SubnetTier


@dataclass(frozen=True, kw_only=True)
class GroupArgs(RegionalArgs):
    """``role``: a host role's name, or ``load-balancer``."""

    vpc: Vpc
    role: str
    permissions: Permissions


class Group(Protocol):
    """What one role's hosts in a region may accept and open, as the cloud enforces it.

    ``ids``: of its parts, where the cloud limits the rules of one; what any of them permits is permitted.
    """

    @property
    def ids(self) -> Sequence[pulumi.Output[str]]: ...


@dataclass(frozen=True, kw_only=True)
class IdentityArgs(Args):
    role: Role


class Identity(Named, Protocol):
    """The identity of a role's instances towards the cloud and Vault. It has no permissions itself."""


@dataclass(frozen=True, kw_only=True)
class MachineArgs(RegionalArgs):
    """``token``: the component's type token. ``data_disk``: whether what the role keeps has a disk of its own.

    ``released``: the next update may replace the instance. Otherwise the engine refuses to, whatever the reason, and a
    new image is for new instances only.
    """

    host: Host
    released: bool
    token: str
    data_disk: bool
    user_data: str
    subnet_id: pulumi.Input[str]
    group_ids: Sequence[pulumi.Input[str]]
    identity_id: pulumi.Input[str]
    key_id: pulumi.Input[str]


class Machine(Named, Protocol):
    """An instance at its fixed private address, in the public tier at a fixed public one too."""

    @property
    def host(self) -> Host: ...

    @property
    def public_address(self) -> pulumi.Output[str] | None: ...


@dataclass(frozen=True, kw_only=True)
class DnsZoneArgs(Args):
    """``domain`` is a public name of the network, inside the company's zone."""

    domain: str


class DnsZone(Named, Protocol):
    """The zone of one public name. The company's zone must delegate the name to ``name_servers``."""

    @property
    def name_servers(self) -> pulumi.Output[Sequence[str]]: ...


@dataclass(frozen=True, kw_only=True)
class SeedNameArgs(Args):
    """``seeds`` by host name."""

    seeds: Mapping[str, Machine]
    zone_id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class CertificateArgs(Args):
    """One certificate for RPC and, if it is served, LCD in each of ``regions``; ``zone_ids`` is by name."""

    regions: tuple[str, ...]
    zone_ids: Mapping[str, pulumi.Input[str]]


class Certificate(Protocol):
    """The certificate under which the load balancers answer. ``ids`` is by region."""

    @property
    def ids(self) -> Mapping[str, pulumi.Output[str]]: ...


@dataclass(frozen=True, kw_only=True)
class EndpointArgs(RegionalArgs):
    """A region's load balancer, which ends TLS. ``seeds`` by host name: the targets. ``zone_ids`` by public name."""

    vpc: Vpc
    ingress: SubnetTier
    group_ids: Sequence[pulumi.Input[str]]
    certificate_id: pulumi.Input[str]
    zone_ids: Mapping[str, pulumi.Input[str]]
    seeds: Mapping[str, Machine]


@dataclass(frozen=True, kw_only=True)
class LeaseArgs(Args):
    """A credential that hosts take from Vault. ``lease`` is a declared lease's name.

    ``discovers``: whether it may list instances, to find what to scrape.
    """

    lease: str
    discovers: bool = False


@dataclass(frozen=True, kw_only=True)
class SignerArgs(RegionalArgs):
    """What signing needs: the key that seals backups, the audit log, the signer's leases and the signing table.

    ``region`` holds the backups' key and the audit log; ``key_id`` encrypts the log.
    """

    key_id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """How one cloud builds each noun, for one network. Resources that exist once per network are registered already."""

    key: Build[RegionalArgs, Key]
    vpc: Build[RegionalArgs, Vpc]
    flow_log: Build[FlowLogArgs, Component]
    subnet_tier: Build[SubnetTierArgs, SubnetTier]
    nat: Build[NatArgs, Component]
    private_gateway: Build[PrivateGatewayArgs, PrivateGateway]
    site_link: Build[SiteLinkArgs, SiteLink]
    region_peering: Build[RegionPeeringArgs, Component]
    partner_peering: Build[PartnerPeeringArgs, Component]
    group: Build[GroupArgs, Group]
    identity: Build[IdentityArgs, Identity]
    machine: Build[MachineArgs, Machine]
    dns_zone: Build[DnsZoneArgs, DnsZone]
    seed_name: Build[SeedNameArgs, Component]
    certificate: Build[CertificateArgs, Certificate]
    endpoint: Build[EndpointArgs, Component]
    lease: Build[LeaseArgs, Component]
    signer: Build[SignerArgs, Component]


@dataclass(frozen=True, kw_only=True)
class Folder:
    """What a cloud's folder offers.

    Attributes:
        provider: the explicit provider of everything that a network has in the cloud.
        open: registers what the cloud needs once a network, and gives how it builds the nouns.
        outputs: for a recording, the made-up id and computed properties of a resource, from its type token, logical
            name and inputs (camelCase).
    """

    provider: Callable[[Network], pulumi.ProviderResource]
    open: Build[Args, Cloud]
    outputs: Callable[[str, str, Mapping[str, Any]], tuple[str, dict[str, Any]]]
