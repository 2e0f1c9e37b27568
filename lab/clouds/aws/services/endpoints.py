"""VPC endpoints, flow logs and managed prefix lists."""

from collections.abc import Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import arn, cidr, exactly_one, json_document, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.services.interfaces import GROUPS, NO_GROUP, check_groups, default_group_of, make_interface
from lab.clouds.aws.services.routing import NO_TABLE, TABLES, vpc_of_table
from lab.clouds.aws.services.vpc import IN_VPC, NO_SUBNET, NO_VPC
from lab.clouds.aws.spec import Autoname, Computed, Found, Reference, TypeSpec

GATEWAY_SERVICES = ("s3", "dynamodb")
INTERFACE_SERVICES = (
    "acm-pca",
    "dynamodb",
    "ec2",
    "ec2messages",
    "elasticloadbalancing",
    "execute-api",
    "kms",
    "logs",
    "monitoring",
    "s3",
    "secretsmanager",
    "sns",
    "ssm",
    "ssmmessages",
    "sts",
)
_NO_ENDPOINT = ("InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '{id}' does not exist")


def _refuse_endpoint(call: Call) -> None:
    kind, name = call.props["vpcEndpointType"], call.props.get("serviceName", "")
    service = name.removeprefix(f"com.amazonaws.{call.region}.")
    if service == name or service not in (*GATEWAY_SERVICES, *INTERFACE_SERVICES):
        call.refuse("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist")
    offered = [k for k, names in (("Gateway", GATEWAY_SERVICES), ("Interface", INTERFACE_SERVICES)) if service in names]
    if kind not in offered:
        words = ", ".join(offered)
        call.refuse("InvalidParameter", f"Endpoint type ({kind}) does not match available service types ([{words}]).")
    if kind == "Gateway":
        _refuse_gateway_endpoint(call)
    else:
        _refuse_interface_endpoint(call)


def _refuse_gateway_endpoint(call: Call) -> None:
    for name in ("subnetIds", "securityGroupIds"):
        if call.inputs.get(name):
            call.refuse("InvalidParameter", f"{name} are only supported for Interface type VPC Endpoint.")
    for table_id in call.props.get("routeTableIds") or []:
        if vpc_of_table(call, table_id) != call.props["vpcId"]:
            call.refuse("InvalidParameter", f"Route table {table_id} does not belong to {call.props['vpcId']}")
        for other in call.mentioning(table_id, tokens.VPC_ENDPOINT):
            if other.properties["serviceName"] == call.props["serviceName"]:
                call.refuse(
                    "RouteAlreadyExists",
                    f"route table {table_id} already has a route with destination-prefix-list-id of"
                    f" {call.props['serviceName']} ({other.id})",
                )


def _refuse_interface_endpoint(call: Call) -> None:
    vpc = call.get(tokens.VPC, call.props["vpcId"])
    if call.inputs.get("routeTableIds"):
        call.refuse("InvalidParameter", "Route table IDs are only supported for Gateway type VPC Endpoint.")
    zones: dict[str, str] = {}
    for subnet_id in call.props.get("subnetIds") or []:
        subnet = call.get(tokens.SUBNET, subnet_id)
        if subnet is None:
            continue
        if subnet.properties["vpcId"] != call.props["vpcId"]:
            call.refuse("InvalidParameter", f"The subnet {subnet_id} does not belong to {call.props['vpcId']}")
        zone = subnet.properties["availabilityZone"]
        if zone in zones:
            call.refuse(
                "DuplicateSubnetsInSameZone",
                f"Found another VPC endpoint subnet in the availability zone of {subnet_id}: {zones[zone]}",
            )
        zones[zone] = subnet_id
    check_groups(call, call.inputs.get("securityGroupIds") or [], call.props["vpcId"])
    resolves = vpc and vpc.properties.get("enableDnsSupport") and vpc.properties.get("enableDnsHostnames")
    if call.props.get("privateDnsEnabled") and not resolves:
        call.refuse(
            "InvalidParameter",
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true"
            f" for {call.props['vpcId']}",
        )


