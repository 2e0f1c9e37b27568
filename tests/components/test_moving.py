"""A datacentre's tunnels move from a network's stack to the datacentre's own, and stay up: docs/operations says how."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.aws.site_link import SiteLink
from estate.declaration import load
from lab.clouds.store import Store
from lab.rehearsal.cloud import world
from tests.conftest import ROOT, free_of_foreign_settings
from tests.engine_stack import lab_cloud
from tools import engine

pytestmark = pytest.mark.engine

STACK_FILE = ROOT / "stacks" / "Pulumi.cosmoshub.yaml"
CONNECTION = "aws:ec2/vpnConnection:VpnConnection"
CUSTOMER = "aws:ec2/customerGateway:CustomerGateway"


@dataclass(frozen=True)
class Project:
    """The program with its two stacks, ``network`` and ``site``."""

    directory: Path
    environment: dict[str, str]
    state: Path

    def pulumi(self, *words: str) -> str:
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive", "--color", "never"],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        return done.stdout

    def declare_tunnels_in(self, stack: str) -> None:
        for each in ("network", "site"):
            self.pulumi("config", "set", "moving:tunnels", stack, "--stack", each)

    def up(self, stack: str) -> None:
        self.pulumi("up", "--yes", "--skip-preview", "--stack", stack)

    def planned(self, stack: str) -> set[str]:
        """Every operation of a preview, ``same`` and ``read`` aside."""
        steps = json.loads(self.pulumi("preview", "--json", "--stack", stack))["steps"]
        assert steps, "a preview lists unchanged resources too"
        return {f"{step['op']} {step['urn']}" for step in steps if step["op"] not in ("same", "read")}

    def urns(self, stack: str, type_: str) -> list[str]:
        resources = json.loads(self.pulumi("stack", "export", "--stack", stack))["deployment"]["resources"]
        return [each["urn"] for each in resources if each["type"] == type_]

    def tunnels(self) -> dict[str, tuple[str, str]]:
        """By connection's id: the outside addresses, which the edges are configured with."""
        with Store(self.state) as store:
            return {
                each.id: (each.properties["tunnel1Address"], each.properties["tunnel2Address"])
                for each in store.resources()
                if each.type == CONNECTION
            }


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    directory, backend, world_file = tmp_path / "moving", tmp_path / "backend", tmp_path / "world.json"
    shutil.copytree(Path(__file__).with_name("moving"), directory)
    backend.mkdir()
    world_file.write_text(json.dumps(world(load.read(STACK_FILE))))
    environment = engine.environment(free_of_foreign_settings(os.environ))
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "MOVING_STACK_FILE": str(STACK_FILE),
    }
    with lab_cloud(tmp_path, world_file) as port:
        made = Project(directory, environment | {"PULUMI_DEBUG_PROVIDERS": f"aws:{port}"}, tmp_path / "cloud.db")
        for stack in ("network", "site"):
            made.pulumi("stack", "init", stack)
        yield made


def test_tunnels_move_to_another_stack_without_being_created_replaced_or_deleted(project: Project) -> None:
    project.declare_tunnels_in("network")
    project.up("network")
    project.up("site")
    before = project.tunnels()
    assert len(before) == 2, "one connection for each edge"
    (link,) = project.urns("network", SiteLink.TOKEN)

    project.pulumi("state", "move", "--yes", "--source", "network", "--dest", "site", link)
    project.declare_tunnels_in("site")

    assert project.planned("network") == set()
    assert project.planned("site") == set()
    project.up("site")
    project.up("network")
    assert project.tunnels() == before, "a new connection has other addresses, and every edge would lose its tunnels"
    assert project.urns("network", CONNECTION) == project.urns("network", CUSTOMER) == []
    (moved,) = project.urns("site", SiteLink.TOKEN)
    assert moved.startswith("urn:pulumi:site::moving::estate:site:Datacentre$"), (
        "the update has put it under its parent"
    )
    assert project.planned("site") == set()
