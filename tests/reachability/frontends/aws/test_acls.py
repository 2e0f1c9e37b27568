"""What network ACLs let through."""

from __future__ import annotations

from typing import Any

import pytest

from reachability.resources import UNKNOWN
from tests.reachability.frontends.aws.builders import Estate, group, instance, resource, subnet, tcp, udp, vpc

NET = vpc(defaultNetworkAclId="acl-default")
A, B = subnet(NET, "a", "10.0.1.0/24"), subnet(NET, "b", "10.0.2.0/24")
OPEN = group(NET)
WEB = instance(A, "web", "10.0.1.10", [OPEN])
NEXT = instance(A, "next", "10.0.1.11", [OPEN])
DATA = instance(B, "data", "10.0.2.10", [OPEN])
BASE = [NET, A, B, OPEN, WEB, NEXT, DATA]


def entry(number: Any, action: Any, protocol: str = "-1", low: int = 0, high: int | None = None, **more: Any) -> dict:
    return {
        "ruleNo": number,
        "action": action,
        "protocol": protocol,
        "fromPort": low,
        "toPort": low if high is None else high,
        "cidrBlock": "0.0.0.0/0",
    } | more


ALL = entry(100, "allow")


def acl(name: str, *subnets: Any, ingress: Any = (ALL,), egress: Any = (ALL,), **more: Any) -> Any:
    return resource(
        "ec2/networkAcl",
        name,
        vpcId=NET.id,
        subnetIds=[each.id for each in subnets],
        ingress=ingress if ingress is UNKNOWN else list(ingress),
        egress=egress if egress is UNKNOWN else list(egress),
        **more,
    )


def test_without_an_acl_the_default_one_allows_all() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/default-network-acl.html
    assert Estate(BASE).outcome("web", "10.0.2.10") == "delivered to data"


def test_a_managed_default_acl_counts_for_every_subnet_that_has_no_other() -> None:
    default = resource("ec2/defaultNetworkAcl", "default", defaultNetworkAclId="acl-default", ingress=[], egress=[ALL])
    assert "default in" in Estate(BASE, default).outcome("web", "10.0.2.10")
    own = acl("own", B)
    assert Estate(BASE, default, own).outcome("web", "10.0.2.10") == "delivered to data"


def test_the_lowest_number_that_matches_decides() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
    denied = acl("own", B, ingress=(entry(200, "allow"), entry(100, "deny", "tcp", 22)))
    estate = Estate(BASE, denied)
    assert (
        estate.outcome("web", "10.0.2.10", tcp(22))
        == "dropped by networkacl-own own: in 100 deny tcp 22 from 0.0.0.0/0"
    )
    assert estate.outcome("web", "10.0.2.10", tcp(23)) == "delivered to data"
    allowed = acl("own", B, ingress=(entry(100, "allow"), entry(200, "deny", "tcp", 22)))
    assert Estate(BASE, allowed).outcome("web", "10.0.2.10", tcp(22)) == "delivered to data"


def test_what_no_entry_matches_is_denied() -> None:
    estate = Estate(BASE, acl("own", B, ingress=(entry(100, "allow", "tcp", 443),)))
    assert estate.outcome("web", "10.0.2.10", tcp(443)) == "delivered to data"
    assert estate.outcome("web", "10.0.2.10", udp(443)).startswith("dropped by networkacl-own own in")


def test_answers_need_an_entry_of_their_own() -> None:
    # ACLs are stateless: https://docs.aws.amazon.com/vpc/latest/userguide/nacl-basics.html
    closed = Estate(BASE, acl("own", B, egress=(entry(100, "allow", "tcp", 443),)))
    assert closed.outcome("web", "10.0.2.10") == "delivered to data"
    assert closed.reply("web", "10.0.2.10") == "dropped"
    half = Estate(BASE, acl("own", B, egress=(entry(100, "allow", "tcp", 1024, 40000),)))
    assert half.reply("web", "10.0.2.10") == "dropped"
    opened = Estate(BASE, acl("own", B, egress=(entry(100, "allow", "tcp", 1024, 65535),)))
    assert opened.reply("web", "10.0.2.10") == "passes"


