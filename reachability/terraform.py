"""Reads Terraform's JSON: a state file (``terraform.tfstate``, ``terraform state pull``), or what ``terraform show
-json`` prints of a state, or of a plan as the state after it.

Shape (developer.hashicorp.com/terraform/internals/json-format): ``values`` (a state) or ``planned_values`` (a plan)
with ``root_module``: its ``resources``, each with ``address``, ``mode``, ``type`` and ``values``, and its
``child_modules``. A plan's ``resource_changes`` say which values are unknown, its ``configuration`` on what these
depend.

Shape of a state file (version 4, since Terraform 0.12; OpenTofu's is the same): ``resources``, each with ``module``,
``mode``, ``type``, ``name`` and ``instances``, each with ``attributes``, and with ``index_key``, ``deposed`` and
``status``.

Resources become Pulumi's (``terraform_names``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from reachability.encoding import CONCEALED, UNKNOWN_STRING, StateError
from reachability.terraform_names import dialect, token

SHOW = "give the file that `terraform show -json > FILE` or `terraform state pull > FILE` writes"
STATE_FILE = 4
"""The version of state files that is read."""
MAJOR_VERSIONS = ("0", "1")
CREATED_BY_ONE_REQUEST: Mapping[str, tuple[str, ...]] = {
    "aws_ecs_service": (),
    "aws_eks_cluster": (),
    "aws_eks_fargate_profile": (),
    "aws_eks_node_group": (),
    "aws_instance": ("source_dest_check",),
    "aws_lambda_function": (),
    "google_compute_instance": (),
    "google_container_cluster": (),
    "google_container_node_pool": (),
}
"""By type: the attributes that a further request sets. Terraform records a resource whose creation failed with what it
asked for."""
MODULE = "module."
DEEPEST_MODULES = 20
INDEX = re.compile(r'\[(?:[0-9]+|"(?:[^"\\]|\\.)*")\]')


def resources(document: Mapping[str, Any]) -> list[Any]:
    """The resources of a state, or of a plan after it, as in an exported stack. Raises ``StateError``."""
    if "format_version" not in document and document.get("version") == STATE_FILE:
        return [_resource(each, each["values"], {}) for each in _in_state_file(document)]
    _check(document)
    plan = "planned_values" in document
    values = document.get("planned_values" if plan else "values")
    if values is None:
        return []
    listed = list(_listed(values, "values"))
    if not plan:
        return [_resource(each, each.get("values"), {}) for each in listed]
    unknown = _unknowns(document.get("resource_changes"))
    configured = _Configuration(document.get("configuration"))
    urns: dict[str, list[str]] = {}
    for each in listed:
        urns.setdefault(INDEX.sub("", each["address"]), []).append(_urn(each))
    found = []
    for each in listed:
        attributes = _with_unknown(each.get("values") or {}, unknown.get(each["address"]))
        given = configured.references(INDEX.sub("", each["address"]))
        dependencies = {}
        for name, value in attributes.items():
            if value != UNKNOWN_STRING or name not in given:
                continue
            on = [urn for base in given[name] or () for urn in urns.get(base, ())]
            if on:
                dependencies[dialect(each["type"]).property_name(name, value)] = on
            else:
                attributes[name] = CONCEALED
        found.append(_resource(each, attributes, dependencies))
    return found


def _check(document: Mapping[str, Any]) -> None:
    version = document.get("format_version")
    if not isinstance(version, str) or version.split(".")[0] not in MAJOR_VERSIONS:
        raise StateError(
            f"a state file of version {document.get('version')!r}"
            if version is None
            else f"format_version {version!r}",
            "must be a state file of version 4, or what `terraform show -json` prints in format 0 or 1",
            "other formats are not supported",
            SHOW,
        )
    if document.get("errored") or document.get("complete") is False:
        raise StateError(
            "a plan that failed or defers changes", "must be whole", "what is missing counts as absent", SHOW
        )


def _listed(values: Any, where: str) -> Iterator[dict[str, Any]]:
    """Every managed resource of the modules."""
    todo = [_object(values, where).get("root_module", {})]
    while todo:
        module = _object(todo.pop(), f"{where}.root_module")
        for key in ("resources", "child_modules"):
            if not isinstance(module.get(key, []), list):
                raise StateError(f"{where}: {key}", "must be a list", "a module lists what it has", SHOW)
        todo += module.get("child_modules", [])
        for each in module.get("resources", []):
            found = _object(each, f"{where}: a resource")
            if not all(isinstance(found.get(key), str) and found[key] for key in ("address", "type", "mode")):
                raise StateError(
                    f"{where}: a resource", "must have address, type and mode", "it does what its type says", SHOW
                )
            if found["mode"] == "managed":
                yield found


def _in_state_file(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every managed resource of a state file, as ``terraform show -json`` has it."""
    if not isinstance(document.get("resources"), list):
        raise StateError("resources", "must be a list", "a state file lists what it has", SHOW)
    for position, each in enumerate(document["resources"]):
        where = f"resources[{position}]"
        found = _object(each, where)
        if not all(isinstance(found.get(key), str) and found[key] for key in ("mode", "type", "name")):
            raise StateError(where, "must have mode, type and name", "it does what its type says", SHOW)
        if found["mode"] != "managed":
            continue
        module = found.get("module")
        base = f"{module}.{found['type']}.{found['name']}" if module else f"{found['type']}.{found['name']}"
        if not isinstance(found.get("instances"), list):
            raise StateError(f"{where}: instances", "must be a list", "what has none would count as absent", SHOW)
        for one in found["instances"]:
            instance = _object(one, f"{where}: an instance")
            if not isinstance(instance.get("attributes"), dict):
                raise StateError(
                    base, "must have attributes", "they say what it does; a newer Terraform rewrites the file", SHOW
                )
            index, deposed = instance.get("index_key"), instance.get("deposed")
            yield {
                "address": base + ("" if index is None else f"[{json.dumps(index)}]"),
                "type": found["type"],
                "values": instance["attributes"],
                "tainted": instance.get("status") == "tainted",
                **({"deposed_key": deposed} if deposed else {}),
            }


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise StateError(f"{where}: {type(value).__name__}", "must be an object", "the format says so", SHOW)
    return value


