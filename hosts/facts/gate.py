"""The state of a gate's accounts and leases. The signer's fact says whether the gate runs."""

from __future__ import annotations

from dataclasses import dataclass, fields

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from configuration.gate_config import LEASE_STATE, LEASE_UNIT, LEASE_USER, SECRET_ID, STATE, USER, WRAPPED_SECRET_ID


@dataclass(frozen=True, kw_only=True)
class GateAccountsState:
    """`provisioned`: the gate's users and directories exist. `can_lease`: there is a secret id for Vault. `leases`: the
    unit that takes credentials runs; `leases_at_boot`: it is enabled.
    """

    provisioned: bool = False
    can_lease: bool = False
    leases: bool = False
    leases_at_boot: bool = False


class GateAccounts(FactBase[GateAccountsState]):
    """The accounts of a gate, with the system and with Vault, in one round trip."""

    @override
    def command(self) -> StringCommand:
        return StringCommand(
            f"getent passwd {USER} >/dev/null && getent passwd {LEASE_USER} >/dev/null && "
            f"[ -d {STATE} ] && [ -d {LEASE_STATE} ] && echo provisioned;",
            f"{{ [ -s {SECRET_ID} ] || [ -s {WRAPPED_SECRET_ID} ]; }} && echo can_lease;",
            f"systemctl -q is-active {LEASE_UNIT} && echo leases;",
            f"systemctl -q is-enabled {LEASE_UNIT} 2>/dev/null && echo leases_at_boot;",
            "true",
        )

    @staticmethod
    @override
    def default() -> GateAccountsState:
        return GateAccountsState()

    @override
    def process(self, output: list[str]) -> GateAccountsState:
        said = {line.strip() for line in output}
        return GateAccountsState(**{each.name: each.name in said for each in fields(GateAccountsState)})
