"""A monitor: what every host has. Prometheus comes later; the firewalls already allow what it may scrape."""

from __future__ import annotations

from configuration.context import HostContext


def apply(context: HostContext) -> None:
    """Declares nothing beyond the base."""
