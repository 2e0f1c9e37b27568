"""A monitor: the base configuration only. Prometheus is not installed yet; the firewalls already allow its scrapes."""

from __future__ import annotations

from configuration.context import HostContext


def apply(context: HostContext) -> None:
    """Declares nothing beyond the base."""
