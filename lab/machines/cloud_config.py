"""User data as cloud-init takes it: a script, or the part of `#cloud-config` that the estate's instances may use."""

import base64
import binascii
from dataclasses import dataclass

import yaml

from estate.errors import ExpectedError


class UserDataError(ExpectedError, ValueError):
    """User data that no machine of the lab could follow; the text says what was given and what may be."""


@dataclass(frozen=True)
class WrittenFile:
    """One entry of `write_files`: absolute path, content, mode; owned by root."""

    path: str
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class UserData:
    """What user data asks for: a script to run once, files, keys of the admin user, the host's name."""

    script: str | None = None
    files: tuple[WrittenFile, ...] = ()
    authorized_keys: tuple[str, ...] = ()
    hostname: str | None = None


FOLLOWED = ("fqdn", "hostname", "runcmd", "ssh_authorized_keys", "write_files")
FIXED = {
    "ssh_pwauth": False,
    "disable_root": True,
    "manage_etc_hosts": True,
    "preserve_hostname": False,
    "package_update": False,
    "package_upgrade": False,
}
"""Keys that may be given, with the only value that the machines have anyway."""


def parse(text: str | None) -> UserData:
    """Read user data.

    Raises:
        UserDataError: neither a script nor `#cloud-config`, or a key or value that would not be followed.
    """
    if text is None or not text.strip():
        return UserData()
    if text.startswith("#!"):
        return UserData(script=text)
    if not text.startswith("#cloud-config"):
        raise UserDataError(
            f"user data starts with {text.splitlines()[0][:40]!r}: must start with '#!' or '#cloud-config', "
            "because cloud-init decides by the first line what it is; add that line"
        )
    try:
        config = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise UserDataError(f"user data is not YAML: {error}") from error
    if not isinstance(config, dict):
        raise UserDataError(f"user data is a {type(config).__name__}: #cloud-config must be a mapping")
    for key, value in config.items():
        if key in FIXED and value != FIXED[key]:
            raise UserDataError(
                f"user data {key}: {value!r}: must be {FIXED[key]!r}, hosts are configured by pyinfra; remove it"
            )
        if key not in FIXED and key not in FOLLOWED:
            raise UserDataError(
                f"user data {key!r}: not among {', '.join(FOLLOWED)}; user data only makes a host reachable, "
                "what is more belongs to its role in hosts/"
            )
    return UserData(
        script=_script(config.get("runcmd") or []),
        files=tuple(_file(entry) for entry in config.get("write_files") or []),
        authorized_keys=tuple(config.get("ssh_authorized_keys") or ()),
        hostname=config.get("fqdn") or config.get("hostname"),
    )


def _script(commands: list[str | list[str]]) -> str | None:
    if not commands:
        return None
    lines = [" ".join(_quote(word) for word in line) if isinstance(line, list) else line for line in commands]
    return "#!/bin/sh\n" + "\n".join(lines) + "\n"


def _quote(word: str) -> str:
    return "'" + str(word).replace("'", "'\\''") + "'"


def _file(entry: dict[str, str]) -> WrittenFile:
    unknown = set(entry) - {"path", "content", "permissions", "encoding", "owner"}
    path = str(entry.get("path", ""))
    if unknown or not path.startswith("/") or ".." in path.split("/"):
        raise UserDataError(
            f"user data write_files {entry!r}: needs an absolute path, and no key {sorted(unknown) or ''}"
        )
    if entry.get("owner", "root:root") not in ("root", "root:root"):
        raise UserDataError(
            f"user data write_files {path}: owner {entry['owner']!r} must be root:root; other users come with roles"
        )
    content = entry.get("content", "").encode()
    match entry.get("encoding", "text/plain"):
        case "text/plain":
            pass
        case "b64" | "base64":
            try:
                content = base64.b64decode(content, validate=True)
            except binascii.Error as error:
                raise UserDataError(f"user data write_files {path}: content is not base64: {error}") from error
        case other:
            raise UserDataError(f"user data write_files {path}: encoding {other!r} must be text/plain or b64")
    return WrittenFile(path=path, content=content, mode=int(str(entry.get("permissions", "0644")), 8))
