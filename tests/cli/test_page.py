"""What is printed on a terminal, and what to a pipe or a file."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.page import Page, one_line
from estate.findings import Problem
from estate.printable import printable

CHECKOUT = Path("/somewhere/with/a/rather/long/name/checkout")
LONG = "a rule that must hold, said in rather more words than one line of a terminal has room for, to the last word"
PROBLEM = Problem(
    file=str(CHECKOUT / "stacks/Pulumi.cosmoshub.yaml"),
    path="partners.figment.expires",
    value="'2020-01-01'",
    rule=LONG,
    reason="a way in that nobody renews must close",
    fix="renew the agreement",
    line=12,
)
NAMES = [f"claim-number-{number:02}-with-a-long-name" for number in range(30)]
ESCAPE = "\x1b["


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a page writes on a terminal of some width."""

    def write(body: Callable[[Page], None], *, width: int = 80) -> str:
        screen = Terminal()
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setattr(sys, "stdout", screen)
        body(Page())
        return screen.getvalue()

    return write


def table(page: Page) -> None:
    page.table(("claim", "packets", "statement"), [[(name, "green"), "12", LONG] for name in NAMES], right=(1,))


def problems(page: Page) -> None:
    page.problems([PROBLEM], CHECKOUT)


def without_styles(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_elsewhere_a_row_is_one_whole_line_without_colours(capsys: pytest.CaptureFixture[str]) -> None:
    table(Page())
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["claim", "packets", "statement"]
    assert rows == [f"{name}       12  {LONG}" for name in NAMES]


def test_elsewhere_a_finding_is_one_line_relative_to_the_checkout(capsys: pytest.CaptureFixture[str]) -> None:
    problems(Page())
    rest = f"{LONG}; got {PROBLEM.value}; {PROBLEM.reason}; {PROBLEM.fix}"
    expected = f"stacks/Pulumi.cosmoshub.yaml:12: partners.figment.expires: {rest}"
    assert capsys.readouterr().out.splitlines() == [expected]


def test_a_value_of_several_lines_stays_on_one() -> None:
    value = Problem(file="f", path="p", value="'a\nb'", rule="r", reason="s", fix="x")
    assert one_line(value, CHECKOUT) == "f: p: r; got 'a b'; s; x"


def test_a_file_outside_the_checkout_keeps_its_path() -> None:
    elsewhere = Problem(file="/tmp/Pulumi.x.yaml", path="p", value="1", rule="r", reason="s", fix="x", line=3)
    assert one_line(elsewhere, CHECKOUT).startswith("/tmp/Pulumi.x.yaml:3: p: r")


def test_a_notice_says_that_it_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    Page().notices([PROBLEM], CHECKOUT)
    assert capsys.readouterr().out.startswith("notice: stacks/Pulumi.cosmoshub.yaml:12: partners.figment.expires: ")


def test_on_a_terminal_a_table_has_its_width_and_colours(on_terminal: Callable[..., str]) -> None:
    said = on_terminal(table, width=100)
    assert ESCAPE in said
    lines = without_styles(said).splitlines()
    assert max(map(len, lines)) <= 100 and len(lines) > len(NAMES) + 1
    assert all(name in without_styles(said) for name in NAMES)


@pytest.mark.parametrize("width", [20, 40, 60])
def test_on_a_narrow_terminal_nothing_is_cut_off(on_terminal: Callable[..., str], width: int) -> None:
    said = without_styles(on_terminal(table, width=width))
    assert all(name in said for name in NAMES) and "…" not in said
    assert len([line for line in said.splitlines() if line.endswith("to the last word")]) == len(NAMES)


def test_on_a_terminal_a_finding_is_a_block_of_full_width(on_terminal: Callable[..., str]) -> None:
    said = without_styles(on_terminal(problems, width=200))
    assert "1 problem in the declaration" in said
    assert "stacks/Pulumi.cosmoshub.yaml:12  partners.figment.expires" in said
    assert str(CHECKOUT) not in said
    assert re.search(rf"rule +{re.escape(LONG)} *$", said, re.MULTILINE), "200 columns are enough for one line"


def test_no_color_is_respected_on_a_terminal(on_terminal: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert ESCAPE not in on_terminal(table) + on_terminal(problems)


def test_brackets_are_text_and_not_markup(on_terminal: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "[red]x[/] :smile:" in on_terminal(lambda page: page.line("[red]x[/] :smile:"))


def test_a_terminal_never_gets_a_control_character_of_anybodys_text(capsys: pytest.CaptureFixture[str]) -> None:
    name = "\x1b[31mweb\x1b]0;title\x07\u202egpj\n\x9b"
    shown = "\\x1b[31mweb\\x1b]0;title\\x07\\u202egpj \\x9b"
    assert printable(name) == shown and printable("naïve — 名前") == "naïve — 名前"
    for page in (lambda: Page().line(name), lambda: Page().table(("name", "x"), [[name, (name, "red")]])):
        page()
        assert shown in (said := capsys.readouterr().out) and not set(said) & set("\x1b\x07\u202e\x9b")
