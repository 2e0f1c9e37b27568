"""What a signer host has of a gate."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api import FactBase, StringCommand
from typing_extensions import override

from hosts.gate_config import LEASE_STATE, LEASE_UNIT, LEASE_USER, SECRET_ID, STATE, UNIT, USER, WRAPPED_SECRET_ID


@dataclass(frozen=True, kw_only=True)
class GateObservation:
    """What is there of a gate.

    `provisioned`: its users and directories. `floor`: the file without which it signs nothing. `can_lease`: something
    to show to Vault. `leases`: the unit that takes credentials runs.
    """

    provisioned: bool = False
    floor: bool = False
    can_lease: bool = False
    masked: bool = False
    enabled: bool = False
    active: bool = False
    leases: bool = False
    leases_at_boot: bool = False


class Gate(FactBase[GateObservation]):
    """The state of a gate whose floor is in `floor_file`, in one round trip."""

    @override
    def command(self, floor_file: str) -> StringCommand:
        return StringCommand(
            f"getent passwd {USER} >/dev/null && getent passwd {LEASE_USER} >/dev/null && "
            f"[ -d {STATE} ] && [ -d {LEASE_STATE} ] && echo provisioned;",
            f"[ -s {floor_file} ] && echo floor;",
            f"{{ [ -s {SECRET_ID} ] || [ -s {WRAPPED_SECRET_ID} ]; }} && echo can_lease;",
            f'[ "$(readlink /etc/systemd/system/{UNIT})" = /dev/null ] && echo masked;',
            f"systemctl -q is-enabled {UNIT} 2>/dev/null && echo enabled;",
            f"systemctl show -p ActiveState --value {UNIT} | grep -Eqx '(de)?activating|active|reloading' "
            "&& echo active;",
            f"systemctl -q is-active {LEASE_UNIT} && echo leases;",
            f"systemctl -q is-enabled {LEASE_UNIT} 2>/dev/null && echo leases_at_boot;",
            "true",
        )

    @staticmethod
    @override
    def default() -> GateObservation:
        return GateObservation()

    @override
    def process(self, output: list[str]) -> GateObservation:
        return GateObservation(**dict.fromkeys((line.strip() for line in output if line.strip()), True))
