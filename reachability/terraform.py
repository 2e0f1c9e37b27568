"""Reads the JSON of ``terraform show -json``: a state, or a plan as the state after it.

Shape (developer.hashicorp.com/terraform/internals/json-format): ``values`` (a state) or ``planned_values`` (a plan)
with ``root_module``: its ``resources``, each with ``address``, ``mode``, ``type`` and ``values``, and its
``child_modules``. A plan's ``resource_changes`` say which values are unknown, its ``configuration`` on what these
depend.

Resources become Pulumi's: its AWS provider is made from Terraform's, so types and properties differ in name only. A
type that is not in ``TYPES`` gets a token by rule, and the prover does not model tokens that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reachability.encoding import CONCEALED, UNKNOWN_STRING, StateError

SHOW = "give the file that `terraform show -json > FILE` writes"
MAJOR_VERSIONS = ("0", "1")
MODULE = "module."
DEEPEST_MODULES = 20
INDEX = re.compile(r'\[(?:[0-9]+|"(?:[^"\\]|\\.)*")\]')

EC2 = (
    "ami", "ami_copy", "ami_from_instance", "ami_launch_permission", "customer_gateway", "default_network_acl",
    "default_route_table", "default_security_group", "default_subnet", "default_vpc",
    "egress_only_internet_gateway", "eip", "eip_association", "eip_domain_name", "flow_log", "instance",
    "internet_gateway", "internet_gateway_attachment", "key_pair", "launch_configuration", "launch_template",
    "main_route_table_association", "nat_gateway", "network_acl", "network_acl_association", "network_acl_rule",
    "network_interface", "network_interface_attachment", "placement_group", "route", "route_table",
    "route_table_association", "security_group", "security_group_rule", "spot_instance_request", "subnet",
    "volume_attachment", "vpc", "vpc_dhcp_options", "vpc_dhcp_options_association", "vpc_endpoint",
    "vpc_endpoint_connection_notification", "vpc_endpoint_policy", "vpc_endpoint_private_dns",
    "vpc_endpoint_route_table_association", "vpc_endpoint_security_group_association", "vpc_endpoint_service",
    "vpc_endpoint_subnet_association", "vpc_ipv4_cidr_block_association", "vpc_ipv6_cidr_block_association",
    "vpc_peering_connection", "vpc_peering_connection_accepter", "vpn_connection", "vpn_connection_route",
    "vpn_gateway", "vpn_gateway_attachment", "vpn_gateway_route_propagation",
)  # fmt: skip
"""Types ``aws_<name>`` that are ``aws:ec2/<name>:<Name>``."""

TYPES = {
    **{f"aws_{name}": f"ec2/{name}" for name in EC2},
    "aws_alb": "lb/load_balancer",
    "aws_alb_listener": "lb/listener",
    "aws_alb_listener_certificate": "lb/listener_certificate",
    "aws_alb_listener_rule": "lb/listener_rule",
    "aws_alb_target_group": "lb/target_group",
    "aws_alb_target_group_attachment": "lb/target_group_attachment",
    "aws_db_instance": "rds/instance",
    "aws_db_parameter_group": "rds/parameter_group",
    "aws_db_subnet_group": "rds/subnet_group",
    "aws_ec2_managed_prefix_list": "ec2/managed_prefix_list",
    "aws_ec2_managed_prefix_list_entry": "ec2/managed_prefix_list_entry",
    "aws_ec2_tag": "ec2/tag",
    "aws_ec2_transit_gateway": "ec2transitgateway/transit_gateway",
    "aws_ec2_transit_gateway_peering_attachment": "ec2transitgateway/peering_attachment",
    "aws_ec2_transit_gateway_peering_attachment_accepter": "ec2transitgateway/peering_attachment_accepter",
    "aws_ec2_transit_gateway_prefix_list_reference": "ec2transitgateway/prefix_list_reference",
    "aws_ec2_transit_gateway_route": "ec2transitgateway/route",
    "aws_ec2_transit_gateway_route_table": "ec2transitgateway/route_table",
    "aws_ec2_transit_gateway_route_table_association": "ec2transitgateway/route_table_association",
    "aws_ec2_transit_gateway_route_table_propagation": "ec2transitgateway/route_table_propagation",
    "aws_ec2_transit_gateway_vpc_attachment": "ec2transitgateway/vpc_attachment",
    "aws_ec2_transit_gateway_vpc_attachment_accepter": "ec2transitgateway/vpc_attachment_accepter",
    "aws_elb": "elb/load_balancer",
    "aws_lb": "lb/load_balancer",
    "aws_network_interface_sg_attachment": "ec2/network_interface_security_group_attachment",
    "aws_vpc_peering_connection_options": "ec2/peering_connection_options",
    "aws_vpc_security_group_egress_rule": "vpc/security_group_egress_rule",
    "aws_vpc_security_group_ingress_rule": "vpc/security_group_ingress_rule",
    "aws_vpc_security_group_vpc_association": "vpc/security_group_vpc_association",
}
"""By Terraform's type: module and name of Pulumi's token, in Terraform's spelling."""

