"""Calls: each sent at most once, each ended by its deadline, whatever the other side does."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from coordinator.table import client
from coordinator.table.client import Accepted, Client, ConditionFailed, Endpoint, Unclear, Unsent
from coordinator.table.credentials import CredentialsFile
from lab.table.local import free_port
from tests.table_stack import soon


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def refusal(kind: str, status: str = "400 Bad Request", **more: object) -> bytes:
    return answer(json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{kind}", **more}).encode(), status)


@dataclass
class Server:
    """Answers each request with what `reply` gives: bytes, or None to close the connection."""

    reply: Callable[[socket.socket], bytes | None]
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("us-east-1", "dynamodb.us-east-1.amazonaws.com", "127.0.0.1", self.port, "http")

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while data := connection.recv(1 << 16):
                self.requests.append(data)
                said = self.reply(connection)
                if said is None:
                    return
                connection.sendall(said)


@contextmanager
def serving(reply: Callable[[socket.socket], bytes | None]) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(reply, listener.getsockname()[1])
        threading.Thread(target=server.serve, args=(listener,), daemon=True).start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)


def called(server: Server, credentials: CredentialsFile, seconds: float = 2.0) -> Accepted | ConditionFailed | Unclear:
    return Client([server.endpoint], credentials, None).call("UpdateItem", {"TableName": "t"}, soon(seconds))


def nowhere(region: str = "us-east-2") -> Endpoint:
    return Endpoint(region, f"dynamodb.{region}.amazonaws.com", "127.0.0.1", free_port(), "http")


def test_a_request_names_the_endpoint_and_is_signed_for_its_region(credentials: CredentialsFile) -> None:
    with serving(lambda _: answer(b"{}")) as server:
        assert called(server, credentials) == Accepted({})
    head, body = server.requests[0].split(b"\r\n\r\n")
    assert head.startswith(b"POST / HTTP/1.1\r\n")
    assert f"Host: dynamodb.us-east-1.amazonaws.com:{server.port}".encode() in head
    assert b"X-Amz-Target: DynamoDB_20120810.UpdateItem" in head
    assert b"Credential=GATEASH/" in head
    assert b"/us-east-1/dynamodb/aws4_request" in head
    assert json.loads(body) == {"TableName": "t"}


def test_a_failed_condition_shows_the_item(credentials: CredentialsFile) -> None:
    item = {"pk": {"S": "x"}}
    with serving(lambda _: refusal("ConditionalCheckFailedException", Item=item)) as server:
        assert called(server, credentials) == ConditionFailed(item)
    with serving(lambda _: refusal("ConditionalCheckFailedException")) as server:
        assert called(server, credentials) == ConditionFailed(None)


FAILED = refusal("ConditionalCheckFailedException", Item={})
UNCLEAR = {
    "throttled": (refusal("ThrottlingException", message="Rate exceeded"), "400 ThrottlingException: Rate exceeded"),
    "conflict with 500": (
        refusal("ReplicatedWriteConflictException", "500 Oh"),
        "500 ReplicatedWriteConflictException",
    ),
    "denied": (refusal("AccessDeniedException", Message="not authorized"), "AccessDeniedException: not authorized"),
    "server error": (refusal("InternalServerError", "500 Internal Server Error"), "500 InternalServerError"),
    "condition failed with 500": (FAILED.replace(b"400 Bad Request", b"500 Oh"), "500 Conditional"),
    "condition failed with 404": (FAILED.replace(b"400 Bad Request", b"404 Oh"), "404 Conditional"),
    "created": (answer(b"{}", "201 Created"), "201"),
    "moved": (answer(b"{}", "301 Moved"), "301"),
    "empty": (answer(b""), "not JSON"),
    "half JSON": (answer(b'{"Attr'), "not JSON"),
    "no UTF-8": (answer(b'{"a": "\xff"}'), "not JSON"),
    "a list": (answer(b"[]"), "not a JSON object"),
    "deep": (answer(b"[" * 100_000), "not JSON"),
    "a page": (answer(b"<html>", "503 Service Unavailable"), "503"),
    "another protocol": (b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP"),
    "short status": (answer(b"{}", "20"), "not HTTP"),
    "status in words": (b"HTTP/1.1 two\r\n\r\n", "not HTTP"),
    "status in other digits": ("HTTP/1.1 ²00 OK\r\n\r\n".encode("latin-1"), "not HTTP"),
    "no length": (b"HTTP/1.1 200 OK\r\n\r\n{}", "length is missing"),
    "negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", "length is missing"),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "length is missing"),
    "huge": (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "too large"),
    "longer than said": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{}", "longer than its Content-Length"),
    "endless header": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, "header does not end"),
    "wrong checksum": (answer(b"{}", "200 OK", "x-amz-crc32: 1"), "checksum"),
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_whatever_else_is_answered_is_unclear(case: str, credentials: CredentialsFile) -> None:
    said, reason = UNCLEAR[case]
    with serving(lambda _: said) as server:
        outcome = called(server, credentials)
    assert isinstance(outcome, Unclear)
    assert reason in outcome.detail
    assert len(server.requests) == 1, "a call is sent once"


CONFLICT = refusal("ReplicatedWriteConflictException", message="modified by a request in another Region")


def test_a_write_that_was_rejected_because_another_region_writes_is_sent_again(credentials: CredentialsFile) -> None:
    with serving(lambda _: CONFLICT if len(server.requests) < 4 else answer(b"{}")) as server:
        assert called(server, credentials) == Accepted({})
    assert (len(server.requests), server.connections) == (4, 1)


@pytest.mark.slow
def test_a_conflict_that_does_not_end_is_unclear_by_the_deadline(credentials: CredentialsFile) -> None:
    began = time.monotonic()
    with serving(lambda _: CONFLICT) as server:
        outcome = called(server, credentials, 0.2)
    assert isinstance(outcome, Unclear) and outcome.detail.startswith("us-east-1: ")
    assert len(server.requests) > 1 and time.monotonic() - began >= 0.1


def test_a_pause_after_a_conflict_ends_with_the_deadline(
    credentials: CredentialsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, slept, calls = [100.0], list[float](), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(client.random, "uniform", lambda least, most: (least + most) / 2)
    table = Client([nowhere()], credentials, None)
    conflict = client._Conflict("400 x: y")
    monkeypatch.setattr(table, "_call", lambda *_: calls.append(now[0]) or conflict)
    assert table.call("UpdateItem", {}, 100.0 + 2**-5) == conflict
    assert slept == [pytest.approx(0.0125), pytest.approx(0.0125), pytest.approx(2**-5 - 0.025)]
    assert len(calls) == 3, "at the deadline, nothing is sent again"
    calls.clear()
    now[0], slept[:] = 100.0, []
    assert table.call("UpdateItem", {}, 99.0) == conflict and slept == [0.0]


def test_what_is_unclear_after_a_conflict_is_not_sent_again(credentials: CredentialsFile) -> None:
    with serving(lambda _: CONFLICT if len(server.requests) < 2 else None) as server:
        assert isinstance(called(server, credentials), Unclear)
    assert len(server.requests) == 2


def test_an_answer_that_arrives_in_pieces_is_put_together(credentials: CredentialsFile) -> None:
    whole = answer(b'{"a": "bc"}')

    def pieces(connection: socket.socket) -> bytes:
        for cut in (whole[:5], whole[5:-12], whole[-12:-1]):
            connection.sendall(cut)
            time.sleep(0.02)
        return whole[-1:]

    with serving(pieces) as server:
        assert called(server, credentials) == Accepted({"a": "bc"})


def test_a_checksum_that_fits_is_taken(credentials: CredentialsFile) -> None:
    with serving(lambda _: answer(b"{}", "200 OK", f"x-amz-crc32: {zlib.crc32(b'{}')}")) as server:
        assert called(server, credentials) == Accepted({})


def test_a_connection_that_ends_in_place_of_an_answer_is_unclear(credentials: CredentialsFile) -> None:
    with serving(lambda _: None) as server:
        outcome = called(server, credentials)
    assert isinstance(outcome, Unclear)
    assert "ended before the response" in outcome.detail
    assert len(server.requests) == 1


@pytest.mark.slow
def test_silence_ends_with_the_deadline(credentials: CredentialsFile) -> None:
    with serving(lambda _: b"") as server:
        began = time.monotonic()
        outcome = called(server, credentials, 0.2)
    assert isinstance(outcome, Unclear)
    assert time.monotonic() - began > 0.15


def test_the_answer_to_a_call_that_was_given_up_is_not_taken_for_the_next(credentials: CredentialsFile) -> None:
    def reply(_: socket.socket) -> bytes:
        if len(server.requests) > 1:
            return answer(b'{"call": 2}')
        time.sleep(0.4)
        return answer(b'{"call": 1}')

    with serving(reply) as server:
        made = Client([server.endpoint], credentials, None)
        assert isinstance(made.call("UpdateItem", {}, soon(0.1)), Unclear)
        assert made.call("UpdateItem", {}, soon(5)) == Accepted({"call": 2})
        made.close()
    assert server.connections == 2


@pytest.mark.slow
def test_an_answer_that_trickles_ends_with_the_deadline(credentials: CredentialsFile) -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            time.sleep(0.02)
            connection.sendall(b"{")
        whole.set()

    whole = threading.Event()
    with serving(trickle) as server:
        outcome = called(server, credentials, 0.2)
        assert isinstance(outcome, Unclear)
        assert not whole.is_set(), "the answer was read to its end"


def test_after_the_deadline_nothing_is_sent(credentials: CredentialsFile) -> None:
    with serving(lambda _: answer(b"{}")) as server:
        assert called(server, credentials, -1.0) == Unsent("its deadline has passed")
    assert server.connections == 0


def test_a_deadline_is_over_when_it_is_reached(credentials: CredentialsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    assert Client([nowhere()], credentials, None).call("X", {}, 100.0) == Unsent("its deadline has passed")
    with pytest.raises(TimeoutError):
        client._left(100.0)
    assert client._left(100.25) == 0.25


def test_a_call_that_was_rejected_once_and_then_not_sent_again_is_unclear(credentials: CredentialsFile) -> None:
    def reject(_: socket.socket) -> bytes:
        credentials._path.unlink()
        return CONFLICT

    with serving(reject) as server:
        outcome = called(server, credentials)
    assert len(server.requests) == 1 and "cannot be read" in outcome.detail
    assert isinstance(outcome, Unclear) and not isinstance(outcome, Unsent), "a part of the call was sent"


def test_a_call_without_a_response_may_have_been_carried_out(credentials: CredentialsFile) -> None:
    with serving(lambda _: None) as server:
        outcome = called(server, credentials, 0.3)
    assert isinstance(outcome, Unclear) and not isinstance(outcome, Unsent) and len(server.requests) == 1


def test_a_call_without_a_connection_was_not_sent(credentials: CredentialsFile) -> None:
    outcome = Client([nowhere(), nowhere()], credentials, None).call("UpdateItem", {}, soon())
    assert isinstance(outcome, Unsent) and outcome.detail.count("no connection to") == 2


@pytest.mark.slow
def test_a_peer_that_takes_nothing_is_waited_for_until_this_calls_deadline(credentials: CredentialsFile) -> None:
    """On a connection whose last call had more time."""
    reading = threading.Event()

    def once(_: socket.socket) -> bytes | None:
        if len(server.requests) > 1:
            reading.wait(20)
        return answer(b"{}")

    with serving(once) as server:
        table = Client([server.endpoint], credentials, None)
        assert table.call("UpdateItem", {}, soon(15.0)) == Accepted({})
        began = time.monotonic()
        outcome = table.call("UpdateItem", {"x": "x" * (16 << 20)}, soon(1.0))
        took = time.monotonic() - began
        reading.set()
    assert isinstance(outcome, Unclear) and not isinstance(outcome, Unsent)
    assert server.connections == 1 and took < 10


def test_without_credentials_nothing_is_sent(credentials: CredentialsFile) -> None:
    credentials._path.unlink()
    with serving(lambda _: answer(b"{}")) as server:
        outcome = called(server, credentials)
    assert isinstance(outcome, Unsent)
    assert "cannot be read" in outcome.detail
    assert server.connections == 0


def test_a_connection_is_used_again(credentials: CredentialsFile) -> None:
    with serving(lambda _: answer(b"{}")) as server:
        table = Client([server.endpoint], credentials, None)
        assert all(table.call("UpdateItem", {}, soon()) == Accepted({}) for _ in range(5))
    assert server.connections == 1


def test_a_connection_that_is_to_be_closed_is_not_used_again(credentials: CredentialsFile) -> None:
    with serving(lambda _: answer(b"{}", "200 OK", "Connection: close")) as server:
        table = Client([server.endpoint], credentials, None)
        assert all(table.call("UpdateItem", {}, soon()) == Accepted({}) for _ in range(3))
    assert server.connections == 3


def test_a_connection_of_an_older_protocol_is_not_used_again(credentials: CredentialsFile) -> None:
    with serving(lambda _: answer(b"{}").replace(b"HTTP/1.1", b"HTTP/1.0")) as server:
        table = Client([server.endpoint], credentials, None)
        assert all(table.call("UpdateItem", {}, soon()) == Accepted({}) for _ in range(3))
    assert server.connections == 3


def test_a_connection_that_ended_while_idle_is_replaced_before_anything_is_sent(credentials: CredentialsFile) -> None:
    def once(connection: socket.socket) -> None:
        connection.sendall(answer(b"{}"))

    with serving(once) as server:
        table = Client([server.endpoint], credentials, None)
        for _ in range(3):
            assert table.call("UpdateItem", {}, soon()) == Accepted({})
            time.sleep(0.05)
    assert server.connections == 3
    assert len(server.requests) == 3


def test_a_connection_that_was_idle_for_long_is_not_trusted(
    credentials: CredentialsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "IDLE_SECONDS", 0.0)
    with serving(lambda _: answer(b"{}")) as server:
        table = Client([server.endpoint], credentials, None)
        assert all(table.call("UpdateItem", {}, soon()) == Accepted({}) for _ in range(2))
    assert server.connections == 2


def test_another_replica_is_asked_while_nothing_was_sent(credentials: CredentialsFile) -> None:
    with serving(lambda _: answer(b"{}")) as server:
        table = Client([nowhere(), server.endpoint], credentials, None)
        assert table.call("UpdateItem", {}, soon()) == Accepted({})


def test_no_other_replica_is_asked_once_something_was_sent(credentials: CredentialsFile) -> None:
    with serving(lambda _: None) as first, serving(lambda _: answer(b"{}")) as second:
        table = Client([first.endpoint, second.endpoint], credentials, None)
        assert isinstance(table.call("UpdateItem", {}, soon()), Unclear)
        assert second.connections == 0
        assert table.call("UpdateItem", {}, soon()) == Accepted({}), "the next call goes where it may succeed"
        assert len(first.requests) == 1


@pytest.mark.parametrize("status", ["400 Bad Request", "499 Odd"])
@pytest.mark.parametrize("kind", ["ThrottlingException", "AccessDeniedException"])
def test_a_replica_that_answers_stays_the_preferred_one(kind: str, status: str, credentials: CredentialsFile) -> None:
    with serving(lambda _: refusal(kind, status)) as first, serving(lambda _: answer(b"{}")) as second:
        table = Client([first.endpoint, second.endpoint], credentials, None)
        assert all(isinstance(table.call("UpdateItem", {}, soon()), Unclear) for _ in range(2))
    assert (len(first.requests), second.connections) == (2, 0)


def test_a_replica_that_failed_is_preferred_again_after_a_while(
    credentials: CredentialsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ASIDE_SECONDS", 0.1)
    replies = iter([refusal("InternalServerError", "500 Oh"), answer(b"{}")])
    with serving(lambda _: next(replies)) as first, serving(lambda _: answer(b"{}")) as second:
        table = Client([first.endpoint, second.endpoint], credentials, None)
        assert isinstance(table.call("UpdateItem", {}, soon()), Unclear)
        assert table.call("UpdateItem", {}, soon()) == Accepted({})
        assert (len(first.requests), len(second.requests)) == (1, 1)
        time.sleep(0.15)
        assert table.call("UpdateItem", {}, soon()) == Accepted({})
    assert (len(first.requests), len(second.requests)) == (2, 1)


def test_every_replica_that_could_not_be_reached_is_reported(credentials: CredentialsFile) -> None:
    outcome = Client([nowhere("us-east-1"), nowhere()], credentials, None).call("UpdateItem", {}, soon())
    assert isinstance(outcome, Unclear)
    assert outcome.detail.count("no connection to 127.0.0.1") == 2
    assert "us-east-1" in outcome.detail
    assert "us-east-2" in outcome.detail


@pytest.mark.slow
def test_a_silent_replica_leaves_time_for_the_next(credentials: CredentialsFile) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, serving(lambda _: answer(b"{}")) as server:
        waiting = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            waiting.append(filler)
        silent = Endpoint("us-east-2", "x", "127.0.0.1", full.getsockname()[1], "http")
        table = Client([silent, server.endpoint], credentials, None)
        assert table.call("UpdateItem", {}, soon(0.6)) == Accepted({})
        for filler in waiting:
            filler.close()


def test_an_error_without_a_message_is_reported_by_its_kind(credentials: CredentialsFile) -> None:
    with serving(lambda _: refusal("ThrottlingException")) as server:
        assert called(server, credentials) == Unclear("us-east-1: 400 ThrottlingException: ")


@pytest.mark.parametrize(
    ("scheme", "port", "host"),
    [("https", 443, b"x"), ("http", 80, b"x"), ("https", 80, b"x:80"), ("http", 443, b"x:443"), ("https", 1, b"x:1")],
)
def test_the_host_is_named_with_a_port_that_is_not_its_schemes(
    credentials: CredentialsFile, scheme: str, port: int, host: bytes
) -> None:
    endpoint = Endpoint("us-east-1", "x", "127.0.0.1", port, scheme)
    sent = Client([endpoint], credentials, None)._request(endpoint, "UpdateItem", b"{}", credentials.current())
    assert b"\r\nHost: " + host + b"\r\n" in sent


def certificate(directory: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate authority, and a server with a certificate of its for ``name``."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file, private = directory / f"{name}.pem", directory / f"{name}.key"
    file.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, private)
    return file, context


@dataclass
class TlsServer(Server):
    """The same, over TLS."""

    context: ssl.SSLContext = field(default_factory=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    def talk(self, connection: socket.socket) -> None:
        with suppress(OSError):
            super().talk(self.context.wrap_socket(connection, server_side=True))


TABLE_HOST = "dynamodb.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("name", "trusted", "reason"),
    [
        (TABLE_HOST, True, ""),
        ("dynamodb.us-east-2.amazonaws.com", True, "Hostname mismatch"),
        (TABLE_HOST, False, "certificate verify failed"),
    ],
)
def test_nothing_is_sent_to_a_server_that_does_not_prove_its_name(
    credentials: CredentialsFile, tmp_path: Path, name: str, trusted: bool, reason: str
) -> None:
    own, context = certificate(tmp_path, name)
    other, _ = certificate(tmp_path, "another")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = TlsServer(
            lambda _: answer(b"{}", "200 OK", "Connection: close"), listener.getsockname()[1], context=context
        )
        threading.Thread(target=server.serve, args=(listener,), daemon=True).start()
        table = Client([replace(server.endpoint, scheme="https")], credentials, own if trusted else other)
        outcomes = [table.call("UpdateItem", {}, soon())]
        own.unlink(), other.unlink()
        outcomes.append(table.call("UpdateItem", {}, soon()))
        listener.shutdown(socket.SHUT_RDWR)
    if reason:
        assert all(isinstance(each, Unclear) and reason in each.detail for each in outcomes)
        assert server.requests == []
    else:
        assert outcomes == [Accepted({})] * 2, "the authorities are read once"


def test_how_long_a_connection_took_is_kept(credentials: CredentialsFile) -> None:
    with serving(lambda _: answer(b"{}")) as server:
        table = Client([server.endpoint], credentials, None)
        assert table._replicas[0].connects_in is None
        table.call("UpdateItem", {}, soon())
    took = table._replicas[0].connects_in
    assert took is not None and 0 < took < 5


def elsewhere(server: Server, *others: str) -> Endpoint:
    """A replica that nobody serves at its first address, and that is at `others`."""
    return replace(server.endpoint, address="127.0.0.2", others=others)


def test_a_replica_is_reached_at_another_of_its_addresses(credentials: CredentialsFile) -> None:
    with serving(lambda _: answer(b"{}")) as server:
        table = Client([elsewhere(server, "127.0.0.3", "127.0.0.1")], credentials, None)
        assert table.call("UpdateItem", {}, soon()) == Accepted({})
    (request,) = server.requests
    assert f"Host: dynamodb.us-east-1.amazonaws.com:{server.port}".encode() in request, "under its own name"


def test_an_address_that_failed_is_not_tried_first_again(
    credentials: CredentialsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    create_connection = socket.create_connection

    def noted(address: tuple[str, int], timeout: float) -> socket.socket:
        tried.append(address[0])
        return create_connection(address, timeout=timeout)

    monkeypatch.setattr(socket, "create_connection", noted)
    with serving(lambda _: answer(b"{}", "200 OK", "Connection: close")) as server:
        table = Client([elsewhere(server, "127.0.0.1"), nowhere()], credentials, None)
        assert all(table.call("UpdateItem", {}, soon()) == Accepted({}) for _ in range(3))
    assert tried == ["127.0.0.2", "127.0.0.1", "127.0.0.1", "127.0.0.1"]


def test_every_address_that_could_not_be_reached_is_reported(credentials: CredentialsFile) -> None:
    endpoint = replace(nowhere(), address="127.0.0.2", others=("127.0.0.3",))
    outcome = Client([endpoint], credentials, None).call("UpdateItem", {}, soon())
    assert isinstance(outcome, Unclear)
    assert f"127.0.0.2:{endpoint.port}" in outcome.detail and f"127.0.0.3:{endpoint.port}" in outcome.detail


def test_how_long_an_address_is_waited_for_follows_how_long_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    replica = client._Replica(nowhere(), "127.0.0.1")
    assert [replica.give_up_at(100.8, left) for left in (1, 2, 4)] == pytest.approx([100.8, 100.4, 100.2])
    replica.connected_in(0.02)
    assert replica.give_up_at(100.8, 2) == pytest.approx(100.08), "four times as long"
    assert replica.give_up_at(100.8, 1) == pytest.approx(100.8), "the last one has all the time"
    assert replica.give_up_at(100.1, 2) == pytest.approx(100.05), "the others keep half of it"
    replica.connected_in(0.01)
    assert replica.give_up_at(100.8, 2) == pytest.approx(100.056), "a quick one is no proof that all are"
    for _ in range(20):
        replica.connected_in(0.001)
    assert replica.give_up_at(100.8, 2) == pytest.approx(100.03), "a busy processor is no reason to go elsewhere"
    replica.connected_in(0.1)
    assert replica.give_up_at(100.8, 2) == pytest.approx(100.4), "a slow one counts at once"


def test_how_long_a_call_took_is_kept(credentials: CredentialsFile) -> None:
    def slow(_: socket.socket) -> bytes:
        time.sleep(0.05)
        return answer(b"{}")

    with serving(slow) as server:
        table = Client([server.endpoint], credentials, None)
        for _ in range(2):
            assert table.call("UpdateItem", {}, soon()) == Accepted({})
    assert len(table._took) == 2 and min(table._took) >= 0.05


def test_a_call_that_leaves_no_time_for_those_after_it_is_not_sent(credentials: CredentialsFile) -> None:
    with serving(lambda _: answer(b"{}")) as server:
        table = Client([server.endpoint], credentials, None)
        assert table.call("UpdateItem", {}, soon(), calls_after=1) == Accepted({})
        table._took.extend([100.0] * client.KEPT_TIMES)
        for seconds, calls in ((199.0, 2), (299.0, 3)):
            outcome = table.call("UpdateItem", {}, soon(seconds), calls_after=calls - 1)
            assert isinstance(outcome, Unsent)
            assert outcome.detail == f"us-east-1: not sent, because {calls} calls take at least {calls}00.000 s"
        assert len(server.requests) == 1
        assert table.call("UpdateItem", {}, soon(301.0), calls_after=2) == Accepted({}), "there is time"
    assert len(server.requests) == 2 and server.connections == 1, "the connection was kept"


def test_a_call_that_none_must_follow_is_sent_however_long_it_may_take(credentials: CredentialsFile) -> None:
    with serving(lambda _: answer(b"{}")) as server:
        table = Client([server.endpoint], credentials, None)
        table._took.extend([100.0] * client.KEPT_TIMES)
        assert table.call("UpdateItem", {}, soon(90.0)) == Accepted({})
        assert table.call("UpdateItem", {}, soon(90.0), calls_after=1) == Accepted({}), "one quick call ends the doubt"


@pytest.mark.parametrize(
    ("took", "sent"),
    [
        ([100.0] * (client.KEPT_TIMES - 1), True),
        ([0.0] + [100.0] * client.KEPT_TIMES, False),
        ([0.0] + [100.0] * (client.KEPT_TIMES - 1), True),
    ],
    ids=["too few to tell", "the quick one is long ago", "one was quick"],
)
def test_only_the_last_calls_tell_how_long_one_takes(took: list[float], sent: bool, credentials: CredentialsFile):
    with serving(lambda _: answer(b"{}")) as server:
        table = Client([server.endpoint], credentials, None)
        table._took.extend(took)
        assert isinstance(table.call("UpdateItem", {}, soon(199.0), calls_after=1), Accepted) is sent
    assert len(server.requests) == sent


@pytest.mark.slow
def test_an_answer_has_its_limits(credentials: CredentialsFile) -> None:
    body = b'"' + b"x" * (client.MAX_ANSWER_BYTES - 2) + b'"'
    for more, reason in ((0, "not a JSON object"), (1, "too large")):
        with serving(lambda _, more=more: answer(body.ljust(len(body) + more))) as server:  # type: ignore[misc]
            outcome = called(server, credentials, 30.0)
        assert isinstance(outcome, Unclear) and reason in outcome.detail


def test_a_name_of_a_header_is_read_in_any_case_and_without_blanks(credentials: CredentialsFile) -> None:
    said = b"HTTP/1.1 200 OK\r\nCONTENT-length :  2 \r\nConnection: CLOSE\r\n\r\n{}"
    with serving(lambda _: said) as server:
        table = Client([server.endpoint], credentials, None)
        assert all(table.call("UpdateItem", {}, soon()) == Accepted({}) for _ in range(2))
    assert server.connections == 2


def test_idle_connections_are_closed_and_replaced(credentials: CredentialsFile) -> None:
    with serving(lambda _: answer(b"{}")) as server:
        table = Client([server.endpoint], credentials, None)
        assert table.call("UpdateItem", {}, soon()) == Accepted({})
        (idle,) = table._replicas[0].idle
        table.close()
        assert idle.socket.fileno() == -1
        assert table.call("UpdateItem", {}, soon()) == Accepted({})
    assert server.connections == 2


def test_a_request_is_one_piece_with_its_length(credentials: CredentialsFile) -> None:
    endpoint = nowhere()
    sent = Client([endpoint], credentials, None)._request(endpoint, "UpdateItem", b'{"a":1}', credentials.current())
    head, _, body = sent.partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: 7" in head and body == b'{"a":1}'
    assert b"\r\nContent-Type: application/x-amz-json-1.0" in head


def test_nagle_is_off_and_tls_is_of_this_age(credentials: CredentialsFile, tmp_path: Path) -> None:
    own, context = certificate(tmp_path, TABLE_HOST)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = TlsServer(lambda _: answer(b"{}"), listener.getsockname()[1], context=context)
        threading.Thread(target=server.serve, args=(listener,), daemon=True).start()
        table = Client([replace(server.endpoint, scheme="https")], credentials, own)
        assert table.call("UpdateItem", {}, soon()) == Accepted({})
        (idle,) = table._replicas[0].idle
        assert idle.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert table._context and table._context.minimum_version is ssl.TLSVersion.TLSv1_2
        table.close()
        listener.shutdown(socket.SHUT_RDWR)


def test_an_endpoint_is_reached_over_tls_at_its_port_unless_told_otherwise(credentials: CredentialsFile) -> None:
    endpoint = Endpoint("us-east-1", "x", "127.0.0.1")
    assert (endpoint.scheme, endpoint.port, endpoint.addresses) == ("https", 443, ("127.0.0.1",))
    sent = Client([endpoint], credentials, None)._request(endpoint, "UpdateItem", b"{}", credentials.current())
    assert b"\r\nHost: x\r\n" in sent


def test_a_table_without_endpoints_is_refused(credentials: CredentialsFile) -> None:
    with pytest.raises(ValueError, match="at least one endpoint"):
        Client([], credentials, None)


def test_a_file_without_authorities_is_reported(credentials: CredentialsFile) -> None:
    with serving(lambda _: b"") as server:
        endpoint = Endpoint("us-east-1", "x", "127.0.0.1", server.port)
        outcome = Client([endpoint], credentials, credentials._path).call("X", {}, soon())
    assert isinstance(outcome, Unclear)
    assert "no connection" in outcome.detail
    assert server.requests == []
