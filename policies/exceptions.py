"""Exceptions from the rules and lowered levels: configuration with an owner, a reason and an expiry date.

``policies/exceptions.yaml`` has two lists. An entry of ``exceptions`` lifts one rule for the resources whose URN
matches a pattern; an entry of ``levels`` lowers a rule to advice. Each names its
owner, its reason and its last valid day, at most a year away. An invalid entry (expired, incomplete, for a rule that
does not exist or that can never be lifted) is itself a violation that stops every preview and update.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Any

import yaml

from policies.rule import violation

FILE = "policies/exceptions.yaml"
LONGEST = timedelta(days=366)
ADVISORY = "advisory"
COMMON = ("rule", "owner", "reason", "expires")
FIELDS = {"exceptions": (*COMMON, "resource"), "levels": (*COMMON, "level")}
URN_PARTS = 4
"""``urn:pulumi:STACK::PROJECT::TYPE::NAME``."""

WILD = set("*?[]!")


@dataclass(frozen=True, slots=True)
class Exempt:
    """One valid entry. ``resource``: pattern of URNs; empty for a level, which applies to all resources."""

    rule: str
    owner: str
    reason: str
    expires: date
    resource: str = ""

    def covers(self, rule: str, urn: str) -> bool:
        return rule == self.rule and (not self.resource or fnmatchcase(urn, self.resource))

    def words(self) -> str:
        return f"until {self.expires} by {self.owner}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Exemptions:
    """The entries of the file. ``problems``: one message for each invalid entry."""

    exceptions: tuple[Exempt, ...] = ()
    levels: tuple[Exempt, ...] = ()
    problems: tuple[str, ...] = ()

    def of(self, rule: str, urn: str) -> Exempt | None:
        """The exception that lifts ``rule`` for the resource, if there is one."""
        return next((each for each in self.exceptions if each.covers(rule, urn)), None)

    def lowered(self, rule: str) -> Exempt | None:
        return next((each for each in self.levels if each.rule == rule), None)


def _day(given: Any) -> date | None:
    if isinstance(given, date):
        return date(given.year, given.month, given.day)
    try:
        return date.fromisoformat(given)
    except (TypeError, ValueError):
        return None


def _ended(expires: date | None, given: Any, today: date) -> Iterator[str]:
    if expires is None:
        reason = "without an end an exception becomes the rule"
        yield violation(f"expires is {given}", "it must be a day, as 2027-06-30", reason, "set one")
    elif expires < today:
        yield violation(
            f"it expired on {expires}",
            "an entry must not be past its last day",
            "what it postponed should be done by now",
            "fix the resource and remove the entry, or have its owner set a new day",
        )
    elif expires - today > LONGEST:
        yield violation(
            f"expires is {expires}",
            "it must be at most a year away",
            "every exception is reviewed once a year",
            f"set a nearer day, {today + timedelta(days=365)} at the latest",
        )


def _pattern(given: Any) -> Iterator[str]:
    parts = str(given).split("::")
    if len(parts) != URN_PARTS or not parts[0].startswith("urn:pulumi:"):
        yield violation(
            f"resource is {given}",
            "it must be a pattern of urn:pulumi:STACK::PROJECT::TYPE::NAME",
            "whole URNs are matched",
            "write all four parts, * for any text",
        )
    elif not set(parts[-1]) - WILD:
        yield violation(
            f"resource is {given}",
            "its NAME must not match everything",
            "an exception is for the resource that its reason is about",
            "name the resource, or lower the rule's level",
        )


def _entry(kind: str, entry: Any, firm: Mapping[str, str], today: date) -> Iterator[str]:
    if not isinstance(entry, Mapping):
        fields = ", ".join(FIELDS[kind])
        yield violation(f"it is {entry}", "an entry must be a mapping", "its fields have names", f"write {fields}")
        return
    wanted = FIELDS[kind]
    missing = [key for key in wanted if entry.get(key) in (None, "")]
    if missing:
        yield violation(
            f"{', '.join(missing)}: missing",
            f"all of {', '.join(wanted)} must be set",
            "each exception has an owner, a reason and an end",
            "add them",
        )
    if unknown := [str(key) for key in entry if key not in wanted]:
        yield violation(
            f"{', '.join(unknown)}: unknown",
            f"its fields must be {', '.join(wanted)}",
            "a misspelt field would have no effect",
            "correct or remove them",
        )
    rule = entry.get("rule")
    if rule is not None and rule not in firm:
        yield violation(
            f"rule is {rule}", "it must be the id of a rule", "otherwise nothing is lifted", "see docs/policies.md"
        )
    elif rule is not None and firm[rule]:
        yield violation(
            f"rule is {rule}",
            "this rule must never be lifted or lowered",
            firm[rule],
            "fix the resource and remove the entry",
        )
    if "expires" not in missing:
        yield from _ended(_day(entry.get("expires")), entry.get("expires"), today)
    if kind == "exceptions" and "resource" not in missing:
        yield from _pattern(entry["resource"])
    if kind == "levels" and "level" not in missing and entry["level"] != ADVISORY:
        yield violation(
            f"level is {entry['level']}",
            f"it must be {ADVISORY}",
            "a rule that reports nothing is forgotten",
            f"set it to {ADVISORY}",
        )


def _read(kind: str, entries: Any, firm: Mapping[str, str], today: date) -> tuple[tuple[Exempt, ...], tuple[str, ...]]:
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        problem = violation(f"it is {entries}", "it must be a list", "it holds any number of entries", "write a list")
        return (), (f"{FILE}, {kind}: {problem}",)
    counting, problems = [], []
    for number, entry in enumerate(entries, 1):
        found = list(_entry(kind, entry, firm, today))
        name = entry.get("rule") if isinstance(entry, Mapping) else None
        problems += [f"{FILE}, {kind}, entry {number}{f' ({name})' if name else ''}: {each}" for each in found]
        if not found and (expires := _day(entry["expires"])):
            counting.append(
                Exempt(
                    rule=str(entry["rule"]),
                    owner=str(entry["owner"]),
                    reason=str(entry["reason"]),
                    expires=expires,
                    resource=str(entry.get("resource", "")),
                )
            )
    return tuple(counting), tuple(problems)


def read(text: str, firm: Mapping[str, str], today: date) -> Exemptions:
    """Parses the file's ``text``, as valid on the day ``today``.

    ``firm``: every rule by name, with the reason why no exception can lift it (empty if one can). All errors are
    returned as problems; nothing is raised.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problem = violation("it is not valid YAML", "it must be YAML", "no exception counts otherwise", "correct it")
        return Exemptions(problems=(f"{FILE}{line}: {problem}",))
    if document is None:
        return Exemptions()
    if not isinstance(document, Mapping):
        return Exemptions(
            problems=(
                f"{FILE}: "
                + violation(
                    f"it is {document}", "it must have exceptions and levels", "both are lists", "write a mapping"
                ),
            )
        )
    unknown = [
        f"{FILE}: "
        + violation(
            f"{key}: unknown",
            "its keys must be exceptions and levels",
            "a misspelt list would have no effect",
            "rename it",
        )
        for key in document
        if key not in FIELDS
    ]
    exceptions, in_exceptions = _read("exceptions", document.get("exceptions") or [], firm, today)
    levels, in_levels = _read("levels", document.get("levels") or [], firm, today)
    return Exemptions(exceptions, levels, (*unknown, *in_exceptions, *in_levels))
