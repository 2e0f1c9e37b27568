"""The tables behind the front: one strongly consistent table, or one table per region with last-writer-wins.

`LastWriterWins` is the table that must never be signed by: a condition is checked against the replica of the region
that was asked, and the newest write is copied over the others some time later. AWS documents its global tables so, in
the mode of eventual consistency. It is here so that drills can show that they see what it leads to.
"""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from lab.table import http

TARGET = "DynamoDB_20120810."
OWN_AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=front/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=none"
)
WRITES = ("PutItem", "UpdateItem", "DeleteItem")
UPSTREAM_SECONDS = 30.0


class Table(Protocol):
    """Carries out a call that was made in a region, and gives back the whole answer."""

    def carry_out(self, region: str, operation: str, body: dict[str, Any], raw: bytes) -> bytes: ...


class Upstream:
    """DynamoDB Local, by connections that are kept. Any thread may call."""

    def __init__(self, address: str, port: int) -> None:
        self._where = (address, port)
        self._idle: list[socket.socket] = []
        self._lock = threading.Lock()

    def call(self, operation: str, raw: bytes) -> bytes:
        """The whole answer. Raises OSError, ValueError, http.Ended."""
        connection = self._kept() or self._connect()
        try:
            connection.sendall(http.request(TARGET + operation, OWN_AUTHORIZATION, raw))
            answer = http.receive(connection)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        return answer.head + answer.body

    def _kept(self) -> socket.socket | None:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None or not select.select([connection], [], [], 0)[0]:
                return connection
            connection.close()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self._where, timeout=UPSTREAM_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


@dataclass(frozen=True, slots=True)
class Strong:
    """Every region reads and writes the same items."""

    upstream: Upstream

    def carry_out(self, region: str, operation: str, body: dict[str, Any], raw: bytes) -> bytes:
        del region, body
        return self.upstream.call(operation, raw)


@dataclass(slots=True)
class LastWriterWins:
    """Every region has tables of its own, their names prefixed with the region's."""

    upstream: Upstream
    regions: Sequence[str]
    lag_seconds: float
    _written: dict[tuple[str, str, str], float] = field(default_factory=dict)
    _locks: defaultdict[tuple[str, str], threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    _keys: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def carry_out(self, region: str, operation: str, body: dict[str, Any], raw: bytes) -> bytes:
        del raw
        table = body.get("TableName", "")
        if operation == "CreateTable":
            self._keys[table] = tuple(entry["AttributeName"] for entry in body["KeySchema"])
            return [self._call(each, operation, body) for each in self.regions][-1]
        if operation not in WRITES:
            return self._call(region, operation, body)
        key = self._key(region, body)
        with self._locks[table, json.dumps(key, sort_keys=True)]:
            answer = self._call(region, operation, body)
            if answer[9:12] == b"200":
                moment = time.monotonic()
                self._written[region, table, json.dumps(key, sort_keys=True)] = moment
                copying = threading.Timer(self.lag_seconds, self._copy, (region, table, key, moment))
                copying.daemon = True
                copying.start()
        return answer

    def _call(self, region: str, operation: str, body: dict[str, Any]) -> bytes:
        if "TableName" in body:
            body = body | {"TableName": f"{region}.{body['TableName']}"}
        return self.upstream.call(operation, json.dumps(body).encode())

    def _key(self, region: str, body: dict[str, Any]) -> dict[str, Any]:
        if "Key" in body:
            key: dict[str, Any] = body["Key"]
            return key
        table = body["TableName"]
        if table not in self._keys:
            said = _json(self._call(region, "DescribeTable", {"TableName": table}))
            self._keys[table] = tuple(entry["AttributeName"] for entry in said["Table"]["KeySchema"])
        return {name: body["Item"][name] for name in self._keys[table]}

    def _copy(self, region: str, table: str, key: dict[str, Any], moment: float) -> None:
        """Copy an item, as it was last written in `region`, over older ones elsewhere."""
        name = json.dumps(key, sort_keys=True)
        with self._locks[table, name]:
            if self._written[region, table, name] != moment:
                return
            read = {"TableName": table, "Key": key, "ConsistentRead": True}
            item = _json(self._call(region, "GetItem", read)).get("Item")
            for other in self.regions:
                if self._written.get((other, table, name), 0.0) >= moment:
                    continue
                if item is None:
                    self._call(other, "DeleteItem", {"TableName": table, "Key": key})
                else:
                    self._call(other, "PutItem", {"TableName": table, "Item": item})
                self._written[other, table, name] = moment


def _json(answer: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return document
