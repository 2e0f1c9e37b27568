"""Whole rulesets: tables, hooks, priorities, scripts and listings; and what is no ruleset."""

from __future__ import annotations

import json
import random
import time

import pytest

from configuration.rulesets import ruleset
from estate.declaration import load
from estate.plan.hosts import hosts
from reachability.frontends.nftables import NftError, firewall
from reachability.network import Action
from tests.conftest import stack_files
from verification.kernel.generator import Generator

HOOKED = "type filter hook input priority {priority}; policy {policy};"


def chain(
    name: str, *rules: str, priority: str = "filter", policy: str = "accept", hook: str = "input", kind: str = "filter"
) -> str:
    lines = "\n".join(rules)
    return f"chain {name} {{\ntype {kind} hook {hook} priority {priority}; policy {policy};\n{lines}\n}}\n"


def table(*chains: str, name: str = "t", family: str = "inet") -> str:
    return f"table {family} {name} {{\n{''.join(chains)}}}\n"


def order(text: str, hook: str) -> list[str]:
    return [each.name.rpartition(" ")[2] for each in firewall(text).hooks[hook]]


@pytest.mark.slow
def test_every_ruleset_that_the_estate_renders_is_understood() -> None:
    read = 0
    for path in stack_files():
        network = load.read(path)
        for host in hosts(network):
            assert firewall(ruleset(network, host, {})).unmodelled == ()
            read += 1
    assert read > 20


@pytest.mark.slow
def test_rulesets_are_read_in_a_millisecond_each() -> None:
    network = load.read(stack_files()[0])
    texts = [f"# {random.random()}\n{ruleset(network, host, {})}" for host in hosts(network)]
    begun = time.process_time()
    for text in texts:
        firewall(text)
    assert time.process_time() - begun < 0.004 * len(texts)


def test_no_text_is_no_firewall() -> None:
    assert not any(firewall("").hooks.values())


def test_chains_of_a_hook_run_by_priority_and_the_younger_of_equals_first() -> None:
    text = table(chain("b", priority="10"), chain("a", priority="filter - 5"), chain("c", priority="10"))
    assert order(text, "input") == ["a", "c", "b"]


def test_all_nat_chains_run_where_the_kernel_translates_whatever_their_priority() -> None:
    text = table(
        chain("nat", "dnat ip to 10.0.0.1", priority="-199", hook="prerouting", kind="nat"),
        chain("before", priority="-150", hook="prerouting"),
        chain("after", priority="-99", hook="prerouting"),
    )
    assert order(text, "prerouting") == ["before", "nat", "after"]
    assert firewall(text).kinds["inet t nat"] == "nat"


def test_nat_chains_see_nothing_of_a_family_whose_connections_nobody_tracks() -> None:
    (made,) = (
        each
        for each in firewall(table(chain("nat", "snat ip to 10.0.0.1", hook="postrouting", kind="nat"))).hooks[
            "postrouting"
        ]
    )
    assert "nothing here turns on connection tracking of IPv6" in [rule.name for rule in made.rules]


def test_a_script_adds_up_to_the_same_as_a_table() -> None:
    script = (
        "flush ruleset\nadd table inet t\nadd chain inet t input { type filter hook input priority 0; policy drop; }\n"
        "add rule inet t input tcp dport 80 accept\ninsert rule inet t input tcp dport 22 drop\n"
    )
    written = table(chain("input", "tcp dport 22 drop", "tcp dport 80 accept", priority="0", policy="drop"))
    assert firewall(script).hooks == firewall(written).hooks


def test_what_is_flushed_or_deleted_is_gone() -> None:
    assert not firewall(table(chain("input", "drop")) + "flush ruleset\n").hooks["input"]
    assert not firewall(table(chain("input", "drop")) + "delete table inet t\n").hooks["input"]
    with pytest.raises(NftError, match="there is no table"):
        firewall("delete table inet t\n")


def test_a_table_opened_twice_has_the_rules_of_both() -> None:
    twice = table(chain("input", "tcp dport 22 accept")) + table(chain("input", "tcp dport 80 accept"))
    assert len(firewall(twice).hooks["input"][0].rules) == 2


def test_definitions_stand_for_their_values_and_sets_in_sets_are_one() -> None:
    text = "define a = { 10.0.0.1, 10.0.0.2 }\ndefine b = { $a, 10.0.0.9 }\n" + table(
        chain("input", "ip saddr $b drop")
    )
    plain = table(chain("input", "ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.9 } drop"))
    assert firewall(text).hooks["input"][0].rules[0].match == firewall(plain).hooks["input"][0].rules[0].match


def test_calls_come_back_and_are_named_by_family_and_table() -> None:
    read = firewall(table("chain sub {\ntcp dport 22 accept\n}\n", chain("input", "jump sub", "drop")))
    assert read.hooks["input"][0].rules[0].chain == "inet t sub"
    assert [rule.action for rule in read.chains["inet t sub"].rules] == [Action.ACCEPT]


