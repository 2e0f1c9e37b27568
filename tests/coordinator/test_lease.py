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
from types import SimpleNamespace
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
    tokens: set[str | None] = field(default_factory=set)

    def answer(self, path: str, body: dict[str, Any], token: str | None) -> tuple[int, dict[str, Any]]:
        self.asked.append(path)
        self.tokens.add(token)
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


def test_a_token_in_the_environment_is_not_used(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "hvs.of-whoever-started-it")
    bench.take()
    assert "hvs.client" in bench.vault.tokens and "hvs.of-whoever-started-it" not in bench.vault.tokens


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


WHOLE = {
    "vault": '"https://vault:8200"',
    "ca_file": '"/ca"',
    "role_id": '"role"',
    "path": '"aws/creds/role"',
    "ttl_seconds": "900",
    "renew_before_seconds": "300",
    "secret_id": '"/secret"',
    "wrapped_secret_id": '"/wrapped"',
    "credentials": '"/credentials"',
}


def settings_of(directory: Path, **changed: str) -> Settings:
    path = directory / "lease.toml"
    path.write_text("".join(f"{name} = {value}\n" for name, value in (WHOLE | changed).items()))
    return lease.read_settings(path)


def test_a_lease_is_asked_for_again_and_again_each_time_after_its_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    steps: list[tuple[str, float]] = []

    class Ended(Exception):
        """The process is ended."""

    def step(keeper: Keeper, now: float) -> float:
        keeper._ask()
        steps.append((keeper._settings.role_id, now))
        return 10.0 * len(steps)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise Ended

    asked: list[str] = []
    monkeypatch.setattr(lease, "take", lambda settings, log: asked.append(settings.role_id))
    monkeypatch.setattr(lease, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: 7.0, time=time.time))
    monkeypatch.setattr(Keeper, "step", step)
    with pytest.raises(Ended):
        settings_of(tmp_path)
        lease.main(["--config", str(tmp_path / "lease.toml")])
    assert slept == [10.0, 20.0, 30.0]
    assert steps == [("role", 7.0)] * 3 and asked == ["role"] * 3


def test_without_a_configuration_nothing_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        lease.main([])
    assert ended.value.code == 2 and "--config" in capsys.readouterr().err


def test_a_configuration_is_read_whole(tmp_path: Path) -> None:
    assert settings_of(tmp_path) == Settings(
        "https://vault:8200",
        Path("/ca"),
        "role",
        "aws/creds/role",
        900,
        300,
        Path("/secret"),
        Path("/wrapped"),
        Path("/credentials"),
    )
    for renew in ("1", "899"):
        assert settings_of(tmp_path, renew_before_seconds=renew).renew_before_seconds == int(renew)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("renew_before_seconds", "0"),
        ("renew_before_seconds", "900"),
        ("renew_before_seconds", "-1"),
        ("renew_before_seconds", "true"),
        ("ttl_seconds", '"900"'),
        ("ttl_seconds", "900.0"),
        ("vault", "7"),
        ("path", "[]"),
        ("ca_file", "1"),
        ("credentials", "[]"),
    ],
)
def test_a_value_of_another_kind_or_size_is_refused(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(LeaseError, match=r"lease.toml: (Type|Value)Error: "):
        settings_of(tmp_path, **{name: value})


def test_each_attempt_is_told(bench: Bench) -> None:
    keeper, now = bench.keeper(), time.monotonic()
    keeper.step(now)
    bench.vault.sealed = True
    keeper.step(now + 1)
    keeper.step(now + 2)
    keeper.step(now + 900)
    keeper.step(now + 901)
    bench.vault.sealed = False
    keeper.step(now + 902)
    bench.vault.sealed = True
    keeper.step(now + 903)
    events = [json.loads(line) for line in bench.said().splitlines()]
    assert [(each["event"], each.get("failures")) for each in events] == [
        ("secret-id-received", None),
        ("lease-taken", None),
        ("lease-failed", 1),
        ("lease-failed", 2),
        ("lease-failed", 3),
        ("credentials-removed", None),
        ("lease-failed", 4),
        ("lease-taken", None),
        ("lease-failed", 1),
    ]
    assert events[-2]["expires"] == bench.kept()["Expiration"] and events[-1]["error"]


def test_short_leases_do_not_hurry_vault(bench: Bench) -> None:
    short = replace(bench.settings, renew_before_seconds=1)
    keeper = Keeper(short, lambda: Lease({"Expiration": "x"}, 10.0), bench.log)
    assert keeper.step(0.0) == lease.LEAST_RENEWAL_SECONDS
    keeper = Keeper(short, lambda: Lease({"Expiration": "x"}, 31.5), bench.log)
    assert keeper.step(0.0) == 30.5


@pytest.mark.parametrize(
    "answer", [{"data": {}}, {"data": {"access_key": "A"}, "lease_duration": 1}, {"lease_duration": 1}, []]
)
def test_an_answer_that_is_no_lease_is_refused_without_what_it_holds(bench: Bench, answer: object) -> None:
    asked = bench.vault.answer

    def other(path: str, body: dict[str, Any], token: str | None) -> tuple[int, Any]:
        return (200, answer) if path.startswith("/v1/aws") else asked(path, body, token)

    bench.vault.answer = other  # type: ignore[method-assign]
    with pytest.raises(LeaseError, match="Vault's response cannot be read: (Key|Type|Attribute)Error$"):
        bench.take()


def test_a_path_at_which_nothing_is_has_no_lease(bench: Bench) -> None:
    with pytest.raises(LeaseError, match="Vault has nothing at aws/creds/other"):
        take(replace(bench.settings, path="aws/creds/other"), bench.log)


def test_a_lease_without_a_token_or_a_duration_is_taken_as_configured(bench: Bench) -> None:
    asked = bench.vault.answer

    def other(path: str, body: dict[str, Any], token: str | None) -> tuple[int, dict[str, Any]]:
        if not path.startswith("/v1/aws"):
            return asked(path, body, token)
        return 200, {"lease_duration": 0, "data": {"access_key": "A", "secret_key": "S", "security_token": None}}

    bench.vault.answer = other  # type: ignore[method-assign]
    taken = bench.take()
    assert taken.seconds == bench.settings.ttl_seconds
    assert set(taken.document) == {"Version", "AccessKeyId", "SecretAccessKey", "Expiration"}
    assert (taken.document["Version"], taken.document["AccessKeyId"]) == (1, "A")


@pytest.mark.parametrize("name", ["session_token", "security_token"])
def test_a_token_is_taken_by_either_name(bench: Bench, name: str) -> None:
    asked = bench.vault.answer

    def other(path: str, body: dict[str, Any], token: str | None) -> tuple[int, dict[str, Any]]:
        if not path.startswith("/v1/aws"):
            return asked(path, body, token)
        return 200, {"lease_duration": 60, "data": {"access_key": "A", "secret_key": "S", name: "T"}}

    bench.vault.answer = other  # type: ignore[method-assign]
    assert bench.take().document["SessionToken"] == "T"


def test_a_file_is_replaced_whole_and_with_its_mode_whatever_an_earlier_run_left(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    (tmp_path / ".kept.new").write_text("what a run that was killed has left")
    for text, mode in (("first", 0o600), ("second", 0o640)):
        lease.write_private(path, text, mode)
        assert path.read_text() == text and path.stat().st_mode & 0o777 == mode
    assert list(tmp_path.iterdir()) == [path]
