"""A cloud is a folder: outside it, nothing of ``components`` takes anything of a cloud for granted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.base import Args, RegionalArgs, of_this_cloud
from components.clouds import CLOUDS, cloud_of, used
from components.nouns import Cloud
from components.recording import Recorded, record_program
from components.service_instance import ServiceInstance, ServiceInstanceArgs
from estate.model import Network
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

COMPONENTS = ROOT / "components"
SDKS = {"pulumi_aws", "pulumi_gcp"}
OF_A_CLOUD = re.compile(r"\b(aws|gcp):|\barn:|\bElastic IP\b|\.amazonaws\.com|\.googleapis\.com")
OF_THE_DECLARATION = {"aws", "gcp"}
"""Attributes of the model that only a cloud's folder may read: ``network.aws``."""
OF_ONE_CLOUD = {"account_id", "image", "instance_type", "arn", "vpc_id"}
"""Attributes and arguments that are one cloud's words."""


def neutral() -> list[Path]:
    return sorted(path for path in COMPONENTS.rglob("*.py") if path.relative_to(COMPONENTS).parts[0] not in CLOUDS)


def violations(text: str) -> Iterator[str]:
    """What a module says that holds for one cloud only."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.split(".")[0] in SDKS)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{each.name}" for each in node.names]
            yield from (each for each in names if each.split(".")[0] in SDKS)
            yield from (each for each in names if re.match(r"components\.\w+\.", each) and each.split(".")[1] in CLOUDS)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from OF_A_CLOUD.findall(node.value) and [node.value]
        elif isinstance(node, ast.Attribute) and node.attr in OF_ONE_CLOUD:
            yield f".{node.attr}"
        elif (
            isinstance(node, ast.Attribute)
            and node.attr in OF_THE_DECLARATION
            and ast.unparse(node.value).endswith("network")
        ):
            yield ast.unparse(node)


@pytest.mark.parametrize("path", neutral(), ids=lambda path: path.name)
def test_a_module_outside_the_clouds_folders_knows_no_cloud(path: Path) -> None:
    assert list(violations(path.read_text())) == []


@pytest.mark.parametrize(
    "planted",
    [
        "import pulumi_aws as aws",
        "from pulumi_aws import ec2",
        "from components.aws.vpc import Vpc",
        "TYPE = 'aws:ec2/vpc:Vpc'",
        "role = f'arn:aws:iam::{account}:role/vault'",
        "account = args.network.aws.account_id",
        "zone = network.gcp",
        "image = network.regions[region].image",
        "host = 'logs.eu-west-1.amazonaws.com'",
    ],
)
def test_what_is_of_one_cloud_would_be_found(planted: str) -> None:
    assert list(violations(planted))


def test_only_the_table_names_the_folders() -> None:
    naming = {
        path.name
        for path in neutral()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module == "components"
        and {each.name for each in node.names} & set(CLOUDS)
    }
    assert naming == {"clouds.py"}


def test_every_folder_is_in_the_table() -> None:
    assert {path.name for path in COMPONENTS.iterdir() if (path / "__init__.py").exists()} == set(CLOUDS)


def test_every_region_is_on_a_cloud_that_there_is(network: Network) -> None:
    assert {cloud_of(network, region) for region in network.regions} == set(used(network)) <= set(CLOUDS)


def test_a_region_that_is_not_declared_is_on_no_cloud(network: Network) -> None:
    with pytest.raises(AssertionError, match="nowhere-1"):
        cloud_of(network, "nowhere-1")


def test_the_instance_is_built_of_nouns_alone(
    small: Network, small_recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the folder gives for a noun is what the instance builds, so that another folder needs no branch."""
    built: set[str] = set()
    real = CLOUDS["aws"]

    def open_watched(name: str, args: Args, *, opts: pulumi.ResourceOptions | None = None) -> Cloud:
        cloud = real.open(name, args, opts=opts)

        def watched(noun: str) -> object:
            def build(*words: object, **options: object) -> object:
                built.add(noun)
                return getattr(cloud, noun)(*words, **options)

            return build

        nouns: dict[str, Any] = {each.name: watched(each.name) for each in fields(Cloud)}
        return Cloud(**nouns)

    monkeypatch.setattr("components.service_instance.CLOUDS", {"aws": replace(real, open=open_watched)})
    found = record_program(
        lambda: ServiceInstance(
            small.name,
            ServiceInstanceArgs(network=small),
            opts=pulumi.ResourceOptions(providers=[real.provider(small)]),
        ),
        stack=small.name,
    )
    assert {each.urn for each in found.resources} == {each.urn for each in small_recorded.resources}
    assert built == {each.name for each in fields(Cloud)}, "a noun that no instance uses is not one"


def test_a_noun_of_another_cloud_is_refused(small: Network) -> None:
    given = RegionalArgs(network=small, region=next(iter(small.regions)))
    with pytest.raises(TypeError, match="expected a Args of components.base.*pass a noun of the same cloud"):
        of_this_cloud("a network of another cloud", Args)
    assert of_this_cloud(given, Args) is given
