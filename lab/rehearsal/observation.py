"""What can be seen of a network's lab right now, gathered from its machines and its chain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ceremonies.health import BEHIND_BLOCKS
from ceremonies.public_key import ConsensusKey
from estate.errors import CheckFailed, UsageError
from estate.findings import DeclarationError
from estate.model import CHAIN_ROLES, ROLES, Network, Offer, Role
from estate.plan import served
from estate.plan.hosts import Host, hosts, of_role
from estate.plan.served import Unserved
from lab.chain import outside
from lab.chain.watch import ChainUnreachable, Node
from lab.machines import machine
from lab.netns import NamespaceMissing
from lab.paths import LabPaths
from lab.table import coordination
from proofs import proving

MISSED_WINDOW = 50


@dataclass(frozen=True)
class HostState:
    """One host and whether it runs: ``running``, ``stopped``, or ``declared`` where the lab has not made it."""

    name: str
    role: str
    site: str
    state: str


@dataclass(frozen=True)
class SigningState:
    """One active validator host; the heights are None where its site does not sign with the network's key.

    With a gate, ``last_signed_height`` is what this site's own gate signed last; ``missed_last_50`` is always the
    key's.
    """

    validator: str
    active: bool
    last_signed_height: int | None
    missed_last_50: int | None


@dataclass(frozen=True)
class NodeState:
    height: int
    peers: int


@dataclass(frozen=True)
class Observation:
    """One look at a network."""

    network: str
    chain_id: str
    height: int | None
    hosts: tuple[HostState, ...]
    signing: tuple[SigningState, ...]
    claims: dict[str, int]
    problems: tuple[str, ...]
    nodes: dict[str, NodeState] = field(default_factory=dict)
    endpoints: tuple[tuple[str, str], ...] = ()
    unserved: tuple[Unserved, ...] = ()


def consensus_key_file(paths: LabPaths) -> Path:
    """The public half of the network's consensus key, as base64, once it has been generated."""
    return paths.root / "consensus.pub"


def consensus_key(paths: LabPaths) -> ConsensusKey | None:
    file = consensus_key_file(paths)
    return ConsensusKey.from_base64(file.read_text()) if file.exists() else None


def node(network: Network, paths: LabPaths, host: Host) -> Node:
    """The RPC of the chain node on one of our hosts, asked on the host itself."""
    address = str(host.address) if Offer.RPC in ROLES[host.role].offers else "127.0.0.1"
    return Node(address, network.chain.ports.rpc, paths.namespace(host.name), timeout_seconds=3)


def _node_state(network: Network, paths: LabPaths, host: Host) -> NodeState | None:
    try:
        rpc = node(network, paths, host)
        return NodeState(height=rpc.head().height, peers=len(rpc.peers()))
    except (ChainUnreachable, NamespaceMissing):
        return None


def _signing(network: Network, paths: LabPaths, observer: Node, problems: list[str]) -> tuple[SigningState, ...]:
    key = consensus_key(paths)
    record = None
    if key is None:
        problems.append(
            f"{network.name} has no consensus key yet, so we sign nothing; run `bin/estate key generate {network.name}`"
        )
    else:
        try:
            record = observer.signing(key.address, MISSED_WINDOW)
        except (ChainUnreachable, NamespaceMissing) as error:
            problems.append(f"the chain does not answer: {error}")
    if record is not None and not record.bonded:
        problems.append("our validator is not in the validator set")
    if record is not None and record.missed:
        problems.append(f"our validator missed {record.missed} of the last {record.blocks} blocks")
    gates = {host.place: host for host in coordination.gates(network)}
    signing = set(gates) or {network.signing.custody}
    states = []
    for host in of_role(network, Role.VALIDATOR):
        if not host.active:
            continue
        holds = host.place in signing and record is not None
        last = record.last_signed_height if record else None
        if host.place in gates:
            last = _by_gate(network, paths, gates[host.place], problems)
        states.append(
            SigningState(
                validator=host.name,
                active=host.place in signing,
                last_signed_height=last if holds else None,
                missed_last_50=record.missed if record and holds else None,
            )
        )
    return tuple(states)


