"""The parts that a network's declaration is put together from, and what has been put together of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from estate.declaration.document import Document, Location
from estate.rules.finding import Finding

KEYS = "[keys]"
"""The last part of a place: which keys a mapping has."""


@dataclass(frozen=True)
class Beside:
    """What is declared beside a network: the ``company``, its ``datacentres`` and the names of all ``instances``."""

    company: Document
    datacentres: Mapping[str, Document]
    instances: frozenset[str]


@dataclass
class Composed:
    """``value``: the whole declaration. ``origins``: which part of it stands in which document, and where there.

    ``findings``: what could not be put together. ``absent``: the places whose value is unknown for that reason, or
    because the other document lacks it, which is that document's problem.
    """

    document: Document
    value: Any
    origins: dict[Location, tuple[Document, Location]] = field(default_factory=dict)
    findings: list[tuple[Document, Location, Finding]] = field(default_factory=list)
    absent: set[Location] = field(default_factory=set)

    def origin(self, location: Location) -> tuple[Document, Location]:
        """The document that the part at ``location`` stands in, and its location there."""
        for end in range(len(location), 0, -1):
            if location[:end] in self.origins:
                document, place = self.origins[location[:end]]
                return document, (*place, *location[end:])
        return self.document, location

    def report(self, document: Document, location: Location, finding: Finding) -> None:
        self.findings.append((document, location, finding))

    def place(self, location: Location, document: Document, found: Location) -> None:
        self.origins[location] = (document, found)


def mapping(value: Any, *keys: str) -> Mapping[Any, Any] | None:
    """The mapping that ``value`` has at ``keys``, each inside the one before; ``None`` if it has none there."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else None
