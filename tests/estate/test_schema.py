"""The schema that editors use is current, describes every field, and accepts every stack file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from estate.declaration import example, schema, vocabulary
from estate.declaration.shape import every_field
from tests.estate.declarations import edit

ROOT = Path(__file__).parents[2]
SCHEMAS = schema.schemas()
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
UNDERSTOOD = {
    *("$ref", "$defs", "$schema", "title", "description", "examples", "default", "type", "format", "required"),
    *("properties", "additionalProperties", "propertyNames", "patternProperties", "items", "anyOf", "enum", "const"),
    *("pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "minItems", "minProperties"),
}


def refused(value: Any, file: Path) -> list[str]:
    """Where ``value`` breaks the schema of ``file``."""
    return list(refusals(value, SCHEMAS[file], SCHEMAS[file]["$defs"]))


def refusals(value: Any, rule: Any, definitions: dict[str, Any], path: str = "") -> Iterator[str]:
    """Where ``value`` breaks ``rule``, by the part of JSON Schema that the model needs."""
    if rule is True:
        return
    if rule is False:
        yield f"{path}: not allowed"
        return
    assert set(rule) <= UNDERSTOOD, f"the check does not understand {set(rule) - UNDERSTOOD}"
    if "$ref" in rule:
        yield from refusals(value, definitions[rule["$ref"].rsplit("/", 1)[1]], definitions, path)
    if "anyOf" in rule and all(any(True for _ in refusals(value, each, definitions, path)) for each in rule["anyOf"]):
        yield f"{path}: none of the alternatives"
    if "enum" in rule and value not in rule["enum"] or "const" in rule and value != rule["const"]:
        yield f"{path}: not one of the choices"
    wanted = rule.get("type")
    if wanted == "null":
        if value is not None:
            yield f"{path}: not null"
    elif wanted and (not isinstance(value, TYPES[wanted]) or (wanted != "boolean" and isinstance(value, bool))):
        yield f"{path}: not of type {wanted}"
        return
    if isinstance(value, str):
        if not re.search(rule.get("pattern", ""), value) or not rule.get("minLength", 0) <= len(value) <= rule.get(
            "maxLength", 10**6
        ):
            yield f"{path}: malformed text"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not rule.get("minimum", value) <= value <= rule.get("maximum", value) or value <= rule.get(
            "exclusiveMinimum", value - 1
        ):
            yield f"{path}: out of range"
    elif isinstance(value, list):
        if len(value) < rule.get("minItems", 0):
            yield f"{path}: too short"
        for index, each in enumerate(value):
            yield from refusals(each, rule.get("items", True), definitions, f"{path}.{index}")
    elif isinstance(value, dict):
        yield from (f"{path}.{name}: missing" for name in rule.get("required", []) if name not in value)
        if len(value) < rule.get("minProperties", 0):
            yield f"{path}: too few"
        for key, each in value.items():
            yield from refusals(key, rule.get("propertyNames", True), definitions, f"{path}.{key}")
            fitting = [
                each for pattern, each in rule.get("patternProperties", {}).items() if re.search(pattern, str(key))
            ]
            known = rule.get("properties", {}).get(key) or (
                fitting[0] if fitting else rule.get("additionalProperties", True)
            )
            yield from refusals(each, known, definitions, f"{path}.{key}")


def stack(text: str) -> Any:
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


@pytest.mark.parametrize("file", SCHEMAS, ids=str)
def test_the_schema_file_is_current(file: Path) -> None:
    assert (ROOT / file).read_text() == schema.text(SCHEMAS[file]), "run python -m estate.declaration.schema"


STACK = schema.STACKS / "schema.json"
COMPANY = schema.STACKS / "company.schema.json"
DATACENTRE = schema.STACKS / "datacentres" / "schema.json"
EXAMPLES = {
    STACK: example.declaration("example", 7, today=date(2030, 1, 1)),
    COMPANY: example.company(),
    DATACENTRE: example.datacentres(7)["dal1"],
}
DECLARED = [
    *((STACK, path) for path in sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))),
    *((DATACENTRE, path) for path in sorted((ROOT / "stacks" / "datacentres").glob("*.yaml"))),
    (COMPANY, ROOT / "stacks" / "company.yaml"),
]


@pytest.mark.parametrize(("file", "path"), DECLARED, ids=[path.stem for _, path in DECLARED])
def test_every_declared_file_validates_against_it(file: Path, path: Path) -> None:
    assert refused(stack(path.read_text()), file) == []


@pytest.mark.parametrize("file", EXAMPLES, ids=str)
def test_the_example_validates_against_it(file: Path) -> None:
    assert refused(stack(EXAMPLES[file]), file) == []


NETWORK = "config.estate:network"


@pytest.mark.parametrize(
    ("file", "change"),
    [
        (STACK, {f"{NETWORK}.colour": "blue"}),
        (STACK, {f"{NETWORK}.slot": 255}),
        (STACK, {f"{NETWORK}.regions.us-east-2.image": "debian"}),
        (STACK, {f"{NETWORK}.nodes.0.role": "validator"}),
        (STACK, {f"{NETWORK}.sites.dal1.slot": 3}),
        (STACK, {f"{NETWORK}.name": "(removed)"}),
        (STACK, {f"{NETWORK}.regions.europe": {"slot": 3}}),
        (STACK, {f"{NETWORK}.partners.northwind.cidrs": []}),
        (STACK, {f"{NETWORK}.operators": {}}),
        (STACK, {f"{NETWORK}.sites.dal1.vendor": "Equinix"}),
        (STACK, {f"{NETWORK}.sites.dal1.servers": [{"hardware": "Dell PowerEdge R250"}]}),
        (STACK, {f"{NETWORK}.sites.dal1.servers.validator": "DAL1-007-03"}),
        (STACK, {f"{NETWORK}.sites.dal1.servers.seed": ["DAL1-007-03"]}),
        (STACK, {f"{NETWORK}.sites.dal1.vlans": -1}),
        (DATACENTRE, {"machines.DAL1-007-01.nics.0.mac": "x"}),
        (DATACENTRE, {"machines.dal1": {}}),
        (DATACENTRE, {"slot": 11}),
        (COMPANY, {"people.alice.duties.Hub": "operator"}),
        (COMPANY, {"duties.operator.0": "root"}),
        (COMPANY, {"people": "(removed)"}),
        (COMPANY, {"defaults.leases.Seed": {}}),
        (COMPANY, {"defaults.leases.seed-tls.path": "/pki"}),
        (COMPANY, {"defaults.site.servers.seed": ["edge"]}),
        (COMPANY, {"services.vault.port": "{metrics_port}"}),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else each.name,
)
def test_it_refuses_what_the_model_refuses(file: Path, change: dict[str, Any]) -> None:
    assert refused(edit(stack(EXAMPLES[file]), change), file) != []


def test_every_field_has_words_and_every_word_a_field() -> None:
    assert set(vocabulary.WORDS) == set(every_field())


def test_every_field_is_described_in_the_schemas() -> None:
    lacking = [
        f"{file}: {name}.{field}"
        for file, found in SCHEMAS.items()
        for name, definition in found["$defs"].items()
        for field, each in definition.get("properties", {}).items()
        if not each.get("description")
    ]
    assert lacking == []


def test_every_mapping_by_name_has_words_for_its_keys() -> None:
    mappings = [
        (owner, name) for owner, name in every_field() if str(owner.model_fields[name].annotation).startswith("dict[")
    ]
    assert mappings
    assert [f"{owner.__name__}.{name}" for owner, name in mappings if vocabulary.words(owner, name).key is None] == []
