"""Which hosts the stack's configuration releases to be replaced."""

from __future__ import annotations

import pulumi

from estate.model import Network
from estate.plan.hosts import hosts
from estate.suggestion import did_you_mean


def released(network: Network) -> frozenset[str]:
    """The hosts in ``estate:replace``, separated by commas: the next update with ``--replace`` may replace them."""
    given = [name.strip() for name in (pulumi.Config("estate").get("replace") or "").split(",") if name.strip()]
    known = [host.name for host in hosts(network) if host.in_cloud]
    for name in given:
        if name not in known:
            raise pulumi.RunError(
                f"estate:replace: got {name!r}{did_you_mean(name, known)}; it must name cloud hosts of {network.name},"
                f" because only their instances are replaced by the engine; expected one of: {', '.join(known)}"
            )
    return frozenset(given)
