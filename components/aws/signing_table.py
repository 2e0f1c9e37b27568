"""The table in which a key's gates agree on each signature, and what each caller may do with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.aws.encryption import DELETION_WINDOW_DAYS, administered_by_account
from components.aws.policy_document import allow, document, trust
from components.base import RegionalArgs
from estate.model import Coordination, Network, Role
from estate.plan.coordination import table_names

GATE_HEAD_ACTIONS = ("dynamodb:UpdateItem",)
"""A gate's program updates a head only under a condition, so that an empty table refuses it. IAM cannot require a
condition: whoever holds these credentials can write any head of this chain without one (``docs/limits.md``).
"""

GATE_CLAIM_ACTIONS = ("dynamodb:PutItem",)
CEREMONY_ACTIONS = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
KEY_ACTIONS = ("kms:Decrypt",)
"""The KMS actions that DynamoDB performs on the caller's behalf; all others use its own grant.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
"""

NEVER = (
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:DeleteTable",
    "dynamodb:DeleteTableReplica",
    "dynamodb:PartiQLDelete",
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate",
    "dynamodb:RestoreTableFromBackup",
    "dynamodb:RestoreTableToPointInTime",
    "dynamodb:UpdateTable",
    "dynamodb:UpdateTimeToLive",
)
"""Actions that could lower a watermark or delete a signing claim. No role of the network may have them."""

ATTRIBUTES = {"pk": "S", "hrs": "S"}
"""The key of a head is the first; a claim's is both: chain and public key, then height, round and step."""

CEREMONY_SECONDS = 3600


def regions(network: Network) -> tuple[str, ...]:
    """The table's regions, first the one in which Pulumi manages it; none without coordination."""
    coordination = network.signing.coordination
    return tuple(sorted(coordination.replicas)) if coordination else ()


def table_arns(network: Network, *tables: str) -> list[str]:
    return [
        f"arn:aws:dynamodb:{region}:{network.aws.account_id}:table/{table}"
        for region in regions(network)
        for table in tables
    ]


