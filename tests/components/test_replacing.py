"""An update does what was shown, and one host is replaced, by the real engine on the lab's AWS."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine import replacement
from engine.processes import CommandFailed
from engine.stack import Engine, changed
from engine.workspace import Workspace
from estate.declaration import load
from estate.model import Role
from estate.plan.hosts import of_role
from lab.clouds.aws.provider import drift
from lab.clouds.store import Resource, Store
from tests.conftest import ROOT
from tests.engine_stack import engine_stack

pytestmark = pytest.mark.engine

STACK_FILE = ROOT / "stacks" / "Pulumi.cosmoshub.yaml"
PROGRAM = ROOT / "tests" / "components" / "replacing"
VPC, INSTANCE, VOLUME = "aws:ec2/vpc:Vpc", "aws:ec2/instance:Instance", "aws:ebs/volume:Volume"
ENDS_WITH_THE_INSTANCE = ("instance", "data-attachment", "address-association")
"""What is gone when an instance was terminated at the console."""

NEW_IMAGE = "ami-0fedcba9876543210"


@dataclass(frozen=True)
class Estate:
    """Two seeds of one region. ``config``: the declaration that the engine reads."""

    engine: Engine
    cloud: Path
    config: Path

    def of(self, type_: str) -> dict[str, Resource]:
        with Store(self.cloud) as store:
            return {each.urn.rsplit("::", 1)[-1]: each for each in store.resources() if each.type == type_ and each.urn}


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    directory = tmp_path_factory.mktemp("replacing")
    program = shutil.copytree(PROGRAM, directory / "program")
    runtime = f"{{name: python, options: {{virtualenv: {sys.prefix}}}}}"
    (program / "Pulumi.yaml").write_text(f"name: replacing\nruntime: {runtime}\n")
    with engine_stack(directory, STACK_FILE, program=program, project="replacing") as stack:
        environment = {
            **stack.environment,
            "PYTHONPATH": str(ROOT),
            "REPLACING_STACKS": str(ROOT / "stacks"),
        }
        engine = Engine(
            checkout=program,
            stack=stack.name,
            workspace=Workspace(directory / "work", stack.name),
            settings=environment,
            config_file=stack.config,
        )
        engine.up(policies=None)
        yield Estate(engine, directory / "cloud.db", stack.config)


def test_an_update_repairs_the_drift_that_its_preview_shows_and_nothing_else(estate: Estate) -> None:
    vpc = estate.of(VPC)["vpc"]
    *_, ended = (name.removesuffix("-instance") for name in estate.of(INSTANCE))
    with Store(estate.cloud) as store:
        store.drift(vpc.id, {"tags": {"Name": "hub", "by": "hand"}}, drift)
        for resource in store.resources():
            if resource.urn.endswith(tuple(f"::{ended}-{part}" for part in ENDS_WITH_THE_INSTANCE)):
                store.remove(resource.id, type=resource.type)
    estate.engine.preview(policies=None, refresh=True)
    shown = estate.engine.previewed()
    assert "change Vpc vpc: tags" in shown
    assert any(line.startswith("create Instance") for line in shown)
    assert not any("refresh" in line for line in shown)
    assert changed(estate.engine.up(policies=None, refresh=True)) >= 2
    assert estate.of(VPC)["vpc"].properties["tags"] == {"Name": "hub"}
    assert len(estate.of(INSTANCE)) == 2


def test_the_named_host_alone_gets_the_new_image_at_its_address_and_keeps_its_disk(estate: Estate) -> None:
    network = load.read(STACK_FILE)
    region = network.nodes[0].region
    one, other = (host for host in of_role(network, Role.SEED) if host.place == region)
    instances, volumes = estate.of(INSTANCE), estate.of(VOLUME)
    text = estate.config.read_text()
    assert network.regions[region].image in text
    estate.config.write_text(text.replace(network.regions[region].image, NEW_IMAGE))

    named = replacement.of(one, estate.engine.export())
    with pytest.raises(CommandFailed, match="currently marked for protection"):
        estate.engine._steps("up", "--yes", "--skip-preview", "--replace", named.urn)
    estate.engine.up(policies=None, replacement=named)

    now = estate.of(INSTANCE)
    new, old = now[f"{one.name}-instance"], instances[f"{one.name}-instance"]
    assert new.id != old.id
    assert new.properties["ami"] == NEW_IMAGE
    assert new.properties["privateIp"] == old.properties["privateIp"]
    assert new.properties["disableApiTermination"] is True
    assert not new.properties["forceDestroy"]
    assert now[f"{other.name}-instance"] == instances[f"{other.name}-instance"]
    assert estate.of(VOLUME) == volumes
    assert "estate:replace" not in estate.config.read_text()
