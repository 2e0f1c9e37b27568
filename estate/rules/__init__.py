"""How the parts of a declaration must fit each other: one area a module, one rule a function.

A rule takes a ``Network`` of sound shape and yields a ``Finding`` for each place where it is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from estate.findings import Problem
from estate.model import Network
from estate.rules import (
    access,
    coordination,
    endpoints,
    identity,
    leases,
    links,
    monitoring,
    nodes,
    partners,
    plan,
    quotas,
    regions,
    servers,
    services,
    sites,
)
from estate.rules.finding import Finding

Rule = Callable[[Network], Iterator[Finding]]
DatedRule = Callable[[Network, date], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    identity.ports_are_distinct,
    identity.ports_avoid_those_of_the_host,
    identity.chain_fields_fit_the_client,
    identity.lcd_is_of_the_client,
    identity.release_is_of_the_version,
    identity.checksums_differ,
    identity.stage_fits_the_chain,
    identity.peer_ports_exist,
    identity.peers_are_public,
    identity.peers_are_others,
    identity.peers_are_distinct,
    identity.boundary_is_of_the_account,
    regions.two_regions,
    regions.regions_exist,
    regions.zones_exist,
    regions.two_zones_a_region,
    regions.region_slots_are_distinct,
    regions.zone_slots_are_distinct,
    regions.asns_are_private,
    regions.asns_are_distinct,
    regions.images_are_distinct,
    quotas.quotas_are_of_our_regions,
    quotas.quotas_are_raised,
    nodes.nodes_are_in_declared_regions,
    nodes.nodes_are_in_declared_zones,
    nodes.node_numbers_are_distinct,
    nodes.every_region_has_a_sentry,
    nodes.public_sentries_in_two_regions,
    nodes.private_sentries_in_two_regions,
    nodes.vpn_gateways_in_two_regions,
    nodes.monitors_in_two_regions,
    nodes.seeds_behind_endpoints,
    nodes.nodes_of_a_role_are_spread,
    nodes.instance_types_exist,
    nodes.chain_nodes_are_not_throttled,
    nodes.chain_nodes_have_room,
    endpoints.endpoints_lie_in_the_zone,
    endpoints.endpoints_are_distinct,
    endpoints.lcd_is_named_where_it_is_served,
    partners.partners_are_others,
    partners.partner_regions_are_ours,
    partners.partner_regions_exist,
    partners.partners_meet_private_sentries,
    partners.partner_blocks_are_private,
    partners.partner_blocks_are_narrow,
    partners.partner_blocks_are_not_ours,
    partners.partner_blocks_are_disjoint,
    partners.partner_vpcs_are_distinct,
    partners.partner_peers_lie_in_their_blocks,
    partners.partner_peer_ports_exist,
    partners.partner_nodes_are_distinct,
    sites.two_sites,
    sites.site_names_are_not_regions,
    sites.site_slots_are_distinct,
    sites.vendors_are_distinct,
    sites.continents_are_distinct,
    sites.uplinks_are_public,
    sites.uplinks_are_large_enough,
    sites.uplinks_are_disjoint,
    sites.zone_slots_are_distinct,
    sites.vlans_are_distinct,
    sites.zones_of_each_kind,
    sites.cabinets_have_two_feeds,
    servers.servers_are_in_declared_zones,
    servers.servers_are_in_zones_of_their_kind,
    servers.servers_come_in_pairs,
    servers.edges_are_one_and_two,
    servers.server_numbers_are_distinct,
    servers.pairs_are_in_different_zones,
    servers.pairs_are_identical,
    servers.one_of_a_role_is_active,
    servers.only_edges_have_public_addresses,
    servers.edges_have_public_addresses,
    servers.public_addresses_lie_in_the_uplink,
    servers.public_addresses_are_distinct,
    servers.serials_are_distinct,
    servers.macs_are_distinct,
    servers.macs_name_single_cards,
    servers.rack_units_are_distinct,
    servers.power_is_known,
    servers.power_is_dual,
    servers.switches_are_known,
    servers.bonds_have_two_switches,
    links.links_lead_to_declared_regions,
    links.every_site_reaches_every_region,
    links.links_have_a_certificate_per_edge,
    links.certificates_are_usable,
    links.certificates_are_distinct,
    access.signers_sign_all_of_a_vote,
    access.custody_is_a_site,
    access.custody_has_an_active_signer,
    coordination.coordinated_sites_exist,
    coordination.custody_is_coordinated,
    coordination.coordinated_sites_can_sign,
    coordination.replicas_are_strongly_consistent,
    coordination.replica_regions_exist,
    coordination.detours_lead_to_replicas,
    coordination.replicas_are_reached_by_signers_only,
    coordination.replicas_are_reached_apart,
    coordination.gates_have_leases,
    coordination.gate_leases_last_long_enough,
    coordination.gate_leases_are_distinct,
    access.every_role_has_an_operator,
    access.operators_are_people,
    access.operator_keys_are_personal,
    access.operator_keys_are_whole,
    access.roles_are_listed_once,
    services.necessary_services_are_declared,
    services.vault_serves_every_role_with_a_lease,
    services.signers_call_few_services,
    services.time_is_ntp,
    services.services_are_distinct,
    services.services_are_outside,
    services.service_addresses_are_hosts,
    leases.leases_are_renewed_in_time,
    leases.single_use_leases_are_short,
    leases.signer_leases_are_single_use,
    leases.signer_leases_are_short,
    leases.every_role_has_a_lease,
    leases.lease_paths_are_distinct,
    monitoring.every_role_is_monitored,
    monitoring.signers_only_dial,
    monitoring.chain_nodes_are_read,
    monitoring.jobs_read_their_own_ports,
    monitoring.jobs_read_metrics_ports,
)

DATED_RULES: tuple[DatedRule, ...] = (partners.partners_are_current,)
PLAN_RULES: tuple[Rule, ...] = (quotas.quotas_suffice, plan.tunnel_interfaces_are_distinct)
NOTICES: tuple[DatedRule, ...] = (partners.partners_expire_soon,)


def check(network: Network, today: date) -> tuple[Finding, ...]:
    """Everything that is wrong with ``network`` on the day ``today``, in no particular order.

    Rules about the plan that follows from a declaration are asked only where all others hold.
    """
    found = [finding for rule in RULES for finding in rule(network)]
    found += [finding for rule in DATED_RULES for finding in rule(network, today)]
    return tuple(found) or tuple(finding for rule in PLAN_RULES for finding in rule(network))


def notices(network: Network, today: date) -> tuple[Problem, ...]:
    """What is valid on the day ``today`` and soon will not be, in order of path: nothing to refuse, but to announce.

    In the shape of problems: ``file`` is the network's stack file, ``line`` is 0 because a ``Network`` has no lines.
    """
    file = f"stacks/Pulumi.{network.name}.yaml"
    found = (finding for rule in NOTICES for finding in rule(network, today))
    return tuple(
        sorted(
            Problem(file=file, path=each.path, value=each.value, rule=each.rule, reason=each.reason, fix=each.fix)
            for each in found
        )
    )
