"""The page that documents the rules is as the rules are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from policies import document
from policies.rules import registry


def test_the_page_is_as_the_rules_are() -> None:
    assert document.PAGE.read_text() == document.page(), f"run {document.COMMAND}"


@pytest.mark.parametrize("rule", registry.rules(), ids=lambda rule: rule.name)
def test_a_rule_says_why_it_is_there_how_to_mend_and_where_it_comes_from(rule: Any) -> None:
    about = rule.about
    assert about.why.endswith((".", ")"))
    assert about.fix.endswith((".", ")"))
    assert about.source.startswith("https://")
    assert f"### `{rule.name}`" in document.page()


def test_a_stale_page_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(document, "PAGE", tmp_path / "policies.md")
    assert document.main(["--check"]) == 1
    assert document.COMMAND in capsys.readouterr().out
    assert document.main([]) == 0
    assert document.main(["--check"]) == 0


def test_a_word_that_it_does_not_know_is_refused() -> None:
    assert document.main(["--all"]) == 2
