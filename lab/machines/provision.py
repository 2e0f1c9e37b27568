"""What cloud-init does on an instance's first boot: name, identity, admin's key, host keys; here as files, before it.

The host key is made here and not by the machine, so that its public half is pinned before the first connection.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from lab.machines import cloud_config
from lab.machines.recipe import ADMIN_UID, ADMIN_USER

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
HOST_KEY_PATH = "/etc/ssh/ssh_host_ed25519_key"
USER_DATA_SCRIPT_PATH = "/var/lib/cloud/instance/scripts/user-data"


@dataclass(frozen=True)
class Machine:
    """One host: what a cloud or a datacentre's technician decides about it.

    `name` is unique in the lab and names its directory and cgroup; `netns` is the network namespace it lives in, made
    beforehand with its interfaces, addresses and routes; `addresses` (interface → CIDR) only serves `known_hosts`;
    `authorized_keys` are OpenSSH public keys of the admin user; `user_data` as cloud-init takes it; `memory_mib` limits
    the whole machine; `trusted`: certificate authorities (PEM) that its programs trust in addition to the usual
    ones; `instance` is the cloud's id of what it stands for: another instance is another machine.
    """

    name: str
    hostname: str
    netns: str
    addresses: Mapping[str, str] = field(default_factory=dict)
    authorized_keys: tuple[str, ...] = ()
    user_data: str | None = None
    memory_mib: int | None = None
    nameservers: tuple[str, ...] = ()
    trusted: str = ""
    instance: str = ""


@dataclass(frozen=True)
class File:
    """A file of the machine's disk before its first boot: absolute path; `directory_mode` is for a new parent."""

    path: str
    content: bytes
    mode: int = 0o644
    owner: int = 0
    directory_mode: int = 0o755


NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?")


def checked_name(name: str) -> str:
    """The name itself, if it can name a directory, a cgroup and a host.

    Raises:
        ValueError: it cannot.
    """
    if not NAME.fullmatch(name):
        raise ValueError(
            f"machine name {name!r}: must be 1 to 48 of a-z, 0-9 and '-', not starting or ending with '-', "
            "because it names a directory, a cgroup and a host; rename the host"
        )
    return name


def new_host_key() -> bytes:
    """An Ed25519 private key in OpenSSH's format."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def public_half(private_key: bytes) -> str:
    """The public key (`ssh-ed25519 AAAA…`) of an OpenSSH private key."""
    key = load_ssh_private_key(private_key, password=None)
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def machine_id(lab: str, name: str) -> str:
    """32 hexadecimal digits: the same for the same machine of the same lab, as systemd's machine-id must be."""
    return hashlib.sha256(f"machine-id {lab} {name}".encode()).hexdigest()[:32]


def files(lab: str, machine: Machine, host_key: bytes) -> tuple[File, ...]:
    """Every file that makes a copy of the image this machine; `lab` is the lab's id.

    Raises:
        UserDataError: the user data asks for something that would not be followed.
    """
    user_data = cloud_config.parse(machine.user_data)
    fqdn = user_data.hostname or machine.hostname
    short = fqdn.partition(".")[0]
    names = fqdn if fqdn == short else f"{fqdn} {short}"
    hosts = f"127.0.0.1 localhost\n127.0.1.1 {names}\n::1 localhost ip6-localhost ip6-loopback\n"
    keys = (*machine.authorized_keys, *user_data.authorized_keys)
    public = f"{public_half(host_key)} root@{short}\n"
    made = [
        File("/etc/hostname", f"{short}\n".encode()),
        File("/etc/hosts", hosts.encode()),
        File("/etc/machine-id", f"{machine_id(lab, machine.name)}\n".encode(), mode=0o444),
        File("/etc/resolv.conf", "".join(f"nameserver {address}\n" for address in machine.nameservers).encode()),
        File(HOST_KEY_PATH, host_key, mode=0o600),
        File(f"{HOST_KEY_PATH}.pub", public.encode()),
        File(
            f"/home/{ADMIN_USER}/.ssh/authorized_keys",
            "".join(f"{key.strip()}\n" for key in keys).encode(),
            mode=0o600,
            owner=ADMIN_UID,
            directory_mode=0o700,
        ),
        *(File(written.path, written.content, mode=written.mode) for written in user_data.files),
    ]
    if user_data.script is not None:
        made.append(File(USER_DATA_SCRIPT_PATH, user_data.script.encode(), mode=0o700))
    return tuple(made)


def trust(machine: Machine, image: Path) -> tuple[File, ...]:
    """The image's certificate authorities and the machine's own, as `update-ca-certificates` would join them."""
    if not machine.trusted:
        return ()
    return (File(CA_BUNDLE, (image / CA_BUNDLE.lstrip("/")).read_bytes() + machine.trusted.encode()),)


def known_hosts(machine: Machine, public_key: str) -> str:
    """The line of a known_hosts file that pins the machine's key to its hostname and its addresses."""
    names = [machine.hostname, *sorted({cidr.partition("/")[0] for cidr in machine.addresses.values()})]
    return f"{','.join(dict.fromkeys(names))} {public_key}\n"


def write(upper: Path, image: Path, made: Iterable[File]) -> None:
    """Write the files into the upper layer of a machine's disk over the root file system `image`, each whole.

    A directory of the upper layer covers the image's one, owner and mode too, so each is made like the image's.

    Raises:
        UserDataError: a path goes through a symbolic link of the image, so it would end up elsewhere than it says.
    """
    for file in made:
        target = upper / file.path.lstrip("/")
        _make_directories(upper, image, target.parent.relative_to(upper), file)
        partial = target.with_name(f".{target.name}.partial")
        partial.write_bytes(file.content)
        os.chown(partial, file.owner, file.owner)
        partial.chmod(file.mode)
        partial.replace(target)


def _make_directories(upper: Path, image: Path, directory: Path, file: File) -> None:
    for part in (*reversed(directory.parents), directory):
        mine, below = upper / part, image / part
        if below.is_symlink():
            raise cloud_config.UserDataError(
                f"{file.path}: /{part} is a symbolic link in the image, "
                f"the file would end up in {below.readlink()}; give that path"
            )
        like = below.stat() if below.is_dir() else None
        mine.mkdir(exist_ok=True)
        os.chown(mine, like.st_uid if like else file.owner, like.st_gid if like else file.owner)
        mine.chmod(stat.S_IMODE(like.st_mode) if like else file.directory_mode)
