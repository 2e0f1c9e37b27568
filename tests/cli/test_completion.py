"""Shell completion, asked as bash asks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.__main__ import CHECKOUT, COMMANDS

LINES = {
    "bin/estate pro": ["prove", "probe"],
    "bin/estate prove --expl": ["--explain"],
    "bin/estate prove --explain no-p": ["no-public-ssh"],
    "bin/estate logs validator-z": ["validator-zrh1-01", "validator-zrh1-02"],
    "bin/estate ssh cosmoshub-validator-z": ["cosmoshub-validator-zrh1-01", "cosmoshub-validator-zrh1-02"],
    "bin/estate logs --network terra seed-u": ["seed-us-west-2-01"],
    "bin/estate drill cha": ["chaos"],
    "bin/estate drill chaos --h": ["--help", "--heights"],
    "bin/estate key join ": ["ash1", "zrh1"],
}

BASH = """
source <(bin/estate completion bash)
[[ $(complete -p estate) == *_python_argcomplete* ]] || exit 3
while IFS= read -r COMP_LINE; do
    COMP_POINT=${#COMP_LINE} COMP_TYPE=9 COMPREPLY=()
    _python_argcomplete bin/estate
    for each in "${COMPREPLY[@]}"; do printf '%s,' "${each% }"; done
    echo
done
"""


def completed(*lines: str) -> list[list[str]]:
    done = subprocess.run(
        ["bash", "-c", BASH], cwd=CHECKOUT, input="".join(f"{line}\n" for line in lines), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [[word for word in answer.split(",") if word] for answer in done.stdout.splitlines()]


def loaded(line: str, tmp_path: Path) -> set[str]:
    """The packages that completing a line loads."""
    script = (
        "import atexit, os, runpy, sys\n"
        "def end(code):\n"
        f"    open({str(tmp_path / 'loaded')!r}, 'w').write(' '.join(sys.modules))\n"
        "    really(code)\n"
        "really, os._exit = os._exit, end\n"
        "sys.argv = ['bin/estate']\n"
        "runpy.run_module('cli', run_name='__main__')\n"
    )
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_SHELL": "bash"}
    asked["_ARGCOMPLETE_STDOUT_FILENAME"] = str(tmp_path / "words")
    subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, env={**os.environ, **asked}, check=True)
    return {name.split(".")[0] for name in (tmp_path / "loaded").read_text().split()}


@pytest.mark.slow
def test_a_real_bash_completes_commands_options_and_names() -> None:
    assert dict(zip(LINES, completed(*LINES), strict=True)) == LINES


@pytest.mark.slow
def test_commands_and_options_are_completed_without_loading_the_declaration(tmp_path: Path) -> None:
    slow = {"pydantic", "rich", "yaml", "pulumi", "pyinfra"}
    assert not loaded("bin/estate ", tmp_path) & slow
    assert sorted((tmp_path / "words").read_text().replace("\x0b", " ").split()) == sorted(COMMANDS)
    assert not loaded("bin/estate prove --", tmp_path) & slow
    assert "--unexercised" in (tmp_path / "words").read_text()


def test_a_tab_installs_nothing(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "estate"
    script.write_bytes((CHECKOUT / "bin" / "estate").read_bytes())
    (tmp_path / "requirements.txt").write_text("")
    done = subprocess.run(["bash", script], env={**os.environ, "_ARGCOMPLETE": "1"}, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_each_shell_gets_a_script_to_source(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "completion", shell], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert "_python_argcomplete estate" in done.stdout
    assert subprocess.run(["bash", "-n"], input=done.stdout, text=True).returncode == 0
