"""The base of AWS components: each resource is in the component's region and tagged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.base import Component, Resource
from components.tags import tags


class AwsComponent(Component):
    """A component whose resources are on AWS."""

    def _resource(
        self,
        resource: type[Resource],
        key: str,
        *,
        purpose: Mapping[str, str] | None = None,
        region: str = "",
        keep: bool = False,
        outlive: bool = False,
        depends_on: Sequence[pulumi.Resource] = (),
        ignore_changes: Sequence[str] = (),
        delete_first: bool = False,
        **properties: Any,
    ) -> Resource:
        """A resource in the component's region, with the tags that every resource carries.

        Args:
            key, keep, outlive, delete_first: as of ``_child``.
            purpose: tags beyond those that everything has.
            region: instead of the component's own.
        """
        if hasattr(resource, "region"):
            properties["region"] = region or self.region or None
        if hasattr(resource, "tags"):
            properties["tags"] = tags(self.network, f"{self.name}-{key}", **(purpose or {}))
        return self._child(
            resource,
            key,
            properties=properties,
            keep=keep,
            outlive=outlive,
            depends_on=depends_on,
            ignore_changes=ignore_changes,
            delete_first=delete_first,
        )
