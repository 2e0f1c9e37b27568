"""Compiles pulumi-gcp resources to a fragment of the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from reachability.addresses import ALL_V4, ALL_V6, EVERYWHERE, Interval, Intervals, union
from reachability.frontends.gcp import catalogue, managed, managed_groups
from reachability.frontends.gcp.accounts import Accounts
from reachability.frontends.gcp.allocation import Allocation
from reachability.frontends.gcp.cloud_nat import CloudNats
from reachability.frontends.gcp.cloud_router import CloudRouters
from reachability.frontends.gcp.default_network import default_networks
from reachability.frontends.gcp.evaluation import Evaluation
from reachability.frontends.gcp.firewall_policies import FirewallPolicies
from reachability.frontends.gcp.firewall_rules import FirewallRules
from reachability.frontends.gcp.hierarchy import Hierarchy
from reachability.frontends.gcp.interfaces import Instance, Interfaces, Nic
from reachability.frontends.gcp.internet_gateway import GOOGLE_APIS, InternetGateways
from reachability.frontends.gcp.inventory import Inventory
from reachability.frontends.gcp.load_balancers import (
    FRONT_ENDS_DEVICE,
    GOOGLE_SOURCES,
    LoadBalancers,
    from_google,
    return_to_google,
)
from reachability.frontends.gcp.peering import Peerings
from reachability.frontends.gcp.properties import Problems
from reachability.frontends.gcp.route_tables import RouteTables
from reachability.frontends.gcp.static_routes import StaticRoutes
from reachability.frontends.gcp.unseen_networks import unseen_networks
from reachability.frontends.gcp.vpc import SIDE, Network, addresses_stage, outside, read_networks
from reachability.network import (
    Action,
    Arrive,
    Chain,
    Check,
    Fragment,
    Interface,
    LinkEnd,
    Lookup,
    Machine,
    Match,
    Route,
    Rule,
    Translate,
    exit_stage,
)
from reachability.resources import Resource


def compile(resources: Iterable[Resource], announcements: Mapping[str, Intervals]) -> Fragment:
    """The fragment of all ``gcp:`` resources. ``announcements``: the BGP announcements of the other side of
    a link, by link key.

    Never raises for the content of a resource: what is not modelled is in ``Fragment.unmodelled``.
    """
    problems = Problems()
    own = [each for each in resources if each.type.startswith("gcp:")]
    if not own:
        return Fragment()
    own = managed_groups.expanded(managed.expanded(own))
    for sentence in catalogue.not_understood(own):
        problems(sentence)
    own += default_networks(own)
    own += unseen_networks(own)
    inventory = Inventory(own, problems)
    allocation = Allocation(own)
    networks = read_networks(inventory, allocation)
    accounts = Accounts(inventory)
    interfaces = Interfaces(inventory, allocation, networks, accounts)
    nics = interfaces.nics
    peerings = Peerings(inventory, networks)
    routers = CloudRouters(inventory, networks, announcements)
    balancers = LoadBalancers(inventory, allocation, networks, nics, peerings, GOOGLE_APIS)
    static = StaticRoutes(inventory, networks, nics, routers, balancers)
    tables = RouteTables(networks, static, routers, peerings)
    gateways = InternetGateways(networks, nics, CloudNats(inventory, allocation, networks))
    for nic, point in balancers.lent:
        gateways.lends(nic, point)
    rules = FirewallRules(inventory, networks, nics, accounts)
    evaluation = Evaluation(rules, FirewallPolicies(inventory, networks, accounts, Hierarchy(inventory)))

    if "" in inventory.regions and len(inventory.regions) > 1:
        problems(f"{inventory.regions['']}: its region is the provider's default, which is not in the input")
    fragment = Fragment()
    for instance in interfaces.instances:
        for nic in instance.nics:
            _interface_stages(fragment, nic, evaluation, tables.table(nic, gateways.of(nic)), balancers)
        fragment.machines.append(_machine(instance, balancers))
    for network in networks.values():
        _network_stages(fragment, network, nics, balancers)
    for link in routers.links:
        entry = tables.tunnel_table(link.network, link.region, gateways.from_tunnels)
        fragment.link_ends.append(LinkEnd(link.key, link.side, entry, link.name, link.accepts))
    for name, (network, region) in balancers.tables.items():
        tables.plain_table(name, network, region, gateways.from_tunnels)
    _add_external_peerings(fragment, peerings)
    for part in (balancers.stages, static.stages, gateways.stages, tables.stages):
        fragment.stages.update(part)
    fragment.public += [_from_hosts(fragment, each) for each in (*balancers.public, *gateways.public)]
    fragment.names.update(balancers.names)
    for each in gateways.stages:
        if each.endswith(" inbound"):
            fragment.names[each.removesuffix(" inbound")] = (each,)
    fragment.link_ends = _named_apart(fragment.link_ends)
    fragment.unmodelled += problems.sentences()
    return fragment


def _interface_stages(
    fragment: Fragment, nic: Nic, evaluation: Evaluation, table: str, balancers: LoadBalancers
) -> None:
    """Out: the source check (unless the instance forwards), egress rules, routes. In: ingress rules, the machine."""
    chain, chains = evaluation.chain(nic, ingress=False)
    fragment.stages[f"{nic.id} egress"] = Check(chain, table, nic.id, chains)
    if nic.forwards is not True:
        own = union(nic.own(), ((each, each) for each in balancers.virtual.get(nic.id, ())))
        uncertainty = "" if nic.forwards is False else "whether the instance may forward is known only after deployment"
        rules = [Rule(Match(sources=own), Action.ACCEPT, f"own addresses of {nic.name}", nic.machine)]
        if uncertainty:
            rules.append(Rule(Match(uncertain=uncertainty), Action.ACCEPT, f"canIpForward of {nic.name}", nic.machine))
        fragment.stages[f"{nic.id} source"] = Check(
            Chain(f"canIpForward of {nic.name} is off: only its own addresses", tuple(rules), Action.DROP, nic.machine),
            f"{nic.id} egress",
            nic.id,
        )
    chain, chains = evaluation.chain(nic, ingress=True)
    fragment.stages[f"{nic.id} ingress"] = Check(chain, f"{nic.id} arrives", nic.id, chains)
    fragment.stages[f"{nic.id} arrives"] = Arrive(nic.machine, nic.device)


def _machine(instance: Instance, balancers: LoadBalancers) -> Machine:
    interfaces = []
    routes: list[tuple[Interval, str]] = []
    for index, nic in enumerate(instance.nics):
        points = [*nic.primary, *(point for low, high in nic.aliases for point in range(low, high + 1))]
        points += [nic.v6[0]] if nic.v6 is not None else []
        points += sorted(balancers.virtual.get(nic.id, ()))
        interfaces.append(
            Interface(
                nic.id,
                nic.machine,
                nic.device,
                tuple(dict.fromkeys(points)),
                f"{nic.id} egress" if nic.forwards is True else f"{nic.id} source",
                nic.external,
                nic.machine,
            )
        )
        if index == 0:
            routes += [(ALL_V4, nic.device), (ALL_V6, nic.device)]
        elif nic.subnet.primary is not None:
            routes.append((nic.subnet.primary, nic.device))
    return Machine(
        instance.resource.urn,
        tuple(interfaces),
        tuple(routes),
        instance.forwards is not False,
        labels=instance.labels,
        origin=instance.resource.urn,
        aliases=instance.aliases,
    )


def _network_stages(fragment: Fragment, network: Network, nics: tuple[Nic, ...], balancers: LoadBalancers) -> None:
    """The addresses of a network, and Google's own access, which needs no route."""
    routes: list[Route] = list(balancers.inside[network.urn])
    for nic in nics:
        if nic.network is not network:
            continue
        to = (f"{nic.id} ingress",)
        own = [(each, each) for each in nic.primary]
        routes += [Route(each, to, f"address of {nic.name}", nic.machine, nic.uncertainty) for each in own]
        routes += [Route(each, to, f"alias range of {nic.name}", nic.machine) for each in nic.aliases]
        if nic.v6 is not None:
            routes.append(Route(nic.v6, to, f"IPv6 addresses of {nic.name}", nic.machine))
    stage = addresses_stage(network)
    fragment.stages[return_to_google(network)] = Translate(
        f"special return paths of {network.name}",
        FRONT_ENDS_DEVICE,
        (),
        exit_stage(from_google(network), SIDE),
        network.urn,
    )
    fragment.stages[stage] = Lookup(f"addresses of {network.name}", tuple(routes), network.urn)
    fragment.link_ends.append(
        LinkEnd(
            from_google(network), SIDE, stage, f"Google's front ends, IAP and DNS at {network.name}", GOOGLE_SOURCES
        )
    )


