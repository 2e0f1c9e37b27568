"""What ``up`` demands before anything is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from estate.errors import CheckFailed
from proofs import proving

CHECKOUT = Path(__file__).resolve().parents[2]


def document(*verdicts: str) -> dict[str, Any]:
    claims = [{"id": f"claim-{number}", "verdict": verdict} for number, verdict in enumerate(verdicts)]
    worst = next((each for each in ("refuted", "not-modelled") if each in verdicts), "proved")
    return {"network": "cosmoshub", "verdict": worst, "claims": claims}


@pytest.mark.parametrize("verdict", ["refuted", "not-modelled"])
def test_what_is_not_proved_does_not_go_up(monkeypatch: pytest.MonkeyPatch, verdict: str) -> None:
    monkeypatch.setattr(proving, "report", lambda checkout, network: document("proved", verdict))
    with pytest.raises(
        CheckFailed, match=f"cosmoshub is not deployed: 2 claims: 1 proved, 1 {verdict.replace('-', ' ')} .claim-1."
    ):
        proving.demand(CHECKOUT, "cosmoshub")


def test_what_is_proved_goes_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "report", lambda checkout, network: document("proved", "proved"))
    assert proving.demand(CHECKOUT, "cosmoshub") == "2 claims: 2 proved"
