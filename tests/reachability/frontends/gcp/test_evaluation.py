"""Order of policies and rules: cloud.google.com/firewall/docs/firewall-policies-rule-eval-order."""

import pytest

from reachability.resources import UNKNOWN
from tests.reachability.frontends.gcp.builders import Estate, firewall, instance, link, network, resource, subnet


def world(order=None):
    vpc = network(**({} if order is None else {"networkFirewallPolicyEnforcementOrder": order}))
    europe, america = subnet(vpc, "europe"), subnet(vpc, "america", "10.1.0.0/24", "us-east1")
    return vpc, europe, america, instance(europe, "server", "10.0.0.5"), instance(america, "client", "10.1.0.5")


def policy_rule(policy, priority, action, noun="networkFirewallPolicyRule", direction="INGRESS", ports=("22",), **more):
    match = {"layer4Configs": [{"ipProtocol": "tcp", "ports": list(ports)}]}
    match |= more.pop(
        "match", {"srcIpRanges": ["0.0.0.0/0"]} if direction == "INGRESS" else {"destIpRanges": ["0.0.0.0/0"]}
    )
    return resource(
        noun,
        f"{policy.name}-{priority}",
        firewallPolicy=policy.properties["name"],
        priority=priority,
        action=action,
        direction=direction,
        match=match,
        **more,
    )


def attach(policy, vpc, noun="networkFirewallPolicyAssociation", **more):
    return resource(noun, f"{policy.name}-at", firewallPolicy=policy.id, attachmentTarget=link(vpc), **more)


@pytest.mark.parametrize(
    ("order", "passes"), [(None, True), ("AFTER_CLASSIC_FIREWALL", True), ("BEFORE_CLASSIC_FIREWALL", False)]
)
def test_vpc_rules_come_before_network_policies_unless_the_network_says_otherwise(order, passes):
    vpc, *rest = world(order)
    policy = resource("networkFirewallPolicy", "global")
    estate = Estate(
        vpc,
        *rest,
        policy,
        policy_rule(policy, 1, "deny"),
        attach(policy, vpc),
        firewall(vpc, "ssh", allow="tcp:22", sourceRanges=["0.0.0.0/0"]),
    )
    assert estate.reaches("client", "server", "tcp 22") is passes
    assert estate.reaches("client", "server", "tcp 22", must=True) is passes


def test_an_order_that_is_not_known_yet_proves_neither():
    vpc, *rest = world(UNKNOWN)
    policy = resource("networkFirewallPolicy", "global")
    estate = Estate(
        vpc,
        *rest,
        policy,
        policy_rule(policy, 1, "deny"),
        attach(policy, vpc),
        firewall(vpc, "ssh", allow="tcp:22", sourceRanges=["0.0.0.0/0"]),
    )
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("client", "server", "tcp 22", must=True)


def test_a_policy_allows_what_no_vpc_rule_decides():
    vpc, *rest = world()
    policy = resource("networkFirewallPolicy", "global")
    rules = policy_rule(policy, 1, "allow")
    assert Estate(vpc, *rest, policy, rules, attach(policy, vpc)).reaches("client", "server", "tcp 22")
    assert not Estate(vpc, *rest, policy, rules).reaches("client", "server", "tcp 22"), "not attached: not in force"


def test_goto_next_leaves_the_policy_for_the_next():
    """Twin: without goto_next the denial below it decides."""
    vpc, *rest = world("BEFORE_CLASSIC_FIREWALL")
    policy = resource("networkFirewallPolicy", "global")
    deny, skip = policy_rule(policy, 20, "deny"), policy_rule(policy, 10, "goto_next")
    classic = firewall(vpc, "ssh", allow="tcp:22", sourceRanges=["0.0.0.0/0"])
    assert Estate(vpc, *rest, policy, deny, skip, attach(policy, vpc), classic).reaches("client", "server", "tcp 22")
    assert not Estate(vpc, *rest, policy, deny, attach(policy, vpc), classic).reaches("client", "server", "tcp 22")


def test_a_regional_policy_is_for_its_region_and_comes_after_the_global_one():
    vpc, *rest = world()
    everywhere = resource("networkFirewallPolicy", "global")
    here = resource("regionNetworkFirewallPolicy", "regional", region="europe-west1")
    allow = policy_rule(here, 1, "allow", "regionNetworkFirewallPolicyRule", region="europe-west1")
    at = attach(here, vpc, "regionNetworkFirewallPolicyAssociation", region="europe-west1")
    estate = Estate(vpc, *rest, here, allow, at)
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("server", "client", "tcp 22"), "the client is in another region"
    denied = Estate(
        vpc, *rest, here, allow, at, everywhere, policy_rule(everywhere, 9, "deny"), attach(everywhere, vpc)
    )
    assert not denied.reaches("client", "server", "tcp 22")


def hierarchy(vpc, action, organization="organizations/1", **more):
    policy = resource("firewallPolicy", "11", parent="organizations/1", shortName="guard")
    rule = policy_rule(policy, 1, action, "firewallPolicyRule", **more)
    at = resource("firewallPolicyAssociation", "at", firewallPolicy="11", attachmentTarget=organization)
    project = resource("project", "p", area="organizations", projectId="estate", orgId="1")
    return policy, rule, at, project


