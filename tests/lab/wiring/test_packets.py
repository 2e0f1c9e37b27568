"""Real packets through the wired estate: what AWS would let pass passes, and nothing else."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from estate.model import Role
from estate.plan import addressing
from estate.plan.hosts import hosts
from lab.wiring import namespace
from lab.wiring.apply import apply, real_name
from lab.wiring.observed import observe
from lab.wiring.plan import plan
from lab.wiring.send import Listener, Verdict
from tests.lab.wiring import small
from tests.lab.wiring.conftest import Wired

pytestmark = pytest.mark.lab

US, EU, SITE = "us-east-1", "eu-central-1", "ash1"
P2P, SSH, RPC, PRIVVAL = 26656, 22, 26657, 26659
CLIENT = "198.51.100.200"


def test_security_groups_hold_between_neighbours_in_one_subnet(wired: Wired) -> None:
    sentry, seed = wired.host(Role.PUBLIC_SENTRY, US), wired.host(Role.SEED, US)
    assert addressing.subnet(wired.estate.network, US, addressing.Tier.PUBLIC, "a").supernet_of(
        addressing.subnet(wired.estate.network, US, addressing.Tier.PUBLIC, seed.zone)
    ), "the two are not neighbours, so this would show nothing"
    open_port, closed_port = wired.ask(wired.probe(sentry, seed.address, P2P), wired.probe(sentry, seed.address, 9100))
    assert open_port is Verdict.REFUSED, "the group permits p2p; nothing listens, so the host itself answers"
    assert closed_port is Verdict.DROPPED, "no rule of the group permits 9100"


def test_a_group_that_names_another_lets_only_its_members_in(wired: Wired) -> None:
    """The gateways' group rule names addresses; only the gateway of the same network may open SSH."""
    gateway, sentry = wired.host(Role.VPN, EU), wired.host(Role.PRIVATE_SENTRY, EU)
    assert wired.arrives(gateway, sentry.address, SSH)
    assert not wired.arrives(wired.host(Role.PUBLIC_SENTRY, EU), sentry.address, SSH)


def test_the_internet_reaches_a_public_address_on_the_permitted_port_only(wired: Wired) -> None:
    public = wired.estate.public(wired.host(Role.PUBLIC_SENTRY, US).name)
    assert wired.ask(wired.probe("client", public, P2P)) == [Verdict.REFUSED]
    assert wired.ask(wired.probe("client", public, SSH)) == [Verdict.DROPPED]


def test_the_internet_gateway_puts_each_public_address_in_place_of_its_own_private_one(wired: Wired) -> None:
    sentry = wired.host(Role.PUBLIC_SENTRY, US)
    assert _address_seen_by_client(wired, sentry.name) == wired.estate.public(sentry.name)


def test_one_public_address_reaches_another_of_the_same_region(wired: Wired) -> None:
    """A sentry dials a seed by its public name, so by its public address."""
    assert wired.arrives(wired.host(Role.PUBLIC_SENTRY, US), wired.estate.public(wired.host(Role.SEED, US).name), P2P)


def test_a_private_host_gets_out_under_the_address_of_its_own_zones_nat_gateway(wired: Wired) -> None:
    sentry = wired.host(Role.PRIVATE_SENTRY, US)
    assert _address_seen_by_client(wired, sentry.name) == wired.estate.public(f"nat-{US}-{sentry.zone}")


def test_nothing_gets_in_through_a_nat_gateway(wired: Wired) -> None:
    addresses = [wired.estate.public(f"nat-{US}-{zone}") for zone in ("a", "b")]
    verdicts = wired.ask(
        *(wired.probe("client", address, port) for address in addresses for port in (P2P, SSH, RPC, 40000))
    )
    assert set(verdicts) == {Verdict.DROPPED}


def test_a_private_address_is_not_reachable_from_the_internet(wired: Wired) -> None:
    for host in (wired.host(Role.PRIVATE_SENTRY, US), wired.host(Role.VALIDATOR, SITE)):
        assert not wired.arrives("client", host.address, P2P), f"{host.name} answers the internet"


