"""Networks that are not among the resources: what is there is unknown, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reachability.question import Places, ask, asked_services
from tests.reachability.frontends.gcp.builders import Estate, firewall, instance, link, network, resource, subnet

NET = network()
HERE = subnet(NET, "a", "10.0.0.0/24")
HOST = instance(HERE, "host", "10.0.0.5", external="34.1.2.3")
SSH = firewall(NET, "ssh", allow="tcp:22", sourceRanges=["0.0.0.0/0"])
BASE = (NET, HERE, HOST, SSH)
FAR = network("far")
THERE = subnet(FAR, "there", "10.5.0.0/24")
LOST = instance(THERE, "lost", "10.5.0.5", external="34.1.2.9")
QUIET = instance(THERE, "quiet", "10.5.0.6")


def verdicts(estate, sender, to, port):
    places = Places(estate.prover, ())
    answer = ask(estate.prover, places.sender(sender), places.target(to), asked_services("tcp", port))
    return {flow.verdict for flow in answer.flows}


def test_an_instance_on_a_network_that_is_not_known_is_unknown_by_itself():
    estate = Estate(*BASE, LOST, QUIET)
    assert estate.assembly.unmodelled == ()
    assert verdicts(estate, "internet", "lost", 22) == {"not-modelled"}
    assert verdicts(estate, "lost", "quiet", 22) == {"not-modelled"}
    assert verdicts(estate, "lost", "internet", 443) == {"not-modelled"}
    assert verdicts(estate, "internet", "quiet", 22) == {"unreachable"}, "it has no address on the internet"
    assert verdicts(estate, "internet", "host", 22) == {"reachable"}
    assert verdicts(estate, "internet", "host", 443) == {"unreachable"}
    assert verdicts(estate, "host", "quiet", 22) == {"unreachable"}, "nothing joins the two networks"
    assert any("rules are unknown" in reason for reason in reasons(estate, "internet", "lost"))


def reasons(estate, sender, to):
    places = Places(estate.prover, ())
    answer = ask(estate.prover, places.sender(sender), places.target(to), asked_services("tcp", 22))
    return [reason for flow in answer.flows for reason in flow.reasons]


def test_a_peering_with_it_may_be_configured_on_its_side_too():
    to_far = resource("networkPeering", "to-far", network=link(NET), peerNetwork=link(FAR))
    estate = Estate(*BASE, LOST, QUIET, to_far)
    assert estate.assembly.unmodelled == ()
    assert verdicts(estate, "host", "quiet", 22) == {"not-modelled"}


def test_where_a_tunnel_might_lead_there_everything_is_unknown():
    tunnel = resource("vPNTunnel", "tunnel", region="europe-west1", network=link(NET))
    assert any("is not in the input" in each for each in Estate(*BASE, LOST, tunnel).assembly.unmodelled)


@pytest.mark.parametrize("given", [{"networkIp": None}, {"subnetwork": "there"}])
def test_what_names_neither_its_subnet_nor_its_address_is_not_modelled(given):
    (nic,) = LOST.properties["networkInterfaces"]
    vague = replace(LOST, properties={**LOST.properties, "networkInterfaces": [{**nic, **given}]})
    assert Estate(*BASE, vague).assembly.unmodelled != ()
