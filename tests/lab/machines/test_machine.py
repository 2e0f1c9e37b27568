"""Machines are hosts: systemd, sshd, nftables and settings of the kernel work in them as on hardware."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import machines
from lab.machines import image, provision, recipe
from tests.lab.machines.conftest import World, connect, run

pytestmark = pytest.mark.lab

FIREWALL = """\
flush ruleset
table inet filter {
  chain input {
    type filter hook input priority filter; policy drop
    ct state established,related accept
    tcp dport 22 accept
    log prefix "input-drop " group 0 drop
  }
}
"""


@pytest.fixture(scope="module")
def running(world: World) -> World:
    """All three machines, up."""
    machines.start_all(world.paths, list(world.members.values()))
    for name in world.members:
        world.inside(name, "sh", "-c", "systemctl is-system-running --wait || systemctl --failed")
    return world


def test_a_booted_machine_has_no_failed_unit(running: World) -> None:
    for name in running.members:
        assert running.inside(name, "systemctl", "--failed", "--no-legend") == ""
        assert running.inside(name, "systemctl", "is-system-running") == "running"


def test_the_operator_logs_in_to_a_host_whose_key_was_known_before_the_first_connection(running: World) -> None:
    for name in running.members:
        login = running.ssh(name, "hostname", "&&", "sudo", "-n", "id", "-un")
        assert login.stdout.split() == [name, "root"], login.stderr


def test_a_host_with_another_key_than_the_pinned_one_is_refused(running: World) -> None:
    other = provision.public_half(provision.new_host_key())
    login = running.ssh("alpha", "true", known_hosts=f"{running.address('alpha')} {other}\n")
    assert login.returncode == 255
    assert "Host key verification failed" in login.stderr


def test_no_login_by_password_nor_as_root(running: World) -> None:
    settings = running.inside("alpha", "sshd", "-T").splitlines()
    assert "passwordauthentication no" in settings
    assert run("cut", "-d:", "-f2", str(image.path() / "etc/shadow")).stdout.strip("!*\n") == "", (
        "no account has a password"
    )
    assert not (image.path() / "root/.ssh/authorized_keys").exists()


def test_nothing_listens_but_sshd(running: World) -> None:
    listening = running.inside("alpha", "ss", "-Hltun").splitlines()
    assert {line.split()[4].rpartition(":")[2] for line in listening} == {"22"}, listening


def test_the_three_machines_are_three_different_hosts(running: World) -> None:
    identities = {running.inside(name, "cat", "/etc/machine-id", "/etc/hostname") for name in running.members}
    keys = {machines.host_key(running.paths, name) for name in running.members}
    assert len(identities) == len(keys) == 3


def _is_logged(running: World, name: str, prefix: str) -> bool:
    """What is dropped before ulogd listens is not logged, so packets are sent until one is."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        running.answers(name, 80)
        if prefix in running.inside(name, "sh", "-c", "sleep 0.3; cat /var/log/ulog/syslogemu.log 2>/dev/null || true"):
            return True
    return False


def test_a_firewall_that_a_machine_loads_drops_and_logs(running: World) -> None:
    assert running.answers("beta", 80), "the packet that is to be dropped arrives at first"
    loaded = machines.execute(running.paths, "beta", ["nft", "-f", "-"], text_input=FIREWALL)
    assert loaded.returncode == 0, loaded.stderr
    running.inside("beta", "systemctl", "start", "ulogd2")
    assert not running.answers("beta", 80)
    assert running.ssh("beta", "true").returncode == 0, "what the ruleset lets in still gets in"
    assert _is_logged(running, "beta", "input-drop"), "what is dropped is logged"
    assert running.answers("gamma", 80), "a neighbour has a ruleset of its own"


def test_network_settings_are_real_and_the_machines_own(running: World) -> None:
    running.inside("alpha", "sysctl", "-w", "net.ipv4.ip_forward=1")
    forwarding = ("cat", "/proc/sys/net/ipv4/ip_forward")
    assert run("ip", "netns", "exec", running.members["alpha"].netns, *forwarding).stdout.strip() == "1"
    assert running.inside("gamma", *forwarding) == "0"


