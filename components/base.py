"""What all components share: how a child is made, and what of it follows from being a child."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import Any, ClassVar, TypeVar

import pulumi

from components.tags import tags
from estate.model import Network

Resource = TypeVar("Resource", bound=pulumi.CustomResource)
Nested = TypeVar("Nested", bound="Component")


@dataclass(frozen=True, kw_only=True)
class Args:
    """What every component is given: the declaration it is part of."""

    network: Network


@dataclass(frozen=True, kw_only=True)
class RegionalArgs(Args):
    """For components whose resources all stand in one region."""

    region: str


@cache
def _accepted(resource: type[pulumi.CustomResource]) -> frozenset[str]:
    return frozenset(signature(resource._internal_init).parameters)


class Component(pulumi.ComponentResource):
    """A component of the estate. ``TOKEN`` is its type token, frozen: another would replace all that is under it."""

    TOKEN: ClassVar[str]

    def __init__(self, name: str, args: Args, opts: pulumi.ResourceOptions | None) -> None:
        super().__init__(self.TOKEN, name, {}, opts)
        self.name = name
        self.network = args.network
        self.region = args.region if isinstance(args, RegionalArgs) else None

    @property
    def production(self) -> bool:
        return self.network.stage == "production"

    def _child(
        self,
        resource: type[Resource],
        key: str,
        *,
        purpose: Mapping[str, str] | None = None,
        region: str | None = None,
        keep: bool = False,
        outlive: bool = False,
        depends_on: Sequence[pulumi.Resource] = (),
        ignore_changes: Sequence[str] = (),
        replace_first: bool = False,
        **properties: Any,
    ) -> Resource:
        """The only way to make a resource: under this component, in its region, tagged.

        Args:
            key: after the component's name, the logical name; a stable key of the declaration, never a position.
            purpose: tags beyond those that everything has.
            region: instead of the component's own.
            keep: in production, the engine refuses to delete it.
            outlive: in production, it stays when it leaves the stack, because its address or key cannot be had again.
            replace_first: delete before create, for what can exist only once.
        """
        name = f"{self.name}-{key}"
        accepted = _accepted(resource)
        if "region" in accepted:
            properties["region"] = region or self.region
        if "tags" in accepted:
            properties["tags"] = tags(self.network, name, **(purpose or {}))
        options = pulumi.ResourceOptions(
            parent=self,
            protect=(keep or outlive) and self.production,
            retain_on_delete=outlive and self.production,
            depends_on=list(depends_on),
            ignore_changes=list(ignore_changes),
            delete_before_replace=replace_first or None,
        )
        return resource(name, **properties, opts=options)

    def _part(
        self, component: type[Nested], name: str, args: Args, *, depends_on: Sequence[pulumi.Resource] = ()
    ) -> Nested:
        """A component under this one."""
        return component(name, args, opts=pulumi.ResourceOptions(parent=self, depends_on=list(depends_on)))
