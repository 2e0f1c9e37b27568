"""What a command needs of the lab before it can work with it."""

from __future__ import annotations

from estate.errors import UsageError
from estate.model import Network
from estate.plan.hosts import Host, hosts
from estate.suggestion import did_you_mean
from lab.machines import machine
from lab.paths import LabPaths


def the_host(network: Network, name: str) -> Host:
    """The host called ``name``; the network's name may be left out of it."""
    by_name = {host.name: host for host in hosts(network)}
    full = name if name in by_name else f"{network.name}-{name}"
    if full not in by_name:
        known = [*by_name, *(each.removeprefix(f"{network.name}-") for each in by_name)]
        hosts_of_it = "\n  ".join(by_name)
        raise UsageError(
            f"{network.name} declares no host {name!r}{did_you_mean(name, known)}; its hosts are:\n  {hosts_of_it}"
        )
    return by_name[full]


def lab_must_run(paths: LabPaths) -> None:
    """Raises UsageError: the lab of this network is not up."""
    if not machine.is_running(paths, "world"):
        raise UsageError(f"the lab of {paths.network} is not running; start it with `bin/estate up {paths.network}`")


def must_run(paths: LabPaths, name: str) -> None:
    """Raises UsageError: this host of the lab does not run."""
    if not machine.is_running(paths, name):
        raise UsageError(
            f"{name} is not running in the lab of {paths.network}; start it with `bin/estate up {paths.network}`"
        )


def must_have_unit(paths: LabPaths, name: str, unit: str) -> None:
    """Raises UsageError: neither systemd nor the journal of this host of the lab knows the unit."""
    pattern = unit if "." in unit else f"{unit}.service"
    known = ["systemctl", "list-units", "--all", "--plain", "--no-legend", pattern]
    wrote = ["journalctl", "--quiet", "--lines", "1", "--unit", unit]
    if not any(machine.execute(paths, name, each).stdout.strip() for each in (known, wrote)):
        raise UsageError(f"{name} has no unit {unit!r}; `bin/estate ssh {name} systemctl list-units` lists them")
