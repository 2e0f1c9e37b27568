"""Findings about declarations as SARIF 2.1.0, of which code hosts show alerts at the lines of a change.

The properties are those that GitHub's code scanning requires and reads, which is a part of the standard's:
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from estate.printable import printable

if TYPE_CHECKING:
    from estate.findings import Problem
    from estate.model import Model

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
VERSION = "2.1.0"
TOOL = "estate-check"
LONGEST_DESCRIPTION = 1024
"""In characters: the most that GitHub takes of a rule's description."""

FILE = "file"
"""The id of what is wrong with a file as a whole, whatever it should declare."""
UNKNOWN_FIELD = "unknown-field"
"""The last part of the id of a finding about a field that no model has."""
ANY = "*"
"""In an id: any key of a mapping, any entry of a list."""


def _root(file: str) -> tuple[str, type[Model]]:
    """What a file declares: with which word its ids begin, and the model."""
    from estate.model import Company, Datacentre, Network

    path = Path(file)
    if path.name == "company.yaml":
        return "company.", Company
    return ("datacentre.", Datacentre) if path.parent.name == "datacentres" else ("", Network)


def _inside(path: str) -> str:
    """The place within what the file declares."""
    from estate.declaration.load import CONFIG_KEY

    return path.removeprefix(f"config.{CONFIG_KEY}.")


def rule_id(path: str, file: str = "") -> str:
    """The id of the rules about one place of a declaration: ``sites.*.servers.*.serial`` for the serial of any server.

    It has the names of fields only. Names and positions that a company chooses are ``*``. A field that no model has is
    ``unknown-field``, with all below it. So the same mistake has the same id in every network, whatever the value. Ids
    of what networks share begin with ``company.`` and ``datacentre.``, after the ``file`` that declares it.
    """
    from estate.declaration.shape import place_of

    inside = _inside(path)
    if inside == path and (path.startswith("(") or path.split(".", 1)[0] == "config"):
        return FILE
    prefix, root = _root(file)
    steps = inside.split(".")
    pattern: list[str] = []
    around = None
    for end in range(1, len(steps) + 1):
        place = place_of(tuple(steps[:end]), root)
        if place is None:
            pattern.append(UNKNOWN_FIELD)
            break
        named = around is None or (place.owner, place.field) != (around.owner, around.field)
        pattern.append(place.field if named else ANY)
        around = place
    return prefix + ".".join(pattern)


def _descriptor(identifier: str, found: Problem) -> dict[str, Any]:
    """The rule as the host shows it. ``found``: one finding with the id."""
    from estate.declaration.shape import place_of

    place = place_of(tuple(_inside(found.path).split(".")), _root(found.file)[1]) if identifier != FILE else None
    if identifier == FILE:
        short = "A file of the declaration must be readable and declare what belongs in it"
        full, text = short, "`bin/estate new NETWORK` writes valid ones."
    elif place is None:
        short = f"A declaration must have no field that the model does not have: {identifier}"
        full, text = f"{short}. It would be ignored silently", "Correct the name of the field, or remove it."
    else:
        short = f"The declaration must be sound at {identifier}"
        full = f"{short}: {place.words.rule}. Reason: {place.words.reason}"
        text = f"Write for example: {place.words.example}"
    return {
        "id": identifier,
        "shortDescription": {"text": short[:LONGEST_DESCRIPTION]},
        "fullDescription": {"text": full[:LONGEST_DESCRIPTION]},
        "help": {"text": text},
        "defaultConfiguration": {"level": "error"},
    }


def _location(problem: Problem, checkout: Path) -> dict[str, Any]:
    """The whole line of a finding; the first line where it is not known."""
    path = Path(problem.file)
    path = path if path.is_absolute() else checkout / path
    uri = quote(path.relative_to(checkout).as_posix()) if path.is_relative_to(checkout) else path.as_uri()
    line = max(problem.line, 1)
    region = {"startLine": line, "startColumn": 1, "endLine": line, "endColumn": _length(path, line) + 1}
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}


def _length(path: Path, line: int) -> int:
    """The characters of a line; 0 where it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return 0
    return len(lines[line - 1].rstrip("\r")) if line <= len(lines) else 0


def _message(problem: Problem) -> str:
    """On one line. Nothing in it is a link: ``[text](target)`` would be one in a SARIF message."""
    said = f"{problem.path}: {problem.rule}; got {problem.value}; {problem.reason}; {problem.fix}"
    return printable(said).replace("](", "] (")


def _results(
    problems: Sequence[Problem], level: str, index: dict[str, int], checkout: Path
) -> Iterator[dict[str, Any]]:
    for problem in problems:
        identifier = rule_id(problem.path, problem.file)
        location = _location(problem, checkout)
        same = "\0".join([location["physicalLocation"]["artifactLocation"]["uri"], problem.path, problem.rule])
        yield {
            "ruleId": identifier,
            "ruleIndex": index[identifier],
            "level": level,
            "message": {"text": _message(problem)},
            "locations": [location],
            "partialFingerprints": {"declarationPath/v1": sha256(same.encode()).hexdigest()[:32]},
        }


def document(problems: Sequence[Problem], notices: Sequence[Problem], checkout: Path, version: str) -> dict[str, Any]:
    """One run with every finding: problems of the level ``error``, notices of the level ``note``.

    Without findings it is a run without results. A host that gets it closes the alerts of earlier runs.
    """
    checkout = checkout.resolve()
    examples = {rule_id(each.path, each.file): each for each in (*problems, *notices)}
    index = {identifier: position for position, identifier in enumerate(sorted(examples))}
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": TOOL,
                        "semanticVersion": version,
                        "rules": [_descriptor(each, examples[each]) for each in index],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    *_results(problems, "error", index, checkout),
                    *_results(notices, "note", index, checkout),
                ],
            }
        ],
    }
