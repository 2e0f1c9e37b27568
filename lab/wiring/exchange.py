"""The internet exchange: where the networks of a checkout reach each other's public addresses, and nothing else."""

from __future__ import annotations

from ipaddress import IPv4Network

from estate.model import Network
from lab.wiring.draft import Draft, interface_name
from lab.wiring.model import Route
from lab.wiring.outside import INTERNET

EXCHANGE = "exchange"
DEFAULT = "default"


def connect_exchange(draft: Draft, network: Network) -> None:
    """Joins the network's internet, with every public address that leads into it by now, to that of the others.

    Private addresses do not pass: the internet forwards none.
    """
    draft.shared_router(EXCHANGE)
    device = interface_name(f"net-{network.name}")
    to_exchange, to_internet = draft.router_link((INTERNET, EXCHANGE), (EXCHANGE, device))
    public = sorted(route.destination for route in draft.open[INTERNET].routes if _is_single(route))
    draft.route(EXCHANGE, *(Route(destination=each, device=device, gateway=to_exchange) for each in public))
    draft.route(INTERNET, Route(destination=DEFAULT, device=EXCHANGE, gateway=to_internet))


def _is_single(route: Route) -> bool:
    return not route.is_ipv6 and IPv4Network(route.destination).prefixlen == 32
