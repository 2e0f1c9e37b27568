"""What ``bin/estate plan`` prints of the engine's preview."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli.__main__ import CHECKOUT, parser
from cli.commands import plan
from engine.stack import Engine
from proofs import proving
from tools import parts


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one declaration, whose claims are proved and whose engine is there."""
    shutil.copytree(CHECKOUT / "stacks", tmp_path / "stacks")
    monkeypatch.setattr(parts, "ensure", lambda *_: None)
    monkeypatch.setattr(proving, "report", lambda *_: None)
    monkeypatch.setattr(proving, "in_words", lambda _: "17 claims: all proved")
    monkeypatch.setattr(Engine, "preview", lambda *_, **__: {"create": 1, "same": 2})
    return tmp_path


def test_a_line_of_the_engine_never_commands_the_terminal(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["create 1 resources:", "      1 Vpc", "create Vpc \x1b]0;title\x07web\x1b[2J\u202e\rdelete Vpc"]
    monkeypatch.setattr(Engine, "previewed", lambda _: lines)
    assert plan.run(checkout, parser("plan").parse_args(["plan", "cosmoshub", "--live"])) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-4:] == [
        "create 1 resources:",
        "      1 Vpc",
        "create Vpc \\x1b]0;title\\x07web\\x1b[2J\\u202e delete Vpc",
        "cosmoshub: 1 resources would change; the policies allow it",
    ]
