"""DynamoDB tables.

Source: the DynamoDB API reference of CreateTable and its validation messages.
"""

from collections.abc import Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import matches, one_of
from lab.clouds.aws.services import global_tables, tokens
from lab.clouds.aws.spec import Autoname, Computed, Found, TypeSpec


def _key_names(props: Mapping[str, Any]) -> list[str]:
    names = [props.get("hashKey"), props.get("rangeKey")]
    for index in props.get("globalSecondaryIndexes") or []:
        names += [index.get("hashKey"), index.get("rangeKey")]
        names += [schema["attributeName"] for schema in index.get("keySchemas") or []]
    names += [index["rangeKey"] for index in props.get("localSecondaryIndexes") or []]
    return [name for name in names if name]


def _refuse_table(call: Call) -> None:
    props = call.props
    if call.old is None and call.find(tokens.DYNAMODB_TABLE, name=props["name"]):
        call.refuse("ResourceInUseException", f"Table already exists: {props['name']}")
    restored = props.get("restoreSourceName") or props.get("restoreSourceTableArn") or props.get("restoreBackupArn")
    if not props.get("hashKey") and not restored:
        call.refuse(
            "ValidationException",
            "No Hash Key specified in schema. All Dynamo DB tables must have exactly one hash key",
        )
    defined = [attribute["name"] for attribute in props.get("attributes") or []]
    keys = _key_names(props)
    undefined = [name for name in keys if name not in defined]
    if undefined:
        call.refuse(
            "ValidationException",
            "One or more parameter values were invalid: Some index key attributes are not defined in"
            f" AttributeDefinitions. Keys: {undefined}, AttributeDefinitions: {defined}",
        )
    unused = [name for name in defined if name not in keys]
    if unused:
        call.refuse(
            "ValidationException",
            "One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number"
            f" of attributes defined in AttributeDefinitions; unused: {unused}",
        )
    _refuse_capacity(call)


def _refuse_capacity(call: Call) -> None:
    units = [call.inputs.get(name) or 0 for name in ("readCapacity", "writeCapacity")]
    if call.props["billingMode"] == "PROVISIONED" and min(units) < 1:
        call.refuse(
            "ValidationException",
            "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified"
            " when BillingMode is PROVISIONED",
        )
    if call.props["billingMode"] == "PAY_PER_REQUEST" and any(units):
        call.refuse(
            "ValidationException",
            "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be"
            " specified when BillingMode is PAY_PER_REQUEST",
        )


def _table_attributes(call: Call) -> Computed:
    props = call.props
    eventual = bool(global_tables.replicas(props)) and not global_tables.is_strong(props)
    streams = bool(props.get("streamEnabled")) or eventual
    label = "2026-01-01T00:00:00.000" if streams else ""
    return {
        "streamLabel": label,
        "streamArn": f"{call.arn('dynamodb', f'table/{call.id}')}/stream/{label}" if streams else "",
        "readCapacity": props.get("readCapacity") or 0,
        "writeCapacity": props.get("writeCapacity") or 0,
        "pointInTimeRecovery": props.get("pointInTimeRecovery") or {"enabled": False, "recoveryPeriodInDays": 0},
        "serverSideEncryption": props.get("serverSideEncryption") or {"enabled": False, "kmsKeyArn": ""},
    }


def _refuse_protected(call: Call) -> None:
    if call.row.properties.get("deletionProtectionEnabled"):
        call.refuse(
            "ValidationException",
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection"
            " first.",
        )
    global_tables.refuse_protected_replicas(call)


def _streamed(inputs: Mapping[str, Any]) -> Found:
    if inputs.get("streamEnabled") is True and not inputs.get("streamViewType"):
        yield "streamViewType", "Missing required argument: stream_view_type is required when stream_enabled = true"


SPECS = (
    TypeSpec(
        token=tokens.DYNAMODB_TABLE,
        noun="DynamoDB Table",
        service="DynamoDB",
        create="CreateTable",
        update="UpdateTable",
        id=lambda call: call.props["name"],
        arn="arn:aws:dynamodb:{region}:{account}:table/{id}",
        replaces=frozenset(
            {
                "hashKey",
                "importTable",
                "localSecondaryIndexes",
                "name",
                "rangeKey",
                "restoreSourceName",
                "restoreBackupArn",
            }
        ),
        computed_inputs=frozenset({"attributes", "hashKey", "pointInTimeRecovery", "rangeKey", "serverSideEncryption"}),
        defaults={"billingMode": "PROVISIONED", "deletionProtectionEnabled": False, "tableClass": "STANDARD"},
        autoname=Autoname(prefix_property=None),
        rules=(
            one_of("billingMode", "PROVISIONED", "PAY_PER_REQUEST"),
            one_of("attributes[].type", "B", "N", "S"),
            one_of("streamViewType", "KEYS_ONLY", "NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE"),
            one_of("replicas[].consistencyMode", "EVENTUAL", "STRONG"),
            one_of("tableClass", "STANDARD", "STANDARD_INFREQUENT_ACCESS"),
            matches("name", r"[A-Za-z0-9_.-]{3,255}", "3 to 255 letters, digits and _.-"),
            _streamed,
        ),
        refusals=(_refuse_table, global_tables.refuse_replicas),
        compute=_table_attributes,
        recompute=_table_attributes,
        refuse_deletion=_refuse_protected,
    ),
)
