"""The base of all components: how a child resource is created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

import pulumi

from estate.model import Network

Resource = TypeVar("Resource", bound=pulumi.CustomResource)
Noun = TypeVar("Noun")
Given = TypeVar("Given", bound="Args")
GivenIn = TypeVar("GivenIn", bound="Args", contravariant=True)
Built = TypeVar("Built", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Args:
    """The arguments of every component: the declaration it is part of."""

    network: Network


@dataclass(frozen=True, kw_only=True)
class RegionalArgs(Args):
    """For components whose resources are all in one region."""

    region: str


class Build(Protocol[GivenIn, Built]):
    """A component's factory: its class, or a function that creates several under one name."""

    def __call__(self, name: str, args: GivenIn, *, opts: pulumi.ResourceOptions | None = None) -> Built: ...


def of_this_cloud(noun: object, wanted: type[Noun]) -> Noun:
    """``noun`` as the class of the cloud that built it.

    Raises:
        TypeError: another cloud built it.
    """
    if not isinstance(noun, wanted):
        raise TypeError(
            f"{type(noun).__name__}: expected a {wanted.__name__} of {wanted.__module__}: a cloud builds only on"
            " what it built itself; pass a noun of the same cloud"
        )
    return noun


class Component(pulumi.ComponentResource):
    """A component of the estate. ``TOKEN`` is its type token and must not change: a new one would replace its children.

    ``region`` is empty where the component's resources are in several regions, or in none.
    """

    TOKEN: ClassVar[str]

    def __init__(self, name: str, args: Args, opts: pulumi.ResourceOptions | None, *, token: str | None = None) -> None:
        super().__init__(token or self.TOKEN, name, {}, opts)
        self.name = name
        self.network = args.network
        self.region = args.region if isinstance(args, RegionalArgs) else ""

    @property
    def production(self) -> bool:
        return self.network.stage == "production"

    def _child(
        self,
        resource: type[Resource],
        key: str,
        *,
        properties: Mapping[str, Any],
        keep: bool = False,
        outlive: bool = False,
        depends_on: Sequence[pulumi.Resource] = (),
        ignore_changes: Sequence[str] = (),
        delete_first: bool = False,
    ) -> Resource:
        """The only way to create a resource: as a child of this component, with its provider.

        Args:
            key: after the component's name, the logical name; a stable key of the declaration, never a position.
            keep: in production, the engine refuses to delete it.
            outlive: in production, it stays when it leaves the stack, because its address or key cannot be recovered.
            delete_first: a replacement deletes it before it creates the new one, because both cannot exist at once.
        """
        options = pulumi.ResourceOptions(
            parent=self,
            protect=(keep or outlive) and self.production,
            retain_on_delete=outlive and self.production,
            depends_on=list(depends_on),
            ignore_changes=list(ignore_changes),
            delete_before_replace=delete_first or None,
        )
        return resource(f"{self.name}-{key}", **properties, opts=options)

    def _part(self, build: Build[Given, Noun], name: str, args: Given) -> Noun:
        """A noun under this component."""
        return build(name, args, opts=pulumi.ResourceOptions(parent=self))
