"""``terraform show -json`` of a state and of a plan: the network that they describe; the unknown is never absent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reachability.assembly import assemble
from reachability.encoding import StateError
from reachability.frontends.gcp.catalogue import MODELLED
from reachability.places import Places
from reachability.prover import Prover
from reachability.question import Flow, ask, asked_services
from reachability.resources import UNKNOWN
from reachability.state import read
from reachability.subject import Subject
from reachability.terraform_names import token

ANYWHERE = {
    "cidr_blocks": ["0.0.0.0/0"],
    "ipv6_cidr_blocks": [],
    "prefix_list_ids": [],
    "security_groups": [],
    "self": False,
}


def managed(type_: str, name: str, module: str = "", /, **values: Any) -> dict[str, Any]:
    provider = f"registry.terraform.io/hashicorp/{type_.split('_')[0]}"
    return {
        "address": f"{module}{type_}.{name}", "mode": "managed", "type": type_, "name": name,
        "provider_name": provider, "schema_version": 1, "values": values, "sensitive_values": {},
    }  # fmt: skip


def rule(port: int) -> dict[str, Any]:
    return {"from_port": port, "to_port": port, "protocol": "tcp", "description": "", **ANYWHERE}


EVERYTHING = {"from_port": 0, "to_port": 0, "protocol": "-1", "description": "", **ANYWHERE}
VPC = managed(
    "aws_vpc", "main", id="vpc-1", cidr_block="10.0.0.0/16", main_route_table_id="rtb-0", tags={"Name": "shop"},
    default_network_acl_id="acl-0", default_security_group_id="sg-0", default_route_table_id="rtb-0",
    arn="arn:aws:ec2:eu-central-1:1:vpc/vpc-1", assign_generated_ipv6_cidr_block=False,
)  # fmt: skip
SUBNET = managed(
    "aws_subnet", "public[0]", "module.net.", id="subnet-1", vpc_id="vpc-1", cidr_block="10.0.1.0/24",
    availability_zone="eu-central-1a", map_public_ip_on_launch=True,
    arn="arn:aws:ec2:eu-central-1:1:subnet/subnet-1",
)  # fmt: skip
GATEWAY = managed(
    "aws_internet_gateway", "main", id="igw-1", vpc_id="vpc-1", arn="arn:aws:ec2:eu-central-1:1:internet-gateway/igw-1"
)
TABLE = managed(
    "aws_route_table", "public", id="rtb-1", vpc_id="vpc-1", propagating_vgws=[],
    arn="arn:aws:ec2:eu-central-1:1:route-table/rtb-1",
    route=[{"cidr_block": "0.0.0.0/0", "gateway_id": "igw-1", "ipv6_cidr_block": "", "nat_gateway_id": ""}],
)  # fmt: skip
ASSOCIATION = managed(
    "aws_route_table_association", "public", id="rtbassoc-1", subnet_id="subnet-1", route_table_id="rtb-1"
)
GROUP = managed(
    "aws_security_group", "web", id="sg-1", vpc_id="vpc-1", name="web", ingress=[rule(443)], egress=[EVERYTHING],
    arn="arn:aws:ec2:eu-central-1:1:security-group/sg-1",
)  # fmt: skip
WEB = managed(
    "aws_instance", "web", id="i-1", subnet_id="subnet-1", private_ip="10.0.1.10", public_ip="54.1.2.3",
    associate_public_ip_address=True, vpc_security_group_ids=["sg-1"], source_dest_check=True,
    primary_network_interface_id="eni-1", tags={"Name": "shop-web", "under_score": "kept"}, network_interface=[],
    launch_template=[], arn="arn:aws:ec2:eu-central-1:1:instance/i-1", ipv6_addresses=[],
)  # fmt: skip
ROLE = managed("aws_iam_role", "web", id="web", name="web", assume_role_policy="{}")
DATA = {**managed("aws_ami", "debian", id="ami-1"), "mode": "data"}
ALL = (VPC, GATEWAY, TABLE, ASSOCIATION, GROUP, WEB, ROLE, DATA)


def module(*resources: dict[str, Any]) -> dict[str, Any]:
    inner = {"address": "module.net", "resources": [SUBNET]}
    return {"root_module": {"resources": list(resources), "child_modules": [inner]}}


def state(*resources: dict[str, Any]) -> str:
    return json.dumps({"format_version": "1.0", "terraform_version": "1.9.0", "values": module(*resources)})


def asked(text: str, source: str, target: str, port: int) -> Flow:
    resources = read(text)
    prover = Prover(assemble(Subject(resources)))
    places = Places(prover, resources)
    (flow,) = ask(prover, places.sender(source), places.target(target), asked_services("tcp", port)).flows
    return flow


def test_a_state_is_the_network_that_it_describes():
    for name in ("i-1", "aws_instance.web", "shop-web", "54.1.2.3", "eni-1"):
        assert asked(state(*ALL), "internet", name, 443).verdict == "reachable", name
    flow = asked(state(*ALL), "internet", "i-1", 22)
    assert flow.verdict == "unreachable" and flow.reasons == ()


def test_names_and_blocks_become_pulumis():
    web = next(each for each in read(state(*ALL)) if each.name == "aws_instance.web")
    assert (web.type, web.id) == ("aws:ec2/instance:Instance", "i-1")
    assert web.properties["vpcSecurityGroupIds"] == ["sg-1"] and web.properties["networkInterfaces"] == []
    assert web.properties["launchTemplate"] is None, "a block of which there is at most one"
    assert web.properties["tags"] == {"Name": "shop-web", "under_score": "kept"}
    table = next(each for each in read(state(*ALL)) if each.type == "aws:ec2/routeTable:RouteTable")
    assert table.properties["routes"][0]["gatewayId"] == "igw-1"
    assert not any(each.name.endswith("debian") for each in read(state(*ALL))), "data sources are nobody's resources"


def test_a_type_that_is_not_known_is_not_modelled():
    assert token("aws_lb_listener") == "aws:lb/listener:Listener"
    assert token("aws_iam_role") == "aws:iam/role:Role" and token("random_id") == "random:index/id:Id"
    firewall = managed("aws_networkfirewall_firewall", "edge", id="fw-1", vpc_id="vpc-1")
    flow = asked(state(*ALL, firewall), "internet", "i-1", 22)
    assert flow.verdict == "not-modelled" and "networkfirewall" in flow.reasons[0]


def plan(unknown: dict[str, dict[str, Any]], expressions: dict[str, Any], *resources: dict[str, Any]) -> str:
    changes = [
        {
            "address": address,
            "mode": "managed",
            "change": {"actions": ["create"], "before": None, "after_unknown": marks},
        }
        for address, marks in unknown.items()
    ]
    configured = [
        {"address": address, "mode": "managed", "type": address.split(".")[0], "expressions": each}
        for address, each in expressions.items()
    ]
    calls = {
        "net": {"module": {"outputs": {"id": {"expression": {"references": ["aws_subnet.public"]}}}, "resources": []}}
    }
    return json.dumps(
        {
            "format_version": "1.2", "terraform_version": "1.9.0", "planned_values": module(*resources),
            "resource_changes": changes,
            "configuration": {"root_module": {"resources": configured, "module_calls": calls}},
        }
    )  # fmt: skip


def without(resource: dict[str, Any], *names: str) -> dict[str, Any]:
    values = {name: value for name, value in resource["values"].items() if name not in names}
    return {**resource, "values": values}


def test_a_plans_unknown_values_depend_on_what_its_configuration_refers_to():
    web = without(WEB, "id", "subnet_id", "vpc_security_group_ids", "public_ip", "primary_network_interface_id")
    unknown = {"aws_instance.web": {"id": True, "subnet_id": True, "vpc_security_group_ids": True, "public_ip": True}}
    expressions = {
        "aws_instance.web": {
            "subnet_id": {"references": ["module.net.id", "module.net"]},
            "vpc_security_group_ids": {"references": ["aws_security_group.web.id", "aws_security_group.web"]},
        }
    }
    text = plan(unknown, expressions, VPC, GATEWAY, TABLE, ASSOCIATION, GROUP, web)
    found = next(each for each in read(text) if each.name == "aws_instance.web")
    assert found.id is UNKNOWN and found.properties["subnetId"] is UNKNOWN
    assert [urn.rsplit("::", 1)[1] for urn in found.references["subnetId"]] == ["module.net.aws_subnet.public[0]"]
    assert [urn.rsplit("::", 1)[1] for urn in found.references["vpcSecurityGroupIds"]] == ["aws_security_group.web"]
    assert asked(text, "internet", "aws_instance.web", 443).verdict == "reachable"
    assert asked(text, "internet", "aws_instance.web", 22).verdict == "unreachable"


def test_an_unknown_value_whose_source_cannot_be_told_is_set_and_unknown():
    group = without(GROUP, "ingress")
    text = plan(
        {"aws_security_group.web": {"ingress": True}},
        {"aws_security_group.web": {"ingress": [{"cidr_blocks": {"references": ["local.offices"]}}]}},
        VPC, GATEWAY, TABLE, ASSOCIATION, group, WEB,
    )  # fmt: skip
    found = next(each for each in read(text) if each.name == "aws_security_group.web")
    assert not found.left_out("ingress")
    assert asked(text, "internet", "aws_instance.web", 22).verdict == "not-modelled"


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ({"format_version": "2.0", "values": {}}, "in format 0 or 1"),
        ({"version": 3, "terraform_version": "0.11.14", "serial": 3, "modules": []}, "state file of version 4"),
        ({"format_version": "1.2", "planned_values": {"root_module": {}}, "errored": True}, "must be whole"),
        (
            {"format_version": "1.0", "values": {"root_module": {"resources": [{"type": "aws_vpc"}]}}},
            "must have address",
        ),
        ({"format_version": "1.0", "values": []}, "must be an object"),
    ],
)
def test_what_is_no_whole_document_is_refused(document: dict[str, Any], rule: str):
    with pytest.raises(StateError) as refused:
        read(json.dumps(document))
    assert rule in refused.value.rule and "terraform show -json" in refused.value.fix


def test_an_object_that_awaits_its_deletion_is_told():
    with pytest.raises(StateError, match="awaits deletion"):
        read(state(*ALL, {**WEB, "address": "aws_instance.old", "deposed_key": "1a2b3c4d"}))


def raw(*resources: dict[str, Any], version: int = 4) -> str:
    """The same resources as the state file has them."""
    found = []
    for each in resources:
        module, _, address = each["address"].rpartition(f"{each['type']}.")
        name, _, index = address.partition("[")
        instance: dict[str, Any] = {"schema_version": 1, "attributes": each["values"], "sensitive_attributes": []}
        if index:
            instance["index_key"] = json.loads(index.removesuffix("]"))
        instance |= {"status": "tainted"} if each.get("tainted") else {}
        instance |= {"deposed": each["deposed_key"]} if each.get("deposed_key") else {}
        one = {"mode": each["mode"], "type": each["type"], "name": name, "instances": [instance]}
        found.append(({"module": module.removesuffix(".")} if module else {}) | one)
    document = {"version": version, "terraform_version": "1.9.0", "serial": 3, "lineage": "x", "outputs": {}}
    return json.dumps(document | {"resources": found})


def test_a_state_file_is_the_network_that_show_prints():
    text = raw(*ALL, SUBNET)
    shown, read_ = ({each.urn: each for each in read(one)} for one in (state(*ALL), text))
    assert shown == read_
    assert asked(text, "internet", "i-1", 443).verdict == "reachable"
    assert asked(text, "internet", "i-1", 22).verdict == "unreachable"


def test_each_instance_of_a_resource_is_one_resource():
    several = [{**WEB, "address": f'aws_instance.web["{key}"]'} for key in ("a", "b")]
    names = [each.name for each in read(raw(*several)) if each.type.startswith("aws:ec2/instance")]
    assert names == ['aws_instance.web["a"]', 'aws_instance.web["b"]']


@pytest.mark.parametrize("document", [raw, state])
def test_of_a_resource_whose_creation_failed_only_the_id_is_known(document: Any):
    others = [VPC, GATEWAY, TABLE, ASSOCIATION, WEB, *([SUBNET] if document is raw else [])]
    text = document(*others, {**GROUP, "tainted": True})
    found = next(each for each in read(text) if each.name == "aws_security_group.web")
    assert found.id == "sg-1" and not found.left_out("ingress") and found.properties["egress"] is UNKNOWN
    assert asked(text, "internet", "i-1", 22).verdict == "not-modelled"


def test_an_instance_that_one_request_creates_is_where_it_was_asked_for():
    tainted = {**WEB, "tainted": True, "values": {**WEB["values"], "public_ip": None, "private_ip": None}}
    text = raw(*ALL[:5], SUBNET, tainted)
    found = next(each for each in read(text) if each.name == "aws_instance.web")
    assert found.properties["subnetId"] == "subnet-1" and found.properties["sourceDestCheck"] is UNKNOWN
    assert found.left_out("privateIp") and not found.left_out("sourceDestCheck")
    assert asked(text, "internet", "i-1", 443).verdict == "reachable"
    assert asked(text, "internet", "i-1", 22).verdict == "unreachable"


def test_a_deposed_object_in_a_state_file_awaits_its_deletion():
    with pytest.raises(StateError, match="awaits deletion"):
        read(raw(*ALL, SUBNET, {**WEB, "address": "aws_instance.old", "deposed_key": "1a2b3c4d"}))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"resources": {}}, "must be a list"),
        ({"resources": [{"mode": "managed", "type": "aws_vpc"}]}, "must have mode, type and name"),
        ({"resources": [{"mode": "managed", "type": "aws_vpc", "name": "v"}]}, "must be a list"),
        (
            {
                "resources": [
                    {"mode": "managed", "type": "aws_vpc", "name": "v", "instances": [{"attributes_flat": {}}]}
                ]
            },
            "must have attributes",
        ),
    ],
)
def test_a_state_file_that_is_not_whole_is_refused(change: dict[str, Any], rule: str):
    with pytest.raises(StateError) as refused:
        read(json.dumps(json.loads(raw(VPC)) | change))
    assert rule in refused.value.rule


NETWORK, PLACE = "projects/p/global/networks/vpc", "projects/p/regions/r1/subnetworks/a"
GOOGLE = (
    managed("google_compute_network", "vpc", id=NETWORK, name="vpc", project="p",
            auto_create_subnetworks=False, self_link=f"https://www.googleapis.com/compute/v1/{NETWORK}"),
    managed("google_compute_subnetwork", "a", id=PLACE, name="a", region="r1", project="p",
            ip_cidr_range="10.0.0.0/24", network=NETWORK, secondary_ip_range=[]),
    managed("google_compute_firewall", "web", id="projects/p/global/firewalls/web", name="web", project="p",
            network=NETWORK, direction="INGRESS", priority=1000, source_ranges=["0.0.0.0/0"],
            allow=[{"protocol": "tcp", "ports": ["443", "22"]}], deny=[], target_tags=["web"], source_tags=None),
    managed("google_compute_firewall", "deny", id="projects/p/global/firewalls/deny", name="deny", project="p",
            network=NETWORK, direction="INGRESS", priority=900, source_ranges=["0.0.0.0/0"],
            deny=[{"protocol": "tcp", "ports": ["22"]}], allow=[]),
    managed("google_compute_instance", "web", id="projects/p/zones/r1-a/instances/web", name="web", zone="r1-a",
            project="p", can_ip_forward=False, tags=["web"], labels={"under_score": "kept"},
            network_interface=[{"network": NETWORK, "subnetwork": PLACE,
                                "network_ip": "10.0.0.5", "access_config": [{"nat_ip": "34.1.2.3"}],
                                "alias_ip_range": [],
                                "ipv6_access_config": [], "stack_type": "IPV4_ONLY"}],
            service_account=[{"email": "me@p.iam.gserviceaccount.com", "scopes": []}]),
    managed("google_project_iam_member", "m", id="m", role="r", member="x"),
    managed("google_project_service", "s", id="p/compute.googleapis.com", service="compute.googleapis.com"),
)  # fmt: skip


def test_a_state_of_google_is_the_network_that_it_describes():
    for name in ("google_compute_instance.web", "web", "34.1.2.3"):
        assert asked(raw(*GOOGLE), "internet", name, 443).verdict == "reachable", name
    for port in (22, 80):
        flow = asked(raw(*GOOGLE), "internet", "34.1.2.3", port)
        assert flow.verdict == "unreachable" and flow.reasons == ()


def test_blocks_of_services_are_where_the_prover_looks_for_them():
    service = managed("aws_ecs_service", "s", id="s", load_balancer=[{"target_group_arn": "t", "container_port": 80}])
    (found,) = read(raw(service))
    assert found.properties["loadBalancers"] == [{"targetGroupArn": "t", "containerPort": 80}]
    specification = {"launch_template_id": "lt-1", "version": "$Latest"}
    mixed = {"launch_template": [{"launch_template_specification": [specification], "override": []}]}
    (found,) = read(raw(managed("aws_autoscaling_group", "g", id="g", mixed_instances_policy=[mixed])))
    template = found.properties["mixedInstancesPolicy"]["launchTemplate"]["launchTemplateSpecification"]
    assert template == {"launchTemplateId": "lt-1", "version": "$Latest"}


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("google_compute_network", "gcp:compute/network:Network"),
        ("google_compute_vpn_tunnel", "gcp:compute/vPNTunnel:VPNTunnel"),
        ("google_compute_url_map", "gcp:compute/uRLMap:URLMap"),
        ("google_compute_region_url_map", "gcp:compute/regionUrlMap:RegionUrlMap"),
        ("google_compute_target_tcp_proxy", "gcp:compute/targetTCPProxy:TargetTCPProxy"),
        ("google_compute_ha_vpn_gateway", "gcp:compute/haVpnGateway:HaVpnGateway"),
        ("google_project", "gcp:organizations/project:Project"),
        ("google_project_iam_member", "gcp:projects/iAMMember:IAMMember"),
        ("google_service_account", "gcp:serviceaccount/account:Account"),
        ("google_container_node_pool", "gcp:container/nodePool:NodePool"),
        ("google_cloud_run_v2_service", "gcp:cloudrunv2/service:Service"),
        ("google_sql_database_instance", "gcp:sql/databaseInstance:DatabaseInstance"),
    ],
)
def test_a_type_of_google_has_pulumis_token(type_: str, expected: str):
    assert token(type_) == expected


@pytest.mark.slow
def test_every_type_of_google_that_is_modelled_has_a_type_of_terraform():
    def terraform(noun: str) -> str:
        spaced = "".join(f"_{each}" if each.isupper() else each for each in noun).lstrip("_").lower()
        return spaced.replace("v_p_n", "vpn").replace("u_r_l", "url").replace("t_c_p", "tcp").replace("s_s_l", "ssl")

    own = {"organizations": "google", "serviceaccount": "google_service"}
    for each in MODELLED:
        area, noun = each.removeprefix("gcp:").split(":")[0].split("/")
        prefix = own.get(area, f"google_{area}")
        assert token(f"{prefix}_{terraform(noun)}") == each