def test_kernel_wide_settings_can_be_set_and_read_but_never_reach_the_computer(running: World) -> None:
    settings = ("kernel/kptr_restrict", "vm/swappiness", "fs/suid_dumpable", "net/core/rmem_max")
    before = [Path("/proc/sys", setting).read_text() for setting in settings]
    for setting in settings:
        running.inside("alpha", "sysctl", "-w", f"{setting.replace('/', '.')}=2")
        assert running.inside("alpha", "cat", f"/proc/sys/{setting}") == "2"
        assert running.inside("gamma", "cat", f"/proc/sys/{setting}") != "2"
    assert [Path("/proc/sys", setting).read_text() for setting in settings] == before


def test_settings_in_sysctl_d_replace_longer_values_whole(running: World) -> None:
    write = "echo vm.min_free_kbytes=7 >/etc/sysctl.d/90-test.conf && systemctl restart systemd-sysctl"
    running.inside("alpha", "sh", "-c", write)
    assert running.inside("alpha", "cat", "/proc/sys/vm/min_free_kbytes") == "7"


@pytest.mark.parametrize(
    ("setting", "attempt"),
    [
        ("ProtectSystem=strict", "! touch /etc/x"),
        ("PrivateTmp=yes", '[ -z "$(ls /tmp)" ]'),
        ("PrivateDevices=yes", "! ls /dev/net/tun"),
        ("DynamicUser=yes", "[ $(id -u) -ge 61184 ]"),
        ("ProtectKernelTunables=yes", "! sysctl -w net.ipv4.ip_forward=0"),
        ("ProtectHome=yes", "! ls /home/debian"),
        ("InaccessiblePaths=/etc/ssh", "! ls /etc/ssh/sshd_config"),
        ("CapabilityBoundingSet=", "grep -q 'CapBnd:.0000000000000000' /proc/self/status"),
        ("SystemCallFilter=~@mount", "! mount -t tmpfs none /mnt"),
        ("RestrictAddressFamilies=AF_UNIX", "! ping -c 1 -W 1 127.0.0.1"),
        ("IPAddressDeny=any", "! ping -c 1 -W 1 127.0.0.1"),
        ("DevicePolicy=closed", "! cat /dev/net/tun"),
        ("MemoryDenyWriteExecute=yes", "true"),
        ("ProtectProc=invisible", "true"),
        ("RestrictNamespaces=yes", "! unshare --net true"),
    ],
)
def test_hardening_of_units_takes_effect(running: World, setting: str, attempt: str) -> None:
    unit = ("systemd-run", "--quiet", "--wait", "--pipe", "--property", setting)
    running.inside("alpha", *unit, "sh", "-c", f"({attempt}) 2>/dev/null")


def test_the_clock_is_measured_and_never_set(running: World) -> None:
    running.inside("alpha", "systemctl", "start", "chrony")
    command = running.inside("alpha", "sh", "-c", "tr '\\0' ' ' </proc/$(pidof -s chronyd)/cmdline")
    assert "-x" in command.split(), "all machines share the computer's clock"


def test_a_vpn_can_make_its_interface(running: World) -> None:
    running.inside("alpha", "ip", "tuntap", "add", "vpn0", "mode", "tun")
    assert "vpn0" not in run("ip", "-brief", "link").stdout, "it is the machine's, not the computer's"


def test_the_memory_of_a_machine_is_limited_as_a_whole(running: World) -> None:
    eaten = machines.execute(
        running.paths, "gamma", ["systemd-run", "--wait", "--quiet", "perl", "-e", "$x = q(a) x (900 << 20)"]
    )
    assert eaten.returncode != 0, "900 MiB do not fit into a machine of 512"
    assert machines.is_running(running.paths, "gamma")
    running.inside("gamma", "systemctl", "reset-failed")


def test_starting_a_running_machine_does_nothing(running: World) -> None:
    boot = running.inside("alpha", "cat", "/proc/sys/kernel/random/boot_id")
    again = running.start("alpha")
    assert not again.booted
    assert running.inside("alpha", "cat", "/proc/sys/kernel/random/boot_id") == boot


