"""The prover against comparable tools and against itself, in one run: ratios, not seconds.

All times are processor time: other load on the machine changes them little.

    .venv/bin/python -m bench.prover [--networks 100] [--small 10] [--z3 1]
        [--checkov 5 --checkov-python VENV/bin/python]

``--z3`` and ``--checkov`` give the number of networks on which the tool is timed (0: not at all). Both process networks
one by one, so their time for all networks is extrapolated. checkov is installed in its own environment.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench import estates
from reachability import assembly
from reachability import claims as promises
from reachability.prover import Prover

ROOT = Path(__file__).resolve().parents[1]
Result = TypeVar("Result")


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds of processor time and result of the work, with the garbage collector off."""
    gc.collect()
    gc.disable()
    began = time.process_time()
    result = work()
    seconds = time.process_time() - began
    gc.enable()
    return seconds, result


@dataclass(frozen=True)
class Proved:
    """Seconds of one proof of many networks, by part."""

    compiling: float
    claims: float

    @property
    def whole(self) -> float:
        return self.compiling + self.claims


def prove(made: list[estates.Copy]) -> Proved:
    """Every claim of every network, from resources and texts to verdicts."""
    compiling = claiming = 0.0
    for each in made:
        seconds, assembled = timed(lambda each=each: assembly.assemble(each.subject))
        compiling += seconds

        def claim(each: estates.Copy = each, assembled: assembly.Assembly = assembled) -> promises.Report:
            estate = promises.Estate(Prover(assembled), [each.network], each.resources)
            return promises.prove(estate.case(each.network))

        seconds, report = timed(claim)
        claiming += seconds
        assert report.outcome is promises.Outcome.PROVED, (each.network.name, report)
    return Proved(compiling, claiming)


def line(name: str, value: str, target: str = "") -> None:
    print(f"{name:72s} {value:>14s}  {target}", flush=True)


def growth(all_: list[estates.Copy], few: list[estates.Copy]) -> Proved:
    prove(few[:1])
    small, large = prove(few), prove(all_)
    line(f"{len(few)} networks: compiling, claims", f"{small.compiling:.2f} s, {small.claims:.2f} s")
    line(f"{len(all_)} networks: compiling, claims", f"{large.compiling:.2f} s, {large.claims:.2f} s")
    line(f"time at {len(all_)} / time at {len(few)}", f"{large.whole / small.whole:.2f}", "target ≤ 10.5")
    return large


def many_rules(few: int, many: int) -> None:
    """One question about a host whose security group has distinct rules: from resources to the answer."""
    times = {}
    for count in (few, few, many):
        subject = estates.many_rules(count)
        times[count], verdicts = timed(lambda subject=subject: estates.asked_from_the_internet(subject))
        assert verdicts == ["reachable"], verdicts
    line(f"a question of {few:,}, of {many:,} rules in a group", f"{times[few]:.2f} s, {times[many]:.2f} s")
    line(f"{many:,} rules / {few:,} rules", f"{times[many] / times[few]:.1f}", f"target ≤ {many / few:.0f}")


def against_z3(whole: Proved, all_: list[estates.Copy], count: int) -> None:
    from verification.oracles.facts import Facts
    from verification.oracles.promises import CLAIMS, Promises

    encoding = claiming = 0.0
    for each in all_[:count]:
        seconds, asked = timed(lambda each=each: Promises(Facts(each.subject), [each.network]))
        encoding += seconds
        seconds, broken = timed(lambda asked=asked: [found for claim in CLAIMS for found in asked.check(claim)])
        claiming += seconds
        assert not broken, broken[:3]
    scale = len(all_) / count
    line(f"z3, {count} network(s): reading, claims", f"{encoding:.1f} s, {claiming:.1f} s")
    line("z3's claims / the prover's claims", f"{claiming * scale / whole.claims:.0f}", "target ≥ 100")
    line("z3's whole / the prover's whole", f"{(encoding + claiming) * scale / whole.whole:.0f}")


GRAPH_CHECK = "CKV2_AWS_5"
"""Security groups must be attached to a resource: one of checkov's graph checks."""

SCAN = f"""
import logging, sys, time
logging.disable(logging.CRITICAL)
from checkov.runner_filter import RunnerFilter
from checkov.terraform.plan_runner import Runner
began = time.process_time()
for path in sys.stdin.read().split():
    chosen = RunnerFilter(framework=["terraform_plan"], checks=["{GRAPH_CHECK}"])
    Runner().run(root_folder=None, files=[path], runner_filter=chosen)
print(time.process_time() - began)
"""


def against_checkov(whole: Proved, all_: list[estates.Copy], count: int, python: str) -> None:
    """checkov reads each network as the JSON of a Terraform plan; its start-up time is not counted."""
    from verification.oracles import scanner

    with tempfile.TemporaryDirectory() as directory:
        paths = []
        for each in all_[:count]:
            path = Path(directory) / f"{each.network.name}.json"
            path.write_text(json.dumps(scanner.plan(each.subject)))
            paths.append(str(path))
        done = subprocess.run([python, "-c", SCAN], input="\n".join(paths), capture_output=True, text=True, check=True)
        seconds = float(done.stdout.split()[-1]) * len(all_) / count
    line(f"checkov {GRAPH_CHECK}, {count} network(s), times {len(all_) / count:.0f}", f"{seconds:.1f} s")
    line("checkov's one graph check / the prover's claims", f"{seconds / whole.claims:.1f}", "target ≥ 100")


def _children() -> float:
    """Seconds of processor time of all processes that ended."""
    used = os.times()
    return used.children_user + used.children_system


def start_up() -> None:
    """``prove --state`` of an empty stack against ``import pulumi``: whole processes, alternating."""
    export = {"version": 3, "deployment": {"manifest": {}, "resources": []}}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(export, file)
        file.flush()
        commands = {
            "ours": [sys.executable, "-P", "-m", "cli", "prove", "--state", file.name],
            "pulumi": [sys.executable, "-P", "-c", "import pulumi"],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(15):
            for name, command in commands.items():
                environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"}
                began = _children()
                subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
                seconds[name].append(_children() - began)
    best = {name: min(times) for name, times in seconds.items()}
    line("import pulumi, best of 15", f"{best['pulumi'] * 1000:.0f} ms")
    line("prove --state of an empty stack / import pulumi", f"{best['ours'] / best['pulumi']:.2f}", "target ≤ 1.15")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--small", type=int, default=10)
    parser.add_argument("--z3", type=int, default=1)
    parser.add_argument("--checkov", type=int, default=0)
    parser.add_argument("--checkov-python", default="", help="the Python of an environment that has checkov")
    asked = parser.parse_args()
    made = estates.template()
    all_ = list(estates.copies(made, asked.networks))
    line("networks", str(len(all_)))
    line("hosts", str(sum(len(each.subject.rulesets) for each in all_)))
    line("filter rules", str(sum(each.rules for each in all_)))
    line("resources", str(sum(len(each.resources) for each in all_)))
    whole = growth(all_, all_[: asked.small])
    many_rules(1_000, 10_000)
    start_up()
    if asked.z3:
        against_z3(whole, all_, asked.z3)
    if asked.checkov:
        against_checkov(whole, all_, asked.checkov, asked.checkov_python)


if __name__ == "__main__":
    main()
