"""The gate's credentials for the table, in a file that ``coordinator.lease`` keeps current."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from coordinator.table.sigv4 import Credentials


class NoCredentials(Exception):
    """There are no valid credentials now. The text says why."""


@dataclass(frozen=True, slots=True)
class _Lease:
    credentials: Credentials
    expires: datetime | None


class CredentialsFile:
    """A file in the form of the AWS SDKs' ``credential_process``: a JSON object with ``AccessKeyId``,
    ``SecretAccessKey`` and, where they are temporary, ``SessionToken`` and ``Expiration`` (RFC 3339).

    It is read again when it changes. Thread-safe.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._lease: _Lease | None = None

    def current(self) -> Credentials:
        """The current credentials. Raises NoCredentials."""
        with self._lock:
            try:
                status = self._path.stat()
                stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
                if stamp != self._stamp or self._lease is None:
                    self._lease = _read(self._path)
                    self._stamp = stamp
            except OSError as error:
                raise NoCredentials(f"{self._path} cannot be read: {error.strerror}") from None
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise NoCredentials(f"{self._path} holds no credentials: {type(error).__name__}") from None
            if self._lease.expires and datetime.now(UTC) >= self._lease.expires:
                raise NoCredentials(f"the credentials in {self._path} expired at {self._lease.expires.isoformat()}")
            return self._lease.credentials


def _read(path: Path) -> _Lease:
    fields = json.loads(path.read_text())
    access_key, secret, token = fields["AccessKeyId"], fields["SecretAccessKey"], fields.get("SessionToken")
    for part in (access_key, secret) if token is None else (access_key, secret, token):
        if not (isinstance(part, str) and part and part.isascii() and part.isprintable()):
            raise ValueError("a key or token is not printable text")
    expires = fields.get("Expiration")
    moment = datetime.fromisoformat(expires) if expires is not None else None
    if moment and moment.tzinfo is None:
        raise ValueError("the expiration has no time zone")
    return _Lease(Credentials(access_key, secret, token), moment)
