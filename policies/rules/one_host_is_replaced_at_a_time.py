"""Production instances must have ``protect``; of a role, one at most may be released to be replaced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_policy import PolicyResource, Severity

from policies.reading.properties import UNKNOWN, in_production, stated, tag
from policies.rule import Example, stack_rule, violation

INSTANCE = "aws:ec2/instance:Instance"
REASON = "a plan that replaces all hosts of a role at once, as another subnet or key does, ends the role's work"


def _check(resources: Sequence[PolicyResource]) -> Iterator[tuple[str, str]]:
    released: dict[tuple[object, object], list[PolicyResource]] = {}
    for each in resources:
        if each.resource_type != INSTANCE or not in_production(each.props):
            continue
        if stated(each.props, "forceDestroy") not in (None, False):
            released.setdefault((tag(each.props, "Network"), tag(each.props, "Role")), []).append(each)
        elif not each.opts.protect:
            yield (
                violation(
                    "protect is off, and forceDestroy is not set",
                    "a production instance must have protect unless it is released to be replaced",
                    REASON,
                    "set protect; `estate:replace` in the stack's configuration releases a host by its name",
                ),
                each.urn,
            )
    for (_, role), together in released.items():
        for each in together if len(together) > 1 else ():
            yield (
                violation(
                    f"{len(together)} instances of the role {'unknown' if role is UNKNOWN else role} are released",
                    "one of a role may be",
                    REASON,
                    "name one host of a role in `estate:replace`",
                ),
                each.urn,
            )


RULE = stack_rule(
    "one-host-is-replaced-at-a-time",
    "Production instances must have Pulumi's `protect`. Of each role, one at most may be released to be replaced "
    "(`forceDestroy`).",
    _check,
    Severity.CRITICAL,
    why="Instances have fixed addresses, so the old one is deleted before the new one is created. A changed subnet or "
    "key would do that to all instances of a region in one update. (A changed image is for new instances only.)",
    fix="Set `protect` in the resource's options. Replace a host by its name (`bin/estate up NETWORK --replace HOST`). "
    "If several must be replaced at once, write an exception with its reason and last day.",
    source="https://www.pulumi.com/docs/iac/concepts/options/deletebeforereplace/",
    example=Example(INSTANCE, protect=False),
)
