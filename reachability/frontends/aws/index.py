"""Resources by type, id, ARN and URN, and readers of property values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reachability.addresses import V6, AddressError, Interval, block
from reachability.frontends.aws_tokens import ALIASES
from reachability.network import Fragment
from reachability.resources import UNKNOWN, Resource


class Malformed(ValueError):
    """A resource that cannot be read; the message is a sentence about it."""


@dataclass(frozen=True, slots=True)
class Found:
    """The resources to which a property refers. ``foreign``: names that are not among the resources. ``unknown``: why
    the reference is unknown (then ``resources`` are the candidates); empty if it is known.
    """

    resources: tuple[Resource, ...] = ()
    foreign: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def given(self) -> bool:
        """Whether the property is set."""
        return bool(self.resources or self.foreign or self.unknown)


NOTHING = Found()

NAMED_TOGETHER = {
    "NetworkInterface": "Instance",
    "NatGateway": "Instance",
    "VpcAttachment": "VpnConnection",
    "PeeringAttachment": "VpnConnection",
    "VpcEndpoint": "LoadBalancer",
    **dict.fromkeys(
        (
            "Function",
            "Project",
            "Service",
            "Cluster",
            "NodeGroup",
            "FargateProfile",
            "Group",
            "ClusterInstance",
            "Proxy",
            "ReplicationGroup",
            "ServerlessCache",
            "MountTarget",
            "Domain",
            "Broker",
        ),
        "LoadBalancer",
    ),
}
"""Types whose labels must be unique, too."""

NEVER_REFERRED_TO = frozenset(
    {
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        "aws:ec2/networkAclRule:NetworkAclRule",
        "aws:ec2/route:Route",
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
    }
)
"""The most numerous types: no modelled resource refers to one of them."""


class Reading:
    """The context manager in which a resource is read; errors become reasons."""

    __slots__ = ("_index", "_resource")

    def __init__(self, index: Index, resource: Resource) -> None:
        self._index = index
        self._resource = resource

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if error is None:
            return False
        if isinstance(error, (Malformed, AddressError)):
            self._index.unmodelled(self._resource, str(error))
            return True
        if isinstance(error, (AttributeError, LookupError, TypeError, ValueError, OverflowError)):
            reason = f"its properties cannot be read ({type(error).__name__}: {error})"
            self._index.unmodelled(self._resource, reason)
            return True
        return False


class Index:
    """The AWS resources of one input, and the fragment that collects their problems."""

    def __init__(self, resources: Sequence[Resource], fragment: Fragment) -> None:
        self.fragment = fragment
        self.by_type: dict[str, list[Resource]] = {}
        self._by_key: dict[str, list[Resource]] = {}
        self._labels: dict[str, str] = {}
        self._taken: set[tuple[str, str]] = set()
        for each in resources:
            if each.type[:4] == "aws:":
                if each.type in ALIASES:
                    each = replace(each, type=ALIASES[each.type])
                self.by_type.setdefault(each.type, []).append(each)
        for type_, found in self.by_type.items():
            if type_ in NEVER_REFERRED_TO:
                continue
            for each in found:
                arn = each.properties.get("arn")
                self.alias(each.urn, each)
                self.alias(each.id, each)
                if arn is not each.id:
                    self.alias(arn, each)

    def of(self, *types: str) -> Iterator[Resource]:
        """The resources of some types."""
        for type_ in types:
            yield from self.by_type.get(type_, ())

    def alias(self, key: object, resource: Resource) -> None:
        """Adds ``key`` as another name of the resource."""
        if isinstance(key, str) and key:
            known = self._by_key.setdefault(key, [])
            if not any(each is resource for each in known):
                known.append(resource)

    def named(self, key: str, *types: str) -> Resource | None:
        """The resource with the name ``key`` and one of the types."""
        for each in self._by_key.get(key, ()):
            if each.type in types:
                return each
        return None

    def label(self, resource: Resource) -> str:
        """A label for reports: its Name tag or logical name; with its URN if another of its type has the same."""
        label = self._labels.get(resource.urn)
        if label is None:
            tags = resource.properties.get("tags")
            name = tags.get("Name") if isinstance(tags, dict) else None
            label = name if isinstance(name, str) and name else resource.name
            noun = resource.type.rsplit(":", 1)[-1].removeprefix("Default")
            noun = NAMED_TOGETHER.get(noun, noun)
            if (noun, label) in self._taken:
                label = f"{label} ({resource.urn})"
            self._taken.add((noun, label))
            self._labels[resource.urn] = label
        return label

    def unmodelled(self, resource: Resource, sentence: str) -> None:
        """Adds a reason: this resource makes every claim *not modelled*."""
        self.fragment.unmodelled.append(f"{resource.urn}: {sentence}")

    def reading(self, resource: Resource) -> Reading:
        """A context in which an error in the resource becomes a reason and ends its reading."""
        return Reading(self, resource)

    def _candidates(self, resource: Resource, name: str, types: tuple[str, ...]) -> list[Resource]:
        found = (self._by_key.get(urn) for urn in resource.references.get(name, ()))
        return [each for named in found if named for each in named if each.type in types]

    def find(self, resource: Resource, name: str, *types: str, value: Any = None) -> Found:
        """The resources of the types to which property ``name`` (or ``value``, a part of it) refers: by id, ARN or URN,
        or if that is unknown, by the URNs on which the property depends.
        """
        value = resource.properties.get(name) if value is None else value
        if value is None or value == "" or value == []:
            return NOTHING
        if value is UNKNOWN:
            candidates = self._candidates(resource, name, types)
            if len(candidates) == 1:
                return Found(tuple(candidates))
            return Found(tuple(candidates), unknown=f"{name} is not known yet")
        if isinstance(value, str):
            known = self.named(value, *types)
            if known is not None:
                return Found((known,))
            candidates = self._candidates(resource, name, types)
            return Found(tuple(candidates)) if len(candidates) == 1 else Found(foreign=(value,))
        if isinstance(value, (list, tuple)):
            return self._find_each(resource, name, types, value)
        raise Malformed(f"{name} is {value!r}, which is not an id, ARN or URN")

    def _find_each(self, resource: Resource, name: str, types: tuple[str, ...], values: Sequence[Any]) -> Found:
        resources: list[Resource] = []
        foreign: list[str] = []
        unknown = 0
        for each in values:
            if each is UNKNOWN:
                unknown += 1
                continue
            if not isinstance(each, str):
                raise Malformed(f"{name} contains {each!r}, which is not an id, ARN or URN")
            known = self.named(each, *types)
            if known is None:
                foreign.append(each)
            else:
                resources.append(known)
        if not unknown:
            return Found(tuple(resources), tuple(foreign))
        others = [each for each in self._candidates(resource, name, types) if each not in resources]
        certain = len(others) == unknown
        return Found(
            (*resources, *others), tuple(foreign), unknown="" if certain else f"some of {name} are not known yet"
        )

    def one(self, resource: Resource, name: str, *types: str, value: Any = None) -> Resource | None:
        """The one resource to which a property refers; ``None`` if it is not set. Raises ``Malformed`` if the reference
        is unknown or not among the resources.
        """
        if value is None:
            value = resource.properties.get(name)
        if type(value) is str and (known := self.named(value, *types)) is not None:
            return known
        found = self.find(resource, name, *types, value=value)
        if not found.given:
            return None
        if found.foreign:
            raise Malformed(f"{name} is {found.foreign[0]}, which is not among the resources")
        if found.unknown or len(found.resources) != 1:
            raise Malformed(f"{name} is not known, and may be any of {len(found.resources)} resources")
        return found.resources[0]

    def need(self, resource: Resource, name: str, *types: str) -> Resource:
        """Like ``one``; also raises ``Malformed`` if the property is not set."""
        found = self.one(resource, name, *types)
        if found is None:
            raise Malformed(f"it has no {name}")
        return found


def given(resource: Resource, name: str, default: Any = None) -> Any:
    """A property that the cloud computes if it is not set: unknown without dependencies means not set.
    ``default`` is for properties that are not set. A concealed value is set.
    """
    return default if resource.left_out(name) else resource.properties[name]


def settled(resource: Resource, name: str, default: Any = None) -> Any:
    """A property that decides where packets go, ``default`` if it was left out.

    Raises:
        Malformed: it was set, and its value is unknown: concealed by the export, or decided by the deployment.
    """
    value = given(resource, name, default)
    if value is UNKNOWN:
        raise Malformed(f"{name} is set to a value that is unknown")
    return value


def says(value: Any) -> bool:
    """Whether a value is set: known or unknown, but neither absent nor empty."""
    return value is UNKNOWN or value not in (None, "", [], {}, ())


def flag(value: Any, default: bool) -> bool | None:
    """A boolean; ``None`` if unknown."""
    if value is UNKNOWN:
        return None
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        return value
    if value in ("true", "enable", "enabled"):
        return True
    if value in ("false", "disable", "disabled"):
        return False
    raise Malformed(f"{value!r} is neither true nor false")


def items(value: Any, name: str) -> list[Any]:
    """The elements of a list; none if it is absent. Raises ``Malformed``."""
    if value is None:
        return []
    if value is UNKNOWN:
        raise Malformed(f"{name} is not known yet")
    if not isinstance(value, (list, tuple)):
        raise Malformed(f"{name} is {value!r}, which is not a list")
    return list(value)


def whole(value: Any, name: str) -> int:
    """A whole number, as found in state (22, 22.0, "22"). Raises ``Malformed``."""
    if isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise Malformed(f"{name} is {value!r}, which is not a whole number")
    return int(value)


def text_of(value: Any) -> str:
    """A known, non-empty text, else an empty one."""
    return value if isinstance(value, str) else ""


def cidr(value: Any, name: str, *, v6: bool | None = None) -> Interval:
    """A known block of the requested family. Raises ``Malformed`` or ``AddressError``."""
    if value is UNKNOWN or value is None:
        raise Malformed(f"{name} is not known yet")
    interval = block(value)
    if v6 is not None and (interval[0] >= V6) is not v6:
        raise Malformed(f"{name} is {value!r}, which is a block of the other address family")
    return interval


def region_of(resource: Resource) -> str:
    """The region of a resource, from its ``region``, ARN or zone; empty if unknown."""
    properties = resource.properties
    region = properties.get("region")
    if isinstance(region, str) and region:
        return region
    arn = properties.get("arn")
    if isinstance(arn, str) and arn.count(":") >= 5:
        return arn.split(":")[3]
    zone = properties.get("availabilityZone")
    if isinstance(zone, str) and zone[-1:].isalpha():
        return zone[:-1]
    return ""
