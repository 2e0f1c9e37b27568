"""Gates before signers: their users and directories, and the unit that leases their credentials.

Whether a gate may run is decided with its signer: see `hosts.operations.signer`.
"""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra import host
from pyinfra.api import StringCommand, operation

from hosts.facts.gate import Gate, GateObservation
from hosts.gate_config import LEASE_STATE, LEASE_UNIT, LEASE_USER, STATE, USER


def provision(state: GateObservation) -> str | None:
    """The script that gives a gate its users and directories; `None` if it has them. Pure. It never makes a floor."""
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


def leasing(state: GateObservation) -> list[str]:
    """The `systemctl` calls by which credentials are leased where there is something to show to Vault. Pure."""
    return [
        *([] if state.leases_at_boot else [f"systemctl enable {LEASE_UNIT}"]),
        *([f"systemctl start {LEASE_UNIT}"] if state.can_lease and not state.leases else []),
    ]


@operation()
def prepare(floor_file: str) -> Iterator[StringCommand]:
    """Gives a gate its users and directories, unless it has them."""
    needed = provision(host.get_fact(Gate, floor_file=floor_file))
    if needed:
        yield StringCommand(needed)


@operation()
def lease(floor_file: str) -> Iterator[StringCommand]:
    """Runs the unit that leases the gate's credentials, where it can."""
    needed = leasing(host.get_fact(Gate, floor_file=floor_file))
    if needed:
        yield StringCommand(" && ".join(needed))
