"""Services with interfaces in a VPC that forward nothing: functions, tasks, databases, control planes, scaling groups.

Each is a machine with one interface in each of its subnets, which stands for all that the service has there: their
addresses are unknown, so they may be anywhere in the subnet. It sends and receives by its security groups. Sources: the
Lambda, ECS, EKS, RDS, ElastiCache and EFS guides' pages on access within a VPC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reachability.addresses import V6
from reachability.frontends.aws import balancers_elsewhere, groups, interfaces, stand_ins
from reachability.frontends.aws.cloud import Cloud, Nic
from reachability.frontends.aws.index import Malformed, flag, given, items, says, text_of, whole
from reachability.frontends.aws.vpcs import SUBNETS, known
from reachability.frontends.aws_tokens import CLASSIC, TARGET_GROUP
from reachability.resources import UNKNOWN, Resource

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a type has its subnets, security groups and address, as paths into its properties.

    ``within``: the type that has the subnets, to which ``subnets`` refers. ``owner``: a property that refers to the
    resource that has the groups. ``public``: whether it has public addresses; without such a path it has none, but
    with ``as_subnets`` those that its subnets give. ``unnamed_groups``: it has groups that no resource names.
    """

    subnets: Path
    groups: Path = ()
    within: str = ""
    owner: Path = ()
    public: Path = ()
    as_subnets: bool = False
    unnamed_groups: bool = False
    address: str = ""
    targets: Path = ()
    """The target groups with which it registers."""
    optional: bool = True
    """Whether it is in no VPC without subnets."""


def _task(*within: str) -> Kind:
    """An ECS task that a schedule or an event starts."""
    network = (*within, "networkConfiguration")
    return Kind((*network, "subnets"), (*network, "securityGroups"), public=(*network, "assignPublicIp"))


_DATABASE = Path(("vpcSecurityGroupIds",))
_RDS = "aws:rds/subnetGroup:SubnetGroup"
_RDS_CLUSTER = "aws:rds/cluster:Cluster"
_CACHE = "aws:elasticache/subnetGroup:SubnetGroup"
SCALING = "aws:autoscaling/group:Group"
SCALING_ATTACHMENT = "aws:autoscaling/attachment:Attachment"
SERVICE = "aws:ecs/service:Service"
TEMPLATE = interfaces.TEMPLATE
CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"

