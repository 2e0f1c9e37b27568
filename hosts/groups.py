"""The hosts of a network as pyinfra's inventory has them. Pure."""

from __future__ import annotations

from typing import Any

from estate.model import Network
from estate.plan.hosts import Host, hosts

HostEntry = tuple[str, dict[str, Any]]


def entry(host: Host, *, ssh_key: str | None, known_hosts: str | None) -> HostEntry:
    """A host's name and how it is reached: at its management address."""
    data: dict[str, Any] = {"ssh_hostname": str(host.management_address)}
    if ssh_key:
        data["ssh_key"] = ssh_key
    if known_hosts:
        data["ssh_known_hosts_file"] = known_hosts
    return host.name, data


def grouped(
    network: Network, *, ssh_key: str | None = None, known_hosts: str | None = None
) -> dict[str, list[HostEntry | str]]:
    """``all`` with every host's data; then names by role (``public-sentry``), by place (``us-east-1``), by network."""
    groups: dict[str, list[HostEntry | str]] = {"all": []}
    for host in hosts(network):
        groups["all"].append(entry(host, ssh_key=ssh_key, known_hosts=known_hosts))
        for name in (host.role.value, host.place, network.name):
            groups.setdefault(name, []).append(host.name)
    return groups
