"""S3 buckets and what is configured on them.

Source: the S3 user guide's rules for bucket names, and the S3 API's list of error codes.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import json_document, matches, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.spec import Autoname, Computed, Reference, TypeSpec

_NO_BUCKET = ("NoSuchBucket", "The specified bucket does not exist: {id}")
_ON_BUCKET = Reference("bucket", (tokens.BUCKET,), _NO_BUCKET, blocks=False)
_NAME = re.compile(r"(?!xn--)(?!sthree-)(?!amzn-s3-demo-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias)(?<!--ol-s3)")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def _refuse_bucket(call: Call) -> None:
    name = call.props["bucket"]
    if not _NAME.fullmatch(name) or ".." in name or _ADDRESS.fullmatch(name):
        call.refuse("InvalidBucketName", f"The specified bucket is not valid: {name}")
    if call.old is not None:
        return
    for row in call.change.with_id(name):
        if row.type == tokens.BUCKET and row.account == call.account:
            call.refuse(
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
            )
        if row.type == tokens.BUCKET:
            call.refuse(
                "BucketAlreadyExists",
                "The requested bucket name is not available. The bucket namespace is shared by all users of the"
                " system.",
            )


def _bucket_attributes(call: Call) -> Computed:
    return {
        "arn": f"arn:aws:s3:::{call.id}",
        "bucketDomainName": f"{call.id}.s3.amazonaws.com",
        "bucketRegion": call.region,
        "bucketRegionalDomainName": f"{call.id}.s3.{call.region}.amazonaws.com",
        "hostedZoneId": f"Z{call.digest(call.region, 's3')[:13].upper()}",
        "serverSideEncryptionConfiguration": call.props.get("serverSideEncryptionConfiguration")
        or {"rule": {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}, "bucketKeyEnabled": False}},
    }


def _refuse_policy(call: Call) -> None:
    bucket = call.props["bucket"]
    statements = json.loads(call.props["policy"]).get("Statement") or []
    statements = [statements] if isinstance(statements, Mapping) else statements
    if not statements:
        call.refuse("MalformedPolicy", "Could not parse the policy: Statement is empty!")
    for statement in statements:
        if "Principal" not in statement:
            call.refuse("MalformedPolicy", "Missing required field Principal")
        resources = statement.get("Resource", [])
        for resource in resources if isinstance(resources, list) else [resources]:
            if resource != f"arn:aws:s3:::{bucket}" and not resource.startswith(f"arn:aws:s3:::{bucket}/"):
                call.refuse("MalformedPolicy", f"Policy has invalid resource: {resource}")
        public = statement["Principal"] in ("*", {"AWS": "*"}) and not statement.get("Condition")
        if public and statement.get("Effect") == "Allow" and _blocks_public_policies(call, bucket):
            call.refuse(
                "AccessDenied",
                f"public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access of {bucket}",
            )


def _blocks_public_policies(call: Call, bucket: str) -> bool:
    blocks = call.mentioning(bucket, tokens.BUCKET_PUBLIC_ACCESS_BLOCK)
    return any(row.properties.get("blockPublicPolicy") for row in blocks)


def _refuse_versioning(call: Call) -> None:
    bucket = call.get(tokens.BUCKET, call.props["bucket"])
    status = call.props["versioningConfiguration"]["status"]
    if bucket and bucket.properties.get("objectLockEnabled") and status != "Enabled":
        call.refuse(
            "InvalidBucketState",
            "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
        )


def _refuse_lifecycle(call: Call) -> None:
    rules = call.props.get("rules") or []
    for id, times in Counter(rule["id"] for rule in rules).items():
        if times > 1:
            call.refuse("InvalidArgument", f"Rule ID must be unique. Found same ID for more than one rule: {id}")
    for rule in rules:
        acts = {name for name, value in rule.items() if value} - {"id", "status", "filter", "prefix"}
        if not acts:
            call.refuse("InvalidRequest", f"At least one action needs to be specified in a rule: {rule['id']}")


def _refuse_encryption(call: Call) -> None:
    for rule in call.props.get("rules") or []:
        usual = rule.get("applyServerSideEncryptionByDefault") or {}
        if usual.get("kmsMasterKeyId") and usual.get("sseAlgorithm") == "AES256":
            call.refuse(
                "InvalidArgument", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms"
            )


def _on_bucket(
    token: str,
    noun: str,
    call: str,
    *,
    refusals: tuple[Callable[[Call], None], ...] = (),
    rules: tuple[Any, ...] = (),
    defaults: Mapping[str, Any] | None = None,
    computed_inputs: frozenset[str] = frozenset(),
) -> TypeSpec:
    return TypeSpec(
        token=token,
        noun=noun,
        service="S3",
        create=f"Put{call}",
        update=f"Put{call}",
        delete=f"Delete{call}",
        id=lambda made: made.props["bucket"],
        replaces=frozenset({"bucket"}),
        computed_inputs=computed_inputs,
        defaults=defaults or {},
        rules=rules,
        references=(_ON_BUCKET,),
        refusals=refusals,
    )


SPECS = (
    TypeSpec(
        token=tokens.BUCKET,
        noun="S3 Bucket",
        service="S3",
        create="CreateBucket",
        update="PutBucketTagging",
        id=lambda call: call.props["bucket"],
        replaces=frozenset({"bucket", "bucketPrefix", "bucketNamespace", "objectLockEnabled"}),
        computed_inputs=frozenset(
            {
                "accelerationStatus",
                "acl",
                "grants",
                "policy",
                "requestPayer",
                "serverSideEncryptionConfiguration",
                "versioning",
                "objectLockConfiguration",
            }
        ),
        defaults={"forceDestroy": False, "objectLockEnabled": False},
        autoname=Autoname("bucket", "bucketPrefix", longest=63, lower=True),
        rules=(json_document("policy"),),
        refusals=(_refuse_bucket,),
        compute=_bucket_attributes,
    ),
    _on_bucket(
        tokens.BUCKET_PUBLIC_ACCESS_BLOCK,
        "S3 Bucket Public Access Block",
        "PublicAccessBlock",
        defaults={
            "blockPublicAcls": False,
            "blockPublicPolicy": False,
            "ignorePublicAcls": False,
            "restrictPublicBuckets": False,
        },
    ),
    _on_bucket(
        tokens.BUCKET_VERSIONING,
        "S3 Bucket Versioning",
        "BucketVersioning",
        rules=(one_of("versioningConfiguration.status", "Enabled", "Suspended", "Disabled"),),
        refusals=(_refuse_versioning,),
    ),
    _on_bucket(
        tokens.BUCKET_ENCRYPTION,
        "S3 Bucket Server-side Encryption Configuration",
        "BucketEncryption",
        rules=(one_of("rules[].applyServerSideEncryptionByDefault.sseAlgorithm", "AES256", "aws:kms", "aws:kms:dsse"),),
        refusals=(_refuse_encryption,),
    ),
    _on_bucket(
        tokens.BUCKET_POLICY,
        "S3 Bucket Policy",
        "BucketPolicy",
        rules=(json_document("policy"),),
        refusals=(_refuse_policy,),
    ),
    _on_bucket(
        tokens.BUCKET_LIFECYCLE_CONFIGURATION,
        "S3 Bucket Lifecycle Configuration",
        "BucketLifecycleConfiguration",
        rules=(
            one_of("rules[].status", "Enabled", "Disabled"),
            matches("rules[].id", r".{1,255}", "1 to 255 characters"),
        ),
        refusals=(_refuse_lifecycle,),
        computed_inputs=frozenset({"transitionDefaultMinimumObjectSize"}),
    ),
    _on_bucket(
        tokens.BUCKET_OWNERSHIP_CONTROLS,
        "S3 Bucket Ownership Controls",
        "BucketOwnershipControls",
        rules=(one_of("rule.objectOwnership", "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"),),
    ),
)
