"""Every host's ruleset says what the topology says, and no more."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from configuration import interfaces
from configuration.rulesets import ruleset
from estate.declaration import load
from estate.model import Network, Role
from estate.plan import addressing, topology, tunnels
from estate.plan.hosts import Host, hosts
from estate.plan.topology import Topology
from tests.hosts import samples

GOLDENS = Path(__file__).parent / "goldens"
GOLDEN_HOSTS = ("edge-ash1-01", "public-sentry-us-east-1-01", "signer-ash1-01", "validator-ash1-01", "vpn-us-east-1-01")
ESSENTIALS = {
    "input": {"in-dhcp", "in-vrrp", "in-esp", "in-ssh-operators"},
    "output": {"out-dhcp", "out-instance-metadata", "out-vrrp", "out-esp"},
    "forward": {"forward-ssh-operators"},
}


@pytest.fixture(scope="module")
def network(stack_file: Path) -> Network:
    return load.read(stack_file)


def rules(network: Network, host: Host, chain: str) -> list[str]:
    """The lines of ``chain`` that add to a named counter and accept."""
    text = ruleset(network, host, samples.inventory(network))
    body = re.search(rf"\tchain {chain} {{\n(.*?)\n\t}}", text, re.DOTALL)
    assert body, f"no chain {chain}"
    return [line.strip() for line in body[1].splitlines() if " counter name " in line and line.endswith(" accept")]


def counter(rule: str) -> str:
    return re.search(r"counter name (\S+)", rule)[1]  # type: ignore[index]


def addresses(rule: str, keyword: str) -> set[IPv4Network] | None:
    found = re.search(rf"{keyword} (?:{{ (.*?) }}|(\S+))", rule)
    return {IPv4Network(each) for each in (found[1] or found[2]).split(", ")} if found else None


def ports(rule: str) -> tuple[str, str]:
    return re.search(r"(tcp|udp) dport (\S+)", rule).groups()  # type: ignore[union-attr,return-value]


def declared(rule: topology.Rule | topology.ForwardRule) -> tuple[str, str]:
    low, high = rule.ports
    return rule.protocol, str(low) if low == high else f"{low}-{high}"


def unless_everywhere(blocks: tuple[IPv4Network, ...]) -> set[IPv4Network] | None:
    return None if topology.EVERYWHERE in blocks else set(blocks)


@pytest.mark.slow
def test_what_may_come_in_is_exactly_what_the_topology_lets_in(network: Network) -> None:
    topology = Topology(network)
    for host in hosts(network):
        drawn = [rule for rule in rules(network, host, "input") if counter(rule) not in ESSENTIALS["input"]]
        expected = topology.inbound(host)
        assert Counter(map(counter, drawn)) == Counter(f"in-{rule.flow}" for rule in expected), host.name
        for rule in expected:
            line = next(each for each in drawn if counter(each) == f"in-{rule.flow}")
            assert addresses(line, "ip saddr") == unless_everywhere(rule.addresses), f"{host.name}: {line}"
            assert ports(line) == declared(rule), f"{host.name}: {line}"


@pytest.mark.slow
def test_what_may_go_out_is_exactly_what_the_topology_lets_out(network: Network) -> None:
    topology = Topology(network)
    for host in hosts(network):
        drawn = [rule for rule in rules(network, host, "output") if counter(rule) not in ESSENTIALS["output"]]
        expected = topology.outbound(host)
        assert Counter(map(counter, drawn)) == Counter(f"out-{rule.flow}" for rule in expected), host.name
        for rule in expected:
            line = next(each for each in drawn if counter(each) == f"out-{rule.flow}")
            assert addresses(line, "ip daddr") == unless_everywhere(rule.addresses), f"{host.name}: {line}"
            assert ports(line) == declared(rule), f"{host.name}: {line}"


@pytest.mark.slow
def test_an_edge_forwards_exactly_what_the_topology_forwards(network: Network) -> None:
    topology = Topology(network)
    for host in hosts(network):
        if host.role is not Role.EDGE:
            continue
        drawn = [
            (counter(rule), addresses(rule, "ip saddr"), addresses(rule, "ip daddr"), ports(rule))
            for rule in rules(network, host, "forward")
        ]
        expected = [
            (
                f"forward-{rule.flow}",
                unless_everywhere(rule.sources),
                unless_everywhere(rule.destinations),
                declared(rule),
            )
            for rule in topology.forwarded(host.place)
        ]
        assert drawn == expected, host.name


def test_only_edges_and_vpn_gateways_forward(network: Network) -> None:
    for host in hosts(network):
        if host.role not in (Role.EDGE, Role.VPN):
            assert rules(network, host, "forward") == [], f"{host.name} must not carry others' packets"


def test_every_chain_drops_what_no_rule_accepts_and_logs_it(network: Network) -> None:
    for host in hosts(network):
        text = ruleset(network, host, {})
        for chain, prefix in (("input", "in"), ("output", "out"), ("forward", "forward")):
            assert re.search(rf"chain {chain} {{\n\t\ttype filter hook {chain} priority filter; policy drop;", text), (
                host.name
            )
            assert f'limit rate 10/second burst 20 packets log prefix "estate-drop-{prefix} "' in text, host.name


@pytest.mark.slow
def test_only_p2p_of_public_roles_and_the_vpn_are_open_to_the_world(network: Network) -> None:
    allowed = {
        Role.PUBLIC_SENTRY: {("tcp", str(network.chain.ports.p2p))},
        Role.SEED: {("tcp", str(network.chain.ports.p2p))},
        Role.VPN: {("udp", str(network.vpn.port))},
    }
    for host in hosts(network):
        open_rules = [
            each for each in rules(network, host, "input") if "ip saddr" not in each and counter(each) != "in-dhcp"
        ]
        assert {ports(each) for each in open_rules} == allowed.get(host.role, set()), f"{host.name}: {open_rules}"


@pytest.mark.slow
def test_ssh_is_taken_only_from_vpn_gateways_at_the_management_address(network: Network) -> None:
    gateways = {IPv4Network(host.address) for host in hosts(network) if host.role is Role.VPN}
    for host in hosts(network):
        for rule in (each for each in rules(network, host, "input") if "tcp dport 22 " in each):
            assert f"ip daddr {host.management_address} " in rule, rule
            senders = addresses(rule, "ip saddr")
            if counter(rule) == "in-ssh-operators":
                assert host.role is Role.VPN and senders == {addressing.vpn_pool(network, host.place)}, rule
                assert f'iifname "{interfaces.VPN_INTERFACE}"' in rule, rule
            else:
                assert senders and senders <= gateways, rule


def test_nothing_opens_a_connection_to_a_signer_but_ssh(network: Network) -> None:
    for host in hosts(network):
        if host.role is Role.SIGNER:
            assert {counter(rule) for rule in rules(network, host, "input")} == {"in-ssh-vpn"}, host.name


@pytest.mark.slow
def test_bgp_is_spoken_only_inside_tunnels(network: Network) -> None:
    for host in hosts(network):
        for chain in ("input", "output"):
            for rule in (each for each in rules(network, host, chain) if "dport 179 " in each):
                named = re.search(r"[io]ifname {? ?(.*?) (?:}|ip)", rule)[1]  # type: ignore[index]
                own = {tunnel.interface for tunnel in tunnels.of_edge(network, host)}
                assert set(re.findall(r'"(.*?)"', named)) == own, f"{host.name}: {rule}"


@pytest.mark.slow
def test_a_site_leaves_by_its_edges_public_address_but_never_so_to_the_estate_or_a_partner(network: Network) -> None:
    for host in hosts(network):
        text = ruleset(network, host, {})
        if host.role is Role.EDGE:
            line = next(each for each in text.splitlines() if " snat ip to " in each)
            assert line.endswith(f"snat ip to {host.public_address}")
            kept = addresses(line, "ip daddr !=")
            assert kept is not None and IPv4Network("10.0.0.0/8") in kept
            assert kept >= {cidr for partner in network.partners.values() for cidr in partner.cidrs}
        elif host.role is not Role.VPN:
            assert "hook postrouting" not in text, f"{host.name} must send in its own name only"


def test_an_edge_refuses_senders_that_cannot_be_where_their_packets_come_from(network: Network) -> None:
    for host in hosts(network):
        if host.role is Role.EDGE:
            text = ruleset(network, host, {})
            for port in interfaces.zone_ports(network, host):
                if port.interface != interfaces.uplink_interface(network, host.place):
                    forged = (
                        f'iifname "{port.interface}" ip saddr != {port.address.network} counter name forged-from-zone'
                    )
                    assert f"{forged} drop" in text


@pytest.mark.slow
def test_the_order_of_a_declaration_does_not_change_a_ruleset(network: Network) -> None:
    sites = {name: site.model_copy(update={"servers": site.servers[::-1]}) for name, site in network.sites.items()}
    turned = network.model_copy(update={"nodes": network.nodes[::-1], "sites": sites})
    for host, same in zip(hosts(network), hosts(turned), strict=True):
        assert ruleset(network, host, samples.inventory(network)) == ruleset(
            turned, same, samples.inventory(network)
        ), host.name


@pytest.mark.parametrize("name", GOLDEN_HOSTS)
def test_the_rulesets_of_the_cosmos_hub_are_the_ones_that_were_read_and_approved(name: str) -> None:
    """Set ESTATE_APPROVE=1 to write them anew, then read the difference."""
    network = load.read(Path(__file__).parents[2] / "stacks" / "Pulumi.cosmoshub.yaml")
    host = next(each for each in hosts(network) if each.name == f"cosmoshub-{name}")
    text, golden = ruleset(network, host, samples.inventory(network)), GOLDENS / f"{host.name}.nft"
    if os.environ.get("ESTATE_APPROVE"):
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.lab
def test_nft_itself_accepts_every_ruleset(network: Network, tmp_path: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("nft"):
        pytest.skip("needs root and nft: apt-get install nftables")
    everything = []
    for host in hosts(network):
        file = tmp_path / f"{host.name}.nft"
        file.write_text(ruleset(network, host, samples.inventory(network)))
        everything.append(str(file))
    script = 'for each in "$@"; do nft -c -f "$each" || { echo "refused: $each"; exit 1; }; done'
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", script, "sh", *everything], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
