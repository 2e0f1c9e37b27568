"""How blocks are signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from estate.model.types import Model, Name, RegionName


class Coordination(Model):
    """How several sites sign with one key: each claims a height, round and step in one table before it signs.

    ``sites``: whose active signer signs, with the AWS lease by which its gate calls the table. ``generation`` counts
    the tables that there were. ``replicas``: the table's regions, with the central service that leads to each, in order
    of preference; where there are two, ``witness`` is the third region that decides with them. ``detours``: more
    services that lead to a replica, each called if no connection can be opened to those before it. ``reach_blocks``:
    how far above the last signature a gate signs, by default a day of blocks.
    """

    sites: Annotated[dict[Name, Name], Field(min_length=1)]
    generation: Annotated[int, Field(ge=1, le=1000000)] = 1
    replicas: Annotated[dict[RegionName, Name], Field(min_length=1)]
    detours: dict[RegionName, Annotated[tuple[Name, ...], Field(min_length=1, max_length=5)]] = {}
    witness: RegionName | None = None
    reach_blocks: Annotated[int, Field(ge=1, le=10000000)] | None = None

    def services(self) -> Iterator[tuple[str, str]]:
        """The service of each replica, and each detour: (its place below ``signing.coordination``, its name)."""
        yield from ((f"replicas.{region}", name) for region, name in self.replicas.items())
        for region, names in self.detours.items():
            yield from ((f"detours.{region}.{index}", name) for index, name in enumerate(names))


class Signing(Model):
    """How blocks are signed, and which site's signer holds the key first.

    Without ``coordination`` only the signer of ``custody`` signs.
    """

    backend: Literal["softsign", "yubihsm"]
    custody: Name
    coordination: Coordination | None = None
