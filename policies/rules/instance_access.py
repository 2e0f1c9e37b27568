"""How one gets onto an instance: by one's own key, and no secret in its user data."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from .reading import UNKNOWN, stated
from .rule import resource_rule, violation

SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|\bhvs\.[\w-]{20}|\bs\.[A-Za-z0-9]{24}\b|"
    r"(password|passwd|secret|mnemonic)\s*[:=]\s*\S",
    re.IGNORECASE,
)


def _instance(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "keyName") is not None:
        yield violation(
            "a key pair is given", "operators have their own keys", "a shared key names nobody", "leave keyName out"
        )
    for key in ("userData", "userDataBase64"):
        text = stated(args.props, key, "")
        if text is UNKNOWN:
            yield violation(f"{key} is unknown", "it is stated", "a secret could be in it", "leave outputs out of it")
        elif SECRETS.search(text):
            yield violation(
                f"{key} has a secret in it",
                "it has none",
                "every process on the host can read it",
                "fetch it on the host",
            )


RULE = resource_rule(
    "instances-have-no-shared-key-and-no-secret",
    "Instances have no key pair, and no secret in their user data.",
    {"aws:ec2/instance:Instance": _instance},
    Severity.HIGH,
)