def test_its_journal_can_be_read_while_it_runs_and_after(running: World) -> None:
    assert "Started ssh.service" in machines.logs(running.paths, "alpha", unit="ssh.service")
    machines.stop(running.paths, "alpha")
    assert "Started ssh.service" in machines.logs(running.paths, "alpha", unit="ssh.service")
    running.start("alpha")


def test_the_disk_and_the_host_key_outlive_a_stop(running: World) -> None:
    key = machines.host_key(running.paths, "alpha")
    running.inside("alpha", "sh", "-c", "echo kept >/var/lib/kept")
    machines.stop(running.paths, "alpha")
    assert not machines.is_running(running.paths, "alpha")
    assert running.start("alpha").host_key == key
    assert running.ssh("alpha", "cat", "/var/lib/kept").stdout == "kept\n"


def test_a_machine_that_powers_itself_off_can_be_started_again(running: World) -> None:
    machines.execute(running.paths, "alpha", ["systemctl", "poweroff"])
    deadline = time.monotonic() + 20
    while machines.is_running(running.paths, "alpha") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running.start("alpha").booted


def test_a_machine_whose_namespace_was_rebuilt_is_booted_into_the_new_one(running: World) -> None:
    machine = running.members["gamma"]
    run("ip", "netns", "delete", machine.netns)
    run("ip", "-n", running.operator, "link", "delete", "gamma", check=False)
    run("ip", "netns", "add", machine.netns)
    connect(running.operator, "gamma", machine)
    assert running.start("gamma").booted, "the old one has no link to anybody"
    assert running.ssh("gamma", "true").returncode == 0


def test_a_namespace_that_was_not_made_is_named(running: World) -> None:
    stray = machines.Machine(name="stray", hostname="stray", netns=running.paths.namespace("stray"))
    with pytest.raises(machines.BootFailed, match=f"{stray.netns} does not exist"):
        machines.start(running.paths, stray)


def test_a_machine_keeps_the_image_it_was_made_from_and_says_when_there_is_a_newer_one(
    running: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not machines.is_outdated(running.paths, "beta")
    monkeypatch.setitem(recipe.PACKAGES, "more", ("some-package",))
    assert machines.is_outdated(running.paths, "beta")


def test_destroying_a_machine_removes_its_disk_and_a_new_one_has_a_new_key(running: World) -> None:
    key = machines.host_key(running.paths, "gamma")
    machines.destroy(running.paths, "gamma")
    assert "gamma" not in machines.made(running.paths)
    assert running.start("gamma").host_key != key


def test_user_data_runs_once_in_the_life_of_a_machine(running: World) -> None:
    machines.destroy(running.paths, "gamma")
    script = "#cloud-config\nruncmd:\n- echo ran >>/var/lib/user-data-ran\n"
    machine = machines.Machine(name="gamma", hostname="gamma", netns=running.members["gamma"].netns, user_data=script)
    for _ in range(2):
        machines.start(running.paths, machine)
        running.inside("gamma", "systemctl", "is-system-running", "--wait")
        assert running.inside("gamma", "cat", "/var/lib/user-data-ran") == "ran"
        machines.stop(running.paths, "gamma")


def test_stopping_all_leaves_no_process_mount_or_cgroup(running: World) -> None:
    assert running.leftovers(), "the search finds what runs"
    machines.stop_all(running.paths)
    assert machines.list_running(running.paths) == []
    assert running.leftovers() == []


@pytest.fixture(autouse=True, scope="module")
def _image_stays_as_built() -> Iterator[None]:
    """Whatever machines do to their disks, the image that they share is not changed."""
    if not image.path().is_dir():
        image.ensure()
    watched = image.path() / "etc"
    before = sorted((path.name, path.lstat().st_mtime_ns) for path in watched.iterdir())
    yield
    assert sorted((path.name, path.lstat().st_mtime_ns) for path in watched.iterdir()) == before
