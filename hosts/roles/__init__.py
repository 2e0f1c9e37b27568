"""One module per role, and those that every host shares. ``apply(context)`` of each declares its operations."""

from __future__ import annotations

from importlib import import_module

from pyinfra.context import host

from configuration.context import HostContext
from estate.model import ROLES


def apply(context: HostContext) -> None:
    """Declares the operations of the host's role.

    pyinfra tells operations apart by the lines of the call stack, and by the position in a ``host.loop``: operations of
    two modules that stand at equal lines would be one operation without it.
    """
    for name in host.loop(dict.fromkeys(spec.host_module for spec in ROLES.values())):  # type: ignore[no-untyped-call]  # pyinfra has no types
        if name == ROLES[context.host.role].host_module:
            import_module(f"{__name__}.{name}").apply(context)
