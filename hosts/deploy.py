"""Configures a host: the base configuration, then its role.

Run it from the root of the repository: ``pyinfra hosts/inventory.py hosts/deploy.py``.
"""

from pyinfra.context import host

from configuration.context import HostContext
from estate.plan import topology
from hosts import roles
from hosts.roles import base, firewall, node, packages

current: HostContext = host.data.context
base.apply(current)
firewall.apply(current)
packages.apply(current)
base.start(current)
if topology.needs_chain(current.host):
    node.prepare(current)
roles.apply(current)
