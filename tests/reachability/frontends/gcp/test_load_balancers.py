"""Forwarding rules: cloud.google.com/load-balancing/docs/forwarding-rule-concepts and the pages of each product."""

from dataclasses import replace

import pytest

from reachability.resources import UNKNOWN
from tests.reachability.frontends.gcp.builders import Estate, firewall, instance, link, network, resource, subnet

REGION = "europe-west1"
VPC = network()
HERE, FAR = subnet(VPC, "here"), subnet(VPC, "far", "10.1.0.0/24", "us-east1")
BACK, SPARE = instance(HERE, "back", "10.0.0.5"), instance(HERE, "spare", "10.0.0.6")
NEAR, AWAY = instance(HERE, "near", "10.0.0.7"), instance(FAR, "away", "10.1.0.7")
GROUP = resource(
    "instanceGroup", "group", zone="europe-west1-b", instances=[link(BACK)], namedPorts=[{"name": "web", "port": 8080}]
)
BASE = (VPC, HERE, FAR, BACK, SPARE, NEAR, AWAY, GROUP)
POOL = resource("targetPool", "pool", region=REGION, instances=["europe-west1-b/back"])


def allow(name, what, *ranges):
    return firewall(VPC, name, allow=what, sourceRanges=list(ranges))


def external(**more):
    given = {
        "region": REGION,
        "ipAddress": "203.0.113.80",
        "ipProtocol": "TCP",
        "portRange": "80-81",
        "target": link(POOL),
    }
    return resource("forwardingRule", "vip", **(given | more))


def test_a_target_pool_gets_packets_as_they_are():
    """network/networklb-target-pools: the destination stays the balancer's, firewall rules see the client."""
    estate = Estate(*BASE, POOL, external(), allow("web", "tcp:80", "198.51.100.0/24"))
    assert estate.reaches("internet", "back", "tcp 80", at="203.0.113.80", source="198.51.100.1")
    assert not estate.reaches("internet", "back", "tcp 80", source="192.0.2.1")
    assert not estate.reaches("internet", "back", "tcp 81"), "forwarded, but not allowed"
    assert not estate.reaches("internet", "spare", "tcp 80")
    assert estate.reply("internet", "198.51.100.1", "203.0.113.80", "tcp 80") == "passes"


def test_only_the_ports_of_the_rule_are_forwarded():
    estate = Estate(*BASE, POOL, external(), allow("all", "all", "0.0.0.0/0"))
    assert estate.reaches("internet", "back", "tcp 81") and not estate.reaches("internet", "back", "tcp 82")
    assert not estate.reaches("internet", "back", "udp 80")


def test_only_the_clients_of_the_rule_are_forwarded():
    """forwarding-rule-concepts#traffic-steering."""
    estate = Estate(*BASE, POOL, external(sourceIpRanges=["198.51.100.0/24"]), allow("all", "all", "0.0.0.0/0"))
    assert estate.reaches("internet", "back", "tcp 80", source="198.51.100.1")
    assert not estate.reaches("internet", "back", "tcp 80", source="192.0.2.1")


def test_a_backend_service_leads_to_its_groups():
    service = resource(
        "regionBackendService", "svc", region=REGION, loadBalancingScheme="EXTERNAL", backends=[{"group": link(GROUP)}]
    )
    rule = external(target=None, portRange=None, ports=["443"], backendService=link(service))
    estate = Estate(*BASE, service, rule, allow("all", "all", "0.0.0.0/0"))
    assert estate.reaches("internet", "back", "tcp 443", must=True)
    assert not estate.reaches("internet", "back", "tcp 80")


def test_an_instance_group_that_is_not_in_the_input_is_not_modelled():
    service = resource(
        "regionBackendService",
        "svc",
        region=REGION,
        backends=[{"group": "https://x/v1/projects/p/zones/z/networkEndpointGroups/neg"}],
    )
    estate = Estate(*BASE, service, external(target=None, backendService=link(service)))
    assert any("is not an instance group of the input" in each for each in estate.unmodelled("internet"))
    assert not estate.unmodelled("away")


def internal(**more):
    service = resource(
        "regionBackendService", "svc", region=REGION, loadBalancingScheme="INTERNAL", backends=[{"group": link(GROUP)}]
    )
    given = {
        "region": REGION,
        "loadBalancingScheme": "INTERNAL",
        "ipAddress": "10.0.0.100",
        "ports": ["9000"],
        "backendService": link(service),
        "network": link(VPC),
        "subnetwork": link(HERE),
    } | more
    return service, resource("forwardingRule", "ilb", **given)


