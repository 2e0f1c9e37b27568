"""``bin/estate up``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import completion, confirmation, options
from estate.errors import CheckFailed, UsageError

if TYPE_CHECKING:
    from ceremonies.remote import Ssh
    from engine.progress import Progress
    from estate.model import Network
    from estate.plan.hosts import Host


def configure(parser: argparse.ArgumentParser) -> None:
    options.networks(parser)
    options.live(parser)
    options.completed(
        parser.add_argument(
            "--replace",
            metavar="HOST",
            help="replace the instance of this cloud host, with the image that its region now declares",
        ),
        completion.hosts,
    )
    parser.add_argument("--yes", action="store_true", help="with --live: deploy after the preview without asking")


def _prove(checkout: Path, network: Network, progress: Progress) -> None:
    """Nothing is deployed unless its claims are proved.

    Raises:
        CheckFailed: some claim is refuted or not modelled.
    """
    from proofs import proving

    with progress.stage("claims of this declaration"):
        progress.outcome(proving.demand(checkout, network.name))


@dataclass(frozen=True)
class Changes:
    """What an up changed, and how many host operations failed."""

    resources: int
    host_operations: int
    failed: int = 0


def _demand_replaceable(network: Network, host: Host, ssh: Ssh, progress: Progress) -> None:
    """Nothing is replaced while another host is not healthy, or where nobody would do the host's work meanwhile.

    Raises:
        CheckFailed: with every reason.
    """
    from ceremonies import health
    from engine import replacement

    with progress.stage("health of the other hosts"):
        ill = health.ill(network, ssh)
        found = replacement.obstacles(network, host, ill, health.local_addresses(ssh.prefix))
        if found:
            reasons = "\n".join(f"  {each}" for each in found)
            raise CheckFailed(f"{host.name} must not be replaced now; nothing was changed:\n{reasons}")
        progress.outcome("all other hosts answer, and their nodes follow the chain")


def _rehearse(checkout: Path, network: Network, progress: Progress, *, replaced: str | None) -> Changes:
    from cli import notices
    from cli.commands import status
    from cli.page import Page
    from lab.paths import LabPaths
    from lab.rehearsal import observation, running
    from lab.rehearsal.rehearsal import Rehearsal, obstacles, reach

    paths = LabPaths(checkout=checkout, network=network.name)
    missing = obstacles()
    lab = Rehearsal(checkout, network, progress)
    host = running.the_host(network, replaced) if replaced is not None else None
    if host:
        running.lab_must_run(paths)
    with paths.workspace.exclusive():
        _prove(checkout, network, progress)
        lab.have_parts(hosts=not missing)
        if missing:
            changes = Changes(resources=lab.create_cloud(), host_operations=0)
        else:
            lab.make_chain()
            if host:
                _demand_replaceable(lab.network, host, reach(lab.network, paths).way.ssh, progress)
            resources = lab.create_cloud(host)
            lab.connect()
            lab.boot()
            operations = lab.configure()
            lab.sign()
            changes = Changes(resources=resources, host_operations=operations)
        progress.save(paths.root / "timings.json")
    page = Page()
    if missing:
        page.line(("machines, network, hosts and chain were left out, because:", "yellow"))
        for reason in missing:
            page.line(reason, indent=2)
    else:
        status.show(observation.observe(lab.network, paths), notices.of_network(checkout, network), page, checkout)
    return changes


def _deploy(checkout: Path, network: Network, progress: Progress, *, confirmed: bool, replaced: str | None) -> Changes:
    from ceremonies.remote import Ssh
    from cli import notices
    from cli.page import Page
    from engine import deploy, replacement, stack
    from engine.stack import Engine, changed
    from lab.paths import LabPaths
    from lab.rehearsal import running
    from tools import parts

    paths = LabPaths(checkout=checkout, network=network.name)
    policies = checkout / stack.POLICIES
    host = running.the_host(network, replaced) if replaced is not None else None
    notices.unserved(network, Page(error=True))
    with paths.workspace.exclusive():
        _prove(checkout, network, progress)
        with progress.stage("engine"):
            parts.ensure("pulumi", progress.say)
        engine = Engine.live(checkout, network.name, paths.workspace)
        with progress.stage("preview against the real accounts with the policies"):
            named = replacement.of(host, engine.export()) if host else None
            counts = engine.preview(policies=policies, refresh=True, replacement=named)
            progress.outcome(f"preview, components included: {stack.in_words(counts)}")
        if host:
            _demand_replaceable(network, host, Ssh(), progress)
        page, shown = Page(), engine.decided()
        for line in (*engine.previewed(), *engine.cost_of_previewed()):
            page.line(line, indent=4)
        if not confirmed:
            question = f"Deploy {network.name} to AWS account {network.aws.account_id}? Type the name of the network: "
            confirmation.demand(network.name, "deployment", question)
            with progress.stage("preview again: nothing else has changed since"):
                engine.demand_as_shown(shown, policies=policies, replacement=named)
        with progress.stage("cloud: pulumi up with the policies"):
            resources = changed(engine.up(policies=policies, refresh=True, replacement=named))
            outputs = paths.root / "live-outputs.json"
            outputs.write_text(json.dumps(engine.outputs(), indent=2))
        with progress.stage("hosts: pyinfra over SSH through your own VPN connection"):
            environment = {"ESTATE_NETWORK": network.name, "ESTATE_OUTPUTS": str(outputs)}
            done = deploy.deploy(checkout, paths.workspace, environment=environment)
    for line in delegations(json.loads(outputs.read_text())):
        page.line(line)
    return Changes(resources=resources, host_operations=done.changed, failed=done.failed)


def delegations(outputs: Mapping[str, Any]) -> list[str]:
    """What the company's DNS zone, which is in no stack, must delegate: a line for each public name of the network."""
    return [
        f"delegate {name} to: {', '.join(servers)}" for name, servers in sorted(outputs.get("name_servers", {}).items())
    ]


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from engine.progress import Progress
    from estate.declaration import files

    names = list(dict.fromkeys(arguments.networks or [options.DEFAULT_NETWORK]))
    host = arguments.replace
    if host is not None and len(names) > 1:
        raise UsageError(f"got --replace {host} and {' '.join(names)}; it is a host of one network; name that network")
    changes = []
    for network in [files.read(checkout, name) for name in names]:
        if arguments.live:
            changes.append(_deploy(checkout, network, Progress(), confirmed=arguments.yes, replaced=host))
        else:
            changes.append(_rehearse(checkout, network, Progress(), replaced=host))
        if changes[-1].failed:
            break
    resources, operations = sum(each.resources for each in changes), sum(each.host_operations for each in changes)
    print(f"changes: {resources} resources, {operations} host operations")
    return 1 if changes[-1].failed else 0
