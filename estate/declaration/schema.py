"""The JSON schema of a stack file, for editors: made from the model, described in the words of its messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from estate.declaration import vocabulary
from estate.declaration.load import CONFIG_KEY
from estate.declaration.shape import every_field
from estate.model import Model, Network

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_FILE = Path("stacks") / "schema.json"


def _described(definition: dict[str, Any], model: type[Model]) -> None:
    """Puts the words for each field of ``model`` into its ``definition``."""
    definition.pop("title", None)
    for field, schema in definition.get("properties", {}).items():
        about = vocabulary.words(model, field)
        schema.pop("title", None)
        schema["description"] = f"Must be {about.rule}: {about.reason}."
        schema["examples"] = [about.example]
        if "patternProperties" in schema:
            schema["additionalProperties"] = False


def schema() -> dict[str, Any]:
    """The schema of ``stacks/Pulumi.<network>.yaml``; keys that Pulumi keeps there itself are let through."""
    network = Network.model_json_schema()
    definitions = network.pop("$defs")
    definitions["Network"] = network
    for model in {owner for owner, _ in every_field()}:
        _described(definitions[model.__name__], model)
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
        "$defs": dict(sorted(definitions.items())),
    }


def text() -> str:
    """What ``stacks/schema.json`` holds."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes ``stacks/schema.json`` below the current directory: ``python -m estate.declaration.schema``."""
    SCHEMA_FILE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
