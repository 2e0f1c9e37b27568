"""VPC firewall rules: cloud.google.com/firewall/docs/firewalls (implied rules, components, sources by tag and
account)."""

import pytest

from reachability.resources import UNKNOWN
from tests.reachability.frontends.gcp.builders import Estate, firewall, instance, network, resource, subnet

VPC = network()
EUROPE = subnet(
    VPC,
    "europe",
    "10.0.0.0/24",
    "europe-west1",
    secondaryIpRanges=[{"rangeName": "pods", "ipCidrRange": "10.8.0.0/16"}],
)
AMERICA = subnet(VPC, "america", "10.1.0.0/24", "us-east1")
SERVER = instance(
    EUROPE, "server", "10.0.0.5", "203.0.113.5", tags=["web"], account="web@estate.iam.gserviceaccount.com"
)
CLIENT = instance(AMERICA, "client", "10.1.0.5", tags=["client"], account="client@estate.iam.gserviceaccount.com")
BASE = (VPC, EUROPE, AMERICA, SERVER, CLIENT)


def test_without_a_rule_nothing_comes_in_and_everything_goes_out():
    """firewalls#default_firewall_rules: implied deny ingress, implied allow egress."""
    estate = Estate(*BASE)
    assert not estate.reaches("internet", "server", "tcp 22")
    assert not estate.reaches("client", "server", "tcp 22")
    assert estate.reaches("server", "internet", "tcp 443")
    assert "implied rule: deny all ingress" in estate.decided("client", "10.1.0.5", "10.0.0.5", "tcp 22")


def test_subnets_of_all_regions_reach_each_other_once_a_rule_allows_it():
    """vpc/docs/vpc: a network is global; twin: the rule for another port."""
    estate = Estate(*BASE, firewall(VPC, "inside", allow="tcp:22", sourceRanges=["10.0.0.0/8"]))
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("client", "server", "tcp 23")
    assert "firewall inside (priority 1000): allow tcp 22 from 10.0.0.0/8" in estate.decided(
        "client", "10.1.0.5", "10.0.0.5", "tcp 22"
    )


@pytest.mark.parametrize(
    ("allowed", "denied", "passes"),
    [(1000, 1001, True), (1000, 1000, False), (1000, 999, False), (None, 1000, False), ("900", 1000, True)],
)
def test_the_lower_number_decides_and_among_equals_the_denial(allowed, denied, passes):
    """firewalls#priority_order_for_firewall_rules."""
    estate = Estate(
        *BASE,
        firewall(
            VPC, "yes", allow="tcp:22", sourceRanges=["0.0.0.0/0"], **({} if allowed is None else {"priority": allowed})
        ),
        firewall(VPC, "no", deny="tcp:22", sourceRanges=["0.0.0.0/0"], priority=denied),
    )
    assert estate.reaches("internet", "server", "tcp 22") is passes
    assert not estate.assembly.unmodelled


def test_a_denial_of_all_protocols_hides_what_is_allowed_below_it():
    estate = Estate(
        *BASE,
        firewall(VPC, "no", deny="all", sourceRanges=["198.51.100.0/24"], priority=10),
        firewall(VPC, "yes", allow="tcp:22", sourceRanges=["0.0.0.0/0"]),
    )
    assert not estate.reaches("internet", "server", "tcp 22", source="198.51.100.7")
    assert estate.reaches("internet", "server", "tcp 22", source="192.0.2.7")


def test_a_disabled_rule_does_nothing():
    rule = {"allow": "tcp:22", "sourceRanges": ["0.0.0.0/0"]}
    assert not Estate(*BASE, firewall(VPC, "off", disabled=True, **rule)).reaches("internet", "server", "tcp 22")
    assert Estate(*BASE, firewall(VPC, "on", disabled=False, **rule)).reaches("internet", "server", "tcp 22")