def _endpoint_attributes(call: Call) -> Computed:
    service = call.props["serviceName"].rsplit(".", 1)[-1]
    found: Computed = {"state": "available", "requesterManaged": False, "ipAddressType": "ipv4"}
    if call.props["vpcEndpointType"] == "Gateway":
        return found | {
            "prefixListId": f"pl-{call.digest('pl', service)[:8]}",
            "networkInterfaceIds": [],
            "dnsEntries": [],
            "cidrBlocks": [],
            "privateDnsEnabled": False,
            "routeTableIds": call.props.get("routeTableIds") or [],
        }
    groups = call.props.get("securityGroupIds") or [default_group_of(call, call.props["vpcId"])]
    interfaces = []
    for subnet_id in call.props.get("subnetIds") or []:
        subnet = call.get(tokens.SUBNET, subnet_id)
        assert subnet is not None
        made = make_interface(
            call,
            subnet,
            groups=groups,
            description=f"VPC Endpoint Interface {call.id} {subnet_id}",
            kind="vpc_endpoint",
        )
        interfaces.append(made.id)
    name = f"{call.id}-{call.digest('dns')[:8]}.{service}.{call.region}.vpce.amazonaws.com"
    return found | {
        "prefixListId": "",
        "networkInterfaceIds": interfaces,
        "dnsEntries": [{"dnsName": name, "hostedZoneId": f"Z{call.digest('zone')[:13].upper()}"}],
        "cidrBlocks": [],
        "securityGroupIds": groups,
        "routeTableIds": [],
        "privateDnsEnabled": bool(call.props.get("privateDnsEnabled")),
    }


def _refuse_table_association(call: Call) -> None:
    endpoint = call.get(tokens.VPC_ENDPOINT, call.props["vpcEndpointId"])
    if endpoint and endpoint.properties["vpcEndpointType"] != "Gateway":
        call.refuse("InvalidParameter", "Route table IDs are only supported for Gateway type VPC Endpoint.")
    if endpoint and vpc_of_table(call, call.props["routeTableId"]) != endpoint.properties["vpcId"]:
        call.refuse(
            "InvalidParameter", f"Route table {call.props['routeTableId']} does not belong to the endpoint's VPC"
        )


_WATCHED = ("eniId", "regionalNatGatewayId", "subnetId", "transitGatewayAttachmentId", "transitGatewayId", "vpcId")


def _refuse_flow_log(call: Call) -> None:
    props = call.props
    if call.old is not None:
        return
    if props["logDestinationType"] == "cloud-watch-logs" and not props.get("iamRoleArn"):
        call.refuse(
            "MissingParameter", "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs."
        )
    role = props.get("iamRoleArn")
    if role and not call.find(tokens.IAM_ROLE, arn=role):
        call.refuse("InvalidParameter", f"Access Denied for LogDestination: the role {role} cannot be assumed.")
    watched = {name: props[name] for name in _WATCHED if props.get(name)}
    for other in call.find(tokens.FLOW_LOG, **watched):
        if all(other.properties.get(n) == props.get(n) for n in ("logDestination", "trafficType")):
            call.refuse(
                "FlowLogAlreadyExists",
                f"Error. There is an existing Flow Log with the same configuration and log destination: {other.id}",
            )


def _refuse_prefix_list(call: Call) -> None:
    entries = call.props.get("entries") or []
    if len(entries) > call.props["maxEntries"]:
        call.refuse(
            "PrefixListMaxEntriesExceeded",
            f"You've reached the maximum number of entries for the prefix list: {call.props['maxEntries']}.",
        )
    seen: set[str] = set()
    for entry in entries:
        block = entry["cidr"]
        if block in seen:
            call.refuse("InvalidParameterValue", f"The CIDR {block} is listed twice in the prefix list")
        seen.add(block)
    if str(call.props["name"]).startswith("com.amazonaws"):
        call.refuse("InvalidParameterValue", "The prefix list name cannot start with com.amazonaws")


def _prefix_list_version(call: Call) -> Computed:
    before = call.old.properties if call.old else {}
    if before.get("entries") == call.props.get("entries") and before:
        return {"version": before["version"]}
    return {"version": before.get("version", 0) + 1}


def _whole_networks(inputs: Mapping[str, Any]) -> Found:
    version = 6 if inputs.get("addressFamily") == "IPv6" else 4
    yield from cidr("entries[].cidr", version=version)(inputs)


