"""The resources of the lab's clouds: one SQLite file, written by the provider, read by the wiring and the prover.

Each call of the engine is one transaction in a write-ahead log, so that a kill at any moment leaves the state
before or after the call and nothing between. `synchronous=NORMAL` suffices: what is committed survives the death
of the process; only a power cut can lose the last commits, and then the engine's own checkpoint, which is not
synced to disk either, is as old.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS resources (
    key INTEGER PRIMARY KEY,
    type TEXT NOT NULL, region TEXT NOT NULL, account TEXT NOT NULL, id TEXT NOT NULL,
    urn TEXT NOT NULL, inputs TEXT NOT NULL, properties TEXT NOT NULL,
    maker INTEGER,
    UNIQUE (account, type, region, id)
);
CREATE INDEX IF NOT EXISTS resources_by_id ON resources (id);
CREATE INDEX IF NOT EXISTS resources_by_urn ON resources (urn);
CREATE INDEX IF NOT EXISTS resources_by_maker ON resources (maker);
CREATE TABLE IF NOT EXISTS mentions (source INTEGER NOT NULL, path TEXT NOT NULL, value TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS mentions_by_value ON mentions (value);
CREATE INDEX IF NOT EXISTS mentions_by_source ON mentions (source);
CREATE TABLE IF NOT EXISTS addresses (address TEXT PRIMARY KEY, holder INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS addresses_by_holder ON addresses (holder);
CREATE TABLE IF NOT EXISTS generations (urn TEXT PRIMARY KEY, generation INTEGER NOT NULL);
"""
_NO_LONGER = "confirmed"
"""A column of the files of labs that were made before it was given up."""

_COLUMNS = "key, type, region, account, id, urn, inputs, properties, maker"


@dataclass(frozen=True)
class Resource:
    """One thing that exists.

    Attributes:
        urn: the engine's name of it; empty for what the cloud makes by itself (on AWS a VPC's default security group,
            main route table and default network ACL; the interfaces of instances, NAT gateways, endpoints and load
            balancers).
        type: the Pulumi type token, for example `aws:ec2/vpc:Vpc`.
        id: the cloud's id in the form that its provider uses.
        region: the region code, or the cloud's word for what belongs to no region.
        properties: inputs and computed attributes, camelCase, as the cloud's provider would return them.
        account: the AWS account, or another cloud's project.
        made_for: the id of the resource that the cloud made this one for; empty where the program declared it.
    """

    urn: str
    type: str
    id: str
    region: str
    properties: Mapping[str, Any]
    account: str = ""
    made_for: str = ""


@dataclass
class Row:
    """A resource as a transaction sees and changes it; `Transaction.save` writes it back."""

    key: int
    type: str
    region: str
    account: str
    id: str
    urn: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    maker: int | None = None