def test_neighbours_in_a_subnet_are_not_judged() -> None:
    estate = Estate(BASE, acl("own", A, ingress=(), egress=()))
    assert estate.outcome("web", "10.0.1.11") == "delivered to next"
    assert estate.outcome("web", "10.0.2.10").startswith("dropped by networkacl-own own out")


def test_an_entry_speaks_of_one_family_of_addresses() -> None:
    net = vpc(ipv6CidrBlock="2001:db8:1::/56")
    a = subnet(net, "a", "10.0.1.0/24", ipv6CidrBlock="2001:db8:1::/64")
    b = subnet(net, "b", "10.0.2.0/24", ipv6CidrBlock="2001:db8:1:1::/64")
    web = instance(a, "web", "10.0.1.10", [OPEN], ipv6Addresses=["2001:db8:1::10"])
    data = instance(b, "data", "10.0.2.10", [OPEN], ipv6Addresses=["2001:db8:1:1::10"])
    v4_only = Estate(net, a, b, OPEN, web, data, acl("own", b))
    assert v4_only.outcome("web", "10.0.2.10") == "delivered to data"
    assert v4_only.outcome("web", "2001:db8:1:1::10").startswith("dropped by networkacl-own own in")
    v6 = {"ruleNo": 101, "action": "allow", "protocol": "-1", "fromPort": 0, "toPort": 0, "ipv6CidrBlock": "::/0"}
    both = Estate(net, a, b, OPEN, web, data, acl("own", b, ingress=(ALL, v6)))
    assert both.outcome("web", "2001:db8:1:1::10") == "delivered to data"


def test_entries_and_associations_may_be_resources_of_their_own() -> None:
    own = resource("ec2/networkAcl", "own", vpcId=NET.id)
    tied = resource("ec2/networkAclAssociation", "tied", networkAclId=own.id, subnetId=B.id)
    rule = resource(
        "ec2/networkAclRule",
        "rule",
        networkAclId=own.id,
        ruleNumber=100,
        egress=False,
        ruleAction="allow",
        protocol="6",
        cidrBlock="10.0.1.0/24",
        fromPort=443,
        toPort=443,
    )
    estate = Estate(BASE, own, tied, rule)
    assert estate.outcome("web", "10.0.2.10", tcp(443)) == "delivered to data"
    assert estate.outcome("web", "10.0.2.10", tcp(444)).startswith("dropped by networkacl-own own in")


def test_the_resolver_is_beyond_acls() -> None:
    estate = Estate(BASE, acl("own", A, ingress=(), egress=()))
    assert estate.outcome("web", "10.0.0.2", udp(53)) == "delivered to net resolver"


@pytest.mark.parametrize("field", [{"action": UNKNOWN}, {"cidrBlock": UNKNOWN}, {"protocol": UNKNOWN}])
def test_what_is_unknown_in_an_entry_may_let_in_and_must_not(field: dict) -> None:
    estate = Estate(BASE, acl("own", B, ingress=(entry(100, "allow", "tcp", 443) | field, entry(200, "deny"))))
    assert estate.outcome("web", "10.0.2.10") == "delivered to data"
    assert estate.outcome("web", "10.0.2.10", may=False).startswith("dropped")


def test_an_unknown_action_does_not_count_as_allowed_by_what_follows() -> None:
    estate = Estate(BASE, acl("own", B, ingress=(entry(100, UNKNOWN, "tcp", 443), entry(200, "allow"))))
    assert estate.outcome("web", "10.0.2.10", may=False).startswith("dropped")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (entry(100, "permit"), "is neither allow nor deny"),
        (entry(100, "allow", "tcp", 5, 4), "are not a range"),
        (entry(100, "allow", cidrBlock="10.0.0.0/40"), "is not an IPv4 or IPv6 address or block"),
        (entry(100, "allow", cidrBlock=None), "neither cidrBlock nor ipv6CidrBlock"),
        (entry("first", "allow"), "is not a whole number"),
    ],
)
def test_an_entry_that_cannot_be_read_is_a_reason(broken: dict, reason: str) -> None:
    assert any(reason in each for each in Estate(BASE, acl("own", B, ingress=(broken,))).unmodelled)
