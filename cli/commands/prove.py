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
    options.networks(parser)
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
        help="print what becomes reachable and what stops being reachable between two states; each is a FILE as with "
        "--state, or the directory of a checkout of this repository, as declared there",
    )
    options.expect(
        parser,
        "with --diff: exit with 1 unless all that was `reachable` (or `unreachable`) in OLD is definitely so in NEW",
    )
    parser.add_argument(
        "--markdown",
        action="store_true",
        help="print Markdown for a comment on a pull request; with --diff, also prove the claims of NEW",
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


def _side(checkout: Path, state: str, arguments: argparse.Namespace, names: list[str]) -> Question:
    """One side of a comparison: an exported stack, or what a checkout declares of the networks called ``names``."""
    from proofs import subjects

    directory = Path(state)
    if not directory.is_dir():
        return subjects.of_state(checkout, state, next(iter(arguments.networks), None))
    if directory.resolve() == checkout.resolve():
        from estate.declaration import files

        known = set(files.names(checkout))
        return subjects.of_declarations(checkout, [name for name in names if name in known])
    return subjects.of_checkout(checkout, directory, names)


def _sides(checkout: Path, arguments: argparse.Namespace) -> tuple[Question, Question]:
    """What is compared, the older first."""
    from estate.declaration import files

    directories = [Path(state) for state in arguments.diff if Path(state).is_dir()]
    if len(directories) < len(arguments.diff) and (arguments.all or len(arguments.networks) > 1):
        named = "--all" if arguments.all else " ".join(arguments.networks)
        raise UsageError(
            f"got --diff with a state and {named}; a state is one stack, which is of one network; name that network, "
            "or none, or compare two checkouts"
        )
    known = {name for directory in directories for name in files.names(directory)}
    names = sorted(known) if arguments.all else _names(checkout, arguments)
    for name in names if directories else ():
        if name not in known:
            files.read(directories[-1], name)
    old, new = (_side(checkout, state, arguments, names) for state in arguments.diff)
    return old, new


def _compare(old: Question, new: Question) -> Difference:
    from reachability.assembly import assemble
    from reachability.difference import compare
    from reachability.prover import Prover

    return compare(*(Prover(assemble(side.subject)) for side in (old, new)))


def _difference(checkout: Path, arguments: argparse.Namespace) -> int:
    """``prove --diff``."""
    old, new = _sides(checkout, arguments)
    difference = _compare(old, new)
    told = difference.keeps(arguments.expect) if arguments.expect else difference.verdict != "not-modelled"
    if arguments.markdown:
        from cli import comment
        from proofs import proving

        found, overall = documents(proving.prove(new, proving.claims(checkout)))
        sys.stdout.write(comment.text(found, difference, _firewalls(arguments.diff)))
        return int(not told or overall != PROVED)
    if arguments.json:
        print(json.dumps(difference.document(), indent=2))
    else:
        _show_difference(difference, _firewalls(arguments.diff))
    return int(not told)


def _firewalls(states: list[str]) -> str:
    """Where the firewalls of hosts are from, of which a state says nothing."""
    checkouts = sum(Path(state).is_dir() for state in states)
    if not checkouts:
        return "hosts of this checkout's networks keep the firewalls of its declarations in both states"
    rest = "" if checkouts == len(states) else "; in the state they follow from the declarations of this checkout"
    return f"the firewalls of a checkout's hosts follow from its declarations, by the code of this checkout{rest}"


def _show_difference(difference: Difference, note: str) -> None:
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
    page.line((note, "dim"))
    for reason in difference.unmodelled:
        page.line((f"not modelled: {reason}", "yellow"))


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from proofs import proving

    if arguments.expect and not arguments.diff:
        raise UsageError(
            f"got --expect {arguments.expect} without --diff; it compares two states; give them with --diff OLD NEW, "
            "or ask about one with `bin/estate reach … --expect`"
        )
    if arguments.markdown:
        for option in ("json", "explain", "unexercised"):
            if getattr(arguments, option):
                raise UsageError(
                    f"got --markdown and --{option}; --markdown prints a comment on all claims and nothing else; "
                    "leave out one of them"
                )
    if arguments.diff:
        return _difference(checkout, arguments)
    asked = proving.claims(checkout, arguments.explain)
    proof = proving.prove(_question(checkout, arguments), asked)
    found, overall = documents(proof)
    if arguments.state is None and arguments.explain is None and len(found) == 1:
        proving.remember(checkout, proof.reports)
    if arguments.markdown:
        from cli import comment

        sys.stdout.write(comment.text(found))
        return int(overall != PROVED)
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
