"""The signing table of the lab's gates: DynamoDB Local behind a front that simulates AWS.

The tables are those that the cloud made, and each caller may do what its role's policy says.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from ceremonies.table import OperatorTable
from configuration import gate_config
from coordinator import metrics
from estate.model import Network
from estate.plan import coordination
from estate.plan.hosts import Host, hosts
from lab import netns
from lab.chain.outside import WORLD
from lab.clouds.store import Resource
from lab.machines import machine
from lab.paths import LabPaths
from lab.table import fronted, local
from lab.table.front import Listen
from lab.wiring import certificates, namespace, outside, programs
from lab.wiring.model import Certificate

TABLE = "aws:dynamodb/table:Table"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
PORT = 8000
START_SECONDS = 60
PRIORITY = -10
"""AWS does not share its processors with our hosts; here all are on one machine."""

KEPT_BY = {
    "halted": (1.0, "its gate has halted, and waits for a person"),
    "started": (0.0, "its gate may not sign: the table has not admitted it, or does not answer"),
    "signer_connected": (0.0, "its gate has no tmkms"),
    "node_connected": (0.0, "its gate does not reach its validator"),
}
"""By gauge of the gate: the value that keeps it from signing, and what that means. The most specific comes first."""

Progress = Callable[[str], None]


def front(paths: LabPaths) -> fronted.Files:
    """The front's configuration, rules and log."""
    return fronted.Files(paths.root / "table")


def permissions(declared: Network, network: Network, resources: Iterable[Resource]) -> list[dict[str, object]]:
    """What each role may do with the tables, read from the policies that the cloud has. Pure.

    ``declared`` has the chain of the declaration, which the policies name; ``network`` the one that the lab runs.
    """
    found: list[dict[str, object]] = []
    for each in resources:
        if each.type != ROLE_POLICY:
            continue
        for statement in json.loads(str(each.properties["policy"]))["Statement"]:
            actions = [action.partition(":")[2] for action in _listed(statement["Action"]) if "dynamodb:" in action]
            keys = statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", [])
            if statement["Effect"] != "Allow" or not actions:
                continue
            chain = [key.replace(f"{declared.chain.chain_id}|", f"{network.chain.chain_id}|") for key in _listed(keys)]
            caller = fronted.access_key(str(each.properties["role"]))
            found += [
                {"access_key": caller, "actions": actions, "table": table, "leading_keys": chain}
                for table in sorted({arn.rpartition("/")[2] for arn in _listed(statement["Resource"])})
            ]
    return found


def _listed(value: object) -> list[str]:
    return value if isinstance(value, list) else [str(value)]


def _tables(resources: Iterable[Resource]) -> set[str]:
    return {str(each.properties["name"]) for each in resources if each.type == TABLE}


def _listens(network: Network, paths: LabPaths) -> Iterator[Listen]:
    for each in coordination.endpoints(network):
        pem = paths.authority / f"{each.host}.pem"
        certificates.ensure([Certificate(path=str(pem), names=(each.host,))])
        for address in each.addresses:
            yield Listen(each.region, each.host, str(address), each.port, str(pem), str(pem))


def bring_up(
    paths: LabPaths,
    declared: Network,
    network: Network,
    resources: list[Resource],
    *,
    progress: Progress = lambda _: None,
) -> None:
    """Runs the table at its declared addresses; changes nothing where it runs as it should.

    Raises:
        local.TableFailed: it does not start, or the cloud has not made the tables.
    """
    names = coordination.table_names(network)
    if missing := set(names) - _tables(resources):
        raise local.TableFailed(
            f"the cloud has no table {' and '.join(sorted(missing))}; `bin/estate up` makes it first"
        )
    files, data = front(paths), paths.root / "table" / "data"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = files.config.read_text() if files.config.exists() else ""
    files.configure(("127.0.0.1", PORT), list(_listens(network, paths)))
    files.permit(permissions(declared, network, resources))
    if files.config.read_text() != before:
        _stop(paths, str(files.config))
    progress("DynamoDB Local, and its front")
    part = local.part(progress)
    _start(paths, str(data), local.command(part, PORT, data))
    _wait(paths, "127.0.0.1", lambda: local.create_tables("127.0.0.1", PORT, *names))
    _start(paths, str(files.config), fronted.command(files))


