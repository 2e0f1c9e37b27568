"""VPC networks and their subnets."""

from __future__ import annotations

from dataclasses import dataclass, field

from reachability.addresses import AddressError, Interval, Intervals, block, difference, union
from reachability.frontends.gcp.allocation import EXTERNAL_V6, INTERNAL_V6, Allocation
from reachability.frontends.gcp.inventory import Inventory, project_of
from reachability.frontends.gcp.properties import flag, is_given, last_segment, records, setting, word
from reachability.resources import UNKNOWN, Resource

NETWORK = "gcp:compute/network:Network"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
SIDE = "gcp"
"""This frontend's side of every link."""

AUTOMATIC = block("10.128.0.0/9")
"""The block of the subnets of an auto mode network (cloud.google.com/vpc/docs/subnets#ip-ranges)."""
PROXY_ONLY = frozenset({"REGIONAL_MANAGED_PROXY", "GLOBAL_MANAGED_PROXY", "INTERNAL_HTTPS_LOAD_BALANCER"})


@dataclass(frozen=True, slots=True, eq=False)
class Subnet:
    """A subnet of one region. ``secondary``: alias ranges by name. ``external_v6``: its IPv6 addresses are public."""

    urn: str
    name: str
    region: str
    primary: Interval | None
    secondary: dict[str, Interval] = field(default_factory=dict)
    v6: Interval | None = None
    external_v6: bool = False
    google_access: bool | None = False
    purpose: str = "PRIVATE"

    def v4_blocks(self) -> Intervals:
        """All its IPv4 ranges."""
        return union(([self.primary] if self.primary else []), self.secondary.values())

    def blocks(self) -> Intervals:
        """All its ranges, each with its own route."""
        own = ([self.primary] if self.primary else []) + list(self.secondary.values()) + ([self.v6] if self.v6 else [])
        return tuple(own)


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A VPC network. ``policies_first``: firewall policies are evaluated before VPC firewall rules."""

    urn: str
    name: str
    project: str
    automatic: bool
    default_route: bool | None
    global_routing: bool | None
    policies_first: bool | None
    subnets: list[Subnet] = field(default_factory=list)

    def blocks(self) -> Intervals:
        """Every address of its subnets."""
        return union(*(each.blocks() for each in self.subnets))

    def subnet(self, urn: str) -> Subnet | None:
        """One of its subnets by URN."""
        return next((each for each in self.subnets if each.urn == urn), None)

    def automatic_subnet(self, region: str) -> Subnet | None:
        """The subnet that an auto mode network has in a region."""
        if not self.automatic:
            return None
        urn = f"{self.urn}#{region}"
        found = self.subnet(urn)
        if found is None:
            found = Subnet(urn, f"{self.name} in {region}", region, AUTOMATIC)
            self.subnets.append(found)
        return found


def region_of(resource: Resource, inventory: Inventory) -> str:
    """The region of a regional or zonal resource; empty if it is the provider's default."""
    region = resource.properties.get("region")
    zone = resource.properties.get("zone")
    if region is UNKNOWN or (region is None and zone is UNKNOWN):
        inventory.problems(f"{resource.urn}: its region is known only after deployment")
        return ""
    name = last_segment(region) or last_segment(zone).rpartition("-")[0]
    inventory.regions.setdefault(name, resource.urn)
    return name


def read_networks(inventory: Inventory, allocation: Allocation) -> dict[str, Network]:
    """The networks of the input with their subnets, by URN."""
    networks = {each.urn: _network(each, inventory) for each in inventory.of(NETWORK)}
    for each in inventory.of(SUBNETWORK):
        owner = inventory.resolve(each, "network", (NETWORK,))
        if owner is None:
            inventory.problems(f"{each.urn}: its network is not in the input or not known yet")
            continue
        networks[owner.urn].subnets.append(_subnet(each, inventory, allocation))
    for network in networks.values():
        if network.automatic and not network.subnets:
            network.automatic_subnet("")
    return networks


