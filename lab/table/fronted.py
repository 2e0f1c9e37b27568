"""The front as a process of this machine, and the two files that say what it allows and how it fails."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.table.front import Listen
from lab.table.local import TableFailed
from lab.table.rules import Fault

ROOT = Path(__file__).resolve().parents[2]
GATE_ACTIONS = {"head": ["UpdateItem"], "claims": ["PutItem"]}
"""What a gate may do with each of its tables."""
OPERATOR_ACTIONS = ["GetItem", "PutItem", "UpdateItem"]


@dataclass(frozen=True, slots=True)
class Files:
    """Where a front's configuration, rules and log are."""

    directory: Path

    @property
    def config(self) -> Path:
        return self.directory / "front.json"

    def configure(
        self, upstream: tuple[str, int], listens: Sequence[Listen], last_writer_wins_after_seconds: float | None = None
    ) -> None:
        """Write the configuration; nothing is permitted and nothing fails yet."""
        self._write(
            self.config,
            {
                "upstream": {"address": upstream[0], "port": upstream[1]},
                "log": str(self.directory / "calls.jsonl"),
                "permissions": str(self.directory / "permissions.json"),
                "faults": str(self.directory / "faults.json"),
                "last_writer_wins_after_seconds": last_writer_wins_after_seconds,
                "listen": [asdict(listen) for listen in listens],
            },
        )

    def permit(self, permissions: Sequence[Mapping[str, Any]]) -> None:
        """From now on this is what is permitted; see `lab.table.rules`."""
        self._write(self.directory / "permissions.json", list(permissions))

    def fail(self, faults: Sequence[Fault] = (), lost: Sequence[str] = ()) -> None:
        """From now on these faults happen, and these regions are lost."""
        self._write(self.directory / "faults.json", {"lost": list(lost), "faults": [asdict(fault) for fault in faults]})

    def calls(self) -> list[dict[str, Any]]:
        """Every call so far."""
        log = self.directory / "calls.jsonl"
        lines = log.read_text().splitlines(keepends=True) if log.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def _write(self, path: Path, content: object) -> None:
        whole = path.with_suffix(f".{time.monotonic_ns()}")
        whole.write_text(json.dumps(content, indent=1))
        whole.replace(path)


def access_key(caller: str) -> str:
    """The access key of a caller: the letters and digits of its name."""
    return "".join(filter(str.isalnum, caller)).upper()


def write_credentials(path: Path, caller: str) -> None:
    """Writes the credentials of `caller`, in the form that gates and AWS's tools read; they do not expire."""
    content = {"Version": 1, "AccessKeyId": access_key(caller), "SecretAccessKey": f"secret of {caller}"}
    document = content | {"SessionToken": f"session of {caller}", "Expiration": "2099-01-01T00:00:00Z"}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(document) + "\n")
    partial.replace(path)


def gate_permissions(access_key: str, head: str, claims: str, leading_key: str) -> list[dict[str, Any]]:
    """What a gate may do: exactly the calls that it makes, for its own key's rows."""
    return [
        {"access_key": access_key, "actions": actions, "table": table, "leading_keys": [leading_key]}
        for table, actions in ((head, GATE_ACTIONS["head"]), (claims, GATE_ACTIONS["claims"]))
    ]


def operator_permissions(access_key: str, head: str, leading_key: str) -> list[dict[str, Any]]:
    """What the operator of ceremonies may do."""
    return [{"access_key": access_key, "actions": OPERATOR_ACTIONS, "table": head, "leading_keys": [leading_key]}]


def command(files: Files, python: str = sys.executable) -> list[str]:
    """How a front is run, from the root of this tree."""
    return [python, "-m", "lab.table.front", "--config", str(files.config)]


@contextlib.contextmanager
def running(files: Files, within: Sequence[str] = (), python: str = sys.executable) -> Iterator[int]:
    """Run the configured front until the end of the `with`; gives its process id. Raises TableFailed."""
    with (files.directory / "front.log").open("wb") as errors:
        process = subprocess.Popen(
            [*within, *command(files, python)],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdout
    try:
        if process.stdout.readline() != b"ready\n":
            process.wait(10)
            raise TableFailed(f"the table's front did not start: {(files.directory / 'front.log').read_text()}")
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
