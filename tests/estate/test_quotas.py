"""What a network needs beyond its account's service quotas is reported before anything is deployed."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from estate.clouds.aws import QUOTAS
from estate.declaration import load
from estate.model import Network, QuotaSet
from estate.plan import quotas
from estate.rules import estates
from estate.rules.quotas import quotas_suffice
from tests.estate.declarations import edited, problems, sound

REGION = "us-east-2"
PLENTY = {name: quota.most or 1000 for name, quota in QUOTAS.items() if not quota.follows}


def node(role: str, region: str = REGION, number: int = 2, zone: str = "a", **other: Any) -> dict[str, Any]:
    return {"role": role, "region": region, "zone": zone, "number": number, **other}


def raised(**others: int) -> dict[str, Any]:
    """A change that has every quota raised in both regions, ``others`` in ``REGION`` to what is given."""
    return {"aws.quotas": {REGION: {**PLENTY, **others}, "eu-west-1": PLENTY}}


def test_what_can_be_declared_is_what_aws_raises() -> None:
    assert set(QuotaSet.model_fields) == {name for name, quota in QUOTAS.items() if not quota.follows}
    assert {quota.follows for quota in QUOTAS.values()} - {""} <= set(QuotaSet.model_fields)


def test_every_quota_names_the_page_of_aws_that_it_is_from() -> None:
    assert [name for name, quota in QUOTAS.items() if not quota.source.startswith("https://docs.aws.amazon.com/")] == []


def needed(network: Network) -> dict[tuple[str, str], int]:
    """By region and quota, what the network needs, where that is more than AWS's default."""
    uses = sorted([*quotas.shared(network), *quotas.separate(network)], key=lambda use: (use.region, use.quota))
    most = {
        key: max(use.count for use in group) for key, group in groupby(uses, key=lambda use: (use.region, use.quota))
    }
    return {(region, quota): count for (region, quota), count in most.items() if count > QUOTAS[quota].default}


def test_shipped_networks_declare_the_quotas_that_they_need_and_no_more() -> None:
    stacks = Path(__file__).parents[2] / "stacks"
    for path in stacks.glob("Pulumi.*.yaml"):
        network = load.read(path)
        declared = {
            (region, quota): value
            for region, each in network.aws.quotas.items()
            for quota, value in each
            if value is not None
        }
        assert declared == needed(network), path.name


def test_an_undeclared_quota_is_aws_default_and_internet_gateways_follow_the_vpcs() -> None:
    network = sound({f"aws.quotas.{REGION}.vpcs_per_region": 9})
    assert quotas.granted(network, REGION, "vpcs_per_region") == 9
    assert quotas.granted(network, REGION, "internet_gateways_per_region") == 9
    assert quotas.granted(network, "eu-west-1", "vpcs_per_region") == 5


PARTNER = "partners.northwind"
EXCEEDED = [
    (
        {"nodes.10": node("public-sentry", zone="b"), f"aws.quotas.{REGION}.on_demand_standard_vcpus": 20},
        "elastic_ips_per_region",
        "6 Elastic IP addresses in us-east-2",
        "must be at most 5",
        'AWS grants an account no more by default ("Elastic IP addresses per Region")',
        (
            'ask AWS to raise "Elastic IP addresses per Region" in us-east-2 to 6, then declare'
            " aws.quotas.us-east-2.elastic_ips_per_region: 6, or declare fewer public hosts or zones there"
        ),
    ),
    (
        {"nodes.10": node("private-sentry")},
        "on_demand_standard_vcpus",
        "20 vCPUs of standard instances in us-east-2",
        "must be at most 16",
        (
            'the account\'s quota "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances" is declared to be'
            " raised to no more"
        ),
        (
            'ask AWS to raise "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances" in us-east-2 to 20,'
            " then declare aws.quotas.us-east-2.on_demand_standard_vcpus: 20,"
            " or declare fewer or smaller instances there"
        ),
    ),
    (
        {"nodes.0.instance_type": "x2idn.16xlarge"},
        "on_demand_x_vcpus",
        "64 vCPUs of X instances in us-east-2",
        "must be at most 0",
        'AWS grants an account no more by default ("Running On-Demand X instances")',
        (
            'ask AWS to raise "Running On-Demand X instances" in us-east-2 to 64, then declare'
            " aws.quotas.us-east-2.on_demand_x_vcpus: 64, or declare fewer or smaller instances there"
        ),
    ),
]


@pytest.mark.parametrize(
    ("change", "quota", "value", "rule", "reason", "fix"), EXCEEDED, ids=[row[1] for row in EXCEEDED]
)
def test_a_quota_that_is_exceeded_is_told_with_what_to_ask_for(
    change: dict[str, Any], quota: str, value: str, rule: str, reason: str, fix: str
) -> None:
    (told,) = problems(edited(change))
    assert (told.path, told.value, told.rule, told.reason) == (f"aws.quotas.{REGION}.{quota}", value, rule, reason)
    assert told.fix == fix


