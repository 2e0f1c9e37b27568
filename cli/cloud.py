"""The cloud side of a network: the engine against the lab's own providers, or against the real accounts."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli import processes
from cli.engine import Engine
from cli.errors import CheckFailed
from estate.load import stack_file
from estate.model import Network
from lab.paths import LabPaths

POLICIES = "policies"
PROVIDER_START_SECONDS = 30


def records(paths: LabPaths) -> Path:
    """Where the children of this lab's commands are recorded while they run."""
    return paths.root / "run"


def logs(paths: LabPaths) -> Path:
    return paths.root / "logs"


@contextmanager
def exclusive(paths: LabPaths) -> Iterator[None]:
    """One command at a time may change this lab. Ends what a killed command left running first."""
    paths.root.mkdir(parents=True, exist_ok=True)
    with (paths.root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CheckFailed(
                f"another command is changing the lab of {paths.network}; wait for it to end, then run this again"
            ) from None
        processes.end_leftovers(records(paths))
        yield


def world(network: Network) -> dict[str, object]:
    """What the stack finds and does not make: the partners' VPCs, which accept our peering, and the edges' certificates."""
    return {
        "certificates": [
            arn for site in network.sites.values() for link in site.links.values() for arn in link.certificates
        ],
        "vpcs": [
            {
                "ownerId": partner.account_id,
                "vpcId": partner.vpc_id,
                "cidr": str(partner.cidrs[0]),
                "region": partner.vpc_region,
            }
            for partner in network.partners.values()
        ],
    }


@contextmanager
def provider(checkout: Path, paths: LabPaths, network: Network) -> Iterator[int]:
    """The lab's cloud providers, served while the block runs; gives their port."""
    world_file, port_file = paths.root / "world.json", paths.root / "run" / "provider.port"
    paths.root.mkdir(parents=True, exist_ok=True)
    port_file.parent.mkdir(parents=True, exist_ok=True)
    world_file.write_text(json.dumps(world(network)))
    port_file.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "lab.cloud",
        "--state",
        str(paths.cloud_state),
        "--world",
        str(world_file),
        "--lab-id",
        paths.lab_id,
        "--port-file",
        str(port_file),
    ]
    child = processes.start(command, records=records(paths), log=logs(paths) / "cloud.log", cwd=checkout)
    try:
        deadline = time.monotonic() + PROVIDER_START_SECONDS
        while not (port_file.exists() and port_file.read_text().strip()):
            if child.poll() is not None or time.monotonic() > deadline:
                raise CheckFailed(f"the lab's cloud providers did not start; see {logs(paths) / 'cloud.log'}")
            time.sleep(0.02)
        yield int(port_file.read_text())
    finally:
        processes.stop(child, records=records(paths))


@contextmanager
def rehearsed(checkout: Path, paths: LabPaths, network: Network) -> Iterator[Engine]:
    """The engine on a backend of the lab's own, attached to the lab's providers: no credential can be used by accident."""
    backend = paths.engine_state
    backend.mkdir(parents=True, exist_ok=True)
    declared = paths.root / f"Pulumi.{network.name}.yaml"
    shutil.copyfile(stack_file(checkout, network.name), declared)
    with provider(checkout, paths, network) as port:
        engine = Engine(
            checkout=checkout,
            stack=network.name,
            records=records(paths),
            logs=logs(paths),
            settings={
                "PULUMI_BACKEND_URL": f"file://{backend}",
                "PULUMI_HOME": str(paths.root / "pulumi-home"),
                "PULUMI_CONFIG_PASSPHRASE": "",
                "PULUMI_DEBUG_PROVIDERS": f"aws:{port},gcp:{port}",
                "PULUMI_EXPERIMENTAL": "1",
                "PULUMI_SKIP_CHECKPOINTS": "1",
                "AWS_ACCESS_KEY_ID": "",
                "AWS_SECRET_ACCESS_KEY": "",
                "AWS_PROFILE": "",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            },
            config_file=declared,
        )
        for lock in backend.glob(".pulumi/locks/**/*.json"):
            lock.unlink()
        engine.make_stack("estate", paths.root / "stack")
        yield engine


def live(checkout: Path, paths: LabPaths, network: Network) -> Engine:
    """The engine as the operator's own login and credentials have it."""
    return Engine(checkout=checkout, stack=network.name, records=records(paths), logs=logs(paths))


def in_words(counts: dict[str, int]) -> str:
    """E.g. ``312 to create, 4 to replace, 20 unchanged``."""
    names = {"same": "unchanged", "create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}
    return (
        ", ".join(f"{count} {names.get(operation, operation)}" for operation, count in sorted(counts.items()))
        or "nothing"
    )
