"""One module per role, and those that every host shares. ``apply(context)`` of each declares its operations."""

from __future__ import annotations

from configuration.context import HostContext
from estate.model import Role
from hosts.roles import edge, monitor, seed, sentry, signer, validator, vpn


def apply(context: HostContext) -> None:
    """Declares the operations of the host's role.

    One call for each role, in the order of the roll-out: pyinfra orders operations, and tells them apart, by the lines
    of the call stack. Thus the public sentries run again before the private ones restart, and all sentries before a
    validator does. A test demands a call for each role, to the module that its row names.
    """
    role = context.host.role
    if role is Role.PUBLIC_SENTRY:
        sentry.apply(context)
    if role is Role.PRIVATE_SENTRY:
        sentry.apply(context)
    if role is Role.SEED:
        seed.apply(context)
    if role is Role.VALIDATOR:
        validator.apply(context)
    if role is Role.SIGNER:
        signer.apply(context)
    if role is Role.EDGE:
        edge.apply(context)
    if role is Role.VPN:
        vpn.apply(context)
    if role is Role.MONITOR:
        monitor.apply(context)
