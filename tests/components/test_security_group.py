"""Security groups are the topology, no more and no less."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from components.aws.security_group import PATH_MTU
from components.recording import Recorded
from estate.clouds.aws import QUOTAS
from estate.model import Network
from estate.plan.hosts import Host, hosts
from estate.plan.permissions import LOAD_BALANCER, balancer_permissions
from estate.plan.topology import Rule as Permitted
from estate.plan.topology import Topology

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"

LIMIT = QUOTAS["rules_per_security_group"].default

Rule = tuple[str, int, int, str, str]
"""Protocol, lowest and highest port, CIDR, flow."""


def rules(recorded: Recorded, type_: str) -> dict[tuple[str, str], set[Rule]]:
    """(protocol, lowest port, highest port, CIDR, flow) by region and role, path-MTU aside."""
    found: defaultdict[tuple[str, str], set[Rule]] = defaultdict(set)
    for each in recorded.of(type_):
        given = each.inputs
        if given["description"] == PATH_MTU:
            continue
        for flow in given["description"].split(", "):
            found[given["region"], given["tags"]["Role"]].add(
                (given["ipProtocol"], given["fromPort"], given["toPort"], given["cidrIpv4"], flow)
            )
    return dict(found)


def expected(
    network: Network, project: Callable[[Network, Host], tuple[Permitted, ...]]
) -> dict[tuple[str, str], set[Rule]]:
    wanted: defaultdict[tuple[str, str], set[Rule]] = defaultdict(set)
    for host in hosts(network):
        if host.in_cloud:
            wanted[host.place, host.role.value] |= {
                (rule.protocol, *rule.ports, str(cidr), rule.flow) for rule in project(host) for cidr in rule.addresses
            }
    return dict(wanted)


def without_balancers(found: dict[tuple[str, str], set[Rule]]) -> dict[tuple[str, str], set[Rule]]:
    return {key: value for key, value in found.items() if key[1] != LOAD_BALANCER}


def test_a_group_lets_in_what_the_topology_lets_in(recorded: Recorded, network: Network) -> None:
    assert without_balancers(rules(recorded, INGRESS)) == expected(network, Topology(network).inbound)


def test_a_group_lets_out_what_the_topology_lets_out(recorded: Recorded, network: Network) -> None:
    assert without_balancers(rules(recorded, EGRESS)) == expected(network, Topology(network).outbound)


def test_a_load_balancer_takes_rpc_and_lcd_from_anyone_and_hands_them_to_its_regions_seeds(
    recorded: Recorded, network: Network
) -> None:
    ports = set(network.chain.ports.public().values())
    balanced = {key: value for key, value in rules(recorded, INGRESS).items() if key[1] == LOAD_BALANCER}
    assert {region for region, _ in balanced} == {node.region for node in network.nodes if node.role == "seed"}
    for (region, _), found in balanced.items():
        assert {(protocol, low, high, cidr) for protocol, low, high, cidr, _ in found} == {
            ("tcp", port, port, "0.0.0.0/0") for port in ports
        }
        seeds = {f"{host.address}/32" for host in hosts(network) if host.role == "seed" and host.place == region}
        out = rules(recorded, EGRESS)[region, LOAD_BALANCER]
        assert {(low, cidr) for _, low, _, cidr, _ in out} == {(port, seed) for port in ports for seed in seeds}


def test_every_group_hears_of_packets_that_were_too_big(recorded: Recorded) -> None:
    heard = {
        each.property_dependencies["securityGroupId"][0]
        for each in recorded.of(INGRESS)
        if each.inputs["description"] == PATH_MTU
    }
    assert heard == {each.urn for each in recorded.of("aws:ec2/securityGroup:SecurityGroup")}
    mtu = [each.inputs for each in recorded.of(INGRESS) if each.inputs["description"] == PATH_MTU]
    assert {(given["ipProtocol"], given["fromPort"], given["toPort"]) for given in mtu} == {("icmp", 3, 4)}


def test_no_group_has_more_rules_than_aws_takes(recorded: Recorded) -> None:
    for type_ in (INGRESS, EGRESS):
        counts = defaultdict(int)
        for each in recorded.of(type_):
            counts[each.property_dependencies["securityGroupId"][0]] += 1
        assert {urn: count for urn, count in counts.items() if count > LIMIT} == {}


def test_no_rule_is_there_twice(recorded: Recorded) -> None:
    """AWS refuses the second one."""
    for type_ in (INGRESS, EGRESS):
        seen = [
            (
                each.property_dependencies["securityGroupId"][0],
                *(each.inputs.get(key) for key in ("ipProtocol", "fromPort", "toPort", "cidrIpv4")),
            )
            for each in recorded.of(type_)
        ]
        assert len(seen) == len(set(seen))


def test_flows_that_ask_for_the_same_share_a_rule(network: Network) -> None:
    region = next((node.region for node in network.nodes if node.role == "seed"), None)
    if region:
        permissions = balancer_permissions(Topology(network), region)
        assert all(
            len({each.key for each in side}) == len(side) for side in (permissions.inbound, permissions.outbound)
        )


def test_only_rules_open_to_the_world_say_what_they_expose(recorded: Recorded) -> None:
    for each in recorded.of(INGRESS):
        assert ("Exposure" in each.inputs["tags"]) is (each.inputs["cidrIpv4"] == "0.0.0.0/0")
    assert not [each for each in recorded.of(EGRESS) if "Exposure" in each.inputs["tags"]]


def test_every_rule_says_for_which_flow_it_is(recorded: Recorded, network: Network) -> None:
    known = {flow.id for flow in Topology(network).flows} | {PATH_MTU}
    for each in recorded.of(INGRESS) + recorded.of(EGRESS):
        assert set(each.inputs["description"].split(", ")) <= known
        assert len(each.inputs["description"]) <= 255, "EC2 takes no longer description"
