"""``bin/estate prove``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import completion, options
from estate.errors import UsageError

if TYPE_CHECKING:
    from proofs.proving import Proof
    from proofs.subjects import Question
    from reachability.difference import Difference

PROVED = "proved"


def configure(parser: argparse.ArgumentParser) -> None:
    text = f"names of declared networks (default: {options.DEFAULT_NETWORK})"
    options.completed(parser.add_argument("networks", nargs="*", metavar="NETWORK", help=text), completion.networks)
    parser.add_argument("--all", action="store_true", help="prove every declared network, all of them together")
    options.state(parser)
    options.completed(
        parser.add_argument("--explain", metavar="CLAIM", help="prove only this claim, and print its explanation"),
        completion.claims,
    )
    parser.add_argument(
        "--diff",
        nargs=2,
        metavar=("OLD", "NEW"),
        help="print what becomes reachable and what stops being reachable between two states",
    )
    options.expect(
        parser,
        "with --diff: exit with 1 unless all that was `reachable` (or `unreachable`) in OLD is definitely so in NEW",
    )
    parser.add_argument("--unexercised", action="store_true", help="list the filter rules that no claim exercises")
    options.json(parser)


def _names(checkout: Path, arguments: argparse.Namespace) -> list[str]:
    if arguments.all:
        if arguments.networks:
            raise UsageError(
                f"got --all and {' '.join(arguments.networks)}; --all means every declared network; leave out the names"
            )
        from estate.declaration import files

        return files.names(checkout)
    return arguments.networks or [options.DEFAULT_NETWORK]


def _question(checkout: Path, arguments: argparse.Namespace) -> Question:
    from proofs import subjects

    if arguments.state is None:
        return subjects.of_declarations(checkout, _names(checkout, arguments))
    if arguments.all or len(arguments.networks) > 1:
        named = "--all" if arguments.all else " ".join(arguments.networks)
        raise UsageError(
            f"got --state and {named}; --state is one stack, which is of one network; name that network, or none"
        )
    return subjects.of_state(checkout, arguments.state, next(iter(arguments.networks), None))


def documents(proof: Proof) -> tuple[list[dict[str, Any]], str]:
    """The reports as JSON, and the verdict over all of them."""
    found = [report.document() for report in proof.reports]
    verdicts = {each["verdict"] for each in found}
    overall = next((each for each in ("refuted", "not-modelled") if each in verdicts), PROVED)
    return found, overall


def _compare(checkout: Path, states: list[str], name: str | None) -> Difference:
    """What differs between two exported stacks, the older first."""
    from proofs import subjects
    from reachability.assembly import assemble
    from reachability.difference import compare
    from reachability.prover import Prover

    old, new = (Prover(assemble(subjects.of_state(checkout, state, name).subject)) for state in states)
    return compare(old, new)


def _show_difference(difference: Difference) -> None:
    from cli.page import Page

    page = Page()
    if difference.unmodelled:
        page.line(("cannot tell all that becomes or stops being reachable: not everything is modelled", "bold yellow"))
    kind = None
    for each, sentence in difference.sentences():
        if each != kind:
            page.line((each, "bold red" if each.startswith("becomes") else "bold green"))
            kind = each
        page.line(sentence, indent=2)
    if difference.verdict == "same":
        page.line("nothing becomes reachable, and nothing stops being reachable")
    page.line(("hosts of this checkout's networks keep the firewalls of its declarations in both states", "dim"))
    for reason in difference.unmodelled:
        page.line((f"not modelled: {reason}", "yellow"))


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from proofs import proving

    if arguments.expect and not arguments.diff:
        raise UsageError(
            f"got --expect {arguments.expect} without --diff; it compares two states; give them with --diff OLD NEW, "
            "or ask about one with `bin/estate reach … --expect`"
        )
    if arguments.diff:
        difference = _compare(checkout, arguments.diff, next(iter(arguments.networks), None))
        if arguments.json:
            print(json.dumps(difference.document(), indent=2))
        else:
            _show_difference(difference)
        if arguments.expect:
            return int(not difference.keeps(arguments.expect))
        return int(difference.verdict == "not-modelled")
    asked = proving.claims(checkout, arguments.explain)
    proof = proving.prove(_question(checkout, arguments), asked)
    found, overall = documents(proof)
    if arguments.state is None and arguments.explain is None and len(found) == 1:
        proving.remember(checkout, proof.reports)
    accounts = proving.accounts(proof.question, asked[0]) if arguments.explain and overall == PROVED else {}
    if arguments.json:
        document = found[0] if len(found) == 1 else {"networks": found, "verdict": overall}
        if arguments.explain:
            hosts = {name: [each.document() for each in checked] for name, checked in accounts.items()}
            document = {**document, "explanation": asked[0].explanation, "checked": hosts}
        json.dump(document, sys.stdout, indent=2)
        print()
        return int(overall != PROVED)
    from cli import verdicts
    from cli.page import Page

    page = Page()
    for position, report in enumerate(found):
        if position:
            page.line()
        if arguments.explain:
            verdicts.explain(report, asked[0].explanation, page, accounts.get(report["network"], ()))
        else:
            verdicts.show(report, page, source=proof.question.source, idle_rules=arguments.unexercised)
    return int(overall != PROVED)
