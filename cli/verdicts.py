"""The verdicts of a proof as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cli.page import Page, Part

if TYPE_CHECKING:
    from reachability.claims.account import Checked

COLOURS = {"proved": "green", "refuted": "red", "not-modelled": "yellow"}
WORDS = {"proved": "proved", "refuted": "refuted", "not-modelled": "not modelled"}
SHOWN = 5
"""The most sentences about one claim below the table; ``--explain`` shows all."""


def packet_in_words(packet: Mapping[str, Any]) -> str:
    """``198.51.100.1 → 10.1.0.17 tcp 22``."""
    port = packet.get("dst_port")
    return f"{packet['src']} → {packet['dst']} {packet['protocol']}" + ("" if port is None else f" {port}")


def _shortened(rule: str, at: str) -> str:
    """A rule without the name of its place, which the line above it gives."""
    for place in (at, at.rsplit(" ", 1)[0]):
        rest = rule.removeprefix(place)
        if rest != rule and rest[:1] == ":":
            return rest.lstrip(": ") or rule
    return rule


def hop_lines(hops: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Part, ...]]:
    """Two lines for each place that a packet passed: what the place did, and which rule decided it."""
    for number, hop in enumerate(hops, 1):
        action = str(hop.get("action") or "drop")
        colour = "red" if action in ("drop", "reject") else "green" if action == "deliver" else "cyan"
        yield (f"{number:>3}  ", "dim"), (f"{action:<9}", colour), " ", str(hop["at"])
        yield ((f"{'':15}{_shortened(hop['decided_by'], hop['at'])}", "dim"),)


def _witness(witness: Mapping[str, Any]) -> Iterator[tuple[Part, ...]]:
    packet = witness.get("packet")
    yield ((f"packet {packet_in_words(packet)}" if packet else "what blocks it:", "bold"),)
    yield from hop_lines(witness["hops"])


def _detail(claim: Mapping[str, Any], page: Page, *, everything: bool) -> None:
    verdict = claim["verdict"]
    sentences = [*claim.get("violations", ()), *claim.get("reasons", ())]
    shown = sentences if everything else sentences[:SHOWN]
    page.line((WORDS[verdict], f"bold {COLOURS[verdict]}"), "  ", (claim["id"], "bold"))
    page.line(claim["statement"], indent=2)
    for sentence in shown:
        page.line(f"· {sentence}", indent=2)
    if len(sentences) > len(shown):
        more = f"and {len(sentences) - len(shown)} more: bin/estate prove --explain {claim['id']}"
        page.line((more, "dim"), indent=2)
    if claim.get("witness"):
        for parts in _witness(claim["witness"]):
            page.line(*parts, indent=2)


def _summary(report: Mapping[str, Any], source: str) -> list[Part]:
    claims = report["claims"]
    parts: list[Part] = [(report["network"] or "a stack of no declared network", "bold")]
    parts.append(f"  {source}: {len(claims)} claims")
    for verdict, word in WORDS.items():
        count = sum(claim["verdict"] == verdict for claim in claims)
        if count:
            parts += [", ", (f"{count} {word}", COLOURS[verdict])]
    return parts


def coverage_lines(coverage: Mapping[str, Any]) -> list[str]:
    """How many filter rules the claims exercise, then each that none does."""
    if not coverage:
        return []
    rules, exercised = coverage.get("rules"), coverage.get("exercised")
    idle = coverage.get("unexercised", [])
    if rules is None or exercised is None:
        return [f"coverage: {coverage}"]
    share = 100 * exercised / rules if rules else 100.0
    lines = [f"coverage: {exercised} of {rules} filter rules decide some packet of a claim ({share:.1f} %)"]
    for each in idle:
        rule = f"{each.get('at')}: {each.get('rule')}" if isinstance(each, Mapping) else str(each)
        lines.append(f"  not exercised: {rule}")
    return lines


def show(report: Mapping[str, Any], page: Page, *, source: str, idle_rules: bool = False) -> None:
    """One network's verdicts: a table of all claims, then what is wrong with those that are not proved."""
    page.line(*_summary(report, source))
    page.table(
        ("verdict", "claim", "statement"),
        [
            [(WORDS[claim["verdict"]], COLOURS[claim["verdict"]]), claim["id"], claim["statement"]]
            for claim in report["claims"]
        ],
    )
    open_claims = [claim for claim in report["claims"] if claim["verdict"] != "proved"]
    one_reason = len({tuple(claim.get("reasons", ())) for claim in open_claims}) == 1
    if one_reason and len(open_claims) == len(report["claims"]):
        page.line()
        for reason in open_claims[0].get("reasons", ())[:SHOWN]:
            page.paragraph((f"· {reason}", "yellow"))
    else:
        for claim in open_claims:
            page.line()
            _detail(claim, page, everything=False)
    lines = coverage_lines(report["coverage"])
    for line in lines if idle_rules else lines[:1]:
        page.line((line, "dim"))
    if len(lines) > 1 and not idle_rules:
        page.line(("  list the rules that no claim exercises: bin/estate prove --unexercised", "dim"))
    page.line((f"checked in {report['seconds']:.2f} s", "dim"))


def explain(report: Mapping[str, Any], explanation: str, page: Page, checked: Sequence[Checked] = ()) -> None:
    """One claim of one network, with all its sentences, its explanation, and what was checked at each host."""
    (claim,) = report["claims"]
    page.line((report["network"], "bold"))
    _detail(claim, page, everything=True)
    page.line()
    page.paragraph((explanation, "dim"), indent=2)
    for host in checked:
        page.line()
        _checked(host, page)


def _checked(host: Checked, page: Page) -> None:
    from reachability import services
    from reachability.difference import services_in_words

    page.line((host.host, "bold"), indent=2)
    for way in host.ways:
        page.line(("arrives  ", "green"), f"{way.sender}: {services_in_words(way.services)}", indent=4)
        for place, rule in way.rules:
            page.line((f"{place}: {_shortened(rule, place)}", "dim"), indent=13)
    if host.service is not None:
        page.line(("stopped  ", "red"), f"internet: {services.text(host.service)}, for example", indent=4)
        for place, rule in host.stopped:
            page.line((f"{place}: {_shortened(rule, place)}", "dim"), indent=13)
    if host.silent:
        shown = ", ".join(host.silent[:SHOWN])
        more = f" and {len(host.silent) - SHOWN} more" if len(host.silent) > SHOWN else ""
        page.line(("nothing  ", "cyan"), f"{shown}{more}", indent=4)
