"""The first boot of a VPN gateway, the operators' only entry."""

from __future__ import annotations

from components import cloud_config
from estate.model import Network
from estate.plan import addressing
from estate.plan.hosts import Host

SCRIPT_PATH = "/usr/local/sbin/estate-vpn-forwarding"
SCRIPT = """\
#!/bin/sh
# Lets clients of the VPN in before this host is configured: forwarding, and its own address as theirs.
set -eu
out=$(ip -4 route show default | awk '{{print $5; exit}}')
sysctl -q -w net.ipv4.ip_forward=1
nft -f - <<RULES
table ip vpn_bootstrap
delete table ip vpn_bootstrap
table ip vpn_bootstrap {{
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {pool} oifname "$out" masquerade
    }}
}}
RULES
"""


def user_data(network: Network, host: Host) -> str:
    """Clients are translated to the gateway's address, so that no other host needs a route to them."""
    script = SCRIPT.format(pool=addressing.vpn_pool(network, host.place))
    return cloud_config.render(network, host, files={SCRIPT_PATH: script}, commands=[[SCRIPT_PATH]])
