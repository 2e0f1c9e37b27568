"""Services with interfaces in a VPC send and receive by their groups; nothing else becomes unknown by them."""

from __future__ import annotations

from typing import Any

import pytest

from reachability.frontends.aws import leaves
from reachability.resources import UNKNOWN, Resource
from tests.reachability.frontends.aws.builders import (
    Estate,
    entry,
    group,
    instance,
    previewed,
    public,
    resource,
    subnet,
    tcp,
    vpc,
)

NET = vpc()
A, B = subnet(NET, "a", "10.0.1.0/24"), subnet(NET, "b", "10.0.2.0/24")
APP = group(NET, "app")
DATA = group(NET, "data", ingress=[entry(5432, securityGroups=[APP.id])], egress=[])
WEB = instance(A, "web", "10.0.1.10", [APP])
OTHER = instance(A, "other", "10.0.1.11", [group(NET, "other")])
BASE = [NET, A, B, APP, DATA, WEB, OTHER, group(NET, "other"), *public(NET, A)]
BOTH = [A.id, B.id]


def subnets_of(type_: str) -> Resource:
    return resource(f"{type_}/subnetGroup", "places", id="places", subnetIds=BOTH)


def database(**more: Any) -> list[Resource]:
    given = {"dbSubnetGroupName": "places", "vpcSecurityGroupIds": [DATA.id], "publiclyAccessible": False}
    return [subnets_of("rds"), resource("rds/instance", "db", **given | more)]


def test_a_database_is_reached_by_those_that_its_groups_admit() -> None:
    estate = Estate(BASE, database())
    assert estate.unmodelled == ()
    assert set(estate.reached("web")["db"]) == {"tcp 5432"}
    assert "db" not in estate.reached("other")
    assert "db" not in estate.reached("internet")
    assert estate.prover.unmodelled(estate.sender("internet")) == ()


def test_a_database_with_public_access_has_a_public_address() -> None:
    wide = group(NET, "data", ingress=[entry(5432, cidrBlocks=["0.0.0.0/0"])])
    base = [each for each in BASE if each is not DATA]
    assert "db" in Estate(base, wide, database(publiclyAccessible=True)).reached("internet")
    assert "db" not in Estate(base, wide, database()).reached("internet")
    depends = {"publiclyAccessible": ("urn:x",)}
    doubtful = Estate(base, wide, database(publiclyAccessible=UNKNOWN, references=depends))
    assert "db" in doubtful.reached("internet")
    assert "db" not in doubtful.reached("internet", may=False)


FUNCTION = {"vpcConfig": {"subnetIds": BOTH, "securityGroupIds": [APP.id]}}
SERVICE = {"networkConfiguration": {"subnets": BOTH, "securityGroups": [APP.id], "assignPublicIp": False}}
GROUPED: list[tuple[str, dict[str, Any]]] = [
    ("lambda/function", FUNCTION),
    ("codebuild/project", {"vpcConfig": {"subnets": BOTH, "securityGroupIds": [APP.id]}}),
    ("ecs/service", SERVICE),
    ("rds/proxy", {"vpcSubnetIds": BOTH, "vpcSecurityGroupIds": [APP.id]}),
    ("elasticache/serverlessCache", {"subnetIds": BOTH, "securityGroupIds": [APP.id]}),
    ("efs/mountTarget", {"subnetId": A.id, "securityGroups": [APP.id], "ipAddress": "10.0.1.77"}),
    ("opensearch/domain", {"vpcOptions": {"subnetIds": BOTH, "securityGroupIds": [APP.id]}}),
    ("mq/broker", {"subnetIds": BOTH, "securityGroups": [APP.id]}),
    ("msk/cluster", {"brokerNodeGroupInfo": {"clientSubnets": BOTH, "securityGroups": [APP.id]}}),
]


@pytest.mark.parametrize(("type_", "given"), GROUPED)
def test_a_service_sends_by_its_groups_and_is_a_member_of_them(type_: str, given: dict[str, Any]) -> None:
    thing = resource(type_, "thing", **given)
    for resources in ([*BASE, *database(), thing], previewed([*BASE, *database(), thing])):
        estate = Estate(resources)
        assert estate.unmodelled == ()
        assert set(estate.reached("thing")["db"]) == {"tcp 5432"}
        assert "internet" not in estate.reached("thing")


@pytest.mark.parametrize("type_", ["elasticache/cluster", "memorydb/cluster", "neptune/cluster", "redshift/cluster"])
def test_a_cluster_is_in_the_subnets_of_its_subnet_group(type_: str) -> None:
    kind = leaves.KINDS[f"aws:{type_}:Cluster"]
    given = {kind.subnets[0]: "places", kind.groups[0]: [DATA.id]}
    estate = Estate(BASE, subnets_of(type_.split("/")[0]), resource(type_, "thing", **given))
    assert estate.unmodelled == ()
    assert set(estate.reached("web")["thing"]) == {"tcp 5432"}


