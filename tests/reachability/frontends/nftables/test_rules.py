"""What rules mean, as the packets that they speak of."""

from __future__ import annotations

import pytest

from reachability import services
from reachability.addresses import ALL_V4, ALL_V6, block, difference
from reachability.frontends.nftables import NftError, firewall
from reachability.frontends.nftables.keys import INVALID_WHEN_FIRST, TRACKED
from reachability.network import Action, Devices, Match, Rule, State


def base(
    *rules: str, family: str = "inet", hook: str = "input", declared: str = "", kind: str = "filter"
) -> tuple[Rule, ...]:
    """The rules of one base chain."""
    lines = "\n".join(rules)
    hooked = f"type {kind} hook {hook} priority 0; policy drop;"
    text = f"table {family} t {{\n{declared}\nchain c {{\n{hooked}\n{lines}\n}}\n}}\n"
    read = firewall(text)
    assert not read.unmodelled
    return next(chain for chain in read.hooks[hook] if chain.name.endswith(" c")).rules


def only(rule: str, **where: str) -> Rule:
    (found,) = base(rule, **where)
    return found


def test_a_rule_is_the_product_of_its_tests() -> None:
    rule = only(
        'iifname "ens5" ip saddr { 10.1.0.0/24, 10.2.0.1-10.2.0.3 } ip daddr 10.1.0.9 tcp dport 22 counter accept'
    )
    assert rule.action is Action.ACCEPT
    assert rule.match == Match(
        sources=(block("10.1.0.0/24"), (block("10.2.0.1")[0], block("10.2.0.3")[0])),
        destinations=(block("10.1.0.9"),),
        services=(services.of(6, 22, 22),),
        incoming=frozenset({"ens5"}),
    )


def test_a_negation_stays_inside_its_family() -> None:
    rule = only("ip saddr != 10.0.0.0/8 drop")
    assert rule.match.sources == difference((ALL_V4,), (block("10.0.0.0/8"),))


@pytest.mark.parametrize(
    ("test", "ports"),
    [
        ("tcp dport >= 1024", (1024, 65535)),
        ("tcp dport < 1024", (0, 1023)),
        ("tcp dport ssh", (22, 22)),
        ("tcp dport 80-443", (80, 443)),
    ],
)
def test_ports_compare(test: str, ports: tuple[int, int]) -> None:
    assert only(f"{test} accept").match.services == (services.of(6, *ports),)


def test_a_source_port_keeps_the_protocol() -> None:
    match = only("udp sport 67 udp dport 68 accept").match
    assert (match.services, match.source_ports) == ((services.of(17, 68, 68),), ((67, 67),))


def test_established_is_an_answer_and_related_alone_is_no_packet() -> None:
    assert only("ct state established,related accept").match.states == frozenset({State.ESTABLISHED})
    assert base("ct state related accept") == ()


def test_icmp_that_opens_nothing_is_invalid_not_new() -> None:
    new = only("ct state new accept").match
    assert (new.states, new.services) == (frozenset({State.NEW}), TRACKED)
    later, first = (rule.match for rule in base("ct state invalid drop"))
    assert later.states == frozenset({State.INVALID})
    assert (first.states, first.services) == (frozenset({State.NEW}), INVALID_WHEN_FIRST)
    assert any(low <= services.icmp(1, 0, 0)[0] <= high for low, high in INVALID_WHEN_FIRST)


def test_a_list_of_states_is_any_of_them_but_two_compared_at_once_are_none() -> None:
    assert base("ct state == new,established accept") == ()
    assert only("ct state != new,established drop").match.states is None


def test_before_connection_tracking_every_packet_is_invalid() -> None:
    hooked = "type filter hook prerouting priority {}; policy accept;"
    text = f"table ip t {{{{\nchain c {{{{\n{hooked}\nct state invalid drop\n}}}}\n}}}}\n"
    early = firewall(text.format("raw")).hooks["prerouting"][0].rules[-1]
    late = firewall(text.format("mangle")).hooks["prerouting"][0].rules[-1]
    assert early.match == Match()
    assert late.match.states == frozenset({State.NEW})


