"""The ceremonies over real SSH, as an operator has it configured, on directories that stand for signer hosts."""

from __future__ import annotations

import gc
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ceremonies import key_ceremonies
from ceremonies.custody import Step
from ceremonies.reach import Reach, Way
from ceremonies.remote import HostFailed, Ssh
from cli.__main__ import main
from configuration.signer_config import CONSENSUS_KEY
from estate.declaration import load
from estate.errors import UsageError
from estate.model import CHAIN_ROLES, Network, Role
from estate.plan.hosts import Host, of_role
from tests.ceremonies.ssh_hosts import Run, SshHosts
from tests.ceremonies.test_scripts import SignerHost, make

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
HEAD = 40


@pytest.fixture(scope="module")
def coordinated() -> Network:
    return load.read(ROOT / "stacks" / "Pulumi.cosmoshub.yaml")


@pytest.fixture
def network(coordinated: Network) -> Network:
    signing = coordinated.signing.model_copy(update={"coordination": None})
    return coordinated.model_copy(update={"signing": signing})


def signer(host: SignerHost) -> Run:
    def run(script: str, stdin: str) -> tuple[int, str, str]:
        done = host.run(script, stdin)
        return done.returncode, done.stdout, done.stderr

    return run


def node(script: str, stdin: str) -> tuple[int, str, str]:
    """A node's RPC: the chain is at `HEAD`, and none of our validators signed a block."""
    answers = []
    for method, height in re.findall(r"GET /(\w+)\?(?:height=(\d+))?", script):
        result: dict[str, object] = {"signed_header": {"commit": {"height": height, "signatures": []}}}
        if method == "status":
            sync = {"latest_block_height": str(HEAD), "latest_block_time": "", "catching_up": False}
            result = {"node_info": {"network": "cosmoshub-4"}, "sync_info": sync}
        answers.append("HTTP/1.0 200 OK\r\n\r\n" + json.dumps({"result": result}) + "\n@@\n")
    return 0, "".join(answers), ""


@pytest.fixture
def signers(network: Network, tmp_path: Path) -> dict[str, SignerHost]:
    return {host.name: make(tmp_path / host.name) for host in of_role(network, Role.SIGNER)}


@pytest.fixture
def hosts(network: Network, signers: dict[str, SignerHost], tmp_path: Path) -> Iterator[SshHosts]:
    served: dict[str, Run] = {
        str(host.management_address): signer(signers[host.name]) for host in of_role(network, Role.SIGNER)
    }
    served |= {str(host.management_address): node for host in of_role(network, *CHAIN_ROLES)}
    made = SshHosts(tmp_path, served)
    yield made
    made.close()


