"""Google Cloud instances must not accept SSH keys from metadata."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, stated
from policies.rule import Example, resource_rule, violation

KEYS = ("ssh-keys", "sshKeys")
REASON = "anyone who can write metadata could log in everywhere, and no key would identify a person"


def is_true(given: object) -> bool:
    """Metadata values are text; Google accepts any case."""
    return given is not UNKNOWN and str(given).lower() in ("true", "1", "yes", "y")


def _instance(args: ResourceValidationArgs) -> Iterator[str]:
    metadata = stated(args.props, "metadata", {})
    if metadata is UNKNOWN:
        yield violation("metadata are unknown", "they must be set", REASON, "do not use outputs in them")
        return
    for key in ("enable-oslogin", "block-project-ssh-keys"):
        if not is_true(given := stated(metadata, key)):
            yield violation(f"{key} is {given}", "it must be set to TRUE", REASON, 'set it to "TRUE"')
    for key in KEYS:
        if stated(metadata, key) is not None:
            yield violation(f"{key} are given", "there must be none", REASON, "remove them")


def _project(args: ResourceValidationArgs) -> Iterator[str]:
    metadata = stated(args.props, "metadata", {})
    given = KEYS if metadata is UNKNOWN else [key for key in KEYS if stated(metadata, key) is not None]
    if given:
        yield violation("the project has SSH keys", "it must have none", REASON, "remove them")


def _item(args: ResourceValidationArgs) -> Iterator[str]:
    key = stated(args.props, "key")
    if key is UNKNOWN or key in KEYS:
        yield violation(f"the project's metadata have {key}", "they must have no SSH keys", REASON, "remove it")


RULE = resource_rule(
    "no-key-stands-in-metadata",
    "Google Cloud instances must ignore SSH keys in metadata, and neither they nor the project may have any.",
    {
        "gcp:compute/instance:Instance": _instance,
        "gcp:compute/projectMetadata:ProjectMetadata": _project,
        "gcp:compute/projectMetadataItem:ProjectMetadataItem": _item,
    },
    Severity.HIGH,
    why="A key in metadata opens every instance to anyone who can write metadata; with OS Login, the agent ignores "
    "them. "
    "The estate installs operators' own keys on the host.",
    fix='Set metadata `enable-oslogin: "TRUE"` and `block-project-ssh-keys: "TRUE"`; remove `ssh-keys`.',
    source="https://docs.cloud.google.com/compute/docs/connect/restrict-ssh-keys",
    example=Example("gcp:compute/projectMetadataItem:ProjectMetadataItem", {"key": "ssh-keys"}),
)