def test_an_instance_of_a_database_cluster_has_the_groups_of_the_cluster() -> None:
    whole = resource("rds/cluster", "whole", clusterIdentifier="whole", dbSubnetGroupName="places",
                     vpcSecurityGroupIds=[DATA.id])  # fmt: skip
    one = resource("rds/clusterInstance", "one", clusterIdentifier="whole", dbSubnetGroupName="places")
    estate = Estate(BASE, subnets_of("rds"), whole, one)
    assert estate.unmodelled == ()
    assert set(estate.reached("web")["one"]) == {"tcp 5432"}
    assert "one" not in estate.reached("other")


def test_a_service_in_no_vpc_is_no_concern() -> None:
    for type_ in ("lambda/function", "codebuild/project", "ecs/service", "opensearch/domain"):
        assert Estate(resource(type_, "free")).unmodelled == ()


def test_a_service_whose_subnets_are_not_told_is_not_modelled() -> None:
    (reason,) = Estate(resource("rds/instance", "db")).unmodelled
    assert "it has no dbSubnetGroupName, so its subnets are unknown" in reason


def test_a_service_in_a_subnet_that_is_not_among_the_resources_is_in_the_vpc_of_its_groups() -> None:
    elsewhere = {"vpcConfig": {"subnetIds": ["subnet-7"], "securityGroupIds": [APP.id]}}
    estate = Estate(BASE, database(), resource("lambda/function", "f", **elsewhere))
    assert estate.unmodelled == ()
    assert set(estate.reached("f")["db"]) == {"tcp 5432"} and "db" not in estate.reached("other")
    assert "f" in estate.reached("other")
    apart = {"vpcConfig": {"subnetIds": ["subnet-7"], "securityGroupIds": ["sg-x"]}}
    assert Estate(BASE, resource("lambda/function", "f", **apart)).unmodelled == ()


def test_what_a_control_plane_may_send_is_unknown_for_it_alone() -> None:
    # https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html
    given = {"vpcConfig": {"subnetIds": BOTH, "securityGroupIds": [APP.id]}}
    nodes = resource("eks/nodeGroup", "nodes", clusterName="plane", subnetIds=BOTH)
    estate = Estate(BASE, database(), resource("eks/cluster", "plane", **given), nodes)
    assert estate.unmodelled == ()
    assert "plane" in estate.reached("other")
    assert estate.reached("other", may=False).keys() & {"plane", "nodes"} == {"plane"}
    assert set(estate.reached("web")["db"]) == {"tcp 5432"}
    assert estate.prover.unmodelled(estate.sender("web")) == ()


def balanced(targets: list[Resource]) -> list[Resource]:
    front = resource("lb/loadBalancer", "lb", subnets=[A.id], securityGroups=[APP.id], internal=False)
    heard = resource(
        "lb/listener", "heard", loadBalancerArn=front.properties["arn"], port=80, protocol="HTTP",
        defaultActions=[{"type": "forward", "targetGroupArn": "arn-targets"}],
    )  # fmt: skip
    behind = resource("lb/targetGroup", "behind", arn="arn-targets", port=8080, protocol="HTTP", vpcId=NET.id,
                      targetType="ip")  # fmt: skip
    return [front, heard, behind, *targets]


def test_tasks_that_register_with_a_balancer_are_its_targets() -> None:
    tasks = resource("ecs/service", "tasks", loadBalancers=[{"targetGroupArn": "arn-targets", "containerPort": 9000}],
                     **SERVICE)  # fmt: skip
    estate = Estate(BASE, balanced([tasks]))
    assert estate.unmodelled == ()
    arrival = next(each for each in estate.prover.arrivals(estate.sender("internet")) if each.to == tasks.urn)
    assert [low for low, _ in arrival.received_services()] == [tcp(9000)]


@pytest.mark.parametrize("attached", [False, True])
def test_a_scaling_group_has_the_groups_of_its_launch_template_and_registers_with_balancers(attached: bool) -> None:
    template = resource("ec2/launchTemplate", "t", id="lt-1", vpcSecurityGroupIds=[APP.id])
    given: dict[str, Any] = {"vpcZoneIdentifiers": BOTH, "launchTemplate": {"id": "lt-1", "version": "1"}}
    more = [] if attached else ["arn-targets"]
    scaling = resource("autoscaling/group", "fleet", targetGroupArns=more, **given)
    tie = resource("autoscaling/attachment", "tie", autoscalingGroupName=scaling.id, lbTargetGroupArn="arn-targets")
    estate = Estate(BASE, database(), template, balanced([scaling, *([tie] if attached else [])]))
    assert estate.unmodelled == ()
    assert set(estate.reached("fleet")["db"]) == {"tcp 5432"}
    assert "fleet" in estate.reached("internet")


