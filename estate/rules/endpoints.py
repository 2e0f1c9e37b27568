"""Rules about the public names of seeds, RPC and LCD."""

from __future__ import annotations

from collections.abc import Iterator

from estate.model import Network
from estate.rules.finding import Finding, repeated, show

_FIELDS = ("seed", "rpc", "lcd")


def endpoints_lie_in_the_zone(network: Network) -> Iterator[Finding]:
    """The names are made in the declared DNS zone."""
    zone = network.endpoints.dns_zone
    for field in _FIELDS:
        name = getattr(network.endpoints, field)
        if name == zone or not name.endswith(f".{zone}"):
            yield Finding(
                path=f"endpoints.{field}",
                value=show(name),
                rule=f"must be a name inside {zone}",
                reason="records are made in that zone and in no other",
                fix=f"write for example {network.name}-{field}.{zone}",
                involves=("endpoints.dns_zone",),
            )


def endpoints_are_distinct(network: Network) -> Iterator[Finding]:
    """Each endpoint has its own name."""
    for path, name, first in repeated((f"endpoints.{field}", getattr(network.endpoints, field)) for field in _FIELDS):
        yield Finding(
            path=path,
            value=show(name),
            rule="each endpoint must have a name of its own",
            reason=(
                f"{first.split('.')[1]} has it too: seeds are reached directly, RPC and LCD each by their own "
                "listener and certificate"
            ),
            fix=f"write for example {network.name}-{path.split('.')[1]}.{network.endpoints.dns_zone}",
            involves=(first,),
        )