def test_all_interfaces_but_some_are_kept_as_such() -> None:
    incoming = only('iifname != { "ens5", "vti-*" } drop').match.incoming
    assert isinstance(incoming, Devices)
    assert "ens6" in incoming
    assert "ens5" not in incoming
    assert "vti-euc1" not in incoming


def test_a_pattern_of_interfaces_and_an_exception_meet() -> None:
    incoming = only('iifname "vti-*" iifname != "vti-a" drop').match.incoming
    assert incoming is not None
    assert ("vti-b" in incoming, "vti-a" in incoming, "ens5" in incoming) == (True, False, False)


def test_a_concatenation_is_one_product_for_each_element() -> None:
    rules = base("ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.2 . 22, 10.0.0.3 . 80-90 } accept")
    assert [(rule.match.sources, rule.match.services) for rule in rules] == [
        (((167772161, 167772162),), (services.of(6, 22, 22),)),
        (((167772163, 167772163),), (services.of(6, 80, 90),)),
    ]


def test_a_negated_concatenation_is_everything_else_where_the_fields_occur() -> None:
    rules = base("ip saddr . tcp dport != { 10.0.0.1 . 22 } drop")
    covered = {(rule.match.sources, rule.match.services) for rule in rules}
    assert (difference((ALL_V4,), (block("10.0.0.1"),)), (services.of(6),)) in covered
    assert ((block("10.0.0.1"),), (services.of(6, 0, 21), services.of(6, 23))) in covered
    assert len(covered) == 2


def test_a_verdict_map_with_a_rest() -> None:
    rules = base("tcp dport vmap { 22 : drop, 80-90 : accept, * : return }")
    assert [(rule.action, rule.match.services) for rule in rules] == [
        (Action.DROP, (services.of(6, 22, 22),)),
        (Action.ACCEPT, (services.of(6, 80, 90),)),
        (Action.RETURN, (services.of(6, 0, 21), services.of(6, 23, 79), services.of(6, 91))),
    ]


def test_what_a_verdict_map_lets_continue_goes_on_in_the_rule() -> None:
    rules = base("tcp dport vmap { 22 : accept, 80 : continue } ip saddr 10.0.0.1 drop")
    assert [rule.action for rule in rules] == [Action.ACCEPT, Action.DROP]
    assert rules[1].match.sources == (block("10.0.0.1"),)
    assert all(not low <= services.of(6, 22)[0] <= high for low, high in rules[1].match.services or ())


@pytest.mark.parametrize(
    "test",
    [
        "limit rate 10/second", "quota over 10 mbytes", "meta mark 0x1", "meta skuid 0", "tcp flags syn", "ip ttl 255",
        "ct count over 5", "meta mark & 0xff == 0x1", "ct mark 5", "fib saddr . iif oif missing", "meta cpu 0",
        "numgen inc mod 2 0", "tcp option maxseg size 1-500", "@th,16,16 22", "ct original ip saddr 10.0.0.1",
        "add @seen { ip saddr }", "ip saddr @seen", "socket transparent 1",
    ],
)  # fmt: skip
def test_what_packets_alone_do_not_tell_is_uncertain(test: str) -> None:
    rules = base(f"{test} accept", declared="set seen {\ntype ipv4_addr\nflags dynamic\nsize 9\n}")
    assert rules
    assert all(rule.match.uncertain for rule in rules)


def test_a_set_whose_elements_run_out_is_uncertain() -> None:
    declared = "set gone {\ntype ipv4_addr\nflags timeout\nelements = { 10.0.0.1 timeout 5m }\n}"
    assert "expire" in only("ip saddr @gone drop", declared=declared).match.uncertain


def test_a_queue_may_accept_and_otherwise_drops() -> None:
    rules = base("tcp dport 22 queue num 1 bypass")
    assert [(rule.action, bool(rule.match.uncertain)) for rule in rules] == [
        (Action.ACCEPT, True),
        (Action.DROP, False),
    ]


def test_a_log_decides_nothing_and_adds_no_uncertainty() -> None:
    rule = only('limit rate 1/second log prefix "a { b; } # c" group 1')
    assert (rule.action, rule.match.uncertain) == (Action.CONTINUE, "")


