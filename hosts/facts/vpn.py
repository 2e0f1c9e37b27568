"""The state of a gateway's VPN service."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override


@dataclass(frozen=True, kw_only=True)
class VpnState:
    """Whether the software and the certificate are installed and the daemon runs."""

    installed: bool = False
    certified: bool = False
    running: bool = False


class VpnService(FactBase[VpnState]):
    """The state of the VPN service of ``network``."""

    @override
    def command(self, network: str) -> StringCommand:
        return StringCommand(
            "command -v openvpn >/dev/null && echo installed;",
            "test -e",
            QuoteString(f"/etc/openvpn/server/{network}/server.pem"),
            "&& echo certified;",
            "systemctl -q is-active",
            QuoteString(f"openvpn-server@{network}.service"),
            "&& echo running; true",
        )

    @staticmethod
    @override
    def default() -> VpnState:
        return VpnState()

    @override
    def process(self, output: list[str]) -> VpnState:
        return VpnState(installed="installed" in output, certified="certified" in output, running="running" in output)
