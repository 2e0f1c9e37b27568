"""Network interfaces and the instances they belong to; every address that an interface has, private and public.

Sources: the EC2 user guide's "Elastic network interfaces", "Instance IP addressing" (automatic public addresses and
when they are given), "Elastic IP addresses"; the VPC guide on the source/destination check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from reachability.addresses import ALL_V4, ALL_V6, V6, AddressError, address
from reachability.frontends.aws import groups, stand_ins
from reachability.frontends.aws.cloud import Cloud, Group, Instance, Nic, Subnet
from reachability.frontends.aws.index import Found, Malformed, flag, given, items, says, text_of, whole
from reachability.frontends.aws.vpcs import SUBNETS, known
from reachability.frontends.aws_tokens import BALANCER
from reachability.network import Action, Arrive, Blocked, Chain, Check, Interface, Machine, Match, Rule, Unmodelled
from reachability.resources import UNKNOWN, Resource

INSTANCE = "aws:ec2/instance:Instance"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
ATTACHMENT = "aws:ec2/networkInterfaceAttachment:NetworkInterfaceAttachment"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP_ATTACHMENT = "aws:ec2/networkInterfaceSecurityGroupAttachment:NetworkInterfaceSecurityGroupAttachment"
TYPES = (INSTANCE, INTERFACE, ATTACHMENT, GROUP_ATTACHMENT)

PUBLIC: Mapping[str, str] = {
    INSTANCE: "publicIp",
    "aws:ec2/natGateway:NatGateway": "publicIp",
    "aws:ec2/eip:Eip": "publicIp",
}
"""The properties with public addresses in use, by type."""

PRIVATE: Mapping[str, tuple[str, ...]] = {
    INSTANCE: ("privateIp", "secondaryPrivateIps"),
    INTERFACE: ("privateIp", "privateIps", "privateIpLists"),
    "aws:ec2/natGateway:NatGateway": ("privateIp", "secondaryPrivateIpAddresses"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("subnetConfigurations",),
    BALANCER: ("subnetMappings",),
}
"""The properties with private addresses in use, by type."""

FIRST_DEVICE = 5
"""Nitro instances name their interfaces ens5, ens6, … Of two in one subnet, the first has the route of lower metric."""


def read(cloud: Cloud) -> None:
    """Reads interfaces, then instances with their attachments."""
    index = cloud.index
    _note_taken(cloud)
    for resource in index.of(INTERFACE):
        with index.reading(resource):
            nic = _interface(cloud, resource)
            add(cloud, resource, nic)
            cloud.fragment.stages[nic.arrival] = Blocked(f"{nic.label} is attached to no instance", resource.urn)
    attached = _attachments(cloud)
    for resource in index.of(INSTANCE):
        with index.reading(resource):
            _instance(cloud, resource, attached.get(resource.urn, {}))
    for resource in index.of(GROUP_ATTACHMENT):
        with index.reading(resource):
            nic = _one_nic(cloud, index.need(resource, "networkInterfaceId", INTERFACE, INSTANCE))
            found = index.find(resource, "securityGroupId", *groups.REFERABLE)
            more, uncertainty = groups.of_interface(cloud, nic.subnet.vpc, found)
            set_groups(
                nic, (*nic.groups, *(each for each in more if each not in nic.groups)), nic.uncertainty or uncertainty
            )


def _note_taken(cloud: Cloud) -> None:
    """Records the addresses in use, so that no placeholder gets one."""
    for type_, name in PUBLIC.items():
        for resource in cloud.index.of(type_):
            with suppress(AddressError):
                if shown := text_of(resource.properties.get(name)):
                    cloud.taken.add(("", address(shown)))
    for type_, names in PRIVATE.items():
        for resource in cloud.index.of(type_):
            vpc = _vpc_of(cloud, resource)
            for name in names if vpc else ():
                for shown in _named(resource.properties.get(name)):
                    with suppress(AddressError):
                        cloud.taken.add((vpc, address(shown)))


def _vpc_of(cloud: Cloud, resource: Resource) -> str:
    """The URN of the VPC of one of the resource's subnets."""
    with suppress(Malformed):
        for name in ("subnetId", "subnetIds", "subnets"):
            for each in cloud.index.find(resource, name, *SUBNETS).resources:
                if each.urn in cloud.subnets:
                    return cloud.subnets[each.urn].vpc.resource.urn
        mappings = resource.properties.get("subnetMappings")
        for each in mappings if isinstance(mappings, (list, tuple)) else ():
            if isinstance(each, dict):
                found = cloud.index.find(resource, "subnetMappings", *SUBNETS, value=each.get("subnetId", ""))
                if found.resources and found.resources[0].urn in cloud.subnets:
                    return cloud.subnets[found.resources[0].urn].vpc.resource.urn
    return ""


