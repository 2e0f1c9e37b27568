"""Two networks of one checkout meet at the exchange, with their public addresses and with nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from estate.model import Role
from lab.paths import LabPaths
from lab.wiring import namespace
from lab.wiring.apply import apply, remove
from lab.wiring.exchange import EXCHANGE
from lab.wiring.observed import observe
from lab.wiring.outside import INTERNET
from lab.wiring.plan import plan
from tests.lab.wiring import small
from tests.lab.wiring.conftest import Wired, wired_up

pytestmark = pytest.mark.lab

US = small.REGIONS[0]
P2P = 26656


@pytest.fixture(scope="module")
def neighbour(wired: Wired) -> Iterator[Wired]:
    with wired_up(small.build_neighbour(), wired.paths.checkout) as built:
        yield built


def test_each_reaches_the_others_public_addresses(wired: Wired, neighbour: Wired) -> None:
    for one, other in ((wired, neighbour), (neighbour, wired)):
        sentry, edge = other.host(Role.PUBLIC_SENTRY, US), other.host(Role.EDGE, "ash1")
        assert one.arrives(one.host(Role.PRIVATE_SENTRY, US), other.estate.public(sentry.name), P2P)
        assert one.arrives(one.host(Role.VPN, US), edge.public_address, P2P)


def test_neither_reaches_a_private_address_of_the_other(wired: Wired, neighbour: Wired) -> None:
    private = [host.address for host in (neighbour.host(Role.VALIDATOR, "ash1"), neighbour.host(Role.VPN, US))]
    asked = [(origin, address) for origin in (wired.host(Role.VPN, US), INTERNET) for address in private]
    assert not any(each.arrived for each in wired.ask(*(wired.probe(*each, P2P) for each in asked)))


def test_a_closed_port_stays_closed(wired: Wired, neighbour: Wired) -> None:
    sentry = neighbour.host(Role.PUBLIC_SENTRY, US)
    assert not wired.arrives(wired.host(Role.PRIVATE_SENTRY, US), neighbour.estate.public(sentry.name), 22)


def test_neither_repairs_what_the_other_made(wired: Wired, neighbour: Wired) -> None:
    for _ in range(2):
        assert not apply(wired.wiring, wired.paths)
        assert not apply(neighbour.wiring, neighbour.paths)


def test_a_route_that_is_gone_from_the_exchange_is_repaired_by_its_owner(wired: Wired, neighbour: Wired) -> None:
    route = next(each for each in neighbour.wiring.namespace(EXCHANGE).routes)
    namespace.run(["ip", "-n", neighbour.paths.exchange, "route", "del", route.destination])
    assert not apply(wired.wiring, wired.paths)
    assert apply(neighbour.wiring, neighbour.paths).count == 1


def test_an_address_that_is_given_up_is_gone_from_the_exchange(wired: Wired, neighbour: Wired) -> None:
    shared = neighbour.wiring.namespace(EXCHANGE)
    fewer = replace(shared, routes=shared.routes[1:])
    others = tuple(each for each in neighbour.wiring.namespaces if each is not shared)
    assert apply(replace(neighbour.wiring, namespaces=(*others, fewer)), neighbour.paths).count == 1
    left = {each.destination for each in observe(wired.paths.exchange).routes}
    assert shared.routes[0].destination not in left
    assert {each.destination for each in wired.wiring.namespace(EXCHANGE).routes} < left
    assert apply(neighbour.wiring, neighbour.paths).count == 1


def test_the_exchange_ends_with_the_last_network(spare_paths: LabPaths) -> None:
    other = LabPaths(spare_paths.checkout, "neighbour")
    estates = (small.build(), spare_paths), (small.build_neighbour(), other)
    for estate, paths in estates:
        apply(plan(estate.network, estate.resources, paths), paths)
    remove(spare_paths)
    assert list(observe(other.exchange).interfaces) == ["lo", "net-neighbour"]
    remove(other)
    assert not namespace.exists(other.exchange)
