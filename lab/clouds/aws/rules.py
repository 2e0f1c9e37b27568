"""What the AWS provider refuses by itself, before it asks AWS. Values that are not known yet pass."""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lab.clouds.aws.spec import Found, Rule
from lab.clouds.values import at_path, is_unknown

Inputs = Mapping[str, Any]


def one_of(path: str, *allowed: str | int) -> Rule:
    """The value must be one of these."""

    def rule(inputs: Inputs) -> Found:
        for value in _known(inputs, path):
            if value not in allowed:
                yield path, f"expected {path} to be one of {list(allowed)}, got {value}"

    return rule


def between(path: str, lowest: float, highest: float) -> Rule:
    """The number must lie in this range, both ends included."""

    def rule(inputs: Inputs) -> Found:
        for value in _known(inputs, path):
            if not lowest <= value <= highest:
                yield path, f"expected {path} to be in the range ({lowest} - {highest}), got {value}"

    return rule


def matches(path: str, pattern: str, words: str) -> Rule:
    """The whole text must match the pattern; `words` say what that means."""

    def rule(inputs: Inputs) -> Found:
        for value in _known(inputs, path):
            if not re.fullmatch(pattern, str(value), re.DOTALL):
                yield path, f"invalid value for {path} ({words}): {value!r}"

    return rule


def conflicts(name: str, *others: str) -> Rule:
    """The first input cannot be given with any of the others."""

    def rule(inputs: Inputs) -> Found:
        for other in others:
            if _given(inputs, name) and _given(inputs, other):
                yield name, f"Conflicting configuration arguments: '{name}' conflicts with '{other}'"

    return rule


def exactly_one(*names: str) -> Rule:
    """One of the inputs must be given, and only one."""

    def rule(inputs: Inputs) -> Found:
        given = [name for name in names if _given(inputs, name)]
        if len(given) != 1:
            yield (
                names[0],
                f"Invalid combination of arguments: exactly one of {list(names)} must be specified, got {given}",
            )

    return rule


def at_least_one(*names: str) -> Rule:
    """One of the inputs must be given."""

    def rule(inputs: Inputs) -> Found:
        if not any(_given(inputs, name) for name in names):
            yield names[0], f"Missing required argument: one of {list(names)} must be specified"

    return rule


def together(*names: str) -> Rule:
    """The inputs are given all or none."""

    def rule(inputs: Inputs) -> Found:
        given = [name for name in names if _given(inputs, name)]
        if given and len(given) < len(names):
            yield given[0], f"Missing required argument: all of {list(names)} must be specified, got {given}"

    return rule


def cidr(path: str, *, version: int = 4) -> Rule:
    """The text must be a CIDR block whose host bits are zero."""

    def rule(inputs: Inputs) -> Found:
        for value in _known(inputs, path):
            try:
                network = ipaddress.ip_network(value, strict=False)
            except ValueError:
                yield path, f'"{value}" is not a valid CIDR block: expected an address and a prefix length'
                continue
            if network.version != version:
                yield path, f'"{value}" is not a valid IPv{version} CIDR block'
            elif str(network) != value:
                yield path, f'"{value}" is not a valid CIDR block; did you mean "{network}"?'

    return rule


def address(path: str) -> Rule:
    """The text must be an IPv4 address."""

    def rule(inputs: Inputs) -> Found:
        for value in _known(inputs, path):
            try:
                ipaddress.IPv4Address(value)
            except ValueError:
                yield path, f'expected {path} to contain a valid IPv4 address, got: "{value}"'

    return rule


def json_document(path: str) -> Rule:
    """The text must be a JSON object."""

    def rule(inputs: Inputs) -> Found:
        for value in _known(inputs, path):
            try:
                is_object = isinstance(json.loads(value), dict)
            except ValueError as error:
                yield path, f'"{path}" contains an invalid JSON: {error}'
                continue
            if not is_object:
                yield path, f'"{path}" contains an invalid JSON policy: not a JSON object'

    return rule


def arn(path: str) -> Rule:
    """The text must be an ARN."""
    return matches(path, r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(\d{12}|aws|):.+", "an ARN")


def _known(inputs: Inputs, path: str) -> Iterator[Any]:
    return (value for value in at_path(inputs, path) if not is_unknown(value))


def _given(inputs: Inputs, name: str) -> bool:
    return inputs.get(name) not in (None, "", [], {})
