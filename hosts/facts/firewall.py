"""The ruleset on a host's disk, the one in its kernel, and whether the latter was changed by hand."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.facts import FactBase
from typing_extensions import override

from configuration.rulesets import PATH

STATE = "/var/lib/estate/firewall"
LOADED_DIGEST = (
    "nft -s list ruleset | awk '{ n = split($0, w, /[ \\t,]+/); "
    "for (i = 2; i <= n; i++) { x = w[i]; for (j = i - 1; j > 0 && w[j] > x; j--) w[j + 1] = w[j]; w[j + 1] = x } "
    'l = ""; for (i = 1; i <= n; i++) l = l " " w[i]; print l }\' | sha256sum | cut -c1-64'
)
"""Shell: a digest of the kernel's ruleset. Words are sorted within a line, because a set's order varies."""


@dataclass(frozen=True, kw_only=True)
class FirewallState:
    """SHA-256 of the kept ``file``; digests of what was ``confirmed`` and is ``loaded``; ``enabled`` at boot."""

    file: str | None = None
    confirmed: str | None = None
    loaded: str | None = None
    enabled: bool = False


class Firewall(FactBase[FirewallState]):
    """The state of a host's packet filter, in one round trip."""

    @override
    def command(self) -> str:
        return (
            f"echo file $(sha256sum {PATH} 2>/dev/null | cut -c1-64); "
            f"echo confirmed $(tr -cd 0-9a-f 2>/dev/null < {STATE}/confirmed); "
            f"echo loaded $({LOADED_DIGEST}); echo enabled $(systemctl is-enabled nftables.service 2>/dev/null); true"
        )

    @staticmethod
    @override
    def default() -> FirewallState:
        return FirewallState()

    @override
    def process(self, output: list[str]) -> FirewallState:
        values = dict(line.split(" ", 1) for line in output if " " in line)
        return FirewallState(
            file=values.get("file"),
            confirmed=values.get("confirmed"),
            loaded=values.get("loaded"),
            enabled=values.get("enabled") == "enabled",
        )