def test_a_chain_that_asks_what_is_local_has_one_meaning_for_each_hook() -> None:
    text = table(
        "chain sub {\nfib daddr type local accept\n}\n", chain("i", "jump sub"), chain("f", "jump sub", hook="forward")
    )
    read = firewall(text)
    assert [len(each.rules) for each in read.chains.values()] == [1, 0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (table("chain a {\njump b\n}\nchain b {\njump a\n}\n", chain("input", "jump a")), "in a cycle"),
        (table(*(f"chain c{n} {{\n{f'jump c{n + 1}' if n < 20 else 'accept'}\n}}\n" for n in range(21)),
               chain("input", "jump c0")), "at most 15 deep"),
        ("table inet t {\nchain input {\ntype filter hook input priority 0;\n", "not closed"),
        (table(chain("input", "accept")) + "}\n", "no block is open"),
        (table(chain("input", priority="whenever")), "not a priority"),
        (table(chain("input", hook="sideways")), "a hook is one of"),
        (table(chain("input", hook="forward", kind="nat")), "a chain of type nat cannot use the hook forward"),
        (table("set s {\ntype ipv4_addr\nelements = { 10.0.0.1, tcp }\n}\n"), None),
        (table("set s {\ntype inet_service\nelements = { 10.0.0.1 }\n}\n"), "not a port"),
        ("define a0 = { 1, 2 }\n" + "".join(f"define a{n + 1} = {{ $a{n}, $a{n} }}\n" for n in range(40)),
         "expand to too much text"),
        (table(chain("input", "ip saddr $nobody drop")), "no such variable"),
        ("%PDF-1.7\n", "no such command"),
    ],
)  # fmt: skip
def test_what_nft_would_not_load_is_an_error_or_a_reason(text: str, reason: str | None) -> None:
    if reason is None:
        assert firewall(text).unmodelled
        return
    with pytest.raises(NftError, match=reason):
        firewall(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('include "/etc/nftables.d/*.nft"\n', "the included file was not given"),
        ("table bridge b {\nchain f {\ntype filter hook forward priority 0; policy drop;\n}\n}\n", "not modelled"),
        ("table netdev n {\nchain i {\ntype filter hook ingress device eth0 priority 0;\ndrop\n}\n}\n", "not modelled"),
        (
            "table inet t {\nchain i {\ntype filter hook ingress device eth0 priority 0;\n}\n}\n",
            "ingress is not modelled",
        ),
        ('table inet t {\nct helper ftp {\ntype "ftp" protocol tcp\n}\n}\n', "helpers"),
        ("table ip f {\nchain INPUT {\ntype filter hook input priority 0;\ncounter # xt_tcp\n}\n}\n", "iptables"),
    ],
)
def test_what_is_known_to_be_missing_is_a_reason(text: str, reason: str) -> None:
    assert any(reason in each for each in firewall(text).unmodelled)


def test_tables_that_touch_no_address_are_left_alone() -> None:
    text = "table arp a {\nchain i {\ntype filter hook input priority 0; policy accept;\ncounter accept\n}\n}\n"
    assert firewall(text).unmodelled == ()


def test_a_dormant_table_hangs_nowhere() -> None:
    assert not firewall("table inet t {\nflags dormant\n" + chain("input", "drop") + "}\n").hooks["input"]


def test_kept_from_tracking_means_that_states_are_uncertain() -> None:
    text = table(
        chain("raw", "udp dport 53 notrack", hook="prerouting", priority="raw"), chain("input", "ct state new accept")
    )
    assert "notrack" in firewall(text).hooks["input"][0].rules[0].match.uncertain


@pytest.mark.slow
def test_a_hundred_thousand_rules_are_read_in_seconds() -> None:
    rules = (f"ip saddr 10.{n >> 16}.{n >> 8 & 255}.{n & 255} tcp dport {n % 60000} accept" for n in range(100_000))
    begun = time.process_time()
    read = firewall(table(chain("input", *rules)))
    assert len(read.hooks["input"][0].rules) == 100_000
    assert time.process_time() - begun < 30


@pytest.mark.parametrize(
    "text", ['{"nftables": 5}', '{"nftables": [{"rule": {}}]}', '{"nftables": [', "[" * 50_000, "{}"]
)
def test_json_that_is_no_listing_is_refused(text: str) -> None:
    with pytest.raises(NftError):
        firewall(text)


def test_an_expression_of_json_that_is_not_known_is_a_reason() -> None:
    entries = [
        {"table": {"family": "inet", "name": "t", "handle": 1}},
        {"chain": {"family": "inet", "table": "t", "name": "i", "handle": 1, "type": "filter", "hook": "input",
                   "prio": 0, "policy": "drop"}},
        {"rule": {"family": "inet", "table": "t", "chain": "i", "handle": 7, "expr": [{"xt": None}, {"accept": None}]}},
    ]  # fmt: skip
    (reason,) = firewall(json.dumps({"nftables": entries})).unmodelled
    assert reason.startswith("handle 7")


@pytest.mark.slow
def test_mutilated_rulesets_are_refused_or_read_but_never_a_traceback() -> None:
    rng = random.Random(4)
    texts = [Generator(random.Random(seed), loose=True).ruleset() for seed in range(20)]
    refused = 0
    for _ in range(600):
        text = rng.choice(texts)
        for _ in range(rng.choice([1, 2, 8])):
            start = rng.randrange(len(text) + 1)
            end = start + rng.choice([1, 3, 40])
            noise = rng.choice('{};,."@$#=!<>()-:/\\')
            text = rng.choice([text[:start] + text[end:], text[:start] + noise + text[start:],
                               text[:end] + text[start:], text[:start]])  # fmt: skip
        try:
            firewall(text)
        except NftError:
            refused += 1
    assert 0 < refused < 600


def test_a_filter_at_the_priority_of_translation_has_no_certain_place() -> None:
    nat = chain("nat", "dnat ip to 10.0.0.1", priority="dstnat", hook="prerouting", kind="nat")
    text = table(nat, chain("filter", "drop", priority="dstnat", hook="prerouting"))
    assert any("what was loaded first" in reason for reason in firewall(text).unmodelled)
    assert not firewall(table(chain("filter", "drop", priority="dstnat", hook="prerouting"))).unmodelled


def test_an_included_file_is_told_every_time_a_chain_includes_one() -> None:
    text = table(chain("input", 'include "/etc/nftables.d/input.nft"'))
    for given in (text, text + "\n"):
        assert any("the included file was not given" in reason for reason in firewall(given).unmodelled)
