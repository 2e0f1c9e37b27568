"""The lab of one network, stage by stage. Each stage is idempotent, so that a killed run is simply run again."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ceremonies import key_ceremonies
from ceremonies.custody import Step
from ceremonies.gate_ceremonies import GateStatus
from ceremonies.key_ceremonies import KeyStatus
from ceremonies.public_key import ConsensusKey
from ceremonies.reach import Reach, Way
from ceremonies.remote import Ssh, active_signer
from configuration.accounts import DEPLOY_USER
from engine import deploy as configuration
from engine import replacement as engine_replacement
from engine import stack
from engine.progress import Progress
from engine.stack import changed
from estate.declaration import files as declaration
from estate.errors import CheckFailed
from estate.model import Network
from estate.plan.hosts import Host
from lab import netns
from lab.chain import genesis, join, outside
from lab.clouds.store import Store
from lab.machines import fleet, image, machine
from lab.machines.provision import Machine
from lab.paths import LabPaths
from lab.rehearsal import cloud, observation
from lab.table import coordination
from lab.wiring import apply, certificates, plan
from packages import build, recipes
from tools import debian, parts
from tools import recipes as part_recipes

SIGNED_WITHIN_SECONDS = 180
RECENT_BLOCKS = 5


def obstacles() -> list[str]:
    """Why this machine cannot boot hosts; empty where it can."""
    found = []
    if platform.system() != "Linux":
        found.append(f"this is {platform.system()}, and machines and networks are made with Linux namespaces")
    elif os.geteuid() != 0:
        found.append("this is not root, which namespaces, nftables and systemd-nspawn need")
    return found


class Rehearsal:
    """A network's lab in this checkout."""

    def __init__(self, checkout: Path, network: Network, progress: Progress) -> None:
        self.checkout = checkout
        self.declared = network
        self.progress = progress
        self.paths = LabPaths(checkout=checkout, network=network.name)

    def have_parts(self, *, hosts: bool) -> None:
        """The programs that the lab is made with, built or installed once into the cache."""
        with self.progress.stage("parts: engine" + (", signer, chain daemon, machine image" if hosts else "")):
            if not hosts:
                parts.ensure("pulumi", self.progress.say)
                return
            debian.ensure(debian.LAB, self.progress.say)
            with ThreadPoolExecutor(max_workers=1) as beside:
                machines = beside.submit(image.ensure, self.progress.say)
                parts.ensure_all(parts.defaults(), self.progress.say)
                machines.result()

    def make_chain(self) -> None:
        """The chain that the lab runs, and the packages that its hosts install."""
        with self.progress.stage("chain and packages"):
            daemon = parts.ensure("wasmd", self.progress.say) / "bin"
            version = part_recipes.recipe("wasmd").version
            self.chain = genesis.create(
                self.paths, self.declared, binary=daemon / "wasmd", version=version, progress=self.progress.say
            )
            self.network = declaration.read(self.checkout, self.declared.name, chain=self.paths.chain_facts)
            wanted = [
                recipes.chain_client(
                    package="wasmd",
                    version=version,
                    daemon="wasmd",
                    program=daemon / "wasmd",
                    libraries=[daemon / "libwasmvm.x86_64.so"],
                ),
                recipes.tmkms(
                    version=part_recipes.recipe("tmkms").version,
                    program=parts.ensure("tmkms", self.progress.say) / "bin" / "tmkms",
                ),
                recipes.signing_gate(),
                recipes.genesis(chain_id=self.network.chain.chain_id, document=self.chain.genesis),
            ]
            repository = build.repository(self.paths.repository, self.paths.keyring, wanted)
            self.progress.outcome(f"chain {self.network.chain.chain_id}; {len(repository.built)} packages built")

    def create_cloud(self, replaced: Host | None = None) -> int:
        """``pulumi up`` with the policies; returns how many resources it changed. ``replaced``: a host whose instance
        it replaces.
        """
        with (
            self.progress.stage("cloud: pulumi up, with the policies"),
            self.paths.locked("cloud", self.progress.say),
            cloud.rehearsed(self.checkout, self.paths, self.declared) as engine,
        ):
            state, policies = engine.export(), self.checkout / stack.POLICIES
            refresh = self._reconcile(state)
            replacement = engine_replacement.of(replaced, state) if replaced else None
            if replacement:
                engine.preview(policies=policies, refresh=refresh, replacement=replacement)
            counts = engine.up(policies=policies, refresh=refresh, replacement=replacement)
            self.paths.outputs.write_text(json.dumps(engine.outputs(), indent=2))
            self.progress.outcome(f"cloud: {stack.in_words(counts)}")
        return changed(counts)

    def _reconcile(self, state: dict[str, Any]) -> bool:
        """Removes what a killed engine made and never recorded.

        Returns whether the engine's state has resources that do not exist, so that it must be refreshed.
        """
        if not self.paths.cloud_state.exists():
            return False
        resources = state["deployment"].get("resources") or ()
        recorded = [
            (entry["urn"], entry["id"]) for entry in resources if entry["type"].startswith("aws:") and "id" in entry
        ]
        with Store(self.paths.cloud_state) as store:
            orphans = store.collect_orphans(recorded)
            if orphans:
                self.progress.say(f"{len(orphans)} resources that a killed run left are removed")
            return bool(store.missing(recorded))

    def connect(self) -> None:
        """Namespaces, links, routes and rulesets for what the cloud made and the sites declare."""
        with self.progress.stage("network: namespaces, routes, firewalls"):
            with Store(self.paths.cloud_state) as store:
                self.resources = store.resources()
            wiring = plan.plan(self.declared, self.resources, self.paths)
            for line in wiring.not_modelled:
                self.progress.say(f"not modelled: {line}")
            changes = apply.apply(wiring, self.paths, self.progress.say)
            self.progress.outcome(f"network: {len(wiring.namespaces)} namespaces, {changes}")

    def _authorized_key(self) -> str:
        key = self.paths.ssh_key
        if not key.exists():
            key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial = key.with_name("making")
            for leftover in (partial, partial.with_suffix(".pub")):
                leftover.unlink(missing_ok=True)
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab operator", "-f", str(partial)], check=True
            )
            partial.with_suffix(".pub").rename(key.with_suffix(".pub"))
            partial.rename(key)
        return key.with_suffix(".pub").read_text().strip()

    def boot(self) -> None:
        """The other validators first, so that their chain already makes blocks while our machines boot."""
        key = self._authorized_key()
        with self.progress.stage("outside: other validators, partners, packages, time, names"):
            outside.bring_up(self.paths, self.network, self.chain, progress=self.progress.say)
        if self.network.signing.coordination:
            with self.progress.stage("signing table: DynamoDB Local, as AWS is reached"):
                coordination.bring_up(
                    self.paths, self.declared, self.network, self.resources, progress=self.progress.say
                )
        with self.progress.stage("machines"):
            trusted = certificates.authority(self.paths.authority).read_text()
            wanted = fleet.fleet(self.network, self.resources, self.paths, key, trusted)
            for name in machine.made(self.paths):
                if machine.is_outdated(self.paths, name):
                    self.progress.say(f"{name} was made from an older image: rebuilding it")
                    machine.destroy(self.paths, name)
            for each in wanted:
                if machine.is_replaced(self.paths, each):
                    self.progress.say(f"{each.name} is another instance now: rebuilding it")
                    machine.destroy(self.paths, each.name)
            started = machine.start_all(self.paths, wanted)
            self.paths.known_hosts.write_text(machine.known_hosts(self.paths, wanted))
            self._remove_undeclared(wanted)
            self.progress.outcome(
                f"{len(wanted)} machines run, {sum(each.booted for each in started)} of them booted now"
            )

    def _remove_undeclared(self, wanted: tuple[Machine, ...]) -> None:
        keep = {each.name for each in wanted}
        for name in machine.made(self.paths):
            if name.startswith(f"{self.network.name}-") and name not in keep:
                self.progress.say(f"{name} is not declared any more: removing it")
                machine.destroy(self.paths, name)

    def configure(self) -> int:
        """pyinfra, from the operator's place behind the VPN; returns how many operations changed a host."""
        with self.progress.stage("hosts: pyinfra over SSH, through the VPN gateway"):
            done = configuration.deploy(
                self.checkout,
                self.paths.workspace,
                environment=rehearsal_environment(self.paths),
                inside=netns.command(self.paths.namespace("operator")),
            )
            self.progress.outcome(
                f"hosts: {done.changed} operations changed something, {done.unchanged} found nothing to do"
            )
        if done.failed:
            raise CheckFailed(f"{done.failed} host operations failed; see {self.paths.workspace.logs / 'pyinfra.log'}")
        return done.changed

    def sign(self) -> None:
        """The consensus key, where there is none yet, our place in the validator set, and every site that signs."""
        with self.progress.stage("signing: the key, and our place among the validators"):
            coordination.lend_credentials(self.paths, self.network)
            status = self._sound_key()
            if status.key is None:
                target = active_signer(self.network, self.network.signing.custody).name
                self.progress.say(f"first start of this key: generating it on {target}")
                key_ceremonies.generate(
                    self._reach.signers,
                    target=target,
                    transcript=self._reach.transcript("generate"),
                    start=not self.network.signing.coordination,
                )
                status = self._sound_key()
            key = status.key
            assert key is not None
            observation.consensus_key_file(self.paths).write_text(key.base64 + "\n")
            self._hold_due(Step.SEED)
            sent = self._bond(key)
            self._wait_until_signed(key, keeping_up=False)
            joined = self._hold_due(Step.ADMIT)
            self._wait_until_signed(key)
            self.progress.outcome(
                f"signing: {key.shown_address(self.network.chain.bech32_prefix)} is in the validator set"
                + (", bonded now" if sent else "")
                + (f"; {', '.join(joined)} signs too now" if joined else "")
            )

    @cached_property
    def _reach(self) -> Reach:
        return reach(self.network, self.paths)

    def _sound_key(self) -> KeyStatus:
        """Where the key is.

        Raises:
            CheckFailed: the key is on another host, or no host may sign with it in its present state.
        """
        status = self._reach.status()
        if status.problems:
            raise CheckFailed(
                "the consensus key is not as it should be:\n" + "\n".join(f"  {each}" for each in status.problems)
            )
        return status

    def _hold_due(self, kind: Step) -> list[str]:
        """Holds the ceremonies of this kind that are missing; the hosts that they were for."""
        held: list[str] = []
        while isinstance(status := self._sound_key(), GateStatus) and status.due and status.due.step is kind:
            host, ceremony = status.due.host, "start" if kind is Step.SEED else "join"
            gates = self._reach.gates(ceremony, self.progress.say)
            (gates.start if kind is Step.SEED else gates.join)(host)
            held.append(host)
        return held

    def _bond(self, key: ConsensusKey) -> bool:
        daemon = parts.ensure("wasmd", self.progress.say) / "bin" / "wasmd"
        wallet = join.OperatorWallet(
            chain=self.chain, binary=daemon, chain_id=self.network.chain.chain_id, node=outside.node(self.paths)
        )
        return join.join(wallet, key, moniker=self.network.name, progress=self.progress.say)

    def _wait_until_signed(self, key: ConsensusKey, *, keeping_up: bool = True) -> None:
        """Until the newest final commits carry our signature, and our nodes have caught up with the chain: a validator
        does so only once its own site signs.
        """
        deadline = time.monotonic() + SIGNED_WITHIN_SECONDS
        rest = outside.node(self.paths)
        waiting = True
        while waiting:
            head = rest.head().height
            last = rest.signing(key.address, RECENT_BLOCKS).last_signed_height
            behind = observation.behind(self.network, self.paths, head) if keeping_up else []
            waiting = last is None or head - last > RECENT_BLOCKS or bool(behind)
            if waiting and time.monotonic() > deadline:
                late = f"; behind the chain: {', '.join(behind)}" if behind else ""
                raise CheckFailed(
                    f"no block within {SIGNED_WITHIN_SECONDS} s carries our signature, or nodes do not keep up: "
                    f"head {head}, last signed {last}{late}; see `bin/estate logs` of the validator and the signer"
                )
            if waiting:
                time.sleep(1)


def rehearsal_environment(paths: LabPaths) -> dict[str, str]:
    """What points ``hosts/`` at this lab."""
    return {
        "ESTATE_NETWORK": paths.network,
        "ESTATE_OUTPUTS": str(paths.outputs),
        "ESTATE_CHAIN": str(paths.chain_facts),
        "ESTATE_SSH_KEY": str(paths.ssh_key),
        "ESTATE_KNOWN_HOSTS": str(paths.known_hosts),
        "ESTATE_ARCHIVE_KEYRING": str(paths.repository / "estate-archive-keyring.gpg"),
    }


def reach(network: Network, paths: LabPaths) -> Reach:
    """The lab's signers, chain and table, reached as an operator reaches them: SSH from behind the VPN gateway, the
    table from the internet.
    """
    ssh = Ssh(
        key=paths.ssh_key,
        known_hosts=paths.known_hosts,
        user=DEPLOY_USER,
        prefix=netns.command(paths.namespace("operator")),
    )
    way = Way(ssh=ssh, transcripts=paths.root / "transcripts")
    if network.signing.coordination:
        table = coordination.operator_table(paths, network)
        way = replace(way, credentials=table.credentials, ca_file=table.ca_file, within=table.within)
    return Reach(network=network, way=way)
