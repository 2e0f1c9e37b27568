"""``bin/estate reach``."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import completion, options
from estate.errors import UsageError, undecodable

if TYPE_CHECKING:
    from cli.page import Page, Part
    from reachability.addresses import Intervals
    from reachability.assembly import Assembly
    from reachability.question import Answer, Flow
    from reachability.resources import Resource
    from reachability.trace import Hop

    Label = Callable[[str], str]
    """A machine's name as a person calls it."""

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
        "--ruleset",
        metavar="FILE",
        help="ask about one host of which only the nftables ruleset is known (a script, or what `nft list ruleset` "
        "prints): `host` with all that it publishes, `behind-ADDRESS`, `lan`; without FROM and TO, every pair",
    )
    parser.add_argument(
        "--all-pairs", action="store_true", help="ask for every pair of interfaces; without FROM and TO"
    )
    options.expect(
        parser,
        "exit with 1 unless every service that was asked for is `reachable` (with answers that come back) "
        "or `unreachable`; what is not modelled is neither",
    )
    options.network_option(
        parser, default=None, note=f"{options.DEFAULT_NETWORK}, or the network of the stack in --state"
    )
    options.json(parser)


def _hops(hops: Sequence[Hop], label: Label) -> list[dict[str, Any]]:
    return [{**document, "at": label(document["at"])} for document in (hop.document() for hop in hops)]


def _show_flow(flow: Flow, page: Page, label: Label) -> None:
    from cli.verdicts import hop_lines
    from reachability.difference import services_in_words

    dropped = ("; the answers are dropped", "yellow") if flow.reply == "dropped" else ""
    page.line((f"{flow.verdict:12}", COLOURS[flow.verdict]), " ", services_in_words(flow.services), dropped)
    if flow.packet is not None:
        page.line((f"for example {flow.packet}", "dim"), indent=4)
    for hops in (flow.path, flow.blocked_by):
        for parts in hop_lines(_hops(hops, label)):
            page.line(*parts, indent=4)
    for reason in flow.reasons:
        page.line((f"· {reason}", "yellow"), indent=4)


def _show(answer: Answer, page: Page, label: Label) -> None:
    page.line((f"{label(answer.sender)} → {label(answer.target)}", "bold"))
    for flow in sorted(answer.flows, key=lambda each: (each.verdict != "reachable", each.verdict, each.services)):
        _show_flow(flow, page, label)


def _matrix_rows(answers: Sequence[Answer], label: Label) -> list[list[Part]]:
    """A row for each pair and verdict other than unreachable. Every row has its words, so that colours are not needed
    to read it."""
    from reachability.difference import services_in_words
    from reachability.services import ANY

    rows: list[list[Part]] = []
    for answer in answers:
        for words in ("", "; the answers are dropped"):
            passing = [each for each in answer.flows if each.verdict == "reachable" and _words(each) == words]
            if passing:
                services = services_in_words(_services(passing)) + words
                rows.append([label(answer.sender), label(answer.target), (services, COLOURS["reachable"])])
        unknown = [each for each in answer.flows if each.verdict == "not-modelled"]
        if unknown:
            covered = _services(unknown)
            services = f"not modelled: {'everything' if covered == ANY else services_in_words(covered)}"
            rows.append([label(answer.sender), label(answer.target), (services, COLOURS["not-modelled"])])
    return rows


def _words(flow: Flow) -> str:
    return "; the answers are dropped" if flow.reply == "dropped" else ""


def _services(flows: Sequence[Flow]) -> Intervals:
    from reachability.addresses import union

    return union(*(each.services for each in flows))


def _show_matrix(answers: Sequence[Answer], unmodelled: Sequence[str], page: Page, label: Label) -> None:
    answers = [answer for answer in answers if answer.sender != answer.target]
    page.table(("from", "to", "services"), _matrix_rows(answers, label))
    count = Counter(verdict for answer in answers for verdict in {flow.verdict for flow in answer.flows})
    reasons = dict.fromkeys(
        (*unmodelled, *(reason for answer in answers for flow in answer.flows for reason in flow.reasons))
    )
    unknown = ""
    if reasons:
        unknown = f", {count['not-modelled']} with services that are not modelled, so that they may pass"
    page.line((f"{len(answers)} pairs{unknown}; services and pairs that are not listed are unreachable", "dim"))
    for reason in reasons:
        page.line((f"· not modelled: {reason}", "yellow"))


