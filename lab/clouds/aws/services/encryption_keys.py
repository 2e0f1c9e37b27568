"""KMS keys and their aliases."""

import json
from collections.abc import Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import between, json_document, matches, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.spec import Autoname, Computed, TypeSpec

_SPECS = (
    "SYMMETRIC_DEFAULT",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "ECC_NIST_EDWARDS25519",
)


def _key_id(call: Call) -> str:
    digits = call.digest("key")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def _refuse_key(call: Call) -> None:
    props = call.props
    if props.get("enableKeyRotation") and props["customerMasterKeySpec"] != "SYMMETRIC_DEFAULT":
        call.refuse(
            "UnsupportedOperationException",
            f"Key rotation is supported for symmetric encryption keys only, not {props['customerMasterKeySpec']}.",
        )
    if props["customerMasterKeySpec"] == "SYMMETRIC_DEFAULT" and props["keyUsage"] != "ENCRYPT_DECRYPT":
        call.refuse(
            "ValidationException", f"The KeyUsage {props['keyUsage']} is not compatible with KeySpec SYMMETRIC_DEFAULT"
        )
    if props.get("policy"):
        _refuse_policy(call, props["policy"])


def _refuse_policy(call: Call, text: str) -> None:
    statements = json.loads(text).get("Statement")
    statements = [statements] if isinstance(statements, dict) else statements
    if not statements:
        call.refuse("MalformedPolicyDocumentException", "The new key policy has no statement.")
    for statement in statements:
        if "Principal" not in statement or "Action" not in statement or "Effect" not in statement:
            call.refuse(
                "MalformedPolicyDocumentException", "Policy contains a statement with no principal, action or effect."
            )
    if not call.props.get("bypassPolicyLockoutSafetyCheck") and not any(map(_keeps_control, statements)):
        call.refuse(
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
        )


def _keeps_control(statement: Mapping[str, Any]) -> bool:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    allows = any(action in ("*", "kms:*", "kms:Put*", "kms:PutKeyPolicy") for action in actions)
    return statement["Effect"] == "Allow" and allows


def _usual_policy(call: Call) -> str:
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{call.account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]})


def _key_attributes(call: Call) -> Computed:
    rotates = bool(call.props.get("enableKeyRotation"))
    return {
        "keyId": call.id,
        "policy": call.props.get("policy") or _usual_policy(call),
        "rotationPeriodInDays": call.props.get("rotationPeriodInDays") or (365 if rotates else 0),
    }


def _alias_key(call: Call) -> str:
    return str(call.props["targetKeyId"]).rsplit("/", 1)[-1]


def _refuse_alias(call: Call) -> None:
    name = call.props["name"]
    if name.startswith("alias/aws/"):
        call.refuse("NotAuthorizedException", f"The alias name {name} is reserved for keys that AWS manages.")
    if call.get(tokens.KMS_KEY, _alias_key(call)) is None:
        where = call.props["targetKeyId"]
        key_arn = where if where.startswith("arn:") else call.arn("kms", f"key/{where}")
        call.refuse("NotFoundException", f"Key '{key_arn}' does not exist")
    if call.old is None and call.find(tokens.KMS_ALIAS, name=name):
        call.refuse("AlreadyExistsException", f"An alias with the name {call.arn('kms', name)} already exists")


def _alias_attributes(call: Call) -> Computed:
    return {"arn": call.arn("kms", call.props["name"]), "targetKeyArn": call.arn("kms", f"key/{_alias_key(call)}")}


SPECS = (
    TypeSpec(
        token=tokens.KMS_KEY,
        noun="KMS Key",
        service="KMS",
        create="CreateKey",
        update="PutKeyPolicy",
        delete="ScheduleKeyDeletion",
        id=_key_id,
        arn="arn:aws:kms:{region}:{account}:key/{id}",
        replaces=frozenset({"customerMasterKeySpec", "customKeyStoreId", "keyUsage", "multiRegion", "xksKeyId"}),
        computed_inputs=frozenset({"policy", "multiRegion", "rotationPeriodInDays", "description"}),
        defaults={
            "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "enableKeyRotation": False,
            "isEnabled": True,
            "keyUsage": "ENCRYPT_DECRYPT",
            "multiRegion": False,
            "description": "",
            "bypassPolicyLockoutSafetyCheck": False,
        },
        rules=(
            between("deletionWindowInDays", 7, 30),
            between("rotationPeriodInDays", 90, 2560),
            one_of("customerMasterKeySpec", *_SPECS),
            one_of("keyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"),
            json_document("policy"),
        ),
        refusals=(_refuse_key,),
        compute=_key_attributes,
        recompute=_key_attributes,
    ),
    TypeSpec(
        token=tokens.KMS_ALIAS,
        noun="KMS Alias",
        service="KMS",
        create="CreateAlias",
        update="UpdateAlias",
        id=lambda call: call.props["name"],
        replaces=frozenset({"name", "namePrefix"}),
        autoname=Autoname(longest=256, leading="alias/"),
        rules=(matches("name", r"alias/[A-Za-z0-9/_-]+", "'alias/' and letters, digits, '/', '_' or '-'"),),
        refusals=(_refuse_alias,),
        compute=_alias_attributes,
        recompute=_alias_attributes,
    ),
)