def test_a_rule_with_target_tags_is_for_instances_that_have_one():
    """firewalls#rule_assignment."""
    rule = firewall(VPC, "web", allow="tcp:80", sourceRanges=["10.0.0.0/8"], targetTags=["web", "other"])
    estate = Estate(*BASE, rule)
    assert estate.reaches("client", "server", "tcp 80")
    assert not estate.reaches("server", "client", "tcp 80")


def test_source_tags_stand_for_primary_internal_addresses_only():
    """firewalls#source_tags: no alias ranges, no external addresses."""
    alias = instance(
        AMERICA,
        "alias",
        "10.1.0.9",
        tags=["client"],
        networkInterfaces=[
            {
                "subnetwork": AMERICA.properties["selfLink"],
                "networkIp": "10.1.0.9",
                "aliasIpRanges": [{"ipCidrRange": "10.1.0.64/30"}],
            }
        ],
    )
    rule = firewall(VPC, "tagged", allow="tcp:22", sourceTags=["client"])
    estate = Estate(*BASE, alias, rule)
    assert estate.reaches("client", "server", "tcp 22")
    assert estate.reaches("alias", "server", "tcp 22", source="10.1.0.9")
    assert not estate.reaches("alias", "server", "tcp 22", source="10.1.0.65")
    assert not estate.reaches("internet", "server", "tcp 22")


def test_source_ranges_and_source_tags_both_match():
    """firewalls#sources: either is enough."""
    rule = firewall(VPC, "both", allow="tcp:22", sourceTags=["client"], sourceRanges=["198.51.100.0/24"])
    estate = Estate(*BASE, rule)
    assert estate.reaches("client", "server", "tcp 22")
    assert estate.reaches("internet", "server", "tcp 22", source="198.51.100.1")
    assert not estate.reaches("internet", "server", "tcp 22", source="192.0.2.1")


def test_service_accounts_name_sources_and_targets():
    """firewalls#service-accounts-vs-tags."""
    rule = firewall(
        VPC,
        "accounts",
        allow="tcp:22",
        sourceServiceAccounts=["client@estate.iam.gserviceaccount.com"],
        targetServiceAccounts=["web@estate.iam.gserviceaccount.com"],
    )
    estate = Estate(*BASE, rule)
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("server", "client", "tcp 22")


def test_an_account_that_is_not_known_yet_is_found_by_what_depends_on_it():
    account = resource("account", "runner", area="serviceaccount", accountId="runner", email=UNKNOWN)
    runner = instance(
        AMERICA, "runner", "10.1.0.7", serviceAccount={"email": UNKNOWN}, references={"serviceAccount": (account.urn,)}
    )
    rule = firewall(
        VPC,
        "runner",
        allow="tcp:22",
        sourceServiceAccounts=[UNKNOWN],
        references={"sourceServiceAccounts": (account.urn,)},
    )
    estate = Estate(*BASE, account, runner, rule)
    assert estate.reaches("runner", "server", "tcp 22", must=True)
    assert not estate.reaches("client", "server", "tcp 22")


def test_a_rule_for_ipv4_lets_no_ipv6_in():
    """firewalls#specifications: a rule is for IPv4 or for IPv6."""
    dual = subnet(
        VPC,
        "dual",
        "10.2.0.0/24",
        stackType="IPV4_IPV6",
        ipv6AccessType="EXTERNAL",
        externalIpv6Prefix="2001:db8:1::/64",
    )
    nic = {
        "subnetwork": dual.properties["selfLink"],
        "networkIp": "10.2.0.5",
        "stackType": "IPV4_IPV6",
        "accessConfigs": [{"natIp": "203.0.113.9"}],
        "ipv6AccessConfigs": [{"externalIpv6": "2001:db8:1::", "externalIpv6PrefixLength": "96"}],
    }
    host = instance(dual, "host", "10.2.0.5", networkInterfaces=[nic])
    four = firewall(VPC, "four", allow="tcp:22", sourceRanges=["0.0.0.0/0"])
    six = firewall(VPC, "six", allow="tcp:22", sourceRanges=["::/0"])
    assert not Estate(*BASE, dual, host, four).reaches("internet", "host", "tcp 22", at="2001:db8:1::")
    assert Estate(*BASE, dual, host, four).reaches("internet", "host", "tcp 22", at="203.0.113.9")
    assert Estate(*BASE, dual, host, six).reaches("internet", "host", "tcp 22", at="2001:db8:1::")
    assert not Estate(*BASE, dual, host, six).reaches("internet", "host", "tcp 22", at="203.0.113.9")


