"""``bin/estate key``: the ceremonies of the consensus key, on the lab's signers or (``--live``) on the real ones."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from ceremonies import key_ceremonies
from ceremonies.custody import Next, Step, holders
from ceremonies.gate_ceremonies import GateCeremonies, GateStatus
from ceremonies.key_ceremonies import KeyStatus
from ceremonies.public_key import ConsensusKey
from ceremonies.reach import Reach, Way
from ceremonies.remote import Ssh, active_signer
from ceremonies.steps import Pace
from cli import confirmation
from cli.options import DEFAULT_NETWORK
from cli.page import Page
from coordinator.decision.effects import Cause
from engine.progress import Progress
from estate.declaration import files as declaration
from estate.errors import UsageError
from estate.model import Network, Role
from estate.plan.hosts import of_role
from lab.paths import LabPaths
from lab.rehearsal import observation, rehearsal
from lab.rehearsal import running as labcheck

GATED = ("start", "join", "take-over", "renew-table", "retire", "clear-halt")
LIVE_OPTIONS = {
    "ssh_key": "--ssh-key",
    "ssh_user": "--ssh-user",
    "known_hosts": "--known-hosts",
    "credentials": "--credentials",
    "ca_file": "--ca-file",
    "yes": "--yes",
}


def show(status: KeyStatus, network: Network, page: Page, *, live: bool = False) -> None:
    """Where the key is, which ceremony is missing, and every problem.

    The text of hosts and of the table is anybody's: the page escapes it.
    """
    if status.key is None:
        page.line("no consensus key has been generated")
    else:
        prefix = network.chain.bech32_prefix
        page.line(f"address   {status.key.shown_address(prefix)}")
        page.line(f"public    {status.key.shown(prefix)}")
        held = [f"{name}{'' if name in status.signing else ' (not signing)'}" for name in status.holders]
        page.line(f"held by   {', '.join(held) or 'no signer'}")
    if isinstance(status, GateStatus) and status.situation.row:
        row = status.situation.row
        gates = ", ".join(name for name, _ in row.gates) or "no gate"
        page.line(f"table     generation {row.generation}, at {row.position.text}, admits {gates}")
    if isinstance(status, GateStatus) and status.due:
        page.line(f"missing   {status.due.host}: {_due(status.due, network, live=live)}")
    for problem in status.problems:
        page.line(f"problem   {problem}")
    if status.problems and (which := _which(network.name, live=live)):
        page.line(f"each `bin/estate key` command of a problem needs{which}")


def _which(network: str, *, live: bool) -> str:
    """What a command of ``key`` needs after ceremony and site; empty for the default network in the lab."""
    return f" {network} --live" if live else "" if network == DEFAULT_NETWORK else f" {network}"


def _due(due: Next, network: Network, *, live: bool) -> str:
    """The command of the ceremony that is missing."""
    which = _which(network.name, live=live)
    if due.step is Step.SEED:
        return f"bin/estate key start{which}"
    site = next(each.place for each in of_role(network, Role.SIGNER) if each.name == due.host)
    return _join(site, which)


def _join(site: str, which: str) -> str:
    return f"bin/estate key join {site}{which}"


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    read = declaration.deployed if arguments.live else declaration.read
    declared = read(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=declared.name)
    if arguments.live:
        reach = _live(declared, arguments)
    else:
        _no_live_options(arguments)
        labcheck.lab_must_run(paths)
        reach = rehearsal.reach(declaration.read(checkout, declared.name, chain=paths.chain_facts), paths)
    network = reach.network
    coordinated = network.signing.coordination is not None
    if arguments.action in GATED and not coordinated:
        raise UsageError(
            f"key {arguments.action} is for a key that signs through gates; {network.name} declares no "
            "signing.coordination; declare it and deploy first (docs/operations/signing-coordinator.md)"
        )
    taking_over = arguments.action == "take-over"
    dead = _dead(network, arguments) if taking_over else frozenset()
    if arguments.live and arguments.action != "status" and not arguments.yes:
        question = f"key {arguments.action} on the real signers of {network.name}? Type its name: "
        confirmation.demand(network.name, "ceremony", question)
    progress = Progress()
    alone = nullcontext() if arguments.action == "status" else reach.signers.exclusive(dead)
    with paths.workspace.exclusive(), alone:
        if arguments.action == "generate":
            key = _generate(reach, progress)
            if not arguments.live:
                observation.consensus_key_file(paths).write_text(key.base64 + "\n")
        elif arguments.action == "move" and not coordinated:
            _move(reach, arguments.to, progress, deploy=_deploy(arguments))
        elif arguments.action != "status":
            _through_gates(reach, arguments, progress, dead)
        if taking_over:
            return 0
        status = reach.status()
    show(status, network, Page(), live=arguments.live)
    return 1 if status.problems else 0


def _live(network: Network, arguments: argparse.Namespace) -> Reach:
    """The real signers, chain and table, reached by the operator's own SSH configuration and credentials.

    Raises:
        UsageError: a file that an option names does not exist, or only one of --ssh-key and --known-hosts is given.
    """
    for name in ("ssh_key", "known_hosts", "credentials", "ca_file"):
        path: Path | None = getattr(arguments, name)
        if path is not None and not path.is_file():
            raise UsageError(f"{LIVE_OPTIONS[name]}: got {str(path)!r}, which is not a file; name an existing file")
    if (arguments.ssh_key is None) != (arguments.known_hosts is None):
        raise UsageError(
            "got only one of --ssh-key and --known-hosts; with both, SSH uses these files alone; with neither, it uses "
            "your own configuration, agent and known hosts; give both or neither"
        )
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    reach = Reach(
        network=network,
        way=Way(
            ssh=Ssh(key=arguments.ssh_key, known_hosts=arguments.known_hosts, user=arguments.ssh_user),
            credentials=arguments.credentials,
            ca_file=arguments.ca_file,
            transcripts=state / "estate" / network.name / "transcripts",
        ),
    )
    if network.signing.coordination is not None:
        _ = reach.table
    return reach


def _no_live_options(arguments: argparse.Namespace) -> None:
    given = [option for name, option in LIVE_OPTIONS.items() if getattr(arguments, name)]
    if given:
        raise UsageError(
            f"got {', '.join(given)} without --live; the lab has keys and credentials of its own; add --live"
        )


def _deploy(arguments: argparse.Namespace) -> str:
    """The command that deploys the network that the ceremony is for."""
    return f"bin/estate up {arguments.network}{' --live' if arguments.live else ''}"


def _site(network: Network, site: str | None, option: str) -> str:
    if site not in network.sites:
        given = "nothing" if site is None else repr(site)
        raise UsageError(f"{option}: got {given}; expected one of: {', '.join(network.sites)}")
    return site


def _generate(reach: Reach, progress: Progress) -> ConsensusKey:
    target = active_signer(reach.network, reach.network.signing.custody).name
    with progress.stage(f"generate the key on {target}"):
        return key_ceremonies.generate(
            reach.signers,
            target=target,
            transcript=reach.transcript("generate"),
            start=reach.network.signing.coordination is None,
        )


def _move(reach: Reach, to: str | None, progress: Progress, *, deploy: str) -> None:
    network = reach.network
    site = _site(network, to, "--to")
    target = active_signer(network, site).name
    declared = network.signing.custody == site
    with progress.stage(f"move the key to {target}"):
        done = key_ceremonies.move(
            reach.signers,
            reach.chain,
            target=target,
            custody_declared=declared,
            transcript=reach.transcript("move"),
            pace=Pace(progress=progress.say),
        )
        progress.outcome(f"the key is on {target}: {len(done)} steps")
    if not declared:
        print(
            f"now declare it: signing.custody: {site} in stacks/Pulumi.{network.name}.yaml, then "
            f"`{deploy}`; until then nothing signs"
        )


def _signer_of(network: Network, site: str, option: str) -> str:
    """The active signer of the site that an option names. Raises UsageError."""
    return active_signer(network, _site(network, site, option)).name


def _dead(network: Network, arguments: argparse.Namespace) -> frozenset[str]:
    """All signers of the site that died, for a take-over whose options are right.

    Raises:
        UsageError: an option is missing or wrong.
    """
    site, target, block = _site(network, arguments.leaving, "--from"), arguments.to, arguments.locked_block
    if _site(network, target, "--to") == site:
        raise UsageError(
            f"--from, --to: got {site} both as the site that died and as the one that signs on; they must differ"
        )
    if block and not re.fullmatch(r"[0-9A-Fa-f]{64}", block):
        raise UsageError(f"--locked-block: got {block!r}; expected the hash of a block, 64 hexadecimal digits")
    return frozenset(each.name for each in of_role(network, Role.SIGNER) if each.place == site)


def _leaving(network: Network, ceremony: GateCeremonies, site: str, target: str) -> str:
    """The signer of `site` that holds the key or is admitted, else its active one."""
    situation = ceremony.status().situation
    there = [each.name for each in of_role(network, Role.SIGNER) if each.place == site and each.name != target]
    concerned = [name for name in there if name in (*holders(situation.signers), *situation.admitted)]
    return next(iter([*concerned, *there]), active_signer(network, site).name)


def _through_gates(
    reach: Reach, arguments: argparse.Namespace, progress: Progress, dead: frozenset[str] = frozenset()
) -> None:
    network, action, deploy = reach.network, arguments.action, _deploy(arguments)
    ceremony = reach.gates(action, progress.say)

    def join() -> tuple[Next, ...]:
        return ceremony.join(_signer_of(network, arguments.site, "SITE"))

    def start() -> tuple[Next, ...]:
        holding = ceremony.status().holders
        return ceremony.start(holding[0] if len(holding) == 1 else active_signer(network, network.signing.custody).name)

    def move() -> tuple[Next, ...]:
        target = _signer_of(network, arguments.to, "--to")
        leaving = _leaving(network, ceremony, _site(network, arguments.leaving, "--from"), target)
        return ceremony.move(leaving, target)

    def take_over() -> tuple[Next, ...]:
        target = _signer_of(network, arguments.to, "--to")
        return ceremony.take_over(dead, target, locked_block=arguments.locked_block)

    def clear_halt() -> tuple[Next, ...]:
        if arguments.cause and arguments.cause not in list(Cause):
            raise UsageError(f"--cause: got {arguments.cause!r}; expected one of: {', '.join(Cause)}")
        target = _signer_of(network, arguments.site, "SITE")
        return ceremony.clear_halt(target, Cause(arguments.cause) if arguments.cause else None)

    def renew() -> tuple[Next, ...]:
        second: str = arguments.second_operator
        if second and second not in network.operators:
            raise UsageError(
                f"--second-operator: got {second!r}; expected one of the operators: {', '.join(network.operators)}"
            )
        return ceremony.renew_table(second_operator=second)

    acts: dict[str, Callable[[], tuple[Next, ...]]] = {
        "start": start,
        "join": join,
        "move": move,
        "renew-table": renew,
        "retire": lambda: ceremony.retire(arguments.yes_retire),
        "clear-halt": clear_halt,
        "take-over": take_over,
    }
    with progress.stage(f"key {action}"):
        done = acts[action]()
        progress.outcome(f"{action}: {len(done)} steps; {ceremony.transcript.file}")
    if action == "take-over":
        site = arguments.leaving
        which = _which(network.name, live=arguments.live)
        print(
            f"now restart the node of {arguments.to}: it was refused what it asked for, and asks again only when it "
            f"starts\n{site} is dismissed; once its host answers again: {_join(site, which)}"
        )
    if action == "move":
        print(
            f"now take {arguments.leaving} out of signing.coordination.sites in stacks/Pulumi.{network.name}.yaml, "
            f"unless another signer of it signs, and deploy: `{deploy}`"
        )
    if action == "renew-table":
        print(f"now deploy, so that the gates take the new generation and start: `{deploy}`")
