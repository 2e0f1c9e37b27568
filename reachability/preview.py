"""Reads the JSON of ``pulumi preview --json``: the stack as it will be after the update.

Shape (pulumi's ``display.PreviewDigest``): ``steps``, each with ``op``, ``urn`` and the resource as ``oldState`` and
``newState``; ``changeSummary`` counts the steps by operation; ``diagnostics`` has what the program said. A secret is
the text ``[secret]``. What a provider computes is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reachability.encoding import CONCEALED, StateError

BLINDED = "[secret]"
STAYS = frozenset({"same", "refresh"})
"""Operations after which the resource is as before."""
BECOMES = frozenset(
    {"create", "update", "create-replacement", "read", "read-replacement", "import", "import-replacement"}
)
GOES = frozenset(
    {"delete", "delete-replaced", "replace", "discard", "discard-replaced", "read-discard", "remove-pending-replace"}
)
"""Operations whose resource is gone afterwards, or is listed with another operation too."""
AGAIN = "preview again: pulumi preview --json > FILE"


def resources(document: Mapping[str, Any]) -> list[Any]:
    """The resources after the update, as in an exported stack. Raises ``StateError``."""
    steps = document.get("steps")
    if not isinstance(steps, list):
        raise StateError("steps: " + type(steps).__name__, "must be a list", "a preview is a list of steps", AGAIN)
    _check_whole(document, steps)
    found = []
    for position, step in enumerate(steps):
        operation = step.get("op") if isinstance(step, dict) else None
        if operation in GOES:
            continue
        if not isinstance(step, dict) or operation not in BECOMES | STAYS:
            raise StateError(
                f"steps[{position}].op: {operation!r}",
                "must be an operation that is known",
                "what it leaves behind would not be known",
                "export the stack instead: pulumi stack export --file FILE",
            )
        found.append(_after(step, position))
    return found


def _check_whole(document: Mapping[str, Any], steps: list[Any]) -> None:
    """Checks that the preview succeeded and lists unchanged resources too."""
    said = document.get("diagnostics")
    errors = [each for each in said if isinstance(each, dict) and each.get("severity") == "error"] if said else []
    if errors or document.get("maybeCorrupt"):
        what = str(errors[0].get("message", ""))[:120].strip() if errors else "it may be corrupt"
        raise StateError(
            f"the preview failed: {what}", "must have succeeded", "resources after the failure are missing", AGAIN
        )
    summary = document.get("changeSummary")
    same = summary.get("same", 0) if isinstance(summary, dict) else 0
    listed = sum(isinstance(step, dict) and step.get("op") == "same" for step in steps)
    if isinstance(same, int) and listed < same:
        raise StateError(
            f"{same - listed} unchanged resources are not listed",
            "must list every resource",
            "what is not listed would count as missing",
            "preview with all of them: pulumi preview --json --show-sames > FILE",
        )


def _after(step: Mapping[str, Any], position: int) -> dict[str, Any]:
    """The resource after a step. An update keeps the outputs that its new inputs do not replace; what is no input any
    more may get any value."""
    old, new = step.get("oldState"), step.get("newState")
    state = new if isinstance(new, dict) else old if step.get("op") in STAYS else None
    if not isinstance(state, dict):
        raise StateError(
            f"steps[{position}]: {step.get('urn')}", "must have its new state", "it is deployed as that", AGAIN
        )
    made = dict(state)
    if isinstance(old, dict) and step.get("op") in (*STAYS, "update"):
        made["id"] = state.get("id") or old.get("id")
        outputs, inputs = _object(state.get("outputs") or old.get("outputs")), _object(state.get("inputs"))
        if step.get("op") == "update":
            removed = _object(old.get("inputs")).keys() - inputs.keys() - {"__defaults"}
            outputs = {**outputs, **inputs, **dict.fromkeys(removed, BLINDED)}
        made["outputs"] = outputs
    for key in ("inputs", "outputs"):
        if isinstance(made.get(key), dict):
            made[key] = _concealed(made[key])
    return made


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _concealed(value: Any) -> Any:
    """The value with blinded secrets as those of an exported stack: unknown, but set."""
    if value == BLINDED:
        return CONCEALED
    if isinstance(value, dict):
        return {key: _concealed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_concealed(each) for each in value]
    return value
