"""The real engine with the lab's AWS: up, up again, drift, replacement, kills, destroy."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.clouds.__main__ import main as collect
from lab.clouds.aws.provider import drift
from lab.clouds.aws.services import tokens as t
from lab.clouds.store import Resource, Store
from tests.conftest import ROOT, free_of_foreign_settings
from tools import engine

pytestmark = pytest.mark.engine

PROGRAM = """
import json
import pulumi
import pulumi_aws as aws

declared = json.load(open("declared.json"))
tags = aws.ProviderDefaultTagsArgs(tags={"estate": "trial"})
home = pulumi.ResourceOptions(provider=aws.Provider("home", region="eu-central-1", default_tags=tags))
away = pulumi.ResourceOptions(provider=aws.Provider("away", region="us-east-1"))
vpc = aws.ec2.Vpc("hub", cidr_block="10.0.0.0/16", tags={"Name": "hub"}, opts=home)
gateway = aws.ec2.InternetGateway("gateway", vpc_id=vpc.id, opts=home)
attached = pulumi.ResourceOptions.merge(home, pulumi.ResourceOptions(depends_on=[gateway]))
for n in range(declared["subnets"]):
    subnet = aws.ec2.Subnet(
        f"subnet-{n}",
        vpc_id=vpc.id,
        cidr_block=f"10.0.{n}.0/24",
        availability_zone="eu-central-1a",
        opts=home,
    )
    address = aws.ec2.Eip(f"address-{n}", domain="vpc", opts=home)
    if n == 0:
        aws.ec2.NatGateway("nat", subnet_id=subnet.id, allocation_id=address.id, opts=attached)
        node = aws.ec2.Instance(
            "node", ami="ami-0123456789abcdef0", instance_type="m7i.large", subnet_id=subnet.id, opts=home
        )
aws.ec2.VpcPeeringConnection(
    "mesh",
    vpc_id=vpc.id,
    peer_vpc_id=aws.ec2.Vpc("far", cidr_block="10.1.0.0/16", opts=away).id,
    peer_region="us-east-1",
    opts=home,
)
if declared.get("overlap"):
    after = pulumi.ResourceOptions.merge(home, pulumi.ResourceOptions(depends_on=[node]))
    aws.ec2.Subnet("overlap", vpc_id=vpc.id, cidr_block="10.0.0.128/25", opts=after)
