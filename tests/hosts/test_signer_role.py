"""A signer dials its own validators, signs with the key that its site may use, runs only where that is safe."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from estate import load
from estate.hosts import of_role
from estate.model import Network, Role
from hosts import signer_config
from hosts.context import HostContext
from hosts.keys.observation import SignedState, SignerObservation
from hosts.operations.files import File
from hosts.operations.signer import Verdict, provision, verdict
from hosts.roles import signer
from hosts.signer_config import CONFIG, CONSENSUS_KEY, STANDBY_KEY, UNIT_FILE, Duty
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


def test_exactly_one_signer_of_a_network_uses_the_consensus_key(network: Network) -> None:
    duties = [signer_config.duty(network, host) for host in of_role(network, Role.SIGNER)]
    assert duties.count(Duty.CONSENSUS) == 1
    holder = next(host for host in of_role(network, Role.SIGNER) if signer_config.duty(network, host) is Duty.CONSENSUS)
    assert holder.place == network.signing.custody and holder.active


def test_a_signer_dials_the_active_validators_of_its_own_site(network: Network) -> None:
    for context in contexts(network):
        document = tomllib.loads(files(context)[CONFIG])
        dialled = {each["addr"] for each in document["validator"]}
        own = [host for host in of_role(network, Role.VALIDATOR) if host.place == context.host.place and host.active]
        assert dialled == {f"tcp://{host.address}:{network.chain.ports.privval}" for host in own}
        assert all(each["reconnect"] for each in document["validator"])


def test_each_key_has_a_state_of_its_own(network: Network) -> None:
    assert signer_config.state_file(network, Duty.CONSENSUS) != signer_config.state_file(network, Duty.STANDBY)
    for context in contexts(network):
        document = tomllib.loads(files(context)[CONFIG])
        consensus = signer_config.duty(network, context.host) is Duty.CONSENSUS
        assert document["providers"]["softsign"][0]["path"] == (CONSENSUS_KEY if consensus else STANDBY_KEY)
        assert document["chain"][0]["state_file"].endswith("-standby.json") is not consensus


def test_a_device_backend_is_configured_with_a_password_file_and_no_password(network: Network) -> None:
    device = network.model_copy(update={"signing": network.signing.model_copy(update={"backend": "yubihsm"})})
    holder = next(each for each in contexts(device) if signer_config.duty(device, each.host) is Duty.CONSENSUS)
    document = tomllib.loads(files(holder)[CONFIG])
    provider = document["providers"]["yubihsm"][0]
    assert "password" not in provider["auth"] and provider["auth"]["password_file"]
    assert "softsign" not in document["providers"]
    assert "PrivateDevices=yes" not in files(holder)[UNIT_FILE], "it must reach its device"


def test_the_unit_lets_tmkms_talk_to_its_validators_and_listen_to_nobody(network: Network) -> None:
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
