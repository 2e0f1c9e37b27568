"""Configures a host: what every host has, then what its role needs.

Run it from the root of the repository: ``pyinfra hosts/inventory.py hosts/deploy.py``.
"""

from pyinfra import host

from estate.model import Role
from estate.plan import topology
from hosts import context
from hosts.roles import base, edge, firewall, monitor, node, packages, seed, sentry, signer, validator, vpn

# A line of its own for each role: pyinfra tells operations apart by the lines of the call stack.
APPLY = {
    Role.PUBLIC_SENTRY: lambda each: sentry.apply(each),
    Role.PRIVATE_SENTRY: lambda each: sentry.apply(each),
    Role.SEED: lambda each: seed.apply(each),
    Role.VALIDATOR: lambda each: validator.apply(each),
    Role.SIGNER: lambda each: signer.apply(each),
    Role.EDGE: lambda each: edge.apply(each),
    Role.VPN: lambda each: vpn.apply(each),
    Role.MONITOR: lambda each: monitor.apply(each),
}

current = context.of(host)
base.apply(current)
firewall.apply(current)
packages.apply(current)
base.start(current)
if topology.needs_chain(current.host):
    node.prepare(current)
APPLY[current.host.role](current)
