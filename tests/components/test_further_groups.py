"""Where one security group does not take all rules, instances have several, which permit together what one would."""

from __future__ import annotations

from collections import defaultdict

import pytest

from components.recording import Recorded, record
from estate.clouds.aws import GROUPS_PER_INTERFACE, QUOTAS
from estate.model import Network, QuotaSet, Role
from reachability.claims import Outcome
from tests.components.test_security_group import EGRESS, INGRESS, rules
from tests.reachability.claims.estates import Built, deployed

pytestmark = pytest.mark.slow

GROUP, INSTANCE = "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/instance:Instance"
LIMIT = QUOTAS["rules_per_security_group"].default
LAYERS = "layers-agree"


@pytest.fixture(scope="module")
def wide(small: Network) -> Network:
    """A network whose partner has more blocks than fit into one security group of its private sentries."""
    ((name, partner),) = small.partners.items()
    blocks = tuple(block for each in partner.cidrs for block in each.subnets(new_prefix=30))
    assert len(blocks) >= LIMIT
    region = next(node.region for node in small.nodes if node.role is Role.PRIVATE_SENTRY)
    wider = partner.model_copy(update={"cidrs": blocks, "region": region})
    return small.model_copy(update={"partners": {name: wider}})


@pytest.fixture(scope="module")
def spread_out(wide: Network) -> Recorded:
    return record(wide)


@pytest.fixture(scope="module")
def whole(wide: Network) -> Recorded:
    return record(with_one_group(wide))


def with_one_group(network: Network) -> Network:
    """The same, in an account whose groups take more rules."""
    raised = {region: QuotaSet(rules_per_security_group=200) for region in network.regions}
    return network.model_copy(update={"aws": network.aws.model_copy(update={"quotas": raised})})


def groups_of_instances(recorded: Recorded) -> dict[str, list[str]]:
    return {each.name: each.property_dependencies["vpcSecurityGroupIds"] for each in recorded.of(INSTANCE)}


def test_only_hosts_whose_rules_do_not_fit_have_further_groups(spread_out: Recorded) -> None:
    several = {name for name, groups in groups_of_instances(spread_out).items() if len(groups) > 1}
    assert several
    assert all("private-sentry" in name for name in several)


def test_no_group_and_no_interface_has_more_than_aws_allows(spread_out: Recorded) -> None:
    for type_ in (INGRESS, EGRESS):
        counts: defaultdict[str, int] = defaultdict(int)
        for each in spread_out.of(type_):
            counts[each.property_dependencies["securityGroupId"][0]] += 1
        assert max(counts.values()) <= LIMIT
    assert max(map(len, groups_of_instances(spread_out).values())) <= GROUPS_PER_INTERFACE


def test_every_group_is_attached(spread_out: Recorded) -> None:
    attached = {urn for groups in groups_of_instances(spread_out).values() for urn in groups}
    balanced = {
        urn
        for each in spread_out.of("aws:lb/loadBalancer:LoadBalancer")
        for urn in each.property_dependencies["securityGroups"]
    }
    assert {each.urn for each in spread_out.of(GROUP)} == attached | balanced


def test_what_was_deployed_keeps_its_name_and_further_groups_come_beside_it(
    small_recorded: Recorded, spread_out: Recorded
) -> None:
    names, before = ({each.name for each in recorded.of(GROUP)} for recorded in (spread_out, small_recorded))
    assert before < names
    assert {name.rsplit("-group-", 1)[1] for name in names - before} == {"2", "3", "4", "5"}


def test_several_groups_have_the_rules_that_one_would_have(spread_out: Recorded, whole: Recorded) -> None:
    assert {len(groups) for groups in groups_of_instances(whole).values()} == {1}
    for type_ in (INGRESS, EGRESS):
        assert rules(spread_out, type_) == rules(whole, type_)


@pytest.fixture(scope="module")
def built(wide: Network, spread_out: Recorded) -> Built:
    return deployed(wide, spread_out)


def test_the_prover_takes_several_groups_together(built: Built, whole: Recorded) -> None:
    assert built.verdict(LAYERS).outcome is Outcome.PROVED
    assert deployed(with_one_group(built.network), whole).verdict(LAYERS).outcome is Outcome.PROVED


def test_the_prover_notices_a_rule_that_is_missing_in_a_further_group(built: Built) -> None:
    further = next(each for each in built.resources if each.type == GROUP and each.name.endswith("-group-3"))
    rule = next(
        each for each in built.resources if each.type == INGRESS and each.properties["securityGroupId"] == further.id
    )
    assert built.without(lambda each: each is rule).verdict(LAYERS).outcome is Outcome.REFUTED
