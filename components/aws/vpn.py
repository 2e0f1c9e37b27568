"""The one way in for operators."""

from __future__ import annotations

from components.aws import cloud_config
from components.aws.machine import Machine
from estate.plan import addressing

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


class VpnGateway(Machine):
    """A VPN gateway at a fixed public address. Clients leave it with its address; nothing else knows theirs."""

    TOKEN = "estate:host:VpnGateway"
    DATA_DISK = False

    def _user_data(self) -> str:
        script = SCRIPT.format(pool=addressing.vpn_pool(self.network, self.host.place))
        return cloud_config.render(self.network, self.host, files={SCRIPT_PATH: script}, commands=[[SCRIPT_PATH]])
