"""How Pulumi writes special values in JSON, and the error of text that is no state."""

from __future__ import annotations

from collections.abc import Mapping

from estate.errors import UsageError

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that marks a special object (Pulumi's resource property encoding)."""
SECRET = "1b47061264138c4ac30d75fd1eb44270"

CONCEALED: Mapping[str, str] = {SIGNATURE: SECRET, "ciphertext": ""}
"""A secret whose value the file does not tell: unknown, but set."""

UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Pulumi's encoding of an unknown string."""

EXPORT = (
    "give the file that `pulumi stack export --file FILE` writes, or a checkpoint of a self-managed backend "
    "(.pulumi/stacks/…/NAME.json), or that of `pulumi preview --json`, `terraform show -json` or `terraform state pull`"
)


class StateError(UsageError):
    """Text that is not an exported stack: ``value``, the violated ``rule``, the rule's ``reason`` and the ``fix``."""

    def __init__(self, value: str, rule: str, reason: str, fix: str = EXPORT) -> None:
        super().__init__(f"{value}: {rule}, because {reason}; {fix}")
        self.value, self.rule, self.reason, self.fix = value, rule, reason, fix