def test_the_acl_refuses_ssh_from_outside_whatever_a_group_may_say(wired: Wired) -> None:
    """Stateless: the group of the monitors lets its gateways in, the ACL lets in only the network's own addresses."""
    partner = "partner-northwind"
    sentry = wired.host(Role.PRIVATE_SENTRY, EU)
    router = wired.paths.namespace(f"vpc-{EU}")
    before = _dropped_by(router, "acl-")
    assert not wired.arrives(partner, sentry.address, SSH)
    assert _dropped_by(router, "acl-") > before, "something else than the ACL dropped it"


def test_an_acl_that_forgets_the_way_back_drops_the_answer(wired: Wired) -> None:
    """ACLs are stateless: the question arrives, the answer to the client's high port does not pass."""
    estate = small.build()
    forgetful = {"protocol": "tcp", "fromPort": 1024, "toPort": 65535, "ruleNo": 50, "action": "deny"}
    estate.account.properties(estate.acls[US])["egress"].insert(0, {**forgetful, "cidrBlock": f"{CLIENT}/32"})
    router = wired.paths.namespace(f"vpc-{US}")
    probe = wired.probe("client", wired.estate.public(wired.host(Role.PUBLIC_SENTRY, US).name), P2P)
    try:
        apply(plan(estate.network, estate.resources, wired.paths), wired.paths)
        assert wired.ask(probe) == [Verdict.DROPPED]
        assert _dropped_by(router, f"{estate.acls[US]} 50") > 0, "it was not the answer that the ACL dropped"
    finally:
        apply(wired.wiring, wired.paths)
    assert wired.ask(probe) == [Verdict.REFUSED]


def test_regions_reach_each_other_through_their_peering(wired: Wired) -> None:
    near, far = wired.host(Role.PRIVATE_SENTRY, US), wired.host(Role.PRIVATE_SENTRY, EU)
    assert wired.arrives(near, far.address, P2P)
    assert wired.arrives(far, near.address, P2P)


def test_a_partner_reaches_the_p2p_port_of_private_sentries_and_nothing_else(wired: Wired) -> None:
    partner, sentry = "partner-northwind", wired.host(Role.PRIVATE_SENTRY, EU)
    assert wired.arrives(partner, sentry.address, P2P)
    assert wired.arrives(sentry, "172.20.4.10", P2P)
    others = [
        wired.host(Role.PUBLIC_SENTRY, EU),
        wired.host(Role.MONITOR, EU),
        wired.host(Role.VPN, EU),
    ]
    assert not any(wired.arrives(partner, host.address, P2P) for host in others)


def test_peering_is_not_transitive(wired: Wired) -> None:
    """A packet that comes in by a peering, a VPN gateway or the internet ends in that VPC."""
    beyond = {
        "another region": wired.host(Role.PRIVATE_SENTRY, US).address,
        "a datacentre": wired.host(Role.VALIDATOR, SITE).address,
        "the internet": CLIENT,
    }
    for what, address in beyond.items():
        assert not wired.arrives("partner-northwind", address, P2P), f"a partner reaches {what} through our VPC"


def test_an_interface_sends_from_its_own_address_only(wired: Wired) -> None:
    sentry, seed = wired.host(Role.PUBLIC_SENTRY, US), wired.host(Role.SEED, US)
    router = wired.paths.namespace(f"vpc-{US}")
    before = _dropped_by(router, "source check")
    wired.ask(wired.probe(sentry, seed.address, P2P, source="10.1.0.99"))
    assert _dropped_by(router, "source check") > before, "a packet with another's address went through"


def test_sentries_and_validators_reach_each_other_over_the_tunnels(wired: Wired) -> None:
    validator = wired.host(Role.VALIDATOR, SITE)
    for region in (US, EU):
        for role in (Role.PUBLIC_SENTRY, Role.PRIVATE_SENTRY):
            sentry = wired.host(role, region)
            assert wired.arrives(sentry, validator.address, P2P), f"{sentry.name} does not feed {validator.name}"
            assert wired.arrives(validator, sentry.address, P2P), f"{validator.name} does not reach {sentry.name}"


