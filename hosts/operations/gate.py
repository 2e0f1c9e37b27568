"""Gates before signers: their users and directories, and the unit that leases their credentials.

Whether a gate may run is decided with its signer: see `hosts.operations.signer`.
"""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from configuration.gate_config import LEASE_STATE, LEASE_UNIT, LEASE_USER, STATE, USER
from hosts.facts.gate import GateAccounts, GateAccountsState


def provision(state: GateAccountsState) -> str | None:
    """The script that creates a gate's users and directories; `None` if they exist. Pure. No watermark is written."""
    if state.provisioned:
        return None
    lines = ["set -eu; umask 077"]
    for user, home in ((USER, STATE), (LEASE_USER, LEASE_STATE)):
        lines += [
            f"getent passwd {user} >/dev/null ||",
            f"  useradd --system --user-group --home-dir {home} --no-create-home --shell /usr/sbin/nologin {user}",
            f"install -d -o {user} -g {user} -m 700 {home}",
        ]
    return "\n".join(lines)


def leasing(state: GateAccountsState) -> list[str]:
    """The `systemctl` calls that start leasing credentials if there is a secret id for Vault. Pure."""
    return [
        *([] if state.leases_at_boot else [f"systemctl enable {LEASE_UNIT}"]),
        *([f"systemctl start {LEASE_UNIT}"] if state.can_lease and not state.leases else []),
    ]


@operation()
def prepare() -> Generator[StringCommand, None, None]:
    """Creates a gate's users and directories, unless they exist."""
    needed = provision(host.get_fact(GateAccounts))
    if needed:
        yield StringCommand(needed)


@operation()
def lease() -> Generator[StringCommand, None, None]:
    """Runs the unit that leases the gate's credentials, where it can."""
    needed = leasing(host.get_fact(GateAccounts))
    if needed:
        yield StringCommand(" && ".join(needed))
