"""What the lab needs of a cloud's folder: a provider's answers, free of the wire, and how the folder is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from lab.clouds.difference import Change
from lab.clouds.schema import Problem
from lab.clouds.store import Row, Store
from lab.clouds.values import Properties

DEFAULTED = "__defaults"
"""The input in which a provider notes which others it filled in: a Terraform bridge's own name."""

Settings = TypeVar("Settings")
"""What a provider resource configures, in the cloud's own form."""


@dataclass(frozen=True)
class Difference:
    """What a diff found: the changes, the top-level inputs that force a replacement, and in which order it goes."""

    changes: tuple[Change, ...] = ()
    replaces: tuple[str, ...] = ()
    delete_before_replace: bool = False


@dataclass(frozen=True)
class Checked:
    """Inputs with the provider's defaults filled in, and what is wrong with them."""

    inputs: Properties
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Read:
    """What the store has: nothing, if `id` is empty."""

    id: str = ""
    properties: Properties = field(default_factory=dict)
    inputs: Properties = field(default_factory=dict)


class Provider(Protocol[Settings]):
    """One cloud as the engine sees it, on plain values.

    Every method raises `UnknownType` for a type or function that the lab's cloud does not know, `RefusedCall` where the
    cloud refuses, and `NotFound` where the resource is gone.
    """

    def decode_config(self, inputs: Mapping[str, Any]) -> Properties:
        """Returns a provider's configuration with the nested values, which the engine sends as JSON text, decoded."""
        ...

    def check_config(self, inputs: Mapping[str, Any]) -> list[Problem]:
        """Returns what is wrong with a provider's configuration."""
        ...

    def configure(self, inputs: Mapping[str, Any]) -> Settings | None:
        """Returns the settings of a provider with this configuration; None while they are not known."""
        ...

    def check(
        self, token: str, urn: str, olds: Mapping[str, Any], news: Mapping[str, Any], seed: bytes = b""
    ) -> Checked:
        """Fills in defaults and returns everything that the provider itself refuses, before the cloud is asked."""
        ...

    def diff(
        self,
        token: str,
        id: str,
        settings: Settings,
        old_inputs: Mapping[str, Any],
        old_properties: Mapping[str, Any],
        news: Mapping[str, Any],
    ) -> Difference:
        """Returns what a resource's new inputs change, and notes that the engine knows the resource."""
        ...

    def create(
        self, token: str, urn: str, settings: Settings, inputs: Mapping[str, Any], *, preview: bool = False
    ) -> tuple[str, Properties]:
        """Makes a resource; returns its id and properties. In a preview it makes nothing."""
        ...

    def read(
        self,
        token: str,
        id: str,
        settings: Settings,
        properties: Mapping[str, Any],
        inputs: Mapping[str, Any] | None = None,
    ) -> Read:
        """Returns what the store has under this id, or an empty answer."""
        ...

    def update(
        self,
        token: str,
        id: str,
        urn: str,
        settings: Settings,
        old_properties: Mapping[str, Any],
        news: Mapping[str, Any],
        *,
        preview: bool = False,
    ) -> Properties:
        """Gives a resource new inputs; returns its properties."""
        ...

    def delete(self, token: str, id: str, urn: str, settings: Settings, properties: Mapping[str, Any]) -> None:
        """Deletes a resource; one that is already gone is no error."""
        ...

    def invoke(self, token: str, settings: Settings, arguments: Mapping[str, Any]) -> Properties:
        """Answers a function call."""
        ...


class Open(Protocol[Settings]):
    """How a cloud's provider is made.

    Args:
        store: where its resources are kept.
        lab_id: goes into every id, so that two labs never share one.
        world_file: JSON of what the stack finds and does not make.
        patience_seconds: how long a deletion is tried again while something depends on the resource.
    """

    def __call__(
        self, store: Store, *, lab_id: str, world_file: Path | None = None, patience_seconds: float = 0
    ) -> Provider[Settings]: ...


@dataclass(frozen=True, kw_only=True)
class Folder(Generic[Settings]):
    """What a cloud's folder offers.

    Attributes:
        version: the release of the provider that is answered for.
        open: makes the provider.
        drift: changes a resource as a person at the cloud's console would; None removes a property.
        maps: properties whose keys may have dots: tags, labels.
    """

    version: str
    open: Open[Settings]
    drift: Callable[[Row, Mapping[str, Any]], None]
    maps: frozenset[str]
