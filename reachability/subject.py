"""The subject of a proof: resources, datacentres and host firewalls, as they will be deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reachability.addresses import Intervals
from reachability.frontends.sites import Site
from reachability.resources import Resource


@dataclass(frozen=True, slots=True)
class Guest:
    """The configuration inside a cloud instance.

    ``forwards``: whether its kernel routes; ``None``: derived from the cloud (an instance whose source check is off
    counts as a router; without a ruleset, what it does is unknown). ``pools``: addresses of clients behind a device.
    """

    name: str
    forwards: bool | None = None
    pools: Mapping[str, Intervals] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """``guests`` by the URN of the instance; ``rulesets`` by the name of the machine (a guest's or server's), as
    nftables text or the JSON of ``nft -j list ruleset``. A machine without a ruleset filters nothing; what a router
    that is not declared does without one is unknown."""

    resources: tuple[Resource, ...]
    sites: tuple[Site, ...] = ()
    guests: Mapping[str, Guest] = field(default_factory=dict)
    rulesets: Mapping[str, str] = field(default_factory=dict)
