"""A monitor: what every host has. Prometheus and its like come later; who may be scraped is in the firewalls
already.
"""

from __future__ import annotations

from hosts.context import HostContext


def apply(context: HostContext) -> None:
    """Declares nothing beyond the base."""