def test_a_site_can_pass_from_zone_to_zone_and_out_before_its_edge_is_configured(wired: Wired) -> None:
    """As a datacentre hands it over: the first edge forwards, so that the rest can be configured through it."""
    signer, validator = wired.host(Role.SIGNER, SITE), wired.host(Role.VALIDATOR, SITE)
    assert wired.arrives(signer, validator.address, PRIVVAL)
    assert wired.arrives(signer, "198.51.100.10", 80)
    assert _address_seen_by_client(wired, signer.name) == str(wired.host(Role.EDGE, SITE).public_address)


def test_an_operator_reaches_ssh_of_every_host_by_its_management_address(wired: Wired) -> None:
    gateway = wired.host(Role.VPN, EU)
    others = [host for host in hosts(wired.estate.network) if host.name != gateway.name]
    verdicts = wired.ask(*(wired.probe("operator", host.management_address, SSH) for host in others))
    unreached = [host.name for host, verdict in zip(others, verdicts, strict=True) if not verdict.arrived]
    assert not unreached


def test_replies_from_the_management_address_go_by_the_management_network(wired: Wired) -> None:
    validator = wired.paths.namespace(wired.host(Role.VALIDATOR, SITE).name)
    own = wired.host(Role.VALIDATOR, SITE).management_address
    shown = namespace.run(["ip", "-n", validator, "route", "get", "10.1.0.97", "from", str(own)])
    assert "dev bond0.130" in shown, (
        "the reply would leave by the validators' zone, where the firewall never saw the call"
    )


SEED = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[1]))
        self.end_headers()
        self.wfile.write(f"{sys.argv[2]} asked by {self.client_address[0]}".encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 26657), Answer).serve_forever()
"""


@contextmanager
def seeds_answering(wired: Wired, *statuses: int) -> Iterator[None]:
    """The first seeds of America answer HTTP with these statuses."""
    running = []
    for number, status in enumerate(statuses, start=1):
        seed = wired.paths.namespace(wired.host(Role.SEED, US, number).name)
        arguments = ["python3", "-c", SEED, str(status), f"seed {number}"]
        running.append(subprocess.Popen(["ip", "netns", "exec", seed, *arguments]))
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def test_the_load_balancer_ends_tls_and_asks_from_its_own_address(wired: Wired) -> None:
    endpoint = wired.estate.network.endpoints.lcd
    with seeds_answering(wired, 200, 200):
        shown = _by_tls(wired, _balancer_address(wired), endpoint, until="200")
    nodes = [f"asked by {node.network_address + 40}" for node in addressing.ingress_subnets(wired.estate.network, US)]
    assert any(node in shown for node in nodes), f"the seed was asked by someone else: {shown}"


def test_the_load_balancer_asks_only_seeds_whose_health_check_passes(wired: Wired) -> None:
    """A node that answers but has no blocks says so on the path that is checked."""
    endpoint = wired.estate.network.endpoints.rpc
    with seeds_answering(wired, 503, 200):
        shown = [_by_tls(wired, _balancer_address(wired), endpoint, until="seed 2") for _ in range(3)]
    assert all("seed 2" in each for each in shown), shown


def test_the_load_balancer_serves_its_listeners_only(wired: Wired) -> None:
    public = _balancer_address(wired)
    assert wired.ask(wired.probe("client", public, RPC)) == [Verdict.REACHABLE]
    assert set(wired.ask(*(wired.probe("client", public, port) for port in (SSH, P2P, 1317)))) == {Verdict.DROPPED}


def test_udp_is_distinguished_too(wired: Wired) -> None:
    gateway = wired.host(Role.VPN, US)
    public = wired.estate.public(gateway.name)
    probes = [wired.probe("client", public, port, protocol="udp") for port in (1194, 53)]
    assert wired.ask(*probes) == [Verdict.REFUSED, Verdict.DROPPED]
    listener = Listener(namespace=wired.paths.namespace(gateway.name), port=1194, protocol="udp")
    assert wired.ask(probes[0], listeners=(listener,)) == [Verdict.REACHABLE]


def test_every_cable_of_the_lab_ends_in_the_lab(wired: Wired) -> None:
    """As the kernel tells it: no interface has its other end where this machine's own network is."""
    seen = 0
    for each in wired.wiring.namespaces:
        name = real_name(each, wired.paths)
        known = json.loads(namespace.run(["ip", "-j", "-n", name, "netns", "list-id"]) or "[]")
        by_id = {found["nsid"]: found.get("name", "") for found in known}
        for link in json.loads(namespace.run(["ip", "-j", "-n", name, "link", "show", "type", "veth"])):
            if link:
                seen += 1
                other = by_id.get(link.get("link_netnsid"), "")
                assert other.startswith(wired.paths.prefix) or other == wired.paths.exchange, (
                    f"{each.name}/{link['ifname']} leads to {other or 'elsewhere'}"
                )
    assert seen >= sum(len([i for i in each.interfaces if i.peer]) for each in wired.wiring.namespaces) > 0