@pytest.mark.parametrize(("everywhere", "passes"), [(False, False), (True, True)])
def test_an_internal_balancer_is_for_its_region_unless_it_has_global_access(everywhere, passes):
    """internal#client_access."""
    estate = Estate(*BASE, *internal(allowGlobalAccess=everywhere), allow("in", "tcp:9000", "10.0.0.0/8"))
    assert estate.reaches("near", "back", "tcp 9000", at="10.0.0.100")
    assert estate.reaches("away", "back", "tcp 9000", at="10.0.0.100") is passes
    assert not estate.reaches("internet", "back", "tcp 9000")
    assert estate.reply("near", "10.0.0.7", "10.0.0.100", "tcp 9000") == "passes"


def test_an_internal_balancer_can_be_a_next_hop():
    """internal/ilb-next-hop-overview: every packet, whatever its port, goes to a backend."""
    route = resource("route", "via", network=link(VPC), destRange="192.168.0.0/24", nextHopIlb="10.0.0.100")
    router = instance(HERE, "back", "10.0.0.5", canIpForward=True)
    base = [router if each is BACK else each for each in BASE]
    opened = allow("in", "all", "10.0.0.0/8")
    assert Estate(*base, *internal(), route, opened).passes_through("near", "back", "192.168.0.9")
    assert not Estate(*BASE, *internal(), route, opened).passes_through("near", "back", "192.168.0.9")


def proxied(port_name="web", group=GROUP):
    service = resource("backendService", "svc", portName=port_name, backends=[{"group": link(group)}])
    url_map = resource("uRLMap", "map", defaultService=service.id)
    proxy = resource("targetHttpProxy", "proxy", urlMap=link(url_map))
    rule = resource("globalForwardingRule", "web", target=link(proxy), portRange="80", ipAddress="203.0.113.90")
    return service, url_map, proxy, rule


def test_a_proxy_reaches_backends_from_googles_front_ends_at_the_named_port():
    """https#firewall-rules: 35.191.0.0/16 and 130.211.0.0/22 must be allowed, clients need not be."""
    google = allow("google", "tcp:8080", "35.191.0.0/16", "130.211.0.0/22")
    clients = allow("clients", "tcp:8080", "198.51.100.0/24")
    estate = Estate(*BASE, *proxied(), google)
    assert estate.reaches("internet", "back", "tcp 80", at="203.0.113.90", must=True)
    assert not estate.reaches("internet", "back", "tcp 8080", at="203.0.113.90")
    assert estate.reply("internet", "198.51.100.1", "203.0.113.90", "tcp 80") == "passes"
    assert not Estate(*BASE, *proxied(), clients).reaches("internet", "back", "tcp 80")


def test_a_named_port_that_no_group_has_is_not_modelled():
    estate = Estate(*BASE, *proxied("nowhere"), allow("google", "tcp", "35.191.0.0/16"))
    assert any("the port to which the balancer connects" in each for each in estate.unmodelled("internet"))
    assert not any("which port" in each for each in Estate(*BASE, *proxied()).unmodelled("internet"))


def test_an_internal_proxy_reaches_backends_from_its_proxy_only_subnet():
    """l7-internal: the proxy-only subnet is the source."""
    service = resource("regionBackendService", "svc", region=REGION, portName="web", backends=[{"group": link(GROUP)}])
    url_map = resource("regionUrlMap", "map", region=REGION, defaultService=link(service))
    proxy = resource("regionTargetHttpProxy", "proxy", region=REGION, urlMap=link(url_map))
    rule = resource(
        "forwardingRule",
        "l7",
        region=REGION,
        loadBalancingScheme="INTERNAL_MANAGED",
        ipAddress="10.0.0.101",
        portRange="80",
        target=link(proxy),
        network=link(VPC),
        subnetwork=link(HERE),
    )
    proxies = subnet(VPC, "proxies", "10.7.0.0/24", purpose="REGIONAL_MANAGED_PROXY")
    parts = (*BASE, service, url_map, proxy, rule)
    allowed = allow("proxies", "tcp:8080", "10.7.0.0/24")
    estate = Estate(*parts, proxies, allowed)
    assert estate.reaches("near", "back", "tcp 80", at="10.0.0.101", must=True)
    assert estate.reply("near", "10.0.0.7", "10.0.0.101", "tcp 80") == "passes"
    assert not estate.reaches("near", "back", "tcp 8080")
    assert not Estate(*parts, proxies, allow("clients", "tcp:8080", "10.0.0.0/24")).reaches("near", "back", "tcp 80")
    assert any("proxy-only subnet" in each for each in Estate(*parts, allowed).unmodelled("near"))


def test_protocol_forwarding_leads_to_one_instance():
    target = resource("targetInstance", "target", zone="europe-west1-b", instance=link(SPARE))
    rule = external(target=link(target), ipProtocol="UDP", portRange="51820")
    estate = Estate(*BASE, target, rule, allow("vpn", "udp:51820", "0.0.0.0/0"))
    assert estate.reaches("internet", "spare", "udp 51820") and not estate.reaches("internet", "back", "udp 51820")