def test_an_organization_decides_before_the_network():
    vpc, *rest = world()
    classic = firewall(vpc, "ssh", allow="tcp:22", sourceRanges=["0.0.0.0/0"], priority=0)
    assert not Estate(vpc, *rest, *hierarchy(vpc, "deny"), classic).reaches("client", "server", "tcp 22")
    assert Estate(vpc, *rest, *hierarchy(vpc, "goto_next"), classic).reaches("client", "server", "tcp 22")
    other = hierarchy(vpc, "deny", "organizations/2")
    assert Estate(vpc, *rest, *other, classic).reaches("client", "server", "tcp 22", must=True)


def test_whether_an_unseen_folder_is_above_the_project_stays_open():
    vpc, *rest = world()
    policy, rule, at, _ = hierarchy(vpc, "allow", "folders/7")
    estate = Estate(vpc, *rest, policy, rule, at)
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("client", "server", "tcp 22", must=True)
    policy, rule, at, _ = hierarchy(vpc, "deny", "folders/7")
    classic = firewall(vpc, "ssh", allow="tcp:22", sourceRanges=["0.0.0.0/0"])
    estate = Estate(vpc, *rest, policy, rule, at, classic)
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("client", "server", "tcp 22", must=True)


def test_a_hierarchical_rule_can_be_for_some_networks_only():
    vpc, *rest = world()
    other = network("other")
    for target, passes in ((vpc, True), (other, False)):
        parts = hierarchy(vpc, "allow", targetResources=[link(target)])
        assert Estate(vpc, other, *rest, *parts).reaches("client", "server", "tcp 22") is passes


def test_a_security_profile_may_stop_what_it_inspects():
    vpc, *rest = world()
    policy = resource("networkFirewallPolicy", "global")
    inspect = policy_rule(policy, 1, "apply_security_profile_group")
    allow = policy_rule(policy, 2, "allow")
    estate = Estate(vpc, *rest, policy, inspect, allow, attach(policy, vpc))
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("client", "server", "tcp 22", must=True)


@pytest.mark.parametrize(
    "criterion", ["srcSecureTags", "srcFqdns", "srcRegionCodes", "srcThreatIntelligences", "srcAddressGroups"]
)
def test_a_criterion_without_addresses_may_match_anything(criterion):
    vpc, *rest = world()
    policy = resource("networkFirewallPolicy", "global")
    rule = policy_rule(policy, 1, "allow", match={criterion: ["x"]})
    estate = Estate(vpc, *rest, policy, rule, attach(policy, vpc))
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("client", "server", "tcp 22", must=True)


def test_a_denial_by_secure_tag_is_not_trusted():
    vpc, *rest = world("BEFORE_CLASSIC_FIREWALL")
    policy = resource("networkFirewallPolicy", "global")
    deny = policy_rule(policy, 1, "deny", targetSecureTags=[{"name": "tagValues/1"}])
    classic = firewall(vpc, "ssh", allow="tcp:22", sourceRanges=["0.0.0.0/0"])
    estate = Estate(vpc, *rest, policy, deny, attach(policy, vpc), classic)
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("client", "server", "tcp 22", must=True)


def test_a_policy_of_another_stack_may_allow_anything():
    vpc, *rest = world()
    at = resource("networkFirewallPolicyAssociation", "at", firewallPolicy="elsewhere", attachmentTarget=link(vpc))
    estate = Estate(vpc, *rest, at)
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("client", "server", "tcp 22", must=True)


def test_egress_rules_of_a_policy_stop_what_leaves():
    vpc, *rest = world()
    policy = resource("networkFirewallPolicy", "global")
    deny = policy_rule(policy, 1, "deny", direction="EGRESS", match={"destIpRanges": ["10.0.0.0/24"]})
    open_ = firewall(vpc, "ssh", allow="tcp:22,23", sourceRanges=["0.0.0.0/0"])
    estate = Estate(vpc, *rest, policy, deny, attach(policy, vpc), open_)
    assert not estate.reaches("client", "server", "tcp 22")
    assert estate.reaches("client", "server", "tcp 23")
    assert estate.reaches("server", "client", "tcp 22")


def test_rules_inside_the_policy_resource_count():
    vpc, *rest = world()
    rules = [
        {
            "priority": 1,
            "action": "allow",
            "direction": "INGRESS",
            "match": {"srcIpRanges": ["10.0.0.0/8"], "layer4Configs": [{"ipProtocol": "tcp", "ports": ["22"]}]},
        }
    ]
    policy = resource("networkFirewallPolicyWithRules", "full", rules=rules)
    at = resource("networkFirewallPolicyAssociation", "at", firewallPolicy=policy.id, attachmentTarget=link(vpc))
    assert Estate(vpc, *rest, policy, at).reaches("client", "server", "tcp 22", must=True)
    assert not Estate(vpc, *rest, policy, at).reaches("client", "server", "tcp 23")
