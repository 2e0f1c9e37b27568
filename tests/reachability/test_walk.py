"""The walk on a small hand-made network: a public web server, a database behind a NAT gateway, an internet gateway."""

from __future__ import annotations

import pytest

from reachability import assembly, services
from reachability.addresses import ALL_V4, address, block
from reachability.network import (
    INTERNET,
    Action,
    Arrive,
    Blocked,
    Chain,
    Check,
    Fragment,
    Interface,
    LinkEnd,
    Lookup,
    Machine,
    Match,
    Route,
    Rule,
    Stage,
    Translate,
    Translation,
    Unmodelled,
    exit_stage,
)
from reachability.packet import Packet
from reachability.prover import Arrival, Prover

WEB, DATABASE = address("10.0.1.10"), address("10.0.2.10")
PUBLIC, NAT_PUBLIC, NAT = address("203.0.113.5"), address("203.0.113.9"), address("10.0.1.200")
CLIENT = address("198.51.100.7")


def tcp(port: int) -> int:
    return services.of(services.TCP, port)[0]


def accept(name: str, **fields: object) -> Rule:
    return Rule(Match(**fields), Action.ACCEPT, name)


def machine(name: str, own: int, out: str) -> Machine:
    return Machine(name, (Interface(f"{name}/ens5", name, "ens5", (own,), out),), ((ALL_V4, "ens5"),))


def fragment() -> Fragment:
    https = accept("tcp 443 from all", services=(services.of(services.TCP, 443, 443),))
    from_web = accept("5432 from web", sources=((WEB, WEB),), services=(services.of(services.TCP, 5432, 5432),))
    no_ssh = Rule(Match(services=(services.of(services.TCP, 22, 22),)), Action.DROP, "deny 22")
    stages: dict[str, Stage] = {
        "web list": Check(Chain("list of web's subnet", (no_ssh, accept("the rest"))), "web in"),
        "web in": Check(Chain("group of web", (https,)), "web arrives", device="leg of web"),
        "web arrives": Arrive("web", "ens5"),
        "web out": Check(Chain("group of web, out", (accept("all", sources=((WEB, WEB),)),)), "public", "leg of web"),
        "database in": Check(Chain("group of database", (from_web,)), "database arrives", device="leg of database"),
        "database arrives": Arrive("database", "ens5"),
        "database out": Check(Chain("group of database, out", (accept("all"),)), "private", "leg of database"),
        "public": Lookup(
            "public table", (Route(block("10.0.0.0/16"), ("vpc",), "local"), Route(ALL_V4, ("gateway out",), "out"))
        ),
        "private": Lookup(
            "private table", (Route(block("10.0.0.0/16"), ("vpc",), "local"), Route(ALL_V4, ("nat",), "nat"))
        ),
        "vpc": Lookup(
            "vpc",
            (
                Route((WEB, WEB), ("web list",), "web"),
                Route((DATABASE, DATABASE), ("database in",), "database"),
                Route((NAT, NAT), ("nat arrives",), "nat"),
            ),
        ),
        "gateway out": Translate(
            "gateway",
            "gateway",
            (
                Translation(Match(sources=((WEB, WEB),)), INTERNET, "address of web", source=PUBLIC),
                Translation(Match(sources=((NAT, NAT),)), INTERNET, "address of the NAT", source=NAT_PUBLIC),
            ),
        ),
        "gateway in": Translate(
            "gateway",
            "gateway",
            (
                Translation(Match(destinations=((PUBLIC, PUBLIC),)), "vpc", "address of web", destination=WEB),
                Translation(
                    Match(destinations=((NAT_PUBLIC, NAT_PUBLIC),)), "vpc", "address of the NAT", destination=NAT
                ),
            ),
        ),
        "nat": Translate("nat", "nat", (Translation(Match(), "public", "masquerade", source=NAT),)),
        "nat arrives": Translate("nat", "nat", ()),
    }
    return Fragment(
        stages=stages,
        machines=[machine("web", WEB, "web out"), machine("database", DATABASE, "database out")],
        public=[
            Route((PUBLIC, PUBLIC), ("gateway in",), "address of web"),
            Route((NAT_PUBLIC, NAT_PUBLIC), ("gateway in",), "address of the NAT"),
        ],
    )


@pytest.fixture
def prover() -> Prover:
    return Prover(assembly.join([fragment()]))


def arrival(prover: Prover, sender: str, to: str) -> Arrival | None:
    who = prover.internet() if sender == INTERNET else prover.machine(sender)
    return next((each for each in prover.arrivals(who) if each.to == to), None)


def test_the_internet_reaches_what_is_published_and_only_the_permitted_service(prover: Prover) -> None:
    found = arrival(prover, INTERNET, "web")
    assert found is not None
    assert found.destinations() == ((PUBLIC, PUBLIC),)
    assert found.received_destinations() == ((WEB, WEB),)
    assert found.services() == (services.of(services.TCP, 443, 443),)


def test_a_private_address_written_by_an_outsider_goes_nowhere(prover: Prover) -> None:
    found = prover.trace(prover.internet(), Packet(CLIENT, WEB, tcp(443)))
    assert found.outcome == "dropped"
    assert found.hops[-1].decided_by == "addresses that are not routed on the internet"


def test_a_nat_gateway_takes_no_new_connection(prover: Prover) -> None:
    assert arrival(prover, INTERNET, "database") is None
    found = prover.trace(prover.internet(), Packet(CLIENT, NAT_PUBLIC, tcp(443)))
    assert found.hops[-1].at == "nat"


