"""A host of which only the ruleset is known: what a container runtime publishes passes beside the input chain."""

from __future__ import annotations

import pytest

from reachability.frontends.nftables import NftError
from reachability.lone_host import assembly, published
from reachability.places import Places
from reachability.prover import Prover
from reachability.question import Flow, ask, asked_services

PUBLISHED = """
table inet filter {
  chain input { type filter hook input priority 0; policy drop; tcp dport 22 accept
    iifname "wg0" tcp dport 9100 accept }
  chain forward { type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname != "docker0" oifname "docker0" ip daddr 172.17.0.2 tcp dport 80 accept }
}
table ip nat {
  chain prerouting { type nat hook prerouting priority -100; policy accept;
    iifname != "docker0" tcp dport 8080 dnat to 172.17.0.2:80 }
}
"""


def flow(ruleset: str, source: str, target: str, port: int) -> Flow:
    made = assembly(ruleset)
    prover = Prover(made)
    places = Places(prover, ())
    there = published(made) if target == "host" else places.target(target)
    (found,) = ask(prover, places.sender(source), there, asked_services("tcp", port)).flows
    return found


def test_what_is_published_passes_the_firewall_of_the_host():
    found = flow(PUBLISHED, "internet", "host", 8080)
    assert (found.verdict, found.reply) == ("reachable", "passes")
    assert found.path[-1].at == "behind-172.17.0.2"
    assert flow(PUBLISHED, "internet", "behind-172.17.0.2", 8080).verdict == "reachable"
    closed = PUBLISHED.replace("ip daddr 172.17.0.2 tcp dport 80 accept", "drop")
    assert flow(closed, "internet", "behind-172.17.0.2", 8080).verdict == "unreachable"


def test_a_test_for_local_addresses_is_one_for_the_hosts_own():
    docker = PUBLISHED.replace(
        'iifname != "docker0" tcp dport 8080 dnat to 172.17.0.2:80 }',
        """fib daddr type local counter packets 3 bytes 180 jump DOCKER }
  chain DOCKER { iifname "docker0" counter return
    iifname != "docker0" tcp dport 8080 counter dnat to 172.17.0.2:80 }""",
    )
    assert flow(docker, "internet", "host", 8080).path[-1].at == "behind-172.17.0.2"
    assert flow(docker, "internet", "host", 8080).verdict == "reachable"
    assert flow(docker, "internet", "host", 443).verdict == "unreachable"


def test_the_host_itself_is_behind_its_input_chain():
    assert flow(PUBLISHED, "internet", "host", 22).verdict == "reachable"
    assert flow(PUBLISHED, "internet", "host", 443).verdict == "unreachable"
    assert flow(PUBLISHED, "10.1.2.3", "host", 22).verdict == "reachable", "from the networks around it too"


def test_a_tunnel_is_no_way_from_the_internet():
    assert flow(PUBLISHED, "internet", "host", 9100).verdict == "unreachable"
    named = PUBLISHED.replace('"wg0"', '"eth1"')
    assert flow(named, "internet", "host", 9100).verdict == "reachable"


def test_a_table_of_one_family_leaves_the_other_open():
    v4_only = "table ip t { chain c { type filter hook input priority 0; policy drop; }\n}"
    found = flow(v4_only, "internet", "host", 22)
    assert found.verdict == "reachable" and found.packet is not None and found.packet.source >= 1 << 128


def test_what_the_ruleset_does_not_tell_is_not_modelled():
    two = PUBLISHED.replace("dport 80 accept", 'dport 80 accept; oifname "br-1" ip daddr 172.17.0.2 accept')
    found = flow(two, "internet", "host", 443)
    assert found.verdict == "not-modelled" and "br-1 or docker0" in found.reasons[0]
    with pytest.raises(NftError):
        assembly("table inet t { chain c { type nat hook prerouting priority -300; }\n}")