def _named(value: Any) -> Iterator[str]:
    """The addresses in a property: a text, a list of texts, or a list of objects with one each."""
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            if isinstance(each, dict):
                yield from (each[key] for key in ("privateIpv4Address", "ipv4") if isinstance(each.get(key), str))
            elif isinstance(each, str):
                yield each


def add(cloud: Cloud, owner: Resource, nic: Nic) -> None:
    """Adds the interface to its subnet and to ``owner``."""
    cloud.nics.setdefault(owner.urn, []).append(nic)
    nic.subnet.nics.append(nic)
    reason = f"{owner.urn}: packets that arrive there are not modelled"
    cloud.fragment.stages.setdefault(nic.arrival, Unmodelled(reason, owner.urn))
    for group in nic.groups:
        group.members.append(nic)
    vpc = nic.subnet.vpc.resource.urn
    cloud.taken.update((vpc, point) for point in nic.addresses)
    for point in nic.addresses:
        cloud.at.setdefault(point, []).append(nic)


def name(cloud: Cloud, resource: Resource, stages: tuple[str, ...]) -> None:
    """Makes the resource queryable by URN, id, ARN and name: packets reach it through one of ``stages``."""
    properties = resource.properties
    for key in (
        resource.urn,
        resource.id,
        properties.get("arn"),
        properties.get("dnsName"),
        cloud.index.label(resource),
    ):
        if isinstance(key, str) and key:
            cloud.fragment.names[key] = stages


def set_groups(nic: Nic, found: tuple[Group, ...], uncertainty: str) -> None:
    """Replaces the groups of the interface."""
    for group in nic.groups:
        group.members.remove(nic)
    nic.groups, nic.uncertainty = found, uncertainty
    for group in found:
        group.members.append(nic)


def private_addresses(
    cloud: Cloud, subnet: Subnet, v4: list[Any], v6: list[Any], count: Any, count_v6: Any
) -> list[int]:
    """The addresses of an interface: the given ones, and placeholders for unknown ones and for a requested number.
    ``v4[0]`` is the primary one; ``None`` or unknown means that the cloud assigns it, except in an IPv6-only subnet,
    where there is none. Of an unknown number of further ones there may be one.
    """
    found, anywhere = [], False
    v6_only = subnet.label not in cloud.unseen_subnets and all(low >= V6 for low, _ in subnet.blocks)
    for value in v4:
        if value is None or value == "" or value is UNKNOWN:
            if not v6_only:
                found.append(stand_ins.address(cloud, subnet))
                anywhere = True
        else:
            found.append(_inside(subnet, address(value)))
    if count is not None and not v6_only:
        further = len(v4) if count is UNKNOWN else min(whole(count, "the number of private addresses"), 50)
        while len(found) < 1 + further:
            found.append(stand_ins.address(cloud, subnet))
            anywhere = True
    if anywhere:
        found += [point for point in stand_ins.elsewhere(cloud, subnet, found[-1]) if point not in found]
    wanted_v6 = [each for each in v6 if each != ""]
    found += [
        stand_ins.address(cloud, subnet, v6=True) if each is UNKNOWN else _inside(subnet, address(each))
        for each in wanted_v6
    ]
    if count_v6 is None or count_v6 is UNKNOWN:
        number = int(v6_only or count_v6 is UNKNOWN or subnet.automatic_v6 is not False)
    else:
        number = whole(count_v6, "ipv6AddressCount")
    if any(low >= V6 for low, _ in subnet.blocks):
        for _ in range(len(wanted_v6), min(number, 50)):
            found.append(stand_ins.address(cloud, subnet, v6=True))
    return found