def test_answers_come_back_through_the_nat_gateway(prover: Prover) -> None:
    found = prover.trace(prover.machine("database"), Packet(DATABASE, CLIENT, tcp(443)))
    assert (found.outcome, found.to) == ("delivered", INTERNET)
    assert found.hops[-1].packet.source == NAT_PUBLIC
    assert prover.reply(found) == "passes"


def test_answers_stop_where_a_stateless_filter_stops_them() -> None:
    changed = fragment()
    short = (services.of(services.TCP, 32768, 50000),)
    changed.stages["web list"] = Check(
        Chain(
            "list of web's subnet",
            (accept("443", services=(services.of(services.TCP, 443, 443),)), accept("some answers", services=short)),
        ),
        "web in",
    )
    prover = Prover(assembly.join([changed]))
    from_web = prover.trace(prover.machine("web"), Packet(WEB, DATABASE, tcp(5432)))
    assert from_web.delivered
    assert prover.reply(from_web) == "dropped", "the list lets answers to client ports above 50000 go"


def test_a_trace_says_which_rule_decided_at_each_place(prover: Prover) -> None:
    found = prover.trace(prover.internet(), Packet(CLIENT, PUBLIC, tcp(22)))
    assert [(hop.at, hop.decided_by, hop.action) for hop in found.hops] == [
        ("the internet", "address of web", "route"),
        ("gateway", "address of web", "translate"),
        ("vpc", "web", "route"),
        ("list of web's subnet", "deny 22", "drop"),
    ]


def test_every_setting_in_the_way_is_listed_not_only_the_first(prover: Prover) -> None:
    found = prover.obstacles(prover.internet(), "web", tcp(22), PUBLIC)
    assert [hop.decided_by for hop in found] == ["deny 22", "group of web: nothing matches, its policy is drop"]


def test_behind_a_missing_route_the_filters_of_the_destination_are_listed_too(prover: Prover) -> None:
    found = prover.obstacles(prover.internet(), "database", tcp(5432))
    assert [hop.at for hop in found] == ["the internet", "group of database"]


def test_what_is_out_of_order_takes_nothing(prover: Prover) -> None:
    broken = prover.without({"nat"})
    assert arrival(broken, "database", INTERNET) is None
    assert arrival(prover, "database", INTERNET) is not None


def test_an_unmodelled_place_is_told_to_whoever_comes_there() -> None:
    changed = fragment()
    changed.stages["nat"] = Unmodelled("a thing that nobody knows")
    prover = Prover(assembly.join([changed]))
    assert prover.unmodelled(prover.machine("database")) == ("a thing that nobody knows",)
    assert prover.unmodelled(prover.machine("web")) == ()


def test_a_stage_that_is_missing_is_not_modelled() -> None:
    changed = fragment()
    del changed.stages["nat"]
    prover = Prover(assembly.join([changed]))
    assert prover.unmodelled(prover.machine("database")) == ("there is no stage nat",)


def test_a_translation_that_comes_round_ends_as_not_modelled() -> None:
    changed = fragment()
    back = Translation(Match(), "ring", "ring", source=NAT)
    changed.stages["nat"] = changed.stages["ring"] = Translate("ring", "ring", (back,))
    prover = Prover(assembly.join([changed]))
    assert "translated more than" in prover.unmodelled(prover.machine("database"))[0]


def test_a_routing_loop_ends() -> None:
    changed = fragment()
    changed.stages["nat"] = Lookup("nat", (Route(ALL_V4, ("private",), "back"),))
    prover = Prover(assembly.join([changed]))
    assert {each.to for each in prover.arrivals(prover.machine("database"))} == {"web"} or not prover.arrivals(
        prover.machine("database")
    )


def test_two_sides_of_a_door_meet_and_one_side_alone_leads_outside() -> None:
    first = Fragment(
        stages={
            "one out": Lookup("one", (Route(ALL_V4, (exit_stage("tunnel", "one"),), "all"),)),
            "one in": Blocked("no"),
        },
        machines=[machine("one", WEB, "one out")],
        link_ends=[LinkEnd("tunnel", "one", "one in", "tunnel to somebody", (ALL_V4,))],
    )
    second = Fragment(
        stages={"two in": Arrive("two", "ens5")},
        machines=[machine("two", DATABASE, "nowhere")],
        link_ends=[LinkEnd("tunnel", "two", "two in", "tunnel", (ALL_V4,))],
    )
    alone, both = Prover(assembly.join([first])), Prover(assembly.join([first, second]))
    assert {each.to for each in alone.arrivals(alone.machine("one"))} == {"outside tunnel to somebody"}
    assert {each.to for each in both.arrivals(both.machine("one"))} == {"two"}


def test_a_machine_without_forwarding_drops_what_is_not_for_it() -> None:
    changed = fragment()
    changed.stages["vpc"] = Lookup("vpc", (Route(ALL_V4, ("web list",), "everything to web"),))
    prover = Prover(assembly.join([changed]))
    found = prover.trace(prover.machine("database"), Packet(DATABASE, address("10.0.3.3"), tcp(443)))
    assert found.hops[-1].decided_by == "10.0.3.3 is not its address and it does not forward"


def test_equal_routes_are_all_taken() -> None:
    changed = fragment()
    changed.stages["public"] = Lookup(
        "public table", (Route(ALL_V4, ("vpc",), "one"), Route(ALL_V4, ("gateway out",), "other"))
    )
    prover = Prover(assembly.join([changed]))
    assert {each.to for each in prover.arrivals(prover.machine("web"))} == {"database", INTERNET, "web"}
