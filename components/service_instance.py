"""The whole of a network: everything that its declaration asks of the cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import pulumi

from components.aws.account import home_region
from components.aws.certificate import Certificate, CertificateArgs
from components.aws.dns_zone import DnsZone, DnsZoneArgs
from components.aws.endpoint import Endpoint, EndpointArgs
from components.aws.flow_log import FlowLogRole, FlowLogRoleArgs
from components.aws.instance_identity import InstanceIdentity, InstanceIdentityArgs
from components.aws.lease import Lease, LeaseArgs
from components.aws.machine import Machine, MachineArgs
from components.aws.monitor import Monitor
from components.aws.peering import PartnerPeering, PartnerPeeringArgs, RegionPeering, RegionPeeringArgs
from components.aws.region import Region, RegionArgs
from components.aws.role_boundary import RoleBoundary, discovery
from components.aws.security_group import (
    LOAD_BALANCER,
    SecurityGroup,
    SecurityGroupArgs,
    balancer_permissions,
    host_permissions,
)
from components.aws.seed import Seed
from components.aws.seed_name import SeedName, SeedNameArgs
from components.aws.sentry import Sentry
from components.aws.signer import Signer, SignerArgs
from components.aws.site_link import SiteLink, SiteLinkArgs
from components.aws.vpn import VpnGateway
from components.base import Args, Component
from components.inventory import inventory
from estate.model import Role
from estate.plan.addressing import ROLE_TIERS, Tier
from estate.plan.hosts import Host
from estate.plan.topology import Topology

MACHINES: Mapping[Role, type[Machine]] = {
    Role.PUBLIC_SENTRY: Sentry,
    Role.PRIVATE_SENTRY: Sentry,
    Role.SEED: Seed,
    Role.VPN: VpnGateway,
    Role.MONITOR: Monitor,
}


class ServiceInstance(Component):
    """The cloud side of one network, and the ``inventory`` by which its hosts are configured.

    ``name_servers`` is by public name: to whom the company's DNS zone must delegate it.
    """

    TOKEN = "estate:instance:ServiceInstance"

    inventory: dict[str, Any]
    name_servers: dict[str, pulumi.Output[Sequence[str]]]

    def __init__(self, name: str, args: Args, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._topology = Topology(args.network)
        self._boundary = self._part(RoleBoundary, f"{name}-boundary", Args(network=args.network)).arn
        self._regions = self._build_regions()
        self._peer()
        links = self._link_sites()
        machines = self._build_machines()
        endpoints = self._publish({host: machine for host, machine in machines.items() if isinstance(machine, Seed)})
        signer = self._build_signer()
        leases = signer.leases | self._build_leases()
        self.inventory = inventory(
            args.network,
            machines=machines,
            endpoints=endpoints,
            regions=self._regions,
            links=links,
            signer=signer,
            leases=leases,
        )
        self.register_outputs({"inventory": self.inventory})

    def _build_regions(self) -> dict[str, Region]:
        role = self._part(
            FlowLogRole, f"{self.name}-flow-logs", FlowLogRoleArgs(network=self.network, boundary_arn=self._boundary)
        )
        return {
            region: self._part(
                Region,
                f"{self.name}-{region}",
                RegionArgs(network=self.network, region=region, flow_log_role_arn=role.arn),
            )
            for region in sorted(self.network.regions)
        }

    def _peer(self) -> None:
        for one, other in combinations(self._regions, 2):
            ends = RegionPeeringArgs(network=self.network, requester=self._regions[one], accepter=self._regions[other])
            self._part(RegionPeering, f"{self.name}-{one}-{other}", ends)
        for partner, declared in sorted(self.network.partners.items()):
            region = self._regions[declared.region]
            self._part(
                PartnerPeering,
                f"{self.name}-partner-{partner}",
                PartnerPeeringArgs(
                    network=self.network,
                    region=declared.region,
                    partner=partner,
                    vpc_id=region.vpc.id,
                    private=region.tiers[Tier.PRIVATE],
                ),
            )

    def _link_sites(self) -> dict[tuple[str, str], SiteLink]:
        return {
            (site, region): self._part(
                SiteLink,
                f"{self.name}-{site}-{region}",
                SiteLinkArgs(
                    network=self.network, region=region, site=site, gateway_id=self._regions[region].private_gateway.id
                ),
            )
            for site, declared in sorted(self.network.sites.items())
            for region in sorted(declared.links)
        }

    def _build_machines(self) -> dict[str, Machine]:
        cloud = [host for host in self._topology.hosts if host.in_cloud]
        identities = {
            role: self._part(
                InstanceIdentity,
                f"{self.name}-{role}-identity",
                InstanceIdentityArgs(network=self.network, role=role, boundary_arn=self._boundary),
            )
            for role in sorted({host.role for host in cloud})
        }
        groups = {
            (region, role): self._part(
                SecurityGroup,
                f"{self.name}-{region}-{role}",
                SecurityGroupArgs(
                    network=self.network,
                    region=region,
                    vpc_id=self._regions[region].vpc.id,
                    role=role.value,
                    permissions=host_permissions(self._topology, region, role),
                ),
            )
            for region, role in sorted({(host.place, host.role) for host in cloud})
        }
        return {host.name: self._machine(host, identities[host.role], groups[host.place, host.role]) for host in cloud}

    def _machine(self, host: Host, identity: InstanceIdentity, group: SecurityGroup) -> Machine:
        region = self._regions[host.place]
        args = MachineArgs(
            network=self.network,
            region=host.place,
            host=host,
            subnet_id=region.tiers[ROLE_TIERS[host.role]].subnets[host.zone].id,
            security_group_id=group.id,
            profile=identity.profile,
            key_arn=region.key.arn,
        )
        return self._part(MACHINES[host.role], host.name, args)

    def _publish(self, seeds: Mapping[str, Seed]) -> dict[str, Endpoint]:
        """The public names, with what stands behind them; nothing, where there are no seeds."""
        self.name_servers = {}
        if not seeds:
            return {}
        names = self.network.endpoints
        zones = {
            domain: self._part(DnsZone, f"{self.name}-{key}-name", DnsZoneArgs(network=self.network, domain=domain))
            for key, domain in (("seed", names.seed), ("rpc", names.rpc), ("lcd", names.lcd))
        }
        self.name_servers = {domain: zone.name_servers for domain, zone in zones.items()}
        zone_ids = {domain: zone.id for domain, zone in zones.items()}
        self._part(
            SeedName,
            f"{self.name}-seed-addresses",
            SeedNameArgs(network=self.network, seeds=seeds, zone_id=zone_ids[names.seed]),
        )
        served = tuple(region for region in self._regions if any(seed.region == region for seed in seeds.values()))
        certificate = self._part(
            Certificate,
            f"{self.name}-certificate",
            CertificateArgs(network=self.network, regions=served, zone_ids=zone_ids),
        )
        return {region: self._endpoint(region, seeds, zone_ids, certificate) for region in served}

    def _endpoint(
        self,
        region: str,
        seeds: Mapping[str, Seed],
        zone_ids: Mapping[str, pulumi.Output[str]],
        certificate: Certificate,
    ) -> Endpoint:
        vpc_id = self._regions[region].vpc.id
        group = self._part(
            SecurityGroup,
            f"{self.name}-{region}-{LOAD_BALANCER}",
            SecurityGroupArgs(
                network=self.network,
                region=region,
                vpc_id=vpc_id,
                role=LOAD_BALANCER,
                permissions=balancer_permissions(self._topology, region),
            ),
        )
        args = EndpointArgs(
            network=self.network,
            region=region,
            vpc_id=vpc_id,
            ingress=self._regions[region].tiers[Tier.INGRESS],
            security_group_id=group.id,
            certificate_arn=certificate.arns[region],
            zone_ids=zone_ids,
            seeds={name: seed for name, seed in seeds.items() if seed.region == region},
        )
        return self._part(Endpoint, f"{self.name}-{region}-endpoint", args)

    def _build_signer(self) -> Signer:
        home = home_region(self.network)
        args = SignerArgs(
            network=self.network, region=home, key_arn=self._regions[home].key.arn, boundary_arn=self._boundary
        )
        return self._part(Signer, f"{self.name}-signer", args)

    def _build_leases(self) -> dict[str, Lease]:
        """The leases of all but the signer, which brings its own. A monitor's AWS lease is to find what to scrape."""
        return {
            lease: self._part(
                Lease,
                f"{self.name}-lease-{lease}",
                LeaseArgs(
                    network=self.network,
                    lease=lease,
                    boundary_arn=self._boundary,
                    statements=[discovery(self.network)] if Role.MONITOR in declared.roles else [],
                ),
            )
            for lease, declared in sorted(self.network.leases.items())
            if Role.SIGNER not in declared.roles
        }
