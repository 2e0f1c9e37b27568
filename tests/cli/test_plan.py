"""What ``bin/estate plan`` prints of the engine's preview."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli.__main__ import CHECKOUT, parser
from cli.commands import plan
from engine.stack import Engine
from lab.paths import LabPaths
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
    logs = LabPaths(checkout=tmp_path, network="cosmoshub").workspace.logs
    logs.mkdir(parents=True)
    new = {"type": "aws:ec2/natGateway:NatGateway", "inputs": {"region": "us-east-1"}}
    metadata = {"op": "create", "type": new["type"], "urn": "urn:pulumi:a::b::c::nat", "old": None, "new": new}
    (logs / "preview-events.json").write_text(json.dumps({"resourcePreEvent": {"metadata": metadata}}))
    return tmp_path


def planned(checkout: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert plan.run(checkout, parser("plan").parse_args(["plan", "cosmoshub", "--live"])) == 0
    return capsys.readouterr().out.splitlines()


def test_a_line_of_the_engine_never_commands_the_terminal(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["create 1 resources:", "      1 Vpc", "create Vpc \x1b]0;title\x07web\x1b[2J\u202e\rdelete Vpc"]
    monkeypatch.setattr(Engine, "previewed", lambda _: lines)
    said = planned(checkout, capsys)
    begin = said.index("create 1 resources:")
    assert said[begin : begin + 3] == [
        "create 1 resources:",
        "      1 Vpc",
        "create Vpc \\x1b]0;title\\x07web\\x1b[2J\\u202e delete Vpc",
    ]
    assert said[-1] == "cosmoshub: 1 resources would change; the policies allow it"


def test_after_what_changes_it_says_what_that_costs_and_the_total(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = planned(checkout, capsys)
    begin = said.index("create NatGateway nat")
    assert said[begin : begin + 5] == [
        "create NatGateway nat",
        "monthly cost of what changes:",
        "  +$32.85: 1 × NAT gateway in us-east-1, $0.045 an hour",
        "change: +$32.85 a month",
        "total of cosmoshub: $32.85 a month",
    ]
    assert "  traffic through NAT gateways" in said[said.index("not counted:") :]
