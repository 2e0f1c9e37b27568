"""The whole of a network: everything that its declaration needs of the clouds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pulumi

from components.base import Args, Component
from components.clouds import CLOUDS, cloud_of, used
from components.inventory import inventory
from components.machines import KINDS
from components.nouns import (
    Certificate,
    CertificateArgs,
    Cloud,
    DnsZoneArgs,
    EndpointArgs,
    Group,
    GroupArgs,
    Identity,
    IdentityArgs,
    LeaseArgs,
    Machine,
    MachineArgs,
    PartnerPeeringArgs,
    RegionPeeringArgs,
    SeedNameArgs,
    SignerArgs,
    SiteLink,
    SiteLinkArgs,
)
from components.region import Region, RegionArgs, home_region
from estate.model import Role
from estate.plan.addressing import ROLE_TIERS, Tier
from estate.plan.hosts import Host
from estate.plan.permissions import LOAD_BALANCER, balancer_permissions, host_permissions
from estate.plan.topology import Topology


@dataclass(frozen=True, kw_only=True)
class ServiceInstanceArgs(Args):
    """``released``: the names of the hosts whose instances the next update may replace."""

    released: Collection[str] = ()


class ServiceInstance(Component):
    """The cloud side of one network, and the ``inventory`` by which its hosts are configured.

    ``name_servers`` is by public name: to whom the company's DNS zone must delegate it.
    """

    TOKEN = "estate:instance:ServiceInstance"

    inventory: dict[str, Any]
    name_servers: dict[str, pulumi.Output[Sequence[str]]]

    def __init__(self, name: str, args: ServiceInstanceArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._released = args.released
        self._topology = Topology(args.network)
        self._clouds = {cloud: self._part(CLOUDS[cloud].open, name, args) for cloud in used(args.network)}
        self._home = self._cloud(home_region(args.network))
        self._regions = self._build_regions()
        self._peer()
        links = self._link_sites()
        machines = self._build_machines()
        self._publish({host: machine for host, machine in machines.items() if machine.host.role is Role.SEED})
        self._build_signer()
        self._build_leases()
        self.inventory = inventory(args.network, machines=machines, links=links)
        self.register_outputs({"inventory": self.inventory})

    def _cloud(self, region: str) -> Cloud:
        return self._clouds[cloud_of(self.network, region)]

    def _build_regions(self) -> dict[str, Region]:
        return {
            region: self._part(
                Region,
                f"{self.name}-{region}",
                RegionArgs(network=self.network, region=region, cloud=self._cloud(region)),
            )
            for region in sorted(self.network.regions)
        }

    def _peer(self) -> None:
        for one, other in combinations(self._regions, 2):
            near, far = self._regions[one], self._regions[other]
            ends = RegionPeeringArgs(network=self.network, requester=near.end, accepter=far.end)
            self._part(near.cloud.region_peering, f"{self.name}-{one}-{other}", ends)
        for partner, declared in sorted(self.network.partners.items()):
            region = self._regions[declared.region]
            self._part(
                region.cloud.partner_peering,
                f"{self.name}-partner-{partner}",
                PartnerPeeringArgs(
                    network=self.network,
                    region=declared.region,
                    partner=partner,
                    vpc=region.vpc,
                    private=region.tiers[Tier.PRIVATE],
                ),
            )

    def _link_sites(self) -> dict[tuple[str, str], SiteLink]:
        return {
            (site, region): self._part(
                self._cloud(region).site_link,
                f"{self.name}-{site}-{region}",
                SiteLinkArgs(
                    network=self.network, region=region, site=site, gateway_id=self._regions[region].private_gateway.id
                ),
            )
            for site, declared in sorted(self.network.sites.items())
            for region in sorted(declared.links)
        }

    def _build_machines(self) -> dict[str, Machine]:
        instances = [host for host in self._topology.hosts if host.in_cloud]
        identities = {
            (cloud, role): self._part(
                self._clouds[cloud].identity,
                f"{self.name}-{role}-identity",
                IdentityArgs(network=self.network, role=role),
            )
            for cloud, role in sorted({(cloud_of(self.network, host.place), host.role) for host in instances})
        }
        groups = {
            (region, role): self._part(
                self._cloud(region).group,
                f"{self.name}-{region}-{role}",
                GroupArgs(
                    network=self.network,
                    region=region,
                    vpc=self._regions[region].vpc,
                    role=role.value,
                    permissions=host_permissions(self._topology, region, role),
                ),
            )
            for region, role in sorted({(host.place, host.role) for host in instances})
        }
        return {
            host.name: self._machine(
                host, identities[cloud_of(self.network, host.place), host.role], groups[host.place, host.role]
            )
            for host in instances
        }

    def _machine(self, host: Host, identity: Identity, group: Group) -> Machine:
        region, kind = self._regions[host.place], KINDS[host.role]
        args = MachineArgs(
            network=self.network,
            region=host.place,
            host=host,
            released=host.name in self._released,
            token=kind.token,
            data_disk=kind.data_disk,
            user_data=kind.user_data(self.network, host),
            subnet_id=region.tiers[ROLE_TIERS[host.role]].subnet_ids[host.zone],
            group_ids=group.ids,
            identity_id=identity.id,
            key_id=region.key.id,
        )
        return self._part(region.cloud.machine, host.name, args)

    def _publish(self, seeds: Mapping[str, Machine]) -> None:
        """The public names, with what they lead to; nothing, where there are no seeds."""
        self.name_servers = {}
        if not seeds:
            return
        names = self.network.endpoints.by_name()
        zones = {
            domain: self._part(
                self._home.dns_zone, f"{self.name}-{key}-name", DnsZoneArgs(network=self.network, domain=domain)
            )
            for key, domain in names.items()
        }
        self.name_servers = {domain: zone.name_servers for domain, zone in zones.items()}
        zone_ids = {domain: zone.id for domain, zone in zones.items()}
        self._part(
            self._home.seed_name,
            f"{self.name}-seed-addresses",
            SeedNameArgs(network=self.network, seeds=seeds, zone_id=zone_ids[names["seed"]]),
        )
        served = tuple(region for region in self._regions if any(each.host.place == region for each in seeds.values()))
        certificate = self._part(
            self._home.certificate,
            f"{self.name}-certificate",
            CertificateArgs(network=self.network, regions=served, zone_ids=zone_ids),
        )
        for region in served:
            self._serve(region, seeds, zone_ids, certificate)

    def _serve(
        self,
        region: str,
        seeds: Mapping[str, Machine],
        zone_ids: Mapping[str, pulumi.Output[str]],
        certificate: Certificate,
    ) -> None:
        place = self._regions[region]
        group = self._part(
            place.cloud.group,
            f"{self.name}-{region}-{LOAD_BALANCER}",
            GroupArgs(
                network=self.network,
                region=region,
                vpc=place.vpc,
                role=LOAD_BALANCER,
                permissions=balancer_permissions(self._topology, region),
            ),
        )
        args = EndpointArgs(
            network=self.network,
            region=region,
            vpc=place.vpc,
            ingress=place.tiers[Tier.INGRESS],
            group_ids=group.ids,
            certificate_id=certificate.ids[region],
            zone_ids=zone_ids,
            seeds={name: seed for name, seed in seeds.items() if seed.host.place == region},
        )
        self._part(place.cloud.endpoint, f"{self.name}-{region}-endpoint", args)

    def _build_signer(self) -> None:
        home = home_region(self.network)
        args = SignerArgs(network=self.network, region=home, key_id=self._regions[home].key.id)
        self._part(self._home.signer, f"{self.name}-signer", args)

    def _build_leases(self) -> None:
        """The leases of all but the signer, which brings its own. A monitor's lease finds what to scrape."""
        for lease, declared in sorted(self.network.leases.items()):
            if Role.SIGNER not in declared.roles:
                self._part(
                    self._home.lease,
                    f"{self.name}-lease-{lease}",
                    LeaseArgs(network=self.network, lease=lease, discovers=Role.MONITOR in declared.roles),
                )
