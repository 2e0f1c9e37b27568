"""Rules are spread over as few security groups as AWS allows, and stay where they are."""

from __future__ import annotations

from ipaddress import IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from estate.clouds.aws import GROUPS_PER_INTERFACE, QUOTAS
from estate.plan.permissions import Permission, Permissions
from estate.plan.security_groups import PATH_MTU_RULES, Group, spread

LIMIT = QUOTAS["rules_per_security_group"].default
BLOCK = IPv4Network("10.7.0.0/16")


def rules(numbers: range) -> tuple[Permission, ...]:
    return tuple(
        Permission(protocol="tcp", ports=(26656, 26656), cidr=IPv4Network((BLOCK[number], 32)), flows=("p2p",))
        for number in numbers
    )


def permissions(inbound: int = 0, outbound: int = 0) -> Permissions:
    return Permissions(inbound=rules(range(inbound)), outbound=rules(range(outbound)))


def places(groups: tuple[Group, ...]) -> dict[tuple[str, str], int]:
    """By direction and rule, the group that has it."""
    found = [(("in", rule.key), group.number) for group in groups for rule in group.inbound]
    found += [(("out", rule.key), group.number) for group in groups for rule in group.outbound]
    assert len(found) == len(dict(found)), "a rule is in two groups"
    return dict(found)


def test_one_group_has_all_rules_as_long_as_it_takes_them() -> None:
    assert [group.number for group in spread(permissions(LIMIT - PATH_MTU_RULES, LIMIT), LIMIT)] == [1]


def test_a_further_group_appears_where_the_first_is_full() -> None:
    assert len(spread(permissions(inbound=LIMIT - PATH_MTU_RULES + 1), LIMIT)) > 1
    assert len(spread(permissions(outbound=LIMIT + 1), LIMIT)) > 1


def test_a_direction_that_fits_stays_in_the_first_group() -> None:
    first, *further = spread(permissions(inbound=5, outbound=LIMIT + 1), LIMIT)
    assert (len(first.inbound), len(first.outbound)) == (5, 0)
    assert not any(group.inbound for group in further)


@given(st.integers(0, 250), st.integers(0, 250))
def test_no_rule_is_lost_and_no_interface_has_more_groups_than_aws_allows(inbound: int, outbound: int) -> None:
    wanted = permissions(inbound, outbound)
    groups = spread(wanted, LIMIT)
    assert {rule for group in groups for rule in group.inbound} == set(wanted.inbound)
    assert {rule for group in groups for rule in group.outbound} == set(wanted.outbound)
    assert len(groups) <= GROUPS_PER_INTERFACE


def test_what_five_groups_hold_fits_with_room_to_spare() -> None:
    counts = [count for group in spread(permissions(180, 180), LIMIT) for _, _, count in group.counts()]
    assert max(counts) <= LIMIT


@given(st.integers(LIMIT + 1, 200), st.integers(1, 40))
def test_rules_stay_in_their_groups_when_others_come(before: int, more: int) -> None:
    """A rule that moved would be in two groups for a while, of which one may have no room for it."""
    old, new = (
        places(spread(permissions(before, before), LIMIT)),
        places(spread(permissions(before + more, before), LIMIT)),
    )
    assert {rule: new[rule] for rule in old} == old


@given(st.integers(1, LIMIT - 1), st.integers(1, 100))
def test_no_group_has_more_than_it_takes_while_rules_move_out_of_the_first(before: int, more: int) -> None:
    """Old and new rules are there together until the old ones are deleted, in either direction of the change."""
    few, many = spread(permissions(before, before), LIMIT), spread(permissions(before + more, before + more), LIMIT)
    for number in range(1, GROUPS_PER_INTERFACE + 1):
        for side, own in (("inbound", PATH_MTU_RULES if number == 1 else 0), ("outbound", 0)):
            both = {rule for group in (*few, *many) if group.number == number for rule in getattr(group, side)}
            assert len(both) + own <= LIMIT


def test_counts_are_of_each_direction_and_include_the_rule_of_no_flow() -> None:
    (group,) = spread(permissions(3, 4), LIMIT)
    assert list(group.counts()) == [("inbound", 4, 3 + PATH_MTU_RULES), ("outbound", 4, 4)]
