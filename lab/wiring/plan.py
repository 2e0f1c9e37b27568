"""The whole network of a lab, from the cloud's state and the declared datacentres. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from estate.model import Network
from estate.plan import addressing
from estate.plan.hosts import hosts
from lab.clouds.store import Resource
from lab.paths import LabPaths
from lab.wiring import balancer, exchange, outside, site, tunnels, vpc
from lab.wiring.cloud.model import Cloud, Vpc
from lab.wiring.cloud.read import read
from lab.wiring.draft import Draft, interface_name
from lab.wiring.model import LONGEST_INTERFACE_NAME, Certificate, Process, Wiring


def plan(
    network: Network, resources: Iterable[Resource], paths: LabPaths, *, fixed_tunnel_routes: bool = True
) -> Wiring:
    """What there must be for the cloud's ``resources`` and the sites of ``network``.

    Hosts that the cloud has no instance for, and regions without a VPC, are left out. Without ``fixed_tunnel_routes``
    nothing passes a tunnel but what BGP has learned: for edges that come up with their routing configured.

    Raises:
        ValueError: two things would have one name.
    """
    cloud = read(resources)
    names = _names(network, cloud)
    draft = Draft()
    processes: list[Process] = []
    certificates: list[Certificate] = []
    outside.connect_internet(draft, network)
    for place in sorted(network.sites):
        site.connect_site(draft, network, place, outside.INTERNET)

    guarded = {}
    ways: dict[str, dict[str, str]] = defaultdict(dict)
    for each in cloud.vpcs.values():
        _make_owners(draft, cloud, names, each)
        guarded[each.id] = vpc.connect_interfaces(draft, cloud, names, each)
        ways[each.id] |= vpc.connect_internet_gateway(draft, cloud, names, each, outside.INTERNET)
    for (own, peering), way in vpc.connect_peerings(draft, cloud, names).items():
        ways[own][peering] = way
    _connect_partners(draft, network, cloud, names, ways)

    propagated: dict[str, tuple[str, ...]] = {}
    for gateway in cloud.vpn_gateways.values():
        way, process, found = tunnels.connect_vpn_gateway(
            draft, network, cloud, names, gateway, fixed_routes=fixed_tunnel_routes
        )
        ways[gateway.vpc][gateway.id] = way
        processes.append(process)
        propagated[gateway.id] = tuple(sorted({str(addressing.site_block(network, each.edge.place)) for each in found}))
    missing = list(cloud.not_modelled)
    for each in cloud.vpcs.values():
        missing += vpc.route_subnets(draft, cloud, names, each, guarded[each.id], ways[each.id], propagated)

    for interface in cloud.interfaces:
        if interface.kind == "nat":
            vpc.translate_outbound(draft, names.machines[interface.id], interface)
        elif interface.kind == "balancer":
            machine = names.machines[interface.id]
            process, made = balancer.run_node(draft, cloud, machine, interface, paths.authority)
            processes.append(process)
            certificates += made
    outside.connect_operator(draft, network)
    exchange.connect_exchange(draft, network)
    wiring = Wiring(
        namespaces=draft.namespaces(),
        processes=tuple(sorted(processes)),
        certificates=tuple(sorted(set(certificates))),
        not_modelled=tuple(sorted(set(missing))),
    )
    _check(wiring)
    return wiring


def _names(network: Network, cloud: Cloud) -> vpc.Names:
    """Namespaces of VPCs by region, of instances by host name, of NAT gateways and load-balancer nodes by zone."""
    by_region: dict[str, list[Vpc]] = defaultdict(list)
    for each in sorted(cloud.vpcs.values(), key=lambda each: each.id):
        by_region[each.region].append(each)
    vpcs = {
        each.id: f"vpc-{region}" if len(found) == 1 else f"vpc-{region}-{each.id.removeprefix('vpc-')[:8]}"
        for region, found in by_region.items()
        for each in found
    }
    by_address = {host.address: host.name for host in hosts(network) if host.in_cloud}
    machines: dict[str, str] = {}
    taken: set[str] = set()
    for interface in cloud.interfaces:
        subnet = cloud.subnets[interface.subnet]
        place = vpcs[subnet.vpc].removeprefix("vpc-")
        letter = subnet.zone.removeprefix(cloud.vpcs[subnet.vpc].region) or subnet.id
        if interface.kind == "instance":
            name = (
                machines.get(interface.owner)
                or by_address.get(interface.address)
                or cloud.instance_names.get(interface.owner, interface.owner)
            )
        else:
            name = f"{'nat' if interface.kind == 'nat' else 'nlb'}-{place}-{letter}"
        if interface.owner not in machines and name in taken:
            name = f"{name}-{interface.id.rsplit('-', 1)[-1][:8]}"
        taken.add(name)
        machines[interface.owner if interface.kind == "instance" else interface.id] = name
    return vpc.Names(vpcs=vpcs, machines=machines)


def _make_owners(draft: Draft, cloud: Cloud, names: vpc.Names, own: Vpc) -> None:
    for each in cloud.interfaces:
        if cloud.vpc_of(each) == own.id:
            if each.kind == "instance":
                draft.machine(names.machines[each.owner])
            else:
                draft.router(names.machines[each.id])


def _connect_partners(
    draft: Draft, network: Network, cloud: Cloud, names: vpc.Names, ways: dict[str, dict[str, str]]
) -> None:
    """Partners whose peering the cloud has, and that is active."""
    for name, partner in sorted(network.partners.items()):
        for peering in cloud.peerings:
            ends = {peering.requester, peering.accepter}
            own = ends & set(cloud.vpcs)
            if peering.active and partner.vpc_id in ends and len(own) == 1:
                router = own.pop()
                way = outside.connect_partner(draft, name, partner, names.vpcs[router], interface_name(peering.id))
                ways[router][peering.id] = way
                break


def _check(wiring: Wiring) -> None:
    """Checks that the two ends of every cable name each other and that every name fits."""
    ends = {(each.name, interface.name): interface for each in wiring.namespaces for interface in each.interfaces}
    for (namespace, name), interface in ends.items():
        if len(name) > LONGEST_INTERFACE_NAME:
            raise ValueError(
                f"{namespace}/{name}: got {len(name)} characters; Linux takes {LONGEST_INTERFACE_NAME};"
                " longer names are cut off; choose a shorter one"
            )
        if interface.peer and ends[interface.peer].peer != (namespace, name):
            raise ValueError(
                f"{namespace}/{name}: got the peer {interface.peer}, which has another;"
                " both ends of a cable must name each other; this is a defect of the plan"
            )
