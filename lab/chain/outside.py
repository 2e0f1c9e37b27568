"""The machines that are not ours: other validators and central services on the internet, partners' nodes."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from estate.errors import ExpectedError
from estate.model import Network
from lab import machines, netns
from lab.chain import external_node, names, plan, services
from lab.chain.genesis import ChainHome, peers
from lab.chain.plan import ExternalNode
from lab.chain.watch import ChainUnreachable, Node
from lab.machines import Machine
from lab.paths import LabPaths
from tools import parts

Progress = Callable[[str], None]
WORLD = "world"
PROGRAMS = "/opt/chain"
MARKER = "/etc/estate-lab.json"
FRESH_BLOCKS = 5
"""If the head is older than this many block times, the chain has stopped."""


class OutsideFailed(ExpectedError):
    """An external machine could not be set up."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What one machine must have: `nodes` with the peers they dial, `files` by path, `trees` copied whole, `units` kept
    running.

    `restarts`: the units to restart by the path whose change asks for it.
    """

    machine: Machine
    nodes: Mapping[ExternalNode, tuple[str, ...]]
    files: Mapping[str, str]
    trees: Mapping[str, Path] = field(default_factory=dict)
    units: tuple[str, ...] = ()
    restarts: Mapping[str, str] = field(default_factory=dict)


def partner_machine(name: str) -> str:
    return f"partner-{name}"


def setups(paths: LabPaths, network: Network, chain: ChainHome) -> tuple[Setup, ...]:
    """The setup of the external machines. The partner's nodes dial no one: their only path is the peering, over which
    ours dial them.
    """

    def machine(name: str) -> Machine:
        return Machine(name=name, hostname=name, netns=paths.namespace(name))

    def node_files(nodes: Iterable[ExternalNode]) -> dict[str, str]:
        return {
            f"/etc/systemd/system/{external_node.unit_name(each)}": external_node.unit(
                each, f"{PROGRAMS}/{plan.DAEMON}"
            )
            for each in nodes
        }

    known = peers(chain)
    validators = {
        each: tuple(peer for peer in known if not peer.endswith(f"@{each.address}:{each.port}"))
        for each in plan.other_validators()
    }
    served = services.files(network, names.records(paths, network))
    restarts = {path: unit for path, unit in services.RESTARTS.items() if path in served}
    found = [
        Setup(
            machine=machine(WORLD),
            nodes=validators,
            files={**node_files(validators), **served},
            trees={services.REPOSITORY: paths.repository},
            units=(*map(external_node.unit_name, validators), *dict.fromkeys(restarts.values())),
            restarts=restarts,
        )
    ]
    for partner in sorted(network.partners):
        try:
            nodes: dict[ExternalNode, tuple[str, ...]] = dict.fromkeys(plan.partner_nodes(network, partner), ())
        except plan.UnknownIdentity:
            continue
        found.append(
            Setup(
                machine=machine(partner_machine(partner)),
                nodes=nodes,
                files=node_files(nodes),
                units=tuple(map(external_node.unit_name, nodes)),
            )
        )
    return tuple(found)


def tree_digest(directory: Path) -> str:
    """What the files of `directory` are, by name, size and time of change; hidden files left out."""
    lines = []
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(directory).parts):
            status = path.stat()
            lines.append(f"{path.relative_to(directory)} {status.st_size} {status.st_mtime_ns}")
    return sha256("\n".join(lines).encode()).hexdigest()


def _stream(lab: LabPaths, name: str, target: str, fill: Callable[[tarfile.TarFile], None]) -> None:
    """Unpacks what `fill` puts into an archive below `target` in the machine."""
    command = [*machines.enter(lab, name), "tar", "-xf", "-", "--no-same-owner", "-C", target]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stderr is not None
        try:
            with tarfile.open(fileobj=process.stdin, mode="w|") as archive:
                fill(archive)
            process.stdin.close()
        except BrokenPipeError:
            pass
        said = process.stderr.read().decode(errors="replace")
    if process.returncode:
        raise OutsideFailed(f"{name}: unpacking below {target} failed: {said.strip()[-400:]}")


def _add(archive: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(path.lstrip("/"))
    member.size, member.mode, member.mtime = len(content), mode, int(time.time())
    archive.addfile(member, io.BytesIO(content))


def _add_texts(archive: tarfile.TarFile, texts: Mapping[str, str]) -> None:
    for path, text in texts.items():
        _add(archive, path, text.encode())


def _add_programs(archive: tarfile.TarFile, directory: Path) -> None:
    for each in sorted(directory.iterdir()):
        archive.add(each, each.name)


def _run(lab: LabPaths, name: str, script: str, timeout_seconds: float = 60) -> str:
    done = machines.execute(lab, name, ["sh", "-euc", script], timeout_seconds=timeout_seconds)
    if done.returncode:
        raise OutsideFailed(f"{name}: {script.splitlines()[0]} …: exit {done.returncode}: {done.stderr.strip()[-600:]}")
    return done.stdout


def _put_node(lab: LabPaths, name: str, node: ExternalNode, dialled: tuple[str, ...], chain: ChainHome) -> None:
    """Gives a node its home, unless it has one; its data is never replaced."""
    where = external_node.home(node)
    unfinished = f"{where}.unfinished"

    def fill(archive: tarfile.TarFile) -> None:
        for part in (
            "config/genesis.json",
            "config/node_key.json",
            "config/priv_validator_key.json",
            "data/priv_validator_state.json",
        ):
            _add(archive, part, (chain.node(node.name) / part).read_bytes(), 0o600)
        _add(archive, "config/config.toml", external_node.config_toml(node, dialled).encode())
        _add(archive, "config/app.toml", external_node.app_toml().encode())

    if _run(lab, name, f"if [ -d {where} ]; then echo there; fi").strip():
        return
    _run(lab, name, f"rm -rf {unfinished}; install -d -m 700 {unfinished}")
    _stream(lab, name, unfinished, fill)
    _run(lab, name, f"chown -R {external_node.USER}: {unfinished}; mv -T {unfinished} {where}")


def _make(lab: LabPaths, setup: Setup, chain: ChainHome, program: Path) -> bool:
    """Makes a running machine what `setup` says; returns whether anything had to be changed."""
    name = setup.machine.name
    wanted = {
        **{path: sha256(content.encode()).hexdigest() for path, content in setup.files.items()},
        **{path: tree_digest(source) for path, source in setup.trees.items()},
        **{external_node.home(node): node.name for node in setup.nodes},
        PROGRAMS: tree_digest(program.parent),
    }
    said = machines.execute(lab, name, ["cat", MARKER]).stdout
    has: dict[str, str] = json.loads(said) if said else {}
    changed = {path for path in wanted if has.get(path) != wanted[path]}
    if changed:
        _run(
            lab,
            name,
            f"id {external_node.USER} >/dev/null 2>&1 || useradd --system --no-create-home {external_node.USER}\n"
            f"mkdir -p {PROGRAMS} /var/lib/chain",
        )
        if PROGRAMS in changed:
            _stream(lab, name, PROGRAMS, partial(_add_programs, directory=program.parent))
        for path, source in setup.trees.items():
            if path in changed:
                _replace_tree(lab, name, path, source)
        texts = {path: text for path, text in setup.files.items() if path in changed}
        _stream(lab, name, "/", partial(_add_texts, texts=texts))
        for node, dialled in setup.nodes.items():
            _put_node(lab, name, node, dialled, chain)
    restarted = sorted({unit for path, unit in setup.restarts.items() if path in changed})
    script = "systemctl daemon-reload\n" if changed else ""
    script += f"systemctl enable --quiet {' '.join(setup.units)} 2>/dev/null; systemctl start {' '.join(setup.units)}\n"
    script += f"systemctl restart {' '.join(restarted)}\n" if restarted else ""
    _run(lab, name, script)
    if changed:
        _stream(lab, name, "/", lambda archive: _add(archive, MARKER, json.dumps(wanted).encode()))
    return bool(changed)


def _replace_tree(lab: LabPaths, name: str, path: str, source: Path) -> None:
    """Puts a copy of `source` in the place of the directory `path`."""
    _run(lab, name, f"rm -rf {path}.new; mkdir -p {path}.new")

    def visible(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        hidden = any(part.startswith(".") and part != "." for part in Path(member.name).parts)
        return None if hidden else member

    _stream(lab, name, f"{path}.new", lambda archive: archive.add(source, ".", filter=visible))
    _run(
        lab,
        name,
        f"chmod -R a+rX {path}.new; if [ -d {path} ]; then mv -T {path} {path}.old; fi; mv -T {path}.new {path}; rm "
        f"-rf {path}.old",
    )


def bring_up(paths: LabPaths, network: Network, chain: ChainHome, *, progress: Progress = lambda _: None) -> bool:
    """Boots the external machines and makes them run; waits until their chain makes blocks. Returns whether anything
    was changed.

    Args:
        network: as declared, with the lab chain's facts.

    Raises:
        OutsideFailed, LabUnavailable, BootFailed
    """
    wanted = []
    for each in setups(paths, network, chain):
        if (netns.NAMED / each.machine.netns).exists() or each.machine.name == WORLD:
            wanted.append(each)
        else:
            progress(f"{each.machine.name} is left out: no peering of the cloud leads to it")
    program = parts.ensure("wasmd", progress) / "bin" / plan.DAEMON
    started = machines.start_all(paths, [each.machine for each in wanted])
    with ThreadPoolExecutor(len(wanted)) as pool:
        changed = list(pool.map(lambda each: _make(paths, each, chain, program), wanted))
    wait_for_blocks(node(paths), progress=progress)
    return any(changed) or any(each.booted for each in started)


def node(paths: LabPaths) -> Node:
    """The RPC of the first of the other validators, through which the lab watches the chain."""
    return Node(str(plan.OTHER_VALIDATOR_ADDRESSES[0]), plan.RPC_PORT, paths.namespace(WORLD))


def wait_for_blocks(at: Node, *, wait_seconds: float = 60, progress: Progress = lambda _: None) -> int:
    """Waits until `at` has a recent block; returns its height.

    Raises:
        OutsideFailed: it did not in time.
    """
    deadline, said = time.monotonic() + wait_seconds, "it does not answer"
    progress("waiting for the other validators to make blocks")
    while time.monotonic() < deadline:
        try:
            head = at.head()
        except ChainUnreachable as error:
            said = str(error)
        else:
            age_seconds = (datetime.now(UTC) - datetime.fromisoformat(f"{head.time[:19]}+00:00")).total_seconds()
            if head.height > 0 and age_seconds < FRESH_BLOCKS * plan.BLOCK_SECONDS:
                return head.height
            said = f"it is at height {head.height}, since {age_seconds:.0f} s"
        time.sleep(0.2)
    raise OutsideFailed(
        f"the other validators made no block within {wait_seconds:.0f} s; {said}; see: bin/estate logs {WORLD}"
    )
