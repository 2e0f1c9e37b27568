"""The comment of ``prove --markdown``: what it says first, what it lists, and that no name of a resource is obeyed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cli import comment
from reachability import services
from reachability.difference import Change, Difference

HOSTILE = [
    "@everyone",
    "a|b",
    "a\\|b|c",
    "`` ` ```",
    "`@team`",
    "<script>alert(1)</script>",
    "</details></summary><img src=x onerror=alert(1)>",
    "<!-- bin/estate prove --markdown -->",
    "-->",
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "https://evil.example www.evil.example mail@evil.example",
    "**bold** _it_ ~~no~~ #1 org/repo#2",
    "one\n\n# two\r\n- three\u2028four",
    "\x1b[31m\x00\u202e\u200b",
    "&lt;b&gt; &#64;everyone",
    "$x$ $`y`$",
    "tail\\",
    "    indented",
    "\ud800",
    "x" * 5000,
]
HOP = {"at": "site firewall", "decided_by": "site firewall: rule 3", "action": "accept"}
PACKET = {"src": "198.51.100.1", "dst": "10.1.0.17", "protocol": "tcp", "dst_port": 22}
SSH = (services.of(services.protocol("tcp"), 22, 22),)
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")


def claim(verdict: str = "proved", **changed: Any) -> dict[str, Any]:
    witness = {"packet": PACKET, "hops": [HOP]} if verdict == "refuted" else None
    known = {"id": "no-public-ssh", "statement": "No host takes SSH.", "verdict": verdict, "witness": witness}
    return {**known, "violations": [], "reasons": [], **changed}


def report(*claims: dict[str, Any], network: str = "cosmoshub") -> dict[str, Any]:
    return {"network": network, "claims": list(claims), "coverage": {}, "seconds": 0.1}


def difference(gained: int = 0, lost: int = 0, unmodelled: tuple[str, ...] = (), name: str = "web") -> Difference:
    def change(number: int) -> Change:
        return Change((f"{name}{number}",), ("db",), SSH)

    return Difference(tuple(map(change, range(gained))), tuple(map(change, range(lost))), unmodelled, {})


def verdict(text: str) -> str:
    first, second, *_ = text.splitlines()
    assert first == comment.MARKER
    return second


def flat(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from flat(token.children or [])


def obeyed(text: str) -> list[str]:
    """What a host would make of a comment beyond what a harmless name in the same place gives."""
    harmless = [*flat(MARKDOWN.parse(_comment("web")))]
    tokens = [*flat(MARKDOWN.parse(text))]
    found = []
    if [each.type for each in tokens] != [each.type for each in harmless]:
        found.append("the structure differs")
    if pipes(text) != pipes(_comment("web")):
        found.append("there are further cells")
    for token in tokens:
        if token.type == "text" and any(mark in token.content for mark in ("@", "://", "#1", "evil", "$")):
            found.append(f"text: {token.content}")
        if token.type.startswith("html_") and not _is_ours(token.content):
            found.append(f"html: {token.content}")
        if not token.content.isprintable() and token.type in ("text", "code_inline"):
            found.append(f"control characters: {token.content!r}")
    return found


def pipes(text: str) -> list[int]:
    """Of each row of a table: how many cells it has."""
    return [line.count("|") for line in text.splitlines() if line.startswith("|")]


def _is_ours(html: str) -> bool:
    """Whether HTML has no tags but those of a folded claim, and no attribute."""
    tags = re.findall(r"<[^>]*>?", html)
    known = {"<details>", "</details>", "<summary>", "</summary>", "<code>", "</code>", comment.MARKER}
    return set(tags) <= known and html.count("<summary>") == html.count("</summary>")


def _comment(name: str) -> str:
    """A comment that has ``name`` in every place where text of a resource can be."""
    hop = {"at": name, "decided_by": name, "action": name}
    packet = {"src": name, "dst": name, "protocol": name, "dst_port": None}
    refuted = claim("refuted", id=name, statement=name, violations=[name], witness={"packet": packet, "hops": [hop]})
    unknown = claim("not-modelled", id=name, statement=name, reasons=[name])
    changed = Difference((Change((name,), (name,), SSH),), (), (name,), {})
    return comment.text([report(refuted, unknown, network=name)], changed)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_of_a_resource_is_obeyed(hostile: str) -> None:
    assert obeyed(_comment(hostile)) == []


def test_what_is_obeyed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comment, "code", lambda text: text)
    monkeypatch.setattr(comment, "html_code", lambda text: text)
    harmless = {"tail\\", "    indented", "x" * 5000, "-->"}
    missed = [each for each in HOSTILE if each not in harmless and not obeyed(_comment(each))]
    assert missed == []


def test_a_name_can_still_be_read() -> None:
    assert comment.code("eu|`x`\n@a <b>") == "`eu\\x7c\\x60x\\x60 @a <b>`"
    assert comment.code(" \n") == "`(empty)`"
    assert comment.html_code("<a & b>") == "<code>&lt;a &amp; b&gt;</code>"


FINE = "**Proved:** all 2 claims hold."
CASES = [
    ([claim(), claim()], None, FINE),
    ([claim(), claim()], difference(), f"{FINE} Nothing becomes reachable, and nothing stops being reachable."),
    ([claim(), claim()], difference(2, 1), f"{FINE} Becomes reachable: 2. Stops being reachable: 1."),
    ([claim()], difference(1), "**Proved:** the claim holds. Becomes reachable: 1. Stops being reachable: 0."),
    ([claim(), claim("refuted")], None, "**Refuted:** 2 claims, 1 refuted."),
    ([claim("not-modelled"), claim("refuted")], None, "**Refuted:** 2 claims, 1 refuted, 1 not modelled."),
    ([claim("not-modelled")], None, "**Not proved:** 1 claim, 1 not modelled."),
    ([claim("a new verdict")], None, "**Not proved:** 1 claim, 1 not modelled."),
    ([], None, "**Not proved:** 0 claims, none."),
]


@pytest.mark.parametrize(("claims", "changed", "expected"), CASES)
def test_the_verdict_comes_first(claims: list[Any], changed: Difference | None, expected: str) -> None:
    assert verdict(comment.text([report(*claims)], changed)) == expected


def test_what_cannot_be_told_comes_before_what_is_proved_and_is_listed() -> None:
    text = comment.text([report(claim())], difference(0, 0, ("old state: a gateway is not modelled",)))
    assert verdict(text).startswith("**Cannot tell all that becomes or stops being reachable:**")
    assert "nothing" not in text.lower()
    assert "- `old state: a gateway is not modelled`" in text


def test_a_refuted_claim_comes_before_what_cannot_be_told() -> None:
    first = verdict(comment.text([report(claim("refuted"))], difference(1, 0, ("a gateway",))))
    assert first.startswith("**Refuted:**") and "**Cannot tell all" in first


def test_changes_are_rows_and_many_are_counted() -> None:
    text = comment.text([report(claim())], difference(2, 1))
    assert "| becomes reachable | `web0 → db: tcp 22` |\n| becomes reachable | `web1 → db: tcp 22` |" in text
    assert "| stops being reachable | `web0 → db: tcp 22` |" in text
    text = comment.text([report(claim())], difference(150))
    assert text.count("| becomes reachable |") == comment.MOST_ROWS and "and 50 more" in text


def test_a_refuted_claim_is_folded_with_its_packet_and_every_hop() -> None:
    violations = [f"violation {number}" for number in range(7)]
    text = comment.text([report(claim("refuted", violations=violations))])
    assert "<summary>refuted: <code>no-public-ssh</code> of <code>cosmoshub</code></summary>" in text
    assert "Packet: `198.51.100.1 → 10.1.0.17 tcp 22`" in text
    assert "| 1 | `accept` | `site firewall` | `site firewall: rule 3` |" in text
    assert "- `violation 4`\n- and 2 more" in text and "violation 5" not in text


def test_what_is_not_modelled_is_folded_with_its_reasons_whatever_the_verdict_is_called() -> None:
    for name in ("not-modelled", "a new verdict"):
        text = comment.text([report(claim(), claim(name, id="layers-agree", reasons=["a gateway is unknown"]))])
        assert "<code>layers-agree</code>" in text and "- `a gateway is unknown`" in text
        assert text.count("<details>") == text.count("</details>") == 1


def test_a_proved_claim_is_counted_only() -> None:
    text = comment.text([report(claim(statement="said of what is proved"))])
    assert "<details>" not in text and "said of what is proved" not in text


def test_a_comment_is_never_longer_than_a_host_takes_and_says_what_it_leaves_out() -> None:
    long = [f"{number} " + "y" * 500 for number in range(300)]
    refuted = [claim("refuted", id=each, violations=long) for each in long[:20]]
    text = comment.text(
        [report(*refuted, network=each) for each in long[:20]], difference(150, 150, tuple(long), "z" * 500)
    )
    assert len(text) <= comment.LONGEST + 10 < 65_536
    assert len(text.encode("utf-16-le")) // 2 < 65_536
    assert text.endswith(f"**{comment.LEFT_OUT}**\n")
    assert "400 claims, 400 refuted" in verdict(text)
    assert text.count("<details>") == text.count("</details>")
    assert comment.LEFT_OUT not in comment.text([report(claim("refuted"))])
