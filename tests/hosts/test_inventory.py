"""pyinfra's own view: the groups, and the whole inventory run without a machine."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from configuration.context import HostContext
from estate.declaration import load
from estate.model import CHAIN_ROLES, ROLES, Network, Role
from estate.plan.hosts import hosts
from hosts import groups
from tests.conftest import Share, stack_files
from tests.hosts import samples

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECRET = "planted-7f3a9c-secret"
CHILD = "tests/hosts/fake_inventory.py"

of_pyinfra_itself = pytest.mark.parametrize(
    "stack_file",
    [file for file in stack_files() if file.name in ("Pulumi.cosmoshub.yaml", "Pulumi.terra.yaml")],
    ids=lambda file: file.name.split(".")[1],
    scope="session",
)
"""For tests of pyinfra itself, each of which starts it: no kind of client changes what they show."""


@pytest.fixture
def environment(stack_file: Path, tmp_path: Path) -> dict[str, str]:
    return environment_in(tmp_path, stack_file)


def environment_in(directory: Path, stack_file: Path) -> dict[str, str]:
    """The environment of a rollout whose outputs and keyring are files in ``directory``, which this writes."""
    network = load.read(stack_file)
    (directory / "outputs.json").write_text(json.dumps({"inventory": samples.inventory(network)}))
    (directory / "keyring.gpg").write_bytes(b"keyring")
    return os.environ | {
        "ESTATE_NETWORK": network.name,
        "ESTATE_OUTPUTS": str(directory / "outputs.json"),
        "ESTATE_ARCHIVE_KEYRING": str(directory / "keyring.gpg"),
    }


def pyinfra(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("pyinfra")), "--group-data", "hosts/group_data", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def prepared(
    stack_file: Path, share: Share[subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory
) -> subprocess.CompletedProcess[str]:
    """The whole inventory prepared and not run, once for each network."""
    directory = tmp_path_factory.mktemp("prepared")
    environment = environment_in(directory, stack_file)
    return share(
        f"prepared-{stack_file.name}", lambda: pyinfra(CHILD, "hosts/deploy.py", "--dry", environment=environment)
    )


def contexts(network: Network) -> list[HostContext]:
    inventory = samples.inventory(network)
    return [HostContext(network=network, host=host, inventory=inventory) for host in hosts(network)]


def test_every_role_is_applied_by_the_module_of_its_row_in_a_call_of_its_own() -> None:
    """Two roles behind one call would be one operation for pyinfra, and all their hosts would restart at once."""
    calls = re.findall(
        r"if role is Role\.(\w+):\n        (\w+)\.apply\(context\)\n", (ROOT / "hosts/roles/__init__.py").read_text()
    )
    assert {Role[name]: module for name, module in calls} == {role: spec.host_module for role, spec in ROLES.items()}
    assert [Role[name] for name, _ in calls][:4] == [Role.PUBLIC_SENTRY, Role.PRIVATE_SENTRY, Role.SEED, Role.VALIDATOR]


def test_the_sentry_roles_are_rolled_out_one_after_the_other(
    prepared: subprocess.CompletedProcess[str], stack_file: Path
) -> None:
    said = prepared.stdout + prepared.stderr
    rows = re.findall(r"^\s*Configure the node of \S+\s+(\d+)\s", said, flags=re.MULTILINE)
    of_role = Counter(host.role for host in hosts(load.read(stack_file)))
    wanted = [of_role[role] for role in (Role.PUBLIC_SENTRY, Role.PRIVATE_SENTRY, Role.SEED, Role.VALIDATOR)]
    assert [int(row) for row in rows] == wanted, said


def test_every_role_has_operations_of_its_own(prepared: subprocess.CompletedProcess[str], stack_file: Path) -> None:
    """Two modules' operations on equal lines would be one operation for pyinfra."""
    said = prepared.stdout + prepared.stderr
    of_role = [host.role for host in hosts(load.read(stack_file))]
    for name, role in (("Configure routes and gateway addresses", Role.EDGE), ("Configure the VPN service", Role.VPN)):
        assert re.search(rf"^\s*{name}\s+{of_role.count(role)}\s", said, flags=re.MULTILINE), said


def test_every_host_is_in_the_groups_of_its_role_its_place_and_its_network(stack_file: Path) -> None:
    network = load.read(stack_file)
    grouped = groups.grouped(contexts(network))
    assert [name for name, _ in grouped["all"]] == [host.name for host in hosts(network)]
    for host in hosts(network):
        for group in (host.role.value, host.place, network.name):
            assert host.name in grouped[group]


