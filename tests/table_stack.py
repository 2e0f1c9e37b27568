"""What the tests of the table share: a DynamoDB Local, fronts before it, claims to put into it."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ceremonies.row import Ceremony
from coordinator.decision.position import Position
from coordinator.decision.records import Claim, Gate
from coordinator.table import items
from coordinator.table.client import Endpoint
from coordinator.table.credentials import CredentialsFile
from coordinator.table.store import Table
from lab.table import local

HEAD, CLAIMS = "hub-signing-head", "hub-signing-claims"
HOST = "dynamodb.us-east-1.amazonaws.com"
ASH = Gate("hub-signer-ash1.01", "boot-ash", "hub-4", 1)
ZRH = Gate("hub-signer-zrh1.01", "boot-zrh", "hub-4", 1)

_serial = itertools.count(1)


@pytest.fixture(scope="session")
def local_table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.Local]:
    """A DynamoDB Local in memory, with both tables."""
    with local.running(tmp_path_factory.mktemp("table") / "dynamodb.log") as running:
        local.create_tables("127.0.0.1", running.port, HEAD, CLAIMS)
        yield running


@pytest.fixture
def endpoint(local_table: local.Local) -> Endpoint:
    """DynamoDB Local itself, with no front."""
    return Endpoint("us-east-1", HOST, "127.0.0.1", local_table.port, "http")


@pytest.fixture
def credentials(tmp_path: Path) -> CredentialsFile:
    return credentials_of(tmp_path, "GATEASH")


@pytest.fixture
def key() -> str:
    """A key that no other test has."""
    return items.key("hub-4", uuid.uuid4().bytes + uuid.uuid4().bytes)


@pytest.fixture
def ceremony(endpoint: Endpoint, key: str, credentials: CredentialsFile) -> Ceremony:
    return Ceremony([endpoint], HEAD, key, credentials)


@pytest.fixture
def ash(endpoint: Endpoint, key: str, credentials: CredentialsFile) -> Iterator[Table]:
    table = Table([endpoint], HEAD, CLAIMS, key, ASH, credentials)
    yield table
    table.close()


@pytest.fixture
def zrh(endpoint: Endpoint, key: str, credentials: CredentialsFile) -> Iterator[Table]:
    table = Table([endpoint], HEAD, CLAIMS, key, ZRH, credentials)
    yield table
    table.close()


def credentials_of(directory: Path, access_key: str) -> CredentialsFile:
    path = directory / f"{access_key}.json"
    path.write_text(json.dumps({"AccessKeyId": access_key, "SecretAccessKey": "secret"}))
    return CredentialsFile(path)


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def claim_of(
    gate: Gate,
    height: int,
    round_: int = 0,
    step: int = 1,
    *,
    sign_bytes: bytes = b"what is signed",
    extension: bytes | None = None,
) -> Claim:
    return Claim(
        position=Position(height, round_, step),
        generation=gate.generation,
        gate_id=gate.gate_id,
        boot_id=gate.boot_id,
        claim_id=f"claim-{next(_serial)}",
        sign_bytes=sign_bytes,
        intent=bytes(32),
        time_ns=1_700_000_000_000_000_001,
        extension=extension,
    )