def _of_this_chain(network: Network) -> dict[str, Any]:
    """Only items of this chain, and only calls that name a key."""
    return {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{network.chain.chain_id}|*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def _by_dynamodb(network: Network) -> dict[str, Any]:
    return {
        "StringEquals": {
            "kms:EncryptionContext:aws:dynamodb:tableName": list(table_names(network)),
            "kms:ViaService": [f"dynamodb.{region}.amazonaws.com" for region in regions(network)],
        }
    }


def gate_statements(network: Network, key_arns: Iterable[str]) -> list[dict[str, Any]]:
    """What a gate may do, in every region of the table."""
    head, claims = table_names(network)
    return [
        allow(GATE_HEAD_ACTIONS, table_arns(network, head), **_of_this_chain(network)),
        allow(GATE_CLAIM_ACTIONS, table_arns(network, claims), **_of_this_chain(network)),
        allow(KEY_ACTIONS, sorted(key_arns), **_by_dynamodb(network)),
    ]


def ceremony_statements(network: Network, key_arns: Iterable[str]) -> list[dict[str, Any]]:
    """What an operator may do in a ceremony: read, seed and fence, and delete nothing."""
    return [
        allow(CEREMONY_ACTIONS, table_arns(network, *table_names(network)), **_of_this_chain(network)),
        allow(KEY_ACTIONS, sorted(key_arns), **_by_dynamodb(network)),
    ]


def boundary_statements(network: Network) -> list[dict[str, Any]]:
    """The permissions boundary's statements about the tables: allowed and denied actions; none without coordination."""
    if network.signing.coordination is None:
        return []
    tables = table_arns(network, *table_names(network))
    keys = [f"arn:aws:kms:{region}:{network.aws.account_id}:key/*" for region in regions(network)]
    return [
        allow(CEREMONY_ACTIONS, tables, **_of_this_chain(network)),
        allow(KEY_ACTIONS, keys, **_by_dynamodb(network)),
        {"Effect": "Deny", "Action": list(NEVER), "Resource": tables},
    ]


@dataclass(frozen=True, kw_only=True)
class SigningTableArgs(RegionalArgs):
    """``region`` is the first of the table's ``regions``."""

    coordination: Coordination
    boundary_arn: pulumi.Input[str]


class SigningTable(AwsComponent):
    """The head and claims tables, in one region or strongly consistent in three, and the role for ceremonies.

    No role may delete from either: a head is the watermark; the claims are a second lock and the audit record. Each
    region has its own key. ``key_arns`` is by region, ``entry`` is the tables' entry in the hosts' inventory.
    """

    TOKEN = "estate:signing:SigningTable"

    key_arns: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: SigningTableArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        network = args.network
        self.key_arns = {region: self._key(region) for region in regions(network)}
        head, claims = table_names(network)
        self._table("head", args.coordination, head, ["pk"])
        self._table("claims", args.coordination, claims, ["pk", "hrs"])
        ceremony = self._ceremony(args)
        self.register_outputs({"head": head, "claims": claims, "ceremony_role_arn": ceremony.arn})

    def gate_permissions(self) -> list[pulumi.Output[dict[str, Any]]]:
        """The statements of a gate's role."""
        keys = pulumi.Output.all(*self.key_arns.values())

        def statement(index: int) -> pulumi.Output[dict[str, Any]]:
            return keys.apply(lambda arns: gate_statements(self.network, arns)[index])

        return [statement(index) for index in range(len(gate_statements(self.network, ())))]

    def _key(self, region: str) -> pulumi.Output[str]:
        key = self._resource(
            aws.kms.Key,
            f"key-{region}",
            purpose={"role": Role.SIGNER.value},
            region=region,
            outlive=True,
            description=f"The signing table of {self.network.name} in {region}",
            enable_key_rotation=True,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            policy=document([administered_by_account(self.network.aws.account_id)]),
        )
        self._resource(
            aws.kms.Alias,
            f"key-alias-{region}",
            region=region,
            name=f"alias/{self.network.name}-signing",
            target_key_id=key.key_id,
        )
        return key.arn

    def _table(self, key: str, coordination: Coordination, table: str, keys: Sequence[str]) -> None:
        home, *others = self.key_arns
        replicas = [
            aws.dynamodb.TableReplicaArgs(
                region_name=region,
                consistency_mode="STRONG",
                kms_key_arn=self.key_arns[region],
                point_in_time_recovery=True,
                deletion_protection_enabled=self.production,
                propagate_tags=True,
            )
            for region in others
        ]
        witness = aws.dynamodb.TableGlobalTableWitnessArgs(region_name=coordination.witness)
        self._resource(
            aws.dynamodb.Table,
            key,
            purpose={"role": Role.SIGNER.value},
            outlive=True,
            name=table,
            billing_mode="PAY_PER_REQUEST",
            hash_key=keys[0],
            range_key=keys[1] if len(keys) > 1 else None,
            attributes=[aws.dynamodb.TableAttributeArgs(name=each, type=ATTRIBUTES[each]) for each in keys],
            deletion_protection_enabled=self.production,
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(enabled=True),
            server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(
                enabled=True, kms_key_arn=self.key_arns[home]
            ),
            replicas=replicas or None,
            global_table_witness=witness if coordination.witness else None,
        )

    def _ceremony(self, args: SigningTableArgs) -> aws.iam.Role:
        """Assumed by people of the account, with MFA; CloudTrail records their calls."""
        network = self.network
        role = self._resource(
            aws.iam.Role,
            "ceremony",
            purpose={"role": Role.SIGNER.value},
            name=f"{network.name}-signing-ceremony",
            description=f"Ceremonies of the signing table of {network.name}, by people with a second factor",
            assume_role_policy=trust(
                {"AWS": f"arn:aws:iam::{network.aws.account_id}:root"},
                StringEquals={"sts:ExternalId": network.name},
                Bool={"aws:MultiFactorAuthPresent": "true"},
            ),
            permissions_boundary=args.boundary_arn,
            max_session_duration=CEREMONY_SECONDS,
        )
        policy = pulumi.Output.all(*self.key_arns.values()).apply(
            lambda arns: document(ceremony_statements(network, arns))
        )
        self._resource(aws.iam.RolePolicy, "ceremony-permissions", name="permissions", role=role.name, policy=policy)
        return role
