"""A monitor: what every host has. Prometheus comes later; whom it may scrape is in the firewalls already."""

from __future__ import annotations

from configuration.context import HostContext


def apply(context: HostContext) -> None:
    """Declares nothing beyond the base."""