def test_not_one_packet_leaves_the_lab(wired: Wired) -> None:
    """This machine listens at all its addresses, every namespace calls these and some others: none answers."""
    names = [each.name for each in wired.wiring.namespaces if not each.shared]
    with socket.create_server(("", 0)) as listening:
        listening.settimeout(0)
        own = namespace.run(["hostname", "-I"]).split()
        port = listening.getsockname()[1]
        targets = [(address, port) for address in own] + [("8.8.8.8", 53), ("2001:4860:4860::8888", 53)]
        verdicts = wired.ask(*(wired.probe(name, address, port) for name in names for address, port in targets))
        assert Verdict.REACHABLE not in verdicts
        with pytest.raises(BlockingIOError):
            listening.accept()


def _dropped_by(router: str, comment: str) -> int:
    """Packets that rules with this comment have dropped."""
    listed = namespace.run(["ip", "netns", "exec", router, "nft", "list", "table", "ip", "lab"])
    return sum(
        int(line.split("counter packets ")[1].split()[0])
        for line in listed.splitlines()
        if "counter packets" in line and f'comment "{comment}' in line
    )


def _address_seen_by_client(wired: Wired, origin: str) -> str:
    """Who a connection from ``origin`` to the public client comes from, as that sees it."""
    server = "import socket; s = socket.create_server(('', 8080)); print('ready', flush=True); print(s.accept()[1][0])"
    inside = ["ip", "netns", "exec", wired.paths.namespace("client")]
    with subprocess.Popen([*inside, "python3", "-c", server], stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdout is not None
        listening.stdout.readline()
        try:
            wired.ask(wired.probe(origin, CLIENT, 8080))
            return listening.stdout.readline().strip()
        finally:
            listening.kill()


def _balancer_address(wired: Wired) -> str:
    return next(
        str(each.properties["publicIp"])
        for each in wired.estate.resources
        if each.type.endswith(":NetworkInterface") and each.region == US
    )


CLIENT_OF_TLS = """
import socket, ssl, sys, time
address, name, authority, until = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
deadline, text = time.monotonic() + 60, "nothing"
while until not in text and time.monotonic() < deadline:
    try:
        with context.wrap_socket(socket.create_connection((address, 26657), 5), server_hostname=name) as tls:
            tls.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            text = b"".join(iter(lambda: tls.recv(4096), b"")).decode() or "nothing"
    except OSError as error:
        text = repr(error)
    time.sleep(0.3)
print(text)
"""


def _by_tls(wired: Wired, address: str, name: str, *, until: str) -> str:
    """What a client reads that trusts the lab's authority and asks for ``name``, once ``until`` is in it."""
    authority = wired.paths.root / "authority" / "ca.pem"
    inside = ["ip", "netns", "exec", wired.paths.namespace("client")]
    return namespace.run([*inside, "python3", "-c", CLIENT_OF_TLS, address, name, str(authority), until])


def test_every_router_was_seen_as_it_is(wired: Wired) -> None:
    """The reader of the kernel's state sees each route of the plan; otherwise an apply would repair without end."""
    for each in wired.wiring.namespaces:
        seen = observe(real_name(each, wired.paths))
        assert seen.routes == frozenset(each.routes), each.name
        assert seen.rules == frozenset(each.rules), each.name
