"""One concrete packet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reachability import addresses, services


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet on the wire; its fields are points on their axes."""

    source: int
    destination: int
    service: int
    source_port: int = services.CLIENT_PORTS[0]

    def document(self) -> dict[str, Any]:
        """For JSON. ``dst_port`` and ``src_port`` are ``null`` for protocols without ports."""
        number = services.number(self.service)
        with_ports = number in services.WITH_PORTS
        return {
            "src": addresses.text(self.source),
            "dst": addresses.text(self.destination),
            "protocol": services.NAMES.get(number, str(number)),
            "dst_port": services.port(self.service),
            "src_port": self.source_port if with_ports else None,
            **(
                {"icmp_type": self.service >> 8 & 255, "icmp_code": self.service & 255}
                if number in (services.ICMP, services.ICMPV6)
                else {}
            ),
        }

    def __str__(self) -> str:
        return f"{addresses.text(self.source)} → {addresses.text(self.destination)} {services.text(self.service)}"
