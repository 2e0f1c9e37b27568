"""The key with which a region's volumes and logs are encrypted."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.aws.policy_document import document
from components.base import RegionalArgs

LOG_ACTIONS = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
DELETION_WINDOW_DAYS = 30


def administered_by_account(account_id: str) -> dict[str, object]:
    """The statement that every key policy needs: it names the account, so that the account's IAM policies apply.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html; ``Resource: *`` is this key.
    """
    return {
        "Sid": "Account",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }


def log_group_name(network: str, *parts: str) -> str:
    return "/".join(("/estate", network, *parts))


class EncryptionKey(AwsComponent):
    """A customer-managed key, rotated yearly, that only this account and its region's log service may use.

    Its id: the ARN.
    """

    TOKEN = "estate:security:EncryptionKey"

    id: pulumi.Output[str]

    def __init__(self, name: str, args: RegionalArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        account = args.network.aws.account_id
        groups = log_group_name(args.network.name, "*")
        logs = {
            "Sid": "Logs",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{args.region}.amazonaws.com"},
            "Action": list(LOG_ACTIONS),
            "Resource": "*",
            "Condition": {
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{args.region}:{account}:log-group:{groups}"
                }
            },
        }
        key = self._resource(
            aws.kms.Key,
            "key",
            outlive=True,
            description=f"Volumes and logs of {args.network.name} in {args.region}",
            enable_key_rotation=True,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            policy=document([administered_by_account(account), logs]),
        )
        self._resource(aws.kms.Alias, "alias", name=f"alias/{args.network.name}", target_key_id=key.key_id)
        self.id = key.arn
        self.register_outputs({"arn": key.arn})
