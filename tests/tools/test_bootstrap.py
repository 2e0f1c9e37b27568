"""bin/estate in a checkout of its own: first use, later uses, a changed requirement, a kill in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).resolve().parents[2] / "bin" / "estate"

COMMAND_LINE = """\
import os, sys
print(sys.prefix)
print(sys.argv[1:])
sys.exit(7)
"""


class Checkout:
    """A tree with nothing but the script, empty requirements and a command line that says where it runs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "bin").mkdir(parents=True)
        shutil.copy(SCRIPT, root / "bin" / "estate")
        (root / "requirements.txt").write_text("")
        (root / "cli").mkdir()
        (root / "cli" / "__main__.py").write_text(COMMAND_LINE)

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.root / "bin" / "estate"), *words],
            cwd="/",
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("check out") / "here")
    first = checkout.run("first")
    assert first.returncode == 7, first.stderr
    assert "first use: making" in first.stderr
    return checkout


def test_the_command_line_runs_in_the_environment_with_its_arguments_and_exit_code(prepared: Checkout) -> None:
    done = prepared.run("reach", "a host", "--json")
    assert done.returncode == 7
    assert done.stdout.splitlines() == [str(prepared.root / ".venv"), "['reach', 'a host', '--json']"]


def test_a_prepared_checkout_starts_quietly_and_at_once(prepared: Checkout) -> None:
    took, python_alone = [], []
    for _ in range(5):
        started = time.monotonic()
        done = prepared.run()
        took.append(time.monotonic() - started)
        started = time.monotonic()
        subprocess.run([prepared.root / ".venv/bin/python", "-c", ""], check=True)
        python_alone.append(time.monotonic() - started)
        assert done.stderr == ""
    assert min(took) < 5 * min(python_alone)


def test_a_directory_named_as_the_command_line_does_not_take_its_place(prepared: Checkout, tmp_path: Path) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli/__main__.py").write_text("print('not this')")
    done = subprocess.run([str(prepared.root / "bin/estate")], cwd=tmp_path, capture_output=True, text=True)
    assert "not this" not in done.stdout


def test_it_runs_through_a_symbolic_link(prepared: Checkout, tmp_path: Path) -> None:
    (tmp_path / "estate").symlink_to(prepared.root / "bin/estate")
    assert subprocess.run([tmp_path / "estate"], capture_output=True).returncode == 7


def test_changed_requirements_are_installed(prepared: Checkout) -> None:
    (prepared.root / "requirements.txt").write_text("# nothing, in other words\n")
    assert "requirements changed" in prepared.run().stderr
    assert prepared.run().stderr == ""


def test_an_old_python_is_refused_with_what_is_needed(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "here")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        old = programs / name
        old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
        old.chmod(0o755)
    refused = checkout.run(PATH=f"{programs}:/usr/bin:/bin")
    assert refused.returncode == 2
    assert "Python 3.9.2 is too old: Python 3.11 or newer is needed" in refused.stderr


def test_a_first_use_that_was_killed_is_done_over(tmp_path: Path, is_long: bool) -> None:
    for seconds in (0.2, 1.0, 2.5) if is_long else (1.0,):
        checkout = Checkout(tmp_path / str(seconds))
        command = [str(checkout.root / "bin/estate")]
        running = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(seconds)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        again = checkout.run()
        assert again.returncode == 7, (seconds, again.stderr)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another checkout's environment: a stamp of its own requirements, and an interpreter."""
    environment = tmp_path / "elsewhere"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(sys.executable)
    (environment / ".installed").write_text("another-package==1\n")
    return environment


def files(environment: Path) -> dict[str, str]:
    return {
        str(each.relative_to(environment)): str(each.readlink()) if each.is_symlink() else each.read_text()
        for each in environment.rglob("*")
        if each.is_symlink() or each.is_file()
    }


@pytest.mark.parametrize("what", ["other requirements", "no stamp", "no interpreter", "nothing at all"])
def test_an_environment_behind_a_link_is_not_changed_but_refused(tmp_path: Path, elsewhere: Path, what: str) -> None:
    checkout = Checkout(tmp_path / "here")
    if what == "no stamp":
        (elsewhere / ".installed").unlink()
    if what == "no interpreter":
        (elsewhere / ".installed").write_text("")
        (elsewhere / "bin" / "python").unlink()
    if what == "nothing at all":
        shutil.rmtree(elsewhere)
    (checkout.root / ".venv").symlink_to(elsewhere)
    before = files(elsewhere)
    refused = checkout.run()
    assert refused.returncode == 2
    assert f".venv is a link to {elsewhere}, " in refused.stderr and "Remove the link" in refused.stderr
    assert (checkout.root / ".venv").readlink() == elsewhere
    assert files(elsewhere) == before


def test_an_environment_behind_a_link_is_used_if_it_was_made_for_the_same_requirements(
    tmp_path: Path, elsewhere: Path
) -> None:
    checkout = Checkout(tmp_path / "here")
    (checkout.root / "requirements.txt").write_text("another-package==1\n")
    (checkout.root / ".venv").symlink_to(elsewhere)
    before = files(elsewhere)
    done = checkout.run("reach")
    assert done.returncode == 7 and done.stderr == ""
    assert files(elsewhere) == before
