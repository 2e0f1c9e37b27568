"""A rule: its name, the requirement, the reason for it, and a check that yields violations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Example:
    """A violation of one rule: a compliant stack with one change, which no other rule rejects.

    ``properties`` are merged into those of the first resource of ``type``, mappings key by key; ``None`` removes one.
    If the stack has no resource of the type, one is added. ``protect`` is the resource option; resources of the types
    in ``missing`` are removed.
    """

    type: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = True
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """The documentation of a rule.

    ``source``: the URL of its source. ``example``: a violation, in words if no single resource can show it.
    ``firm``: why no exception can lift it; empty if one can.
    """

    why: str
    fix: str
    source: str
    example: Example | str
    firm: str = ""


def _form(severity: Severity, about: About) -> dict[str, Any]:
    """The arguments that every rule passes to the engine."""
    return {
        "enforcement_level": EnforcementLevel.MANDATORY,
        "severity": severity,
        "remediation_steps": about.fix,
        "url": about.source,
    }


class ResourceRule(ResourceValidationPolicy):
    """A rule on single resources, of the types in ``checks`` only."""

    def __init__(
        self, name: str, description: str, checks: Mapping[str, Check], severity: Severity, about: About
    ) -> None:
        self.checks = checks
        self.about = about
        super().__init__(
            name,
            description,
            validate=self._judge,
            **_form(severity, about),
        )

    def _judge(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        if check := self.checks.get(args.resource_type):
            for message in check(args):
                report(message, None)


class StackRule(StackValidationPolicy):
    """A rule on all resources of a stack. ``check`` yields a message and the URN of the resource."""

    def __init__(self, name: str, description: str, check: StackCheck, severity: Severity, about: About) -> None:
        self.check = check
        self.about = about
        super().__init__(
            name,
            description,
            validate=self._judge,
            **_form(severity, about),
        )

    def _judge(self, args: StackValidationArgs, report: ReportViolation) -> None:
        for message, urn in self.check(args.resources):
            report(message, urn)


Rule = ResourceRule | StackRule


def violation(given: str, rule: str, reason: str, fix: str) -> str:
    """The message of a violation: what was found, the requirement, its reason and the fix."""
    return f"{given}; {rule}, because {reason}; {fix}"


def resource_rule(
    name: str,
    description: str,
    checks: Mapping[str, Check],
    severity: Severity,
    *,
    why: str,
    fix: str,
    source: str,
    example: Example | str,
    firm: str = "",
) -> ResourceRule:
    """A mandatory rule on single resources. ``checks`` is by type token; other types are not checked."""
    return ResourceRule(name, description, checks, severity, About(why, fix, source, example, firm))


def stack_rule(
    name: str,
    description: str,
    check: StackCheck,
    severity: Severity,
    *,
    why: str,
    fix: str,
    source: str,
    example: Example | str,
    firm: str = "",
) -> StackRule:
    """A mandatory rule on all resources of a stack. ``check`` yields a message and the URN of the resource."""
    return StackRule(name, description, check, severity, About(why, fix, source, example, firm))


def referred(resource: PolicyResource, key: str, type_: str) -> PolicyResource | None:
    """The resource of ``type_`` on which the property ``key`` depends; known before any id is."""
    return next((each for each in resource.property_dependencies.get(key, ()) if each.resource_type == type_), None)
