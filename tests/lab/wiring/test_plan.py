"""What the plan must say of any estate, and of this one."""

from __future__ import annotations

import dataclasses
import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from estate.model import Network, Role
from estate.plan import addressing
from estate.plan.hosts import hosts
from lab.paths import LabPaths
from lab.wiring.cloud.read import read
from lab.wiring.model import LONGEST_INTERFACE_NAME, Wiring
from lab.wiring.plan import plan
from tests.lab.wiring import small

pytestmark = pytest.mark.slow

PATHS = LabPaths(checkout=Path("/nowhere"), network="cosmoshub")
PUBLIC = tuple(ip_network(block) for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"))
PRIVATE = tuple(ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "100.64.0.0/10", "169.254.0.0/16"))


def wire(network: Network) -> tuple[small.Estate, Wiring]:
    estate = small.build(network)
    return estate, plan(network, estate.resources, PATHS)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Small estates: any slot, some of the regions with zones, nodes anywhere in them, one or two edges a site."""
    base = small.network()
    document = base.model_dump(mode="json")
    document["slot"] = draw(st.integers(1, 254))
    regions = draw(st.lists(st.sampled_from(sorted(base.regions)), min_size=1, unique=True))
    document["regions"] = {name: document["regions"][name] for name in regions}
    for index, region in enumerate(document["regions"].values()):
        letters = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True))
        region["zones"] = {letter: {"slot": slot} for slot, letter in enumerate(sorted(letters))}
        region["slot"] = index
    roles = st.sampled_from(["public-sentry", "private-sentry", "seed", "vpn", "monitor"])
    document["nodes"] = []
    for region, declared in document["regions"].items():
        for role in draw(st.lists(roles, max_size=4, unique=True)):
            for number in range(1, draw(st.integers(1, 3)) + 1):
                zone = draw(st.sampled_from(sorted(declared["zones"])))
                document["nodes"].append({"role": role, "region": region, "zone": zone, "number": number})
    site = document["sites"]["ash1"]
    site["links"] = {name: link for name, link in site["links"].items() if name in regions}
    if draw(st.booleans()):
        site["servers"] = [server for server in site["servers"] if (server["role"], server["number"]) != ("edge", 2)]
    document["partners"] = {
        name: each for name, each in document["partners"].items() if each["region"] in regions and draw(st.booleans())
    }
    return Network.model_validate(document)


any_network = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@any_network
@given(networks())
def test_the_same_state_always_gives_the_same_wiring(network: Network) -> None:
    estate, wiring = wire(network)
    assert plan(network, reversed(estate.resources), PATHS) == wiring


@any_network
@given(networks())
def test_every_name_fits_and_every_cable_has_two_ends(network: Network) -> None:
    _, wiring = wire(network)
    ends = {(each.name, interface.name): interface for each in wiring.namespaces for interface in each.interfaces}
    for (namespace, name), interface in ends.items():
        assert len(name) <= LONGEST_INTERFACE_NAME, f"{namespace}/{name} is longer than Linux takes"
        if interface.peer:
            assert ends[interface.peer].peer == (namespace, name), f"{namespace}/{name} leads to nothing of the lab"
        else:
            assert interface.bridge or name == "lo", f"{namespace}/{name} has no other end within the lab"


@any_network
@given(networks())
def test_every_program_runs_where_there_is_a_router(network: Network) -> None:
    _, wiring = wire(network)
    routers = {each.name for each in wiring.namespaces if not each.machine}
    assert {process.namespace for process in wiring.processes} <= routers
    nodes = {name for name in routers if name.startswith("nlb-")}
    balanced = {process.namespace for process in wiring.processes if process.program == "haproxy"}
    assert balanced == nodes, "a load balancer's node balances nothing"


@any_network
@given(networks())
def test_every_address_is_private_or_from_a_documentation_range(network: Network) -> None:
    _, wiring = wire(network)
    for each in wiring.namespaces:
        for interface in each.interfaces:
            for text in (*interface.addresses, *interface.handover_addresses):
                address = ip_address(text.split("/")[0])
                if address.version == 4:
                    assert any(address in block for block in (*PUBLIC, *PRIVATE)), (
                        f"{each.name}/{interface.name}: {text}"
                    )
                else:
                    assert address in ip_network("2001:db8::/32"), f"{each.name}/{interface.name}: {text}"


@any_network
@given(networks())
def test_every_host_has_a_namespace_with_the_interfaces_that_its_system_expects(network: Network) -> None:
    _, wiring = wire(network)
    for host in hosts(network):
        machine = wiring.namespace(host.name)
        names = {interface.name for interface in machine.interfaces}
        assert machine.machine
        assert names >= ({"ens5"} if host.in_cloud else {"bond0.130"}), f"{host.name} has {names}"
        addresses = {text.split("/")[0] for interface in machine.interfaces for text in interface.addresses}
        assert {str(host.address), str(host.management_address)} <= addresses


@any_network
@given(networks())
def test_every_group_rule_in_use_is_a_rule_of_the_firewall(network: Network) -> None:
    estate, wiring = wire(network)
    cloud = read(estate.resources)
    for vpc in cloud.vpcs.values():
        ruleset = next(
            each.ruleset
            for each in wiring.namespaces
            if each.name.startswith("vpc-") and each.name.endswith(vpc.region)
        )
        used = {group for each in cloud.interfaces if cloud.vpc_of(each) == vpc.id for group in each.groups or ()}
        for group in used:
            for permission in (*cloud.groups[group].ingress, *cloud.groups[group].egress):
                assert f'accept comment "{permission.id}"' in ruleset, f"{permission.id} of {group} is lost"


@any_network
@given(networks())
def test_every_interface_of_a_vpc_is_guarded_both_ways(network: Network) -> None:
    estate, wiring = wire(network)
    cloud = read(estate.resources)
    by_name = {each.name: each for each in wiring.namespaces}
    for each in cloud.interfaces:
        if each.groups is None:
            continue
        ruleset = by_name[f"vpc-{cloud.vpcs[cloud.vpc_of(each)].region}"].ruleset
        near = each.id[:LONGEST_INTERFACE_NAME] if len(each.id) <= LONGEST_INTERFACE_NAME else each.id[:10]
        for direction in ("iifname", "oifname"):
            verdicts = next(line for line in ruleset.splitlines() if f"{direction} vmap" in line)
            assert f'"{near}' in verdicts, f"{each.owner} is not held to its groups ({direction})"


@any_network
@given(networks())
def test_what_comes_in_from_outside_a_vpc_ends_in_it_or_nowhere(network: Network) -> None:
    """Peering is not transitive: what does not come from an interface of the VPC finds only its addresses."""
    estate, wiring = wire(network)
    for each in wiring.namespaces:
        if not each.name.startswith("vpc-"):
            continue
        outside = {i.name for i in each.interfaces if re.match(r"(igw|pcx|vgw)-", i.name)}
        assert outside, f"{each.name} has no way to anywhere"
        chosen = {rule.arriving for rule in each.rules if rule.table >= 1000}
        assert not chosen & outside, f"{each.name}: {chosen & outside} may use a route table of a subnet"
        last = max(each.rules, key=lambda rule: rule.priority)
        assert last.table == 0, f"{each.name} routes what no rule speaks of"
        local = [route for route in each.routes if route.table == 100]
        blocks = {route.destination for route in local if route.kind == "blackhole"}
        assert blocks == {str(addressing.region_block(network, each.name.removeprefix("vpc-")))}


def test_a_host_without_an_instance_is_left_out() -> None:
    """The wiring follows the cloud, not the wish: what was never created must not look as if it were."""
    estate = small.build()
    sentry = estate.host(Role.PUBLIC_SENTRY, "us-east-1")
    rest = [each for each in estate.resources if each.id != estate.instances[sentry.name]]
    wiring = plan(estate.network, rest, PATHS)
    assert sentry.name not in {each.name for each in wiring.namespaces}


def test_a_region_that_is_not_built_leaves_the_sites_standing() -> None:
    estate = small.build()
    wiring = plan(estate.network, [], PATHS)
    names = {each.name for each in wiring.namespaces}
    assert not [name for name in names if name.startswith("vpc-")]
    assert {"site-ash1", "cosmoshub-validator-ash1-01", "internet", "world", "client"} <= names


def test_a_peering_that_was_not_accepted_connects_nothing() -> None:
    estate = small.build()
    pending = [
        dataclasses.replace(each, properties={**each.properties, "acceptStatus": "pending-acceptance"})
        if each.type.endswith(":VpcPeeringConnection")
        else each
        for each in estate.resources
        if not each.type.endswith(":VpcPeeringConnectionAccepter")
    ]
    wiring = plan(estate.network, pending, PATHS)
    names = {interface.name for each in wiring.namespaces for interface in each.interfaces}
    assert not [name for name in names if name.startswith("pcx-")]
    assert [line for line in wiring.not_modelled if "which is not there" in line], "a route to nothing goes unsaid"


def test_only_what_has_a_public_address_is_known_to_the_internet() -> None:
    estate = small.build()
    wiring = plan(estate.network, estate.resources, PATHS)
    routes = {route.destination for route in wiring.namespace("internet").routes}
    told = {route.destination for route in wiring.namespace("exchange").routes}
    published = {
        f"{each.properties[name]}/32"
        for each in estate.resources
        for name in ("publicIp",)
        if each.properties.get(name)
    }
    edges = {f"{each.public_address}/32" for each in hosts(estate.network) if each.role is Role.EDGE}
    assert told == published | edges
    assert routes == {*told, "default"}


def test_the_first_edge_holds_the_shared_gateways_when_it_is_handed_over() -> None:
    estate = small.build()
    wiring = plan(estate.network, estate.resources, PATHS)
    held = {
        number: {
            address.split("/")[0]
            for interface in wiring.namespace(f"cosmoshub-edge-ash1-0{number}").interfaces
            for address in interface.handover_addresses
        }
        for number in (1, 2)
    }
    shared = {str(addressing.zone_gateway(estate.network, "ash1", zone)) for zone in estate.network.sites["ash1"].zones}
    assert held == {1: shared, 2: set()}