def _by_gate(network: Network, paths: LabPaths, host: Host, problems: list[str]) -> int | None:
    """The last height that a signer's gate signed; what keeps it from signing is a problem."""
    gauges = coordination.gauges(paths, host, network.chain.chain_id)
    if reason := coordination.kept_by(gauges):
        problems.append(f"{host.name}: {reason}; `bin/estate logs {host.name}` tells more")
    return int(gauges.get("last_signed_height", 0)) or None


def _endpoints(network: Network) -> tuple[tuple[str, str], ...]:
    ports, names = network.chain.ports, network.endpoints.by_name()
    return (
        *((key, f"https://{names[key]}:{port}") for key, port in ports.public().items()),
        ("seed", f"{names['seed']}:{ports.p2p}"),
    )


def unserved(network: Network, paths: LabPaths) -> tuple[Unserved, ...]:
    """What is declared and deployed, but not served by anything yet."""
    if not paths.outputs.exists():
        return ()
    later = set(json.loads(paths.outputs.read_text()).get("inventory", {}).get("later", ()))
    return tuple(each for each in served.unserved(network) if later & set(each.entries))


def node_states(network: Network, paths: LabPaths, asked: Sequence[Host]) -> dict[str, NodeState | None]:
    """What each node says of itself, all asked at once; None where one does not answer."""
    with ThreadPoolExecutor(8) as pool:
        return dict(
            zip(
                (host.name for host in asked),
                pool.map(lambda each: _node_state(network, paths, each), asked),
                strict=True,
            )
        )


def behind(network: Network, paths: LabPaths, head: int) -> list[str]:
    """Our nodes that do not answer, or are more than a few blocks below ``head``."""
    states = node_states(network, paths, of_role(network, *CHAIN_ROLES))
    return [name for name, state in states.items() if state is None or head - state.height > BEHIND_BLOCKS]


def _claims(network: Network, paths: LabPaths, problems: list[str]) -> dict[str, int]:
    """How many promises are proved of the network as declared; a promise that is not is a problem."""
    try:
        document = proving.report(paths.checkout, network.name)
    except (CheckFailed, DeclarationError, UsageError) as error:
        problems.append(f"no promise is proved: {error}")
        return {"proved": 0, "refuted": 0, "not_modelled": len(proving.claims(paths.checkout))}
    for verdict in ("refuted", "not-modelled"):
        found = [claim["id"] for claim in document["claims"] if claim["verdict"] == verdict]
        if found:
            words = f"{verdict.replace('-', ' ')}: {', '.join(found)}"
            problems.append(f"{words}; see `bin/estate prove {network.name}`")
    return proving.counts(document)


def observe(network: Network, paths: LabPaths) -> Observation:
    """One look, within seconds; what does not answer becomes a problem, never an exception."""
    running, made = set(machine.list_running(paths)), set(machine.made(paths))
    problems: list[str] = []
    declared = hosts(network)
    states = []
    for host in declared:
        state = "running" if host.name in running else "stopped" if host.name in made else "declared"
        states.append(HostState(name=host.name, role=host.role, site=host.place, state=state))
    down = [each.name for each in states if each.state == "stopped"]
    problems += [f"{name} is stopped; `bin/estate up {network.name}` starts it" for name in down]
    if not running:
        problems.append(f"nothing runs here; start it with `bin/estate up {network.name}`")
    nodes: dict[str, NodeState] = {}
    height: int | None = None
    signing: tuple[SigningState, ...] = ()
    if running:
        chain_hosts = [host for host in declared if host.role in CHAIN_ROLES and host.name in running]
        for name, found in node_states(network, paths, chain_hosts).items():
            if found is None:
                problems.append(f"the node on {name} does not answer")
            else:
                nodes[name] = found
        observer = outside.node(paths)
        try:
            height = observer.head().height
        except (ChainUnreachable, NamespaceMissing):
            height = max((each.height for each in nodes.values()), default=None)
        if height is not None:
            problems += [
                f"{name} is {height - each.height} blocks behind"
                for name, each in nodes.items()
                if height - each.height > BEHIND_BLOCKS
            ]
        problems += [f"{name} has no peers" for name, each in nodes.items() if not each.peers]
        signing = _signing(network, paths, observer, problems)
    return Observation(
        network=network.name,
        chain_id=network.chain.chain_id,
        height=height,
        hosts=tuple(states),
        signing=signing,
        claims=_claims(network, paths, problems),
        problems=tuple(problems),
        nodes=nodes,
        endpoints=_endpoints(network),
        unserved=unserved(network, paths),
    )
