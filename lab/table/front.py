"""The front of the lab's table: what a gate takes for AWS. `python3 -m lab.table.front --config FILE`

It listens at the address of each replica under the replica's name, lets each access key do what it was permitted and
nothing else, injects the configured faults, and logs every call as one line of JSON. Permissions and faults are in two
files that are read again when they change (see `lab.table.rules`). The configuration::

    {"upstream": {"address": "127.0.0.1", "port": 8000}, "log": "calls.jsonl",
     "permissions": "permissions.json", "faults": "faults.json",
     "last_writer_wins_after_seconds": null,
     "listen": [{"region": "us-east-1", "host": "dynamodb.us-east-1.amazonaws.com", "address": "198.51.100.16",
                 "port": 443, "certificate": "us-east-1.pem", "key": "us-east-1.key"}]}

A listener without `certificate` speaks plain HTTP. `last_writer_wins_after_seconds` gives each region its own replica,
copied with that delay. `ready` on standard output: every listener is up.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from lab.table import http
from lab.table.replicas import TARGET, LastWriterWins, Strong, Table, Upstream
from lab.table.rules import Call, Fault, Faults, Kind, Permissions

LOOK_SECONDS = 0.1
"""The delay until a region that is declared lost, or restored, is so."""
HANDSHAKE_SECONDS = 10.0

CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 Credential=([A-Za-z0-9]+)/[0-9]{8}/([a-z0-9-]+)/dynamodb/aws4_request,")
REFUSALS = {
    Kind.SERVER_ERROR: (500, "InternalServerError", "Internal server error"),
    Kind.SERVER_ERROR_AFTER: (500, "InternalServerError", "Internal server error"),
    Kind.THROTTLE: (400, "ThrottlingException", "Rate exceeded"),
    Kind.CONFLICT: (400, "ReplicatedWriteConflictException", "The item is being written in another Region"),
}
AFTER = (Kind.SERVER_ERROR_AFTER, Kind.DROP_AFTER, Kind.DELAY_AFTER)


@dataclass(frozen=True, slots=True)
class Listen:
    """Where one replica is reached, and the name that it has there."""

    region: str
    host: str
    address: str
    port: int
    certificate: str | None = None
    key: str | None = None


class Log:
    """One JSON object per line, each written at once."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", buffering=1)
        self._lock = threading.Lock()

    def write(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, separators=(",", ":")) + "\n"
        with self._lock:
            self._file.write(line)


@dataclass(frozen=True, slots=True)
class Front:
    """Answers calls, whatever the listener that they came by."""

    table: Table
    permissions: Permissions
    faults: Faults
    log: Log

    def answer(self, listen: Listen, request: http.Message) -> bytes | None:
        """The whole answer, None to drop the connection."""
        began = time.time()
        body: dict[str, Any] = {}
        call: Call | None = None
        fault: Fault | None = None
        reached = False
        answer: bytes | None = None
        try:
            body = json.loads(request.body)
            call = _call(listen, request, body)
            if call is None:
                answer = http.failure(400, "IncompleteSignatureException", f"not a signed call to {listen.host}")
            elif not self.permissions.allow(call):
                answer = http.failure(
                    400,
                    "AccessDeniedException",
                    f"{call.access_key} is not authorized to perform: dynamodb:{call.operation} on {call.table}",
                )
            else:
                fault = self.faults.befalls(call)
                answer, reached = self._carry_out(call, fault, body, request.body)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, http.Ended) as error:
            answer = http.failure(500, "InternalServerError", f"the lab's front failed: {error!r}")
        finally:
            self.log.write(_entry(listen, call, body, began, fault, reached, answer))
        return answer

    def _carry_out(
        self, call: Call, fault: Fault | None, body: dict[str, Any], raw: bytes
    ) -> tuple[bytes | None, bool]:
        """The answer, and whether the table was reached."""
        kind = fault.kind if fault else None
        if kind is Kind.DROP_BEFORE:
            return None, False
        if kind in REFUSALS and kind not in AFTER:
            return http.failure(*REFUSALS[kind]), False
        if fault and kind not in AFTER:
            time.sleep(fault.seconds)
        answer = self.table.carry_out(call.region, call.operation, body, raw)
        if fault and kind in AFTER:
            time.sleep(fault.seconds)
        if kind is Kind.SERVER_ERROR_AFTER:
            return http.failure(*REFUSALS[kind]), True
        return (None if kind in (Kind.DROP_AFTER, Kind.LATE) else answer), True


