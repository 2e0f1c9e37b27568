"""Exceptions from the rules and lowered levels: configuration with an owner, a reason and an end.

``policies/exceptions.yaml`` has two lists. An entry of ``exceptions`` lifts one rule for the resources whose URN
matches a pattern; an entry of ``levels`` makes a rule say what it finds without stopping anything. Each names who
answers for it, why, and the last day on which it counts: at most a year away. An entry that cannot count (past its end,
incomplete, of a rule that does not exist or that can never be lifted) is itself a violation that stops everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Any

import yaml

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
    """One entry that counts. ``resource``: pattern of URNs; empty for a level, which is for all."""

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
    """What the file says. ``problems``: each in words, of entries that do not count."""

    exceptions: tuple[Exempt, ...] = ()
    levels: tuple[Exempt, ...] = ()
    problems: tuple[str, ...] = ()

    def of(self, rule: str, urn: str) -> Exempt | None:
        """The exception that lifts ``rule`` for the resource, if one does."""
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
        yield f"expires is {given}; it is a day, as 2027-06-30; without an end an exception becomes the rule; write one"
    elif expires < today:
        yield (
            f"it expired on {expires}; an exception ends on its day; what it stood for must be done by now; mend the "
            f"resource "
            "and remove the entry, or have its owner give a new day"
        )
    elif expires - today > LONGEST:
        yield (
            f"expires is {expires}; it is at most a year away; who decided must look at it again; write a nearer day, "
            f"{today + timedelta(days=365)} at the latest"
        )


def _pattern(given: Any) -> Iterator[str]:
    parts = str(given).split("::")
    if len(parts) != URN_PARTS or not parts[0].startswith("urn:pulumi:"):
        yield (
            f"resource is {given}; it is a pattern of urn:pulumi:STACK::PROJECT::TYPE::NAME; URNs are matched as a "
            f"whole; "
            "write all four parts, * for any text"
        )
    elif not set(parts[-1]) - WILD:
        yield (
            f"resource is {given}; its NAME names something; an exception is for what its reason is about; name the "
            f"resource, "
            "or lower the rule's level"
        )


def _entry(kind: str, entry: Any, firm: Mapping[str, str], today: date) -> Iterator[str]:
    if not isinstance(entry, Mapping):
        yield f"it is {entry}; an entry is a mapping; its fields are named; write {', '.join(FIELDS[kind])}"
        return
    wanted = FIELDS[kind]
    missing = [key for key in wanted if entry.get(key) in (None, "")]
    if missing:
        yield (
            f"{', '.join(missing)}: missing; all of {', '.join(wanted)} are stated; somebody answers for it, for a "
            f"reason, "
            "until a day; add them"
        )
    if unknown := [str(key) for key in entry if key not in wanted]:
        yield (
            f"{', '.join(unknown)}: unknown; its fields are {', '.join(wanted)}; a misspelt one would say nothing; "
            "remove them"
        )
    rule = entry.get("rule")
    if rule is not None and rule not in firm:
        yield f"rule is {rule}; no rule has that name; nothing is lifted; see docs/policies.md"
    elif rule is not None and firm[rule]:
        yield f"rule is {rule}; it is never lifted or lowered; {firm[rule]}; mend the resource and remove the entry"
    if "expires" not in missing:
        yield from _ended(_day(entry.get("expires")), entry.get("expires"), today)
    if kind == "exceptions" and "resource" not in missing:
        yield from _pattern(entry["resource"])
    if kind == "levels" and "level" not in missing and entry["level"] != ADVISORY:
        yield f"level is {entry['level']}; it is {ADVISORY}; a rule that says nothing is forgotten; write {ADVISORY}"


def _read(kind: str, entries: Any, firm: Mapping[str, str], today: date) -> tuple[tuple[Exempt, ...], tuple[str, ...]]:
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        return (), (f"{FILE}, {kind}: it is {entries}; it is a list; each entry stands alone; write a list",)
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
    """What the file's ``text`` says on the day ``today``.

    ``firm``: every rule there is, by name, and why no exception can lift it; empty where one can. Whatever is wrong is
    among the problems; nothing is raised.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problem = f"{FILE}{line}: it is no YAML; it must be read; no exception counts until it is; mend it"
        return Exemptions(problems=(problem,))
    if document is None:
        return Exemptions()
    if not isinstance(document, Mapping):
        return Exemptions(
            problems=(f"{FILE}: it is {document}; it has exceptions and levels; both are lists; write them",)
        )
    unknown = [
        f"{FILE}: {key}: unknown; it has exceptions and levels; a misspelt list would say nothing; rename it"
        for key in document
        if key not in FIELDS
    ]
    exceptions, in_exceptions = _read("exceptions", document.get("exceptions") or [], firm, today)
    levels, in_levels = _read("levels", document.get("levels") or [], firm, today)
    return Exemptions(exceptions, levels, (*unknown, *in_exceptions, *in_levels))