KINDS: Mapping[str, Kind] = {
    "aws:lambda/function:Function": Kind(("vpcConfig", "subnetIds"), ("vpcConfig", "securityGroupIds")),
    "aws:codebuild/project:Project": Kind(("vpcConfig", "subnets"), ("vpcConfig", "securityGroupIds")),
    SERVICE: Kind(
        ("networkConfiguration", "subnets"),
        ("networkConfiguration", "securityGroups"),
        public=("networkConfiguration", "assignPublicIp"),
        targets=("loadBalancers", "targetGroupArn"),
    ),
    "aws:cloudwatch/eventTarget:EventTarget": _task("ecsTarget"),
    "aws:scheduler/schedule:Schedule": _task("target", "ecsParameters"),
    "aws:eks/cluster:Cluster": Kind(
        ("vpcConfig", "subnetIds"), ("vpcConfig", "securityGroupIds"), unnamed_groups=True, optional=False
    ),
    "aws:eks/nodeGroup:NodeGroup": Kind(("subnetIds",), as_subnets=True, unnamed_groups=True, optional=False),
    "aws:eks/fargateProfile:FargateProfile": Kind(("subnetIds",), unnamed_groups=True, optional=False),
    SCALING: Kind(("vpcZoneIdentifiers",), as_subnets=True, targets=("targetGroupArns",), optional=False),
    "aws:rds/instance:Instance": Kind(
        ("dbSubnetGroupName",), _DATABASE, _RDS, public=("publiclyAccessible",), optional=False
    ),
    _RDS_CLUSTER: Kind(("dbSubnetGroupName",), _DATABASE, _RDS, optional=False),
    "aws:rds/clusterInstance:ClusterInstance": Kind(
        ("dbSubnetGroupName",), _DATABASE, _RDS, ("clusterIdentifier",), ("publiclyAccessible",), optional=False
    ),
    "aws:rds/proxy:Proxy": Kind(("vpcSubnetIds",), _DATABASE, optional=False),
    "aws:docdb/cluster:Cluster": Kind(
        ("dbSubnetGroupName",), _DATABASE, "aws:docdb/subnetGroup:SubnetGroup", optional=False
    ),
    "aws:neptune/cluster:Cluster": Kind(
        ("neptuneSubnetGroupName",), _DATABASE, "aws:neptune/subnetGroup:SubnetGroup", optional=False
    ),
    "aws:redshift/cluster:Cluster": Kind(
        ("clusterSubnetGroupName",), _DATABASE, "aws:redshift/subnetGroup:SubnetGroup",
        public=("publiclyAccessible",), optional=False,
    ),
    "aws:elasticache/cluster:Cluster": Kind(("subnetGroupName",), ("securityGroupIds",), _CACHE, optional=False),
    "aws:elasticache/replicationGroup:ReplicationGroup": Kind(
        ("subnetGroupName",), ("securityGroupIds",), _CACHE, optional=False
    ),
    "aws:elasticache/serverlessCache:ServerlessCache": Kind(("subnetIds",), ("securityGroupIds",), optional=False),
    "aws:memorydb/cluster:Cluster": Kind(
        ("subnetGroupName",), ("securityGroupIds",), "aws:memorydb/subnetGroup:SubnetGroup", optional=False
    ),
    "aws:efs/mountTarget:MountTarget": Kind(
        ("subnetId",), ("securityGroups",), address="ipAddress", optional=False
    ),
    "aws:opensearch/domain:Domain": Kind(("vpcOptions", "subnetIds"), ("vpcOptions", "securityGroupIds")),
    "aws:elasticsearch/domain:Domain": Kind(("vpcOptions", "subnetIds"), ("vpcOptions", "securityGroupIds")),
    "aws:mq/broker:Broker": Kind(
        ("subnetIds",), ("securityGroups",), public=("publiclyAccessible",), optional=False
    ),
    "aws:msk/cluster:Cluster": Kind(
        ("brokerNodeGroupInfo", "clientSubnets"), ("brokerNodeGroupInfo", "securityGroups"), optional=False
    ),
}  # fmt: skip
TYPES = (*KINDS, SCALING_ATTACHMENT)


def read(cloud: Cloud) -> None:
    """Reads the services with their interfaces, and the target groups with which they register."""
    index = cloud.index
    for type_, kind in KINDS.items():
        for resource in index.of(type_):
            with index.reading(resource):
                nics = list(_nics(cloud, resource, kind))
                for nic in nics:
                    interfaces.add(cloud, resource, nic)
                if nics:
                    interfaces.machine(cloud, resource, nics)
                _register(cloud, resource, kind)
    for resource in index.of(SCALING_ATTACHMENT):
        with index.reading(resource):
            owner = index.need(resource, "autoscalingGroupName", SCALING)
            for name in ("lbTargetGroupArn", "elb"):
                if says(given(resource, name)):
                    _to_targets(cloud, owner, resource, name, resource.properties[name], None)


def _at(resource: Resource, path: Path) -> Any:
    """The value at a path into the properties; ``None`` if it is not set."""
    value = given(resource, path[0]) if path else None
    for name in path[1:]:
        if isinstance(value, (list, tuple)) and len(value) == 1:
            (value,) = value
        if value is UNKNOWN or not says(value):
            return value
        if not isinstance(value, Mapping):
            raise Malformed(f"{path[0]} is {value!r}, which has no {name}")
        value = value.get(name)
    return value


def subnets(cloud: Cloud, resource: Resource) -> tuple[Resource, str, Any]:
    """(resource, property, value) of the subnets of a service. Raises ``Malformed`` if its subnet group is not among
    the resources."""
    kind = KINDS[resource.type]
    value = _at(resource, kind.subnets)
    if kind.within and says(value):
        owner = _within(cloud, resource, kind, value)
        return owner, "subnetIds", given(owner, "subnetIds")
    return resource, kind.subnets[0], value