def _inside(subnet: Subnet, point: int) -> int:
    if not any(low <= point <= high for low, high in subnet.blocks):
        raise Malformed(f"one of its addresses is outside of {subnet.label}")
    return point


def _subnet(cloud: Cloud, resource: Resource) -> Subnet:
    return known(cloud.subnets, cloud.index.need(resource, "subnetId", *SUBNETS))


def _interface(cloud: Cloud, resource: Resource) -> Nic:
    for name in ("ipv4Prefixes", "ipv6Prefixes", "ipv4PrefixCount", "ipv6PrefixCount"):
        value = given(resource, name)
        if says(value) and (value is UNKNOWN or value != 0):
            raise Malformed(f"{name}: delegated prefixes are not modelled")
    subnet = _subnet(cloud, resource)
    named = next(
        (given(resource, each) for each in ("privateIps", "privateIpLists") if says(given(resource, each))),
        [given(resource, "privateIp")],
    )
    v4 = [UNKNOWN] if named is UNKNOWN else list(named)
    primary = given(resource, "privateIp")
    if isinstance(primary, str) and primary in v4:
        v4.sort(key=lambda each: each != primary)
    v6 = given(resource, "ipv6Addresses", given(resource, "ipv6AddressLists", []))
    addresses = private_addresses(
        cloud,
        subnet,
        v4,
        [UNKNOWN] if v6 is UNKNOWN else list(v6),
        given(resource, "privateIpsCount"),
        given(resource, "ipv6AddressCount"),
    )
    value = given(resource, "securityGroups", [])
    wanted = cloud.index.find(resource, "securityGroups", *groups.REFERABLE, value=value)
    found, uncertainty = groups.of_interface(cloud, subnet.vpc, wanted)
    label = cloud.index.label(resource)
    return Nic(
        label=label,
        resource=resource,
        subnet=subnet,
        addresses=addresses,
        arrival=f"interface {label}",
        groups=found,
        uncertainty=uncertainty,
        checked=flag(given(resource, "sourceDestCheck"), True),
    )


def _attachments(cloud: Cloud) -> dict[str, dict[int, Nic]]:
    """By URN of the instance and number of the device."""
    index = cloud.index
    found: dict[str, dict[int, Nic]] = {}

    def attach(instance: Resource, number: Any, nic: Nic) -> None:
        devices = found.setdefault(instance.urn, {})
        position = max(devices, default=0) + 1 if number is None or number is UNKNOWN else whole(number, "deviceIndex")
        if devices.setdefault(position, nic) is not nic:
            raise Malformed(f"two interfaces are attached as device {position} of {instance.urn}")

    for resource in index.of(ATTACHMENT):
        with index.reading(resource):
            nic = _one_nic(cloud, index.need(resource, "networkInterfaceId", INTERFACE))
            attach(index.need(resource, "instanceId", INSTANCE), resource.properties.get("deviceIndex"), nic)
    for resource in index.of(INTERFACE):
        with index.reading(resource):
            for entry in items(given(resource, "attachments"), "attachments"):
                instance = index.one(resource, "attachments", INSTANCE, value=entry.get("instance"))
                if instance is not None:
                    attach(instance, entry.get("deviceIndex"), _one_nic(cloud, resource))
    for resource in index.of(INSTANCE):
        with index.reading(resource):
            entries = items(given(resource, "networkInterfaces"), "networkInterfaces")
            for name in ("primaryNetworkInterface", "secondaryNetworkInterfaces"):
                value = given(resource, name)
                if value is UNKNOWN:
                    raise Malformed(f"{name} is not known yet")
                entries += [{**value, "deviceIndex": 0}] if isinstance(value, dict) else items(value, name)
            for entry in entries:
                name = next(
                    (
                        each
                        for each in ("networkInterfaces", "primaryNetworkInterface", "secondaryNetworkInterfaces")
                        if resource.references.get(each)
                    ),
                    "networkInterfaces",
                )
                id_ = entry.get("networkInterfaceId")
                own = resource.properties.get("primaryNetworkInterfaceId")
                if isinstance(id_, str) and id_ == own and index.named(id_, INTERFACE) is None:
                    continue
                attached = index.one(resource, name, INTERFACE, value=id_)
                if attached is not None:
                    attach(resource, entry.get("deviceIndex", 0), _one_nic(cloud, attached))
                elif entry.get("subnetId") is not None:
                    raise Malformed("an interface is defined inline in networkInterfaces, which is not modelled")
    return found