_WITH_S = (
    "route", "network_interface", "secondary_network_interface", "ebs_block_device", "ephemeral_block_device",
    "attachment", "subnet_configuration", "subnet_mapping", "default_action", "action", "condition", "transform",
    "target_group", "ipv6_address_list", "private_ip_list", "vpc_zone_identifier", "listener",
    "block_device_mapping", "tag_specification", "traffic_source", "tag", "availability_zone_address",
    "regional_nat_gateway_address",
)  # fmt: skip
PLURALS = {name: f"{name}s" for name in _WITH_S} | {
    "dns_entry": "dns_entries",
    "entry": "entries",
    "identity": "identities",
}
"""Lists whose name Pulumi's provider puts into the plural."""

SINGLE = frozenset((
    "accepter", "access_config", "access_logs", "authenticate_cognito", "authenticate_oidc",
    "capacity_reservation_specification", "connection_logs", "connection_tracking_specification", "cpu_options",
    "credit_specification", "dns_options", "enclave_options", "fixed_response", "forward", "health_check",
    "health_check_logs", "instance_market_options", "launch_template", "maintenance_options", "metadata_options",
    "minimum_load_balancer_capacity", "mixed_instances_policy", "monitoring", "mutual_authentication",
    "network_performance_options", "placement", "primary_network_interface", "private_dns_name_options", "redirect",
    "requester", "root_block_device", "stickiness", "target_group_health", "timeouts", "tunnel1_log_options",
    "tunnel2_log_options", "vpc_config",
))  # fmt: skip
"""Blocks of which there is at most one: a list in Terraform's JSON, an object in Pulumi's."""

MAPS = frozenset({"tags", "tags_all", "triggers", "keepers"})
"""Attributes whose keys are the user's own."""


def token(type_: str) -> str:
    """Pulumi's token of a Terraform type, by the table or by rule: ``aws_iam_role`` is ``aws:iam/role:Role``."""
    provider, _, rest = type_.partition("_")
    known = TYPES.get(type_)
    if known is not None:
        module, name = known.split("/")
    elif provider == "aws":
        module, _, name = rest.partition("_")
        module, name = (module, name) if name else ("unknown", module)
    else:
        module, name = "index", rest or provider
    noun = camel(name)
    return f"{provider}:{module}/{noun}:{noun[:1].upper()}{noun[1:]}"


def camel(name: str) -> str:
    """``vpc_security_group_ids`` as ``vpcSecurityGroupIds``."""
    first, *rest = name.split("_")
    return first + "".join(each[:1].upper() + each[1:] for each in rest)


