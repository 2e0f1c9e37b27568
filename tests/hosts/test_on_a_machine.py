"""Real machines, configured over real SSH: twice, wrongly, and with the operator cut off."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from configuration.context import HostContext
from configuration.peer_watch import CONFIG, UNIT_FILE
from configuration.peer_watch import UNIT as PEER_WATCH
from configuration.rulesets import ruleset
from estate.declaration import load
from estate.model import Network, Role
from estate.plan.hosts import Host, hosts
from hosts.facts.installed import State
from hosts.operations import files
from hosts.operations.files import File, Item, followup_id
from hosts.roles import node, peer_watch
from lab import machines
from lab.machines import LabUnavailable
from tests.hosts import samples
from tests.hosts.deploys import followed_file_command
from tests.hosts.rehearsal import Rehearsal

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
DEPLOYS = "tests/hosts/deploys"
LONELY_NODE = """\
import http.server, json

PEERS = {"peers": [], "sync_info": {"catching_up": False}}

class Node(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"result": PEERS}).encode())

http.server.HTTPServer(("127.0.0.1", 26657), Node).serve_forever()
"""
"""A program that answers as a node without peers."""


def machine_of(role: Role, directory: Path) -> Iterator[Rehearsal]:
    """A machine of the first host of ``role``, just booted."""
    if os.geteuid() != 0:
        pytest.skip("needs root on Linux: machines are booted")
    network = load.read(ROOT / "stacks" / "Pulumi.cosmoshub.yaml")
    rehearsal = Rehearsal(network, next(host for host in hosts(network) if host.role is role), directory)
    try:
        rehearsal.open(samples.inventory(network))
        yield rehearsal
    except LabUnavailable as error:
        pytest.skip(str(error))
    finally:
        rehearsal.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    yield from machine_of(Role.VPN, tmp_path_factory.mktemp("gateway"))


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    yield from machine_of(Role.EDGE, tmp_path_factory.mktemp("edge"))


@pytest.fixture
def deployed(gateway: Rehearsal) -> Rehearsal:
    """The gateway, as it is declared."""
    outcome = gateway.deploy()
    assert outcome.code == 0, outcome.text
    return gateway


def loaded(machine: Rehearsal) -> str:
    return machine.on_host("nft -s list ruleset")


def kept(network: Network, host: Host) -> str:
    return ruleset(network, host, samples.inventory(network)).strip()


def test_applied_twice_the_second_run_changes_nothing(deployed: Rehearsal) -> None:
    again = deployed.deploy()
    assert (again.code, again.changed) == (0, 0), again.text


def test_an_edge_applied_twice_changes_nothing_and_holds_the_gateways(edge: Rehearsal) -> None:
    first = edge.deploy()
    assert first.code == 0 and first.changed, first.text
    again = edge.deploy()
    assert (again.code, again.changed) == (0, 0), again.text
    states = edge.on_host("systemctl is-active bird keepalived ulogd2 chrony ssh").split()
    assert states == ["active"] * 5
    edge.on_host("for i in $(seq 40); do grep -q true /run/estate/vrrp.conf && break; sleep 0.25; done")
    assert "vrrp_master = true" in edge.on_host("cat /run/estate/vrrp.conf"), edge.on_host(
        "journalctl -u keepalived -n 30"
    )
    for zone in edge.network.sites[edge.host.place].zones.values():
        assert ".1/24" in edge.on_host(f"ip -br -4 address show dev bond0.{zone.vlan}"), (
            "the zone's gateway address is held"
        )


def test_ssh_listens_only_at_the_management_address(deployed: Rehearsal) -> None:
    listening = deployed.on_host("ss -Hltn | awk '{print $4}'").split()
    assert listening == [f"{deployed.host.management_address}:22"]


def test_a_ruleset_that_was_flushed_by_hand_comes_back(deployed: Rehearsal) -> None:
    before = loaded(deployed)
    deployed.on_host("nft flush ruleset")
    outcome = deployed.deploy()
    assert (outcome.code, outcome.changed) == (0, 1), outcome.text
    assert sorted(loaded(deployed).split()) == sorted(before.split())


def test_a_rule_that_was_added_by_hand_goes_away(deployed: Rehearsal) -> None:
    deployed.on_host("nft insert rule inet estate input tcp dport 23 accept")
    outcome = deployed.deploy()
    assert (outcome.code, outcome.changed) == (0, 1), outcome.text
    assert "dport 23" not in loaded(deployed)


def test_a_ruleset_that_nft_refuses_is_never_loaded_nor_kept(deployed: Rehearsal) -> None:
    before = loaded(deployed)
    outcome = deployed.deploy(deploy=f"{DEPLOYS}/refused_ruleset.py")
    assert outcome.code != 0
    assert "refused by nft" in outcome.text
    assert loaded(deployed) == before
    assert deployed.on_host("cat /etc/nftables.conf") == kept(deployed.network, deployed.host)


def test_a_ruleset_that_shuts_the_operator_out_is_gone_after_seconds(deployed: Rehearsal) -> None:
    before = loaded(deployed)
    outcome = deployed.deploy(deploy=f"{DEPLOYS}/closing_ruleset.py")
    assert outcome.code != 0, "nobody confirmed it"
    deployed.on_host("for i in $(seq 40); do nft list ruleset | grep -q ssh-operators && break; sleep 0.25; done")
    assert sorted(loaded(deployed).split()) == sorted(before.split())
    assert deployed.on_host("cat /etc/nftables.conf") == kept(deployed.network, deployed.host), (
        "a reboot brings no other"
    )
    again = deployed.deploy()
    assert (again.code, again.changed) == (0, 0), again.text


def test_a_configuration_that_its_program_refuses_replaces_nothing(deployed: Rehearsal) -> None:
    before = deployed.on_host("sha256sum /etc/ssh/sshd_config")
    outcome = deployed.deploy(deploy=f"{DEPLOYS}/refused_sshd.py")
    assert outcome.code != 0
    assert "/etc/ssh/sshd_config: refused by its check, nothing was replaced" in outcome.text
    assert deployed.on_host("sha256sum /etc/ssh/sshd_config") == before
    assert "No such file" in deployed.on_host("ls /etc/beside"), "all files of a call or none"


def test_files_whose_followup_fails_are_put_back(deployed: Rehearsal) -> None:
    deployed.on_host("echo before > /etc/motd; chmod 640 /etc/motd; rm -f /etc/new-file")
    outcome = deployed.deploy(deploy=f"{DEPLOYS}/failing_followup.py")
    assert outcome.code != 0
    assert "every file of this change was put back" in outcome.text
    assert deployed.on_host("cat /etc/motd; stat -c %a /etc/motd") == "before\n640"
    assert "No such file" in deployed.on_host("ls /etc/new-file")


def test_a_followup_that_a_killed_run_owed_is_run_once_by_the_next(deployed: Rehearsal) -> None:
    deploy = f"{DEPLOYS}/followed_file.py"
    deployed.on_host("rm -f /run/follow-up /etc/followed")
    assert deployed.deploy(deploy=deploy).changed == 1
    assert deployed.deploy(deploy=deploy).changed == 0
    deployed.on_host(f"touch /var/lib/estate/pending/{followup_id(followed_file_command())}")
    assert deployed.deploy(deploy=deploy).changed == 1
    assert deployed.deploy(deploy=deploy).changed == 0
    assert len(deployed.on_host("cat /run/follow-up").splitlines()) == 2


def test_an_operator_who_left_has_no_account_and_no_key(deployed: Rehearsal) -> None:
    assert deployed.deploy(deploy=f"{DEPLOYS}/one_operator_more.py").changed == 1
    deployed.on_host("echo key > /etc/ssh/authorized_keys.d/bob")
    assert "estate-operators" in deployed.on_host("id bob")
    outcome = deployed.deploy()
    assert outcome.code == 0, outcome.text
    assert "no such user" in deployed.on_host("id bob")
    assert deployed.on_host("ls /etc/ssh/authorized_keys.d") == "alice"
    assert "estate-operators" not in deployed.on_host("id debian"), (
        "the account that configures the host stays as it came"
    )


def test_a_dropped_packet_is_logged_with_the_chain_that_dropped_it(deployed: Rehearsal) -> None:
    neighbour = deployed.host.address + 3
    deployed.on_host(f"timeout 2 nc -zw1 {neighbour} 81")
    deployed.on_host("for i in $(seq 20); do journalctl -t ulogd --no-pager | grep -q DPT=81 && break; sleep 0.2; done")
    assert re.search(
        rf"estate-drop-out .*DST={neighbour} .*DPT=81", deployed.on_host("journalctl --no-pager | grep estate-drop")
    ), deployed.on_host("journalctl --no-pager | tail -20")


def test_a_preview_with_differences_shows_them_and_changes_nothing(deployed: Rehearsal) -> None:
    deployed.on_host("echo '# drift' >> /etc/chrony/chrony.conf")
    shown = deployed.preview("--diff")
    assert "Will modify /etc/chrony/chrony.conf" in shown and "-# drift" in shown
    assert "# drift" in deployed.on_host("tail -1 /etc/chrony/chrony.conf")
    assert deployed.deploy().changed == 1


def test_the_watch_of_a_node_has_it_restarted_without_a_right_of_its_own(gateway: Rehearsal) -> None:
    network = gateway.network
    validator = next(each for each in hosts(network) if each.role is Role.VALIDATOR)
    context = HostContext(network=network, host=validator, inventory=samples.inventory(network))
    unit = node.unit_name(context.chain)
    install(
        gateway,
        peer_watch.items(context, {}, node_unit=unit, home=node.home(context.chain)),
        {
            "/run/lonely.py": LONELY_NODE,
            f"/etc/systemd/system/{unit}": "[Service]\nExecStart=/usr/bin/python3 /run/lonely.py\n",
        },
    )
    peer = f'there = "{"a" * 40}@127.0.0.1:26999"'
    limits = "patience_seconds = 1\nslot_seconds = 1\nwindow_seconds = 1"
    turn = r"sed -i 's/^turn = .*/turn = 0/; s/^turns = .*/turns = 1\ninterval_seconds = 0.2/'"
    gateway.on_host(f"{turn} {CONFIG}; printf '%s\\n' '{peer}' '[limits]' '{limits}' >> {CONFIG}")
    gateway.on_host(f"systemctl daemon-reload; systemctl start {unit} {PEER_WATCH}")
    first = gateway.on_host(f"systemctl show --value -p MainPID {unit}")
    log = "journalctl --no-pager -u peer-watch"
    try:
        assert gateway.on_host(f"sleep 3; systemctl is-active {PEER_WATCH}") == "active", gateway.on_host(log)
        assert gateway.on_host(f"systemctl show --value -p MainPID {unit}") == first, "its peer does not accept"
        gateway.on_host("systemd-run -q --unit=there nc -lk 127.0.0.1 26999")
        new = f'[ "$(systemctl show --value -p MainPID {unit})" != {first} ]'
        gateway.on_host(f"for i in $(seq 120); do {new} && break; sleep 0.5; done")
        told = gateway.on_host(log)
        assert gateway.on_host(f"systemctl is-active {unit}") == "active", told
        assert gateway.on_host(f"systemctl show --value -p MainPID {unit}") != first, told
        assert "not connected, though reachable: there; the node is restarted" in told
        assert gateway.on_host(f"systemctl is-failed {PEER_WATCH}") != "failed", told
        assert '"restarts": 1' in gateway.on_host("cat /var/lib/private/peer-watch/memory.json")
    finally:
        gateway.on_host(
            f"systemctl stop there {PEER_WATCH} {unit}; rm -f {CONFIG} {UNIT_FILE} /etc/systemd/system/{unit}"
        )


def install(machine: Rehearsal, items: Sequence[Item], texts: Mapping[str, str]) -> None:
    """The items as a deployment installs them, without their follow-ups, and further files."""
    wanted = [replace(item, then=None) for item in items]
    wanted += [File(path=path, content=text) for path, text in texts.items()]
    change = files.plan(wanted, State(entries={}, listings={}, pending=frozenset()))
    done = machines.execute(
        machine.lab, "host", ["sh", "-c", files.script(change)], text_input=files._archive(change.files)
    )
    assert done.returncode == 0, done.stderr
