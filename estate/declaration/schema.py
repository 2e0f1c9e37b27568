"""The JSON schemas of the declared files, for editors: made from the model, described in the words of its messages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from estate.declaration import vocabulary
from estate.declaration.composition import ELSEWHERE, SERVICES
from estate.declaration.defaults import DEFAULTED
from estate.declaration.load import CONFIG_KEY
from estate.declaration.shape import every_field
from estate.model import Company, Datacentre, Defaults, Model, Network, ShortSite, Site

DIALECT = "https://json-schema.org/draft/2020-12/schema"
STACKS = Path("stacks")


def _described(definition: dict[str, Any], model: type[Model]) -> None:
    """Puts the words for each field of ``model`` into its ``definition``."""
    definition.pop("title", None)
    for field, schema in definition.get("properties", {}).items():
        about = vocabulary.words(model, field)
        schema.pop("title", None)
        schema["description"] = f"Must be {about.rule}: {about.reason}."
        schema["examples"] = [about.example]
        for each in (schema, *schema.get("anyOf", ())):
            if "patternProperties" in each:
                each["additionalProperties"] = False


def _definitions(root: type[Model]) -> dict[str, Any]:
    """The definitions of ``root`` and of every model in it, by name."""
    whole = root.model_json_schema()
    definitions: dict[str, Any] = whole.pop("$defs", {})
    definitions[root.__name__] = whole
    for model in {owner for owner, _ in every_field()}:
        if model.__name__ in definitions:
            _described(definitions[model.__name__], model)
    return dict(sorted(definitions.items()))


def _used(definitions: dict[str, Any], root: str) -> dict[str, Any]:
    """Those of ``definitions`` that ``root`` refers to, itself and through others."""
    used, todo = set(), [root]
    while todo:
        name = todo.pop()
        if name not in used:
            used.add(name)
            todo += re.findall(r'"#/\$defs/(\w+)"', json.dumps(definitions[name]))
    return {name: definition for name, definition in definitions.items() if name in used}


def _of_stack() -> dict[str, Any]:
    """Of ``stacks/Pulumi.<network>.yaml``; keys that Pulumi keeps there itself are let through."""
    definitions = _definitions(Network)
    for model, fields in ELSEWHERE.items():
        definition = definitions[model.__name__]
        for field in fields:
            del definition["properties"][field]
        optional = (*fields, *DEFAULTED.get(model, ()), SERVICES)
        definition["required"] = [each for each in definition["required"] if each not in optional]
    _shorten(definitions[Site.__name__], _definitions(ShortSite)[ShortSite.__name__])
    return {
        "$schema": DIALECT,
        "title": "A network of the validator estate",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {
                "type": "object",
                "required": [CONFIG_KEY],
                "properties": {CONFIG_KEY: {"$ref": "#/$defs/Network"}},
            }
        },
        "$defs": _used(definitions, "Network"),
    }


def _shorten(site: dict[str, Any], short: dict[str, Any]) -> None:
    """Lets a site be declared in the ``short`` form too."""
    whole, by_role = site["properties"]["servers"], short["properties"]["servers"]
    about = {key: by_role[key] for key in ("description", "examples")}
    site["properties"] |= {key: short["properties"][key] for key in ("vlans", "active")}
    site["properties"]["servers"] = {
        **about,
        "anyOf": [{key: value for key, value in each.items() if key not in about} for each in (whole, by_role)],
    }


def _with_placeholders(definition: Any) -> Any:
    """The definition of a default: a text or number in it can have a placeholder, and then any form."""
    if isinstance(definition, list):
        return [_with_placeholders(each) for each in definition]
    if not isinstance(definition, dict):
        return definition
    if definition.get("type") in ("string", "integer") and "enum" not in definition:
        about = {key: value for key, value in definition.items() if key in ("description", "examples", "default")}
        strict = {key: value for key, value in definition.items() if key not in about}
        return {**about, "anyOf": [strict, {"type": "string", "pattern": r"\{[a-z_]+\}"}]}
    return {
        key: value if key in ("patternProperties", "propertyNames", "examples") else _with_placeholders(value)
        for key, value in definition.items()
    }


def _of_company() -> dict[str, Any]:
    """Of ``stacks/company.yaml``; what only its defaults use may have placeholders."""
    schema = _of_file(Company, "The people of a validator company, and what its networks need not declare")
    definitions = schema["$defs"]
    in_defaults = _used(definitions, Defaults.__name__)
    definitions |= {name: _with_placeholders(each) for name, each in in_defaults.items()}
    return schema


def _of_file(root: type[Model], title: str) -> dict[str, Any]:
    return {"$schema": DIALECT, "title": title, "$ref": f"#/$defs/{root.__name__}", "$defs": _definitions(root)}


def schemas() -> dict[Path, dict[str, Any]]:
    """By file: each schema, which stands beside what it describes."""
    return {
        STACKS / "schema.json": _of_stack(),
        STACKS / "company.schema.json": _of_company(),
        STACKS / "datacentres" / "schema.json": _of_file(Datacentre, "A datacentre of a validator company"),
    }


def text(schema: dict[str, Any]) -> str:
    """What the schema's file holds."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes the schemas below the current directory: ``python -m estate.declaration.schema``."""
    for file, schema in schemas().items():
        file.write_text(text(schema), encoding="utf-8")


if __name__ == "__main__":
    main()