def _urn(found: Mapping[str, Any]) -> str:
    return f"urn:pulumi:terraform::terraform::{token(found['type'])}::{found['address']}"


def _resource(found: Mapping[str, Any], attributes: Any, dependencies: Mapping[str, list[str]]) -> dict[str, Any]:
    """One resource as Pulumi's deployment has it. A deposed object awaits its deletion."""
    values = _object(attributes or {}, found["address"])
    id_ = values.get("id")
    if found.get("tainted"):
        values = _half_created(found["type"], values)
    outputs = dialect(found["type"]).properties(values)
    return {
        "urn": _urn(found),
        "type": token(found["type"]),
        "custom": True,
        "id": id_ if isinstance(id_, str) else "",
        "outputs": {name: each for name, each in outputs.items() if name != "id"},
        "propertyDependencies": dict(dependencies),
        **({"delete": True} if found.get("deposed_key") else {}),
    }


def _half_created(type_: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What is certain of a tainted resource: something failed while it was created. A type that one request creates has
    what was asked for, if it exists. Of others only the id is certain."""
    later = CREATED_BY_ONE_REQUEST.get(type_)
    if later is None:
        return {name: value if name == "id" else CONCEALED for name, value in values.items()}
    certain = {name: UNKNOWN_STRING if value is None else value for name, value in values.items()}
    return {**certain, **{name: CONCEALED for name in later if name in values}}


def _unknowns(changes: Any) -> dict[str, Any]:
    """By address: which values of a planned resource are unknown."""
    found = {}
    for each in changes if isinstance(changes, list) else []:
        change = each.get("change") if isinstance(each, dict) else None
        if isinstance(change, dict) and isinstance(each.get("address"), str):
            found[each["address"]] = change.get("after_unknown")
    return found


def _with_unknown(value: Any, unknown: Any) -> Any:
    """A planned value with what is unknown in it."""
    if unknown is True:
        return UNKNOWN_STRING
    if isinstance(unknown, dict):
        own = value if isinstance(value, dict) else {}
        return {**own, **{key: _with_unknown(own.get(key), each) for key, each in unknown.items() if each is not False}}
    if isinstance(unknown, list) and unknown:
        own_items = value if isinstance(value, list) else []
        length = max(len(own_items), len(unknown))
        padded = [*own_items, *[None] * (length - len(own_items))]
        marks = [*unknown, *[False] * (length - len(unknown))]
        return [_with_unknown(each, mark) for each, mark in zip(padded, marks, strict=True)]
    return value


class _Configuration:
    """On which resources the attributes of planned resources depend."""

    def __init__(self, configuration: Any) -> None:
        root = configuration.get("root_module") if isinstance(configuration, dict) else None
        self._modules: dict[str, dict[str, Any]] = {}
        self._calls: dict[str, dict[str, Any]] = {}
        self._read("", root if isinstance(root, dict) else {}, 0)

    def _read(self, path: str, module: dict[str, Any], depth: int) -> None:
        self._modules[path] = module
        calls = module.get("module_calls")
        for name, call in calls.items() if isinstance(calls, dict) and depth < DEEPEST_MODULES else ():
            if isinstance(call, dict) and isinstance(call.get("module"), dict):
                inner = f"{path}{MODULE}{name}."
                self._calls[inner] = call
                self._read(inner, call["module"], depth + 1)

    def references(self, address: str) -> dict[str, list[str] | None]:
        """By attribute that is set: the addresses (without indices) of the resources on which it depends; ``None`` if
        it depends on something that cannot be told."""
        path = max((each for each in self._modules if address.startswith(each)), key=len, default="")
        for each in self._modules.get(path, {}).get("resources") or ():
            if isinstance(each, dict) and f"{path}{each.get('address')}" == address:
                expressions = each.get("expressions")
                given = expressions if isinstance(expressions, dict) else {}
                return {name: self._resolved(path, expression, 0) for name, expression in given.items()}
        return {}

    def _resolved(self, path: str, expression: Any, depth: int) -> list[str] | None:
        if depth > DEEPEST_MODULES:
            return None
        found: list[str] = []
        for reference in sorted(_referred(expression)):
            parts = reference.split(".")
            kind, name = INDEX.sub("", parts[0]), INDEX.sub("", parts[1]) if len(parts) > 1 else ""
            if kind == "module":
                outputs = self._modules.get(f"{path}{MODULE}{name}.", {}).get("outputs") or {}
                output = outputs.get(INDEX.sub("", parts[2])) if len(parts) > 2 else None
                if len(parts) > 2:
                    inner = output.get("expression") if isinstance(output, dict) else None
                    more = self._resolved(f"{path}{MODULE}{name}.", inner, depth + 1)
                    if more is None:
                        return None
                    found += more
            elif kind == "var":
                call = self._calls.get(path)
                expressions = call.get("expressions") if call else None
                outer = path.removesuffix(".").rpartition(MODULE)[0]
                more = (
                    self._resolved(outer, expressions.get(name), depth + 1) if isinstance(expressions, dict) else None
                )
                if more is None:
                    return None
                found += more
            elif kind in ("local", "each", "count", "data", "path", "terraform", "self") or not name:
                return None
            else:
                found.append(f"{path}{kind}.{name}")
        return list(dict.fromkeys(found)) or None


def _referred(expression: Any) -> set[str]:
    """Every reference in an expression, also in nested blocks."""
    if isinstance(expression, list):
        return set().union(*map(_referred, expression))
    if not isinstance(expression, dict):
        return set()
    found = expression.get("references")
    if isinstance(found, list):
        return {each for each in found if isinstance(each, str)}
    return set().union(*map(_referred, expression.values()))
