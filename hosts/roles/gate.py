"""The gate before a signer: it claims each signature in the table, and accepts connections from tmkms only."""

from __future__ import annotations

from configuration import gate_config, signer_config
from configuration.context import HostContext
from configuration.gate_config import (
    CONFIG,
    DIRECTORY,
    LEASE_CONFIG,
    LEASE_UNIT,
    LEASE_UNIT_FILE,
    LEASE_USER,
    PACKAGE,
    UNIT,
    UNIT_FILE,
    USER,
)
from configuration.rendering import render
from hosts.operations import gate
from hosts.operations.files import Absent, Directory, File, Item
from hosts.roles import packages

TMPFILES = "/etc/tmpfiles.d/signing-gate.conf"
SETTLING_SECONDS = 2
READS = '/usr/bin/signing-gate show --config "$STAGED" >/dev/null; [ $? -ne 2 ]'
"""Whether the gate accepts a configuration. A missing watermark file is not an error of the configuration."""


def _restart(unit: str) -> str:
    """Restarts a running unit with its new configuration, and fails if it does not stay up."""
    return (
        f"systemctl daemon-reload; if systemctl -q is-active {unit}; then systemctl restart {unit}; "
        f'sleep {SETTLING_SECONDS}; [ "$(systemctl show -p SubState --value {unit})" = running ]; fi'
    )


def _end(unit: str) -> str:
    wanted = f"/etc/systemd/system/multi-user.target.wants/{unit}"
    return f"systemctl -q stop {unit} 2>/dev/null || true; rm -f {wanted}; systemctl daemon-reload"


def items(context: HostContext) -> list[Item]:
    """The gate's configuration and units; on a host without a gate, their removal."""
    settings = gate_config.settings(context.network, context.host)
    lease = gate_config.lease_settings(context.network, context.host)
    if settings is None or lease is None:
        return [Absent(path=UNIT_FILE, then=_end(UNIT)), Absent(path=LEASE_UNIT_FILE, then=_end(LEASE_UNIT))]
    values = {
        "gate": settings,
        "lease": lease,
        "vault_address": context.network.services["vault"].address,
        "chain": context.chain,
        "host": context.host,
        "paths": gate_config,
        "signer_home": signer_config.HOME,
        "signer_user": signer_config.USER,
    }
    restart, restart_lease = _restart(UNIT), _restart(LEASE_UNIT)

    def text(name: str) -> str:
        return render(f"signer/{name}.j2", **values)

    return [
        Directory(path=DIRECTORY),
        File(path=TMPFILES, content=text("tmpfiles.conf"), then=f"systemd-tmpfiles --create {TMPFILES}"),
        File(path=LEASE_CONFIG, content=text("lease.toml"), group=LEASE_USER, mode="640", then=restart_lease),
        File(path=LEASE_UNIT_FILE, content=text("signing-gate-lease.service"), then=restart_lease),
        File(path=CONFIG, content=text("gate.toml"), group=USER, mode="640", check=READS, then=restart),
        File(path=UNIT_FILE, content=text("signing-gate.service"), then=restart),
    ]


def belongs(context: HostContext) -> bool:
    """Whether a gate belongs on this host."""
    return gate_config.settings(context.network, context.host) is not None


def prepare(context: HostContext) -> None:
    """Declares what comes before the configuration: the package, users and directories."""
    settings = gate_config.settings(context.network, context.host)
    if settings is not None:
        packages.install(f"Install {PACKAGE} {settings.version}", {PACKAGE: settings.version})
        gate.prepare(name="Make the gate's users and directories")


def lease(context: HostContext) -> None:
    """Declares the unit that keeps the gate's credentials current."""
    if belongs(context):
        gate.lease(name="Lease the gate's credentials")
