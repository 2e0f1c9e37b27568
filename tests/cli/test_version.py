"""``bin/estate --version``."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.version import version

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[tool.estate]\nversion = "3.2.1"\n')
    return tmp_path


def git(tree: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(
        ["git", "-C", tree, *identity, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_version_is_printed(estate: Run) -> None:
    code, out, err = estate("--version")
    assert (code, err) == (0, "")
    assert out.startswith("estate 0.")


def test_a_tree_without_a_repository_has_the_declared_version_alone(tree: Path) -> None:
    assert version(tree) == "3.2.1"


def test_a_checkout_adds_its_commit_and_whether_files_differ_from_it(tree: Path) -> None:
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "first")
    commit = git(tree, "rev-parse", "--short=12", "HEAD")
    assert version(tree) == f"3.2.1 ({commit})"
    with (tree / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert version(tree) == f"3.2.1 ({commit}-dirty)"


def test_without_git_the_declared_version_remains(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tree))
    assert version(tree) == "3.2.1"
