"""A signer dials its own validators, signs with the key that its site may use, runs only where that is safe."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from ceremonies.observation import GateObservation, SignedState, SignerObservation
from configuration import gate_config, signer_config
from configuration.context import HostContext
from configuration.signer_config import CONFIG, CONSENSUS_KEY, STANDBY_KEY, UNIT_FILE, Duty
from coordinator.decision.position import Position
from coordinator.floor import Floor
from estate.declaration import load
from estate.model import Network, Role, Signing
from estate.plan import coordination
from estate.plan.hosts import of_role
from estate.plan.signers import MODES
from hosts.operations.files import File
from hosts.operations.signer import Verdict, commands, provision, verdict
from hosts.roles import signer
from tests.hosts import samples
from tools import recipes

HOLDS = SignerObservation(
    installed=True, provisioned=True, key="k", recorded="k", state=SignedState(height=7, round=0, step=2)
)


@pytest.fixture(scope="module")
def network(stack_file: Path) -> Network:
    return load.read(stack_file)


def contexts(network: Network) -> list[HostContext]:
    inventory = samples.inventory(network)
    return [HostContext(network=network, host=host, inventory=inventory) for host in of_role(network, Role.SIGNER)]


def files(context: HostContext) -> dict[str, str]:
    return {item.path: str(item.content) for item in signer.items(context) if isinstance(item, File)}


def alone(network: Network) -> Network:
    """The network as it is where one site signs."""
    return network.model_copy(update={"signing": network.signing.model_copy(update={"coordination": None})})


def with_device(network: Network) -> Network:
    return network.model_copy(update={"signing": network.signing.model_copy(update={"backend": "yubihsm"})})


def test_without_coordination_exactly_one_signer_uses_the_consensus_key(network: Network) -> None:
    signers = of_role(network, Role.SIGNER)
    holders = [host for host in signers if signer_config.duty(alone(network), host) is Duty.CONSENSUS]
    assert [host.place for host in holders] == [network.signing.custody] and holders[0].active


def test_with_coordination_the_active_signer_of_each_site_uses_it(network: Network) -> None:
    coordination = network.signing.coordination
    assert coordination
    for host in of_role(network, Role.SIGNER):
        coordinated = host.active and host.place in coordination.sites
        assert (signer_config.duty(network, host) is Duty.CONSENSUS) is coordinated, host.name


def test_a_site_that_is_not_coordinated_signs_with_a_key_of_no_weight_even_if_it_had_the_custody(
    network: Network,
) -> None:
    coordination = network.signing.coordination
    assert coordination
    others = {site: lease for site, lease in coordination.sites.items() if site != network.signing.custody}
    signing = network.signing.model_copy(update={"coordination": coordination.model_copy(update={"sites": others})})
    fewer = network.model_copy(update={"signing": signing})
    left = next(host for host in of_role(fewer, Role.SIGNER) if host.place == fewer.signing.custody and host.active)
    assert signer_config.duty(fewer, left) is Duty.STANDBY
    assert signer_config.settings(fewer, left).gate_unit == ""


def test_a_signer_without_a_gate_dials_the_active_validators_of_its_own_site(network: Network) -> None:
    for context in contexts(alone(network)):
        document = tomllib.loads(files(context)[CONFIG])
        dialled = {each["addr"] for each in document["validator"]}
        own = [host for host in of_role(network, Role.VALIDATOR) if host.place == context.host.place and host.active]
        assert dialled == {f"tcp://{host.address}:{network.chain.ports.privval}" for host in own}
        assert all(each["reconnect"] for each in document["validator"])


def test_a_signer_behind_a_gate_dials_only_its_gate(network: Network) -> None:
    for context in contexts(network):
        if coordination.is_gated(network, context.host):
            document = tomllib.loads(files(context)[CONFIG])
            assert [each["addr"] for each in document["validator"]] == [
                f"unix://{gate_config.socket(network.chain.chain_id)}"
            ]
            assert all(each["reconnect"] for each in document["validator"])


def test_a_signer_behind_a_gate_has_no_network_and_stops_with_its_gate(network: Network) -> None:
    for each in (network, with_device(network)):
        for context in contexts(each):
            if coordination.is_gated(each, context.host):
                unit = files(context)[UNIT_FILE].splitlines()
                assert "PrivateNetwork=yes" in unit and f"Requires={gate_config.UNIT}" in unit
                assert not any(line.startswith("IPAddressAllow=") for line in unit)
                families = next(line for line in unit if line.startswith("RestrictAddressFamilies="))
                assert "AF_INET" not in families and "AF_UNIX" in families


def test_each_key_has_a_state_of_its_own(network: Network) -> None:
    assert signer_config.state_file(network, Duty.CONSENSUS) != signer_config.state_file(network, Duty.STANDBY)
    for context in contexts(network):
        document = tomllib.loads(files(context)[CONFIG])
        consensus = signer_config.duty(network, context.host) is Duty.CONSENSUS
        assert document["providers"]["softsign"][0]["path"] == (CONSENSUS_KEY if consensus else STANDBY_KEY)
        assert document["chain"][0]["state_file"].endswith("-standby.json") is not consensus


def test_a_device_backend_is_configured_with_a_password_file_and_no_password(network: Network) -> None:
    device = with_device(network)
    holder = next(each for each in contexts(device) if signer_config.duty(device, each.host) is Duty.CONSENSUS)
    document = tomllib.loads(files(holder)[CONFIG])
    provider = document["providers"]["yubihsm"][0]
    assert "password" not in provider["auth"] and provider["auth"]["password_file"]
    assert "softsign" not in document["providers"]
    assert "PrivateDevices=yes" not in files(holder)[UNIT_FILE], "it must reach its device"


def test_every_mode_that_can_be_declared_has_requirements_and_a_provider(network: Network) -> None:
    assert set(get_args(Signing.model_fields["backend"].annotation)) == set(MODES)
    for backend in MODES:
        using = network.model_copy(update={"signing": network.signing.model_copy(update={"backend": backend})})
        holder = next(each for each in contexts(using) if signer_config.duty(using, each.host) is Duty.CONSENSUS)
        assert set(tomllib.loads(files(holder)[CONFIG])["providers"]) == {backend}


def test_the_unit_lets_tmkms_dial_its_validators_and_not_listen(network: Network) -> None:
    for context in contexts(network):
        unit = files(context)[UNIT_FILE]
        allowed = {
            line.removeprefix("IPAddressAllow=") for line in unit.splitlines() if line.startswith("IPAddressAllow=")
        }
        assert allowed == set(signer_config.settings(network, context.host).validator_addresses)
        for line in ("IPAddressDeny=any", "SocketBindDeny=any", "CapabilityBoundingSet=", "MemoryDenyWriteExecute=yes"):
            assert line in unit.splitlines()


def test_tmkms_does_not_start_without_a_state(network: Network) -> None:
    for context in contexts(network):
        unit = files(context)[UNIT_FILE]
        assert f"AssertPathExists={signer_config.settings(network, context.host).state_file}" in unit


def test_the_unit_is_where_a_key_move_can_mask_it() -> None:
    assert not UNIT_FILE.startswith("/etc/"), "systemd masks no unit whose file is in /etc"


def test_the_version_deployed_is_the_version_built() -> None:
    assert recipes.recipe("tmkms").version == signer_config.VERSION


@pytest.mark.parametrize(
    ("what", "state", "runs", "says"),
    [
        (Duty.SPARE, HOLDS, False, None),
        (Duty.STANDBY, SignerObservation(provisioned=True, standby=True), True, None),
        (Duty.STANDBY, replace(HOLDS, masked=True), False, "has begun"),
        (Duty.STANDBY, SignerObservation(provisioned=True, masked=True), True, None),
        (Duty.CONSENSUS, HOLDS, True, None),
        (Duty.CONSENSUS, SignerObservation(provisioned=True), False, "holds no consensus key"),
        (Duty.CONSENSUS, replace(HOLDS, masked=True), False, "has begun"),
        (Duty.CONSENSUS, replace(HOLDS, key=None, masked=True), False, "holds no consensus key"),
        (Duty.CONSENSUS, replace(HOLDS, state=None), False, "no signing state"),
    ],
)
def test_tmkms_runs_only_where_it_may(what: Duty, state: SignerObservation, runs: bool, says: str | None) -> None:
    decided = verdict(what, state, "west")
    assert decided.run is runs
    assert (decided.because is None) if says is None else says in (decided.because or "")


SEEDED = GateObservation(
    provisioned=True, floor=Floor(chain_id="chain-1", public_key=bytes(32), position=Position(7, 0, 2))
)


@pytest.mark.parametrize(
    ("state", "site", "runs", "says"),
    [
        (replace(HOLDS, gate=SEEDED), "west", True, None),
        (HOLDS, "west", False, "bin/estate key start"),
        (replace(HOLDS, gate=GateObservation(damaged=True)), "west", False, "a damaged watermark file"),
        (HOLDS, "east", False, "bin/estate key join east"),
        (replace(HOLDS, key=None, gate=SEEDED), "west", False, "bin/estate key generate"),
        (replace(HOLDS, key=None, gate=SEEDED), "east", False, "bin/estate key join east"),
        (replace(HOLDS, state=None, gate=SEEDED), "west", False, "no signing state"),
        (replace(HOLDS, gate=replace(SEEDED, masked=True)), "west", False, "has begun"),
    ],
)
def test_a_coordinated_signer_runs_only_with_key_state_and_watermark(
    state: SignerObservation, site: str, runs: bool, says: str | None
) -> None:
    decided = verdict(Duty.CONSENSUS, state, "west", site=site, gated=True)
    assert decided.run is runs
    assert (decided.because is None) if says is None else says in (decided.because or "")


def test_a_masked_gate_that_holds_the_key_is_not_touched_at_all() -> None:
    masked = replace(HOLDS, gate=replace(SEEDED, masked=True))
    assert not verdict(Duty.CONSENSUS, masked, "west", site="west", gated=True).touch


def test_a_gate_starts_before_its_signer_and_stops_after_it() -> None:
    still = replace(HOLDS, gate=SEEDED)
    started = commands(Verdict(run=True), still, gated=True)
    assert started == ["systemctl daemon-reload && systemctl enable --now signing-gate.service tmkms.service"]
    running = replace(still, enabled=True, active=True, gate=replace(SEEDED, enabled=True, active=True))
    assert commands(Verdict(run=True), running, gated=True) == [], "what runs is left alone"
    assert commands(Verdict(run=False), running, gated=True) == [
        "systemctl disable --now tmkms.service",
        "systemctl disable --now signing-gate.service",
    ]
    assert commands(Verdict(run=True), replace(running, gate=SEEDED), gated=True) == started, (
        "a stopped gate is started"
    )


@pytest.mark.slow
def test_a_signer_that_was_behind_a_gate_does_not_sign_without_one(network: Network) -> None:
    used = replace(HOLDS, gate=GateObservation(written=True))
    for in_hsm in (False, True):
        decided = verdict(Duty.CONSENSUS, used, "west", site="west", in_hsm=in_hsm)
        assert not decided.run and "bin/estate key retire" in (decided.because or "")
    assert verdict(Duty.STANDBY, replace(used, key=None), "west").run, "another key"
    bare = network.model_copy(update={"signing": network.signing.model_copy(update={"coordination": None})})
    assertion, seen = f"AssertDirectoryNotEmpty=!{gate_config.STATE}", set()
    for each in (network, bare):
        for context in contexts(each):
            direct = signer_config.duty(each, context.host) is Duty.CONSENSUS and not coordination.is_gated(
                each, context.host
            )
            unit, config = files(context)[UNIT_FILE], next(i for i in signer.items(context) if i.path == CONFIG)
            assert (assertion in unit.splitlines()) is direct
            assert isinstance(config, File) and (f"ls -A {gate_config.STATE}" in (config.then or "")) is direct
            seen.add(direct)
    assert seen == {False, True}


def test_a_restarted_signer_is_not_started_without_the_watermark_of_its_gate(network: Network) -> None:
    for context in contexts(network):
        if coordination.is_gated(network, context.host):
            config = next(item for item in signer.items(context) if item.path == CONFIG)
            assert isinstance(config, File) and config.then
            assert f"[ -s {gate_config.floor_file(network.chain.chain_id)} ]" in config.then


def test_a_halted_signer_that_holds_the_key_is_not_touched_at_all() -> None:
    for what in (Duty.CONSENSUS, Duty.STANDBY):
        assert not verdict(what, replace(HOLDS, masked=True), "west").touch


def test_a_key_in_a_device_is_not_asked_for_as_a_file() -> None:
    state = SignerObservation(provisioned=True, state=SignedState(height=7, round=0, step=2))
    assert verdict(Duty.CONSENSUS, state, "west", in_hsm=True) == Verdict(run=True)


def test_a_deploy_makes_no_consensus_key(network: Network) -> None:
    for what in Duty:
        script = provision(SignerObservation(installed=True), what, "/var/lib/tmkms/state/x.json")
        assert script and CONSENSUS_KEY not in script
        assert (STANDBY_KEY in script) is (what is Duty.STANDBY)


def test_a_signer_that_has_its_keys_is_left_alone() -> None:
    ready = SignerObservation(installed=True, provisioned=True, standby=True)
    assert all(provision(ready, what, "/x.json") is None for what in Duty)
