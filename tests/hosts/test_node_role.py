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
from dataclasses import replace
from pathlib import Path

import pytest

from configuration import node_config
from configuration.context import HostContext
from estate.declaration import load
from estate.model import CHAIN_ROLES, CLIENTS, ClientKind, Network, Role
from estate.plan.hosts import of_role
from hosts.facts.node import NODE_IDS, Identity, Kept, KeptIds, NodeIdentity
from hosts.operations.files import File
from hosts.operations.node import Installed, NodeIds, completed, identification
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
        if network.chain.client.kind is ClientKind.COSMOS_SDK:
            assert config["blocksync"]["adaptive_sync"] is False, "it lets a validator vote before it has caught up"


def test_a_configuration_is_read_by_the_daemon_before_it_replaces_another(network: Network) -> None:
    daemon, readable = network.chain.client.daemon, network.chain.client.spec.check
    for path, file in rendered(contexts(network, Role.SEED)[0]).items():
        if path.endswith(("config.toml", "app.toml")):
            assert file.check and (f"/usr/bin/{daemon}" in file.check and "$STAGE" in file.check or not readable)
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


def client(home: str, *, user: str = "u", genesis: str = "/usr/share/g.json", loom: bool = False) -> Installed:
    spec = CLIENTS[ClientKind.LOOM if loom else ClientKind.COSMOS_SDK]
    links = dict.fromkeys(spec.genesis, genesis)
    return Installed(spec=spec, user=user, home=home, program="/usr/bin/DAEMON", chain_id="x-1", genesis=links)


def test_an_identity_that_is_there_is_left_alone() -> None:
    state = Identity(user=True, genesis="/usr/share/g.json", node_id="a" * 40)
    assert identification(client("/var/lib/gaiad"), state) is None
    assert identification(client("/var/lib/gaiad", genesis="/usr/share/other.json"), state) is not None


@pytest.mark.parametrize("loom", [False, True], ids=["cosmos-sdk", "loom"])
def test_a_node_key_is_never_replaced(loom: bool, tmp_path: Path) -> None:
    home, spec = tmp_path / "home", client("", loom=loom).spec
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, body in {"getent": "exit 0", "sync": "exit 0"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    daemon = tmp_path / "daemon"
    daemon.write_text(
        "#!/bin/sh\nhome=.\nwhile [ $# -gt 1 ]; do [ $1 = --home ] && home=$2; shift; done\n"
        f"cd $home; home=.; mkdir -p {' '.join(spec.directories)}\n"
        f"for f in {' '.join(spec.keys)}; do\n"
        "  od -An -N8 -tx8 /dev/urandom > $home/$f\ndone\n"
    )
    daemon.chmod(0o755)
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    script = identification(client(str(home), user=user, loom=loom), Identity())
    assert script
    script = script.replace("/usr/bin/DAEMON", str(daemon))
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", script], check=True, env=environment)
    key = home / spec.node_key
    first = key.read_text()
    subprocess.run(["sh", "-c", script], check=True, env=environment)
    assert key.read_text() == first
    assert {(home / path).readlink() for path in spec.genesis} == {Path("/usr/share/g.json")}
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_node_id_is_read_from_the_key_without_showing_it(tmp_path: Path) -> None:
    secret, public = os.urandom(32), os.urandom(32)
    value = base64.b64encode(secret + public).decode()
    (tmp_path / "config").mkdir()
    key = {"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": value}}
    (tmp_path / "config/node_key.json").write_text(json.dumps(key, separators=(",", ":")))
    fact = NodeIdentity()
    command = fact.command(user="root", config=str(tmp_path / "config")).get_raw_value()
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert value not in said
    found = fact.process(said.splitlines())
    assert found == Identity(answered=True, user=True, genesis=None, node_id=hashlib.sha256(public).hexdigest()[:40])


def test_a_host_without_a_node_has_no_identity(tmp_path: Path) -> None:
    fact = NodeIdentity()
    command = fact.command(user="nobody-of-this-name", config=str(tmp_path / "config")).get_raw_value()
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert fact.process(said.splitlines()) == Identity(answered=True)
    assert not fact.process([]).answered


@pytest.mark.parametrize(
    "content", [b"", bytes(99), b'{"priv_key":{"value":"AAAA', b"[]", b'{"value":"AAAA"}', b"\xff" * 9], ids=repr
)
def test_a_damaged_node_key_is_neither_an_identity_nor_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/node_key.json").write_bytes(content)
    fact = NodeIdentity()
    command = fact.command(user="root", config=str(tmp_path / "config")).get_raw_value()
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    state = fact.process(said.splitlines())
    assert state == Identity(answered=True, user=True, damaged=True)
    made = client(str(tmp_path), genesis="/g")
    assert identification(made, replace(state, genesis="/g")) is None
    script = identification(made, state)
    assert script and "if [ ! -e " in script, "no key is put in its place"


def kept(home: Path) -> Kept:
    fact = KeptIds()
    command = fact.command(config=str(home / "config")).get_raw_value()
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    return fact.process(said.splitlines())


