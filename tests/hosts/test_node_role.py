"""A chain node's files are what its daemon reads, its identity is made once, and its peers are known by what is
configured.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from configuration.context import HostContext
from estate.declaration import load
from estate.model import CHAIN_ROLES, Network, Role
from estate.plan.hosts import of_role
from hosts.facts.node import ConfiguredPeers, Identity, NodeIdentity
from hosts.operations.files import File
from hosts.operations.node import identification
from hosts.roles import node
from tests.hosts import samples


@pytest.fixture(scope="module")
def network(stack_file: Path) -> Network:
    return load.read(stack_file)


def contexts(network: Network, *roles: Role) -> list[HostContext]:
    inventory = samples.inventory(network)
    return [HostContext(network=network, host=host, inventory=inventory) for host in of_role(network, *roles)]


def known(network: Network) -> dict[str, str]:
    return {host.name: hashlib.sha256(host.name.encode()).hexdigest()[:40] for host in of_role(network, *CHAIN_ROLES)}


def rendered(context: HostContext) -> dict[str, File]:
    items = node.items(context, known(context.network))
    return {item.path: item for item in items if isinstance(item, File)}


def text(file: File) -> str:
    assert isinstance(file.content, str)
    return file.content


def test_every_node_has_a_configuration_that_parses(network: Network) -> None:
    for context in contexts(network, *CHAIN_ROLES):
        files = rendered(context)
        documents = {path: tomllib.loads(text(file)) for path, file in files.items() if path.endswith(".toml")}
        config = next(each for path, each in documents.items() if path.endswith("config.toml"))
        assert config["moniker"] == context.host.name
        assert config["p2p"]["laddr"] == f"tcp://{context.host.address}:{network.chain.ports.p2p}"
        assert config["instrumentation"]["prometheus"] is True
        assert config["blocksync"]["adaptive_sync"] is False, "it lets a validator vote before it has caught up"


def test_a_configuration_is_read_by_the_daemon_before_it_replaces_another(network: Network) -> None:
    daemon = network.chain.client.daemon
    for path, file in rendered(contexts(network, Role.SEED)[0]).items():
        if path.endswith(("config.toml", "app.toml")):
            assert file.check and f"/usr/bin/{daemon}" in file.check and "$STAGE" in file.check
            assert file.then and "systemctl restart" in file.then, "a change takes effect"


def test_the_daemon_can_write_nothing_but_its_home(network: Network) -> None:
    context = contexts(network, Role.VALIDATOR)[0]
    daemon = network.chain.client.daemon
    unit = text(rendered(context)[f"/etc/systemd/system/{daemon}.service"])
    assert "ProtectSystem=strict" in unit
    assert f"ReadWritePaths=/var/lib/{daemon}\n" in unit
    assert f"User={daemon}\n" in unit
    assert "CapabilityBoundingSet=\n" in unit
    assert "Restart=always" in unit, "a validator that gave up waiting for its signer must try again"


def test_an_identity_that_is_there_is_left_alone() -> None:
    state = Identity(user=True, genesis="/usr/share/g.json", node_id="a" * 40)
    arguments = {"user": "gaiad", "home": "/var/lib/gaiad", "daemon": "gaiad", "chain_id": "x-1"}
    assert identification(**arguments, genesis="/usr/share/g.json", state=state) is None
    assert identification(**arguments, genesis="/usr/share/other.json", state=state) is not None


def test_a_node_key_is_never_replaced(tmp_path: Path) -> None:
    home = tmp_path / "home"
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, body in {"getent": "exit 0", "sync": "exit 0"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    daemon = tmp_path / "daemon"
    daemon.write_text(
        "#!/bin/sh\nwhile [ $# -gt 1 ]; do [ $1 = --home ] && home=$2; shift; done\n"
        "mkdir -p $home/config $home/data\n"
        "for f in config/node_key.json config/priv_validator_key.json data/priv_validator_state.json; do\n"
        "  od -An -N8 -tx8 /dev/urandom > $home/$f\ndone\n"
    )
    daemon.chmod(0o755)
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    script = identification(
        user=user, home=str(home), daemon="DAEMON", chain_id="x-1", genesis="/usr/share/g.json", state=Identity()
    )
    assert script
    script = script.replace("/usr/bin/DAEMON", str(daemon))
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", script], check=True, env=environment)
    first = (home / "config/node_key.json").read_text()
    subprocess.run(["sh", "-c", script], check=True, env=environment)
    assert (home / "config/node_key.json").read_text() == first
    assert (home / "config/genesis.json").readlink() == Path("/usr/share/g.json")
    assert (home / "config/node_key.json").stat().st_mode & 0o777 == 0o600


def test_a_node_id_is_read_from_the_key_without_showing_it(tmp_path: Path) -> None:
    secret, public = os.urandom(32), os.urandom(32)
    value = base64.b64encode(secret + public).decode()
    (tmp_path / "config").mkdir()
    key = {"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": value}}
    (tmp_path / "config/node_key.json").write_text(json.dumps(key, separators=(",", ":")))
    fact = NodeIdentity()
    command = fact.command(user="root", home=str(tmp_path)).get_raw_value()
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert value not in said
    found = fact.process(said.splitlines())
    assert found == Identity(user=True, genesis=None, node_id=hashlib.sha256(public).hexdigest()[:40])


def test_a_host_without_a_node_has_no_identity(tmp_path: Path) -> None:
    fact = NodeIdentity()
    command = fact.command(user="nobody-of-this-name", home=str(tmp_path)).get_raw_value()
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert fact.process(said.splitlines()) == Identity()


def test_configured_peers_are_known_by_their_addresses() -> None:
    line = f'persistent_peers = "{"a" * 40}@10.1.0.17:26656,{"b" * 40}@10.1.16.17:26656"'
    assert ConfiguredPeers().process([line]) == {"10.1.0.17:26656": "a" * 40, "10.1.16.17:26656": "b" * 40}
    assert ConfiguredPeers().process(['persistent_peers = ""']) == {}
    assert ConfiguredPeers().process([]) == {}


def test_every_node_has_its_identity_before_any_is_configured() -> None:
    deploy = (Path(__file__).parents[2] / "hosts/deploy.py").read_text()
    assert deploy.index("node.prepare(") < deploy.index("roles.apply("), "operations run in the order of their lines"
