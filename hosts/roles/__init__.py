"""One module for each role, and those that every host shares. ``apply(context)`` of each declares its operations."""

from __future__ import annotations

from importlib import import_module

from pyinfra.context import host

from configuration.context import HostContext
from estate.model import Role

HOST_MODULES: dict[Role, str] = {
    Role.PUBLIC_SENTRY: "sentry",
    Role.PRIVATE_SENTRY: "sentry",
    Role.SEED: "seed",
    Role.VALIDATOR: "validator",
    Role.SIGNER: "signer",
    Role.EDGE: "edge",
    Role.VPN: "vpn",
    Role.MONITOR: "monitor",
}
"""The module of each role in this package."""


def apply(context: HostContext) -> None:
    """Declares the operations of the host's role.

    pyinfra tells operations apart by the lines of the call stack, and by the position in a ``host.loop``: operations of
    two modules that stand at equal lines would be one operation without it.
    """
    for name in host.loop(dict.fromkeys(HOST_MODULES.values())):  # type: ignore[no-untyped-call]  # pyinfra has no types
        if name == HOST_MODULES[context.host.role]:
            import_module(f"{__name__}.{name}").apply(context)
