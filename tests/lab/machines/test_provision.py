"""What makes a copy of the image one particular host, before it boots for the first time."""

import os
import stat
from pathlib import Path

import pytest

from lab.machines import provision
from lab.machines.cloud_config import UserDataError
from lab.machines.provision import File, Machine

OPERATOR = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEUfBJMT6A5LbHUkaSxFWcqpIoln9DFHI/NYNif4aRBc operator"
SENTRY = Machine(
    name="cosmoshub-sentry-eu-01",
    hostname="cosmoshub-sentry-eu-01",
    netns="ev0000-cosmoshub-sentry-eu-01",
    addresses={"ens5": "10.1.2.3/24", "ens6": "10.1.2.3/24"},
    authorized_keys=(OPERATOR,),
    nameservers=("10.1.0.2",),
)


@pytest.fixture(scope="module")
def host_key() -> bytes:
    return provision.new_host_key()


def files_of(machine: Machine, host_key: bytes) -> dict[str, File]:
    return {file.path: file for file in provision.files("1a2b", machine, host_key)}


def test_a_machine_knows_its_own_name_without_asking_a_name_server(host_key: bytes) -> None:
    made = files_of(SENTRY, host_key)
    assert made["/etc/hostname"].content == b"cosmoshub-sentry-eu-01\n"
    assert b"127.0.1.1 cosmoshub-sentry-eu-01\n" in made["/etc/hosts"].content


def test_the_name_in_user_data_is_the_one_that_counts_as_on_a_real_instance(host_key: bytes) -> None:
    machine = Machine(name="a", hostname="a", netns="n", user_data="#cloud-config\nfqdn: web-1.example.net\n")
    made = files_of(machine, host_key)
    assert made["/etc/hostname"].content == b"web-1\n"
    assert b"127.0.1.1 web-1.example.net web-1\n" in made["/etc/hosts"].content


def test_no_two_machines_share_a_machine_id_and_each_keeps_its_own() -> None:
    ids = [provision.machine_id("1a2b", "a"), provision.machine_id("1a2b", "b"), provision.machine_id("3c4d", "a")]
    assert len(set(ids)) == 3, "journals and DHCP identify a host by it"
    assert all(len(identity) == 32 and int(identity, 16) for identity in ids)
    assert provision.machine_id("1a2b", "a") == ids[0]


def test_the_admin_alone_may_read_and_owns_the_keys_that_open_his_account(host_key: bytes) -> None:
    keys = files_of(SENTRY, host_key)["/home/debian/.ssh/authorized_keys"]
    assert keys.content.decode() == f"{OPERATOR}\n"
    assert (keys.mode, keys.owner, keys.directory_mode) == (0o600, 1000, 0o700), (
        "sshd refuses keys that others can write"
    )


def test_keys_in_user_data_are_added_to_those_of_the_machine(host_key: bytes) -> None:
    machine = Machine(
        name="a",
        hostname="a",
        netns="n",
        authorized_keys=(OPERATOR,),
        user_data="#cloud-config\nssh_authorized_keys: [ssh-ed25519 BBBB other]\n",
    )
    content = files_of(machine, host_key)["/home/debian/.ssh/authorized_keys"].content.decode()
    assert content.splitlines() == [OPERATOR, "ssh-ed25519 BBBB other"]


def test_root_has_no_key_and_no_file_of_its_home_is_touched(host_key: bytes) -> None:
    assert not [path for path in files_of(SENTRY, host_key) if path.startswith("/root")]


def test_the_private_host_key_is_for_root_only_and_its_public_half_is_what_clients_pin(host_key: bytes) -> None:
    made = files_of(SENTRY, host_key)
    public = provision.public_half(host_key)
    assert made[provision.HOST_KEY_PATH].mode == 0o600
    assert made[f"{provision.HOST_KEY_PATH}.pub"].content.decode().startswith(public)
    assert provision.known_hosts(SENTRY, public) == f"cosmoshub-sentry-eu-01,10.1.2.3 {public}\n"


def test_two_host_keys_are_never_the_same() -> None:
    assert provision.public_half(provision.new_host_key()) != provision.public_half(provision.new_host_key())


def test_user_data_scripts_wait_on_the_disk_for_the_first_boot(host_key: bytes) -> None:
    machine = Machine(name="a", hostname="a", netns="n", user_data="#!/bin/sh\ntouch /made\n")
    script = files_of(machine, host_key)[provision.USER_DATA_SCRIPT_PATH]
    assert (script.content, script.mode) == (b"#!/bin/sh\ntouch /made\n", 0o700)


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-a", "a-", "a" * 49, "a b", "ä", "a.b", "a\n"])
def test_a_name_that_could_leave_the_labs_directory_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="because it names a directory, a cgroup and a host"):
        provision.checked_name(name)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    root = tmp_path / "image"
    (root / "etc/ssh").mkdir(parents=True)
    (root / "etc/ssh").chmod(0o751)
    (root / "lib").symlink_to("usr/lib")
    return root


def own(path: str, mode: int = 0o644) -> File:
    return File(path, b"content\n", mode=mode, owner=os.getuid())


def test_a_directory_over_one_of_the_image_keeps_its_mode(tmp_path: Path, image: Path) -> None:
    upper = tmp_path / "upper"
    provision.write(upper, image, [own("/etc/ssh/key", 0o600)])
    assert (upper / "etc/ssh/key").read_bytes() == b"content\n"
    assert stat.S_IMODE((upper / "etc/ssh/key").stat().st_mode) == 0o600
    assert stat.S_IMODE((upper / "etc/ssh").stat().st_mode) == 0o751, "the upper layer's mode is the one that counts"


def test_writing_again_after_a_kill_leaves_the_same_files_and_no_partial_one(tmp_path: Path, image: Path) -> None:
    upper = tmp_path / "upper"
    (upper / "etc").mkdir(parents=True)
    (upper / "etc/.hostname.partial").write_text("half")
    for _ in range(2):
        provision.write(upper, image, [own("/etc/hostname")])
    assert [path.name for path in (upper / "etc").iterdir()] == ["hostname"]


def test_a_file_is_never_written_through_a_link_of_the_image(tmp_path: Path, image: Path) -> None:
    with pytest.raises(UserDataError, match="/lib is a symbolic link in the image"):
        provision.write(tmp_path / "upper", image, [own("/lib/systemd/x")])