def _network(resource: Resource, inventory: Inventory) -> Network:
    given = resource.properties
    if is_given(given.get("networkProfile")):
        inventory.problems(f"{resource.urn}: networks with a network profile are not modelled")
    order = given.get("networkFirewallPolicyEnforcementOrder")
    deleted = flag(given.get("deleteDefaultRoutesOnCreate"))
    mode = given.get("routingMode")
    automatic = flag(given.get("autoCreateSubnetworks"), True)
    if automatic is None:
        inventory.problems(f"{resource.urn}: whether it creates subnets automatically is not known yet")
    return Network(
        resource.urn,
        word(given.get("name"), resource.name),
        project_of(resource),
        automatic is not False,
        None if deleted is None else not deleted,
        None if mode is UNKNOWN else word(mode, "REGIONAL").upper() == "GLOBAL",
        None if order is UNKNOWN else word(order) == "BEFORE_CLASSIC_FIREWALL",
    )


def _block(value: object, where: str, inventory: Inventory) -> Interval | None:
    if value is None or value == "":
        return None
    if value is UNKNOWN:
        inventory.problems(f"{where} is known only after deployment")
        return None
    try:
        return block(value if isinstance(value, str) else "")
    except AddressError:
        inventory.problems(f"{where}: {value!r} is not a CIDR block")
        return None


def _v6(resource: Resource, inventory: Inventory, allocation: Allocation) -> tuple[Interval | None, bool]:
    given = resource.properties
    stack, access = given.get("stackType"), given.get("ipv6AccessType")
    if stack is UNKNOWN or access is UNKNOWN:
        inventory.problems(f"{resource.urn}: whether it has IPv6, and of which kind, is known only after deployment")
        return None, False
    if word(stack, "IPV4_ONLY") == "IPV4_ONLY":
        return None, False
    external = word(access) == "EXTERNAL"
    for name in ("externalIpv6Prefix", "internalIpv6Prefix", "ipv6CidrRange"):
        if word(given.get(name)):
            return _block(given[name], f"{resource.urn}: {name}", inventory), external
    low = allocation.one(EXTERNAL_V6 if external else INTERNAL_V6, resource.urn, 1 << 64)
    return (low, low + (1 << 64) - 1), external


def _subnet(resource: Resource, inventory: Inventory, allocation: Allocation) -> Subnet:
    given = resource.properties
    if flag(given.get("allowSubnetCidrRoutesOverlap")) is True:
        inventory.problems(f"{resource.urn}: subnets that routes may overlap are not modelled")
    if is_given(given.get("ipCollection")):
        inventory.problems(f"{resource.urn}: ipCollection is not modelled")
    secondary: dict[str, Interval] = {}
    found, more = records(given.get("secondaryIpRanges"), f"{resource.urn}: secondaryIpRanges", inventory.problems)
    if more:
        inventory.problems(f"{resource.urn}: its secondary ranges are known only after deployment")
    for each in found:
        name = word(each.get("rangeName"), f"range {len(secondary)}")
        interval = _block(each.get("ipCidrRange"), f"{resource.urn}: secondary range {name}", inventory)
        if interval:
            secondary[name] = interval
        elif is_given(each.get("reservedInternalRange")):
            inventory.problems(
                f"{resource.urn}: secondary range {name} comes from an internal range, which is not modelled"
            )
    primary = _block(given.get("ipCidrRange"), f"{resource.urn}: ipCidrRange", inventory)
    v6, external = _v6(resource, inventory, allocation)
    if primary is None and v6 is None:
        inventory.problems(f"{resource.urn}: its address range is not known")
    return Subnet(
        resource.urn,
        word(given.get("name"), resource.name),
        region_of(resource, inventory),
        primary,
        secondary,
        v6,
        external,
        flag(given.get("privateIpGoogleAccess")),
        _purpose(resource, inventory),
    )


def _purpose(resource: Resource, inventory: Inventory) -> str:
    purpose = setting(resource.properties.get("purpose"), "PRIVATE")
    if purpose is None:
        inventory.problems(f"{resource.urn}: its purpose is not known")
    return purpose or "PRIVATE"


def outside(network: Network, intervals: Intervals) -> Intervals:
    """The parts of ``intervals`` outside the network's subnets: subnet routes always win
    (cloud.google.com/vpc/docs/routes)."""
    return difference(intervals, network.blocks())


def addresses_stage(network: Network) -> str:
    """The stage that delivers packets by destination address in a network."""
    return f"addresses {network.urn}"
