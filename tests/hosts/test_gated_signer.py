"""A signer and its gate on a real machine: what a deploy starts, what it leaves to a ceremony, and who sees what."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ceremonies.observation import INITIAL_STATE, public_half
from configuration import gate_config, signer_config
from configuration.signer_config import CONSENSUS_KEY, Duty
from coordinator import version
from estate.declaration import load
from estate.plan import coordination
from estate.plan.hosts import hosts
from lab import machines
from lab.machines import LabUnavailable
from packages import deb, recipes
from tests.hosts import samples
from tests.hosts.rehearsal import Outcome, Rehearsal
from tools import parts
from tools import recipes as part_recipes

pytestmark = [pytest.mark.lab, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
UNITS = f"{gate_config.UNIT} {signer_config.UNIT}"


class GatedSigner(Rehearsal):
    """The active signer of the custody's site, with the packages that a deploy installs."""

    def bring(self, package: recipes.Package) -> None:
        made = self.directory / package.file_name
        deb.build(package, deb.sources(package), made)
        target = f"/root/{package.file_name}"
        content = base64.b64encode(made.read_bytes()).decode()
        done = machines.execute(
            self.lab, "host", ["sh", "-c", f"base64 -d > {target} && dpkg -i {target}"], text_input=content
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def configured(self) -> Outcome:
        """Deploys the gate as this checkout's source is now."""
        if version.version() != self.on_host("dpkg-query -W -f '${Version}' signing-gate"):
            self.bring(recipes.signing_gate())
        return self.deploy()

    def states(self) -> list[str]:
        return self.on_host(f"systemctl is-active {UNITS}").split()

    def until(self, command: str) -> None:
        waited = self.on_host(f"for i in $(seq 60); do {{ {command}; }} && exit 0; sleep 0.25; done; echo not so")
        assert waited == "", f"{command}: {waited}\n{self.on_host('journalctl --no-pager -n 40')}"

    def until_joined(self) -> None:
        """Waits until the gate that runs now says that its signer has come."""
        run = f"$(systemctl show -p InvocationID --value {gate_config.UNIT})"
        self.until(f"journalctl -o cat _SYSTEMD_INVOCATION_ID={run} | grep -q signer-up")

    def journal(self, unit: str) -> str:
        return self.on_host(f"journalctl --no-pager -o cat -u {unit}")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatedSigner]:
    if os.geteuid() != 0:
        pytest.skip("needs root on Linux: machines are booted")
    network = load.read(ROOT / "stacks" / "Pulumi.cosmoshub.yaml")
    host = next(
        each
        for each in hosts(network)
        if coordination.is_gated(network, each) and each.place == network.signing.custody
    )
    rehearsal = GatedSigner(network, host, tmp_path_factory.mktemp("signer"))
    try:
        rehearsal.open(samples.inventory(network))
        program = parts.ensure("tmkms") / "bin" / "tmkms"
        rehearsal.bring(recipes.tmkms(version=part_recipes.recipe("tmkms").version, program=program))
        rehearsal.bring(recipes.signing_gate())
        yield rehearsal
    except LabUnavailable as error:
        pytest.skip(str(error))
    finally:
        rehearsal.close()


@pytest.fixture(scope="module")
def empty(bare: GatedSigner) -> tuple[GatedSigner, Outcome]:
    """Deployed, and no ceremony has been held."""
    return bare, bare.configured()


@pytest.fixture(scope="module")
def signer(empty: tuple[GatedSigner, Outcome]) -> GatedSigner:
    """Deployed again after a ceremony installed key, state and watermark."""
    machine, _ = empty
    chain, user = machine.network.chain.chain_id, signer_config.USER
    state = signer_config.state_file(machine.network, Duty.CONSENSUS)
    said = machine.on_host(
        f"set -e; printf %s '{INITIAL_STATE}' > {state}; chown {user}:{user} {state}; "
        f"tmkms softsign keygen -t consensus {CONSENSUS_KEY} >/dev/null 2>&1; "
        f"chown root:{user} {CONSENSUS_KEY}; chmod 640 {CONSENSUS_KEY}; "
        f"runuser -u {gate_config.USER} -- signing-gate seed --config {gate_config.CONFIG} --chain {chain} "
        f'--public-key "$({public_half(CONSENSUS_KEY)})" --height 41'
    )
    assert "floor 00000000000000000041" in said, said
    outcome = machine.configured()
    assert outcome.code == 0, outcome.text
    machine.until(f"systemctl -q is-active {UNITS}")
    return machine


def test_before_the_ceremony_nothing_is_started_and_the_deploy_says_which_is_missing(
    empty: tuple[GatedSigner, Outcome],
) -> None:
    machine, first = empty
    assert first.code == 0, first.text
    assert "bin/estate key generate" in first.text
    assert machine.states() == ["inactive", "inactive"]
    again = machine.configured()
    assert (again.code, again.changed) == (0, 0), again.text


def test_after_the_ceremony_a_deploy_starts_the_gate_and_its_signer_and_then_changes_nothing(
    signer: GatedSigner,
) -> None:
    assert signer.states() == ["active", "active"]
    again = signer.configured()
    assert (again.code, again.changed) == (0, 0), again.text


