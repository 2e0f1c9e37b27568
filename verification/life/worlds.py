"""Runs the model: every fault must be found, and the same world without the fault must hold.

python -m verification.life.worlds --samples 4000 --seed 1
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools import parts

MODEL = Path(__file__).with_name("key_life.qnt")
STEPS = 130
EVERY_WORLD = "everyWorld"

FAULTS = {
    "leavingDirectly": "leavingFound",
    "renewingFromOldFloor": "renewingFound",
    "restoringUnderOwnFloors": "restoringFound",
    "jumpingAnywhere": "jumpingFound",
    "dyingForGood": "dyingFound",
    "dyingWithSpare": "spareFound",
    "dyingAboveHeight": "aboveHeightFound",
    "relockingByWord": "wordFound",
    "relockingWithoutRound": "roundFound",
    "hangingUnspent": "unspentFound",
}
"""The worlds with a fault, by the model's init action; and what the fault leads to, by the model's predicate."""

LIMITS = {"unseen": "noDoubleSignature", "unseenClaims": "noAmnesia", "gone": "ceremoniesEnd"}
"""The worlds beyond the promise, and what breaks there: the table goes back past what a gate has seen; the claims' rows
go back, and a take-over does not find a precommit; a site never comes back that claimed a vote and released it to
nobody.
"""

SOUND = (
    *("leaving", "renewing", "restoring", "jumping", "everything"),
    *("dying", "takingOver", "takingOverRestored", "relocking", "hanging"),
)
"""The worlds in which the invariant must hold."""


@dataclass(frozen=True)
class Outcome:
    """What Quint's simulator said. `held`: no trace broke the invariant; `witnessed` counts traces by predicate."""

    held: bool
    witnessed: dict[str, int]
    text: str


def simulate(
    init: str,
    invariant: str,
    *,
    samples: int,
    seed: int,
    witnesses: Sequence[str] = (),
    traces: Path | None = None,
    kept: int = 1,
) -> Outcome:
    """Random traces from one world. `traces`: where the trace is written as ITF, with `{seq}` in its name for several.

    Raises RuntimeError if Quint could not run the model.
    """
    command = [
        *(str(parts.ensure("quint", lambda text: None) / "bin" / "quint"), "run", str(MODEL)),
        *("--backend=typescript", f"--init={init}", f"--invariant={invariant}", "--verbosity=1"),
        *(f"--max-samples={samples}", f"--max-steps={STEPS}", f"--seed={seed}"),
    ]
    if witnesses:
        command += ["--witnesses", *witnesses]
    if traces:
        command += [f"--out-itf={traces}", f"--n-traces={kept}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    said = done.stdout + done.stderr
    held, broken = "[ok]" in said, "[violation]" in said
    if held == broken:
        raise RuntimeError(f"quint ended with {done.returncode} and no verdict: {said.strip()}")
    counts = re.findall(r"(\w+) was witnessed in (\d+) trace", said)
    return Outcome(held=held, witnessed={name: int(count) for name, count in counts}, text=said)


def trace_of(fault: str, *, samples: int, seed: int) -> list[dict[str, object]]:
    """The states of a trace in which this world's fault shows itself; empty if none was found."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "trace.itf.json"
        outcome = simulate(fault, f"not({FAULTS[fault]})", samples=samples, seed=seed, traces=file)
        states: list[dict[str, object]] = [] if outcome.held else json.loads(file.read_text())["states"]
        return states


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The model of a key's whole life, with each fault and without.")
    parser.add_argument("--samples", type=int, default=4000, help="traces over all worlds")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    outcome = simulate(
        EVERY_WORLD, "soundHolds", samples=chosen.samples, seed=chosen.seed, witnesses=list(FAULTS.values())
    )
    if not outcome.held:
        print(outcome.text)
        print(f"the model breaks without a fault: quint run --init={EVERY_WORLD} --seed={chosen.seed} shows the trace")
        return 1
    missed = [fault for fault, witness in FAULTS.items() if not outcome.witnessed.get(witness)]
    for fault, witness in FAULTS.items():
        print(f"{fault}: found in {outcome.witnessed.get(witness, 0)} traces")
    missed += [fault for fault in FAULTS if not trace_of(fault, samples=chosen.samples, seed=chosen.seed)]
    for limit, broken in LIMITS.items():
        if simulate(limit, broken, samples=chosen.samples, seed=chosen.seed).held:
            missed.append(limit)
    print(f"{chosen.samples} traces, missed: {', '.join(missed) or 'none'}, 0 broken without a fault")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
