"""Managed instance groups: places that send and receive by the tags and accounts of their templates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reachability.frontends.gcp import compile
from reachability.resources import UNKNOWN
from tests.reachability.frontends.gcp.builders import Estate, firewall, instance, link, network, resource, subnet

NET = network()
HERE = subnet(NET, "a", "10.0.0.0/24")
HOST = instance(HERE, "host", "10.0.0.5", tags=("db",))
OTHER = instance(HERE, "other", "10.0.0.6")
WEB = firewall(NET, "web", allow="tcp:80", sourceRanges=["0.0.0.0/0"], targetTags=["web"])
DB = firewall(NET, "db", allow="tcp:5432", sourceTags=["web"], targetTags=["db"])
BASE = (NET, HERE, HOST, OTHER, WEB, DB)


def template(name="t", tags=("web",), **more):
    nic = {"network": link(NET), "subnetwork": link(HERE), "networkIp": "", "accessConfigs": [{"natIp": ""}]}
    return resource("instanceTemplate", name, **({"networkInterfaces": [nic], "tags": list(tags)} | more))


def manager(*templates, name="web", **more):
    group = f"https://www.googleapis.com/compute/v1/projects/estate/zones/europe-west1-b/instanceGroups/{name}"
    versions = [{"instanceTemplate": link(each)} for each in templates]
    given = {"zone": "europe-west1-b", "versions": versions, "instanceGroup": group, "baseInstanceName": name}
    return resource("instanceGroupManager", name, **(given | more))


def test_a_managed_group_sends_and_receives_by_the_tags_of_its_template():
    estate = Estate(*BASE, template(), manager(template()))
    assert estate.assembly.unmodelled == ()
    for name in ("web", manager().id, manager().urn):
        assert estate.reaches("internet", name, "tcp 80")
    assert not estate.reaches("internet", "web", "tcp 22")
    assert estate.reaches("web", "host", "tcp 5432")
    assert not estate.reaches("web", "other", "tcp 5432")
    assert not estate.reaches("other", "host", "tcp 5432"), "nothing becomes unknown for others"


def test_without_an_external_address_it_is_not_reached_from_the_internet():
    inner = template()
    (nic,) = inner.properties["networkInterfaces"]
    inner = replace(inner, properties={**inner.properties, "networkInterfaces": [{**nic, "accessConfigs": []}]})
    estate = Estate(*BASE, inner, manager(inner))
    assert not estate.reaches("internet", "web", "tcp 80")
    assert estate.reaches("other", "web", "tcp 80"), "the rule admits all addresses"


def test_instances_of_each_version_are_there():
    canary = template("canary", tags=("db",))
    estate = Estate(*BASE, template(), canary, manager(template(), canary))
    assert estate.reaches("internet", "web", "tcp 80")
    assert estate.reaches("web", "web (canary)", "tcp 5432")
    assert not estate.reaches("internet", "web (canary)", "tcp 80")


@pytest.mark.parametrize("noun", ["regionInstanceGroupManager", "instanceGroupManager"])
def test_its_template_is_found_by_id_by_unique_link_and_by_dependency(noun):
    of = template(selfLinkUnique=f"{link(template())}?uniqueId=7")
    type_ = f"gcp:compute/{noun}:{noun[0].upper()}{noun[1:]}"
    for value in (of.id, of.properties["selfLinkUnique"], UNKNOWN):
        versions = [{"instanceTemplate": value}]
        references = {"versions": (of.urn,)}
        made = replace(manager(versions=versions, region="europe-west1"), type=type_, references=references)
        assert Estate(*BASE, of, made).reaches("internet", "web", "tcp 80")
    made = replace(manager(versions=UNKNOWN), references={"versions": (of.urn,)})
    assert Estate(*BASE, of, made).reaches("internet", "web", "tcp 80")


def test_unknown_tags_may_be_any():
    hidden = template(tags=())
    hidden = replace(hidden, properties={**hidden.properties, "tags": UNKNOWN}, concealed=frozenset({"tags"}))
    estate = Estate(*BASE, hidden, manager(hidden))
    assert estate.reaches("internet", "web", "tcp 80") and not estate.reaches("internet", "web", "tcp 80", must=True)


@pytest.mark.parametrize(
    "versions", [[{"instanceTemplate": "projects/estate/global/instanceTemplates/gone"}], [], None]
)
def test_a_group_whose_template_is_of_another_stack_is_not_modelled(versions):
    found = manager(versions=versions)
    assert compile([*BASE, template(), found], {}).unmodelled == [f"{found.urn}: {found.type} is not modelled"]


def test_target_pools_and_backend_services_send_to_a_managed_group():
    pool = resource("targetPool", "pool", region="europe-west1")
    rule = resource(
        "forwardingRule", "front", region="europe-west1", ipAddress="34.9.9.9", portRange="80", ipProtocol="TCP",
        loadBalancingScheme="EXTERNAL", target=link(pool),
    )  # fmt: skip
    inner = template()
    (nic,) = inner.properties["networkInterfaces"]
    inner = replace(inner, properties={**inner.properties, "networkInterfaces": [{**nic, "accessConfigs": []}]})
    of = manager(inner, targetPools=[link(pool)])
    assert Estate(*BASE, inner, of, pool, rule).reaches("internet", "web", "tcp 80", at="34.9.9.9")
    assert not Estate(*BASE, inner, manager(inner), pool, rule).reaches("internet", "web", "tcp 80", at="34.9.9.9")
    service = resource(
        "regionBackendService", "service", region="europe-west1", protocol="TCP", loadBalancingScheme="EXTERNAL",
        backends=[{"group": of.properties["instanceGroup"]}],
    )  # fmt: skip
    front = replace(rule, properties={**rule.properties, "target": None, "backendService": link(service)})
    assert Estate(*BASE, inner, manager(inner), service, front).reaches("internet", "web", "tcp 80", at="34.9.9.9")