def _from_hosts(fragment: Fragment, route: Route) -> Route:
    """The route of a public address, for packets that a host on the internet can send: Google's own sources are not
    routed there."""
    entries = []
    for via in route.via:
        entry = f"{via} from the internet"
        fragment.stages[entry] = Check(
            Chain(
                "sources on the internet",
                (Rule(Match(sources=GOOGLE_SOURCES), Action.DROP, "Google's own sources: no host on the internet"),),
                Action.ACCEPT,
            ),
            via,
        )
        entries.append(entry)
    return replace(route, via=tuple(entries))


def _add_external_peerings(fragment: Fragment, peerings: Peerings) -> None:
    """Peerings with external networks: their routes are unknown, so any packet may enter."""
    for each in peerings.external:
        sources = outside(each.network, EVERYWHERE)
        name = f"the network that {each.name} peers with"
        fragment.link_ends.append(LinkEnd(each.key, SIDE, addresses_stage(each.network), name, sources))


def _named_apart(link_ends: list[LinkEnd]) -> list[LinkEnd]:
    """The link ends with unique names: names of tunnels and networks are unique in a region or project only."""
    count = Counter(each.name for each in link_ends)
    return [replace(each, name=f"{each.name} ({each.key})") if count[each.name] > 1 else each for each in link_ends]
