"""Two processes of many threads race for one position after the other: each has exactly one winner."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from ceremonies.row import Ceremony
from coordinator.decision.position import Position
from coordinator.table.client import Endpoint
from tests.conftest import ROOT
from tests.table_stack import ASH, CLAIMS, HEAD, ZRH, credentials_of

pytestmark = pytest.mark.slow

THREADS = 4
ROUNDS, ROUNDS_LONG = 400, 2000


def test_each_position_has_exactly_one_winner_whom_all_losers_see(
    ceremony: Ceremony, endpoint: Endpoint, key: str, tmp_path: Path, is_long: bool
) -> None:
    ceremony.seed(Position(0, 0, 0), 1, [ASH.gate_id, ZRH.gate_id])
    credentials_of(tmp_path, "RACER")
    told = {
        "endpoint": asdict(endpoint),
        "credentials": str(tmp_path / "RACER.json"),
        "head": HEAD,
        "claims": CLAIMS,
        "key": key,
        "threads": THREADS,
    }
    racers = [
        subprocess.Popen(
            [
                sys.executable,
                Path(__file__).with_name("racer.py"),
                json.dumps(told | {"gate": gate.gate_id, "boot": gate.boot_id}),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(ROOT)},
            text=True,
        )
        for gate in (ASH, ZRH)
    ]
    winners: Counter[str] = Counter()
    try:
        for racer in racers:
            assert racer.stdout
            assert racer.stdout.readline() == "ready\n"
        for height in range(1, (ROUNDS_LONG if is_long else ROUNDS) + 1):
            for racer in racers:
                assert racer.stdin
                racer.stdin.write(f"{height}\n")
                racer.stdin.flush()
            results = [entry for racer in racers if racer.stdout for entry in json.loads(racer.stdout.readline())]
            assert {kind for kind, _, _ in results} <= {"won", "lost"}, results
            won = [claim_id for kind, claim_id, _ in results if kind == "won"]
            assert len(won) == 1, f"height {height}: {won}"
            standing = {seen for kind, _, seen in results if kind == "lost"}
            assert standing == {won[0]}, f"height {height}: losers saw {standing}, {won[0]} won"
            winners[won[0].rsplit("-", 2)[0]] += 1
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()
    assert set(winners) == {ASH.gate_id, ZRH.gate_id}, "it was a race"