class Transaction:
    """Reads and changes within one transaction; nothing is kept unless the whole of it succeeds."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, *, type: str, account: str, region: str | None = None) -> list[Row]:
        """Returns the resources of a type, oldest first, in one region or in all."""
        sql, values = "type = ? AND account = ?", [type, account]
        if region is not None:
            sql, values = f"{sql} AND region = ?", [*values, region]
        return self._select(sql, *values)

    def get(self, *, type: str, account: str, region: str, id: str) -> Row | None:
        """Returns the resource, or None."""
        return next(
            iter(self._select("account = ? AND type = ? AND region = ? AND id = ?", account, type, region, id)), None
        )

    def with_id(self, id: str) -> list[Row]:
        """Returns all resources that carry this id, whatever their type, region and account."""
        return self._select("id = ?", id)

    def with_urn(self, urn: str) -> list[Row]:
        """Returns all resources made for this URN: more than one during a replacement."""
        return self._select("urn = ?", urn)

    def made_by(self, key: int) -> list[Row]:
        """Returns what the cloud itself made for a resource."""
        return self._select("maker = ?", key)

    def with_key(self, key: int) -> Row | None:
        """Returns the resource with a row key, or None."""
        return next(iter(self._select("key = ?", key)), None)

    def mentioning(self, value: str) -> list[tuple[Row, str]]:
        """Returns the resources whose inputs name an id, ARN or name, each with the path of the property."""
        found = self._connection.execute(
            f"SELECT m.path, {', '.join('r.' + column.strip() for column in _COLUMNS.split(','))}"
            " FROM mentions m JOIN resources r ON r.key = m.source WHERE m.value = ? ORDER BY r.key",
            (value,),
        )
        return [(_row(record[1:]), record[0]) for record in found]

    def insert(self, row: Row) -> None:
        """Adds a resource and gives it its key."""
        cursor = self._connection.execute(
            "INSERT INTO resources (type, region, account, id, urn, inputs, properties, maker)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*self._identity(row), *self._content(row), row.maker),
        )
        row.key = cursor.lastrowid or 0

    def save(self, row: Row) -> None:
        """Writes a changed resource back."""
        self._connection.execute(
            "UPDATE resources SET type = ?, region = ?, account = ?, id = ?, urn = ?, inputs = ?, properties = ?,"
            " maker = ? WHERE key = ?",
            (*self._identity(row), *self._content(row), row.maker, row.key),
        )

    def delete(self, row: Row) -> None:
        """Removes a resource, what it mentions, the addresses it holds and all that the cloud made for it."""
        for made in self.made_by(row.key):
            self.delete(made)
        self._connection.execute("DELETE FROM mentions WHERE source = ?", (row.key,))
        self._connection.execute("DELETE FROM addresses WHERE holder = ?", (row.key,))
        self._connection.execute("DELETE FROM resources WHERE key = ?", (row.key,))

    def mention(self, source: int, mentions: Iterable[tuple[str, str]]) -> None:
        """Records, in place of what was recorded before, the (path, value) pairs that a resource's inputs name."""
        self._connection.execute("DELETE FROM mentions WHERE source = ?", (source,))
        self._connection.executemany(
            "INSERT INTO mentions (source, path, value) VALUES (?, ?, ?)",
            [(source, path, value) for path, value in mentions],
        )

    def hold_address(self, address: str, holder: int) -> bool:
        """Takes a public address or prefix for a resource; False if it is taken."""
        cursor = self._connection.execute("INSERT OR IGNORE INTO addresses VALUES (?, ?)", (address, holder))
        return cursor.rowcount == 1

    def held_addresses(self) -> dict[str, int]:
        """Returns every public address and prefix in use with the row key of its holder."""
        return dict(self._connection.execute("SELECT address, holder FROM addresses"))

    def next_generation(self, urn: str) -> int:
        """Counts how often a URN was created, from 1, so that no id is ever given twice."""
        (generation,) = self._connection.execute(
            "INSERT INTO generations VALUES (?, 1) ON CONFLICT (urn) DO UPDATE SET generation = generation + 1"
            " RETURNING generation",
            (urn,),
        ).fetchone()
        return int(generation)

    def everything(self) -> list[Row]:
        """Returns all resources, oldest first."""
        return self._select("1 = 1")

    def _select(self, condition: str, *values: object) -> list[Row]:
        found = self._connection.execute(f"SELECT {_COLUMNS} FROM resources WHERE {condition} ORDER BY key", values)
        return [_row(record) for record in found]

    @staticmethod
    def _identity(row: Row) -> tuple[str, str, str, str, str]:
        return row.type, row.region, row.account, row.id, row.urn

    @staticmethod
    def _content(row: Row) -> tuple[str, str]:
        return json.dumps(row.inputs), json.dumps(row.properties)


