"""The shape of every AWS type's inputs and outputs."""

from __future__ import annotations

from pathlib import Path

from lab.clouds.schema import read

SCHEMA_FILE = Path(__file__).with_name("aws_schema.json")
PROVIDER_TOKEN = "pulumi:providers:aws"

AWS_SCHEMA = read(SCHEMA_FILE)
"""By type token; the provider itself as `pulumi:providers:aws`."""