def test_where_a_packet_is_for_the_host_is_known_behind_routing() -> None:
    assert only("fib daddr type local accept").match == Match()
    assert base("fib daddr type local accept", hook="forward") == ()
    assert only("fib daddr type local accept", hook="prerouting").match.uncertain


def test_first_headers_may_hide_a_protocol_only_from_what_stops_it() -> None:
    assert only("ip6 nexthdr tcp accept").match.uncertain == ""
    assert only("ip6 nexthdr tcp drop").match.uncertain


@pytest.mark.parametrize(
    ("statement", "action", "address", "port"),
    [
        ("tcp dport 80 dnat ip to 10.0.0.9:8080", Action.DNAT, (block("10.0.0.9"),), (8080, 8080)),
        ("tcp dport 80 dnat ip6 to [2001:db8::1]:80", Action.DNAT, (block("2001:db8::1"),), (80, 80)),
        ("dnat ip to 10.0.0.8-10.0.0.9", Action.DNAT, ((block("10.0.0.8")[0], block("10.0.0.9")[0]),), None),
        ("tcp dport 80 redirect to :3128", Action.REDIRECT, None, (3128, 3128)),
    ],
)
def test_translations(statement: str, action: Action, address: object, port: object) -> None:
    rule = base(statement, hook="prerouting", kind="nat")[-1]
    assert (rule.action, rule.address, rule.port) == (action, address, port)


def test_a_translation_by_map_is_one_rule_for_each_datum() -> None:
    rules = base(
        "dnat ip to tcp dport map { 80 : 10.0.0.1 . 8080, 443 : 10.0.0.2 . 443 }", hook="prerouting", kind="nat"
    )
    assert [(rule.match.services, rule.address, rule.port) for rule in rules if rule.action is Action.DNAT] == [
        ((services.of(6, 80, 80),), (block("10.0.0.1"),), (8080, 8080)),
        ((services.of(6, 443, 443),), (block("10.0.0.2"),), (443, 443)),
    ]


def test_a_table_of_one_family_lets_the_other_pass() -> None:
    assert base("drop", family="ip")[0].match.destinations == (ALL_V6,)
    assert base("drop", family="ip6")[0].match.destinations == (ALL_V4,)


def test_a_report_calls_a_rule_by_its_words_without_what_was_counted() -> None:
    assert only("tcp dport 22 counter packets 12 bytes 99 accept").name == "tcp dport 22 counter accept"
    many = ", ".join(f"10.0.0.{each}" for each in range(40))
    assert only(f"ip saddr {{ {many} }} accept").name == "ip saddr { 10.0.0.0, 10.0.0.1, and 38 more } accept"


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("tcp dport 22 udp dport 53 accept", "another protocol"),
        ("ip saddr 10.0.0.0/33 accept", "not an address or block"),
        ("ip saddr 10.0.0.9-10.0.0.1 accept", "lower end"),
        ("tcp dport 70000 accept", "at most 65535"),
        ("ip saddr 2001:db8::1 accept", "IPv4 address"),
        ("ip saddr @none accept", "no set of this name"),
        ("jump nowhere", "no such chain"),
        ("accept drop", "follow a verdict"),
        ("ct state open accept", "not a value of ct state"),
        ("counter name none accept", "no counter"),
        ("masquerade", "works only in"),
        ("tcp dport", "ends in the middle"),
    ],
)
def test_what_nft_refuses_is_refused_with_line_and_reason(rule: str, reason: str) -> None:
    with pytest.raises(NftError, match=reason) as refused:
        base(rule)
    assert refused.value.line == 5


@pytest.mark.parametrize(
    "rule", ["tcp dport no-such-service accept", "ip daddr set 10.0.0.1", "xt target foo", "frobnicate"]
)
def test_what_is_not_understood_is_named_with_its_line(rule: str) -> None:
    text = f"table inet t {{\nchain c {{\ntype filter hook input priority 0; policy drop;\n{rule}\naccept\n}}\n}}\n"
    (reason,) = firewall(text).unmodelled
    assert reason.startswith(f"line 4: {rule}")
