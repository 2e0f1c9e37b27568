"""Terraform's types and attributes under the names that Pulumi's providers give them.

Pulumi's AWS and Google providers are made from Terraform's, so types and properties differ in name only: names are in
camel case, lists in the plural, a block of which there is at most one is an object. A type that is in no table gets a
token by rule, and the prover does not model tokens that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reachability.encoding import CONCEALED, UNKNOWN_STRING

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
    "regional_nat_gateway_address", "load_balancer",
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
    "health_check_logs", "instance_market_options", "launch_template", "launch_template_specification",
    "maintenance_options", "metadata_options",
    "minimum_load_balancer_capacity", "mixed_instances_policy", "monitoring", "mutual_authentication",
    "network_performance_options", "placement", "primary_network_interface", "private_dns_name_options", "redirect",
    "requester", "root_block_device", "stickiness", "target_group_health", "timeouts", "tunnel1_log_options",
    "tunnel2_log_options", "vpc_config",
))  # fmt: skip
"""Blocks of which there is at most one: a list in Terraform's JSON, an object in Pulumi's."""

MAPS = frozenset({"tags", "tags_all", "triggers", "keepers"})
"""Attributes whose keys are the user's own."""


GOOGLE_MODULES = {
    "app_engine": "appengine", "artifact_registry": "artifactregistry", "billing": "billing",
    "binary_authorization": "binaryauthorization", "certificate_manager": "certificatemanager",
    "cloud_identity": "cloudidentity", "cloud_run": "cloudrun", "cloud_run_v2": "cloudrunv2",
    "cloud_scheduler": "cloudscheduler", "cloud_tasks": "cloudtasks", "cloudfunctions2": "cloudfunctionsv2",
    "data_loss_prevention": "dataloss", "essential_contacts": "essentialcontacts", "iam": "iam",
    "identity_platform": "identityplatform", "network_connectivity": "networkconnectivity",
    "network_management": "networkmanagement", "network_security": "networksecurity",
    "network_services": "networkservices", "org_policy": "orgpolicy", "organization": "organizations",
    "os_config": "osconfig", "os_login": "oslogin", "project": "projects", "scc": "securitycenter",
    "secret_manager": "secretmanager", "service_account": "serviceaccount", "service_directory": "servicedirectory",
    "service_networking": "servicenetworking", "service_usage": "serviceusage", "sourcerepo": "sourcerepo",
    "vertex_ai": "vertex", "vpc_access": "vpcaccess",
}  # fmt: skip
"""Modules of Pulumi's Google provider, by the beginning of Terraform's name; others are the first word of the name."""

GOOGLE = {
    "google_container_registry": "container/registry",
    "google_folder": "organizations/folder",
    "google_project": "organizations/project",
    "google_service_account": "serviceaccount/account",
    "google_compute_managed_ssl_certificate": "compute/managed_ssl_certificate",
    "google_compute_router_nat_address": "compute/router_nat_address",
}
"""By Terraform's type: module and name of Pulumi's token, where no rule tells it."""

GOOGLE_CAPITALS = {
    "compute": {"ssl_certificate", "ssl_policy", "target_ssl_proxy", "target_tcp_proxy", "url_map", "vpn_gateway",
                "vpn_tunnel", "shared_vpc_host_project", "shared_vpc_service_project"},
    "projects": {"iam_audit_config", "iam_binding", "iam_custom_role", "iam_member", "iam_policy"},
}  # fmt: skip
"""Names of a module in whose tokens initialisms are capitals: ``vPNTunnel:VPNTunnel``."""

INITIALISMS = {"iam": "IAM", "ssl": "SSL", "tcp": "TCP", "url": "URL", "vpc": "VPC", "vpn": "VPN"}

