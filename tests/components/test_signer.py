"""The signer, as one component."""

from __future__ import annotations

import pytest

from components.aws.signer import requirements
from components.recording import Recorded
from estate.model import Network
from estate.plan.coordination import gate_leases
from estate.plan.hosts import hosts


def test_every_signer_host_has_an_entry(recorded: Recorded, network: Network) -> None:
    assert set(recorded.inventory["signer"]) == {host.name for host in hosts(network) if host.role == "signer"}


def test_one_active_signer_has_custody(recorded: Recorded, network: Network) -> None:
    custodians = [entry for entry in recorded.inventory["signer"].values() if entry["custody"]]
    assert [entry["site"] for entry in custodians] == [network.signing.custody], (
        "two hosts with the key would sign twice"
    )
    assert custodians[0]["active"]


def test_custody_moves_with_the_declaration(network: Network) -> None:
    other = next((site for site in network.sites if site != network.signing.custody), None)
    if other is None:
        pytest.skip("this network has one site")
    moved = network.model_copy(update={"signing": network.signing.model_copy(update={"custody": other})})
    entries = [requirements(moved, host) for host in hosts(moved) if host.role == "signer"]
    assert [entry["site"] for entry in entries if entry["custody"]] == [other]


def test_a_signer_dials_the_validators_of_its_site_the_active_one_first(recorded: Recorded, network: Network) -> None:
    for entry in recorded.inventory["signer"].values():
        here = {host.name: host for host in hosts(network) if host.role == "validator" and host.place == entry["site"]}
        assert {each["host"] for each in entry["validators"]} == set(here)
        assert here[entry["validators"][0]["host"]].active
        for each in entry["validators"]:
            assert (each["address"], each["port"]) == (str(here[each["host"]].address), network.chain.ports.privval)


def test_a_signer_knows_chain_backend_package_and_leases(recorded: Recorded, network: Network) -> None:
    for entry in recorded.inventory["signer"].values():
        assert (entry["chain_id"], entry["backend"], entry["package"]) == (
            network.chain.chain_id,
            network.signing.backend,
            "tmkms",
        )


def test_a_signer_takes_its_roles_leases_and_of_the_gates_only_its_own(recorded: Recorded, network: Network) -> None:
    for name, entry in recorded.inventory["signer"].items():
        taken = {lease for lease, each in recorded.inventory["leases"].items() if name in each["consumers"]}
        assert set(entry["leases"]) == taken
        gates = taken & gate_leases(network)
        assert gates == ({entry["gate_lease"]} if entry["gated"] else set())
        assert {lease for lease, each in network.leases.items() if "signer" in each.roles} == (
            taken | (gate_leases(network) - gates)
        )


def test_the_active_signer_of_each_coordinated_site_is_gated(recorded: Recorded, network: Network) -> None:
    coordination = network.signing.coordination
    gated = [entry for entry in recorded.inventory["signer"].values() if entry["gated"]]
    assert all(entry["active"] for entry in gated)
    assert {entry["site"]: entry["gate_lease"] for entry in gated} == (coordination.sites if coordination else {})


def test_a_hardware_backend_needs_its_device(network: Network) -> None:
    hardware = network.model_copy(update={"signing": network.signing.model_copy(update={"backend": "yubihsm"})})
    entries = [requirements(hardware, host) for host in hosts(hardware) if host.role == "signer"]
    assert {entry["usb_device"] for entry in entries} == {"1050:0030"}


def test_backups_are_sealed_with_a_key_of_their_own_that_outlives_the_stack(
    recorded: Recorded, network: Network
) -> None:
    key = recorded.named(f"{network.name}-signer-backup-key")
    assert key.retain_on_delete is (network.stage == "production")
    assert key.inputs["multiRegion"] is True


def test_the_signers_leases_are_under_the_signer(recorded: Recorded, network: Network) -> None:
    (signer,) = recorded.of("estate:signing:Signer")
    under = {each.name for each in recorded.of("estate:access:Lease") if each.parent == signer.urn}
    assert under == {
        f"{network.name}-lease-{name}" for name, lease in network.leases.items() if "signer" in lease.roles
    }