def test_the_signer_has_no_network_and_is_connected_with_its_gate(signer: GatedSigner) -> None:
    signer.until_joined()
    process = f"$(systemctl show -p MainPID --value {signer_config.UNIT})"
    links = signer.on_host(f"nsenter -n -t {process} ip -o link").splitlines()
    assert [line.split()[1] for line in links] == ["lo:"]


def test_the_gate_listens_on_its_socket_and_nowhere_else(signer: GatedSigner) -> None:
    process = signer.on_host(f"systemctl show -p MainPID --value {gate_config.UNIT}")
    assert signer.on_host(f"ss -Hltunp | grep pid={process},") == ""
    listening = signer.on_host(f"ss -Hlxp | grep pid={process}, | awk '{{print $5}}'").split()
    assert listening == [gate_config.socket(signer.network.chain.chain_id)]


def test_the_key_is_readable_by_the_signer_alone(signer: GatedSigner) -> None:
    for user in (gate_config.USER, gate_config.LEASE_USER, "nobody"):
        assert "Permission denied" in signer.on_host(f"runuser -u {user} -- cat {CONSENSUS_KEY}")
    assert signer.on_host(f"runuser -u {signer_config.USER} -- wc -c < {CONSENSUS_KEY}") != "0"


def test_the_socket_is_for_the_signer_alone(signer: GatedSigner) -> None:
    socket = gate_config.socket(signer.network.chain.chain_id)
    for user in (gate_config.LEASE_USER, "nobody"):
        assert "Permission denied" in signer.on_host(f"runuser -u {user} -- nc -NU {socket} </dev/null")


def test_the_credentials_are_for_the_gate_alone(signer: GatedSigner) -> None:
    path = gate_config.CREDENTIALS
    document = json.dumps({"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "S"})
    user = gate_config.LEASE_USER
    signer.on_host(f"printf %s '{document}' > {path}; chown {user}:{user} {path}; chmod 640 {path}")
    process = f"$(systemctl show -p MainPID --value {gate_config.UNIT})"
    groups = signer.on_host(f"sed -n 's/^Groups:[[:space:]]*//p' /proc/{process}/status")
    assert signer.on_host(f"stat -c %g {path}") in groups.split()
    for other in (signer_config.USER, gate_config.USER, "nobody"):
        assert "Permission denied" in signer.on_host(f"runuser -u {other} -- cat {path}"), (
            "without the unit's own group"
        )
    signer.until(f"journalctl -o cat -u {gate_config.UNIT} | grep -q 'no connection to '")
    signer.on_host(f"rm {path}")


def test_the_lease_waits_for_something_to_show_to_vault(signer: GatedSigner) -> None:
    shown = signer.on_host(f"systemctl start {gate_config.LEASE_UNIT}; systemctl is-active {gate_config.LEASE_UNIT}")
    assert shown == "inactive"
    signer.on_host(
        f"echo not-a-token > {gate_config.SECRET_ID}; "
        f"chown {gate_config.LEASE_USER}: {gate_config.SECRET_ID}; systemctl start {gate_config.LEASE_UNIT}"
    )
    signer.until(f"journalctl -o cat -u {gate_config.LEASE_UNIT} | grep -q lease-failed")
    said = signer.journal(gate_config.LEASE_UNIT)
    assert "Traceback" not in said and "not-a-token" not in said
    signer.on_host(f"systemctl stop {gate_config.LEASE_UNIT}; rm {gate_config.SECRET_ID}")


def test_a_gate_that_is_stopped_stops_its_signer_and_both_come_back_together(signer: GatedSigner) -> None:
    signer.on_host(f"systemctl stop {gate_config.UNIT}")
    assert signer.states() == ["inactive", "inactive"]
    signer.on_host(f"systemctl start {gate_config.UNIT}")
    signer.until(f"systemctl -q is-active {UNITS}")


def test_a_gate_that_is_killed_comes_back_with_its_signer_unattended(signer: GatedSigner) -> None:
    before = signer.on_host(f"systemctl show -p MainPID --value {gate_config.UNIT}")
    signer.on_host(f"systemctl kill -s KILL {gate_config.UNIT}")
    signer.until(f"p=$(systemctl show -p MainPID --value {gate_config.UNIT}); [ $p != 0 ] && [ $p != {before} ]")
    signer.until(f"systemctl -q is-active {UNITS}")
    signer.until_joined()


def test_a_deploy_starts_a_gate_that_was_stopped_by_hand(signer: GatedSigner) -> None:
    signer.on_host(f"systemctl stop {gate_config.UNIT}")
    outcome = signer.configured()
    assert (outcome.code, outcome.changed) == (0, 1), outcome.text
    assert signer.states() == ["active", "active"]


def test_without_its_watermark_a_deploy_stops_both(signer: GatedSigner) -> None:
    floor = gate_config.floor_file(signer.network.chain.chain_id)
    signer.on_host(f"mv {floor} {floor}.away")
    outcome = signer.configured()
    assert outcome.code == 0 and "bin/estate key start" in outcome.text, outcome.text
    assert signer.states() == ["inactive", "inactive"]
    signer.on_host(f"mv {floor}.away {floor}")
    assert signer.configured().code == 0
    assert signer.states() == ["active", "active"]
