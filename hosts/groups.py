"""The hosts and groups of a network for pyinfra's inventory. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from configuration.context import HostContext

HostEntry = tuple[str, dict[str, object]]


def entry(context: HostContext, *, ssh_key: str | None, known_hosts: str | None) -> HostEntry:
    """A host's name and data: its connection (the management address) and its context as `context`."""
    data: dict[str, object] = {"ssh_hostname": str(context.host.management_address), "context": context}
    if ssh_key:
        data["ssh_key"] = ssh_key
    if known_hosts:
        data["ssh_known_hosts_file"] = known_hosts
    return context.host.name, data


def grouped(
    contexts: Iterable[HostContext], *, ssh_key: str | None = None, known_hosts: str | None = None
) -> dict[str, list[HostEntry | str]]:
    """``all`` with every host's data; then names by role (``public-sentry``), by place (``us-east-1``), by network."""
    groups: dict[str, list[HostEntry | str]] = {"all": []}
    for each in contexts:
        host = each.host
        groups["all"].append(entry(each, ssh_key=ssh_key, known_hosts=known_hosts))
        for name in (host.role.value, host.place, each.network.name):
            groups.setdefault(name, []).append(host.name)
    return groups
