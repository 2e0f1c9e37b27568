"""A front with two regions under their own names, before a DynamoDB Local."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ceremonies.row import Ceremony
from coordinator.decision.records import Gate
from coordinator.table.client import Endpoint
from coordinator.table.store import Table
from lab.table import fronted, local
from lab.table.front import Listen
from tests.table_stack import CLAIMS, HEAD, credentials, credentials_of, endpoint, key, local_table

__all__ = ["credentials", "endpoint", "key", "local_table"]

REGIONS = ("us-east-1", "us-east-2")


@dataclass(frozen=True)
class Fronted:
    """A running front. `lag`: it is one of last writers, or not."""

    files: fronted.Files
    endpoints: tuple[Endpoint, ...]
    authority: Path

    def table(self, key: str, gate: Gate, access_key: str, regions: tuple[str, ...] = REGIONS[:1]) -> Table:
        credentials = credentials_of(self.files.directory, access_key)
        return Table(self.reached(regions), HEAD, CLAIMS, key, gate, credentials, self.authority)

    def ceremony(self, key: str, region: str = REGIONS[0]) -> Ceremony:
        credentials = credentials_of(self.files.directory, "OPERATOR")
        return Ceremony(self.reached((region,)), HEAD, key, credentials, self.authority)

    def reached(self, regions: tuple[str, ...]) -> list[Endpoint]:
        return [endpoint for region in regions for endpoint in self.endpoints if endpoint.region == region]

    def last(self, **sought: object) -> dict[str, Any]:
        """The last call of which all of this is true."""
        return [call for call in self.files.calls() if all(call[name] == value for name, value in sought.items())][-1]


@pytest.fixture(scope="module")
def start(local_table: local.Local, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Fronted]]:
    """Start fronts; they end with the module."""
    running = []

    def started(last_writer_wins_after_seconds: float | None = None) -> Fronted:
        directory = tmp_path_factory.mktemp("front")
        authority, secret = directory / "cert.pem", directory / "key.pem"
        names = ",".join(f"DNS:dynamodb.{region}.amazonaws.com" for region in REGIONS)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
            + ["-subj", "/CN=table", "-addext", f"subjectAltName={names}", "-keyout", secret, "-out", authority],
            check=True,
            capture_output=True,
        )
        listens = [
            Listen(each, f"dynamodb.{each}.amazonaws.com", "127.0.0.1", local.free_port(), str(authority), str(secret))
            for each in REGIONS
        ]
        files = fronted.Files(directory)
        files.configure(("127.0.0.1", local_table.port), listens, last_writer_wins_after_seconds)
        context = fronted.running(files)
        context.__enter__()
        running.append(context)
        endpoints = tuple(Endpoint(each.region, each.host, each.address, each.port) for each in listens)
        return Fronted(files, endpoints, authority)

    yield started
    for context in running:
        context.__exit__(None, None, None)
