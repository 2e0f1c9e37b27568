"""Questions of one's own, on the small network of a web server and a database behind a NAT gateway."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reachability import assembly, services
from reachability.addresses import ALL_V4, address, block
from reachability.network import (
    INTERNET,
    Action,
    Arrive,
    Chain,
    Check,
    Fragment,
    Interface,
    Machine,
    Match,
    Rule,
    Unmodelled,
)
from reachability.places import Places, QuestionError
from reachability.prover import Prover
from reachability.question import (
    NOT_MODELLED,
    REACHABLE,
    UNREACHABLE,
    Answer,
    Flow,
    all_pairs,
    ask,
    asked_services,
    by_protocol,
    check,
)
from reachability.resources import Resource
from tests.reachability.test_walk import CLIENT, PUBLIC
from tests.reachability.test_walk import fragment as without_public_legs

GROUP_TYPE, SUBNET_TYPE = "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/subnet:Subnet"
GROUP = Resource(f"urn:pulumi:s::p::{GROUP_TYPE}::web", GROUP_TYPE, "web-group", "sg-1", {}, {})
SUBNET = Resource(f"urn:pulumi:s::p::{SUBNET_TYPE}::a", SUBNET_TYPE, "a", "subnet-1", {"cidrBlock": "10.0.1.0/24"}, {})
HTTPS = (services.of(services.TCP, 443, 443),)


def fragment() -> Fragment:
    """The small network; its web server's leg knows its public address, as a cloud's does."""
    made = without_public_legs()
    web = made.machines[0]
    made.machines[0] = replace(web, interfaces=(replace(web.interfaces[0], public=(PUBLIC,)),))
    return made


class Asking:
    """One network, asked by what people call things."""

    def __init__(self, made: Fragment) -> None:
        self.prover = Prover(assembly.join([made]))
        self.places = Places(self.prover, [GROUP, SUBNET])

    def __call__(self, source: str, target: str, protocol: str | None = None, port: int | None = None) -> Answer:
        asked = asked_services(protocol, port)
        return ask(self.prover, self.places.sender(source), self.places.target(target), asked)

    def one(self, source: str, target: str, protocol: str, port: int) -> Flow:
        (flow,) = self(source, target, protocol, port).flows
        return flow


@pytest.fixture(scope="module")
def asking() -> Asking:
    return Asking(fragment())


def reached(answer: Answer) -> dict[str, list[list[int]]]:
    found = {}
    for flow in answer.document()["flows"]:
        if flow["verdict"] == REACHABLE:
            found.setdefault(flow["protocol"], []).extend(flow["ports"])
    return found


def test_every_port_is_in_one_flow_or_another(asking: Asking):
    flows = asking("internet", "web").flows
    assert sum(high - low + 1 for flow in flows for low, high in flow.services) == 1 << 24
    assert {flow.verdict for flow in flows} == {REACHABLE, UNREACHABLE}


def test_what_is_published_is_reachable_with_its_way_and_the_answers_pass(asking: Asking):
    assert reached(asking("internet", "web")) == {"tcp": [[443, 443]]}
    flow = asking.one("internet", "web", "tcp", 443)
    assert (flow.verdict, flow.reply) == (REACHABLE, "passes")
    assert ("group of web", "tcp 443 from all", "accept") in {(hop.at, hop.decided_by, hop.action) for hop in flow.path}
    assert flow.path[-1].at == "web"


def test_every_setting_in_the_way_is_named(asking: Asking):
    flow = asking.one("internet", "web", "tcp", 22)
    assert flow.verdict == UNREACHABLE and flow.packet is None and flow.reply == ""
    assert [hop.decided_by for hop in flow.blocked_by] == [
        "deny 22",
        "group of web: nothing matches, its policy is drop",
    ]


def test_an_address_is_what_the_packet_carries(asking: Asking):
    assert asking.one("internet", "203.0.113.5", "tcp", 443).verdict == REACHABLE
    assert asking.one("internet", "10.0.1.10", "tcp", 443).verdict == UNREACHABLE
    assert asking.one("internet", "web", "tcp", 443).verdict == REACHABLE


def test_a_sender_may_be_an_address_or_a_block(asking: Asking):
    assert asking.one("10.0.1.10", "database", "tcp", 5432).verdict == REACHABLE
    assert asking.one("10.0.2.0/24", "database", "tcp", 5432).verdict == UNREACHABLE
    assert asking.one("198.51.100.0/24", "web", "tcp", 443).verdict == REACHABLE


def test_where_nothing_sends_nothing_arrives(asking: Asking):
    flow = asking.one("10.9.9.9", "web", "tcp", 443)
    assert flow.verdict == UNREACHABLE
    assert flow.blocked_by[0].decided_by == "no sender has these addresses"


def test_the_internet_is_reached_through_the_nat(asking: Asking):
    flow = asking.one("database", "internet", "tcp", 443)
    assert (flow.verdict, flow.reply) == (REACHABLE, "passes")
    assert "nat" in [hop.at for hop in flow.path]


def test_a_subnet_is_its_block(asking: Asking):
    assert asking.one("subnet-1", "database", "tcp", 5432).verdict == REACHABLE


def test_what_sends_nothing_is_no_end_of_a_question(asking: Asking):
    with pytest.raises(
        QuestionError,
        match=r"aws:ec2/securityGroup:SecurityGroup, which sends no packets; ask about a host with that group",
    ):
        asking("sg-1", "web")


@pytest.mark.parametrize(
    "name", ["", "wep", "10.0.0.0/33", "999.1.1.1", "urn:pulumi:x", "i-0", "10.0.0.0/8/8", "::/129", "💥"]
)
def test_what_is_not_there_is_said_to_be_so(asking: Asking, name: str):
    with pytest.raises(QuestionError, match=r"is not a host|must "):
        asking("internet", name)
    with pytest.raises(QuestionError, match=r"is not a host|must "):
        asking(name, "web")


def test_what_the_internet_sends_to_itself_is_no_question(asking: Asking):
    for target in ("internet", "8.8.8.8", "2001:db8::1"):
        with pytest.raises(QuestionError, match="one end must be of this estate"):
            check(asking.places, asking.places.sender("internet"), asking.places.target(target))
    for source, target in (
        ("internet", "web"),
        ("internet", "203.0.113.5"),
        ("internet", "0.0.0.0/0"),
        ("web", "8.8.8.8"),
    ):
        check(asking.places, asking.places.sender(source), asking.places.target(target))
    check(asking.places, asking.places.sender("internet"), asking.places.target("10.0.1.77"))


def test_a_near_miss_is_offered(asking: Asking):
    with pytest.raises(QuestionError, match="did you mean database"):
        asking("internet", "databse")


@pytest.mark.parametrize(
    ("protocol", "port", "reason"),
    [
        (None, 22, "has no protocol"),
        ("tcp", 65536, "is not a port"),
        ("tcp", -1, "is not a port"),
        ("icmp", 8, "has no ports"),
        ("quic", 1, "is not an IP protocol"),
    ],
)
def test_an_absurd_service_is_refused(protocol: str | None, port: int, reason: str):
    with pytest.raises(QuestionError, match=reason):
        asked_services(protocol, port)


def test_answers_that_are_stopped_are_told():
    made = fragment()
    made.stages["web out"] = Check(Chain("stateless", ()), "public")
    made.stages["web in"] = replace(made.stages["web in"], device="")
    flow = Asking(made).one("internet", "web", "tcp", 443)
    assert (flow.verdict, flow.reply) == (REACHABLE, "dropped")


def test_what_depends_on_an_unknown_is_not_modelled():
    made = fragment()
    rule = Rule(Match(services=HTTPS, uncertain="a prefix list is not known yet"), Action.ACCEPT, "443 from a list")
    made.stages["web in"] = Check(Chain("group of web", (rule,)), "web arrives", device="leg of web")
    flow = Asking(made).one("internet", "web", "tcp", 443)
    assert flow.verdict == NOT_MODELLED and flow.reasons


def test_where_the_walk_meets_what_it_does_not_know_nothing_is_unreachable():
    made = fragment()
    made.stages["database in"] = Unmodelled("a firewall appliance stands before the database")
    asking = Asking(made)
    flow = asking.one("web", "database", "tcp", 5432)
    assert flow.verdict == NOT_MODELLED
    assert flow.reasons == ("a firewall appliance stands before the database",)
    assert asking.one("internet", "web", "tcp", 22).verdict == UNREACHABLE


def test_an_ipv6_question_of_an_ipv4_estate_is_answered(asking: Asking):
    flow = asking.one("2001:db8::1", "web", "tcp", 443)
    assert flow.verdict == UNREACHABLE
    assert [hop.decided_by for hop in flow.blocked_by] == ["has no address of the sender's family"]


def test_the_matrix_has_every_sender_and_interface(asking: Asking):
    pairs = {(answer.sender, answer.target) for answer in all_pairs(asking.prover, asking.places, HTTPS)}
    assert pairs == {
        ("internet", "web"), ("internet", "database"), ("internet", "internet"),
        ("web", "database"), ("web", "internet"), ("database", "web"), ("database", "internet"),
    }  # fmt: skip


def test_the_document_has_the_contracts_keys(asking: Asking):
    document = asking("internet", "web", "tcp", 443).document()
    assert (document["from"], document["to"]) == ("internet", "web")
    (flow,) = document["flows"]
    assert {"protocol", "ports", "verdict", "reply", "path", "blocked_by"} <= set(flow)
    assert (flow["protocol"], flow["ports"], flow["verdict"], flow["reply"]) == (
        "tcp",
        [[443, 443]],
        REACHABLE,
        "passes",
    )
    assert all(set(hop) == {"at", "decided_by", "action"} for hop in flow["path"])


def test_protocols_without_a_name_are_told_together():
    assert [name for name, _, _ in by_protocol(services.ANY)][:2] == ["tcp", "udp"]
    assert [name for name, _, _ in by_protocol(services.ANY)][-1] == "other"
    assert list(by_protocol((services.icmp(services.ICMP, 8),))) == [("icmp", [], ["8"])]
    too_big = (services.icmp(services.ICMP, 3, 4), services.icmp(services.ICMP, 11))
    assert list(by_protocol(too_big)) == [("icmp", [], ["3 code 4", "11"])]
    assert list(by_protocol((services.of(99),))) == [("99", [], [])]


def test_a_host_may_be_called_without_its_networks_name():
    made = fragment()
    made.stages["long arrives"] = Arrive("cosmoshub-seed-01", "ens5")
    leg = Interface("eni-1", "cosmoshub-seed-01", "ens5", (address("10.0.3.1"),), "web out")
    made.machines.append(
        Machine("cosmoshub-seed-01", (leg,), ((ALL_V4, "ens5"),), aliases=("i-1", "urn:pulumi:a::b::c::d"))
    )
    asking = Asking(made)
    for name in ("seed-01", "i-1", "urn:pulumi:a::b::c::d", "cosmoshub-seed-01", "eni-1"):
        assert asking.places.sender(name).name == "cosmoshub-seed-01"
        assert asking.places.target(name).machine.name == "cosmoshub-seed-01"


def test_the_client_is_outside(asking: Asking):
    assert asking.places.sender("internet").name == INTERNET
    assert any(low <= CLIENT <= high for low, high in asking.places.sender("internet").sources)
    assert block("10.0.0.0/16") not in asking.places.sender("internet").sources
