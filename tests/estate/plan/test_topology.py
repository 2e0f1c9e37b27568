"""Who may talk to whom: the promises of the architecture hold for every network that can be declared."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from hypothesis import given

from estate.model import SENTRY_ROLES, Network, Role
from estate.plan import addressing, topology
from estate.plan.hosts import Host, hosts
from estate.plan.topology import EVERYWHERE, Topology
from estate.rules.promises import signer_services
from tests.estate import strategies
from tests.estate.declarations import sound

PRIVATE = [IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
SSH = topology.SSH_PORT


def addresses_of(members: list[Host]) -> set[IPv4Network]:
    return {IPv4Network((address, 32)) for host in members for address in (host.address, host.management_address)}


def of(network: Network, *roles: Role) -> list[Host]:
    return [host for host in hosts(network) if host.role in roles]


def covers(ports: tuple[int, int], port: int) -> bool:
    return ports[0] <= port <= ports[1]


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_only_vpn_gateways_send_ssh(network: Network) -> None:
    topology = Topology(network)
    gateways = {host.name for host in of(network, Role.VPN)}
    for flow in topology.flows:
        if covers(flow.ports, SSH):
            assert flow.source.hosts <= gateways, f"{flow.id} lets others than the VPN send SSH"
            assert flow.source.hosts, f"{flow.id} lets strangers send SSH"
    for host in hosts(network):
        if host.name not in gateways:
            assert not [
                rule.flow for rule in topology.outbound(host) if rule.protocol == "tcp" and covers(rule.ports, SSH)
            ]


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_every_host_takes_ssh_from_the_vpn_and_only_where_it_is_managed(network: Network) -> None:
    topology = Topology(network)
    gateways = addresses_of(of(network, Role.VPN))
    for host in hosts(network):
        rules = [rule for rule in topology.inbound(host) if rule.protocol == "tcp" and covers(rule.ports, SSH)]
        assert rules
        assert all(rule.management and set(rule.addresses) <= gateways for rule in rules)


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_nothing_opens_a_connection_to_a_signer_but_ssh_on_its_management_address(network: Network) -> None:
    topology = Topology(network)
    allowed = addresses_of(of(network, Role.VPN))
    for signer in of(network, Role.SIGNER):
        for rule in topology.inbound(signer):
            assert rule.management, f"{rule.flow} reaches a signer outside its management net"
            assert rule.flow == "ssh-vpn"
            assert set(rule.addresses) <= allowed


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_a_signer_dials_the_validators_of_its_site_and_few_services(network: Network) -> None:
    topology = Topology(network)
    allowed = signer_services(network)
    services = {IPv4Network((service.address, 32)) for name, service in network.services.items() if name in allowed}
    for signer in of(network, Role.SIGNER):
        validators = {
            IPv4Network((host.address, 32)) for host in of(network, Role.VALIDATOR) if host.place == signer.place
        }
        for rule in topology.outbound(signer):
            assert set(rule.addresses) <= (validators if rule.flow.startswith("privval-") else services)
        assert any(rule.flow == f"privval-{signer.place}" for rule in topology.outbound(signer))


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_a_validator_is_opened_to_its_own_sentries_signers_vpn_and_monitors_only(network: Network) -> None:
    topology = Topology(network)
    for validator in of(network, Role.VALIDATOR):
        here = [host for host in of(network, Role.SIGNER) if host.place == validator.place]
        allowed = addresses_of([*of(network, *SENTRY_ROLES, Role.VPN, Role.MONITOR), *here])
        assert {address for rule in topology.inbound(validator) for address in rule.addresses} <= allowed


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_every_validator_reaches_two_sentries_in_two_regions(network: Network) -> None:
    topology = Topology(network)
    sentries = {IPv4Network((host.address, 32)): host for host in of(network, *SENTRY_ROLES)}
    for validator in of(network, Role.VALIDATOR):
        reached = [
            sentries[address]
            for rule in topology.outbound(validator)
            for address in rule.addresses
            if address in sentries
        ]
        assert len({host.name for host in reached}) >= 2
        assert len({host.place for host in reached}) >= 2


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_a_private_sentry_is_not_opened_to_the_internet(network: Network) -> None:
    topology = Topology(network)
    partners = {block for partner in network.partners.values() for block in partner.cidrs}
    ours = addressing.network_block(network)
    for sentry in of(network, Role.PRIVATE_SENTRY):
        for rule in topology.inbound(sentry):
            assert all(address.subnet_of(ours) or address in partners for address in rule.addresses)


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_the_internet_opens_declared_ports_only(network: Network) -> None:
    topology = Topology(network)
    ports = network.chain.ports
    expected = {
        Role.PUBLIC_SENTRY: {("tcp", ports.p2p)},
        Role.SEED: {("tcp", ports.p2p)},
        Role.VPN: {("udp", network.vpn.port)},
    }
    for host in hosts(network):
        opened = {(rule.protocol, rule.ports[0]) for rule in topology.inbound(host) if EVERYWHERE in rule.addresses}
        assert opened == expected.get(host.role, set())
        assert all(rule.ports[0] == rule.ports[1] for rule in topology.inbound(host))


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_a_partner_reaches_the_gossip_port_of_private_sentries_in_its_region_only(network: Network) -> None:
    topology = Topology(network)
    theirs = {block: partner.region for partner in network.partners.values() for block in partner.cidrs}
    for host in hosts(network):
        for rule in topology.inbound(host):
            for region in (theirs[address] for address in rule.addresses if address in theirs):
                assert (host.role, host.place, rule.ports) == (
                    Role.PRIVATE_SENTRY,
                    region,
                    (network.chain.ports.p2p,) * 2,
                )


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_what_one_host_may_send_the_other_may_take_and_the_other_way_round(network: Network) -> None:
    topology = Topology(network)
    owners = {
        IPv4Network((address, 32)): host
        for host in hosts(network)
        for address in (host.address, host.management_address)
    }
    sends = {
        (host.name, owners[address].name, rule.flow)
        for host in hosts(network)
        for rule in topology.outbound(host)
        for address in rule.addresses
        if address in owners
    }
    takes = {
        (owners[address].name, host.name, rule.flow)
        for host in hosts(network)
        for rule in topology.inbound(host)
        for address in rule.addresses
        if address in owners
    }
    assert sends == takes


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_no_flow_names_an_address_of_another_network(network: Network) -> None:
    ours = addressing.network_block(network)
    partners = [block for partner in network.partners.values() for block in partner.cidrs]
    for flow in topology.flows(network):
        for end in (flow.source, flow.destination):
            for block in end.addresses:
                private = any(block.subnet_of(each) for each in PRIVATE)
                assert not private or block.subnet_of(ours) or block in partners, f"{flow.id} reaches {block}"


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_a_security_group_of_aws_has_room_for_each_cloud_host(network: Network) -> None:
    topology = Topology(network)
    for host in hosts(network):
        if host.in_cloud:
            for rules in (topology.inbound(host), topology.outbound(host)):
                assert sum(len(rule.addresses) for rule in rules) <= 60


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_edges_forward_nothing_into_signers_zones(network: Network) -> None:
    topology = Topology(network)
    for site, declared in network.sites.items():
        zones = [
            addressing.zone_block(network, site, name) for name, zone in declared.zones.items() if zone.kind == "signer"
        ]
        for rule in topology.forwarded(site):
            into = [block for block in rule.destinations if any(block.subnet_of(zone) for zone in zones)]
            assert not into, f"{rule.flow} is forwarded into a signer's zone"


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_every_flow_has_an_id_of_its_own_and_a_reason(network: Network) -> None:
    flows = topology.flows(network)
    assert len({flow.id for flow in flows}) == len(flows)
    assert all(flow.why for flow in flows)


def test_the_blocks_of_the_internet_hold_no_private_address() -> None:
    assert all(not block.overlaps(private) for block in topology.INTERNET for private in PRIVATE)
    assert sum(block.num_addresses for block in topology.INTERNET) == 2**32 - sum(
        block.num_addresses for block in topology.NOT_INTERNET
    )


@pytest.mark.parametrize("role", Role)
def test_every_role_is_managed_and_all_but_the_signer_are_watched(role: Role) -> None:
    network = sound()
    topology = Topology(network)
    host = next(each for each in hosts(network) if each.role is role)
    flows = {rule.flow for rule in topology.inbound(host)}
    assert "ssh-vpn" in flows
    assert ("scrape-host" in flows) is (role is not Role.SIGNER)