def _running(paths: LabPaths, marker: str) -> list[int]:
    """The processes beside the central services that have ``marker`` among their arguments."""
    name = paths.namespace(WORLD)
    return [pid for pid in namespace.occupants([name]).get(name, ()) if marker in programs.arguments(pid)]


def _stop(paths: LabPaths, marker: str) -> None:
    programs.stop(_running(paths, marker), lambda: _running(paths, marker))


def _start(paths: LabPaths, marker: str, command: list[str]) -> None:
    if _running(paths, marker):
        return
    log = paths.root / "table" / f"{Path(marker).stem}.log"
    entered = ["nsenter", f"--net={netns.NAMED / paths.namespace(WORLD)}"]
    with log.open("ab") as output:
        subprocess.run(
            ["nice", f"--adjustment={PRIORITY}", *entered, "setsid", "--fork", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=True,
            cwd=fronted.ROOT,
            env={"PATH": os.environ["PATH"]},
        )


def _wait(paths: LabPaths, address: str, done: Callable[[], object]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with netns.entered(paths.namespace(WORLD)):
                done()
            return
        except (OSError, ValueError) as error:
            if time.monotonic() > deadline:
                raise local.TableFailed(f"DynamoDB Local did not answer at {address}:{PORT}: {error}") from None
        time.sleep(0.1)


def credentials_file(paths: LabPaths, role: str) -> Path:
    """Credentials by which the front identifies ``role``."""
    path = paths.root / "table" / f"{role}.json"
    fronted.write_credentials(path, role)
    return path


def operator_table(paths: LabPaths, network: Network) -> OperatorTable:
    """The table as the people of a ceremony reach it: from the internet, with their own rights."""
    return OperatorTable.of(
        network,
        credentials_file(paths, f"{network.name}-signing-ceremony"),
        ca_file=certificates.authority(paths.authority),
        within=partial(netns.entered, paths.namespace(outside.CLIENT)),
    )


def gates(network: Network) -> tuple[Host, ...]:
    """The signers that sign through a gate."""
    return tuple(host for host in hosts(network) if coordination.is_gated(network, host))


def lend_credentials(paths: LabPaths, network: Network) -> None:
    """Puts each gate's credentials where its lease would: the lab has no Vault.

    Raises:
        local.TableFailed: a host would not take them.
    """
    for host in gates(network):
        content = credentials_file(paths, f"{network.name}-lease-{coordination.lease_of(network, host)}").read_text()
        target, owner = gate_config.CREDENTIALS, gate_config.LEASE_USER
        script = (
            f"set -eu; [ \"$(cat {target} 2>/dev/null)\" = '{content.strip()}' ] && exit 0; umask 077; "
            f"printf '%s\\n' '{content.strip()}' > {target}.new; chown {owner}:{owner} {target}.new; "
            f"chmod 640 {target}.new; mv -fT {target}.new {target}"
        )
        done = machine.execute(paths, host.name, ["sh", "-c", script])
        if done.returncode:
            raise local.TableFailed(f"{host.name} did not take its gate's credentials: {done.stderr.strip()}")


def gauges(paths: LabPaths, host: Host, chain_id: str) -> dict[str, float]:
    """The gauges of one chain on the gate of ``host``; empty if it reports none."""
    try:
        text = machine.execute(paths, host.name, ["cat", gate_config.METRICS], timeout_seconds=10).stdout
    except subprocess.TimeoutExpired:
        return {}
    return metrics.gauges(text, chain_id)


def kept_by(reported: Mapping[str, float]) -> str:
    """What keeps a gate with these gauges from signing; empty if nothing does. One that reports nothing is kept too."""
    return next((meaning for name, (wrong, meaning) in KEPT_BY.items() if reported.get(name, 0.0) == wrong), "")