SPECS = (
    TypeSpec(
        token=tokens.VPC_ENDPOINT,
        noun="EC2 VPC Endpoint",
        service="EC2",
        create="CreateVpcEndpoint",
        delete="DeleteVpcEndpoints",
        id="vpce-",
        arn="arn:aws:ec2:{region}:{account}:vpc-endpoint/{id}",
        replaces=frozenset({"serviceName", "serviceRegion", "vpcEndpointType", "vpcId"}),
        computed_inputs=frozenset(
            {
                "dnsOptions",
                "ipAddressType",
                "policy",
                "privateDnsEnabled",
                "routeTableIds",
                "securityGroupIds",
                "subnetConfigurations",
                "subnetIds",
            }
        ),
        defaults={"vpcEndpointType": "Gateway"},
        rules=(one_of("vpcEndpointType", "Gateway", "Interface"), json_document("policy")),
        references=(
            IN_VPC,
            Reference("subnetIds[]", (tokens.SUBNET,), NO_SUBNET),
            Reference("securityGroupIds[]", GROUPS, NO_GROUP),
            Reference("routeTableIds[]", TABLES, NO_TABLE, blocks=False),
        ),
        refusals=(_refuse_endpoint,),
        compute=_endpoint_attributes,
    ),
    TypeSpec(
        token=tokens.VPC_ENDPOINT_ROUTE_TABLE_ASSOCIATION,
        noun="EC2 VPC Endpoint Route Table Association",
        service="EC2",
        create="ModifyVpcEndpoint",
        delete="ModifyVpcEndpoint",
        id=lambda call: f"a-{call.props['vpcEndpointId']}{call.digest('id')[:10]}",
        replaces=frozenset({"routeTableId", "vpcEndpointId"}),
        references=(
            Reference("vpcEndpointId", (tokens.VPC_ENDPOINT,), _NO_ENDPOINT, blocks=False),
            Reference("routeTableId", TABLES, NO_TABLE, blocks=False),
        ),
        refusals=(_refuse_table_association,),
    ),
    TypeSpec(
        token=tokens.FLOW_LOG,
        noun="Flow Log",
        service="EC2",
        create="CreateFlowLogs",
        delete="DeleteFlowLogs",
        id="fl-",
        arn="arn:aws:ec2:{region}:{account}:vpc-flow-log/{id}",
        replaces=frozenset(
            {
                "deliverCrossAccountRole",
                "destinationOptions",
                "iamRoleArn",
                "logDestination",
                "logDestinationType",
                "logFormat",
                "maxAggregationInterval",
                "trafficType",
                *_WATCHED,
            }
        ),
        computed_inputs=frozenset({"logDestination", "logFormat"}),
        defaults={
            "logDestinationType": "cloud-watch-logs",
            "maxAggregationInterval": 600,
            "logFormat": "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport}"
            " ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}",
        },
        rules=(
            exactly_one(*_WATCHED),
            one_of("trafficType", "ACCEPT", "ALL", "REJECT"),
            one_of("logDestinationType", "cloud-watch-logs", "s3", "kinesis-data-firehose"),
            arn("iamRoleArn"),
            arn("logDestination"),
        ),
        references=(
            Reference("vpcId", (tokens.VPC,), NO_VPC, blocks=False),
            Reference("subnetId", (tokens.SUBNET,), NO_SUBNET, blocks=False),
            Reference(
                "eniId",
                (tokens.NETWORK_INTERFACE,),
                ("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '{id}' does not exist"),
                blocks=False,
            ),
        ),
        refusals=(_refuse_flow_log,),
    ),
    TypeSpec(
        token=tokens.MANAGED_PREFIX_LIST,
        noun="EC2 Managed Prefix List",
        service="EC2",
        create="CreateManagedPrefixList",
        id="pl-",
        arn="arn:aws:ec2:{region}:{account}:prefix-list/{id}",
        replaces=frozenset({"addressFamily"}),
        computed_inputs=frozenset({"entries"}),
        autoname=Autoname(prefix_property=None),
        rules=(one_of("addressFamily", "IPv4", "IPv6"), _whole_networks),
        refusals=(_refuse_prefix_list,),
        compute=_prefix_list_version,
        recompute=_prefix_list_version,
    ),
)
