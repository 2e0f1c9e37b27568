"""A rule: its name, the requirement, the reason for it, and a check that yields what is wrong."""

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
    """What a rule stops: a sound stack of which one thing is changed, and that no other rule stops.

    ``properties`` are laid over those of the first resource of ``type``, mappings key by key; ``None`` leaves one out;
    where the stack has none of the type, one is added. ``protect`` is the engine's protection; types in ``missing`` are
    left out.
    """

    type: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = True
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """What the documentation says of a rule.

    ``source``: where it comes from, an address. ``example``: what it stops, in words where no resource shows it.
    ``firm``: why no exception can lift it; empty where one can.
    """

    why: str
    fix: str
    source: str
    example: Example | str
    firm: str = ""


def _form(severity: Severity, about: About) -> dict[str, Any]:
    """What the engine is told of every rule, of whichever kind."""
    return {
        "enforcement_level": EnforcementLevel.MANDATORY,
        "severity": severity,
        "remediation_steps": about.fix,
        "url": about.source,
    }


class ResourceRule(ResourceValidationPolicy):
    """A rule on single resources, of exactly the types in ``checks``."""

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
    """A rule on resources together. ``check`` yields a message and the URN that it is about."""

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
    """A mandatory rule on single resources. ``checks`` by type token, of exactly the types that the rule is about."""
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
    """A mandatory rule on resources together. ``check`` yields a message and the URN that it is about."""
    return StackRule(name, description, check, severity, About(why, fix, source, example, firm))


def referred(resource: PolicyResource, key: str, type_: str) -> PolicyResource | None:
    """The resource of ``type_`` that the property ``key`` was taken from: known before ids are."""
    return next((each for each in resource.property_dependencies.get(key, ()) if each.resource_type == type_), None)