class Store:
    """The resources in one state file.

    Any number of processes may read while the provider writes.

    Args:
        path: the SQLite file.
        create: make the file if it is not there; without it a missing file raises `FileNotFoundError`.
    """

    def __init__(self, path: str | Path, *, create: bool = False) -> None:
        self.path = Path(path)
        if not create and not self.path.exists():
            raise FileNotFoundError(f"{self.path}: no lab cloud has kept its state here; bring the lab up first")
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None, timeout=10)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        if not self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'generations'").fetchone():
            self._connection.executescript(_TABLES)
        elif any(column[1] == _NO_LONGER for column in self._connection.execute("PRAGMA table_info(resources)")):
            self._connection.execute(f"ALTER TABLE resources DROP COLUMN {_NO_LONGER}")

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Gives a transaction that is kept if the block ends well and leaves no trace if it raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """Gives a consistent view for reading."""
        with self._lock:
            self._connection.execute("BEGIN")
            try:
                yield Transaction(self._connection)
            finally:
                self._connection.execute("ROLLBACK")

    def resources(self) -> list[Resource]:
        """Returns everything that exists, oldest first, as one consistent view.

        A default that the program has adopted, such as a VPC's default security group, appears once, as declared.
        """
        with self.snapshot() as view:
            rows = view.everything()
        ids = {row.key: row.id for row in rows}
        declared = {(row.account, row.region, row.id) for row in rows if row.maker is None}
        rows = [row for row in rows if row.maker is None or (row.account, row.region, row.id) not in declared]
        return [
            Resource(
                urn=row.urn,
                type=row.type,
                id=row.id,
                region=row.region,
                properties=row.properties,
                account=row.account,
                made_for=ids.get(row.maker, "") if row.maker is not None else "",
            )
            for row in rows
        ]

    def drift(
        self,
        id: str,
        changes: Mapping[str, Any],
        apply: Callable[[Row, Mapping[str, Any]], None],
        *,
        type: str | None = None,
    ) -> Resource:
        """Changes a resource without the engine, as a person at the cloud's console would.

        Args:
            id: the resource's id.
            changes: new values by property; None removes the property.
            apply: makes the changes on the row, as the cloud does.
            type: the type token, where several resources share the id.

        Raises:
            KeyError: no resource has this id and type.
        """
        with self.transaction() as change:
            row = self._one(change, id, type)
            apply(row, changes)
            change.save(row)
        return Resource(row.urn, row.type, row.id, row.region, row.properties, row.account)

    def remove(self, id: str, *, type: str | None = None) -> None:
        """Deletes a resource without the engine, whatever depends on it.

        Raises:
            KeyError: no resource has this id and type.
        """
        with self.transaction() as change:
            change.delete(self._one(change, id, type))

    def collect_orphans(self, known: Iterable[tuple[str, str]]) -> list[Resource]:
        """Removes the resources that are not in the engine's state.

        For use before an `up`, after an engine or provider was killed: creations whose reply never reached the
        engine's state file would otherwise stay, with their names and addresses, for ever.

        Args:
            known: (urn, id) of every resource in the engine's state.

        Returns: what was removed.
        """
        known_pairs = set(known)
        with self.transaction() as change:
            rows = [row for row in change.everything() if row.maker is None]
            orphans = [row for row in rows if (row.urn, row.id) not in known_pairs]
            for row in orphans:
                change.delete(row)
        return [Resource(row.urn, row.type, row.id, row.region, row.properties, row.account) for row in orphans]

    def missing(self, known: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Returns what the engine's state has and the cloud does not: deletions that were never recorded, and drift.

        The engine sees it after a refresh only.

        Args:
            known: (urn, id) of every resource of the lab's clouds in the engine's state.
        """
        present = {(resource.urn, resource.id) for resource in self.resources()}
        return [pair for pair in known if pair not in present]

    @staticmethod
    def _one(change: Transaction, id: str, type: str | None) -> Row:
        rows = [row for row in change.with_id(id) if type in (None, row.type)]
        if len(rows) != 1:
            kinds = ", ".join(row.type for row in rows) or "none"
            raise KeyError(f"{id}: one resource must have this id and type, found: {kinds}")
        return rows[0]


def _row(record: tuple[Any, ...]) -> Row:
    key, type, region, account, id, urn, inputs, properties, maker = record
    return Row(key, type, region, account, id, urn, json.loads(inputs), json.loads(properties), maker)