@pytest.mark.slow
def test_routes_to_partners_are_counted_in_each_private_table() -> None:
    blocks = [f"172.20.{64 + number // 16}.{number % 16 * 16}/28" for number in range(500)]
    change = {f"{PARTNER}.cidrs": blocks, f"{PARTNER}.peers": ["03" * 20 + "@172.20.64.10:26656"]}
    found = [told for told in problems(edited(change)) if told.path.endswith("routes_per_route_table")]
    assert {told.value for told in found} == {
        f"503 routes in eu-west-1 (private subnets in eu-west-1{zone})" for zone in "ab"
    }
    assert {told.rule for told in found} == {"must be at most 500"}


def test_two_monitors_and_ten_more_sentries_fit_and_so_do_sixty_sentries() -> None:
    """They broke the quota of one group, and no rule said so."""
    more = [
        node(role, region, number, zone="ab"[number % 2])
        for region in (REGION, "eu-west-1")
        for role in ("public-sentry", "private-sentry")
        for number in range(2, 16)
    ]
    change = {f"nodes.{10 + index}": each for index, each in enumerate(more)} | raised(rules_per_security_group=60)
    network = sound(change)
    assert sum("sentry" in each.role for each in network.nodes) == 60
    groups = {use.where for use in quotas.separate(network) if use.quota == "rules_per_security_group"}
    assert any(where.startswith("group 2 of monitor, outbound") for where in groups)


def test_a_group_counts_the_rules_of_all_its_hosts() -> None:
    """The hosts of a group have different rules: each leaves itself out."""
    counts = {
        use.where: use.count
        for use in quotas.separate(sound())
        if use.region == REGION and "public-sentry" in use.where
    }
    change = {"nodes.10": node("public-sentry", zone="b")} | raised()
    with_two = {
        use.where: use.count
        for use in quotas.separate(sound(change))
        if use.region == REGION and "public-sentry" in use.where
    }
    inbound = "group 1 of public-sentry, inbound, IPv4"
    assert with_two[inbound] == counts[inbound] + 2, "the second sentry lets in the first, and the first the second"


def together(count: int, **declared: int) -> dict[Path, Network]:
    """Networks of one account, otherwise alike."""
    network = sound({f"aws.quotas.{REGION}": declared} if declared else {})
    return {
        Path(f"Pulumi.n{number}.yaml"): network.model_copy(update={"name": f"n{number}", "slot": number})
        for number in range(1, count + 1)
    }


def told_of(networks: dict[Path, Network], quota: str) -> list[tuple[str, str, str]]:
    found = estates.account_quotas_suffice(networks)
    return [(file.name, each.value, each.rule) for file, each in found if each.path == f"aws.quotas.{REGION}.{quota}"]


@pytest.mark.parametrize(
    ("quota", "fits", "value"),
    [
        ("vpcs_per_region", 5, "6 VPCs in us-east-2, of n1, n2, n3, n4, n5 and n6 in account 111122223333"),
        ("vpn_gateways_per_region", 5, "6 virtual private gateways in us-east-2"),
        ("nat_gateways_per_zone", 5, "6 NAT gateways in us-east-2 (us-east-2a)"),
        ("elastic_ips_per_region", 1, "10 Elastic IP addresses in us-east-2"),
        ("customer_gateways_per_region", 12, "52 customer gateways in us-east-2"),
        ("vpn_connections_per_region", 12, "52 VPN connections in us-east-2"),
    ],
)
def test_networks_of_one_account_need_its_quotas_together(quota: str, fits: int, value: str) -> None:
    networks = together(fits + 1)
    assert told_of(dict(list(networks.items())[:fits]), quota) == []
    found = told_of(networks, quota)
    assert {file for file, _, _ in found} == {f"Pulumi.n{fits + 1}.yaml"}, "the one with which it is too much"
    assert found[0][1].startswith(value)
    assert found[0][2] == f"must be at most {QUOTAS[quota].default}"


def test_internet_gateways_are_told_beside_the_vpcs_that_raise_them() -> None:
    values = {value.split(",")[0] for _, value, _ in told_of(together(6), "vpcs_per_region")}
    assert values == {"6 VPCs in us-east-2", "6 internet gateways in us-east-2"}


def test_one_network_may_declare_what_all_of_the_account_have() -> None:
    networks = together(2)
    first, second = networks
    networks[second] = sound(raised()).model_copy(update={"name": "n2", "slot": 2})
    assert told_of(networks, "elastic_ips_per_region") == []


def test_networks_of_different_accounts_do_not_count_together() -> None:
    networks = {
        path: network.model_copy(
            update={"aws": network.aws.model_copy(update={"account_id": f"{444455556000 + network.slot}"})}
        )
        for path, network in together(6).items()
    }
    assert list(estates.account_quotas_suffice(networks)) == []


def test_networks_of_one_account_must_declare_the_same() -> None:
    networks = together(1, on_demand_standard_vcpus=16) | {
        Path("Pulumi.other.yaml"): sound({f"aws.quotas.{REGION}": {"on_demand_standard_vcpus": 40}})
    }
    ((file, told),) = estates.account_quotas_agree(networks)
    assert (file.name, told.path, told.value, told.rule) == (
        "Pulumi.other.yaml",
        f"aws.quotas.{REGION}.on_demand_standard_vcpus",
        "40",
        "must be 16, as another network of the account declares",
    )


def test_a_sound_network_exceeds_nothing() -> None:
    assert list(quotas_suffice(sound())) == []
