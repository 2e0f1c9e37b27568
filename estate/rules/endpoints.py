"""Rules about the public names of seeds, RPC and LCD."""

from __future__ import annotations

from collections.abc import Iterator

from estate.model import Network
from estate.rules.finding import Finding, repeated, show


def endpoints_lie_in_the_zone(network: Network) -> Iterator[Finding]:
    """The names are made in the declared DNS zone."""
    zone = network.endpoints.dns_zone
    for field, name in network.endpoints.by_name().items():
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
    for path, name, first in repeated(
        (f"endpoints.{field}", name) for field, name in network.endpoints.by_name().items()
    ):
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


def lcd_is_named_where_it_is_served(network: Network) -> Iterator[Finding]:
    """An LCD has a port on the seeds and a public name, or neither."""
    port, name = network.chain.ports.lcd, network.endpoints.lcd
    if port and not name:
        yield Finding(
            path="endpoints.lcd",
            value="nothing",
            rule=f"must be given where chain.ports.lcd is {port}",
            reason="the seeds' load balancer answers for a name, and nobody could ask the LCD",
            fix=f"write for example {network.name}-lcd.{network.endpoints.dns_zone}, or remove the port",
            involves=("chain.ports.lcd",),
        )
    if name and not port:
        yield Finding(
            path="chain.ports.lcd",
            value="nothing",
            rule=f"must be given where endpoints.lcd is {name}",
            reason="the name would lead to a load balancer with nothing behind it",
            fix="write the port of the chain's REST endpoint, usually 1317, or remove the name",
            involves=("endpoints.lcd",),
        )
