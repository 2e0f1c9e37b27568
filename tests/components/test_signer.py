"""The signer, as one component."""

from __future__ import annotations

from components.recording import Recorded
from estate.model import Network


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
