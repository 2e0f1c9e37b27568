"""Pulumi resources, from a preview, a policy pack or an exported stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class _Unknown:
    """A value that is unknown until the deployment."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("an unknown value is neither true nor false; test `is UNKNOWN` first")


UNKNOWN = _Unknown()
"""Stands for every unknown value; it may become any value."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource. ``type`` is the Pulumi token (``aws:ec2/vpc:Vpc``), ``id`` the cloud's (``UNKNOWN`` at preview),
    ``properties`` its outputs over its inputs, in camelCase, with ``UNKNOWN`` for what is not known.

    Where a reference is unknown, ``references`` names the URNs it depends on, by input. ``concealed``: the properties
    whose value is hidden, fully or in part (an encrypted secret): unknown, but set.
    """

    urn: str
    type: str
    name: str
    id: Any
    properties: Mapping[str, Any]
    references: Mapping[str, tuple[str, ...]]
    concealed: frozenset[str] = frozenset()

    def left_out(self, name: str) -> bool:
        """Whether a property was not set: absent, or computed by the cloud (unknown without dependencies)."""
        value = self.properties.get(name)
        if value is UNKNOWN:
            return not self.references.get(name) and name not in self.concealed
        return value is None
