"""The central services that the lab runs, at the declared addresses: packages, time, names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

from estate.model import Network

REPOSITORY = "/srv/repository"
NGINX = "/etc/nginx/nginx.conf"
CHRONY = "/etc/chrony/chrony.conf"
UNBOUND = "/etc/unbound/unbound.conf"
RESTARTS = {NGINX: "nginx.service", CHRONY: "chrony.service", UNBOUND: "unbound.service"}
"""Which unit serves from which file."""


def _packages(network: Network) -> str:
    service = network.services["packages"]
    return f"""\
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    default_type application/octet-stream;
    server {{
        listen {service.address}:{service.port};
        root {REPOSITORY};
        autoindex on;
    }}
}}
"""


def _time(network: Network) -> str:
    service = network.services["time"]
    return f"""\
local stratum 3
allow all
bindaddress {service.address}
port {service.port}
cmdport 0
driftfile /var/lib/chrony/chrony.drift
"""


def _names(network: Network, records: Mapping[str, tuple[IPv4Address, ...]]) -> str:
    service = network.services["resolver"]
    data = "\n".join(
        f'    local-data: "{name}. 60 IN A {address}"'
        for name, addresses in sorted(records.items())
        for address in addresses
    )
    return f"""\
server:
    interface: {service.address}@{service.port}
    access-control: 0.0.0.0/0 allow
    do-ip6: no
    num-threads: 1
    module-config: "iterator"
    chroot: ""
    local-zone: "." static
    local-zone: "{network.endpoints.dns_zone}." static
{data}
remote-control:
    control-enable: no
"""


def files(network: Network, records: Mapping[str, tuple[IPv4Address, ...]]) -> dict[str, str]:
    """The configuration of those services that are declared, by path. `records`: the addresses that names have."""
    declared = network.services
    found = {}
    if "packages" in declared:
        found[NGINX] = _packages(network)
    if "time" in declared:
        found[CHRONY] = _time(network)
    if "resolver" in declared:
        found[UNBOUND] = _names(network, records)
    return found
