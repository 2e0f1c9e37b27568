"""pyinfra's inventory: every host of the network, grouped by role, by place and by network.

The cloud's part comes from the stack's outputs, the datacentres' part from the declaration; the two must agree.
Environment: ``ESTATE_NETWORK``, ``ESTATE_OUTPUTS``, ``ESTATE_CHAIN``, ``ESTATE_SSH_KEY``, ``ESTATE_KNOWN_HOSTS``,
``ESTATE_ARCHIVE_KEYRING``.
"""

import os
import sys

from estate.findings import DeclarationError
from hosts import context, groups

try:
    _contexts = context.contexts(os.environ)
except DeclarationError as error:
    print(error, file=sys.stderr)
    sys.exit(2)

globals().update(
    groups.grouped(
        _contexts.values(),
        ssh_key=os.environ.get("ESTATE_SSH_KEY"),
        known_hosts=os.environ.get("ESTATE_KNOWN_HOSTS"),
    )
)