def test_every_host_is_reached_at_its_management_address_with_a_known_key(stack_file: Path) -> None:
    network = load.read(stack_file)
    for (_, data), host in zip(
        groups.grouped(contexts(network), ssh_key="/k", known_hosts="/h")["all"], hosts(network), strict=True
    ):
        reached = {"ssh_hostname": str(host.management_address), "ssh_key": "/k", "ssh_known_hosts_file": "/h"}
        assert {name: value for name, value in data.items() if name != "context"} == reached
        assert data["context"].host == host
    assert 'ssh_strict_host_key_checking = "yes"' in (ROOT / "hosts" / "group_data" / "all.py").read_text()


def test_the_whole_inventory_is_prepared_without_a_machine(
    prepared: subprocess.CompletedProcess[str], stack_file: Path
) -> None:
    said = prepared.stdout + prepared.stderr
    assert prepared.returncode == 0, said
    count = len(hosts(load.read(stack_file)))
    assert said.count("Ready: hosts/deploy.py") == count
    assert re.search(rf"Load the firewall's ruleset\s+{count} ", said)


def test_the_whole_inventory_is_run_without_a_machine(environment: dict[str, str], stack_file: Path) -> None:
    """Hosts that say nothing may run anything: each node and signer takes its turn."""
    done = pyinfra(CHILD, "hosts/deploy.py", "-y", environment=environment)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert re.search(r"Grand total\s+(\d+)\s+\d+\s+-\s+", said), "errors in the grand total"
    turns = re.findall(r"@fake/(\S+): its turn to restart", said)
    restarted = [each.name for each in hosts(load.read(stack_file)) if each.role in {*CHAIN_ROLES, Role.SIGNER}]
    assert sorted(turns) == sorted(restarted)


@of_pyinfra_itself
def test_a_limit_by_role_takes_only_that_role(environment: dict[str, str]) -> None:
    done = pyinfra(CHILD, "hosts/deploy.py", "--dry", "--limit", "edge", environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    prepared = set(re.findall(r"\[@fake/(\S+)\]\s+Ready", done.stdout + done.stderr))
    assert prepared and all("-edge-" in name for name in prepared)


@of_pyinfra_itself
def test_an_inventory_that_disagrees_with_the_declaration_stops_with_every_problem(environment: dict[str, str]) -> None:
    outputs = Path(environment["ESTATE_OUTPUTS"])
    document = json.loads(outputs.read_text())
    first, second = sorted(document["inventory"]["hosts"])[:2]
    document["inventory"]["hosts"].pop(first)
    document["inventory"]["hosts"][second]["private_address"] = "10.99.0.1"
    outputs.write_text(json.dumps(document))
    done = pyinfra("hosts/inventory.py", "hosts/deploy.py", "--dry", environment=environment)
    assert done.returncode == 2
    assert first in done.stderr and "10.99.0.1" in done.stderr and "2 problems" in done.stderr


@of_pyinfra_itself
def test_a_planted_secret_is_in_no_word_that_pyinfra_says(environment: dict[str, str], tmp_path: Path) -> None:
    deploy = tmp_path / "deploy.py"
    deploy.write_text(
        "from pyinfra.api import HiddenValue\n"
        "from hosts.operations import files\n"
        f"secret = files.File(path='/etc/secret', content=HiddenValue({SECRET!r}), mode='600')\n"
        "files.install(name='Install a secret', items=[secret])\n"
    )
    for mode in ("--dry", "-y"):
        done = pyinfra(CHILD, str(deploy), mode, "--diff", "--debug", "-vvv", environment=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert SECRET not in done.stdout + done.stderr


def operations_of(module: ast.Module) -> Iterator[ast.Call]:
    """The calls of functions of ``hosts.operations``' modules."""
    imported = {
        alias.asname or alias.name
        for node in module.body
        if isinstance(node, ast.ImportFrom) and node.module == "hosts.operations"
        for alias in node.names
    }
    for node in ast.walk(module):
        if (
            (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
            )
            and node.func.value.id in imported
            and node.func.attr.islower()
        ):
            yield node


def test_every_operation_has_a_name() -> None:
    """An operation without one prints its arguments, secrets included."""
    found = 0
    for file in (ROOT / "hosts" / "roles").glob("*.py"):
        for call in operations_of(ast.parse(file.read_text())):
            found += 1
            assert "name" in {each.arg for each in call.keywords}, f"{file.name}:{call.lineno}"
    assert found > 10, "the roles' operations are not found any more: mend this test"
