"""What resources cost in a month, by hand: sums, what has no known price, and differences."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from estate.clouds import aws_prices
from estate.plan import costs
from estate.plan.costs import FREE, PRICED, USED, Resource

INSTANCE = "aws:ec2/instance:Instance"
ROOT = {"volumeType": "gp3", "volumeSize": 32}


def resource(type_: str, region: str = "us-east-1", **properties: Any) -> Resource:
    return Resource(type=type_, region=region, properties=properties)


def sentry() -> list[Resource]:
    return [
        resource(INSTANCE, instanceType="m6i.xlarge", rootBlockDevice=ROOT, monitoring=True),
        resource("aws:ebs/volume:Volume", type="gp3", size=500),
        resource("aws:ec2/eip:Eip"),
    ]


def tiny() -> list[Resource]:
    return [
        *sentry(),
        resource("aws:ec2/natGateway:NatGateway"),
        resource("aws:ec2/vpnConnection:VpnConnection"),
        resource("aws:lb/loadBalancer:LoadBalancer", loadBalancerType="network", internal=False, subnets=["a", "b"]),
        resource("aws:route53/zone:Zone", region=""),
        resource("aws:kms/key:Key"),
        resource("aws:ec2/vpc:Vpc"),
    ]


SENTRY_USD = Decimal("140.16") + Decimal("2.56") + Decimal("2.10") + 40 + Decimal("3.65")
"""730 hours at 0.192, 32 GiB at 0.08, monitoring, 500 GiB at 0.08, an address for 730 hours at 0.005."""
REST_USD = (
    Decimal("32.85") + Decimal("36.50") + 2 * Decimal("3.65") + Decimal("16.425") + 2 * Decimal("3.65")
) + Decimal("1.50")
"""The gateway, the connection with two addresses, the balancer with two, the zone and the key."""


def test_a_tiny_network_costs_what_a_sum_by_hand_gives() -> None:
    found = costs.costs(tiny())
    assert found.monthly_usd == SENTRY_USD + REST_USD
    assert found.complete
    assert "total of tiny: $290.34 a month" in costs.in_words("tiny", found, found)


def test_adding_a_sentry_costs_what_the_sentry_costs_and_removing_it_as_much_less() -> None:
    with_another = [*tiny(), *sentry()]
    assert costs.difference(tiny(), with_another).monthly_usd == SENTRY_USD
    removed = costs.difference(with_another, tiny())
    assert removed.monthly_usd == -SENTRY_USD
    words = costs.in_words("tiny", removed, costs.costs(tiny()))
    assert "  -$140.16: 1 × m6i.xlarge in us-east-1, $0.192 an hour" in words
    assert "change: -$188.47 a month" in words


def test_a_changed_instance_costs_the_difference_and_its_disks_are_not_listed() -> None:
    before = resource(INSTANCE, instanceType="m6i.xlarge", rootBlockDevice=ROOT)
    after = resource(INSTANCE, instanceType="m6i.2xlarge", rootBlockDevice=ROOT)
    change = costs.difference([before], [after])
    assert [(item.what, item.count) for item in change.items] == [("m6i.2xlarge", 1), ("m6i.xlarge", -1)]
    assert change.monthly_usd == Decimal("140.16")


def test_what_stays_as_it_is_costs_nothing_more() -> None:
    change = costs.difference(tiny(), tiny())
    assert (change.items, change.unknown, change.monthly_usd) == ((), {}, 0)
    assert costs.in_words("tiny", change, costs.costs(tiny()))[0] == "monthly cost: nothing changes"


def test_a_type_that_nobody_has_classified_is_named_and_the_total_is_a_least_one() -> None:
    found = costs.costs([*tiny(), resource("aws:rds/cluster:Cluster")])
    assert found.unknown == {"aws:rds/cluster:Cluster in us-east-1": 1}
    words = costs.in_words("tiny", found, found)
    assert "total of tiny: at least $290.34 a month" in words
    assert "  unknown price: 1 × aws:rds/cluster:Cluster in us-east-1" in words
    assert "change: +$290.34 a month, without what has an unknown price" in words


def test_what_costs_more_than_the_price_that_is_known_has_an_unknown_price() -> None:
    for unpriced in (
        resource(INSTANCE, instanceType="x2idn.32xlarge", rootBlockDevice=ROOT),
        resource(INSTANCE, region="sa-east-1", instanceType="m6i.xlarge", rootBlockDevice={}),
        resource(INSTANCE, instanceType="m6i.xlarge", rootBlockDevice=ROOT, tenancy="dedicated"),
        resource(INSTANCE, instanceType="m6i.xlarge"),
        resource("aws:ebs/volume:Volume", type="io2", size=100),
        resource("aws:ebs/volume:Volume", type="gp3", size=100, iops=6000),
        resource("aws:ebs/volume:Volume", type="gp3", size="04da6b54-80e4-46f7-96ec-b56ff0331ba9"),
        resource("aws:ec2/vpnConnection:VpnConnection", enableAcceleration=True),
        resource("aws:dynamodb/table:Table", billingMode="PROVISIONED"),
        resource("aws:route53/healthCheck:HealthCheck", region="", type="HTTPS", requestInterval=10),
        resource("aws:lb/loadBalancer:LoadBalancer", loadBalancerType="gateway"),
        resource("aws:ec2/natGateway:NatGateway", region="eu-south-2"),
    ):
        assert not costs.costs([unpriced]).complete, unpriced


def test_only_interface_endpoints_cost_by_the_hour_and_in_each_zone() -> None:
    endpoint = "aws:ec2/vpcEndpoint:VpcEndpoint"
    inside = resource(endpoint, vpcEndpointType="Interface", subnetIds=["a", "b"])
    assert costs.costs([inside]).monthly_usd == Decimal("14.60")
    assert costs.costs([resource(endpoint, vpcEndpointType="Gateway")]).monthly_usd == 0


def test_what_depends_on_use_is_named_and_not_counted() -> None:
    found = costs.costs([resource("aws:dynamodb/table:Table", billingMode="PAY_PER_REQUEST")])
    assert (found.monthly_usd, found.complete) == (0, True)
    assert "  tables: requests, storage and backups" in costs.in_words("tiny", found, found)


def test_the_words_say_of_when_the_prices_are_and_which_were_not_looked_up() -> None:
    found = costs.costs(tiny())
    words = costs.in_words("tiny", found, found)
    assert "prices: AWS's list, on demand, of each region, in USD, 730 hours a month" in words
    assert f"  of instances: looked up on {aws_prices.INSTANCES_AS_OF}" in words
    assert f"  of all else: list prices of {aws_prices.SERVICES_AS_OF}, not checked against AWS's pages since" in words


def test_every_price_is_positive_has_a_date_and_a_page_of_aws() -> None:
    for key, price in {**aws_prices.INSTANCES, **aws_prices.SERVICES}.items():
        assert price.usd > 0 and price.as_of <= date(2026, 11, 30), key
        assert price.page.startswith("https://aws.amazon.com/") and price.page.endswith(
            "/pricing/on-demand/" if price.looked_up else "/pricing/"
        ), key


def test_a_type_is_free_or_it_is_not() -> None:
    assert set() == FREE & {*PRICED, *USED}
