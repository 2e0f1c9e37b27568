"""DynamoDB Local as a process of this machine."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estate.errors import ExpectedError
from tools import debian, parts

JRE = "openjdk-17-jre-headless"
"""The Debian package that runs it, where there is no `java` yet."""
START_SECONDS = 180.0
ENDS_WITH_ITS_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")
"""Put before a command: the kernel ends it when the process that started it dies, killed or not."""


class TableFailed(ExpectedError):
    """DynamoDB Local did not start, or refused what the lab needs. The text says what it said."""


@dataclass(frozen=True, slots=True)
class Local:
    """A running DynamoDB Local on 127.0.0.1. `pid` is its process."""

    port: int
    pid: int


def command(part: Path, port: int, directory: Path | None, java: str = "java") -> list[str]:
    """The command that runs it, with its tables in `directory`, or in memory. `part` is the part `dynamodb-local`.

    It takes every access key and region for the same account, and listens on every address of its network namespace.
    """
    where = ["-inMemory"] if directory is None else ["-dbPath", str(directory)]
    return [
        *(java, "-Xmx384m", "-XX:+UseSerialGC", f"-Djava.library.path={part / 'lib'}", "-cp", f"{part / 'lib'}/*"),
        *("com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-port", str(port)),
        *("-sharedDb", "-disableTelemetry", *where),
    ]


def part(progress: Callable[[str], None] = lambda _: None) -> Path:
    """The part, installed on first use with its Java. Raises what `tools.parts.ensure` raises."""
    if shutil.which("java") is None:
        debian.ensure([JRE], progress)
    return parts.ensure("dynamodb-local", progress)


@contextlib.contextmanager
def running(
    log: Path, directory: Path | None = None, port: int | None = None, within: Sequence[str] = ()
) -> Iterator[Local]:
    """Runs it until the end of the `with`, its output in `log`. `within`: words before the command, such as those that
    enter a network namespace. Raises TableFailed, and what `tools.parts.ensure` raises.
    """
    port = port or free_port()
    words = [*within, *ENDS_WITH_ITS_PARENT, *command(part(), port, directory)]
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait(process, port, log, reachable=not within)
        yield Local(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listened on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def create_tables(address: str, port: int, head: str, claims: str) -> None:
    """Creates both tables, unless they exist. Raises TableFailed."""
    for name, keys in ((head, {"pk": "HASH"}), (claims, {"pk": "HASH", "hrs": "RANGE"})):
        answer = call(address, port, "CreateTable", table_form(name, keys))
        if "TableDescription" not in answer and not str(answer.get("__type")).endswith("ResourceInUseException"):
            raise TableFailed(f"{name} was not created: {answer}")


def table_form(name: str, keys: Mapping[str, str]) -> dict[str, Any]:
    """The body of a CreateTable. `keys`: attribute to `HASH` or `RANGE`; they are text."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
    }


def call(address: str, port: int, operation: str, body: dict[str, Any]) -> dict[str, Any]:
    """What DynamoDB Local itself answers, with no front and no permission in between. Raises OSError, ValueError."""
    request = urllib.request.Request(
        f"http://{address}:{port}/",
        json.dumps(body).encode(),
        {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Authorization": "AWS4-HMAC-SHA256 Credential=lab/20260101/us-east-1/dynamodb/aws4_request, "
            "SignedHeaders=host, Signature=none",
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        answer = json.load(error)
    return answer


def _wait(process: subprocess.Popen[bytes], port: int, log: Path, reachable: bool) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise TableFailed(f"DynamoDB Local ended with {process.returncode}: {log.read_text(errors='replace')}")
        if not reachable and "Initializing" in log.read_text(errors="replace"):
            return
        with contextlib.suppress(OSError, ValueError):
            if "TableNames" in call("127.0.0.1", port, "ListTables", {}):
                return
        time.sleep(0.1)
    raise TableFailed(f"DynamoDB Local did not answer on port {port} within {START_SECONDS:.0f} s (log: {log})")