def resources(document: Mapping[str, Any]) -> list[Any]:
    """The resources of a state, or of a plan after it, as in an exported stack. Raises ``StateError``."""
    _check(document)
    plan = "planned_values" in document
    values = document.get("planned_values" if plan else "values")
    if values is None:
        return []
    listed = list(_listed(values, "values"))
    if not plan:
        return [_resource(each, each.get("values"), {}) for each in listed]
    unknown = _unknowns(document.get("resource_changes"))
    configured = _Configuration(document.get("configuration"))
    urns: dict[str, list[str]] = {}
    for each in listed:
        urns.setdefault(INDEX.sub("", each["address"]), []).append(_urn(each))
    found = []
    for each in listed:
        attributes = _with_unknown(each.get("values") or {}, unknown.get(each["address"]))
        given = configured.references(INDEX.sub("", each["address"]))
        dependencies = {}
        for name, value in attributes.items():
            if value != UNKNOWN_STRING or name not in given:
                continue
            on = [urn for base in given[name] or () for urn in urns.get(base, ())]
            if on:
                dependencies[property_name(name, value)] = on
            else:
                attributes[name] = CONCEALED
        found.append(_resource(each, attributes, dependencies))
    return found


def _check(document: Mapping[str, Any]) -> None:
    version = document.get("format_version")
    if not isinstance(version, str) or version.split(".")[0] not in MAJOR_VERSIONS:
        raise StateError(
            "a state file of Terraform" if version is None else f"format_version {version!r}",
            "must be an exported Pulumi stack, or what `terraform show -json` prints in format 0 or 1",
            "other formats are not supported, and a state file itself is of Terraform's own use",
            SHOW,
        )
    if document.get("errored") or document.get("complete") is False:
        raise StateError(
            "a plan that failed or defers changes", "must be whole", "what is missing counts as absent", SHOW
        )


def _listed(values: Any, where: str) -> Iterator[dict[str, Any]]:
    """Every managed resource of the modules."""
    todo = [_object(values, where).get("root_module", {})]
    while todo:
        module = _object(todo.pop(), f"{where}.root_module")
        for key in ("resources", "child_modules"):
            if not isinstance(module.get(key, []), list):
                raise StateError(f"{where}: {key}", "must be a list", "a module lists what it has", SHOW)
        todo += module.get("child_modules", [])
        for each in module.get("resources", []):
            found = _object(each, f"{where}: a resource")
            if not all(isinstance(found.get(key), str) and found[key] for key in ("address", "type", "mode")):
                raise StateError(
                    f"{where}: a resource", "must have address, type and mode", "it does what its type says", SHOW
                )
            if found["mode"] == "managed":
                yield found


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise StateError(f"{where}: {type(value).__name__}", "must be an object", "the format says so", SHOW)
    return value


def _urn(found: Mapping[str, Any]) -> str:
    return f"urn:pulumi:terraform::terraform::{token(found['type'])}::{found['address']}"


def _resource(found: Mapping[str, Any], attributes: Any, dependencies: Mapping[str, list[str]]) -> dict[str, Any]:
    """One resource as Pulumi's deployment has it. A deposed object awaits its deletion."""
    values = _object(attributes or {}, found["address"])
    outputs = {property_name(name, each): _value(name, each) for name, each in values.items()}
    id_ = values.get("id")
    return {
        "urn": _urn(found),
        "type": token(found["type"]),
        "custom": True,
        "id": id_ if isinstance(id_, str) else "",
        "outputs": {name: each for name, each in outputs.items() if name != "id"},
        "propertyDependencies": dict(dependencies),
        **({"delete": True} if found.get("deposed_key") else {}),
    }


def property_name(name: str, value: Any) -> str:
    """The name of an attribute in Pulumi: ``route`` (a list) is ``routes``."""
    return camel(PLURALS.get(name, name) if isinstance(value, list) or value == UNKNOWN_STRING else name)


def _value(name: str, value: Any) -> Any:
    """A value in Pulumi's shape: blocks of which there is at most one are objects, names are in camel case."""
    if name in MAPS or value == CONCEALED:
        return value
    if isinstance(value, dict):
        return {property_name(key, each): _value(key, each) for key, each in value.items()}
    if isinstance(value, list):
        made = [_value("", each) for each in value]
        if name in SINGLE and len(made) < 2:
            return made[0] if made else None
        return made
    return value


def _unknowns(changes: Any) -> dict[str, Any]:
    """By address: which values of a planned resource are unknown."""
    found = {}
    for each in changes if isinstance(changes, list) else []:
        change = each.get("change") if isinstance(each, dict) else None
        if isinstance(change, dict) and isinstance(each.get("address"), str):
            found[each["address"]] = change.get("after_unknown")
    return found


