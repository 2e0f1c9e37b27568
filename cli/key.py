"""``bin/estate key``: the ceremonies of the consensus key, on the signers of the lab."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import cloud, declaration, labcheck, observation
from cli.console import Progress
from cli.errors import UsageError
from cli.rehearsal import remote_chain, remote_signers, transcript
from estate.model import Network
from hosts.keys import ceremonies
from hosts.keys.remote import RemoteSigners, active_signer
from lab.paths import LabPaths


def _show(status: ceremonies.KeyStatus, prefix: str) -> None:
    if status.key is None:
        print("no consensus key has been generated")
    else:
        print(f"address   {status.key.bech32_address(prefix)}")
        print(f"public    {status.key.bech32(prefix)}")
        print(
            f"held by   {status.holder or 'nobody, or more than one host'}{', signing' if status.running else ', not signing'}"
        )
    for problem in status.problems:
        print(f"problem   {problem}")


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    declared = declaration.read(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=declared.name)
    labcheck.must_run(paths, "world")
    network = declaration.read(checkout, declared.name, chain=paths.chain_facts)
    progress = Progress()
    signers = remote_signers(network, paths)
    prefix = network.chain.bech32_prefix
    with cloud.exclusive(paths):
        if arguments.action == "generate":
            target = active_signer(network, network.signing.custody).name
            with progress.stage(f"generate the key on {target}"):
                key = ceremonies.generate(signers, target=target, transcript=transcript(paths, "generate"))
                observation.consensus_key_file(paths).write_text(key.base64 + "\n")
        elif arguments.action == "move":
            _move(network, paths, signers, arguments.to, progress)
        status = ceremonies.status(signers)
    _show(status, prefix)
    return 1 if status.problems else 0


def _move(network: Network, paths: LabPaths, signers: RemoteSigners, site: str | None, progress: Progress) -> None:
    if site not in network.sites:
        raise UsageError(f"--to {site}: name the site that is to hold the key: {' or '.join(network.sites)}")
    target = active_signer(network, site).name
    declared = network.signing.custody == site
    with progress.stage(f"move the key to {target}"):
        done = ceremonies.move(
            signers,
            remote_chain(network, paths),
            target=target,
            custody_declared=declared,
            transcript=transcript(paths, "move"),
            progress=progress.say,
        )
        progress.outcome(f"the key is on {target}: {len(done) if hasattr(done, '__len__') else done} steps")
    if not declared:
        print(
            f"now declare it: signing.custody: {site} in stacks/Pulumi.{network.name}.yaml, then `bin/estate up {network.name}`; until then nothing signs"
        )
