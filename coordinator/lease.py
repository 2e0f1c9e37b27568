"""A gate's credentials for its table: leased from Vault for a short time, and replaced before the lease ends.

A separate process does only this, so that the gate needs no network path to Vault and this process none to the table.
It logs in by AppRole. The secret id is delivered to the host once, wrapped; an earlier unwrap by another party is
detected (see Vault's "Response wrapping").
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hvac
from hvac.exceptions import InvalidRequest, VaultError

from coordinator.events import Events

TIMEOUT_SECONDS = 10
FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 60.0
LEAST_RENEWAL_SECONDS = 30.0
"""The shortest interval between requests to Vault, however short its leases are."""


class LeaseError(Exception):
    """No credentials are available. The text says why and contains no secret."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``path``: of the AWS secrets engine's credentials, below ``/v1``. ``role_id``: also the AppRole's name.

    ``renew_before_seconds`` before a lease ends, the next one is taken. The other fields are files.
    """

    vault: str
    ca_file: Path
    role_id: str
    path: str
    ttl_seconds: int
    renew_before_seconds: int
    secret_id: Path
    wrapped_secret_id: Path
    credentials: Path


@dataclass(frozen=True, slots=True)
class Lease:
    """``document``: in the form of the AWS SDKs' ``credential_process``. ``seconds``: how long it is valid."""

    document: dict[str, Any]
    seconds: float

    def __repr__(self) -> str:
        return f"Lease({self.seconds} s)"


def read_settings(path: Path) -> Settings:
    """Reads the configuration that a deployment wrote. Raises LeaseError."""
    try:
        found = tomllib.loads(path.read_text())
        files = {name: Path(found[name]) for name in ("ca_file", "secret_id", "wrapped_secret_id", "credentials")}
        settings = Settings(**{**found, **files})
        numbers, texts = (settings.ttl_seconds, settings.renew_before_seconds), (settings.vault, settings.path)
        if any(type(each) is not int for each in numbers) or not all(isinstance(each, str) for each in texts):
            raise TypeError("a value is not of its kind")
        if not 0 < settings.renew_before_seconds < settings.ttl_seconds:
            raise ValueError("renew_before_seconds must be above 0 and below ttl_seconds")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise LeaseError(f"{path}: {type(error).__name__}: {error}") from None
    return settings


def write_private(path: Path, text: str, mode: int) -> None:
    """Replaces the file atomically; the text is on disk on return."""
    partial = path.with_name(f".{path.name}.new")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _document(answer: object) -> dict[str, Any]:
    """Vault's answer as hvac decodes it. Raises TypeError: it is not a JSON object."""
    if not isinstance(answer, dict):
        raise TypeError("not a JSON object")
    return answer


def _unwrap(client: hvac.Client, settings: Settings, log: Events) -> None:
    """Unwraps the delivered wrapping token into the secret id. Raises LeaseError, VaultError and OSError."""
    try:
        token = settings.wrapped_secret_id.read_text().strip()
    except FileNotFoundError:
        return
    expected = f"auth/approle/role/{settings.role_id}/secret-id"
    try:
        made_by = _document(client.write("sys/wrapping/lookup", None, token=token))["data"]["creation_path"]
        if made_by != expected:
            raise LeaseError(f"the wrapping token is of {made_by}; it must be of {expected}; it is not unwrapped")
        secret_id = client.sys.unwrap(token)["data"]["secret_id"]  # type: ignore[no-untyped-call]  # hvac has no types here
    except (InvalidRequest, LeaseError) as error:
        settings.wrapped_secret_id.unlink(missing_ok=True)
        log("wrapping-refused", alarm="another party may have unwrapped it: create a new secret id", error=str(error))
        return
    write_private(settings.secret_id, secret_id, 0o600)
    settings.wrapped_secret_id.unlink(missing_ok=True)
    log("secret-id-received")


def take(settings: Settings, log: Events) -> Lease:
    """Requests new credentials from Vault. Raises LeaseError."""
    client = hvac.Client(
        url=settings.vault, token="", verify=str(settings.ca_file), timeout=TIMEOUT_SECONDS, allow_redirects=False
    )
    try:
        _unwrap(client, settings, log)
        client.auth.approle.login(role_id=settings.role_id, secret_id=settings.secret_id.read_text().strip())
        asked = time.time()
        read = client.read(settings.path)
        if read is None:
            raise LeaseError(f"Vault has nothing at {settings.path}")
        answer = _document(read)
        found, seconds = answer["data"], min(float(answer["lease_duration"] or settings.ttl_seconds), 86400.0)
        token = found.get("session_token") or found.get("security_token")
        document = {
            "Version": 1,
            "AccessKeyId": found["access_key"],
            "SecretAccessKey": found["secret_key"],
            **({"SessionToken": token} if token else {}),
            "Expiration": datetime.fromtimestamp(asked + seconds, UTC).isoformat(timespec="seconds"),
        }
    except (VaultError, OSError) as error:
        raise LeaseError(f"{type(error).__name__}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LeaseError(f"Vault's response cannot be read: {type(error).__name__}") from None
    finally:
        client.adapter.close()
    return Lease(document, seconds)


def retry_after(failures: int, chance: float) -> float:
    """Seconds to wait after ``failures`` consecutive failures. ``chance`` (0 to 1) is the jitter between hosts."""
    longest: float = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 10))
    return longest * (0.5 + chance / 2)


def _seconds_left(credentials: Path) -> float:
    """Seconds for which the credentials of an earlier process are still valid."""
    try:
        ends = datetime.fromisoformat(json.loads(credentials.read_text())["Expiration"])
        return max(0.0, (ends - datetime.now(UTC)).total_seconds())
    except (OSError, KeyError, TypeError, ValueError):
        return 0.0


class Keeper:
    """Keeps the credentials file current, and deletes it when its credentials expire."""

    def __init__(self, settings: Settings, ask: Callable[[], Lease], log: Events) -> None:
        self._settings = settings
        self._ask = ask
        self._log = log
        self._failures = 0
        self._ends = time.monotonic() + _seconds_left(settings.credentials)

    def step(self, now: float) -> float:
        """One attempt at ``now`` (``time.monotonic()``). Returns the seconds until the next one."""
        try:
            lease = self._ask()
            write_private(self._settings.credentials, json.dumps(lease.document), 0o640)
        except (LeaseError, OSError) as error:
            self._failures += 1
            self._log("lease-failed", failures=self._failures, error=str(error))
            if now >= self._ends:
                self.remove()
            pause = retry_after(self._failures, random.random())
            return min(pause, self._ends - now) if now < self._ends else pause
        self._failures = 0
        self._ends = now + lease.seconds
        self._log("lease-taken", expires=lease.document["Expiration"])
        return max(LEAST_RENEWAL_SECONDS, lease.seconds - self._settings.renew_before_seconds)

    def remove(self) -> None:
        """Without the file, the gate refuses every request."""
        if self._settings.credentials.exists():
            self._settings.credentials.unlink(missing_ok=True)
            self._log("credentials-removed")


def main(arguments: list[str] | None = None) -> int:
    """``signing-gate-lease --config FILE``: runs until it is stopped."""
    parser = argparse.ArgumentParser(prog="signing-gate-lease", description="Keeps a gate's credentials current.")
    parser.add_argument("--config", type=Path, required=True)
    log = Events()
    try:
        settings = read_settings(parser.parse_args(arguments).config)
    except LeaseError as error:
        print(error, file=sys.stderr)
        return 2
    keeper = Keeper(settings, lambda: take(settings, log), log)
    while True:
        time.sleep(keeper.step(time.monotonic()))
