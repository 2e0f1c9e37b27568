"""Only reviewed resource types may be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_policy import PolicyResource, Severity

from policies.reading.types import REVIEWED
from policies.rule import Example, stack_rule, violation

OURS = ("estate:", "pulumi:")


def check(resources: Sequence[PolicyResource]) -> Iterator[tuple[str, str]]:
    for resource in resources:
        type_ = resource.resource_type
        if not type_.startswith(OURS) and type_ not in REVIEWED:
            yield (
                violation(
                    f"{type_} is used",
                    "only reviewed types may be used",
                    "a type without rules could open what the rules keep closed",
                    "write the rules that it needs, then add it to policies/reading/types.py",
                ),
                resource.urn,
            )


RULE = stack_rule(
    "types-are-reviewed",
    "The stack must only have resource types that this pack has rules for.",
    check,
    Severity.HIGH,
    why="A resource type without rules could open what the rules keep closed.",
    fix="Write the rules that the type needs, then add it to `policies/reading/types.py`.",
    source="https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/sec_securely_operate_reduce_management_scope.html",
    example=Example("aws:ec2/placementGroup:PlacementGroup", {"strategy": "spread"}),
)