_GOOGLE_WITH_S = (
    "access_config", "alias_ip_range", "allow", "attached_disk", "backend", "disk",
    "guest_accelerator", "host_rule", "nat64_subnetwork", "ipv6_access_config",
    "layer4_config", "metadata_filter", "named_port", "network_interface", "node_pool", "path_matcher", "path_rule",
    "advertised_ip_range", "custom_learned_ip_range", "route_rule", "rule", "scratch_disk",
    "secondary_ip_range", "src_secure_tag", "stateful_external_ip", "stateful_internal_ip", "subnetwork",
    "target_secure_tag", "version", "vpn_interface", "interface", "weighted_backend_service", "match_rule", "test",
)  # fmt: skip
GOOGLE_PLURALS = {name: f"{name}s" for name in _GOOGLE_WITH_S} | {
    "deny": "denies",
    "alias_ipv6_range": "alias_ipv6_ranges",
    "source_ip_ranges_to_nat": "source_ip_ranges_to_nats",
}
"""``PLURALS`` of Google's provider."""

GOOGLE_SINGLE = frozenset((
    "action", "advanced_machine_features", "autoscaling", "bfd", "bgp", "boot_disk", "cdn_policy", "circuit_breakers",
    "cluster_autoscaling", "confidential_instance_config", "consistent_hash", "default_route_action",
    "default_url_redirect", "failover_policy", "header_action", "iap", "ip_allocation_policy",
    "log_config", "management", "master_auth", "master_authorized_networks_config", "match",
    "network_config", "network_performance_config", "node_config", "params", "private_cluster_config",
    "reservation_affinity", "scheduling", "service_account", "shielded_instance_config", "timeouts",
))  # fmt: skip
"""``SINGLE`` of Google's provider."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one of Pulumi's providers differs from Terraform's: the plural of lists, and blocks that are objects."""

    plurals: Mapping[str, str]
    single: frozenset[str]

    def property_name(self, name: str, value: Any) -> str:
        """The name of an attribute in Pulumi: ``route`` (a list) is ``routes``."""
        return camel(self.plurals.get(name, name) if isinstance(value, list) or value == UNKNOWN_STRING else name)

    def properties(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes as Pulumi has them."""
        return {self.property_name(name, each): self._value(name, each) for name, each in values.items()}

    def _value(self, name: str, value: Any) -> Any:
        if name in MAPS or value == CONCEALED:
            return value
        if isinstance(value, dict):
            return self.properties(value)
        if isinstance(value, list):
            made = [self._value("", each) for each in value]
            if name in self.single and len(made) < 2:
                return made[0] if made else None
            return made
        return value


AWS = Dialect(PLURALS, SINGLE)
GOOGLE_DIALECT = Dialect(GOOGLE_PLURALS, GOOGLE_SINGLE)


def dialect(type_: str) -> Dialect:
    """The dialect of a Terraform type's provider."""
    return GOOGLE_DIALECT if type_.startswith("google_") else AWS


def token(type_: str) -> str:
    """Pulumi's token of a Terraform type, by the table or by rule: ``aws_iam_role`` is ``aws:iam/role:Role``."""
    provider, _, rest = type_.partition("_")
    if provider == "google":
        return _google_token(type_, rest)
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


def _google_token(type_: str, rest: str) -> str:
    known = GOOGLE.get(type_)
    if known is not None:
        module, name = known.split("/")
    else:
        words = rest.split("_")
        prefixes = ("_".join(words[:count]) for count in range(len(words) - 1, 0, -1))
        prefix = next((each for each in prefixes if each in GOOGLE_MODULES), words[0])
        module, name = GOOGLE_MODULES.get(prefix, prefix), rest[len(prefix) + 1 :] or rest
    if name in GOOGLE_CAPITALS.get(module, ()):
        first, *others = name.split("_")
        capital = INITIALISMS.get(first)
        noun = (f"{capital[0].lower()}{capital[1:]}" if capital else first) + "".join(
            INITIALISMS.get(each, f"{each[:1].upper()}{each[1:]}") for each in others
        )
    else:
        noun = camel(name)
    return f"gcp:{module}/{noun}:{noun[:1].upper()}{noun[1:]}"


def camel(name: str) -> str:
    """``vpc_security_group_ids`` as ``vpcSecurityGroupIds``."""
    first, *rest = name.split("_")
    return first + "".join(each[:1].upper() + each[1:] for each in rest)