def _nics(cloud: Cloud, resource: Resource, kind: Kind) -> Iterator[Nic]:
    index = cloud.index
    owner, name, value = subnets(cloud, resource)
    if not says(value):
        if kind.optional:
            return
        raise Malformed(f"it has no {'.'.join(kind.subnets)}, so its subnets are unknown")
    found = index.find(owner, name, *SUBNETS, value=value)
    own = named_groups(cloud, resource)
    if found.unknown and not found.resources:
        raise Malformed(found.unknown)
    if not found.resources and any(says(value) for _, _, value in own):
        wanted = [index.find(each, named, *groups.REFERABLE, value=value) for each, named, value in own]
        if any(each.resources or each.unknown for each in wanted):
            raise Malformed(f"{found.foreign[0]} is not among the resources, but its groups are")
    for each in found.resources:
        subnet = known(cloud.subnets, each)
        fixed = given(resource, kind.address) if kind.address else None
        label = f"{index.label(resource)} in {subnet.label}"
        addresses = interfaces.private_addresses(cloud, subnet, [fixed], [], None, None)
        nic = Nic(label, resource, subnet, addresses, f"interface {label}")
        chosen: dict[Any, None] = {}
        for of, named, value in own:
            wanted_groups = index.find(of, named, *groups.REFERABLE, value=value)
            more, uncertainty = groups.of_interface(cloud, subnet.vpc, wanted_groups)
            chosen |= dict.fromkeys(more)
            nic.uncertainty = nic.uncertainty or uncertainty
        if kind.unnamed_groups or (resource.type == SCALING and not own):
            chosen[groups.unnamed(cloud, subnet.vpc, index.label(resource))] = None
        nic.groups = tuple(chosen)
        _make_public(cloud, resource, kind, nic)
        yield nic


def _within(cloud: Cloud, resource: Resource, kind: Kind, value: Any) -> Resource:
    """The subnet group: by its id, ARN or name."""
    named = [each for each in cloud.index.of(kind.within) if each.properties.get("name") == value]
    return named[0] if len(named) == 1 else cloud.index.need(resource, kind.subnets[0], kind.within)


def named_groups(cloud: Cloud, resource: Resource) -> list[tuple[Resource, str, Any]]:
    """(resource, property, value) of each list of groups. Raises ``Malformed`` if they are not among the resources."""
    kind = KINDS[resource.type]
    if resource.type == SCALING:
        return _of_template(cloud, resource) or []
    if kind.owner and not says(_at(resource, kind.groups)):
        own = _at(resource, kind.owner)
        for each in cloud.index.of(_RDS_CLUSTER):
            if own in (each.id, each.properties.get("clusterIdentifier")) and own is not UNKNOWN:
                return [(each, kind.groups[0], _at(each, kind.groups) or [])]
        owner = cloud.index.need(resource, kind.owner[0], _RDS_CLUSTER)
        return [(owner, kind.groups[0], _at(owner, kind.groups) or [])]
    if not kind.groups:
        return []
    value = _at(resource, kind.groups)
    return [] if value is None and kind.unnamed_groups else [(resource, kind.groups[0], [] if value is None else value)]


def _template(cloud: Cloud, resource: Resource) -> Resource | None:
    """The launch template or configuration of a scaling group; ``None`` if it, or the version in use, is not among the
    resources."""
    configuration = given(resource, "launchConfiguration")
    if says(configuration):
        found = cloud.index.find(resource, "launchConfiguration", CONFIGURATION, value=configuration)
        by_name = [each for each in cloud.index.of(CONFIGURATION) if _is_named(each, configuration)]
        chosen = found.resources or tuple(by_name)
        return chosen[0] if len(chosen) == 1 and not found.unknown else None
    mixed = _part(_part(given(resource, "mixedInstancesPolicy"), "launchTemplate"), "launchTemplateSpecification")
    name, named = (
        ("mixedInstancesPolicy", mixed) if says(mixed) else ("launchTemplate", given(resource, "launchTemplate"))
    )
    if not isinstance(named, Mapping):
        return None
    found = cloud.index.find(resource, name, TEMPLATE, value=_first(named, "id", "launchTemplateId") or UNKNOWN)
    wanted = _first(named, "name", "launchTemplateName")
    by_name = [each for each in cloud.index.of(TEMPLATE) if _is_named(each, wanted)]
    chosen = found.resources if len(found.resources) == 1 else tuple(by_name)
    return chosen[0] if len(chosen) == 1 and _is_current(chosen[0], named.get("version")) else None


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _first(value: Mapping[str, Any], *names: str) -> Any:
    return next((value[each] for each in names if says(value.get(each))), None)


