"""Verdicts as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

COLOURS = {"proved": "green", "refuted": "red", "not-modelled": "yellow"}
WORDS = {"proved": "proved", "refuted": "refuted", "not-modelled": "not modelled"}
SHOWN = 5
"""Of more sentences than this, a table shows only so many; ``--explain`` shows all."""


def packet_in_words(packet: Mapping[str, Any]) -> str:
    """``198.51.100.1 → 10.1.0.17 tcp 22``."""
    port = packet.get("dst_port")
    return f"{packet['src']} → {packet['dst']} {packet['protocol']}" + ("" if port is None else f" {port}")


def _shortened(rule: str, at: str) -> str:
    """A rule without the name of its place, which stands above it."""
    for place in (at, at.rsplit(" ", 1)[0]):
        rest = rule.removeprefix(place)
        if rest != rule and rest[:1] == ":":
            return rest.lstrip(": ") or rule
    return rule


def hop_lines(hops: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """Where a packet passed, what that place did, and below it what decided so."""
    for number, hop in enumerate(hops, 1):
        action = str(hop.get("action") or "drop")
        colour = "red" if action in ("drop", "reject") else "green" if action == "deliver" else "cyan"
        yield Text.assemble((f"{number:>3}  ", "dim"), (f"{action:<9}", colour), " ", hop["at"])
        yield Text(f"{'':15}{_shortened(hop['decided_by'], hop['at'])}", style="dim")


def print_lines(console: Console, lines: Iterable[Text], *, indent: int = 0) -> None:
    """Prints lines as long as they are: names must stay whole, to be copied."""
    for line in lines:
        console.print(Text(" " * indent) + line, soft_wrap=True)


def _witness(witness: Mapping[str, Any]) -> Iterator[Text]:
    packet = witness.get("packet")
    yield Text(f"packet {packet_in_words(packet)}" if packet else "what is in the way:", style="bold")
    yield from hop_lines(witness["hops"])


def _detail(claim: Mapping[str, Any], console: Console, *, everything: bool) -> None:
    verdict = claim["verdict"]
    told = [*claim.get("violations", ()), *claim.get("reasons", ())]
    shown = told if everything else told[:SHOWN]
    heading = Text.assemble((WORDS[verdict], f"bold {COLOURS[verdict]}"), "  ", (claim["id"], "bold"))
    print_lines(console, [heading, Text(f"  {claim['statement']}")])
    print_lines(console, [Text(f"· {sentence}") for sentence in shown], indent=2)
    if len(told) > len(shown):
        more = f"and {len(told) - len(shown)} more: bin/estate prove --explain {claim['id']}"
        print_lines(console, [Text(more, style="dim")], indent=2)
    if claim.get("witness"):
        print_lines(console, _witness(claim["witness"]), indent=2)


def _summary(report: Mapping[str, Any], source: str) -> Text:
    claims = report["claims"]
    text = Text.assemble(
        (report["network"] or "a stack of somebody else's", "bold"), f"  {source}: {len(claims)} claims"
    )
    for verdict, word in WORDS.items():
        count = sum(claim["verdict"] == verdict for claim in claims)
        if count:
            text.append(", ").append(f"{count} {word}", style=COLOURS[verdict])
    return text


def coverage_lines(coverage: Mapping[str, Any]) -> list[str]:
    """How many rules the claims exercise, and those that none does."""
    if not coverage:
        return []
    rules, exercised = coverage.get("rules"), coverage.get("exercised")
    idle = coverage.get("unexercised", [])
    if rules is None or exercised is None:
        return [f"coverage: {coverage}"]
    share = 100 * exercised / rules if rules else 100.0
    lines = [f"coverage: {exercised} of {rules} filter rules decide some packet of a claim ({share:.1f} %)"]
    for each in idle:
        told = f"{each.get('at')}: {each.get('rule')}" if isinstance(each, Mapping) else str(each)
        lines.append(f"  never asked: {told}")
    return lines


def show(report: Mapping[str, Any], console: Console, *, source: str, idle_rules: bool = False) -> None:
    """One network's verdicts: a table of all claims, then what is wrong with those that are not proved."""
    console.print(_summary(report, source))
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("verdict", no_wrap=True)
    table.add_column("claim", no_wrap=True)
    table.add_column("statement", overflow="fold")
    for claim in report["claims"]:
        verdict = claim["verdict"]
        table.add_row(Text(WORDS[verdict], style=COLOURS[verdict]), claim["id"], Text(claim["statement"]))
    console.print(table)
    open_claims = [claim for claim in report["claims"] if claim["verdict"] != "proved"]
    if len({tuple(claim.get("reasons", ())) for claim in open_claims}) == 1 and len(open_claims) == len(
        report["claims"]
    ):
        console.print()
        for reason in open_claims[0].get("reasons", ())[:SHOWN]:
            console.print(Text(f"· {reason}", style="yellow"))
    else:
        for claim in open_claims:
            console.print()
            _detail(claim, console, everything=False)
    lines = coverage_lines(report["coverage"])
    for line in lines if idle_rules else lines[:1]:
        print_lines(console, [Text(line, style="dim")])
    if len(lines) > 1 and not idle_rules:
        console.print(Text("  the rules that none exercises: bin/estate prove --unexercised", style="dim"))
    console.print(Text(f"{report['seconds']:.2f} s", style="dim"))


def explain(report: Mapping[str, Any], explanation: str, console: Console) -> None:
    """One claim of one network, with everything that is known of it."""
    (claim,) = report["claims"]
    console.print(Text(report["network"], style="bold"))
    _detail(claim, console, everything=True)
    console.print(Padding(Text(explanation, style="dim"), (1, 0, 0, 2)))