def test_an_egress_denial_stops_what_the_implied_rule_lets_out():
    """firewalls#egress_cases."""
    rule = firewall(
        VPC, "quiet", deny="tcp:443", direction="EGRESS", destinationRanges=["0.0.0.0/0"], targetTags=["web"]
    )
    estate = Estate(*BASE, rule, firewall(VPC, "in", allow="tcp:443", sourceRanges=["0.0.0.0/0"]))
    assert not estate.reaches("server", "internet", "tcp 443")
    assert estate.reaches("server", "internet", "tcp 80")
    assert estate.reply("internet", "198.51.100.1", "203.0.113.5", "tcp 443") == "passes"


def test_an_ingress_rule_can_name_destinations():
    rule = firewall(VPC, "to", allow="tcp:22", sourceRanges=["0.0.0.0/0"], destinationRanges=["10.0.0.5/32"])
    other = instance(EUROPE, "other", "10.0.0.6")
    estate = Estate(*BASE, other, rule)
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("client", "other", "tcp 22")


def test_the_metadata_server_is_always_allowed():
    """firewalls#alwaysallowed; twin: another address of the same kind."""
    rule = firewall(VPC, "silence", deny="all", direction="EGRESS", priority=0)
    estate = Estate(*BASE, rule)
    assert estate.reaches("server", "metadata server", "tcp 80", at="169.254.169.254")
    assert not estate.reaches("server", "internet", "tcp 80")


def test_mail_to_the_internet_may_pass_but_need_not():
    """firewalls#blockedtraffic: SMTP to external addresses is allowed for some projects only."""
    estate = Estate(*BASE)
    assert estate.reaches("server", "internet", "tcp 25")
    assert not estate.reaches("server", "internet", "tcp 25", must=True)
    assert estate.reaches("server", "internet", "tcp 26", must=True)


@pytest.mark.parametrize("protocol", ["tcp", "6", "TCP", 6, "all"])
def test_protocols_are_names_and_numbers(protocol):
    rule = firewall(VPC, "rule", sourceRanges=["10.0.0.0/8"], allows=[{"protocol": protocol}])
    assert Estate(*BASE, rule).reaches("client", "server", "tcp 7")
    assert Estate(*BASE, rule).reaches("client", "server", "udp 7") is (protocol == "all")


@pytest.mark.parametrize("source", ["35.235.240.0/20", "35.191.0.0/16", "130.211.0.0/22", "35.199.192.0/19"])
def test_googles_own_sources_are_no_hosts_on_the_internet_and_get_answers_whatever_the_routes(source):
    """vpc/docs/routes, "Special return paths"."""
    vpc = network(deleteDefaultRoutesOnCreate=True)
    here = subnet(vpc, "here")
    rule = firewall(vpc, "google", allow="tcp:22", sourceRanges=[source])
    estate = Estate(vpc, here, instance(here, "server", "10.0.0.5", "34.1.2.3"), rule)
    assert not estate.reaches("internet", "server", "tcp 22")
    google = next(name for name in estate.assembly.outsides if "Google" in name)
    first = source.split("/")[0].removesuffix("0") + "9"
    assert estate.reaches(google, "server", "tcp 22", source=first)
    assert estate.reply(google, first, "10.0.0.5", "tcp 22") == "passes"
