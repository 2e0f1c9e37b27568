"""How a rule is made: a name, a sentence, and a check that yields what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pulumi_policy import (
    EnforcementLevel,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

Check = Callable[[ResourceValidationArgs], Iterable[str]]
StackCheck = Callable[[Sequence[PolicyResource]], Iterator[tuple[str, str]]]


def violation(given: str, rule: str, reason: str, fix: str) -> str:
    return f"{given}; {rule}; {reason}; {fix}"


def resource_rule(
    name: str, description: str, checks: Mapping[str, Check], severity: Severity
) -> ResourceValidationPolicy:
    """A mandatory rule on single resources. ``checks`` by type token, of exactly the types that the rule is about."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if check := checks.get(args.resource_type):
            for message in check(args):
                report(message)

    return ResourceValidationPolicy(
        name=name,
        description=description,
        validate=validate,
        enforcement_level=EnforcementLevel.MANDATORY,
        severity=severity,
    )


def stack_rule(name: str, description: str, check: StackCheck, severity: Severity) -> StackValidationPolicy:
    """A mandatory rule on resources together. ``check`` yields a message and the URN that it is about."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for message, urn in check(args.resources):
            report(message, urn)

    return StackValidationPolicy(
        name=name,
        description=description,
        validate=validate,
        enforcement_level=EnforcementLevel.MANDATORY,
        severity=severity,
    )


def referred(resource: PolicyResource, key: str, type_: str) -> PolicyResource | None:
    """The resource of ``type_`` that the property ``key`` was taken from: known before ids are."""
    return next((each for each in resource.property_dependencies.get(key, ()) if each.resource_type == type_), None)
