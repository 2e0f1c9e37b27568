"""The lab chain's first block: its accounts, its validators, its rules. Made once per lab, whole or not at all."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from estate.errors import ExpectedError
from estate.model import Network
from lab.chain import plan
from lab.chain.identity import NodeKey
from lab.chain.plan import ExternalNode
from lab.paths import LabPaths

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ChainHome:
    """Where a lab keeps its chain: genesis, the other validators' nodes, the operator's wallet."""

    root: Path

    @property
    def genesis(self) -> Path:
        return self.root / "genesis.json"

    @property
    def wallet(self) -> Path:
        """The home of the operator's wallet, which pays our validator's self-delegation and fees."""
        return self.root / "wallet"

    def node(self, name: str) -> Path:
        """The initial home of an external node."""
        return self.root / "nodes" / name


class ChainToolFailed(ExpectedError):
    """A command of the daemon failed."""


def home(paths: LabPaths) -> ChainHome:
    return ChainHome(paths.root / "chain")


def daemon(binary: Path, *arguments: str, where: Path, stdin: str | None = None) -> str:
    """Runs a command of the daemon with `where` as its home, and returns its output."""
    done = subprocess.run(
        [binary, *arguments, "--home", where],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(where), "PATH": os.environ.get("PATH", "")},
    )
    if done.returncode:
        raise ChainToolFailed(
            f"{binary.name} {' '.join(arguments)}: exit {done.returncode}: {done.stderr.strip()[-600:]}"
        )
    return done.stdout


def ruled(document: Mapping[str, Any]) -> dict[str, Any]:
    """The genesis document with the lab's rules: fast blocks suffer outages of minutes, a double sign costs 5 % and the
    seat permanently.
    """
    state = dict(document["app_state"])
    slashing = {
        **state["slashing"]["params"],
        "signed_blocks_window": str(plan.SIGNED_BLOCKS_WINDOW),
        "min_signed_per_window": plan.MIN_SIGNED_PER_WINDOW,
        "downtime_jail_duration": f"{plan.DOWNTIME_JAIL_SECONDS}s",
        "slash_fraction_double_sign": "0.050000000000000000",
        "slash_fraction_downtime": "0.010000000000000000",
    }
    staking = {
        **state["staking"]["params"],
        "unbonding_time": f"{plan.UNBONDING_SECONDS}s",
        "bond_denom": plan.DENOM,
        "historical_entries": 100,
    }
    state["slashing"] = {**state["slashing"], "params": slashing}
    state["staking"] = {**state["staking"], "params": staking}
    return {**document, "app_state": state}


def _make(network: Network, binary: Path, target: ChainHome) -> None:
    chain_id = plan.chain_id(network)
    first, *others = plan.other_validators()
    lead = target.node(first.name)
    genesis = lead / "config" / "genesis.json"
    keyring = ("--keyring-backend", "test")
    for validator in (first, *others):
        where = target.node(validator.name)
        daemon(binary, "init", validator.name, "--chain-id", chain_id, "--default-denom", plan.DENOM, where=where)
        daemon(binary, "keys", "add", "validator", *keyring, where=where)
    genesis.write_text(json.dumps(ruled(json.loads(genesis.read_text()))))
    for validator in (first, *others):
        address = daemon(binary, "keys", "show", "validator", "-a", *keyring, where=target.node(validator.name)).strip()
        daemon(
            binary,
            "genesis",
            "add-genesis-account",
            address,
            f"{2 * plan.OTHER_VALIDATOR_STAKE}{plan.DENOM}",
            where=lead,
        )
    daemon(binary, "keys", "add", plan.OPERATOR, *keyring, where=target.wallet)
    address = daemon(binary, "keys", "show", plan.OPERATOR, "-a", *keyring, where=target.wallet).strip()
    daemon(binary, "genesis", "add-genesis-account", address, f"{plan.OPERATOR_BALANCE}{plan.DENOM}", where=lead)
    for validator in (first, *others):
        where = target.node(validator.name)
        if validator is not first:
            shutil.copy(genesis, where / "config" / "genesis.json")
        signed = lead / "config" / "gentx" / f"{validator.name}.json"
        signed.parent.mkdir(exist_ok=True)
        daemon(
            binary,
            "genesis",
            "gentx",
            "validator",
            f"{plan.OTHER_VALIDATOR_STAKE}{plan.DENOM}",
            "--chain-id",
            chain_id,
            "--moniker",
            validator.name,
            "--ip",
            str(validator.address),
            "--output-document",
            str(signed),
            *keyring,
            where=where,
        )
    daemon(binary, "genesis", "collect-gentxs", where=lead)
    daemon(binary, "genesis", "validate", where=lead)
    shutil.copy(genesis, target.genesis)
    for validator in (first, *others):
        where = target.node(validator.name)
        shutil.copy(target.genesis, where / "config" / "genesis.json")
        shutil.rmtree(where / "config" / "gentx", ignore_errors=True)


def _add_node(chain: ChainHome, node: ExternalNode, binary: Path, chain_id: str) -> None:
    """Makes the home of a node that validates nothing, unless it is made."""
    where = chain.node(node.name)
    if where.exists():
        return
    unfinished = where.with_name(f"{node.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    daemon(binary, "init", node.name, "--chain-id", chain_id, where=unfinished)
    shutil.copy(chain.genesis, unfinished / "config" / "genesis.json")
    if node.key:
        (unfinished / "config" / "node_key.json").write_text(node.key.json)
    unfinished.rename(where)


def node_id(where: Path) -> str:
    """The p2p node id of the node whose home is `where`."""
    value = json.loads((where / "config" / "node_key.json").read_text())["priv_key"]["value"]
    return NodeKey(base64.b64decode(value)[:32]).node_id


def peers(chain: ChainHome) -> tuple[str, ...]:
    """The other validators, as peers."""
    return tuple(f"{node_id(chain.node(each.name))}@{each.address}:{each.port}" for each in plan.other_validators())


def create(
    paths: LabPaths, network: Network, *, binary: Path, version: str, progress: Progress = lambda _: None
) -> ChainHome:
    """Makes the chain of this lab, unless it is made, and writes its facts to `paths.chain_facts`.

    Args:
        network: as declared; the lab's chain facts replace its own.
        binary: the daemon, of the release `version`.

    Raises:
        ChainToolFailed: the daemon refused something, or this lab already runs another chain.
    """
    chain = home(paths)
    if not chain.root.exists():
        progress(f"chain {plan.chain_id(network)}: making its genesis")
        unfinished = ChainHome(chain.root.with_name("chain.unfinished"))
        shutil.rmtree(unfinished.root, ignore_errors=True)
        unfinished.root.mkdir(parents=True)
        _make(network, binary, unfinished)
        unfinished.root.rename(chain.root)
    made_for = json.loads(chain.genesis.read_text())["chain_id"]
    if made_for != plan.chain_id(network):
        raise ChainToolFailed(
            f"got chain {plan.chain_id(network)}; this lab runs {made_for}, and its nodes have that chain's blocks; "
            f"take it down first: bin/estate down {network.name}"
        )
    if not all(chain.node(each.name).exists() for each in plan.other_validators()):
        raise ChainToolFailed(
            f"got a lab of {network.name} whose other validators have other names than this version gives them; "
            f"take it down first: bin/estate down {network.name}"
        )
    for partner in network.partners:
        try:
            nodes = plan.partner_nodes(network, partner)
        except plan.UnknownIdentity as unknown:
            progress(str(unknown))
            continue
        for node in nodes:
            _add_node(chain, node, binary, made_for)
    digest = sha256(chain.genesis.read_bytes()).hexdigest()
    facts = plan.chain_facts(network, version=version, genesis=chain.genesis, sha256=digest, peers=peers(chain))
    text = yaml.safe_dump(facts, sort_keys=False)
    if not paths.chain_facts.is_file() or paths.chain_facts.read_text() != text:
        replacement = paths.chain_facts.with_suffix(".new")
        replacement.write_text(text)
        replacement.rename(paths.chain_facts)
    return chain
