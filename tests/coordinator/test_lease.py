"""Credentials by lease: taken from what answers as Vault's API is documented, over TLS, by the real client."""

from __future__ import annotations

import http.server
import io
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coordinator import lease
from coordinator.events import Events
from coordinator.lease import Keeper, Lease, LeaseError, Settings, take
from coordinator.table.credentials import CredentialsFile

ROLE = "cosmoshub-gate-ash1"
WRAPPING = "hvs.wrapping-token-that-nobody-may-see"
SECRET_ID = "5a1f2d5e-secret-id-that-nobody-may-see"
SECRET_KEY = "a-secret-access-key-that-nobody-may-see"
CREATION_PATH = f"auth/approle/role/{ROLE}/secret-id"


@dataclass
class FakeVault:
    """What Vault's documented HTTP API says of AppRole, response wrapping and the AWS engine's credentials."""

    creation_path: str = CREATION_PATH
    unwrapped: bool = False
    sealed: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, body: dict[str, Any], token: str | None) -> tuple[int, dict[str, Any]]:
        self.asked.append(path)
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if path.startswith("/v1/sys/wrapping/"):
            if body.get("token") != WRAPPING or self.unwrapped:
                return 400, {"errors": ["wrapping token is not valid or does not exist"]}
            if path.endswith("/lookup"):
                return 200, {"data": {"creation_path": self.creation_path, "creation_ttl": 300}}
            self.unwrapped = True
            return 200, {"data": {"secret_id": SECRET_ID, "secret_id_accessor": "accessor"}}
        if path == "/v1/auth/approle/login":
            if (body.get("role_id"), body.get("secret_id")) != (ROLE, SECRET_ID):
                return 400, {"errors": ["invalid role or secret ID"]}
            return 200, {"auth": {"client_token": "hvs.client", "lease_duration": 3600}}
        if path == f"/v1/aws/creds/{ROLE}" and token == "hvs.client":
            data = {"access_key": "ASIAEXAMPLE", "secret_key": SECRET_KEY, "security_token": "session"}
            return 200, {"lease_id": "aws/creds/x", "lease_duration": 900, "data": data}
        return 404, {"errors": []}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("certificate")
    key, made = directory / "key.pem", directory / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    command += ["-subj", "/CN=vault", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@dataclass
class Bench:
    """A Vault that answers, the settings of a lease from it, and what was logged."""

    vault: FakeVault
    settings: Settings
    stream: io.StringIO

    def __post_init__(self) -> None:
        self.log = Events(self.stream)

    def said(self) -> str:
        self.log.drain()
        return self.stream.getvalue()

    def take(self) -> Lease:
        return take(self.settings, self.log)

    def keeper(self) -> Keeper:
        return Keeper(self.settings, self.take, self.log)

    def kept(self) -> dict[str, Any]:
        return json.loads(self.settings.credentials.read_text())


@pytest.fixture
def bench(tmp_path: Path, certificate: tuple[Path, Path]) -> Iterator[Bench]:
    vault = FakeVault()

    class Handler(http.server.BaseHTTPRequestHandler):
        def _handle(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = vault.answer(self.path, json.loads(content or b"{}"), self.headers.get("X-Vault-Token"))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = _handle  # noqa: N815 (the server looks for these names)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        (tmp_path / "wrapped-secret-id").write_text(f"{WRAPPING}\n")
        settings = Settings(
            vault=f"https://127.0.0.1:{server.server_address[1]}",
            ca_file=certificate[0],
            role_id=ROLE,
            path=f"aws/creds/{ROLE}",
            ttl_seconds=900,
            renew_before_seconds=300,
            secret_id=tmp_path / "secret-id",
            wrapped_secret_id=tmp_path / "wrapped-secret-id",
            credentials=tmp_path / "credentials.json",
        )
        yield Bench(vault, settings, io.StringIO())
        server.shutdown()


def test_credentials_are_taken_and_written_as_the_gate_reads_them(bench: Bench) -> None:
    due = bench.keeper().step(time.monotonic())
    assert due == 600, "taken anew 300 s before the end of 900 s"
    kept = bench.kept()
    assert (kept["AccessKeyId"], kept["SecretAccessKey"], kept["SessionToken"]) == (
        "ASIAEXAMPLE",
        SECRET_KEY,
        "session",
    )
    left = datetime.fromisoformat(kept["Expiration"]) - datetime.now(UTC)
    assert timedelta(seconds=890) < left <= timedelta(seconds=900)
    assert bench.settings.credentials.stat().st_mode & 0o777 == 0o640


def test_the_gate_reads_what_is_written(bench: Bench) -> None:
    bench.keeper().step(time.monotonic())
    found = CredentialsFile(bench.settings.credentials).current()
    assert (found.access_key, found.secret_key, found.token) == ("ASIAEXAMPLE", SECRET_KEY, "session")


def test_the_wrapping_is_opened_once_and_the_secret_id_kept_for_its_owner_alone(bench: Bench) -> None:
    bench.take()
    bench.take()
    assert bench.vault.asked.count("/v1/sys/wrapping/unwrap") == 1
    assert not bench.settings.wrapped_secret_id.exists()
    assert bench.settings.secret_id.read_text() == SECRET_ID
    assert bench.settings.secret_id.stat().st_mode & 0o777 == 0o600


def test_a_wrapping_that_another_party_unwrapped_is_an_alarm(bench: Bench) -> None:
    bench.vault.unwrapped = True
    with pytest.raises(LeaseError, match="secret-id"):
        bench.take()
    assert "another party may have unwrapped it" in bench.said()
    assert not bench.settings.wrapped_secret_id.exists()


def test_a_wrapping_of_something_else_is_not_opened(bench: Bench) -> None:
    bench.vault.creation_path = "auth/approle/role/another/secret-id"
    with pytest.raises(LeaseError):
        bench.take()
    assert not bench.vault.unwrapped
    assert "another/secret-id" in bench.said()


def test_what_is_good_stays_while_vault_does_not_answer_and_goes_when_it_ends(bench: Bench) -> None:
    keeper, now = bench.keeper(), time.monotonic()
    keeper.step(now)
    bench.vault.sealed = True
    assert keeper.step(now + 600) <= 1
    assert bench.settings.credentials.exists(), "300 s are left"
    assert keeper.step(now + 899.9) <= 0.1 + 1e-6, "the end is not slept through"
    keeper.step(now + 900)
    assert not bench.settings.credentials.exists()
    bench.vault.sealed = False
    keeper.step(now + 901)
    assert bench.settings.credentials.exists(), "it comes back unattended"


def test_a_restart_does_not_take_away_what_is_still_good(bench: Bench) -> None:
    bench.keeper().step(time.monotonic())
    bench.vault.sealed = True
    bench.keeper().step(time.monotonic())
    assert bench.settings.credentials.exists()


def test_what_an_earlier_process_left_expired_is_taken_away(bench: Bench) -> None:
    bench.settings.credentials.write_text(json.dumps({"Expiration": "2020-01-01T00:00:00+00:00"}))
    bench.vault.sealed = True
    bench.keeper().step(time.monotonic())
    assert not bench.settings.credentials.exists()


def test_no_secret_is_said(bench: Bench) -> None:
    keeper = bench.keeper()
    keeper.step(time.monotonic())
    bench.settings.wrapped_secret_id.write_text(WRAPPING)
    keeper.step(time.monotonic())
    bench.vault.sealed = True
    keeper.step(time.monotonic())
    said = bench.said() + repr(bench.take.__self__.settings) + repr(Lease({"SecretAccessKey": SECRET_KEY}, 1))
    assert "lease-taken" in said and "lease-failed" in said
    for secret in (WRAPPING, SECRET_ID, SECRET_KEY, "hvs.client"):
        assert secret not in said


def test_a_vault_with_a_certificate_of_another_authority_gets_nothing(bench: Bench) -> None:
    stranger = replace(bench.settings, ca_file=Path("/etc/ssl/certs/ca-certificates.crt"))
    with pytest.raises(LeaseError, match="SSLError|OSError"):
        take(stranger, bench.log)
    assert not bench.vault.asked


def test_retries_slow_down_and_are_spread() -> None:
    assert [lease.retry_after(failures, 1.0) for failures in (1, 2, 3, 7, 50)] == [1, 2, 4, 60, 60]
    assert lease.retry_after(3, 0.0) == 2


FILES = "".join(f'{name} = "/a"\n' for name in ("ca_file", "secret_id", "wrapped_secret_id", "credentials"))


@pytest.mark.parametrize("text", ["", "vault = 1", "not toml", FILES])
def test_a_damaged_configuration_is_refused_with_a_sentence(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lease.toml").write_text(text)
    assert lease.main(["--config", str(tmp_path / "lease.toml")]) == 2
    assert "lease.toml: " in capsys.readouterr().err
