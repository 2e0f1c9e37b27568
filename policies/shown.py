"""Converts the engine's policy resources to the prover's resources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UnknownValueError

from reachability.resources import UNKNOWN, Resource

COMPONENTS = ("estate:", "pulumi:")
"""Component types and the engine's own types: they have no cloud resource and no id."""

BY_ARN = "arn:aws:ec2:"
"""ARNs that end in the resource's id (Service Authorization Reference, "Resource types defined by Amazon EC2")."""


def _known(value: Any, key: Any) -> Any:
    try:
        return plain(value[key])
    except UnknownValueError:
        return UNKNOWN


def plain(value: Any) -> Any:
    """A property for the prover: whole numbers as int, ``UNKNOWN`` for what is unknown during a preview."""
    if isinstance(value, Mapping):
        return {str(key): _known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_known(value, number) for number in range(len(value))]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if value is None or isinstance(value, str | int | float) else UNKNOWN


def _properties(given: PolicyResource) -> dict[str, Any]:
    """The outputs of a resource; an AWS resource without a region gets that of its provider.

    A preview also shows computed properties that were not set as unknown (a route's other targets, an instance's
    addresses). An unknown input depends on some resource, so an unknown property without a dependency is removed.
    """
    taken = given.property_dependencies
    properties = {key: value for key, value in plain(given.props).items() if value is not UNKNOWN or taken.get(key)}
    if given.resource_type.startswith("aws:") and "region" not in properties and given.provider is not None:
        region = plain(given.provider.props).get("region")
        if region is not None:
            properties["region"] = region
    return properties


def _single(value: Any) -> Any:
    """A text, or the one text of a list."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) else None


def _taken(given: Iterable[PolicyResource], properties: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """URN and id, from id properties that depend on exactly one resource."""
    for each in given:
        for key, sources in each.property_dependencies.items():
            if len(sources) == 1 and key.endswith(("Id", "Ids")):
                text, source = _single(properties[each.urn].get(key)), sources[0].urn
                if text and text not in properties.get(source, {}).values():
                    yield source, text


def _ids(given: Sequence[PolicyResource], properties: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Ids by URN, for resources whose provider does not repeat the id in the outputs: the engine shows it nowhere else.

    They are derived from ARNs and from the properties of dependent resources; an id on which those disagree is omitted.
    """
    taken: dict[str, set[str]] = {}
    for urn, text in _taken(given, properties):
        taken.setdefault(urn, set()).add(text)
    found = {urn: texts.pop() for urn, texts in taken.items() if len(texts) == 1}
    for urn, known in properties.items():
        arn = known.get("arn")
        if isinstance(arn, str) and arn.startswith(BY_ARN) and "/" in arn:
            found[urn] = arn.rsplit("/", 1)[1]
    return found


def resources(given: Sequence[PolicyResource]) -> tuple[Resource, ...]:
    """All resources of a stack, in the engine's order."""
    properties = {each.urn: _properties(each) for each in given}
    ids = _ids(given, properties)
    made = []
    for each in given:
        known = properties[each.urn]
        component = each.resource_type.startswith(COMPONENTS)
        id_ = "" if component else known.get("id", ids.get(each.urn, UNKNOWN))
        references = {
            key: tuple(source.urn for source in sources)
            for key, sources in each.property_dependencies.items()
            if sources
        }
        made.append(Resource(each.urn, each.resource_type, each.name, id_, known, references))
    return tuple(made)
