"""Two ceremonies of one network never run at once, from whatever machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ceremonies import remote
from ceremonies.remote import HostFailed, RemoteSigners, Ssh
from estate.declaration import load
from estate.model import Role
from estate.plan.hosts import Host, of_role
from tests.conftest import ROOT


class Local(Ssh):
    """Runs the script here, as a signer host would."""

    def command(self, host: Host, script: str, *, shell: str = "sh") -> list[str]:
        return [shell, "-c", script]


@pytest.fixture
def signers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RemoteSigners:
    monkeypatch.setattr(remote, "CEREMONY_LOCK", str(tmp_path / "ceremony.lock"))
    return RemoteSigners(network=load.read(ROOT / "stacks" / "Pulumi.cosmoshub.yaml"), ssh=Local())


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
    script = f"exec 8>{tmp_path / 'ceremony.lock'}; flock -n 8 || exit 75; echo held; exec cat >/dev/null"
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


def test_a_ceremony_without_the_dead_site_is_locked_at_the_first_other_signer(
    signers: RemoteSigners, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    command = Local.command

    def noted(self: Local, host: Host, script: str, *, shell: str = "sh") -> list[str]:
        asked.append(host.name)
        return command(self, host, script, shell=shell)

    monkeypatch.setattr(Local, "command", noted)
    names = [each.name for each in of_role(signers.network, Role.SIGNER)]
    for dead in ((), names[:1], names[:2]):
        with signers.exclusive(dead):
            pass
    assert asked == names[:3]
