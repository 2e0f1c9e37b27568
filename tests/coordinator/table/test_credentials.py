"""Where a gate's credentials come from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coordinator.table.credentials import CredentialsFile, NoCredentials


def written(path: Path, **fields: object) -> CredentialsFile:
    path.write_text(json.dumps({"AccessKeyId": "KEY", "SecretAccessKey": "secret"} | fields))
    return CredentialsFile(path)


def test_temporary_credentials_are_read(tmp_path: Path) -> None:
    later = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    current = written(tmp_path / "c.json", SessionToken="token", Expiration=later).current()
    assert (current.access_key, current.secret_key, current.token) == ("KEY", "secret", "token")


def test_lasting_credentials_have_no_token(tmp_path: Path) -> None:
    assert written(tmp_path / "c.json").current().token is None


def test_a_renewed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    credentials = written(path, Expiration="2020-01-01T00:00:00Z")
    with pytest.raises(NoCredentials):
        credentials.current()
    fresh = tmp_path / "fresh.json"
    written(fresh, AccessKeyId="NEXT")
    fresh.replace(path)
    assert credentials.current().access_key == "NEXT"


def test_expired_credentials_are_not_used(tmp_path: Path) -> None:
    credentials = written(tmp_path / "c.json", Expiration="2020-01-01T00:00:00Z")
    with pytest.raises(NoCredentials, match="expired at 2020-01-01T00:00:00"):
        credentials.current()


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    credentials = written(tmp_path / "c.json")
    credentials.current()
    (tmp_path / "c.json").unlink()
    with pytest.raises(NoCredentials, match="cannot be read"):
        credentials.current()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '"text"',
        '{"AccessKeyId": "KEY"}',
        '{"AccessKeyId": "", "SecretAccessKey": "s"}',
        '{"AccessKeyId": 5, "SecretAccessKey": "s"}',
        '{"AccessKeyId": "KEY\\r\\nX: y", "SecretAccessKey": "s"}',
        '{"AccessKeyId": "KEY", "SecretAccessKey": "s", "SessionToken": "a\\nb"}',
        '{"AccessKeyId": "KEY", "SecretAccessKey": "s", "SessionToken": 5}',
        '{"AccessKeyId": "KEY", "SecretAccessKey": "s", "Expiration": "soon"}',
        '{"AccessKeyId": "KEY", "SecretAccessKey": "s", "Expiration": 5}',
        '{"AccessKeyId": "KEY", "SecretAccessKey": "s", "Expiration": "2099-01-01T00:00:00"}',
        "\xff",
    ],
)
def test_a_file_without_credentials_is_reported_without_its_content(tmp_path: Path, content: str) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(NoCredentials, match="holds no credentials: [A-Za-z]+$"):
        CredentialsFile(path).current()
