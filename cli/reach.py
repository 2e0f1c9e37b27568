"""``bin/estate reach``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from estate.errors import UsageError
from proofs import subjects
from reachability.assembly import assemble
from reachability.difference import services_in_words
from reachability.prover import Prover
from reachability.question import (
    NOT_MODELLED,
    REACHABLE,
    Answer,
    Flow,
    Places,
    all_pairs,
    ask,
    asked_services,
)

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {REACHABLE: "green", NOT_MODELLED: "yellow"}


def _show_flow(flow: Flow, console: Console) -> None:
    from rich.text import Text

    from cli.verdicts import hop_lines, print_lines

    colour = COLOURS.get(flow.verdict, "red")
    text = Text.assemble((f"{flow.verdict:12}", colour), " ", services_in_words(flow.services))
    if flow.reply == "dropped":
        text.append("; the answers are dropped", style="yellow")
    print_lines(console, [text])
    if flow.packet is not None:
        print_lines(console, [Text(f"for example {flow.packet}", style="dim")], indent=4)
    for hops in (flow.path, flow.blocked_by):
        print_lines(console, hop_lines([hop.document() for hop in hops]), indent=4)
    print_lines(console, [Text(f"· {reason}", style="yellow") for reason in flow.reasons], indent=4)


def _show(answer: Answer, console: Console) -> None:
    from rich.text import Text

    console.print(Text(f"{answer.sender} → {answer.target}", style="bold"))
    for flow in sorted(answer.flows, key=lambda each: (each.verdict != REACHABLE, each.verdict, each.services)):
        _show_flow(flow, console)


def _show_matrix(answers: list[Answer], console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("from", "to", "services"):
        table.add_column(column, overflow="fold")
    for answer in answers:
        for flow in answer.flows:
            if flow.verdict == REACHABLE or (flow.verdict == NOT_MODELLED and flow.path):
                dropped = "; the answers are dropped" if flow.reply == "dropped" else ""
                told = services_in_words(flow.services) + dropped
                table.add_row(Text(answer.sender), Text(answer.target), Text(told, style=COLOURS[flow.verdict]))
    console.print(table)
    console.print(Text(f"{len(answers)} pairs; what is not listed is unreachable", style="dim"))


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    if arguments.all_pairs:
        if arguments.source or arguments.target:
            raise UsageError("--all-pairs asks for every pair; leave FROM and TO out")
    elif not (arguments.source and arguments.target):
        raise UsageError("say FROM and TO: hosts, resource ids or URNs, CIDR blocks or 'internet'; or --all-pairs")
    asked = asked_services(arguments.protocol, arguments.port)
    if arguments.state is not None:
        question = subjects.of_state(checkout, arguments.state, arguments.network)
    else:
        question = subjects.of_declarations(checkout, [arguments.network or "cosmoshub"])
    prover = Prover(assemble(question.subject))
    places = Places(prover, question.subject.resources)
    if arguments.all_pairs:
        answers = list(all_pairs(prover, places, asked))
    else:
        answers = [ask(prover, places.sender(arguments.source), places.target(arguments.target), asked)]
    if arguments.json:
        found = [answer.document() for answer in answers]
        print(json.dumps(found if arguments.all_pairs else found[0], indent=2))
        return 0
    from rich.console import Console

    console = Console(highlight=False)
    if arguments.all_pairs:
        _show_matrix(answers, console)
    else:
        _show(answers[0], console)
    return 0