def _call(listen: Listen, request: http.Message, body: dict[str, Any]) -> Call | None:
    """What is called by whom; None for what no SDK would send."""
    host = request.headers.get("host", "").partition(":")[0]
    target = request.headers.get("x-amz-target", "")
    signed = CREDENTIAL.match(request.headers.get("authorization", ""))
    if host != listen.host or not target.startswith(TARGET) or signed is None or signed[2] != listen.region:
        return None
    keys = body.get("Key") or body.get("Item") or {}
    return Call(
        region=listen.region,
        access_key=signed[1],
        operation=target.removeprefix(TARGET),
        table=body.get("TableName", ""),
        leading_key=keys.get("pk", {}).get("S", ""),
    )


def _entry(
    listen: Listen,
    call: Call | None,
    body: dict[str, Any],
    began: float,
    fault: Fault | None,
    reached: bool,
    answer: bytes | None,
) -> dict[str, Any]:
    """A line of the log. `reached`: the table carried it out, whatever was answered."""
    values = {name: value for name, value in body.get("ExpressionAttributeValues", {}).items() if name in _LOGGED}
    kind = re.search(rb'"__type":\s*"[^"#]*#([A-Za-z]+)"', answer or b"")
    return {
        "time": round(began, 6),
        "milliseconds": round((time.time() - began) * 1000, 3),
        "region": listen.region,
        "access_key": call.access_key if call else None,
        "operation": call.operation if call else None,
        "table": call.table if call else None,
        "key": call.leading_key if call else None,
        "hrs": (body.get("Item") or {}).get("hrs", {}).get("S"),
        "condition": body.get("ConditionExpression"),
        "update": body.get("UpdateExpression"),
        "values": values,
        "fault": fault and [fault.id, fault.kind],
        "reached": reached,
        "status": int(answer[9:12]) if answer else None,
        "error": kind[1].decode() if kind else None,
    }


_LOGGED = (":hrs", ":height", ":generation", ":gate_id", ":boot_id", ":boot", ":claim_id")


class Replica:
    """The listener of one region, with its connections: open while the region is not lost."""

    def __init__(self, listen: Listen, front: Front) -> None:
        self._listen, self._front = listen, front
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        if listen.certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(listen.certificate, listen.key)

    def open(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._listen.address else socket.AF_INET
        listener = socket.create_server((self._listen.address, self._listen.port), family=family, backlog=128)
        listener.settimeout(LOOK_SECONDS)
        return listener

    def run(self, listener: socket.socket | None) -> None:
        """Accepts connections without end, first on a listener that is open already."""
        while True:
            if self._front.faults.is_lost(self._listen.region):
                if listener:
                    listener.close()
                    listener = None
                self._reset_all()
                time.sleep(LOOK_SECONDS)
                continue
            listener = listener or self.open()
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        connection = raw
        with self._lock:
            self._connections.add(raw)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:
                raw.settimeout(HANDSHAKE_SECONDS)
                connection = self._context.wrap_socket(raw, server_side=True)
                with self._lock:
                    self._connections.discard(raw)
                    self._connections.add(connection)
            connection.settimeout(None)
            while True:
                request = http.receive(connection)
                answer = (
                    None
                    if self._front.faults.is_lost(self._listen.region)
                    else self._front.answer(self._listen, request)
                )
                if answer is None:
                    _reset(connection)
                    return
                connection.sendall(answer)
        except (OSError, ValueError, http.Ended):
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)
                self._connections.discard(raw)
            connection.close()

    def _reset_all(self) -> None:
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    _reset(connection)


def _reset(connection: socket.socket) -> None:
    """Reset a connection, so that the peer sees it at once and unread data is dropped."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.socket.shutdown(connection, socket.SHUT_RDWR)


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(prog="lab.table.front", description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    config = json.loads(parser.parse_args().config.read_text())
    listens = [Listen(**entry) for entry in config["listen"]]
    upstream = Upstream(**config["upstream"])
    lag = config.get("last_writer_wins_after_seconds")
    front = Front(
        table=Strong(upstream) if lag is None else LastWriterWins(upstream, [each.region for each in listens], lag),
        permissions=Permissions(Path(config["permissions"])),
        faults=Faults(Path(config["faults"])),
        log=Log(Path(config["log"])),
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    replicas = [Replica(listen, front) for listen in listens]
    for replica, listener in [(replica, replica.open()) for replica in replicas]:
        threading.Thread(target=replica.run, args=(listener,), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
