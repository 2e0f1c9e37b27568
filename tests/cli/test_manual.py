"""docs/command-line.md says what the parser and the documents say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import manual
from cli.__main__ import CHECKOUT, COMMANDS

Run = Callable[..., tuple[int, str, str]]


def test_the_page_is_current() -> None:
    assert (CHECKOUT / manual.FILE).read_text() == manual.text(), "rewrite it: .venv/bin/python -m cli.manual"


@pytest.mark.slow
def test_every_command_that_prints_json_has_its_keys_on_the_page() -> None:
    taking = {name for name in COMMANDS if f"### {name}\n" in manual.text() and "--json" in _section(name)}
    assert taking == set(manual.JSON)


def _section(name: str) -> str:
    return manual.text().split(f"### {name}\n")[1].split("\n### ")[0].split("\n## ")[0]


def test_the_documented_keys_are_those_of_the_documents(estate: Run, tmp_path: Path) -> None:
    stack = tmp_path / "state.json"
    urn = "urn:pulumi:dev::shop::aws:ec2/vpc:Vpc::main"
    vpc = {
        "urn": urn,
        "type": "aws:ec2/vpc:Vpc",
        "custom": True,
        "id": "vpc-1",
        "outputs": {"cidrBlock": "10.0.0.0/16"},
    }
    stack.write_text(json.dumps({"version": 3, "deployment": {"resources": [vpc]}}))
    _, out, _ = estate("prove", "--state", stack, "--json")
    proved = json.loads(out)
    assert {"verdict", "witness"} <= set(proved["claims"][0])
    for key in (*proved, *proved["claims"][0]):
        assert f"`{key}`" in manual.JSON["prove"]
    _, out, _ = estate("reach", "internet", "10.0.0.1", "--state", stack, "--json")
    asked = json.loads(out)
    for key in (*asked, *asked["flows"][0]):
        assert f"`{key}`" in manual.JSON["reach"]