@pytest.mark.slow
def test_a_scaling_group_whose_template_is_not_known_is_unknown_by_itself() -> None:
    template = resource("ec2/launchTemplate", "t", id="lt-1", vpcSecurityGroupIds=[APP.id], latestVersion=3)
    known = {"id": "lt-1", "version": "3"}
    for chosen in ({"id": "lt-9"}, {"id": "lt-1", "version": "2"}, {"id": "lt-1", "version": "$Default"}, UNKNOWN):
        older = resource("ec2/launchTemplate", "t", id="lt-1", defaultVersion=1, **template.properties)
        fleet = resource("autoscaling/group", "fleet", vpcZoneIdentifiers=BOTH, launchTemplate=chosen)
        estate = Estate(BASE, database(), older, fleet)
        assert estate.unmodelled == ()
        assert "fleet" in estate.reached("other") and "fleet" not in estate.reached("other", may=False)
        assert "db" not in estate.reached("other"), "nothing else is unknown by it"
    fleet = resource("autoscaling/group", "fleet", vpcZoneIdentifiers=BOTH, launchTemplate=known)
    assert set(Estate(BASE, database(), template, fleet).reached("fleet")["db"]) == {"tcp 5432"}


@pytest.mark.parametrize("public_", [True, False])
def test_a_scaling_group_has_the_groups_of_its_launch_configuration(public_: bool) -> None:
    wide = group(NET, "wide")
    configuration = resource(
        "ec2/launchConfiguration", "c-1", id="c-1", securityGroups=[wide.id], associatePublicIpAddress=public_
    )
    fleet = resource("autoscaling/group", "fleet", vpcZoneIdentifiers=[A.id], launchConfiguration="c-1")
    estate = Estate(BASE, wide, configuration, fleet)
    assert estate.unmodelled == ()
    assert "fleet" in estate.reached("other", may=False)
    assert ("fleet" in estate.reached("internet")) is public_


def test_a_scaling_group_of_several_types_has_the_groups_of_its_template() -> None:
    template = resource("ec2/launchTemplate", "t", id="lt-1", vpcSecurityGroupIds=[APP.id])
    mixed = {"launchTemplate": {"launchTemplateSpecification": {"launchTemplateId": "lt-1", "version": "$Latest"}}}
    fleet = resource("autoscaling/group", "fleet", vpcZoneIdentifiers=BOTH, mixedInstancesPolicy=mixed)
    estate = Estate(BASE, database(), template, fleet)
    assert estate.unmodelled == () and set(estate.reached("fleet")["db"]) == {"tcp 5432"}


@pytest.mark.parametrize("absent", [None, []])
def test_an_event_that_starts_no_task_has_no_place(absent: list[Any] | None) -> None:
    assert Estate(BASE, resource("cloudwatch/eventTarget", "wake", ecsTarget=absent)).unmodelled == ()


def test_a_scaling_group_gets_public_addresses_where_its_subnets_give_them() -> None:
    template = resource("ec2/launchTemplate", "t", id="lt-1", vpcSecurityGroupIds=[APP.id])
    giving = subnet(NET, "a", "10.0.1.0/24", mapPublicIpOnLaunch=True)
    given = {"vpcZoneIdentifiers": [giving.id], "launchTemplate": {"id": "lt-1"}}
    fleet = resource("autoscaling/group", "fleet", **given)
    assert "fleet" in Estate(NET, giving, APP, template, fleet, *public(NET, giving)).reached("internet")
    assert "fleet" not in Estate(NET, A, APP, template, fleet, *public(NET, A)).reached("internet")


@pytest.mark.parametrize("type_", ["cloudwatch/eventTarget", "scheduler/schedule"])
def test_a_task_that_an_event_starts_sends_and_receives_by_its_groups(type_: str) -> None:
    network = {"subnets": [A.id], "securityGroups": [APP.id], "assignPublicIp": True}
    part = {"networkConfiguration": network}
    given = {"ecsTarget": part} if type_.startswith("cloudwatch") else {"target": {"ecsParameters": part}}
    estate = Estate(BASE, database(), resource(type_, "task", **given))
    assert estate.unmodelled == ()
    assert set(estate.reached("urn:pulumi:test::estate::" + _token(type_) + "::task")["db"]) == {"tcp 5432"}
    assert "task" in estate.reached("internet")


def _token(type_: str) -> str:
    noun = type_.rsplit("/", 1)[-1]
    return f"aws:{type_}:{noun[:1].upper()}{noun[1:]}"
