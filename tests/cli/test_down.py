"""Which networks ``bin/estate down`` takes down."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from cli.commands import down
from estate.errors import UsageError


def names(checkout: Path, monkeypatch: pytest.MonkeyPatch, *named: str) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(down, "_take_down", lambda _, name: found.append(name))
    down.run(checkout, argparse.Namespace(networks=named))
    return found


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Nothing is declared, and the network ``former`` is up."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / ".lab" / "former").mkdir(parents=True)
    (tmp_path / ".lab" / "former" / "cloud.db").touch()
    return tmp_path


def test_a_network_that_is_up_and_no_longer_declared_is_taken_down_once(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert names(checkout, monkeypatch, "former", "former") == ["former"]


def test_a_network_whose_declaration_cannot_be_read_is_taken_down(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "stacks" / "Pulumi.former.yaml").write_text("config: [")
    assert names(checkout, monkeypatch, "former") == ["former"]


@pytest.mark.parametrize("name", ["other", "../former", ""])
def test_a_name_that_is_neither_up_nor_declared_is_refused(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with pytest.raises(UsageError):
        names(checkout, monkeypatch, "former", name)
