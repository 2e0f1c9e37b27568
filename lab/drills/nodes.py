"""Nodes and regions fail: our validators keep up and sign."""

from __future__ import annotations

from estate.model import Role
from estate.plan.hosts import of_role
from lab.drills.estate import Estate


def public_sentries_down(estate: Estate) -> None:
    """All public sentries stop: the validators keep up, and sign, through the private ones."""
    sentries = of_role(estate.network, Role.PUBLIC_SENTRY)
    try:
        for sentry in sentries:
            estate.node_unit("stop", sentry)
        estate.say(f"{len(sentries)} public sentries are stopped")
        estate.must_sign_all()
    finally:
        for sentry in sentries:
            estate.node_unit("start", sentry)


def lose_region(estate: Estate) -> None:
    """The last region by name is cut off: signing continues through the others."""
    with estate.without(region=sorted(estate.network.regions)[-1]):
        estate.must_sign_all()
