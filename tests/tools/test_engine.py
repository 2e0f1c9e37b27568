"""The engine as `tools.engine` provides it: a real program, a real policy pack, a file backend."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import engine

pytestmark = pytest.mark.engine

VIRTUALENV = Path(sys.prefix)

PROJECT = f"""\
name: tiny
runtime:
  name: python
  options:
    virtualenv: {VIRTUALENV}
"""

PROGRAM = """\
import time
import pulumi

config = pulumi.Config()
if config.get_bool("fail"):
    raise ValueError("the program was asked to fail")
if config.get_bool("hang"):
    print("hanging now", flush=True)
    time.sleep(600)


class Shelf(pulumi.ComponentResource):
    def __init__(self, name, height):
        super().__init__("estate:test:Shelf", name, {"height": height})
        self.register_outputs({"height": height})


Shelf("books", config.get_int("height") or 1)
pulumi.export("where", f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}")
pulumi.export("secret", config.get_secret("secret"))
"""

POLICY = """\
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def low(args, report_violation):
    if args.resource_type == "estate:test:Shelf" and args.props.get("height", 0) > 3:
        report_violation("nobody reaches it")


PolicyPack(
    "shelves",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[ResourceValidationPolicy(name="low", description="shelves are low", validate=low)],
)
"""

POLICY_PROJECT = f"""\
runtime:
  name: python
  options:
    virtualenv: {VIRTUALENV}
"""


class Stack:
    """A tiny project in a directory of its own, with a backend beside it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "Pulumi.yaml").write_text(PROJECT)
        (directory / "__main__.py").write_text(PROGRAM)
        (directory / "policies").mkdir()
        (directory / "policies" / "PulumiPolicy.yaml").write_text(POLICY_PROJECT)
        (directory / "policies" / "__main__.py").write_text(POLICY)
        (directory / "backend").mkdir()
        self.environment = engine.environment(
            {
                **os.environ,
                "PULUMI_BACKEND_URL": f"file://{directory / 'backend'}",
                "PULUMI_CONFIG_PASSPHRASE": "of a test",
                "PULUMI_HOME": str(directory / "home"),
            }
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), cwd=self.directory, env=self.environment, capture_output=True, text=True, timeout=120
        )

    def command(self, *words: str) -> list[str]:
        return ["pulumi", *words, "--non-interactive", "--color", "never"]

    def done(self, *words: str) -> str:
        result = self.run(*words)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    made = Stack(tmp_path)
    made.done("stack", "init", "dev")
    return made


def test_a_program_is_previewed_created_left_alone_and_destroyed(stack: Stack) -> None:
    assert "2 to create" in stack.done("preview", "--policy-pack", "policies")
    assert "2 created" in stack.done("up", "--yes", "--policy-pack", "policies")
    assert "organization/tiny/dev" in stack.done("stack", "output", "where")
    assert "2 unchanged" in stack.done("up", "--yes", "--policy-pack", "policies")
    assert "2 deleted" in stack.done("destroy", "--yes")


def test_the_engine_is_quiet_about_where_its_parts_are(stack: Stack) -> None:
    assert "warning" not in stack.done("preview", "--policy-pack", "policies")


def test_a_mandatory_policy_stops_an_update_and_says_why(stack: Stack) -> None:
    stack.done("config", "set", "height", "9")
    result = stack.run("up", "--yes", "--policy-pack", "policies")
    assert result.returncode != 0
    assert "nobody reaches it" in result.stdout + result.stderr
    assert "estate:test:Shelf" not in stack.done("stack", "--show-urns")


def test_a_failing_program_fails_the_engine_with_its_traceback(stack: Stack) -> None:
    stack.done("config", "set", "fail", "true")
    result = stack.run("preview")
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert "ValueError: the program was asked to fail" in said
    assert '__main__.py", line 6' in said


def test_a_secret_of_the_configuration_stays_one(stack: Stack) -> None:
    stack.done("config", "set", "--secret", "secret", "planted-5d1c")
    said = stack.done("up", "--yes")
    assert "planted-5d1c" not in said
    assert stack.done("stack", "output", "secret", "--show-secrets").strip() == "planted-5d1c"
    assert "planted-5d1c" not in stack.done("stack", "export")


def test_a_missing_virtual_environment_is_named(stack: Stack) -> None:
    project = stack.directory / "Pulumi.yaml"
    project.write_text(PROJECT.replace(str(VIRTUALENV), "absent-venv"))
    result = stack.run("preview")
    assert result.returncode != 0
    assert "absent-venv" in result.stdout + result.stderr


def test_an_interrupt_ends_the_engine_and_the_program_without_a_traceback(stack: Stack) -> None:
    stack.done("config", "set", "hang", "true")
    running = subprocess.Popen(
        stack.command("preview"),
        cwd=stack.directory,
        env=stack.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert running.stdout is not None
    said = b""
    while b"hanging now" not in said and (line := running.stdout.readline()):
        said += line
    running.send_signal(signal.SIGINT)
    rest, _ = running.communicate(timeout=30)
    assert running.returncode != 0
    assert b"Traceback" not in said + rest
    deadline = time.monotonic() + 10
    while programs_in(stack.directory) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert programs_in(stack.directory) == []


def test_a_killed_engine_leaves_neither_its_language_host_nor_the_program(stack: Stack) -> None:
    stack.done("config", "set", "hang", "true")
    running = subprocess.Popen(
        stack.command("preview"),
        cwd=stack.directory,
        env=stack.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert running.stdout is not None
    said = b""
    while b"hanging now" not in said and (line := running.stdout.readline()):
        said += line
    assert any("language_host.py" in each for each in programs_in(stack.directory))
    running.kill()
    running.wait()
    deadline = time.monotonic() + 30
    while programs_in(stack.directory) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert programs_in(stack.directory) == []


def programs_in(directory: Path) -> list[str]:
    """Command lines of the processes that work in this directory."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if (process / "cwd").resolve() == directory:
                    found.append((process / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
    return found
