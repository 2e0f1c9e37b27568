"""A drill cuts off what it names and nothing else, and heals without a trace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from estate.model import Role
from lab.wiring.apply import apply
from lab.wiring.drill import cut, cuts, heal, severed
from lab.wiring.send import Probe
from tests.lab.wiring.conftest import Wired

pytestmark = pytest.mark.lab

US, EU, SITE = "us-east-1", "eu-central-1", "ash1"


@pytest.fixture(autouse=True)
def _healed(wired: Wired) -> Iterator[None]:
    yield
    heal(wired.paths)


def questions(wired: Wired) -> dict[str, Probe]:
    validator, signer = wired.host(Role.VALIDATOR, SITE), wired.host(Role.SIGNER, SITE)
    american, european = wired.host(Role.PRIVATE_SENTRY, US), wired.host(Role.PRIVATE_SENTRY, EU)
    return {
        "between regions": wired.probe(american, european.address, 26656),
        "America to the site": wired.probe(american, validator.address, 26656),
        "Europe to the site": wired.probe(european, validator.address, 26656),
        "within the site": wired.probe(signer, validator.address, 26659),
        "the site to the internet": wired.probe(signer, "198.51.100.10", 80),
        "within America": wired.probe(wired.host(Role.PUBLIC_SENTRY, US), american.address, 26656),
    }


def unanswered(wired: Wired) -> set[str]:
    asked = questions(wired)
    verdicts = wired.ask(*asked.values())
    return {name for name, verdict in zip(asked, verdicts, strict=True) if not verdict.arrived}


def test_without_a_cut_everything_answers(wired: Wired) -> None:
    assert unanswered(wired) == set()
    assert cuts(wired.paths) == {}


def test_a_region_that_is_cut_off_takes_nothing_with_it(wired: Wired) -> None:
    cut(wired.paths, wired.wiring, region=US)
    assert unanswered(wired) == {"between regions", "America to the site", "within America"}


def test_a_datacentre_that_is_cut_off_goes_on_inside(wired: Wired) -> None:
    cut(wired.paths, wired.wiring, site=SITE)
    assert unanswered(wired) == {"America to the site", "Europe to the site", "the site to the internet"}


def test_a_host_that_is_cut_off_is_alone(wired: Wired) -> None:
    cut(wired.paths, wired.wiring, host=wired.host(Role.PRIVATE_SENTRY, US).name)
    assert unanswered(wired) == {"between regions", "America to the site", "within America"}


def test_cuts_add_up_and_one_heal_takes_all_away(wired: Wired) -> None:
    cut(wired.paths, wired.wiring, host=wired.host(Role.SIGNER, SITE).name)
    cut(wired.paths, wired.wiring, host=wired.host(Role.VALIDATOR, SITE).name)
    assert {"within the site", "America to the site"} <= unanswered(wired)
    heal(wired.paths)
    assert unanswered(wired) == set()


def test_an_apply_heals_what_a_killed_drill_left_cut(wired: Wired) -> None:
    cut(wired.paths, wired.wiring, region=US)
    assert apply(wired.wiring, wired.paths).repaired == [f"vgw-{US}: firewall", f"vpc-{US}: firewall"]
    assert cuts(wired.paths) == {}
    assert unanswered(wired) == set()


@pytest.mark.parametrize("what", [{"region": "mars-north-1"}, {"site": "moon1"}, {"host": "nobody"}])
def test_what_is_not_there_cannot_be_cut_off(wired: Wired, what: dict[str, str]) -> None:
    with pytest.raises(KeyError, match="of this name"):
        severed(wired.wiring, **what)
