"""The signer: what signs blocks, from its backup key in the cloud to what its hosts must run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.aws.encryption import DELETION_WINDOW_DAYS, administered_by_account, log_group_name
from components.aws.lease import Lease, LeaseArgs
from components.aws.policy_document import allow, document
from components.aws.role_boundary import BACKUP_ACTIONS
from components.aws.signing_table import SigningTable, SigningTableArgs, regions
from components.base import Component, RegionalArgs
from estate.model import Network, Role
from estate.plan import signers
from estate.plan.coordination import gate_leases
from estate.plan.hosts import Host, of_role

AUDIT_RETENTION_DAYS = 3653


def requirements(network: Network, host: Host) -> dict[str, Any]:
    """The inventory's entry of one signer host."""
    signer = signers.describe(network, host)
    return {
        "site": host.place,
        "chain_id": network.chain.chain_id,
        "backend": network.signing.backend,
        "active": host.active,
        "custody": signer.custody,
        "validators": [
            {"host": each.name, "address": str(each.address), "port": network.chain.ports.privval}
            for each in signer.validators
        ],
        "gated": signer.gated,
        "gate_lease": signer.gate_lease,
        "leases": list(signer.leases),
        "package": signer.package,
        "usb_device": signer.usb_device,
    }


@dataclass(frozen=True, kw_only=True)
class SignerArgs(RegionalArgs):
    """``region`` is where backups' key and audit log stand; ``key_arn`` encrypts the log."""

    key_arn: pulumi.Input[str]
    boundary_arn: pulumi.Input[str]


class Signer(Component):
    """Deploys the signer: the key that seals its backups, its audit log, its leases, and ``entries`` for its hosts.

    Where sites sign with one key, the table in which they agree too: ``table`` is its entry in the inventory. The
    consensus key itself is in none of it: it is made on a signer host, and never leaves it unsealed.
    """

    TOKEN = "estate:signing:Signer"

    entries: dict[str, dict[str, Any]]
    leases: dict[str, Lease]
    table: dict[str, Any] | None

    def __init__(self, name: str, args: SignerArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        network = args.network
        purpose = {"role": Role.SIGNER.value}
        backup = self._child(
            aws.kms.Key,
            "backup-key",
            purpose=purpose,
            outlive=True,
            description=f"Sealed backups of the signing keys of {network.name}",
            enable_key_rotation=True,
            multi_region=True,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            policy=document([administered_by_account(network.aws.account_id)]),
        )
        self._child(
            aws.kms.Alias, "backup-key-alias", name=f"alias/{network.name}-signer-backup", target_key_id=backup.key_id
        )
        self._child(
            aws.cloudwatch.LogGroup,
            "audit",
            purpose=purpose,
            outlive=True,
            name=log_group_name(network.name, "signer"),
            retention_in_days=AUDIT_RETENTION_DAYS,
            kms_key_id=args.key_arn,
        )
        sealing = backup.arn.apply(lambda arn: allow(BACKUP_ACTIONS, [arn]))
        agreed = self._signing_table(args)
        self.table = agreed.entry if agreed else None
        gates = gate_leases(network)
        self.leases = {
            lease: self._part(
                Lease,
                f"{network.name}-lease-{lease}",
                LeaseArgs(
                    network=network,
                    lease=lease,
                    boundary_arn=args.boundary_arn,
                    statements=agreed.gate_permissions() if agreed and lease in gates else [sealing],
                ),
            )
            for lease, declared in sorted(network.leases.items())
            if Role.SIGNER in declared.roles
        }
        self.entries = {host.name: requirements(network, host) for host in of_role(network, Role.SIGNER)}
        self.register_outputs({"backup_key_arn": backup.arn, "entries": self.entries})

    def _signing_table(self, args: SignerArgs) -> SigningTable | None:
        coordination = self.network.signing.coordination
        if coordination is None:
            return None
        table = SigningTableArgs(
            network=self.network,
            region=regions(self.network)[0],
            coordination=coordination,
            boundary_arn=args.boundary_arn,
        )
        return self._part(SigningTable, f"{self.network.name}-signing", table)
