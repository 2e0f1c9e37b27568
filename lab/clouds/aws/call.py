"""One call to the lab's AWS: who asks, in which region, for what; and what the types' declarations may do with it."""

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from lab.clouds.aws.regions import GLOBAL, zone_ids_of, zones_of
from lab.clouds.aws.spec import TypeSpec
from lab.clouds.aws.world import OWN_ACCOUNT, Quotas, World
from lab.clouds.errors import Refusal
from lab.clouds.store import Row, Transaction

FIRST_PUBLIC_HOST = 10
"""Hosts of the public pool below this are left to what the lab itself puts on the internet."""


@dataclass(frozen=True)
class Settings:
    """What a provider resource configures: the default region, the account and the tags of everything."""

    region: str
    account: str = OWN_ACCOUNT
    default_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """The context of one creation, update or deletion.

    Attributes:
        props: the inputs over the type's defaults; over the old properties in an update.
        old: the resource before an update; None at a creation.
        row: the resource itself, with its id; its key is set once it is in the store.
    """

    spec: TypeSpec
    change: Transaction
    settings: Settings
    world: World
    lab_id: str
    region: str
    row: Row
    inputs: dict[str, Any]
    props: dict[str, Any]
    generation: int = 1
    old: Row | None = None

    @property
    def account(self) -> str:
        """The account that the call is made in."""
        return self.settings.account

    @property
    def id(self) -> str:
        """The id of the resource that the call is about."""
        return self.row.id

    @property
    def quotas(self) -> Quotas:
        """The account's service quotas in the call's region."""
        return self.world.quotas_in(self.region)

    def refuse(self, code: str, message: str) -> NoReturn:
        """Refuses the call as AWS would."""
        raise Refusal(code, message)

    def changed(self, *names: str) -> bool:
        """Says whether the call sets one of these properties to another value than the resource had."""
        return self.old is None or any(self.old.properties.get(name) != self.props.get(name) for name in names)

    def digest(self, *salt: object) -> str:
        """Returns 64 hex digits that depend on the lab, the resource, its generation and the salt alone."""
        words = " ".join(map(str, (self.lab_id, self.row.urn, self.generation, *salt)))
        return hashlib.sha256(words.encode()).hexdigest()

    def new_id(self, prefix: str, *salt: object) -> str:
        """Returns an id in EC2's form: a prefix and seventeen hex digits."""
        return f"{prefix}0{self.digest(prefix, *salt)[:16]}"

    def get(self, tokens: str | tuple[str, ...], id: object) -> Row | None:
        """Returns the resource of one of these types with this id in the call's account and region, or None."""
        return self.get_in(self.region, tokens, id)

    def get_in(self, region: str, tokens: str | tuple[str, ...], id: object) -> Row | None:
        """Returns the resource in another region, or among the global ones."""
        for token in (tokens,) if isinstance(tokens, str) else tokens:
            for place in (region, GLOBAL):
                row = self.change.get(type=token, account=self.account, region=place, id=str(id))
                if row:
                    return row
        return None

    def find(self, tokens: str | tuple[str, ...], **properties: Any) -> list[Row]:
        """Returns the resources of these types in the call's region whose properties have these values.

        The resource that the call itself is about is left out.
        """
        found = []
        for token in (tokens,) if isinstance(tokens, str) else tokens:
            for row in self.change.rows(type=token, account=self.account):
                visible = row.region in (self.region, GLOBAL) and row.key != self.row.key
                if visible and all(row.properties.get(name) == value for name, value in properties.items()):
                    found.append(row)
        return found

    def mentioning(self, value: str, *tokens: str) -> list[Row]:
        """Returns the other resources in this account that name an id, ARN or name; of these types, if given."""
        return [
            row
            for row, _ in self.change.mentioning(value)
            if row.account == self.account and row.key != self.row.key and (not tokens or row.type in tokens)
        ]

    def make(self, token: str, id: str, properties: Mapping[str, Any]) -> Row:
        """Adds what AWS makes by itself for the resource of this call."""
        row = Row(0, token, self.region, self.account, id, properties=dict(properties))
        row.maker = self.row.key
        self.change.insert(row)
        return row

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """Returns an ARN in the call's account."""
        place = self.region if region is None else region
        return f"arn:aws:{service}:{place}:{self.account}:{resource}"

    def zones(self) -> tuple[str, ...]:
        """Returns the Availability Zones of the call's region."""
        return zones_of(self.region)

    def zone_ids(self) -> dict[str, str]:
        """Returns the region's zone ids, each with the name of its zone."""
        return zone_ids_of(self.region)

    def take_public_address(self, *salt: object) -> str:
        """Takes an IPv4 address from the public pool for this resource; deletion gives it back."""
        pool = self.world.public_pool
        span = pool.num_addresses - FIRST_PUBLIC_HOST - 1
        start = int(self.digest("public", *salt)[:8], 16)
        for step in range(span):
            address = str(pool[FIRST_PUBLIC_HOST + (start + step) % span])
            if address not in self.world.public_taken and self.change.hold_address(address, self.row.key):
                return address
        return self.refuse(
            "InsufficientAddressCapacity", f"Insufficient capacity: all {span} addresses of {pool} are allocated."
        )

    def take_ipv6_block(self) -> ipaddress.IPv6Network:
        """Takes a /56 from the public IPv6 pool for this resource."""
        pool = self.world.public_pool6
        span = 1 << (56 - pool.prefixlen)
        start = int(self.digest("ipv6")[:12], 16)
        for step in range(span):
            base = int(pool.network_address) + (((start + step) % span) << 72)
            block = ipaddress.IPv6Network((base, 56))
            if self.change.hold_address(str(block), self.row.key):
                return block
        return self.refuse("InsufficientCidrBlocks", f"Insufficient Free IPv6 CIDR Blocks in {pool}.")

    def free_private_address(self, subnet: Row, *salt: object) -> str:
        """Returns an address of the subnet that nothing has; AWS keeps the first four and the last for itself."""
        network = ipaddress.IPv4Network(subnet.properties["cidrBlock"])
        taken = self.private_addresses(subnet.id)
        usable = network.num_addresses - 5
        start = int(self.digest("private", *salt)[:8], 16)
        for step in range(usable):
            address = str(network[4 + (start + step) % usable])
            if address not in taken:
                return address
        return self.refuse(
            "InsufficientFreeAddressesInSubnet",
            f"The specified subnet does not have enough free addresses to satisfy the request. ({subnet.id})",
        )

    def private_addresses(self, subnet_id: str) -> dict[str, Row]:
        """Returns the private IPv4 addresses in use in a subnet with the interface that has each."""
        taken = {}
        for row in self.change.rows(type=NETWORK_INTERFACE, account=self.account, region=self.region):
            if row.properties.get("subnetId") == subnet_id and row.key != self.row.key:
                for address in row.properties.get("privateIps", ()):
                    taken[address] = row
        return taken


NETWORK_INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
