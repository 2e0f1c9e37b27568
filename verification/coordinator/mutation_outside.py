"""The mutation score of what surrounds the decision: the gate's links, its table's calls, its process, the ceremonies.

    python -m verification.coordinator.mutation_outside [MODULE …] [--every N | --sample N --seed S] [--minutes M]
    python -m verification.coordinator.mutation_outside --sample 450 --seed 1 [--minutes M --keep FILE]

The mutants are those of ``mutation``, without changed sentences. These modules do I/O, so that their own tests are run
by pytest (``mutation_trial``). A mutant is noticed if a test fails or does not end in time; what no test notices is
noticed if mypy refuses it, as it must for each commit.

``--every N`` tries every N-th mutant of each module. ``--sample N`` tries N of all modules together: of each as many as
its share of all their mutants, chosen at random. ``--only TEXT`` tries those with this text in them. ``--minutes M``
starts none after M minutes, divided evenly among the modules. With ``--keep FILE``, no module is begun after M minutes,
and the next run with the same file continues where this one ended. Mutants that behave as the module does are declared,
each with its reason (``EQUIVALENT``), and not tried.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from verification.coordinator.mutation import Mutant, count, mutants
from verification.coordinator.mutation_equivalent import EQUIVALENT_OUTSIDE as EQUIVALENT
from verification.coordinator.mutation_trial import (
    LEAST_SECONDS,
    NOWHERE,
    SLACK,
    TIME,
    Baseline,
    Trials,
    can_exchange,
    passes,
    refused_by_types,
)

_GATE = "tests/coordinator/gate"
_LINKS = "tests/coordinator"
_PRIVVAL = "tests/coordinator/privval"
_TABLE = "tests/coordinator/table"
_CEREMONIES = "tests/ceremonies"
_ROW = (f"{_CEREMONIES}/test_row.py", f"{_TABLE}/test_store.py", f"{_TABLE}/test_outcomes.py")
_KEYS = (f"{_CEREMONIES}/test_key_edges.py", f"{_CEREMONIES}/test_move.py")
_GATES = (f"{_CEREMONIES}/test_gate_edges.py", f"{_CEREMONIES}/test_gates.py")
SUITES: dict[str, tuple[str, ...]] = {
    "coordinator.__main__": (f"{_GATE}/test_process.py",),
    "coordinator.audit": (f"{_LINKS}/test_audit.py",),
    "coordinator.config": (f"{_LINKS}/test_config.py",),
    "coordinator.events": (f"{_LINKS}/test_events.py",),
    "coordinator.floor": (f"{_LINKS}/test_floor.py",),
    "coordinator.gate": (f"{_GATE}/test_key_gate.py", f"{_GATE}/test_answers.py"),
    "coordinator.lease": (f"{_LINKS}/test_lease.py",),
    "coordinator.metrics": (f"{_LINKS}/test_metrics.py", f"{_LINKS}/test_events.py"),
    "coordinator.node": (f"{_LINKS}/test_node.py", f"{_GATE}/test_answers.py"),
    "coordinator.privval.canonical": (f"{_PRIVVAL}/test_canonical.py", f"{_PRIVVAL}/test_for_node.py"),
    "coordinator.privval.encoding": (f"{_PRIVVAL}/test_for_node.py", f"{_PRIVVAL}/test_for_signer.py"),
    "coordinator.privval.for_node": (f"{_PRIVVAL}/test_for_node.py",),
    "coordinator.privval.for_signer": (f"{_PRIVVAL}/test_for_signer.py", f"{_PRIVVAL}/test_for_node.py"),
    "coordinator.privval.messages": (f"{_PRIVVAL}/test_messages.py", f"{_PRIVVAL}/test_for_node.py"),
    "coordinator.privval.stream": (f"{_PRIVVAL}/test_stream.py",),
    "coordinator.privval.votes": (f"{_PRIVVAL}/test_for_node.py", f"{_PRIVVAL}/test_messages.py"),
    "coordinator.privval.wire": (f"{_PRIVVAL}/test_wire.py", f"{_PRIVVAL}/test_for_node.py"),
    "coordinator.secret_connection.connection": (f"{_LINKS}/secret_connection/test_connection.py",),
    "coordinator.secret_connection.keccak": tuple(
        f"{_LINKS}/secret_connection/test_{name}.py" for name in ("merlin", "connection")
    ),
    "coordinator.secret_connection.merlin": tuple(
        f"{_LINKS}/secret_connection/test_{name}.py" for name in ("merlin", "connection")
    ),
    "coordinator.service": tuple(f"{_GATE}/test_{name}.py" for name in ("service", "answers", "process", "chains")),
    "coordinator.signer": (f"{_LINKS}/test_signer.py", f"{_GATE}/test_answers.py"),
    "coordinator.table.client": (f"{_TABLE}/test_client.py",),
    "coordinator.table.credentials": (f"{_TABLE}/test_credentials.py",),
    "coordinator.table.items": (f"{_TABLE}/test_items.py", *_ROW),
    "coordinator.table.sigv4": (f"{_TABLE}/test_sigv4.py",),
    "coordinator.table.store": _ROW,
    "coordinator.version": (f"{_GATE}/test_process.py",),
    "coordinator.waiting": (f"{_LINKS}/test_signer.py", f"{_LINKS}/test_node.py"),
    "ceremonies.chain_rpc": (f"{_CEREMONIES}/test_chain_rpc.py", f"{_CEREMONIES}/test_looks.py"),
    "ceremonies.custody": _KEYS,
    "ceremonies.gate_ceremonies": _GATES,
    "ceremonies.gates": _GATES,
    "ceremonies.health": (f"{_CEREMONIES}/test_health.py",),
    "ceremonies.key_ceremonies": _KEYS,
    "ceremonies.observation": tuple(f"{_CEREMONIES}/test_{name}.py" for name in ("observation", "scripts", "looks")),
    "ceremonies.public_key": (f"{_CEREMONIES}/test_public_key.py",),
    "ceremonies.reach": (f"{_CEREMONIES}/test_reach.py",),
    "ceremonies.remote": tuple(f"{_CEREMONIES}/test_{name}.py" for name in ("looks", "remote", "exclusive", "reach")),
    "ceremonies.row": _ROW,
    "ceremonies.scripts": tuple(f"{_CEREMONIES}/test_{name}.py" for name in ("remote", "exclusive", "scripts")),
    "ceremonies.steps": (*_KEYS, *_GATES),
    "ceremonies.table": (f"{_CEREMONIES}/test_table.py",),
}
"""The tests that hold each module."""

LIBRARIES = (
    "_pytest.assertion.rewrite",
    "botocore.auth",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "hypothesis",
)
WANTED_PERCENT = 95


class Score(NamedTuple):
    """Of one module. Of the ``noticed``, ``late``: because the tests did not end in time; ``typed``: by mypy alone.
    ``skipped``: mutants that were not tried. ``seconds``: of its tests without any mutant.
    """

    module: str
    noticed: int
    late: int
    typed: int
    survived: tuple[str, ...]
    skipped: int
    seconds: float

    @property
    def tried(self) -> int:
        return self.noticed + len(self.survived)

    @property
    def percent(self) -> float:
        return 100 * self.noticed / self.tried if self.tried else 100.0


def tried(module: str, every: int, offset: int = 0) -> Iterator[Mutant]:
    """Every ``every``-th of the module's mutants that are not equivalent, from number ``offset``."""
    return _chosen(module, lambda number: number % every == offset)


