"""The fast net's table: DynamoDB Local on disk, and before it the front by which the gates reach it, as two regions."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ceremonies.row import Ceremony
from coordinator.decision.position import parse, spent
from coordinator.decision.records import Claim, Head
from coordinator.table import items
from coordinator.table.client import Endpoint
from coordinator.table.credentials import CredentialsFile
from lab import netns
from lab.chaos import chain, net
from lab.chaos.fastnet import FastNet
from lab.chaos.process import Process
from lab.errors import PromiseBroken
from lab.table import fronted, local
from lab.table.front import Listen
from lab.table.rules import Fault, Kind
from tools import parts

HEAD, CLAIMS = "chaos-head", "chaos-claims"
REGIONS = ("us-east-1", "us-east-2")
PORTS = {"us-east-1": 8001, "us-east-2": 8002}
LOCAL_PORT = 8000
OPERATOR = "OPERATOR"
GENERATION = 1
START_SECONDS = 60
LAG_SECONDS = 120.0
"""How long an item takes to the other region, where the last writer wins, as if the regions had lost each other. With a
second, a gate may see an older item come over its own, and halt, before anything is signed twice.
"""


def endpoint(region: str) -> Endpoint:
    address = str(net.ADDRESSES[net.TABLE])
    return Endpoint(region, f"dynamodb.{region}.amazonaws.com", address, PORTS[region], "http")


def credentials(where: Path, name: str) -> Path:
    """A file with the credentials of the caller of this name, for example a gate."""
    path = where / f"{name}.credentials.json"
    fronted.write_credentials(path, name)
    return path


@dataclass
class ChaosTable:
    """The table's two programs, and the front's rules. ``last_writer_wins``: the table is of the unsafe kind."""

    fast: FastNet
    last_writer_wins: bool = False
    database: Process = field(init=False)
    front: Process = field(init=False)
    where: Path = field(init=False)
    files: fronted.Files = field(init=False)
    faults: list[Fault] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    _next: int = 0

    def __post_init__(self) -> None:
        self.where = self.fast.root / "run" / "table"
        self.data.mkdir(parents=True)
        part = parts.ensure("dynamodb-local", self.fast.say)
        command = local.command(part, LOCAL_PORT, self.data)
        self.database = self.fast.add("dynamodb", net.TABLE, tuple(command))
        self.files = fronted.Files(self.where)
        listens = [Listen(each.region, each.host, each.address, each.port) for each in map(endpoint, REGIONS)]
        self.files.configure(("127.0.0.1", LOCAL_PORT), listens, LAG_SECONDS if self.last_writer_wins else None)
        self.front = self.fast.add("front", net.TABLE, tuple(fronted.command(self.files)))

    @property
    def data(self) -> Path:
        """Where DynamoDB Local keeps its tables."""
        return self.where / "data"

    @property
    def key(self) -> str:
        return items.key(chain.CHAIN_ID, self.fast.homes.public_key.raw)

    def start(self, gates: Sequence[str], also_permitted: Sequence[str] = ()) -> None:
        """Starts both programs, makes the tables, and admits these gates to a head at height 0.

        ``also_permitted``: who else may call the table as gates do, admitted to nothing.

        Raises:
            PromiseBroken: it did not start.
        """
        permissions = fronted.operator_permissions(OPERATOR, HEAD, self.key)
        for gate in (*gates, *also_permitted):
            permissions += fronted.gate_permissions(fronted.access_key(gate), HEAD, CLAIMS, self.key)
        self.files.permit(permissions)
        self._tell()
        self.database.start()
        if not self.fast.wait_until(self._answers, START_SECONDS):
            raise PromiseBroken(f"DynamoDB Local did not start; see {self.database.log}")
        prefixes = [f"{region}." for region in REGIONS] if self.last_writer_wins else [""]
        with netns.entered(self.fast.paths.namespace(net.TABLE)):
            for prefix in prefixes:
                local.create_tables("127.0.0.1", LOCAL_PORT, prefix + HEAD, prefix + CLAIMS)
        self.front.start()
        if not self.fast.wait_until(lambda: b"ready" in self.front.log.read_bytes(), START_SECONDS):
            raise PromiseBroken(f"the table's front did not start; see {self.front.log}")
        for region in REGIONS if self.last_writer_wins else REGIONS[:1]:
            with netns.entered(self.fast.paths.namespace(net.TABLE)):
                self.ceremony(region).seed(spent(0), GENERATION, gates)

    def ceremony(self, region: str = REGIONS[0]) -> Ceremony:
        """An operator's calls. They are made from the table's own namespace: enter it first."""
        file = CredentialsFile(credentials(self.where, OPERATOR))
        return Ceremony([endpoint(region)], HEAD, self.key, file)

    def head(self) -> Head | None:
        """The current head. Raises ``ceremonies.row.NotDone``."""
        with netns.entered(self.fast.paths.namespace(net.TABLE)):
            return self.ceremony().read()

    def claims(self) -> list[Claim]:
        """Every row of the claims, of all regions, past front and permissions."""
        prefixes = [f"{region}." for region in REGIONS] if self.last_writer_wins else [""]
        return [claim for prefix in prefixes for claim in self._scan(prefix + CLAIMS)]

    def snapshot(self) -> None:
        """Keeps a copy of the tables as they are now."""
        self.database.pause()
        try:
            shutil.copytree(self.data, self.where / "data.older")
        finally:
            self.database.resume()

    def roll_back(self) -> None:
        """Puts the tables back to that copy.

        Raises:
            PromiseBroken: DynamoDB Local did not start with it.
        """
        self.database.remove()
        shutil.rmtree(self.data)
        shutil.copytree(self.where / "data.older", self.data)
        self.database.start()
        if not self.fast.wait_until(self._answers, START_SECONDS):
            raise PromiseBroken(f"DynamoDB Local did not start again; see {self.database.log}")

    def begin(self, kind: Kind, **of: Any) -> str:
        """A fault of the front begins (``lab.table.rules``). Its id, for ``end``."""
        self._next += 1
        name = f"f{self._next}"
        self.faults.append(Fault(name, kind, seed=self._next, **of))
        self._tell()
        return name

    def end(self, name: str) -> None:
        """That fault is over."""
        self.faults = [each for each in self.faults if each.id != name]
        self._tell()

    def lose(self, region: str, lost: bool) -> None:
        """A region cannot be reached, or can be again."""
        self.lost = self.lost | {region} if lost else self.lost - {region}
        self._tell()

    def _tell(self) -> None:
        self.files.fail(self.faults, sorted(self.lost))

    def _answers(self) -> bool:
        try:
            return "TableNames" in self._call("ListTables", {})
        except (OSError, ValueError):
            return False

    def _call(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        with netns.entered(self.fast.paths.namespace(net.TABLE)):
            return local.call("127.0.0.1", LOCAL_PORT, operation, body)

    def _scan(self, name: str) -> list[Claim]:
        found: list[Claim] = []
        body: dict[str, Any] = {"TableName": name, "ConsistentRead": True}
        while True:
            page = self._call("Scan", body)
            found += [items.read_claim(self.key, parse(each["hrs"]["S"]), each) for each in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return found
            body["ExclusiveStartKey"] = page["LastEvaluatedKey"]
