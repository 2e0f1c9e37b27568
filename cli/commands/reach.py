"""``bin/estate reach``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from cli import completion, options
from estate.errors import UsageError

if TYPE_CHECKING:
    from cli.page import Page, Part
    from reachability.question import Answer, Flow

COLOURS = {"reachable": "green", "not-modelled": "yellow", "unreachable": "red"}


def configure(parser: argparse.ArgumentParser) -> None:
    for dest, metavar, text in (
        ("source", "FROM", "sender: a host, resource id, URN, CIDR block, or `internet`"),
        ("target", "TO", "receiver: likewise"),
    ):
        argument = parser.add_argument(dest, nargs="?", metavar=metavar, help=text)
        options.completed(argument, completion.ends)
    parser.add_argument(
        "--protocol", metavar="P", help="tcp, udp, icmp, or a protocol number (default: every protocol)"
    )
    parser.add_argument(
        "--port", type=options.count, metavar="N", help="destination port, with --protocol (default: every port)"
    )
    options.state(parser)
    parser.add_argument(
        "--all-pairs", action="store_true", help="ask for every pair of interfaces; without FROM and TO"
    )
    options.network_option(
        parser, default=None, note=f"{options.DEFAULT_NETWORK}, or the network of the stack in --state"
    )
    options.json(parser)


def _show_flow(flow: Flow, page: Page) -> None:
    from cli.verdicts import hop_lines
    from reachability.difference import services_in_words

    dropped = ("; the answers are dropped", "yellow") if flow.reply == "dropped" else ""
    page.line((f"{flow.verdict:12}", COLOURS[flow.verdict]), " ", services_in_words(flow.services), dropped)
    if flow.packet is not None:
        page.line((f"for example {flow.packet}", "dim"), indent=4)
    for hops in (flow.path, flow.blocked_by):
        for parts in hop_lines([hop.document() for hop in hops]):
            page.line(*parts, indent=4)
    for reason in flow.reasons:
        page.line((f"· {reason}", "yellow"), indent=4)


def _show(answer: Answer, page: Page) -> None:
    page.line((f"{answer.sender} → {answer.target}", "bold"))
    for flow in sorted(answer.flows, key=lambda each: (each.verdict != "reachable", each.verdict, each.services)):
        _show_flow(flow, page)


def _show_matrix(answers: list[Answer], page: Page) -> None:
    from reachability.difference import services_in_words

    rows: list[list[Part]] = []
    for answer in answers:
        for flow in answer.flows:
            if flow.verdict == "reachable" or (flow.verdict == "not-modelled" and flow.path):
                dropped = "; the answers are dropped" if flow.reply == "dropped" else ""
                services = (services_in_words(flow.services) + dropped, COLOURS[flow.verdict])
                rows.append([answer.sender, answer.target, services])
    page.table(("from", "to", "services"), rows)
    page.line((f"{len(answers)} pairs; pairs that are not listed are unreachable", "dim"))


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    if arguments.all_pairs:
        if arguments.source or arguments.target:
            raise UsageError("--all-pairs asks for every pair; leave FROM and TO out")
    elif not (arguments.source and arguments.target):
        raise UsageError(
            "FROM and TO are required: each a host, a resource id or URN, a CIDR block or 'internet'; or --all-pairs"
        )
    from cli.page import Page
    from proofs import subjects
    from reachability.assembly import assemble
    from reachability.prover import Prover
    from reachability.question import Places, all_pairs, ask, asked_services

    asked = asked_services(arguments.protocol, arguments.port)
    if arguments.state is not None:
        question = subjects.of_state(checkout, arguments.state, arguments.network)
    else:
        question = subjects.of_declarations(checkout, [arguments.network or options.DEFAULT_NETWORK])
    prover = Prover(assemble(question.subject))
    places = Places(prover, question.subject.resources)
    if arguments.all_pairs:
        answers = list(all_pairs(prover, places, asked))
    else:
        answers = [ask(prover, places.sender(arguments.source), places.target(arguments.target), asked)]
    if arguments.json:
        found = [answer.document() for answer in answers]
        print(json.dumps(found if arguments.all_pairs else found[0], indent=2))
    elif arguments.all_pairs:
        _show_matrix(answers, Page())
    else:
        _show(answers[0], Page())
    return 0
