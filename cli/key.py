"""``bin/estate key``: the ceremonies of the consensus key, on the signers of the lab."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from ceremonies import ceremonies
from ceremonies.ceremonies import KeyStatus, Pace
from ceremonies.custody import Next, Step, holders
from ceremonies.gate_ceremonies import GateCeremonies, GateStatus
from ceremonies.remote import active_signer
from coordinator.decision.effects import Cause
from engine.progress import Progress
from estate.declaration import files as declaration
from estate.errors import UsageError
from estate.model import Network, Role
from estate.plan.hosts import of_role
from lab.paths import LabPaths
from lab.rehearsal import observation
from lab.rehearsal import running as labcheck
from lab.rehearsal.rehearsal import gate_ceremonies, key_status, remote_chain, remote_signers, transcript

GATED = ("start", "join", "renew-table", "retire", "clear-halt")


def _show(status: KeyStatus, prefix: str) -> None:
    if status.key is None:
        print("no consensus key has been generated")
    else:
        print(f"address   {status.key.bech32_address(prefix)} ({status.key.address})")
        print(f"public    {status.key.bech32(prefix)}")
        told = [f"{name}{'' if name in status.signing else ' (not signing)'}" for name in status.holders]
        print(f"held by   {', '.join(told) or 'nobody'}")
    if isinstance(status, GateStatus) and status.situation.row:
        row = status.situation.row
        gates = ", ".join(name for name, _ in row.gates) or "no gate"
        print(f"table     generation {row.generation}, at {row.position.text}, admits {gates}")
    if isinstance(status, GateStatus) and status.due:
        ceremony = "start" if status.due.step is Step.SEED else "join"
        print(f"missing   {status.due.host}: bin/estate key {ceremony}")
    for problem in status.problems:
        print(f"problem   {problem}")


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    declared = declaration.read(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=declared.name)
    labcheck.must_run(paths, "world")
    network = declaration.read(checkout, declared.name, chain=paths.chain_facts)
    coordinated = network.signing.coordination is not None
    if arguments.action in GATED and not coordinated:
        raise UsageError(
            f"key {arguments.action} is for a key that signs through gates; {network.name} declares no "
            "signing.coordination"
        )
    progress = Progress()
    with paths.workspace.exclusive():
        if arguments.action == "generate":
            _generate(network, paths, progress)
        elif arguments.action == "move" and not coordinated:
            _move(network, paths, arguments.to, progress)
        elif arguments.action != "status":
            _through_gates(network, paths, arguments, progress)
        status = key_status(network, paths)
    _show(status, network.chain.bech32_prefix)
    return 1 if status.problems else 0


def _site(network: Network, site: str | None, option: str) -> str:
    if site not in network.sites:
        raise UsageError(f"{option}: got {site!r}; a site is meant: {' or '.join(network.sites)}")
    return site


def _generate(network: Network, paths: LabPaths, progress: Progress) -> None:
    target = active_signer(network, network.signing.custody).name
    with progress.stage(f"generate the key on {target}"):
        key = ceremonies.generate(
            remote_signers(network, paths),
            target=target,
            transcript=transcript(paths, "generate"),
            start=network.signing.coordination is None,
        )
        observation.consensus_key_file(paths).write_text(key.base64 + "\n")


def _move(network: Network, paths: LabPaths, to: str | None, progress: Progress) -> None:
    site = _site(network, to, "--to")
    target = active_signer(network, site).name
    declared = network.signing.custody == site
    with progress.stage(f"move the key to {target}"):
        done = ceremonies.move(
            remote_signers(network, paths),
            remote_chain(network, paths),
            target=target,
            custody_declared=declared,
            transcript=transcript(paths, "move"),
            pace=Pace(progress=progress.say),
        )
        progress.outcome(f"the key is on {target}: {len(done)} steps")
    if not declared:
        print(
            f"now declare it: signing.custody: {site} in stacks/Pulumi.{network.name}.yaml, then "
            f"`bin/estate up {network.name}`; until then nothing signs"
        )


def _leaving(network: Network, ceremony: GateCeremonies, site: str, target: str) -> str:
    """The signer of `site` that holds the key or is admitted, else its active one."""
    situation = ceremony.status().situation
    there = [each.name for each in of_role(network, Role.SIGNER) if each.place == site and each.name != target]
    concerned = [name for name in there if name in (*holders(situation.signers), *situation.admitted)]
    return next(iter([*concerned, *there]), active_signer(network, site).name)


def _through_gates(network: Network, paths: LabPaths, arguments: argparse.Namespace, progress: Progress) -> None:
    action: str = arguments.action
    ceremony = gate_ceremonies(network, paths, action, progress.say)

    def join() -> tuple[Next, ...]:
        return ceremony.join(active_signer(network, _site(network, arguments.site, "SITE")).name)

    def start() -> tuple[Next, ...]:
        holding = ceremony.status().holders
        return ceremony.start(holding[0] if len(holding) == 1 else active_signer(network, network.signing.custody).name)

    def move() -> tuple[Next, ...]:
        target = active_signer(network, _site(network, arguments.to, "--to")).name
        leaving = _leaving(network, ceremony, _site(network, arguments.leaving, "--from"), target)
        return ceremony.move(leaving, target)

    def clear_halt() -> tuple[Next, ...]:
        if arguments.cause and arguments.cause not in list(Cause):
            raise UsageError(f"--cause: got {arguments.cause!r}; one of {', '.join(Cause)} is meant")
        target = active_signer(network, _site(network, arguments.site, "SITE")).name
        return ceremony.clear_halt(target, Cause(arguments.cause) if arguments.cause else None)

    def renew() -> tuple[Next, ...]:
        if arguments.witness and arguments.witness not in network.operators:
            raise UsageError(
                f"--witness: got {arguments.witness!r}; an operator is meant: {', '.join(network.operators)}"
            )
        return ceremony.renew_table(witness=arguments.witness)

    acts: dict[str, Callable[[], tuple[Next, ...]]] = {
        "start": start,
        "join": join,
        "move": move,
        "renew-table": renew,
        "retire": lambda: ceremony.retire(arguments.yes_retire),
        "clear-halt": clear_halt,
    }
    with progress.stage(f"key {action}"):
        done = acts[action]()
        progress.outcome(f"{action}: {len(done)} steps; {ceremony.transcript.file}")
    if action == "move":
        print(
            f"now take {arguments.leaving} out of signing.coordination.sites in stacks/Pulumi.{network.name}.yaml, "
            f"unless another signer of it signs, and deploy: `bin/estate up {network.name}`"
        )
    if action == "renew-table":
        print(f"now deploy, so that the gates take the new generation and start: `bin/estate up {network.name}`")
