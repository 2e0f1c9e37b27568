"""The tunnels between datacentres and regions."""

from __future__ import annotations

from collections import Counter

from components.recording import Recorded
from estate.model import Network
from estate.plan import naming

CONNECTION = "aws:ec2/vpnConnection:VpnConnection"
CUSTOMER = "aws:ec2/customerGateway:CustomerGateway"


def edges(network: Network, site: str) -> list:
    return [server for server in network.sites[site].servers if server.role == "edge"]


def test_every_edge_has_a_connection_to_every_linked_region(recorded: Recorded, network: Network) -> None:
    expected = Counter(
        (region, site)
        for site, declared in network.sites.items()
        for region in declared.links
        for _ in edges(network, site)
    )
    for type_ in (CUSTOMER, CONNECTION):
        assert Counter((each.inputs["region"], each.inputs["tags"]["Site"]) for each in recorded.of(type_)) == expected


def test_an_edge_proves_who_it_is_by_certificate_only(recorded: Recorded, network: Network) -> None:
    declared = {arn for site in network.sites.values() for link in site.links.values() for arn in link.certificates}
    assert {each.inputs["certificateArn"] for each in recorded.of(CUSTOMER)} == declared
    assert not [each.name for each in recorded.of(CONNECTION) if any("preshared" in key.lower() for key in each.inputs)]


def test_an_edges_customer_gateway_has_its_address_and_its_sites_asn(recorded: Recorded, network: Network) -> None:
    found = {
        (each.inputs["deviceName"], each.inputs["ipAddress"], each.inputs["bgpAsn"]) for each in recorded.of(CUSTOMER)
    }
    assert found == {
        (naming.host(network.name, "edge", site, edge.number), str(edge.public_address), str(declared.asn))
        for site, declared in network.sites.items()
        if declared.links
        for edge in edges(network, site)
    }


def test_no_two_tunnels_share_an_inside_network(recorded: Recorded) -> None:
    insides = Counter(
        each.inputs[key] for each in recorded.of(CONNECTION) for key in ("tunnel1InsideCidr", "tunnel2InsideCidr")
    )
    assert set(insides.values()) <= {1}


def test_tunnels_speak_ike_version_2_with_strong_ciphers_only(recorded: Recorded) -> None:
    for each in recorded.of(CONNECTION):
        for tunnel in ("tunnel1", "tunnel2"):
            assert each.inputs[f"{tunnel}IkeVersions"] == ["ikev2"]
            for phase in ("Phase1", "Phase2"):
                assert each.inputs[f"{tunnel}{phase}EncryptionAlgorithms"] == ["AES256-GCM-16"]
                assert min(each.inputs[f"{tunnel}{phase}DhGroupNumbers"]) >= 19
        assert each.inputs["staticRoutesOnly"] is False


def test_the_inventory_has_the_far_end_of_each_tunnel(recorded: Recorded, network: Network) -> None:
    links = recorded.inventory["links"]
    assert set(links) == set(network.sites)
    for site, declared in network.sites.items():
        assert set(links[site]) == set(declared.links)
        for region, by_edge in links[site].items():
            assert set(by_edge) == {str(edge.number) for edge in edges(network, site)}
            for number, tunnels in by_edge.items():
                connection = recorded.named(f"{network.name}-{site}-{region}-edge-{int(number):02d}-connection")
                assert [tunnel["outside_address"] for tunnel in tunnels] == [
                    connection.state["tunnel1Address"],
                    connection.state["tunnel2Address"],
                ], "in the order in which the edge names its interfaces"
