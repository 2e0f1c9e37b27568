"""The real engine on a stack of its own: a file backend and the lab's AWS, in a temporary directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estate.declaration import load
from lab.rehearsal.cloud import world
from tests.conftest import ROOT, free_of_foreign_settings
from tools import engine

START_SECONDS = 30


@dataclass(frozen=True)
class EngineStack:
    """``program`` is a directory with a Pulumi project; ``config`` the stack file that the engine reads."""

    name: str
    program: Path
    config: Path
    environment: dict[str, str]

    def run(self, command: str, *words: str, fails: bool = False) -> str:
        """What the engine says. It must succeed, or must not."""
        arguments = ["pulumi", command, *words, "--stack", self.name, "--config-file", str(self.config)]
        done = subprocess.run(
            [*arguments, "--non-interactive", "--color", "never"],
            cwd=self.program,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, said[-6000:]
        return said

    def up(self, *words: str, fails: bool = False) -> str:
        return self.run("up", "--yes", "--skip-preview", "--parallel", "64", *words, fails=fails)

    def outputs(self) -> dict[str, Any]:
        done = subprocess.run(
            ["pulumi", "stack", "output", "--json", "--stack", self.name],
            cwd=self.program,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)


@contextmanager
def lab_cloud(directory: Path, world_file: Path) -> Iterator[int]:
    """The lab's clouds, empty; gives their port."""
    port = directory / "port"
    arguments = ["--state", str(directory / "cloud.db"), "--lab-id", "test", "--port-file", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "lab.clouds", "serve", *arguments, "--world", str(world_file)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not port.exists():
            assert server.poll() is None, f"the lab's cloud ended with {server.returncode} before it served"
            assert time.monotonic() < deadline, f"the lab's cloud does not serve after {START_SECONDS} s"
            time.sleep(0.05)
        yield int(port.read_text())
    finally:
        server.terminate()
        server.wait(timeout=10)


@contextmanager
def engine_stack(
    directory: Path, stack_file: Path, *, program: Path = ROOT, project: str = "estate"
) -> Iterator[EngineStack]:
    """A stack of what ``stack_file`` declares, not yet up. ``project``: the name of the one in ``program``."""
    name = stack_file.name.split(".")[1]
    scratch, backend, world_file = directory / "scratch", directory / "backend", directory / "world.json"
    scratch.mkdir()
    backend.mkdir()
    (scratch / "Pulumi.yaml").write_text(f"name: {project}\nruntime: python\n")
    world_file.write_text(json.dumps(world(load.read(stack_file))))
    environment = engine.environment(free_of_foreign_settings(os.environ)) | {
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_EXPERIMENTAL": "1",
        "PULUMI_SKIP_CHECKPOINTS": "1",
        "ESTATE_REHEARSAL": "true",
    }
    subprocess.run(["pulumi", "stack", "init", name, "--non-interactive"], cwd=scratch, env=environment, check=True)
    config = directory / stack_file.name
    config.write_text(stack_file.read_text() + (scratch / stack_file.name).read_text())
    with lab_cloud(directory, world_file) as port:
        yield EngineStack(name, program, config, environment | {"PULUMI_DEBUG_PROVIDERS": f"aws:{port}"})
