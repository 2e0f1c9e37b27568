"""Reads the resources of a stack, of any project, from JSON: of ``pulumi stack export``, of a checkpoint file of
Pulumi's self-managed backends (``.pulumi/stacks/**/NAME.json``), of ``pulumi preview --json`` (as it will be), of
``terraform show -json``, or from a Terraform state file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from estate.collector import uncollected
from estate.errors import undecodable
from reachability import preview, terraform
from reachability.encoding import CONCEALED, EXPORT, SECRET, SIGNATURE, UNKNOWN_STRING, StateError
from reachability.resources import UNKNOWN, Resource

VERSIONS = (3, 4)
"""Versions of Pulumi's deployment schema; 4 only adds optional features."""

ASSETS = frozenset({"c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7"})
RESOURCE_REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT_VALUE = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

UNKNOWNS = frozenset(
    {
        UNKNOWN_STRING,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""Pulumi's encodings of an unknown value: string, boolean, number, array, asset, archive, object."""

SHOWN = 60


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except RecursionError:
        text = type(value).__name__
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


IS_TEXT = "an exported stack is JSON text"
GZIP = b"\x1f\x8b"
TEMPLATE = re.compile(r"^(AWSTemplateFormatVersion|Resources|Transform)\s*:", re.MULTILINE)
"""How a CloudFormation template in YAML looks."""


def _text(given: str | bytes) -> str:
    if isinstance(given, str):
        return given.removeprefix("\ufeff")
    if given.startswith(GZIP):
        raise StateError("compressed with gzip", "must be JSON text", IS_TEXT, "decompress it: gunzip -k FILE")
    try:
        return given.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StateError(undecodable(error), "must be UTF-8", IS_TEXT) from None


def _document(text: str) -> Any:
    if not text.strip():
        raise StateError("nothing", "must be a JSON object", IS_TEXT)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            raise StateError(
                f"the text ends in the middle, after {len(text)} characters",
                "must be a whole JSON document",
                "missing text would count as missing resources",
                "export the stack again: pulumi stack export --file FILE",
            ) from None
        if TEMPLATE.search(text):
            raise _of_cloudformation() from None
        raise StateError(
            f"line {error.lineno}, column {error.colno}: {_shown(text[error.pos : error.pos + 30])}",
            f"must be JSON ({error.msg})",
            IS_TEXT,
        ) from None
    except RecursionError:
        raise StateError("objects nested too deeply", "must nest as resources do", IS_TEXT) from None
    except ValueError as error:
        raise StateError(_shown(str(error)), "must be JSON", IS_TEXT) from None


def _of_cloudformation() -> StateError:
    return StateError(
        "a CloudFormation template",
        "must be of Pulumi or Terraform",
        "a template says what is asked for, with references that only AWS resolves, and not what is deployed",
        f"import its resources into a Pulumi stack (pulumi import), or into Terraform, and {EXPORT}",
    )


def _foreign(document: Mapping[str, Any]) -> StateError:
    """The error of a JSON object of another kind."""
    if "AWSTemplateFormatVersion" in document or "Resources" in document or "StackResources" in document:
        return _of_cloudformation()
    if "encrypted_data" in document:
        return StateError(
            "a state file that OpenTofu has encrypted",
            "must be readable",
            "its key is not known here",
            "give the file that `tofu show -json > FILE` writes",
        )
    given = ", ".join(sorted(map(str, document))[:6]) or "no key"
    return StateError(f"an object with {given}", "must have 'version' and 'deployment'", "an exported stack has both")


def _exported(checkpoint: Any, version: object) -> Any:
    """A checkpoint of a self-managed backend as an exported stack (``apitype.VersionedCheckpoint``,
    ``apitype.CheckpointV3``). The backend writes it after each step of an update, as what an export would be then."""
    if not isinstance(checkpoint, dict):
        raise StateError(f"checkpoint: {_shown(checkpoint)}", "must be an object", "the resources are in it")
    latest = checkpoint.get("latest")
    return {"version": version, "deployment": {} if latest is None else latest}


def _resources_of(document: Any) -> list[Any]:
    """The list of resources in a document, each as in an export. Raises ``StateError``."""
    if not isinstance(document, dict):
        raise StateError(f"{_shown(document)}", "must be a JSON object", "an exported stack is one")
    if "checkpoint" in document:
        document = _exported(document["checkpoint"], document.get("version"))
    elif "latest" in document and "stack" in document:
        document = _exported(document, None)
    if "deployment" not in document:
        if "steps" in document:
            return preview.resources(document)
        if "format_version" in document or "terraform_version" in document:
            return terraform.resources(document)
        raise _foreign(document)
    version = document.get("version")
    if isinstance(version, bool) or version not in VERSIONS:
        raise StateError(
            "no version" if version is None else f"version {_shown(version)}",
            f"must be {VERSIONS[0]} or {VERSIONS[1]}",
            "other versions of the format are not supported",
            "export the stack with a current Pulumi (3.x): pulumi stack export --file FILE",
        )
    deployment = document["deployment"]
    if not isinstance(deployment, dict):
        raise StateError(f"deployment: {_shown(deployment)}", "must be an object", "the resources are in it")
    pending = deployment.get("pending_operations") or []
    if pending:
        first = pending[0] if isinstance(pending, list) else None
        resource = first.get("resource") if isinstance(first, dict) else None
        urn = resource.get("urn") if isinstance(resource, dict) else None
        raise StateError(
            f"{len(pending)} operations under way" + (f", the first on {urn}" if urn else ""),
            "must have none",
            "an update was interrupted, and its resources in the cloud are in no state",
            "run pulumi refresh, then export again",
        )
    found = deployment.get("resources")
    if found is None:
        found = []
    if not isinstance(found, list):
        raise StateError(f"deployment.resources: {_shown(found)}", "must be a list", "a stack is a list of resources")
    return found


def _value(value: Any) -> Any:
    """The decoded property: wrappers removed, unknowns as ``UNKNOWN``."""
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWNS else value
    if isinstance(value, list):
        return [_value(each) for each in value]
    if not isinstance(value, dict):
        return value
    signature = value.get(SIGNATURE)
    if signature is None:
        return {key: _value(each) for key, each in value.items()}
    if signature == SECRET:
        return _secret(value)
    if signature == OUTPUT_VALUE:
        return _value(value["value"]) if "value" in value else UNKNOWN
    if signature == RESOURCE_REFERENCE:
        return _value(value["id"]) if value.get("id") else UNKNOWN
    if isinstance(signature, str) and signature in ASSETS:
        return value["text"] if isinstance(value.get("text"), str) else UNKNOWN
    return UNKNOWN


def _secret(value: Mapping[str, Any]) -> Any:
    """The value of a secret if the export has it (``plaintext`` is JSON within JSON); ``UNKNOWN`` if encrypted."""
    if isinstance(value.get("plaintext"), str):
        try:
            return _value(json.loads(value["plaintext"]))
        except (ValueError, RecursionError):
            return UNKNOWN
    return _value(value["value"]) if "value" in value else UNKNOWN


def _conceals(value: Any) -> bool:
    """Whether a value is or contains an encrypted secret."""
    if isinstance(value, list):
        return any(_conceals(each) for each in value)
    if not isinstance(value, dict):
        return False
    if value.get(SIGNATURE) == SECRET:
        return _secret(value) is UNKNOWN
    return any(_conceals(each) for each in value.values())


def _plain(value: Any) -> Any:
    return value


def _object(resource: Mapping[str, Any], key: str, urn: str) -> Mapping[str, Any]:
    value = resource.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise StateError(f"{urn}: {key}: {_shown(value)}", "must be an object", "a resource's properties have names")
    return value


def _references(resource: Mapping[str, Any], urn: str) -> dict[str, tuple[str, ...]]:
    given = _object(resource, "propertyDependencies", urn)
    return {key: tuple(str(each) for each in urns) for key, urns in given.items() if isinstance(urns, list) and urns}


def _resource(resource: Any, position: int, meaning: Any, regions: Mapping[str, str]) -> Resource:
    where = f"deployment.resources[{position}]"
    if not isinstance(resource, dict):
        raise StateError(f"{where}: {_shown(resource)}", "must be an object", "it describes one resource")
    urn, kind = resource.get("urn"), resource.get("type")
    parts = urn.split("::", 3) if isinstance(urn, str) else []
    if not isinstance(urn, str) or len(parts) != 4 or not urn.startswith("urn:pulumi:"):
        raise StateError(
            f"{where}.urn: {_shown(urn)}",
            "must be urn:pulumi:<stack>::<project>::<type>::<name>",
            "resources refer to each other by URN",
        )
    if not isinstance(kind, str) or not kind:
        raise StateError(f"{where}.type: {_shown(kind)}", "must be a type token", "a resource does what its type says")
    properties = {**_object(resource, "inputs", urn), **_object(resource, "outputs", urn)}
    properties.pop("__defaults", None)
    if "region" not in properties and kind.startswith("aws:"):
        provider = str(resource.get("provider") or "").rsplit("::", 1)[0]
        if provider in regions:
            properties["region"] = regions[provider]
    id_ = resource.get("id") or ""
    if not isinstance(id_, str):
        raise StateError(f"{urn}: id: {_shown(id_)}", "must be a string", "resources refer to each other by id")
    unknown = id_ in UNKNOWNS or (not id_ and bool(resource.get("custom")))
    meant = {key: meaning(value) for key, value in properties.items()}
    concealed = frozenset(key for key, value in properties.items() if meaning is _value and _conceals(value))
    return Resource(urn, kind, parts[3], UNKNOWN if unknown else id_, meant, _references(resource, urn), concealed)


def _providers_regions(found: list[Any]) -> dict[str, str]:
    """The region of each AWS provider of the stack, by the provider's URN."""
    regions = {}
    for each in found:
        if isinstance(each, dict) and each.get("type") == "pulumi:providers:aws":
            for side in (each.get("outputs"), each.get("inputs")):
                if isinstance(side, dict) and isinstance(side.get("region"), str):
                    regions[str(each.get("urn"))] = side["region"]
    return regions


def _settled(resource: Mapping[str, Any]) -> bool:
    """Whether the cloud has the resource as recorded; ``False`` if it is already deleted or was never created.

    Raises:
        StateError: it awaits deletion, so it still exists besides its replacement; or its last update failed, so the
            cloud may have the old or the new properties.
    """
    if resource.get("pendingReplacement"):
        return False
    in_a_cloud = resource.get("custom") is not False and not str(resource.get("type")).startswith("pulumi:")
    if resource.get("delete"):
        if not in_a_cloud:
            return False
        raise StateError(
            f"{_shown(resource.get('urn'))} awaits deletion",
            "must not await deletion",
            "it still exists in the cloud, besides its replacement",
            "run pulumi up until the deletion succeeds, then export again",
        )
    failures = resource.get("initErrors")
    if failures and in_a_cloud:
        first = failures[0] if isinstance(failures, list) else failures
        raise StateError(
            f"{_shown(resource.get('urn'))}: its last update failed ({_shown(first)})",
            "must be deployed without an error",
            "the cloud may have its old or its new properties",
            "run pulumi refresh, then export again",
        )
    return True


def read(text: str | bytes) -> tuple[Resource, ...]:
    """The resources of a state, in its order, without those that are already deleted.

    An AWS resource without a region gets that of its provider, as ``region``.

    Raises:
        StateError: it is not such an export, or it does not match the cloud.
    """
    with uncollected():
        whole = _text(text)
        document = _document(whole)
        found = _resources_of(document)
        marked = "deployment" not in document or SIGNATURE in whole or any(each in whole for each in UNKNOWNS)
        meaning = _value if marked else _plain
        regions = _providers_regions(found)
        resources: list[Resource] = []
        seen: set[str] = set()
        for position, each in enumerate(found):
            if isinstance(each, dict) and not _settled(each):
                continue
            try:
                made = _resource(each, position, meaning, regions)
            except RecursionError:
                raise StateError(
                    f"deployment.resources[{position}]", "must nest as resources do", "its values have no end"
                ) from None
            if made.urn in seen:
                raise StateError(f"{made.urn}, twice", "must be one resource", "resources refer to each other by URN")
            seen.add(made.urn)
            resources.append(made)
    return tuple(resources)


def stacks(resources: tuple[Resource, ...]) -> tuple[str, ...]:
    """The stack names in the resources' URNs, in order of appearance."""
    return tuple(dict.fromkeys(each.urn.split("::", 1)[0].removeprefix("urn:pulumi:") for each in resources))


def _written(value: Any) -> Any:
    if value is UNKNOWN:
        return UNKNOWN_STRING
    if isinstance(value, Mapping):
        return {key: _written(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_written(each) for each in value]
    return value


def write(resources: tuple[Resource, ...]) -> str:
    """The resources in the form of an exported stack: ``read`` gives them back."""
    documents = []
    for each in resources:
        outputs = _written(each.properties)
        outputs.update(dict.fromkeys(each.concealed, CONCEALED))
        document = {"urn": each.urn, "type": each.type, "custom": each.id != "", "outputs": outputs}
        document["id"] = _written(each.id)
        if each.references:
            document["propertyDependencies"] = {key: list(urns) for key, urns in each.references.items()}
        documents.append(document)
    return json.dumps({"version": VERSIONS[0], "deployment": {"resources": documents}})