def _chosen(module: str, wanted: Callable[[int], bool]) -> Iterator[Mutant]:
    return (each for each in mutants(module, sentences=False, wanted=wanted) if each.text not in EQUIVALENT)


def sample(modules: Collection[str], size: int, seed: int) -> Mapping[str, Collection[int]]:
    """The numbers of ``size`` mutants of these modules: of each its share of all mutants, chosen at random."""
    counts = {module: count(module, sentences=False) for module in modules}
    every = sum(counts.values())
    size = min(size, every)
    drawn = {module: size * number // every for module, number in counts.items()}
    left = sorted(modules, key=lambda module: size * counts[module] % every, reverse=True)
    for module in left[: size - sum(drawn.values())]:
        drawn[module] += 1
    rng = random.Random(seed)
    return {module: set(rng.sample(range(counts[module]), drawn[module])) for module in modules}


def score(
    module: str,
    found: Collection[Mutant],
    seconds: float = float("inf"),
    tell: Callable[[str], None] = lambda survivor: None,
) -> Score:
    """Tries mutants of a module; starts none after ``seconds``. ``tell`` is called with each survivor.

    Raises:
        BaselineFailed: the tests fail without any mutant.
    """
    began, suite = time.monotonic(), SUITES[module]
    quick = [each for each in found if can_exchange(each)]
    whole = [each for each in found if not can_exchange(each)]
    noticed, late, typed, survived, took = 0, 0, 0, list[str](), 0.0

    def unnoticed(mutant: Mutant) -> int:
        """By any test. Returns 1 if it is noticed by mypy."""
        if refused_by_types(mutant):
            return 1
        survived.append(f"{module}:{mutant.line}: {mutant.text}")
        tell(survived[-1])
        return 0

    for each in Trials(module, suite, quick).run(seconds):
        if isinstance(each, Baseline):
            took = sum(each.seconds.values())
        elif each.by == NOWHERE:
            whole.append(each.mutant)
        elif each.by:
            noticed += 1
            late += each.by == TIME
        else:
            typed += unnoticed(each.mutant)
    skipped = len(found) - len(whole) - noticed - typed - len(survived)
    for mutant in whole:
        if time.monotonic() > began + seconds:
            skipped += 1
        elif passes(suite, LEAST_SECONDS + SLACK * took, mutant):
            typed += unnoticed(mutant)
        else:
            noticed += 1
    return Score(module, noticed + typed, late, typed, tuple(survived), skipped, took)


def _say(survivor: str) -> None:
    print(f"  {survivor}", flush=True)


class Kept:
    """The scores of the modules that are done, in a file of JSON lines; without a file, in no place."""

    def __init__(self, file: Path | None, asked: Mapping[str, Any]) -> None:
        """Raises ValueError if the file is of a run that was asked for something else."""
        self._file = file
        self.scores: dict[str, Score] = {}
        if file is None:
            return
        if not file.exists():
            file.write_text(json.dumps(asked) + "\n")
        first, *lines = file.read_text().splitlines()
        if json.loads(first) != asked:
            raise ValueError(f"{file} is of another run, {first}, and this is {json.dumps(asked)}; name a new file")
        for fields in map(json.loads, lines):
            self.scores[fields["module"]] = Score(**fields | {"survived": tuple(fields["survived"])})

    def add(self, found: Score) -> None:
        self.scores[found.module] = found
        if self._file:
            with self._file.open("a") as file:
                file.write(json.dumps(found._asdict()) + "\n")


def summary(scores: Collection[Score], modules: int) -> str:
    """One line. ``modules``: how many were asked for."""
    noticed, tried_ = sum(each.noticed for each in scores), sum(each.tried for each in scores)
    return (
        f"{percent(scores):.1f} % of {tried_} mutants noticed ({noticed}, of them {sum(each.typed for each in scores)} "
        f"by mypy alone), {tried_ - noticed} survived, "
        f"{sum(each.skipped for each in scores)} not tried; {len(scores)} of {modules} modules"
    )


def percent(scores: Collection[Score]) -> float:
    """Of the mutants that were tried; 100 if there were none."""
    tried_ = sum(each.tried for each in scores)
    return 100 * sum(each.noticed for each in scores) / tried_ if tried_ else 100.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m verification.coordinator.mutation_outside", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"by default all: {', '.join(SUITES)}")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="try one of N mutants (default: %(default)s)")
    parser.add_argument("--offset", type=int, default=0, metavar="K", help="begin with the one of number K")
    parser.add_argument("--sample", type=int, metavar="N", help="try N mutants of all modules together, at random")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the sample (default: %(default)s)")
    parser.add_argument("--only", metavar="TEXT", default="", help="try those that have this text")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), metavar="M", help="begin no mutant after M minutes"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep what is done there, and continue from it")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    modules = given.modules or list(SUITES)
    numbers = sample(modules, given.sample, given.seed) if given.sample else None
    for library in LIBRARIES:
        import_module(library)
    asked = {name: value for name, value in vars(given).items() if name not in ("minutes", "keep")}
    try:
        kept = Kept(given.keep, asked)
    except ValueError as error:
        parser.error(str(error))
    until = time.monotonic() + given.minutes * 60
    for left, module in zip(range(len(modules), 0, -1), modules, strict=True):
        if module in kept.scores:
            continue
        if given.keep and time.monotonic() > until:
            break
        wanted = numbers[module].__contains__ if numbers else lambda number: number % given.every == given.offset
        chosen = [each for each in _chosen(module, wanted) if given.only in each.text]
        if chosen:
            seconds = float("inf") if given.keep else (until - time.monotonic()) / left
            found = score(module, chosen, seconds, _say)
        else:
            found = Score(module, 0, 0, 0, (), 0, 0.0)
        kept.add(found)
        print(
            f"{module}: {found.percent:.1f} %: {found.noticed} of {found.tried} mutants noticed, {found.late} of them "
            f"by time, {found.typed} by mypy; {found.skipped} not tried; tests take {found.seconds:.1f} s",
            flush=True,
        )
    scores = list(kept.scores.values())
    print(summary(scores, len(modules)))
    return 0 if percent(scores) >= WANTED_PERCENT and len(scores) == len(modules) else 1


if __name__ == "__main__":
    raise SystemExit(main())