pulumi.export("address", node.private_ip)
"""


@dataclass
class Trial:
    """A program, its engine and the lab's AWS, in one directory."""

    directory: Path
    environment: dict[str, str]
    server: subprocess.Popen[bytes] | None = None
    declared: dict = field(default_factory=lambda: {"subnets": 2})

    def serve(self) -> None:
        """Starts the lab's AWS on the state that there is."""
        port = self.directory / "port"
        port.unlink(missing_ok=True)
        world = self.directory / "world.json"
        world.write_text(json.dumps({"quotas": {"eu-central-1": {"elastic_ips_per_region": 20}}}))
        files = ["--state", str(self.state), "--port-file", str(port), "--world", str(world)]
        self.server = subprocess.Popen(
            [sys.executable, "-m", "lab.clouds", *files, "--lab-id", "trial"], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while not port.exists():
            assert time.monotonic() < deadline, "the lab's AWS does not serve"
            time.sleep(0.02)
        self.environment["PULUMI_DEBUG_PROVIDERS"] = f"aws:{port.read_text().strip()}"

    @property
    def state(self) -> Path:
        return self.directory / "cloud.sqlite"

    def kill(self) -> None:
        """Ends the server as a power cut would."""
        assert self.server
        self.server.kill()
        self.server.wait()

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Starts the engine."""
        (self.directory / "declared.json").write_text(json.dumps(self.declared))
        return subprocess.Popen(
            ["pulumi", *words, "--stack", "trial", "--non-interactive", "--color", "never"],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str, fails: bool = False) -> str:
        """Runs the engine and returns what it said."""
        running = self.start(*words)
        said, _ = running.communicate(timeout=300)
        assert (running.returncode != 0) == fails, said
        return said

    def up(self, *words: str, fails: bool = False) -> str:
        return self.run("up", "--yes", "--skip-preview", *words, fails=fails)

    def resources(self) -> list[Resource]:
        with Store(self.state) as store:
            return store.resources()

    def one(self, name: str) -> Resource:
        return next(resource for resource in self.resources() if resource.urn.endswith(f"::{name}"))

    def drift(self, name: str, **changes: object) -> None:
        with Store(self.state) as store:
            store.drift(self.one(name).id, changes, drift)


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    (tmp_path / "Pulumi.yaml").write_text(
        f"name: trial\nruntime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}\n"
    )
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "backend").mkdir()
    environment = engine.environment(free_of_foreign_settings(os.environ)) | {
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'backend'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
    }
    made = Trial(tmp_path, environment)
    made.serve()
    subprocess.run(["pulumi", "stack", "init", "trial", "--non-interactive"], cwd=tmp_path, env=environment, check=True)
    yield made
    made.kill()


def counts(said: str) -> dict[str, int]:
    """Returns the numbers of the engine's summary by word."""
    return {word: int(number) for number, word in re.findall(r"^\s+[+~-]*\s*(\d+) ([a-z]+)$", said, re.MULTILINE)}


def test_an_estate_comes_up_stays_and_goes(trial: Trial) -> None:
    planned = int(re.search(r"\+ (\d+) to create", trial.run("preview")).group(1))
    assert trial.resources() == []
    assert counts(trial.up())["created"] == planned
    beside = 3  # the stack and its two providers
    assert len([resource for resource in trial.resources() if resource.urn]) == planned - beside
    trial.up("--expect-no-changes")
    assert trial.one("far").region == "us-east-1"
    assert trial.one("hub").properties["tagsAll"] == {"Name": "hub", "estate": "trial"}
    trial.run("destroy", "--yes", "--skip-preview")
    assert trial.resources() == []


def test_what_a_hand_changed_is_seen_and_put_right(trial: Trial) -> None:
    trial.up()
    trial.drift("hub", tags={"Name": "hub", "by": "hand"})
    said = trial.run("refresh", "--yes", "--skip-preview", "--diff")
    assert counts(said)["updated"] == 1
    assert re.search(r'\+ by\s*: "hand"', said)
    first = trial.one("node").id
    with Store(trial.state) as store:
        store.remove(first)
    done = counts(trial.up("--refresh"))
    assert (done["updated"], done["created"]) == (1, 1)
    assert trial.one("hub").properties["tags"] == {"Name": "hub"}
    assert trial.one("node").id != first


def test_a_refusal_is_shown_and_the_rest_stays(trial: Trial) -> None:
    trial.declared["overlap"] = True
    said = trial.up(fails=True)
    assert "api error InvalidSubnet.Conflict: The CIDR '10.0.0.128/25' conflicts with another subnet" in said
    trial.declared.pop("overlap")
    trial.up()
    trial.up("--expect-no-changes")


def test_an_update_completes_after_the_server_was_killed_in_its_middle(trial: Trial) -> None:
    trial.declared["subnets"] = 6
    running = trial.start("up", "--yes", "--skip-preview", "--parallel", "2")
    wait_until(lambda: trial.state.exists() and len(trial.resources()) > 9, running)
    trial.kill()
    running.communicate(timeout=120)
    trial.serve()
    complete(trial)


def test_an_update_completes_after_the_engine_was_killed_in_its_middle(trial: Trial) -> None:
    trial.environment |= {"PULUMI_EXPERIMENTAL": "1", "PULUMI_SKIP_CHECKPOINTS": "1"}
    trial.declared["subnets"] = 6
    running = trial.start("up", "--yes", "--skip-preview", "--parallel", "2")
    wait_until(lambda: trial.state.exists() and len(trial.resources()) > 8, running)
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=120)
    for lock in (trial.directory / "backend").glob(".pulumi/locks/**/*.json"):
        lock.unlink()
    complete(trial)


def wait_until(reached, running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline
        assert running.poll() is None, "the engine was done before it could be interrupted"
        time.sleep(0.005)


def complete(trial: Trial) -> None:
    """Collects what was made and never recorded, brings the estate up and asserts that each resource is there once."""
    recorded = trial.directory / "recorded.json"
    trial.run("stack", "export", "--file", str(recorded))
    assert collect(["collect", "--state", str(trial.state), "--stack-export", str(recorded)]) == 0
    trial.up()
    urns = [resource.urn for resource in trial.resources() if resource.urn]
    assert sorted(urns) == sorted(set(urns))
    trial.up("--expect-no-changes", "--refresh")
    with Store(trial.state) as store, store.snapshot() as view:
        held = view.held_addresses()
    assert len(held) == len([r for r in trial.resources() if r.type == t.EIP])
    trial.run("destroy", "--yes", "--skip-preview")
    assert trial.resources() == []