def test_node_ids_are_kept_by_name_and_by_the_address_that_is_dialled(tmp_path: Path) -> None:
    a, b = "a" * 40, "b" * 40
    assert kept(tmp_path) == Kept() == KeptIds().process([])
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.toml").write_text(
        f'moniker = "x"\npersistent_peers = "{a}@10.1.0.17:26656,{b}@10.1.16.17:26656"\n'
    )
    places = {"10.1.0.17:26656": a, "10.1.16.17:26656": b}
    assert kept(tmp_path) == Kept(by_place=places)
    (tmp_path / "config" / NODE_IDS).write_text(node_config.remembered({"one": a, "two": b}))
    assert kept(tmp_path) == Kept(by_name={"one": a, "two": b}, by_place=places)
    for damaged in (b"", bytes(9), b'{"one": "aa', b'{"one": 7}', b"[]", b"\xff"):
        (tmp_path / "config" / NODE_IDS).write_bytes(damaged)
        assert kept(tmp_path) == Kept(by_place=places), damaged
    (tmp_path / "config/config.toml").write_bytes(b"\xff\x00persistent_peers = \npersistent_peers = @,@x")
    assert kept(tmp_path) == Kept()


@pytest.mark.slow
def test_a_host_that_does_not_answer_stays_in_the_configuration_of_each_of_its_peers(
    network: Network, tmp_path: Path
) -> None:
    ids, lists = known(network), set()
    (tmp_path / "config").mkdir()
    for context in {each.host.role: each for each in contexts(network, *CHAIN_ROLES)}.values():
        files = {Path(path).name: text(file) for path, file in rendered(context).items()}
        for name in ("config.toml", NODE_IDS):
            (tmp_path / "config" / name).write_text(files[name])
        wanted = node.wanted(context)
        for silent in wanted:
            others = {name: node_id for name, node_id in ids.items() if name != silent}
            found = completed(wanted, others, kept(tmp_path))
            again = {Path(item.path).name: text(item) for item in node.items(context, found) if isinstance(item, File)}
            assert again == files, f"{context.host.name} forgets {silent}"
            lists |= {line.split(" = ")[0] for line in files["config.toml"].splitlines() if ids[silent] in line}
            forgotten = completed(wanted, others, Kept())
            assert forgotten == {name: node_id for name, node_id in others.items() if name in wanted}
    unconditional = {"unconditional_peer_ids"} if network.chain.client.spec.unconditional_peers else set()
    assert lists == {"persistent_peers", "private_peer_ids"} | unconditional


def test_without_the_file_of_names_a_peer_is_known_by_its_address_private_or_public(
    network: Network, tmp_path: Path
) -> None:
    ids = known(network)
    (tmp_path / "config").mkdir()
    for context in contexts(network, *CHAIN_ROLES):
        files = rendered(context)
        (tmp_path / "config/config.toml").write_text(
            next(text(file) for path, file in files.items() if path.endswith("/config.toml"))
        )
        places = {name: place for name, place in node.wanted(context).items() if place}
        assert completed(places, {}, kept(tmp_path)) == {name: ids[name] for name in places}
        seed = context.host.role is Role.SEED
        assert all(place.startswith("203.0.113.") for place in places.values()) is seed


def test_what_a_host_says_itself_comes_before_what_is_kept_of_it() -> None:
    new, old = "c" * 40, "d" * 40
    assert completed({"one": "place"}, {"one": new}, Kept(by_name={"one": old}, by_place={"place": old})) == {
        "one": new
    }
    assert completed({"one": "place"}, {}, Kept(by_place={"": old})) == {}


class Answering:
    """A host of pyinfra's that says this of its node, or nothing."""

    def __init__(self, says: Identity | Exception) -> None:
        self.says, self.asked = says, 0

    def get_fact(self, *_: object, **__: object) -> Identity:
        self.asked += 1
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (OSError("no route"), "did not report its node id: no route"),
        (Identity(), "did not report its node id;"),
        (Identity(answered=True, damaged=True), "/h/node_key.json is damaged"),
    ],
    ids=["raises", "silent", "damaged"],
)
def test_a_host_without_an_answer_is_asked_once_and_named(
    says: Identity | Exception, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    ids, other = NodeIds(), Answering(says)
    with caplog.at_level("WARNING", logger="pyinfra"):
        for _ in range(2):
            ids.ask("one", other, "u", "/h")  # type: ignore[arg-type]  # stands for a host of pyinfra's
    assert other.asked == 1 and not ids.open("one") and ids.silent(["one", "two"]) == ["one"] and not ids.of(["one"])
    assert words in caplog.text and "keep the id that they have" in caplog.text


def test_a_new_host_is_asked_again_once_it_has_its_identity() -> None:
    ids, other = NodeIds(), Answering(Identity(answered=True))
    ids.ask("one", other, "u", "/h")  # type: ignore[arg-type]  # stands for a host of pyinfra's
    assert ids.open("one") and not ids.silent(["one"])
    other.says = Identity(answered=True, node_id="a" * 40)
    ids.ask("one", other, "u", "/h")  # type: ignore[arg-type]  # stands for a host of pyinfra's
    assert ids.of(["one"]) == {"one": "a" * 40}


def test_every_node_has_its_identity_before_any_is_configured() -> None:
    deploy = (Path(__file__).parents[2] / "hosts/deploy.py").read_text()
    assert deploy.index("node.prepare(") < deploy.index("roles.apply("), "operations run in the order of their lines"
