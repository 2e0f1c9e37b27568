"""An exported stack of a declared network, made once by its own program."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.__main__ import CHECKOUT, main


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Cosmos Hub's stack as ``pulumi stack export`` would give it."""
    target = tmp_path_factory.mktemp("export") / "cosmoshub.json"
    declared = str(CHECKOUT / "stacks" / "Pulumi.cosmoshub.yaml")
    command = [sys.executable, "-m", "components.export", declared, "--output", str(target)]
    subprocess.run(command, cwd=CHECKOUT, check=True)
    return target


@pytest.fixture
def estate(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command; its exit code, standard output and standard error."""

    def run(*words: str | Path) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
