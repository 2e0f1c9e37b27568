"""User data: what an instance needs so that its operators can reach it. The rest is configured over SSH."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from estate.model import Network
from estate.plan import access
from estate.plan.hosts import Host

HEADER = "#cloud-config\n"


def operator_keys(network: Network, host: Host) -> list[str]:
    """The public keys of the operators of this host's role, by operator's name."""
    return [key for keys in access.operators(network, host.role).values() for key in keys]


def render(
    network: Network, host: Host, *, files: Mapping[str, str] | None = None, commands: list[list[str]] | None = None
) -> str:
    """``#cloud-config`` of ``host``. ``files`` (scripts by path) are written before ``commands`` run; no secrets."""
    config: dict[str, Any] = {
        "hostname": host.name,
        "preserve_hostname": False,
        "manage_etc_hosts": True,
        "disable_root": True,
        "ssh_pwauth": False,
        "ssh_authorized_keys": operator_keys(network, host),
    }
    if files:
        config["write_files"] = [
            {"path": path, "permissions": "0755", "content": content} for path, content in files.items()
        ]
    if commands:
        config["runcmd"] = commands
    return HEADER + yaml.safe_dump(config, sort_keys=False, width=1000)
