"""What can be seen of a network's lab right now, gathered from its machines and its chain."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from estate.hosts import Host, hosts, of_role
from estate.model import Network, Role
from lab.paths import LabPaths

CLAIM_COUNT = 17
"""How many promises the design makes; none is checked by a prover yet."""

NODE_ROLES = (Role.PUBLIC_SENTRY, Role.PRIVATE_SENTRY, Role.SEED, Role.VALIDATOR)
MISSED_WINDOW = 50


@dataclass(frozen=True)
class HostState:
    """One host and whether it runs: ``running``, ``stopped``, or ``declared`` where the lab has not made it."""

    name: str
    role: str
    site: str
    state: str


@dataclass(frozen=True)
class SigningState:
    """One active validator host; the heights are those of the network's key where this site holds it, else None."""

    validator: str
    active: bool
    last_signed_height: int | None
    missed_last_50: int | None


@dataclass(frozen=True)
class NodeState:
    height: int
    peers: int


@dataclass(frozen=True)
class Observation:
    """One look at a network."""

    network: str
    chain_id: str
    height: int | None
    hosts: tuple[HostState, ...]
    signing: tuple[SigningState, ...]
    claims: dict[str, int]
    problems: tuple[str, ...]
    nodes: dict[str, NodeState] = field(default_factory=dict)
    endpoints: tuple[tuple[str, str], ...] = ()
    later: tuple[str, ...] = ()
