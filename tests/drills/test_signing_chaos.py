"""The drills on the fast net: the danger, the control that must fail, and the fault campaign at its CI size."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.chaos import campaign, faults, harness, net, no_gate
from lab.chaos.fastnet import SOURCES
from lab.chaos.scale import Scale
from lab.chaos.schedule import MISSED_AT_MOST
from lab.errors import PromiseBroken
from lab.netns import NAMED

pytestmark = pytest.mark.lab

SCALE = Scale(
    **{
        name: int(os.environ.get(f"ESTATE_CHAOS_{name.upper()}", default))
        for name, default in dataclasses.asdict(Scale()).items()
    }
)
"""The short campaign. A long one: ESTATE_CHAOS_FAULTS=1000 ESTATE_CHAOS_HEIGHTS=20000."""


def traces(checkout: Path) -> list[str]:
    """What a drill left in the kernel: namespaces, mounts, processes."""
    paths = net.paths(checkout)
    found = [each.name for each in NAMED.glob(f"{paths.prefix}*")]
    found += [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(paths.root) in line]
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [str(each)] if str(paths.root) in each.read_bytes().decode(errors="replace") else []
        except OSError:
            continue
    return found


def test_two_signers_with_one_key_and_no_gate_sign_twice_and_are_tombstoned(tmp_path: Path) -> None:
    said: list[str] = []
    no_gate.run(tmp_path, said.append, Scale())
    assert "our key is tombstoned" in said
    assert traces(tmp_path) == []


def test_the_acceptance_tests_for_remote_signers_pass_through_gate_and_tmkms(tmp_path: Path) -> None:
    said: list[str] = []
    harness.run(tmp_path, said.append, Scale())
    assert "All tests passed" in said[-1]
    assert traces(tmp_path) == []


def test_a_table_in_which_the_last_writer_wins_is_found_out(tmp_path: Path) -> None:
    said: list[str] = []
    campaign.last_writer_wins(tmp_path, said.append, Scale())
    assert "evidence of a double signature" in said[-1]
    assert traces(tmp_path) == []


def test_a_second_drill_in_a_checkout_is_refused_while_one_runs(tmp_path: Path) -> None:
    def second(_: str) -> None:
        with pytest.raises(PromiseBroken, match="a drill on a fast net runs in this checkout"):
            no_gate.run(tmp_path, lambda _: None, Scale())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        no_gate.run(tmp_path, second, Scale())
    assert traces(tmp_path) == []


def test_a_drill_that_was_killed_leaves_nothing_that_runs_and_the_next_clears_the_rest(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from lab.chaos import no_gate; from lab.chaos.scale import Scale; "
        f"no_gate.run(Path({str(tmp_path)!r}), print, Scale())"
    )
    killed = subprocess.Popen([sys.executable, "-u", "-c", code], cwd=SOURCES, stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    while "both signers sign" not in killed.stdout.readline():
        assert killed.poll() is None
    killed.kill()
    killed.wait()
    time.sleep(1)
    assert [each for each in traces(tmp_path) if each.startswith("/proc/")] == []
    no_gate.run(tmp_path, lambda _: None, Scale())
    assert traces(tmp_path) == []


def test_under_faults_nothing_is_signed_twice_and_signing_comes_back(tmp_path: Path) -> None:
    said: list[str] = []
    campaign.run(tmp_path, said.append, SCALE)
    report = json.loads((net.paths(tmp_path).root / "logs" / "report.json").read_text())
    assert sum(report["faults"].values()) >= SCALE.faults and report["heights"] >= SCALE.heights, said
    assert set(report["faults"]) == {*faults.KINDS, *MISSED_AT_MOST}, "every kind of fault was injected"
    assert (report["broken"], report["evidence"]) == ([], 0)
    assert {kind for kind, _ in report["measured"]} == set(MISSED_AT_MOST)
    assert all(len(missed) <= MISSED_AT_MOST[kind] for kind, missed in report["measured"])
    assert report["both_proposed"] > 0
    assert traces(tmp_path) == []
