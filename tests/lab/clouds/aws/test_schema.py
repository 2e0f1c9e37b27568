"""The committed schema is that of the pinned SDK, and every declaration speaks of properties that exist."""

import pytest

from lab.clouds.aws import schema_from_sdk
from lab.clouds.aws.schema import AWS_SCHEMA, PROVIDER_TOKEN, SCHEMA_FILE
from lab.clouds.aws.services import SPECS
from lab.clouds.aws.spec import TypeSpec


@pytest.mark.slow
def test_the_schema_is_that_of_the_installed_sdk() -> None:
    assert SCHEMA_FILE.read_text() == schema_from_sdk.render(schema_from_sdk.describe_sdk()), (
        "run python -m lab.clouds.aws.schema_from_sdk"
    )


def test_every_type_of_the_schema_is_declared() -> None:
    assert set(SPECS) == set(AWS_SCHEMA) - {PROVIDER_TOKEN}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_a_declaration_speaks_of_properties_that_the_type_has(spec: TypeSpec) -> None:
    schema = AWS_SCHEMA[spec.token]
    inputs = {path.split(".")[0].removesuffix("[]") for path in (*spec.replaces, *spec.computed_inputs)}
    inputs |= {reference.path.split(".")[0].removesuffix("[]") for reference in spec.references}
    assert inputs <= schema.inputs.keys()
    assert spec.defaults.keys() <= schema.outputs


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_a_reference_names_types_that_are_declared(spec: TypeSpec) -> None:
    assert {token for reference in spec.references for token in reference.to} <= set(SPECS)