def _with_unknown(value: Any, unknown: Any) -> Any:
    """A planned value with what is unknown in it."""
    if unknown is True:
        return UNKNOWN_STRING
    if isinstance(unknown, dict):
        own = value if isinstance(value, dict) else {}
        return {**own, **{key: _with_unknown(own.get(key), each) for key, each in unknown.items() if each is not False}}
    if isinstance(unknown, list) and unknown:
        own_items = value if isinstance(value, list) else []
        length = max(len(own_items), len(unknown))
        padded = [*own_items, *[None] * (length - len(own_items))]
        marks = [*unknown, *[False] * (length - len(unknown))]
        return [_with_unknown(each, mark) for each, mark in zip(padded, marks, strict=True)]
    return value


class _Configuration:
    """On which resources the attributes of planned resources depend."""

    def __init__(self, configuration: Any) -> None:
        root = configuration.get("root_module") if isinstance(configuration, dict) else None
        self._modules: dict[str, dict[str, Any]] = {}
        self._calls: dict[str, dict[str, Any]] = {}
        self._read("", root if isinstance(root, dict) else {}, 0)

    def _read(self, path: str, module: dict[str, Any], depth: int) -> None:
        self._modules[path] = module
        calls = module.get("module_calls")
        for name, call in calls.items() if isinstance(calls, dict) and depth < DEEPEST_MODULES else ():
            if isinstance(call, dict) and isinstance(call.get("module"), dict):
                inner = f"{path}{MODULE}{name}."
                self._calls[inner] = call
                self._read(inner, call["module"], depth + 1)

    def references(self, address: str) -> dict[str, list[str] | None]:
        """By attribute that is set: the addresses (without indices) of the resources on which it depends; ``None`` if
        it depends on something that cannot be told."""
        path = max((each for each in self._modules if address.startswith(each)), key=len, default="")
        for each in self._modules.get(path, {}).get("resources") or ():
            if isinstance(each, dict) and f"{path}{each.get('address')}" == address:
                expressions = each.get("expressions")
                given = expressions if isinstance(expressions, dict) else {}
                return {name: self._resolved(path, expression, 0) for name, expression in given.items()}
        return {}

    def _resolved(self, path: str, expression: Any, depth: int) -> list[str] | None:
        if depth > DEEPEST_MODULES:
            return None
        found: list[str] = []
        for reference in sorted(_referred(expression)):
            parts = reference.split(".")
            kind, name = INDEX.sub("", parts[0]), INDEX.sub("", parts[1]) if len(parts) > 1 else ""
            if kind == "module":
                outputs = self._modules.get(f"{path}{MODULE}{name}.", {}).get("outputs") or {}
                output = outputs.get(INDEX.sub("", parts[2])) if len(parts) > 2 else None
                if len(parts) > 2:
                    inner = output.get("expression") if isinstance(output, dict) else None
                    more = self._resolved(f"{path}{MODULE}{name}.", inner, depth + 1)
                    if more is None:
                        return None
                    found += more
            elif kind == "var":
                call = self._calls.get(path)
                expressions = call.get("expressions") if call else None
                outer = path.removesuffix(".").rpartition(MODULE)[0]
                more = (
                    self._resolved(outer, expressions.get(name), depth + 1) if isinstance(expressions, dict) else None
                )
                if more is None:
                    return None
                found += more
            elif kind in ("local", "each", "count", "data", "path", "terraform", "self") or not name:
                return None
            else:
                found.append(f"{path}{kind}.{name}")
        return list(dict.fromkeys(found)) or None


def _referred(expression: Any) -> set[str]:
    """Every reference in an expression, also in nested blocks."""
    if isinstance(expression, list):
        return set().union(*map(_referred, expression))
    if not isinstance(expression, dict):
        return set()
    found = expression.get("references")
    if isinstance(found, list):
        return {each for each in found if isinstance(each, str)}
    return set().union(*map(_referred, expression.values()))
