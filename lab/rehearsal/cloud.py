"""The engine on a backend of the lab's own, attached to the lab's own providers."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import processes
from engine.stack import REHEARSAL, Engine
from estate.declaration.load import stack_file
from estate.errors import CheckFailed
from estate.model import Network
from lab.clouds.store import Store
from lab.paths import LabPaths

PROVIDER_START_SECONDS = 30


def taken(paths: LabPaths) -> set[str]:
    """The public addresses that the clouds of the checkout's other networks hold.

    Raises:
        CheckFailed: the state of one cannot be read.
    """
    found: set[str] = set()
    for other in paths.others:
        try:
            with Store(other.cloud_state) as store, store.snapshot() as view:
                found |= set(view.held_addresses())
        except FileNotFoundError:
            continue  # it was taken down meanwhile
        except sqlite3.DatabaseError as error:
            raise CheckFailed(
                f"{other.cloud_state}: the state of {other.network}'s cloud cannot be read ({error}); its public"
                " addresses must be known, because no address is given twice; run"
                f" `bin/estate down {other.network}`, then the same command again"
            ) from None
    return found


def world(network: Network, taken: Iterable[str] = ()) -> dict[str, object]:
    """What the stack expects to exist: the partners' VPCs, which accept our peering, the edges' certificates, the
    service quotas that AWS has raised, and the public addresses that are ``taken``.
    """
    return {
        "quotas": {region: raised.model_dump(exclude_none=True) for region, raised in network.aws.quotas.items()},
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
        "publicTaken": sorted(taken),
    }


@contextmanager
def provider(checkout: Path, paths: LabPaths, network: Network) -> Iterator[int]:
    """The lab's cloud providers, served while the block runs; gives their port."""
    world_file, port_file = paths.root / "world.json", paths.root / "run" / "provider.port"
    paths.root.mkdir(parents=True, exist_ok=True)
    port_file.parent.mkdir(parents=True, exist_ok=True)
    world_file.write_text(json.dumps(world(network, taken(paths))))
    port_file.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "lab.clouds",
        "--state",
        str(paths.cloud_state),
        "--world",
        str(world_file),
        "--lab-id",
        paths.lab_id,
        "--port-file",
        str(port_file),
    ]
    child = processes.start(
        command, records=paths.workspace.records, log=paths.workspace.logs / "cloud.log", cwd=checkout
    )
    try:
        deadline = time.monotonic() + PROVIDER_START_SECONDS
        while not (port_file.exists() and port_file.read_text().strip()):
            if child.poll() is not None or time.monotonic() > deadline:
                raise CheckFailed(f"the lab's cloud providers did not start; see {paths.workspace.logs / 'cloud.log'}")
            time.sleep(0.02)
        yield int(port_file.read_text())
    finally:
        processes.stop(child, records=paths.workspace.records)


@contextmanager
def rehearsed(checkout: Path, paths: LabPaths, network: Network) -> Iterator[Engine]:
    """The engine on the lab's own backend, attached to the lab's providers: no credential can be used by accident."""
    backend = paths.engine_state
    backend.mkdir(parents=True, exist_ok=True)
    declared = paths.root / f"Pulumi.{network.name}.yaml"
    shutil.copyfile(stack_file(checkout, network.name), declared)
    with provider(checkout, paths, network) as port:
        engine = Engine(
            checkout=checkout,
            stack=network.name,
            workspace=paths.workspace,
            settings={
                "PULUMI_BACKEND_URL": f"file://{backend}",
                "PULUMI_HOME": str(paths.root / "pulumi-home"),
                "PULUMI_CONFIG_PASSPHRASE": "",
                "PULUMI_DEBUG_PROVIDERS": f"aws:{port},gcp:{port}",
                REHEARSAL: "true",
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
