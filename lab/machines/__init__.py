"""Real systemd hosts on one computer: systemd-nspawn over one image, each in a network namespace made beforehand."""

from lab.machines.cloud_config import UserDataError
from lab.machines.machine import (
    BootFailed,
    Started,
    destroy,
    enter,
    execute,
    host_key,
    is_outdated,
    is_running,
    known_hosts,
    list_running,
    logs,
    made,
    start,
    start_all,
    stop,
    stop_all,
)
from lab.machines.provision import Machine
from lab.machines.requirements import LabUnavailable

__all__ = [
    "BootFailed",
    "LabUnavailable",
    "Machine",
    "Started",
    "UserDataError",
    "destroy",
    "enter",
    "execute",
    "host_key",
    "is_outdated",
    "is_running",
    "known_hosts",
    "list_running",
    "logs",
    "made",
    "start",
    "start_all",
    "stop",
    "stop_all",
]
