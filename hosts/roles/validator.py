"""The validator of a host."""

from __future__ import annotations

from hosts.context import HostContext


def apply(context: HostContext) -> None:
    """Declares the operations."""
