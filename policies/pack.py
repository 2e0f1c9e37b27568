"""The pack: every rule, the exceptions applied, and a report of what the exceptions lift."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies.exceptions import Exemptions, read
from policies.rule import ResourceRule, Rule
from policies.rules import registry

EXCEPTIONS = Path(__file__).with_name("exceptions.yaml")
STACK = "pulumi:pulumi:Stack"
CURRENT = "exceptions-are-current"
IN_FORCE = "exceptions-in-force"
CURRENT_FIRM = "it is what ends exceptions"

Report = Callable[[str, str], None]
"""Called with a message and the URN of the resource."""


def _lifting(rule: Rule, exemptions: Exemptions, lifted: Report, report: ReportViolation) -> Report:
    """Sends a violation to ``lifted`` if an exception covers it, else to ``report``."""

    def say(message: str, urn: str) -> None:
        exempt = exemptions.of(rule.name, urn)
        if exempt is not None:
            lifted(f"{rule.name} is lifted {exempt.words()}. Its message: {message}", urn)
        else:
            report(message, urn)

    return say


def excepted(rule: Rule, exemptions: Exemptions, lifted: Report) -> Policy:
    """``rule`` with the exceptions applied: lifted for some resources, or lowered to advice."""
    lowered = exemptions.lowered(rule.name)
    if lowered is None and all(each.rule != rule.name for each in exemptions.exceptions):
        return rule
    description = rule.description + (f" Advice only, {lowered.words()}." if lowered else "")
    level = EnforcementLevel.ADVISORY if lowered else EnforcementLevel.MANDATORY
    if isinstance(rule, ResourceRule):

        def of_resource(args: ResourceValidationArgs, report: ReportViolation) -> None:
            say = _lifting(rule, exemptions, lifted, report)

            def about_it(message: str, _: str | None = None) -> None:
                say(message, args.urn)

            rule.validate(args, about_it)

        return ResourceValidationPolicy(
            rule.name, description, of_resource, level, severity=rule.severity, url=rule.about.source
        )

    def of_stack(args: StackValidationArgs, report: ReportViolation) -> None:
        say = _lifting(rule, exemptions, lifted, report)

        def about_one(message: str, urn: str | None = None) -> None:
            say(message, urn or "")

        rule.validate(args, about_one)

    return StackValidationPolicy(rule.name, description, of_stack, level, severity=rule.severity, url=rule.about.source)


def _current(exemptions: Exemptions) -> ResourceValidationPolicy:
    """Stops a preview or update at its first resource, the stack itself, while an exception is invalid."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type == STACK:
            for problem in exemptions.problems:
                report(problem, None)

    return ResourceValidationPolicy(
        CURRENT,
        "Each exception must have a rule, an owner, a reason and a last day that is not past.",
        validate,
        EnforcementLevel.MANDATORY,
        severity=Severity.HIGH,
    )


def _in_force(lifted: dict[tuple[str, str], None]) -> StackValidationPolicy:
    def validate(_: StackValidationArgs, report: ReportViolation) -> None:
        for message, urn in lifted:
            report(message, urn)

    return StackValidationPolicy(
        IN_FORCE,
        "Lists what exceptions lift, and until when.",
        validate,
        EnforcementLevel.ADVISORY,
        severity=Severity.LOW,
    )


def firm() -> dict[str, str]:
    """Every rule by name, with the reason why no exception can lift it; empty if one can."""
    return {rule.name: rule.about.firm for rule in registry.rules()} | {CURRENT: CURRENT_FIRM}


def policies(text: str, today: date) -> list[Policy]:
    """All policies of the pack, with the exceptions in ``text`` that are valid on the day ``today``."""
    exemptions = read(text, firm(), today)
    lifted: dict[tuple[str, str], None] = {}
    rules = [
        excepted(rule, exemptions, lambda message, urn: lifted.update({(message, urn): None}))
        for rule in registry.rules()
    ]
    return [_current(exemptions), *rules, _in_force(lifted)]


def here() -> list[Policy]:
    """The pack of this checkout, today."""
    return policies(EXCEPTIONS.read_text() if EXCEPTIONS.exists() else "", datetime.now(UTC).date())
