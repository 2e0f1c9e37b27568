"""How the rules of a role, or of a load balancer, are spread over security groups of AWS.

All rules of a direction are in the first group, as long as it takes them. Where they are more than it takes, the first
group has none of that direction, and each rule is in the further group that its own text names. So a rule stays where
it is, whatever is added or removed beside it. The engine creates before it deletes: if rules moved from a full group to
the next, the group would have to take the new ones while it still had the old ones, and AWS would refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from estate.clouds.aws import GROUPS_PER_INTERFACE
from estate.plan.permissions import Permission, Permissions

FURTHER_GROUPS = GROUPS_PER_INTERFACE - 1
PATH_MTU_RULES = 1
"""Inbound rules of the first group beside those of the flows: that routers may report a packet too big."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """One security group: its ``number``, from 1, and its rules."""

    number: int
    inbound: tuple[Permission, ...]
    outbound: tuple[Permission, ...]

    def counts(self) -> Iterator[tuple[str, int, int]]:
        """Direction, IP version and how many rules AWS counts: it limits each of the four by itself.

        A rule counts once, because each names one block. (One that names a prefix list would count as often as the list
        may have entries.)
        """
        for direction, rules in (("inbound", self.inbound), ("outbound", self.outbound)):
            own = PATH_MTU_RULES if direction == "inbound" and self.number == 1 else 0
            for version in (4, 6):
                count = sum(rule.cidr.version == version for rule in rules) + (own if version == 4 else 0)
                if count:
                    yield direction, version, count


def _further(rule: Permission) -> int:
    """The number of the further group for ``rule``: it depends on the rule alone, and rules are spread evenly."""
    return 2 + sha256(rule.key.encode()).digest()[0] % FURTHER_GROUPS


def _by_group(rules: tuple[Permission, ...], room: int) -> dict[int, tuple[Permission, ...]]:
    if all(sum(rule.cidr.version == version for rule in rules) <= room for version in (4, 6)):
        return {1: rules}
    numbers = sorted({_further(rule) for rule in rules})
    return {number: tuple(rule for rule in rules if _further(rule) == number) for number in numbers}


def spread(permissions: Permissions, limit: int) -> tuple[Group, ...]:
    """The groups of one role in a region, in order of number; the first is always there.

    Args:
        permissions: what the role's hosts may do.
        limit: rules that a group takes in one direction for one IP version.
    """
    inbound = _by_group(permissions.inbound, limit - PATH_MTU_RULES)
    outbound = _by_group(permissions.outbound, limit)
    return tuple(
        Group(number=number, inbound=inbound.get(number, ()), outbound=outbound.get(number, ()))
        for number in sorted({1, *inbound, *outbound})
    )