def test_an_address_that_google_will_choose_is_still_public():
    estate = Estate(*BASE, POOL, external(ipAddress=UNKNOWN), allow("web", "tcp:80", "0.0.0.0/0"))
    assert estate.reaches("internet", "back", "tcp 80")


def test_private_service_connect_for_google_apis():
    rule = resource(
        "globalForwardingRule",
        "apis",
        target="all-apis",
        network=link(VPC),
        ipAddress="10.0.0.200",
        loadBalancingScheme="",
    )
    estate = Estate(*BASE, rule)
    assert estate.reaches("near", "google apis", "tcp 443", at="10.0.0.200")
    assert not Estate(*BASE).reaches("near", "google apis", "tcp 443")


def test_a_service_attachment_of_someone_else_is_not_modelled():
    rule = resource(
        "forwardingRule",
        "psc",
        region=REGION,
        loadBalancingScheme="",
        ipAddress="10.0.0.201",
        network=link(VPC),
        target="projects/other/regions/europe-west1/serviceAttachments/sa",
    )
    assert any("serviceAttachments" in each for each in Estate(*BASE, rule).unmodelled("near"))
    assert not Estate(*BASE, rule).unmodelled("internet")


def test_a_security_policy_may_refuse_clients():
    """armor/docs/security-policy-overview: it takes away, and whom is not modelled."""
    service, *rest = proxied()
    guarded = replace(service, properties={**service.properties, "securityPolicy": "armor"})
    google = allow("google", "tcp:8080", "35.191.0.0/16", "130.211.0.0/22")
    estate = Estate(*BASE, guarded, *rest, google)
    assert estate.reaches("internet", "back", "tcp 80")
    assert not estate.reaches("internet", "back", "tcp 80", must=True)
    assert Estate(*BASE, service, *rest, google).reaches("internet", "back", "tcp 80", must=True)


def test_a_proxy_that_clients_reach_by_ipv6_is_not_modelled():
    *rest, rule = proxied()
    six = replace(rule, properties={**rule.properties, "ipAddress": "2001:db8::80"})
    assert any("from IPv6 to IPv4" in each for each in Estate(*BASE, *rest, six).unmodelled("internet"))
    assert not any("from IPv6 to IPv4" in each for each in Estate(*BASE, *rest, rule).unmodelled("internet"))


def test_an_instance_on_a_default_network_that_is_not_in_the_input_is_as_google_documents_it():
    """vpc/docs/vpc#default-network."""
    nic = {"network": "default", "networkIp": "10.132.0.2", "accessConfigs": [{"natIp": "34.1.2.3"}]}
    web = resource("instance", "web", zone="europe-west1-b", networkInterfaces=[nic], canIpForward=False, tags=["web"])
    away = resource(
        "instance", "away", zone="us-east1-b", networkInterfaces=[{"networkIp": "10.142.0.2"}], canIpForward=False
    )
    rule = resource(
        "firewall", "web", network="default", allows=[{"protocol": "tcp", "ports": ["80"]}], targetTags=["web"],
        sourceRanges=["0.0.0.0/0"],
    )  # fmt: skip
    estate = Estate(web, away, rule)
    assert estate.unmodelled("internet") == ()
    assert estate.reaches("internet", "web", "tcp 22") and estate.reaches("internet", "web", "tcp 80")
    assert not estate.reaches("internet", "web", "tcp 443")
    assert estate.reaches("away", "web", "udp 5000") and not estate.reaches("internet", "away", "tcp 22")


@pytest.mark.parametrize("unknown", ["ipVersion", "portName"])
def test_a_concealed_setting_of_a_balancer_is_not_taken_for_its_default(unknown):
    service = resource(
        "backendService", "service", backends=[{"group": link(GROUP)}], healthChecks="h",
        loadBalancingScheme="EXTERNAL", **({"portName": UNKNOWN} if unknown == "portName" else {"portName": "web"}),
    )  # fmt: skip
    url_map = resource("uRLMap", "map", defaultService=link(service))
    proxy = resource("targetHttpProxy", "proxy", urlMap=link(url_map))
    version = {"ipVersion": UNKNOWN} if unknown == "ipVersion" else {"ipAddress": "203.0.113.80"}
    vip = resource("globalForwardingRule", "vip", target=link(proxy), portRange="80", **version)
    estate = Estate(*BASE, service, url_map, proxy, vip, allow("fronts", "all", "35.191.0.0/16", "130.211.0.0/22"))
    if unknown == "portName":
        assert any("port to which the balancer connects is unknown" in each for each in estate.unmodelled("internet"))
    else:
        families = {low >= 1 << 128 for route in estate.prover.assembly.public for low in route[:1]}
        assert families == {False, True}, "its address may be of either family"