def _one_nic(cloud: Cloud, resource: Resource) -> Nic:
    nics = cloud.nics.get(resource.urn)
    if not nics:
        raise Malformed(f"it refers to {resource.urn}, which could not be read")
    return nics[0]


def _instance(cloud: Cloud, resource: Resource, attached: dict[int, Nic]) -> None:
    properties = resource.properties
    label = cloud.index.label(resource)
    _settle_template(cloud, resource)
    if 0 in attached:
        primary = attached[0]
        _shown(cloud, resource, primary)
    else:
        primary = _primary(cloud, resource, label)
        add(cloud, resource, primary)
    cloud.index.alias(properties.get("primaryNetworkInterfaceId"), resource)
    machine(cloud, resource, [primary, *(nic for number, nic in sorted(attached.items()) if number)])


def machine(cloud: Cloud, resource: Resource, nics: list[Nic]) -> None:
    """Adds a machine with these interfaces: all are its own; what has no other route leaves through the first."""
    own = cloud.nics.setdefault(resource.urn, [])
    own += [nic for nic in nics if nic not in own]
    legs, by_source = [], []
    routes = {ALL_V4: f"ens{FIRST_DEVICE}", ALL_V6: f"ens{FIRST_DEVICE}"}
    for number, nic in enumerate(nics):
        device = f"ens{FIRST_DEVICE + number}"
        cloud.fragment.stages[nic.arrival] = Arrive(resource.urn, device)
        legs.append((nic, device))
        for interval in nic.subnet.blocks if len(nics) > 1 else ():
            routes.setdefault(interval, device)
        if number:
            by_source += [(point, ALL_V6 if point >= V6 else ALL_V4, device) for point in nic.addresses]
    cloud.machines.append(Instance(resource, legs, list(routes.items()), by_source))


def _settle_template(cloud: Cloud, resource: Resource) -> None:
    """Demands that the state tells what an instance has from its launch template. Raises ``Malformed``."""
    template = given(resource, "launchTemplate")
    if not says(template):
        return
    known_so = {name: resource.properties.get(name) for name in ("subnetId", "privateIp", "vpcSecurityGroupIds")}
    missing = [name for name, value in known_so.items() if value is UNKNOWN or not says(value)]
    if missing:
        raise Malformed(f"{' and '.join(missing)} may come from its launch template, whose version is not modelled")
    named = template if isinstance(template, dict) else {}
    for each in cloud.index.of(TEMPLATE):
        names = [(named.get("id"), each.id), (named.get("name"), each.properties.get("name"))]
        told = [one == other for one, other in names if isinstance(one, str) and one]
        if (any(told) or not told) and len(items(given(each, "networkInterfaces"), "networkInterfaces")) > 1:
            raise Malformed("its launch template has several interfaces, of which the state tells one")


def compile(cloud: Cloud) -> None:
    """Compiles machines, and the stages for forwarded packets. Must run after public addresses are read."""
    stages = cloud.fragment.stages
    for instance in cloud.machines:
        resource, legs = instance.resource, instance.legs
        tags = resource.properties.get("tags")
        labels = {key: value for key, value in tags.items() if isinstance(value, str)} if isinstance(tags, dict) else {}
        names = (text_of(resource.id), labels.get("Name", ""), resource.name)
        cloud.fragment.machines.append(
            Machine(
                name=resource.urn,
                interfaces=tuple(
                    Interface(
                        id=_id(nic),
                        machine=resource.urn,
                        device=device,
                        addresses=tuple(nic.addresses),
                        out=nic.out,
                        public=tuple(point for points in nic.public.values() for point in points),
                        origin=nic.resource.urn,
                    )
                    for nic, device in legs
                ),
                routes=tuple(instance.routes),
                source_routes=tuple(instance.source_routes),
                forwards=any(nic.checked is not True for nic, _ in legs),
                labels=labels,
                origin=resource.urn,
                aliases=tuple(dict.fromkeys(name for name in names if name)),
            )
        )
    for nics in cloud.nics.values():
        for nic in nics:
            if nic.foreign not in stages:
                _compile_forwarding(cloud, nic)