def _is_named(resource: Resource, name: Any) -> bool:
    return isinstance(name, str) and bool(name) and name == text_of(resource.properties.get("name"))


def _is_current(template: Resource, version: Any) -> bool:
    """Whether a version of a launch template is the one that its resource describes, the latest."""
    latest, default = (template.properties.get(each) for each in ("latestVersion", "defaultVersion"))
    if version in ("$Latest", UNKNOWN):
        return True
    if not says(version) or version == "$Default":
        version = default
    return (
        version is UNKNOWN or not says(version) or not says(latest) or latest is UNKNOWN or str(version) == str(latest)
    )


def _interfaces(template: Resource) -> list[Any]:
    return items(given(template, "networkInterfaces"), "networkInterfaces")


def _of_template(cloud: Cloud, resource: Resource) -> list[tuple[Resource, str, Any]] | None:
    """(resource, property, value) of the groups of a scaling group; ``None`` if they are unknown."""
    template = _template(cloud, resource)
    if template is None:
        return None
    if template.type == CONFIGURATION:
        return [(template, "securityGroups", given(template, "securityGroups", []))]
    inside = _interfaces(template)
    if len(inside) > 1:
        return None
    if inside and says(inside[0].get("securityGroups")):
        return [(template, "networkInterfaces", inside[0]["securityGroups"])]
    return [(template, "vpcSecurityGroupIds", given(template, "vpcSecurityGroupIds", []))]


def _make_public(cloud: Cloud, resource: Resource, kind: Kind, nic: Nic) -> None:
    """Gives the interface a public address if the service has some."""
    wanted: bool | None = False
    if kind.public:
        wanted = flag(_at(resource, kind.public), False)
    elif kind.as_subnets:
        wanted = nic.subnet.automatic
        if resource.type == SCALING:
            wanted = _public_by_template(_template(cloud, resource), wanted)
    if wanted is False or nic.addresses[0] >= V6:
        return
    if wanted is None:
        nic.public_uncertainty = "whether it gets a public address is unknown until the deployment"
    nic.public[nic.addresses[0]] = [stand_ins.public_address(cloud, f"{resource.urn} {nic.subnet.label}")]


def _public_by_template(template: Resource | None, by_subnet: bool | None) -> bool | None:
    """Whether the instances of a scaling group get public addresses; ``None`` if that is unknown."""
    if template is None:
        return None
    if template.type == CONFIGURATION:
        asked = [given(template, "associatePublicIpAddress")]
    else:
        asked = [each.get("associatePublicIpAddress") for each in _interfaces(template)]
    told = {flag(each, False) for each in asked if says(each)}
    return by_subnet if not told else told.pop() if len(told) == 1 else None


def _register(cloud: Cloud, resource: Resource, kind: Kind) -> None:
    if not kind.targets:
        return
    if resource.type == SCALING and says(given(resource, "loadBalancers")):
        _to_targets(cloud, resource, resource, "loadBalancers", given(resource, "loadBalancers"), None)
    name = kind.targets[0]
    value = given(resource, name)
    if len(kind.targets) == 1:
        if says(value):
            _to_targets(cloud, resource, resource, name, value, None)
        return
    for entry in items(value, name):
        port = entry.get("containerPort")
        number = None if port is None else whole(port, "containerPort")
        for part in (kind.targets[1], "elbName"):
            if says(entry.get(part)):
                _to_targets(cloud, resource, resource, name, entry[part], number)


def _to_targets(cloud: Cloud, owner: Resource, resource: Resource, name: str, value: Any, port: int | None) -> None:
    """Notes that the interfaces of ``owner`` are targets of the target groups, or behind the classic load balancers, to
    which a property refers."""
    found = cloud.index.find(resource, name, TARGET_GROUP, CLASSIC, value=value)
    if found.unknown or not (found.foreign or found.resources):
        raise Malformed("the target groups or load balancers with which it registers are unknown")
    if found.foreign:
        why = f"it registers with {', '.join(found.foreign)}, which is not among the resources"
        balancers_elsewhere.note(cloud, cloud.nics.get(owner.urn, ()), port, resource.urn, why)
    for each in found.resources:
        if owner.urn not in cloud.nics:
            raise Malformed(f"it registers {owner.urn}, whose interfaces are not modelled, with {each.urn}")
        cloud.registered.setdefault(each.urn, []).append((owner, port))
