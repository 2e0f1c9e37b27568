"""The AWS resources of signing: the backups' key, the audit log, the signer's leases, the signing table."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.aws.encryption import DELETION_WINDOW_DAYS, administered_by_account, log_group_name
from components.aws.lease import Lease
from components.aws.policy_document import allow, document
from components.aws.role_boundary import BACKUP_ACTIONS
from components.aws.signing_table import SigningTable, SigningTableArgs, regions
from components.nouns import LeaseArgs, SignerArgs
from estate.model import Role
from estate.plan.coordination import gate_leases

AUDIT_RETENTION_DAYS = 3653


class Signer(AwsComponent):
    """The key that seals backups, the audit log, and the signer's leases; the signing table, where sites share a key.

    None of them contains the consensus key: it is generated on a signer host and never leaves it unencrypted.
    """

    TOKEN = "estate:signing:Signer"

    def __init__(
        self,
        name: str,
        args: SignerArgs,
        *,
        boundary_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, args, opts)
        network = args.network
        purpose = {"role": Role.SIGNER.value}
        backup = self._resource(
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
        self._resource(
            aws.kms.Alias, "backup-key-alias", name=f"alias/{network.name}-signer-backup", target_key_id=backup.key_id
        )
        self._resource(
            aws.cloudwatch.LogGroup,
            "audit",
            purpose=purpose,
            outlive=True,
            name=log_group_name(network.name, "signer"),
            retention_in_days=AUDIT_RETENTION_DAYS,
            kms_key_id=args.key_id,
        )
        sealing = backup.arn.apply(lambda arn: allow(BACKUP_ACTIONS, [arn]))
        table = self._signing_table(args, boundary_arn)
        gates = gate_leases(network)
        for lease, declared in sorted(network.leases.items()):
            if Role.SIGNER in declared.roles:
                Lease(
                    f"{network.name}-lease-{lease}",
                    LeaseArgs(network=network, lease=lease),
                    boundary_arn=boundary_arn,
                    statements=table.gate_permissions() if table and lease in gates else [sealing],
                    opts=pulumi.ResourceOptions(parent=self),
                )
        self.register_outputs({"backup_key_arn": backup.arn})

    def _signing_table(self, args: SignerArgs, boundary_arn: pulumi.Input[str]) -> SigningTable | None:
        coordination = self.network.signing.coordination
        if coordination is None:
            return None
        table = SigningTableArgs(
            network=args.network,
            region=regions(args.network)[0],
            coordination=coordination,
            boundary_arn=boundary_arn,
        )
        return self._part(SigningTable, f"{args.network.name}-signing", table)