def _expected(answers: Sequence[Answer], verdict: str, page: Page | None, label: Label) -> bool:
    """Whether every answer is as expected; prints each that is not, if there is a page."""
    from reachability.difference import services_in_words

    wrong = [(answer, answer.unexpected(verdict)) for answer in answers if answer.sender != answer.target]
    for answer, flows in wrong:
        for flow in flows if page is not None else ():
            pair = f"{label(answer.sender)} → {label(answer.target)}"
            unread = "; what is not modelled might stop it" if flow.verdict == "reachable" and flow.reasons else ""
            found = f"{flow.verdict}{_words(flow)}{unread}: {services_in_words(flow.services)}"
            assert page is not None
            page.line((f"expected {verdict}: {pair} is {found}", "bold red"))
    return not any(flows for _, flows in wrong)


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    if arguments.ruleset is not None:
        if arguments.state is not None or arguments.network is not None:
            other = "--state" if arguments.state is not None else "--network"
            raise UsageError(f"got --ruleset and {other}; a ruleset is one host by itself; leave {other} out")
        arguments.all_pairs = arguments.all_pairs or not (arguments.source or arguments.target)
    if arguments.all_pairs:
        if arguments.source or arguments.target:
            named = " ".join(filter(None, (arguments.source, arguments.target)))
            raise UsageError(f"got --all-pairs and {named}; --all-pairs asks for every pair; leave FROM and TO out")
    elif not (arguments.source and arguments.target):
        raise UsageError(
            f"got {'FROM alone' if arguments.source else 'neither FROM nor TO'}; both are required: each a host, a "
            "resource id or URN, a CIDR block or 'internet'; or ask for every pair with --all-pairs"
        )
    from proofs import subjects
    from reachability.assembly import assemble
    from reachability.question import asked_services

    asked = asked_services(arguments.protocol, arguments.port)
    if arguments.ruleset is not None:
        return _answer(arguments, _lone_host(arguments.ruleset), (), asked)
    if arguments.state is not None:
        question = subjects.of_state(checkout, arguments.state, arguments.network)
    else:
        question = subjects.of_declarations(checkout, [arguments.network or options.DEFAULT_NETWORK])
    return _answer(arguments, assemble(question.subject), question.subject.resources, asked)


def _lone_host(path: str) -> Assembly:
    """The network of a host with the ruleset in a file. Raises ``UsageError``."""
    from reachability import lone_host

    try:
        return lone_host.assembly(Path(path).read_text())
    except OSError as error:
        raise UsageError(f"cannot read {path!r}: {error.strerror}; give a file that `nft list ruleset` wrote") from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: {undecodable(error)}: must be UTF-8, because a ruleset is text; give a file that "
            "`nft list ruleset` wrote"
        ) from None
    except UsageError as error:
        raise UsageError(f"{path}: nft would not load it, so the host would have no firewall: {error}") from None


def _answer(arguments: argparse.Namespace, assembly: Assembly, resources: Sequence[Resource], asked: Intervals) -> int:
    from cli.page import Page
    from reachability import lone_host
    from reachability.places import Places
    from reachability.prover import Prover
    from reachability.question import all_pairs, ask, check

    prover = Prover(assembly)
    places = Places(prover, resources)
    if arguments.all_pairs:
        answers = list(all_pairs(prover, places, asked))
    else:
        if arguments.ruleset is not None and arguments.target == lone_host.HOST:
            target = lone_host.published(assembly)
        else:
            target = places.target(arguments.target)
        sender = places.sender(arguments.source)
        check(places, sender, target)
        answers = [ask(prover, sender, target, asked)]
    label = places.label
    page = None if arguments.json else Page()
    if page is None:
        found = [
            {**answer.document(), "from_name": label(answer.sender), "to_name": label(answer.target)}
            for answer in answers
        ]
        print(json.dumps(found if arguments.all_pairs else found[0], indent=2))
    elif arguments.all_pairs:
        _show_matrix(answers, prover.assembly.unmodelled, page, label)
    else:
        _show(answers[0], page, label)
    return int(arguments.expect is not None and not _expected(answers, arguments.expect, page, label))
