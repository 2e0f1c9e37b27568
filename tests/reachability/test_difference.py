"""The difference in meaning between two states, whichever rules make it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reachability import assembly, services
from reachability.addresses import ALL_V4, EVERYWHERE, GLOBAL, address, block, contains, union
from reachability.difference import Box, Change, Difference, compare, in_words, services_in_words, subtract
from reachability.network import INTERNET, Action, Chain, Check, Fragment, Lookup, Match, Route, Rule, Unmodelled
from reachability.prover import Prover
from tests.reachability.test_walk import fragment

SSH = (services.of(services.TCP, 22, 22),)
HTTPS = (services.of(services.TCP, 443, 443),)
OFFICE = (block("198.51.100.0/24"),)


def difference(old: Fragment, new: Fragment) -> Difference:
    return compare(Prover(assembly.join([old])), Prover(assembly.join([new])))


def web_group(*rules: Rule) -> Fragment:
    made = fragment()
    made.stages["web list"] = Check(Chain("list", (), Action.ACCEPT), "web in")
    made.stages["web in"] = Check(Chain("group of web", rules), "web arrives", device="leg of web")
    return made


def accept(**fields: object) -> Rule:
    return Rule(Match(**fields), Action.ACCEPT, "a rule")


def sentences(found: Difference) -> list[tuple[str, str]]:
    return list(found.sentences())


def test_a_state_does_not_differ_from_itself():
    found = difference(fragment(), fragment())
    assert (found.gained, found.lost, found.unmodelled) == ((), (), ())


def test_other_rules_with_the_same_meaning_are_no_difference():
    halves = [
        accept(services=HTTPS, sources=(block("0.0.0.0/1"),)),
        accept(services=HTTPS, sources=(block("128.0.0.0/1"),)),
    ]
    found = difference(web_group(accept(services=HTTPS, sources=(ALL_V4,))), web_group(*halves))
    assert (found.gained, found.lost) == ((), ())


def test_a_port_that_opens_is_told_with_who_gains_it():
    found = difference(web_group(accept(services=HTTPS)), web_group(accept(services=HTTPS), accept(services=SSH)))
    assert sentences(found) == [
        ("becomes reachable", "the internet → web: tcp 22 from any IPv4 address"),
        ("becomes reachable", "database → web: tcp 22"),
    ]
    assert found.lost == ()
    back = difference(web_group(accept(services=HTTPS), accept(services=SSH)), web_group(accept(services=HTTPS)))
    assert back.lost == found.gained and back.gained == ()


def test_more_sources_of_the_same_port_are_a_difference():
    found = difference(web_group(accept(services=SSH, sources=OFFICE)), web_group(accept(services=SSH)))
    (change,) = [each for each in found.gained if each.senders == (INTERNET,)]
    assert change.services == SSH
    assert not contains(change.sources, address("198.51.100.7")) and contains(change.sources, address("8.8.8.8"))


def test_another_destination_on_the_internet_is_a_difference():
    new = fragment()
    new.stages["private"] = Lookup("private table", (Route(block("10.0.0.0/16"), ("vpc",), "local"),))
    found = difference(fragment(), new)
    (change,) = found.lost
    assert (change.senders, change.targets) == (("database",), (INTERNET,))
    assert "database → the internet" in in_words(change, {})


def test_what_is_not_understood_is_told():
    new = fragment()
    new.stages["database in"] = Unmodelled("an appliance")
    assert difference(fragment(), new).unmodelled == ("new state: an appliance",)


def test_where_something_is_not_understood_no_verdict_says_that_nothing_changes():
    new = fragment()
    new.stages["database in"] = Unmodelled("an appliance")
    found = difference(fragment(), new)
    assert found.verdict == "not-modelled" and found.document()["verdict"] == "not-modelled"
    assert not found.keeps("reachable") and not found.keeps("unreachable")
    same = difference(fragment(), fragment())
    assert same.verdict == "same" and same.keeps("reachable") and same.keeps("unreachable")


def test_what_opens_keeps_what_was_reachable_and_not_what_was_unreachable():
    found = difference(web_group(accept(services=HTTPS)), web_group(accept(services=HTTPS), accept(services=SSH)))
    assert found.verdict == "different"
    assert found.keeps("reachable") and not found.keeps("unreachable")


def test_a_rule_that_becomes_unknown_is_told_though_its_packets_still_may_pass():
    known, unknown = accept(services=HTTPS), accept(services=HTTPS, uncertain="a value of the preview")
    found = difference(web_group(known), web_group(unknown))
    assert found.verdict == "not-modelled"
    assert (
        "internet → web: what passes depends on values that are unknown, in one of the states only" in found.unmodelled
    )
    assert difference(web_group(unknown), web_group(unknown)).verdict == "same"


def test_hosts_of_a_role_are_told_together():
    roles = {"sentry-1": "sentry", "sentry-2": "sentry", "seed-1": "seed"}
    change = Change(("internet",), ("seed-1", "sentry-1", "sentry-2"), SSH)
    assert in_words(change, roles) == "the internet → all 2 sentry hosts and seed-1: tcp 22"


def test_a_crowd_without_roles_is_cut_short():
    change = Change(tuple(f"host-{number}" for number in range(9)), ("web",), SSH)
    assert in_words(change, {}) == "host-0, host-1, host-2, host-3 and 5 more → web: tcp 22"


def test_services_are_told_as_people_write_them():
    several = (services.of(services.TCP, 22, 22), services.of(services.TCP, 80, 90), services.of(services.UDP))
    assert services_in_words(several) == "tcp 22 and 80-90, udp (all ports)"
    assert services_in_words(services.ANY).endswith("other protocols")


def test_the_document_lists_flows_by_protocol():
    change = Change(("internet",), ("web",), SSH, sources=OFFICE)
    assert change.document() == {
        "from": ["internet"],
        "to": ["web"],
        "flows": [{"protocol": "tcp", "ports": [[22, 22]]}],
        "sources": ["198.51.100.0/24"],
        "destinations": [],
    }


def test_machines_keep_their_name_over_a_change_of_stack():
    def named(stack: str) -> Fragment:
        made = web_group(accept(services=HTTPS))
        urn = f"urn:pulumi:{stack}::p::aws:ec2/instance:Instance::web"
        made.machines[0] = replace(
            made.machines[0], name=urn, interfaces=(replace(made.machines[0].interfaces[0], machine=urn),)
        )
        made.stages["web arrives"] = replace(made.stages["web arrives"], machine=urn)
        return made

    found = difference(named("staging"), named("production"))
    assert (found.gained, found.lost) == ((), ())


small = st.integers(min_value=0, max_value=12)
interval = st.tuples(small, small).map(lambda pair: (min(pair), max(pair)))
sets = st.lists(interval, min_size=1, max_size=2).map(lambda each: union(each))
boxes = st.lists(st.tuples(sets, sets, sets), max_size=4)


def holds(box: Box, point: tuple[int, int, int]) -> bool:
    return all(contains(part, value) for part, value in zip(box, point, strict=True))


@given(one=boxes, other=boxes, points=st.lists(st.tuples(small, small, small), min_size=20, max_size=20))
def test_subtraction_keeps_exactly_what_is_only_in_the_first(
    one: list[Box], other: list[Box], points: list[tuple[int, int, int]]
):
    rest = subtract(one, other)
    for point in points:
        inside = any(holds(box, point) for box in one) and not any(holds(box, point) for box in other)
        assert any(holds(box, point) for box in rest) == inside


def test_the_whole_internet_is_anywhere():
    assert in_words(Change(("internet",), ("web",), SSH, sources=GLOBAL), {}).endswith("from anywhere")
    assert in_words(Change(("internet",), ("web",), SSH, sources=EVERYWHERE), {}).endswith("from anywhere")