@pytest.fixture
def reach(network: Network, hosts: SshHosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reach:
    monkeypatch.setenv("PATH", f"{hosts.client}:{os.environ['PATH']}")
    return Reach(network=network, way=Way(ssh=Ssh(), transcripts=tmp_path / "transcripts"))


def active(network: Network) -> list[Host]:
    return [host for host in of_role(network, Role.SIGNER) if host.active]


def test_a_key_is_generated_and_moved_over_ssh_by_the_operators_own_configuration(
    reach: Reach, network: Network, hosts: SshHosts, signers: dict[str, SignerHost]
) -> None:
    source, target = (host.name for host in active(network)[:2])
    key = key_ceremonies.generate(reach.signers, target=source, transcript=reach.transcript("generate"))
    private = signers[source].file(CONSENSUS_KEY).read_text()
    assert (reach.status().key, reach.status().holders) == (key, (source,))

    steps = key_ceremonies.move(
        reach.signers, reach.chain, target=target, custody_declared=False, transcript=reach.transcript("move")
    )
    assert Step.DESTROY in steps and Step.UNSEAL in steps
    assert reach.status().holders == (target,)
    assert signers[target].file(CONSENSUS_KEY).read_text() == private
    assert not signers[source].file(CONSENSUS_KEY).exists()
    assert set(hosts.users) == {"ana"}
    records = "".join(each.read_text() for each in reach.way.transcripts.iterdir())
    assert key.base64 in records and private not in records


def test_the_looks_of_a_ceremony_share_one_connection_to_each_host(reach: Reach, hosts: SshHosts) -> None:
    first = reach.signers.observe()
    connected = len(hosts.users)
    assert connected and reach.signers.observe() == first
    assert len(hosts.users) == connected, "no host was logged in to again"
    directory = reach.signers.ssh.connections
    assert directory is not None and list(directory.iterdir())
    assert directory.stat().st_mode & 0o077 == 0, "who can open the socket is the operator to the host"


def test_no_connection_can_be_shared_once_its_reach_is_gone(network: Network, tmp_path: Path) -> None:
    reach = Reach(network=network, way=Way(ssh=Ssh(), transcripts=tmp_path))
    directory = reach.signers.ssh.connections
    assert directory is not None and directory == reach.chain.ssh.connections and directory.is_dir()
    del reach
    gc.collect()
    assert not directory.exists()


def test_a_host_whose_key_is_not_known_is_not_asked(reach: Reach, hosts: SshHosts) -> None:
    hosts.known_hosts.write_text("")
    with pytest.raises(HostFailed, match="could not be reached"):
        reach.signers.observe()
    assert hosts.users == []


def test_a_step_that_fails_on_a_host_says_where_and_why(
    reach: Reach, network: Network, signers: dict[str, SignerHost]
) -> None:
    name = active(network)[0].name
    reach.signers.generate(name)
    with pytest.raises(HostFailed, match=rf"{name}.*a step failed there.*a consensus key is here already"):
        reach.signers.generate(name)


@pytest.mark.parametrize(
    ("lost", "outcome"), [(1, "done\n"), (2, r"could not be reached: Connection .* closed"), (-1, "exit 3.: broken")]
)
def test_a_step_whose_connection_is_lost_is_run_once_more_and_one_that_failed_is_not(
    lost: int, outcome: str, coordinated: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = tmp_path / "ssh"
    counted = f"echo x >> {tmp_path}/tries; tries=$(wc -l < {tmp_path}/tries)"
    fails = "echo broken >&2; exit 3" if lost < 0 else "true"
    client.write_text(
        f"#!/bin/sh\n{counted}\n{fails}\n"
        f'if [ "$tries" -le {lost} ]; then echo "Connection to host closed" >&2; exit 255; fi\necho done\n'
    )
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    host = active(coordinated)[0]
    if lost == 1:
        assert Ssh().run(host, "id") == outcome
    else:
        with pytest.raises(HostFailed, match=outcome):
            Ssh().run(host, "id")
    assert len((tmp_path / "tries").read_text().splitlines()) == (1 if lost < 0 else 2)


def test_ssh_with_a_key_uses_that_key_and_those_known_hosts_alone(coordinated: Network) -> None:
    host = active(coordinated)[0]
    words = Ssh(key=Path("/k"), known_hosts=Path("/h"), user="bob", prefix=("enter", "ns")).command(host, "id")
    assert words[:7] == ["enter", "ns", "ssh", "-F", "none", "-i", "/k"]
    assert {"UserKnownHostsFile=/h", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes"} <= set(words)
    assert words[-4:] == ["-l", "bob", str(host.management_address), "sudo sh -c id"]
    own = Ssh().command(host, "id")
    assert not {"-F", "-i", "-l", "IdentitiesOnly=yes"} & set(own) and "StrictHostKeyChecking=yes" in own


def test_the_table_is_the_declared_one_with_the_operators_credentials(coordinated: Network, tmp_path: Path) -> None:
    way = Way(ssh=Ssh(), transcripts=tmp_path, credentials=tmp_path / "mine.json", ca_file=tmp_path / "ca.pem")
    table = Reach(network=coordinated, way=way).table
    services = coordinated.services
    assert [(each.address, each.port) for each in table.endpoints] == [
        (str(services[name].address), services[name].port) for name in ("coordination", "coordination-2")
    ]
    assert (table.credentials, table.ca_file) == (way.credentials, way.ca_file)
    assert table.chain_id == coordinated.chain.chain_id


def test_each_step_of_a_ceremony_is_told_to_who_began_it(coordinated: Network, tmp_path: Path) -> None:
    said: list[str] = []
    way = Way(ssh=Ssh(), transcripts=tmp_path, credentials=tmp_path / "mine.json")
    ceremonies = Reach(network=coordinated, way=way).gates("join", said.append)
    ceremonies.pace.progress("a step")
    assert said == ["a step"] and ceremonies.transcript.file.name.endswith("-join.log")


def test_every_step_of_a_reach_is_of_one_ceremony(coordinated: Network, tmp_path: Path) -> None:
    reach = Reach(network=coordinated, way=Way(ssh=Ssh(), transcripts=tmp_path, credentials=tmp_path / "mine.json"))
    assert reach.gates("join").signers is reach.signers is reach.signers


def test_a_key_that_signs_through_gates_needs_credentials(coordinated: Network, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--credentials FILE"):
        Reach(network=coordinated, way=Way(ssh=Ssh(), transcripts=tmp_path)).status()


def test_a_key_of_one_site_has_no_ceremonies_through_gates(network: Network, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="declares no signing.coordination"):
        Reach(network=network, way=Way(ssh=Ssh(), transcripts=tmp_path)).gates("join")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("status", "cosmoshub", "--live"), "--credentials FILE"),
        (("status", "cosmoshub", "--live", "--credentials", "/nonexistent"), "'/nonexistent', which is not a file"),
        (("status", "cosmoshub", "--live", "--ssh-key", "/dev/null"), "which is not a file"),
        (("status", "cosmoshub", "--live", "--ssh-key", __file__), "only one of --ssh-key and --known-hosts"),
        (("status", "cosmoshub", "--ssh-user", "ana"), "without --live"),
        (("start", "cosmoshub", "--yes"), "without --live"),
    ],
)
def test_wrong_options_of_a_live_ceremony_are_bad_usage(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["key", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_live_ceremony_is_not_begun_without_confirmation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    credentials = tmp_path / "credentials.json"
    credentials.write_text("{}")
    monkeypatch.setattr("sys.stdin", (tmp_path / "input").open("w+"))
    assert main(["key", "start", "cosmoshub", "--live", "--credentials", str(credentials)]) == 1
    assert "cannot be confirmed" in capsys.readouterr().err
