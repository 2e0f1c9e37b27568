"""A comment on a pull request, in GitHub's Markdown: what a change opens and closes, and which claims do not hold.

Names, tags and sentences come from resources, so they are anybody's text. They are shown as code, in which a host
expands no mention, link, HTML or formatting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from cli.verdicts import SHOWN, WORDS, packet_in_words
from estate.printable import printable

if TYPE_CHECKING:
    from reachability.difference import Difference

MARKER = "<!-- bin/estate prove --markdown -->"
"""The first line, by which a workflow finds its comment again. It is not displayed."""
LONGEST = 60_000
"""In characters. GitHub takes no comment of more than 65,536."""
LONGEST_TEXT = 400
"""In characters: what is shown of one name or sentence."""
MOST_ROWS = 100
LEFT_OUT = "Parts of this comment are left out because it would be too long: run the command that made it."

PROVED, REFUTED, NOT_MODELLED = "proved", "refuted", "not-modelled"
Claim = Mapping[str, Any]


def _bounded(text: str) -> str:
    line = printable(text)
    return line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]}…"


def code(text: str) -> str:
    """Anybody's text as a code span, which is safe in prose, lists and cells of tables.

    A backtick would end the span and a pipe the cell, so both are written as ``printable`` writes what is not.
    """
    line = _bounded(text).replace("`", "\\x60").replace("|", "\\x7c").strip()
    return f"`{line}`" if line else "`(empty)`"


def html_code(text: str) -> str:
    """Anybody's text as code within a line of HTML, where no Markdown is read."""
    return f"<code>{escape(_bounded(text).replace('`', chr(92) + 'x60'))}</code>"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _of(reports: Sequence[Mapping[str, Any]], verdict: str | None) -> list[tuple[str, Claim]]:
    """Each claim of the verdict, after the name of its network; ``None``: neither proved nor refuted, whatever the
    verdict is called.
    """
    decided = {PROVED: PROVED, REFUTED: REFUTED}
    return [
        (report["network"], claim)
        for report in reports
        for claim in report["claims"]
        if decided.get(claim["verdict"]) == verdict
    ]


def _claims_in_words(reports: Sequence[Mapping[str, Any]]) -> str:
    total = sum(len(report["claims"]) for report in reports)
    proved = len(_of(reports, PROVED))
    if total and proved == total:
        return f"**Proved:** {'the claim holds' if total == 1 else f'all {total} claims hold'}."
    refuted = len(_of(reports, REFUTED))
    others = total - proved - refuted
    parts = [f"{number} {word}" for number, word in ((refuted, "refuted"), (others, "not modelled")) if number]
    return f"**{'Refuted' if refuted else 'Not proved'}:** {_counted(total, 'claim')}, {', '.join(parts or ['none'])}."


def _difference_in_words(difference: Difference) -> str:
    if difference.verdict == "same":
        return "Nothing becomes reachable, and nothing stops being reachable."
    counts = f"Becomes reachable: {len(difference.gained)}. Stops being reachable: {len(difference.lost)}."
    if difference.unmodelled:
        return f"**Cannot tell all that becomes or stops being reachable:** not everything is modelled. {counts}"
    return counts


def _rows(difference: Difference) -> Iterator[str]:
    """A table of what newly can and newly cannot be reached."""
    sentences = list(difference.sentences())
    if not sentences:
        return
    yield "| change | from → to: services |\n|---|---|"
    for kind, sentence in sentences[:MOST_ROWS]:
        yield f"| {kind} | {code(sentence)} |"
    if len(sentences) > MOST_ROWS:
        yield f"| … | and {len(sentences) - MOST_ROWS} more: see `bin/estate prove --diff` |"


def _listed(sentences: Sequence[str]) -> Iterator[str]:
    for sentence in sentences[:SHOWN]:
        yield f"- {code(sentence)}"
    if len(sentences) > SHOWN:
        yield f"- and {len(sentences) - SHOWN} more: see `bin/estate prove --explain`"


def _witness(witness: Mapping[str, Any]) -> Iterator[str]:
    packet = witness.get("packet")
    yield f"Packet: {code(packet_in_words(packet))}" if packet else "What blocks it:"
    yield ""
    yield "| | action | at | decided by |\n|---|---|---|---|"
    for number, hop in enumerate(witness["hops"][:MOST_ROWS], 1):
        action, where, rule = (code(str(hop.get(key) or "?")) for key in ("action", "at", "decided_by"))
        yield f"| {number} | {action} | {where} | {rule} |"


def _claim(network: str, claim: Claim) -> str:
    """A claim that is not proved, folded."""
    word = WORDS.get(claim["verdict"], "not proved")
    whose = html_code(network) if network else "a stack of no declared network"
    lines = [
        "<details>",
        f"<summary>{word}: {html_code(claim['id'])} of {whose}</summary>",
        "",
        code(claim["statement"]),
        "",
        *_listed([*claim.get("violations", ()), *claim.get("reasons", ())]),
        "",
    ]
    if claim.get("witness"):
        lines += [*_witness(claim["witness"]), ""]
    return "\n".join([*lines, "</details>"])


def _unmodelled(difference: Difference) -> Iterator[str]:
    reasons = difference.unmodelled
    if not reasons:
        return
    yield "Not modelled, so what depends on it is not known:\n"
    for reason in reasons[:MOST_ROWS]:
        yield f"- {code(reason)}"
    if len(reasons) > MOST_ROWS:
        yield f"- and {len(reasons) - MOST_ROWS} more: see `bin/estate prove --diff`"


def _blocks(reports: Sequence[Mapping[str, Any]], difference: Difference | None, note: str) -> Iterator[str]:
    """The parts after the verdict, the most important first. Each must be shown whole or not at all."""
    if difference is not None:
        for lines in (_unmodelled(difference), _rows(difference)):
            if block := "\n".join(lines):
                yield block
    for network, claim in [*_of(reports, REFUTED), *_of(reports, None)]:
        yield _claim(network, claim)
    if note:
        yield f"_{note}_"


def text(reports: Sequence[Mapping[str, Any]], difference: Difference | None = None, note: str = "") -> str:
    """The comment, in at most ``LONGEST`` characters.

    ``reports``: as ``prove --json`` prints them. ``difference``: between two states of the same networks. ``note``: a
    sentence of ours on how to read it.
    """
    verdict = [_claims_in_words(reports)]
    if difference is not None:
        after = not difference.unmodelled or verdict[0].startswith("**Refuted")
        verdict.insert(1 if after else 0, _difference_in_words(difference))
    names = ", ".join(code(report["network"]) for report in reports[:MOST_ROWS] if report["network"])
    found = f"{MARKER}\n{' '.join(verdict)}\n" + (f"\nNetworks: {names}\n" if names else "")
    left_out = False
    for block in _blocks(reports, difference, note):
        if len(found) + len(block) + len(LEFT_OUT) + 10 <= LONGEST:
            found += f"\n{block}\n"
        else:
            left_out = True
    return f"{found}\n**{LEFT_OUT}**\n" if left_out else found
