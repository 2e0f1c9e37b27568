"""``docs/policies.md``, generated from the rules.

``python -m policies.document`` writes it; with ``--check`` it only reports whether the page is current, by exit code 0
or 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pulumi_policy import Severity

from policies import pack
from policies.rule import Example, ResourceRule, Rule
from policies.rules import registry

PAGE = Path(__file__).resolve().parents[1] / "docs" / "policies.md"
COMMAND = "python -m policies.document"
ORDER = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)

HEAD = f"""\
# Policies

Written by `{COMMAND}` from `policies/rules/`; do not edit it here.

The requirements that every resource of the estate must meet, whatever the program does. The pack runs on every preview
and update (`pulumi up --stack NETWORK --policy-pack policies`; `bin/estate` adds it). Every rule is mandatory: a
violation stops the update. It reports what was found, the requirement, its reason and the fix. A value that is unknown
during a preview is never accepted: the rule rejects it or, for a document that depends on another resource, defers the
decision to the update.

Each example changes one property of a compliant stack; a test shows that exactly this rule rejects it.

## Exceptions

`policies/exceptions.yaml` lifts a rule for resources (`exceptions`, by a pattern of their URN), or lowers it to advice
(`levels`). An entry names rule, owner, reason and its last valid day, at most a year away; a violation that it lifts
is still reported, as advice (`{pack.IN_FORCE}`). An entry that is incomplete or past its last day stops every preview
and update (`{pack.CURRENT}`). Rules that can never be lifted:

"""


def _yaml(value: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(value), sort_keys=False, default_flow_style=False, width=1000).rstrip()


def _changes(properties: Mapping[str, Any]) -> Iterator[str]:
    """The changed properties, one per line; removed ones as a comment."""
    kept: dict[str, Any] = {}
    for key, value in properties.items():
        if value is None:
            yield f"# {key}: left out"
        elif isinstance(value, Mapping) and None in value.values():
            yield from (f"# {key}.{inner}: left out" for inner, given in value.items() if given is None)
            if stated := {inner: given for inner, given in value.items() if given is not None}:
                kept[key] = stated
        else:
            kept[key] = value
    if kept:
        yield _yaml(kept)


def _example(example: Example | str) -> list[str]:
    if isinstance(example, str):
        return [example]
    lines = [f"# {example.type}", *_changes(example.properties)]
    if not example.protect:
        lines.append("# protect: off")
    return ["```yaml", *lines, "```"]


def _types(rule: Rule) -> list[str]:
    if not isinstance(rule, ResourceRule):
        return ["- checks: all resources together"]
    return [f"- checks: {', '.join(f'`{type_}`' for type_ in sorted(rule.checks))}"]


def _rule(rule: Rule) -> list[str]:
    about, severity = rule.about, rule.severity or Severity.HIGH
    return [
        f"### `{rule.name}`",
        "",
        rule.description,
        "",
        f"- level: mandatory, {severity.value}" + ("; never lifted" if about.firm else ""),
        f"- why: {about.why}",
        f"- fix: {about.fix}",
        f"- source: <{about.source}>",
        *_types(rule),
        "",
        "Stopped:",
        "",
        *_example(about.example),
        "",
    ]


def page() -> str:
    """The whole page."""
    rules = sorted(registry.rules(), key=lambda rule: (ORDER.index(rule.severity or Severity.HIGH), rule.name))
    firm = [f"- `{name}`: {reason}" for name, reason in sorted(pack.firm().items()) if reason]
    table = ["| rule | level | what |", "|---|---|---|"]
    table += [f"| [`{r.name}`](#{r.name}) | {(r.severity or Severity.HIGH).value} | {r.description} |" for r in rules]
    lines = [*firm, "", "## Rules", "", *table, "", *(line for rule in rules for line in _rule(rule))]
    return HEAD + "\n".join(lines).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        current = PAGE.exists() and PAGE.read_text() == page()
        print(f"{PAGE.name} is {'up to date' if current else f'out of date; run {COMMAND}'}")
        return 0 if current else 1
    if arguments:
        print(f"{COMMAND} [--check]: got {' '.join(arguments)}", file=sys.stderr)
        return 2
    PAGE.write_text(page())
    print(f"{PAGE.name}: {len(registry.rules())} rules")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