def _id(nic: Nic) -> str:
    """The id of the interface; the URN of its resource while it has none."""
    own = nic.resource.properties.get("primaryNetworkInterfaceId") if nic.resource.type == INSTANCE else nic.resource.id
    return text_of(own) or nic.resource.urn


def _compile_forwarding(cloud: Cloud, nic: Nic) -> None:
    """The stage of routed packets: the source/destination check drops packets to other addresses."""
    stages, origin = cloud.fragment.stages, nic.resource.urn
    setting = f"{nic.label}: source/destination check"
    if nic.checked is True:
        own = tuple((point, point) for point in sorted(nic.addresses))
        rules = (Rule(Match(destinations=own), Action.ACCEPT, f"{setting}: an address of its own", origin),)
        stages[nic.foreign] = Check(Chain(setting, rules, Action.DROP, origin), nic.entry)
    elif nic.checked is None:
        uncertainty = Match(uncertain="sourceDestCheck is not known yet")
        rules = (Rule(uncertainty, Action.ACCEPT, f"{setting}: perhaps off", origin),)
        stages[nic.foreign] = Check(Chain(setting, rules, Action.DROP, origin), nic.entry)
    else:
        stages[nic.foreign] = Check(Chain(f"{setting} is off", (), Action.ACCEPT, origin), nic.entry)


def forwarding_stage(cloud: Cloud, target: Resource) -> str:
    """The stage for packets that a route sends to an interface or instance: before the ACL of its subnet."""
    nic = _one_nic(cloud, target)
    stage = f"interface {nic.label} by route"
    cloud.fragment.stages[stage] = Check(nic.subnet.acl.ingress, nic.foreign)
    return stage


def _primary(cloud: Cloud, resource: Resource, label: str) -> Nic:
    subnet = _subnet(cloud, resource)
    more = given(resource, "secondaryPrivateIps", [])
    v6 = given(resource, "ipv6Addresses", [])
    addresses = private_addresses(
        cloud,
        subnet,
        [given(resource, "privateIp"), *([UNKNOWN] if more is UNKNOWN else more)],
        [UNKNOWN] if v6 is UNKNOWN else list(v6),
        None,
        given(resource, "ipv6AddressCount"),
    )
    nic = Nic(
        label=label,
        resource=resource,
        subnet=subnet,
        addresses=addresses,
        arrival=f"interface {label}",
        checked=flag(given(resource, "sourceDestCheck"), True),
    )
    nic.groups, nic.uncertainty = groups.of_interface(cloud, subnet.vpc, _named_groups(cloud, resource))
    _automatic(cloud, resource, nic)
    return nic


def _named_groups(cloud: Cloud, resource: Resource) -> Found:
    found = cloud.index.find(
        resource, "vpcSecurityGroupIds", *groups.REFERABLE, value=given(resource, "vpcSecurityGroupIds", [])
    )
    if found.given:
        return found
    value = given(resource, "securityGroups", [])
    return cloud.index.find(resource, "securityGroups", *groups.REFERABLE, value=value)


def _shown(cloud: Cloud, resource: Resource, nic: Nic) -> bool:
    """Sets the public address that the state of an instance shows; whether it shows one, or that there is none."""
    shown, primary = given(resource, "publicIp"), nic.addresses[0]
    if shown is None or primary >= V6:
        return False
    if shown is UNKNOWN:
        nic.public_uncertainty = "its public address is not shown"
        nic.public[primary] = [stand_ins.public_address(cloud, resource.urn)]
    elif shown:
        nic.public[primary] = [address(shown)]
    return True


def _automatic(cloud: Cloud, resource: Resource, nic: Nic) -> None:
    """The public address that the cloud assigns at launch; an elastic address replaces it."""
    primary = nic.addresses[0]
    if primary >= V6 or _shown(cloud, resource, nic):
        return
    asked = given(resource, "associatePublicIpAddress")
    wanted = nic.subnet.automatic if asked is None else flag(asked, False)
    if wanted is False:
        return
    if wanted is None:
        nic.public_uncertainty = "whether it gets a public address is unknown until the deployment"
    nic.public[primary] = [stand_ins.public_address(cloud, resource.urn)]
