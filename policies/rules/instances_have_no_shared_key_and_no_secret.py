"""Instances must have no key pair, and no secret in their user data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, stated
from policies.rule import Example, resource_rule, violation

SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|\bhvs\.[\w-]{20}|\bs\.[A-Za-z0-9]{24}\b|"
    r"(password|passwd|secret|mnemonic)\s*[:=]\s*\S",
    re.IGNORECASE,
)
START_UP = ("startup-script", "shutdown-script", "user-data")
"""Metadata keys with scripts that a Google Cloud instance executes."""


def _texts(properties: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        text = stated(properties, key, "")
        if text is UNKNOWN:
            yield violation(
                f"{key} is unknown", "it must be set", "a secret could be in it", "do not use outputs in it"
            )
        elif SECRETS.search(str(text)):
            yield violation(
                f"{key} has a secret in it",
                "it must have none",
                "every process on the host can read it",
                "let the host fetch it",
            )


def _instance(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "keyName") is not None:
        yield violation(
            "keyName is set",
            "operators must use their own keys",
            "a shared key does not identify a person",
            "remove keyName",
        )
    yield from _texts(args.props, ("userData", "userDataBase64"))


def _google(args: ResourceValidationArgs) -> Iterator[str]:
    yield from _texts(args.props, ("metadataStartupScript",))
    metadata = stated(args.props, "metadata", {})
    if metadata is not UNKNOWN:
        yield from _texts(metadata, START_UP)


RULE = resource_rule(
    "instances-have-no-shared-key-and-no-secret",
    "Instances must have no key pair, and no secret in their user data.",
    {"aws:ec2/instance:Instance": _instance, "gcp:compute/instance:Instance": _google},
    Severity.HIGH,
    why="User data can be read by every process on the host and everyone who may describe it; a shared key identifies "
    "nobody.",
    fix="Remove `keyName`; let the host fetch its secrets itself.",
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html",
    example=Example("aws:ec2/instance:Instance", {"keyName": "operations"}),
)
