"""Two ceremonies of one network never run at once, from whatever machine."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ceremonies import remote
from ceremonies.observation import LOCK
from ceremonies.remote import CEREMONY_LOCK, HostFailed, RemoteSigners, Ssh
from configuration.signer_config import HOME
from estate.declaration import load
from estate.model import Role
from estate.plan.hosts import Host, of_role
from tests.conftest import ROOT


@dataclass(frozen=True, kw_only=True)
class Local(Ssh):
    """Runs the script here, in a directory of the host below `root`, as a signer host would."""

    root: Path

    def command(self, host: Host, script: str, *, shell: str = "sh") -> list[str]:
        here = self.root / host.name
        (here / "run").mkdir(parents=True, exist_ok=True)
        for path in (CEREMONY_LOCK, LOCK, HOME):
            script = script.replace(path, f"{here}{path}")
        return [shell, "-c", script]

    def home(self, name: str) -> Path:
        return self.root / name / HOME.removeprefix("/")


@pytest.fixture
def signers(tmp_path: Path) -> RemoteSigners:
    made = RemoteSigners(network=load.read(ROOT / "stacks" / "Pulumi.cosmoshub.yaml"), ssh=Local(root=tmp_path))
    for name in names(made):
        made.ssh.home(name).mkdir(parents=True)
    return made


def names(signers: RemoteSigners) -> list[str]:
    return [each.name for each in of_role(signers.network, Role.SIGNER)]


def elsewhere(signers: RemoteSigners) -> RemoteSigners:
    """The same signers, from another machine."""
    return RemoteSigners(network=signers.network, ssh=signers.ssh)


def tidied(signers: RemoteSigners, name: str) -> bool:
    """Whether a script of this ceremony does something there."""
    left = signers.ssh.home(name) / "incoming" / "left"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    signers.tidy(name)
    return not left.exists()


def test_a_second_ceremony_is_refused_while_one_runs_and_may_run_after_it(signers: RemoteSigners) -> None:
    with (
        signers.exclusive(),
        pytest.raises(HostFailed, match="another ceremony of cosmoshub is running"),
        signers.exclusive(),
    ):
        pass
    with signers.exclusive():
        pass


def test_the_lock_is_free_again_after_its_holder_was_killed(signers: RemoteSigners, tmp_path: Path) -> None:
    lock = tmp_path / names(signers)[0] / CEREMONY_LOCK.removeprefix("/")
    lock.parent.mkdir()
    script = f"exec 8>{lock}; flock -n 8 || exit 75; echo held; exec cat >/dev/null"
    holder = subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdin and holder.stdout and holder.stdout.readline() == "held\n"
    with pytest.raises(HostFailed), signers.exclusive():
        pass
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    with signers.exclusive():
        pass


def test_a_signer_that_does_not_answer_begins_no_ceremony(
    signers: RemoteSigners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Local, "command", lambda self, host, script, shell="sh": ["false"])
    with pytest.raises(HostFailed, match="does not answer"), signers.exclusive():
        pass


@pytest.mark.slow
def test_a_ceremony_without_the_dead_site_is_locked_at_the_first_other_signer(
    signers: RemoteSigners, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    command = Local.command

    def noted(self: Local, host: Host, script: str, *, shell: str = "sh") -> list[str]:
        asked.append(host.name)
        return command(self, host, script, shell=shell)

    monkeypatch.setattr(Local, "command", noted)
    there = names(signers)
    for dead in range(3):
        asked.clear()
        with signers.exclusive(there[:dead]):
            pass
        assert asked[0] == there[dead] and set(asked) == set(there[dead:])


@pytest.mark.slow
def test_what_an_earlier_ceremony_sends_late_does_nothing(signers: RemoteSigners) -> None:
    earlier, later = signers, elsewhere(signers)
    with earlier.exclusive():
        assert all(tidied(earlier, name) for name in names(signers))
    with later.exclusive():
        for name in names(signers):
            with pytest.raises(HostFailed, match="a newer ceremony has begun here"):
                tidied(earlier, name)
            assert (signers.ssh.home(name) / "incoming" / "left").exists()
            assert tidied(later, name)
    with earlier.exclusive():
        assert tidied(earlier, names(signers)[0]), "once it has begun again"


@pytest.mark.slow
def test_a_newer_ceremony_takes_a_host_when_it_reaches_it(signers: RemoteSigners) -> None:
    dead, other = names(signers)[:2]
    earlier, later = signers, elsewhere(signers)
    with earlier.exclusive(), later.exclusive([dead]):
        with pytest.raises(HostFailed, match="newer ceremony"):
            tidied(earlier, other)
        assert tidied(earlier, dead), "the later one has not been there"
        assert tidied(later, dead)
        with pytest.raises(HostFailed, match="newer ceremony"):
            tidied(earlier, dead)


@pytest.mark.slow
def test_numbers_rise_by_the_highest_of_all_hosts_and_are_never_the_same(signers: RemoteSigners) -> None:
    numbers = []
    for turn in range(12):
        with elsewhere(signers).exclusive(names(signers)[: turn % 2]):
            held = {(signers.ssh.home(name) / "ceremony").read_text() for name in names(signers)[turn % 2 :]}
            (number,) = held
            numbers.append(number)
    assert numbers == sorted(set(numbers)) and [int(each[:12]) for each in numbers] == list(range(1, 13))
    assert remote._after(numbers) != remote._after(numbers)


def test_a_host_that_was_never_deployed_delays_no_ceremony(signers: RemoteSigners) -> None:
    name = names(signers)[1]
    signers.ssh.home(name).rmdir()
    with signers.exclusive():
        signers.tidy(names(signers)[0])
    assert not signers.ssh.home(name).exists()


@pytest.mark.slow
def test_what_is_no_number_of_a_ceremony_is_told_to_a_person(signers: RemoteSigners) -> None:
    for found in ("x", "1", f"{1:012d}-{'0' * 32}x"):
        (signers.ssh.home(names(signers)[0]) / "ceremony").write_text(found)
        with pytest.raises(HostFailed, match="no number of a ceremony"), signers.exclusive():
            pass


def test_a_signer_that_does_not_answer_after_the_lock_begins_no_ceremony(
    signers: RemoteSigners, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, last = Local.command, names(signers)[-1]
    monkeypatch.setattr(
        Local,
        "command",
        lambda self, host, script, shell="sh": ["false"] if host.name == last else command(self, host, script),
    )
    with pytest.raises(HostFailed, match=last), signers.exclusive():
        pass
