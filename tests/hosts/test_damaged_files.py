"""What a host's files hold after a power cut ends no deployment: it is read as unknown, and what depends on it stays
stopped.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pyinfra.api import OperationError

from ceremonies.observation import GateObservation, SignedState, SignerObservation
from configuration.signer_config import CONSENSUS_KEY, STATE, Duty
from coordinator.decision.position import Position
from coordinator.floor import Floor
from hosts.facts import firewall
from hosts.facts.accounts import Accounts
from hosts.facts.firewall import Firewall
from hosts.facts.gate import GateAccounts, GateAccountsState
from hosts.facts.installed import Installed
from hosts.facts.signer import Signer
from hosts.facts.units import UnitStates
from hosts.operations import accounts
from hosts.operations.signer import commands, verdict

PATH = f"{STATE}/x-1.json"
GATE = GateObservation(
    provisioned=True, enabled=True, active=True, floor=Floor("x-1", bytes(32), Position(7, 0, 2)), generation=1
)
RUNS = SignerObservation(
    provisioned=True,
    key="k",
    state=SignedState(height=7, round=0, step=2),
    enabled=True,
    active=True,
    gate=GATE,
)


def test_the_fact_of_a_signer_with_a_damaged_state_says_so() -> None:
    seen = Signer().process(["provisioned yes", "state x-1.json AAAA"])
    assert seen.provisioned and seen.damaged_state == PATH


@pytest.mark.parametrize(("gated", "mend"), [(True, "bin/estate key join zrh1"), (False, "restore it")])
def test_nothing_signs_by_a_state_that_cannot_be_read(gated: bool, mend: str) -> None:
    damaged = replace(RUNS, state=None, damaged=(PATH,), gate=GATE if gated else GateObservation())
    decided = verdict(Duty.CONSENSUS, damaged, "ash1", site="zrh1", gated=gated)
    assert not decided.run and decided.because
    assert decided.because.startswith(f"{PATH} is damaged") and mend in decided.because
    assert "systemctl disable --now tmkms.service" in commands(decided, damaged, gated=gated)
    assert verdict(Duty.STANDBY, replace(damaged, key=None), "ash1").run, "the state of another key"


def test_a_key_that_cannot_be_read_is_not_asked_for_as_if_there_were_none() -> None:
    damaged = replace(RUNS, key=None, damaged=(CONSENSUS_KEY,))
    for gated in (True, False):
        decided = verdict(Duty.CONSENSUS, damaged, "ash1", site="ash1", gated=gated)
        assert not decided.run and (decided.because or "").startswith(f"{CONSENSUS_KEY} is damaged")
        assert "generate" not in (decided.because or "")
    masked = replace(damaged, masked=True)
    assert all(not verdict(duty, masked, "ash1").touch for duty in (Duty.CONSENSUS, Duty.STANDBY))


def test_a_user_whose_id_cannot_be_read_is_no_operators() -> None:
    state = Accounts().process(["alice:", "bob:10x", "carol:1001"])
    assert state.users["carol"] == 1001
    for name in ("alice", "bob"):
        with pytest.raises(OperationError, match="the system's"):
            accounts.commands([name], "operators", state)


def test_lines_that_nobody_expects_are_no_answer() -> None:
    assert GateAccounts().process(["leases", "a greeting", ""]) == GateAccountsState(leases=True)
    assert UnitStates().process(["ActiveState=active", "@a.service", "ActiveState=active"])["a.service"].active
    assert Installed().process(["=\tregular file\t644", "nothing"]).entries == {}


@pytest.mark.parametrize("content", [b"\0" * 64, b"\xff\xfe", b"", b"ab\ncd"], ids=repr)
def test_a_damaged_digest_of_the_firewall_is_text_and_of_no_ruleset(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "confirmed").write_bytes(content)
    command = Firewall().command().replace(firewall.STATE, str(tmp_path))
    script = "nft() { echo loaded; }; systemctl() { echo enabled; }; " + command
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    state = Firewall().process(done.stdout.splitlines())
    assert state.loaded and state.enabled and state.confirmed != state.loaded
