"""The interactive serial console must be off."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, stated
from policies.rule import Example, resource_rule, violation
from policies.rules.no_key_stands_in_metadata import is_true

KEY = "serial-port-enable"
REASON = "it is a console on the internet that no firewall filters"


def _open(given: object) -> bool:
    return given is UNKNOWN or (given is not None and is_true(given))


def _metadata(args: ResourceValidationArgs) -> Iterator[str]:
    metadata = stated(args.props, "metadata", {})
    given = UNKNOWN if metadata is UNKNOWN else stated(metadata, KEY)
    if _open(given):
        yield violation(f"{KEY} is {given}", "it must be off", REASON, "remove it")


def _item(args: ResourceValidationArgs) -> Iterator[str]:
    key, value = stated(args.props, "key"), stated(args.props, "value")
    if key == KEY and _open(value):
        yield violation(f"{KEY} is {value} for the project", "it must be off", REASON, "remove it")


RULE = resource_rule(
    "serial-ports-are-shut",
    "The interactive serial console must be off, for instances and projects.",
    {
        "gcp:compute/instance:Instance": _metadata,
        "gcp:compute/projectMetadata:ProjectMetadata": _metadata,
        "gcp:compute/projectMetadataItem:ProjectMetadataItem": _item,
    },
    Severity.HIGH,
    why="Google's serial console answers on the internet, and no firewall can restrict its clients.",
    fix="Remove `serial-port-enable` from the metadata.",
    source="https://docs.cloud.google.com/compute/docs/troubleshooting/troubleshooting-using-serial-console",
    example=Example("gcp:compute/instance:Instance", {"metadata": {"serial-port-enable": "TRUE"}}),
)
