"""``bin/estate prove``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estate.errors import UsageError
from proofs import proving, subjects

if TYPE_CHECKING:
    from proofs.proving import Proof
    from reachability.difference import Difference

DEFAULT = "cosmoshub"
PROVED = "proved"


def _names(checkout: Path, arguments: argparse.Namespace) -> list[str]:
    if arguments.all:
        if arguments.networks:
            raise UsageError("--all is every network; leave the names out")
        from estate.declaration import files as declaration

        return declaration.names(checkout)
    return arguments.networks or [DEFAULT]


def _question(checkout: Path, arguments: argparse.Namespace) -> subjects.Question:
    if arguments.state is None:
        return subjects.of_declarations(checkout, _names(checkout, arguments))
    if arguments.all or len(arguments.networks) > 1:
        raise UsageError("--state is one stack; name at most the one network that it is of")
    return subjects.of_state(checkout, arguments.state, next(iter(arguments.networks), None))


def documents(proof: Proof) -> tuple[list[dict[str, Any]], str]:
    """The reports as JSON, and the verdict over all of them."""
    found = [report.document() for report in proof.reports]
    verdicts = {each["verdict"] for each in found}
    overall = next((each for each in ("refuted", "not-modelled") if each in verdicts), PROVED)
    return found, overall


def _compare(checkout: Path, old: str, new: str, name: str | None) -> Difference:
    from reachability.assembly import assemble
    from reachability.difference import compare
    from reachability.prover import Prover

    one, other = (Prover(assemble(subjects.of_state(checkout, each, name).subject)) for each in (old, new))
    return compare(one, other)


def _show_difference(difference: Difference) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    kind = None
    for each, sentence in difference.sentences():
        if each != kind:
            console.print(Text(each, style="bold red" if each.startswith("becomes") else "bold green"))
            kind = each
        console.print(Text(f"  {sentence}"))
    if kind is None:
        console.print("nothing becomes reachable, and nothing stops being so")
    for reason in difference.unmodelled:
        console.print(Text(f"not modelled: {reason}", style="yellow"))


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    if arguments.diff:
        difference = _compare(checkout, *arguments.diff, next(iter(arguments.networks), None))
        if arguments.json:
            print(json.dumps(difference.document(), indent=2))
        else:
            _show_difference(difference)
        return 0
    asked = proving.claims(checkout, arguments.explain)
    proof = proving.prove(_question(checkout, arguments), asked)
    found, overall = documents(proof)
    if arguments.state is None and arguments.explain is None and len(found) == 1:
        proving.remember(checkout, proof.reports)
    if arguments.json:
        document = found[0] if len(found) == 1 else {"networks": found, "verdict": overall}
        if arguments.explain:
            document = {**document, "explanation": asked[0].explanation}
        json.dump(document, sys.stdout, indent=2)
        print()
        return int(overall != PROVED)
    from rich.console import Console

    from cli import verdicts

    console = Console(highlight=False)
    for position, report in enumerate(found):
        if position:
            console.print()
        if arguments.explain:
            verdicts.explain(report, asked[0].explanation, console)
        else:
            verdicts.show(report, console, source=proof.question.source, idle_rules=arguments.unexercised)
    return int(overall != PROVED)
