"""Rules about the servers of a datacentre: pairs, zones, power, cables, addresses."""

from __future__ import annotations

from collections.abc import Iterator

from estate.model import ROLES, SITE_ROLES, Network, Role, Server
from estate.rules import machines, promises
from estate.rules.finding import Finding, a, choose, free, repeated, show, unique, words


def _servers(network: Network) -> Iterator[tuple[str, str, Server]]:
    """Path, site and server of each."""
    for name, site in network.sites.items():
        for index, server in enumerate(site.servers):
            yield f"sites.{name}.servers.{index}", name, server


def _of_role(network: Network, site: str, role: Role) -> list[tuple[str, Server]]:
    return [(path, server) for path, name, server in _servers(network) if name == site and server.role == role]


def servers_are_in_declared_zones(network: Network) -> Iterator[Finding]:
    """A server's firewall zone is declared for its site."""
    for path, site, server in _servers(network):
        zones = network.sites[site].zones
        if server.zone not in zones:
            yield Finding(
                path=f"{path}.zone",
                value=show(server.zone),
                rule=f"must be one of the zones of {site}",
                reason="the zone decides the server's VLAN and its address",
                fix=choose(server.zone, zones),
                involves=(f"sites.{site}.zones.[keys]",),
            )


def servers_are_in_zones_of_their_kind(network: Network) -> Iterator[Finding]:
    """Validators, signers and edges are each in firewall zones of their own kind."""
    for path, site, server in _servers(network):
        zones = network.sites[site].zones
        role, spec = server.role, ROLES[server.role]
        if server.zone in zones and not promises.belongs_in(role, zones[server.zone].kind):
            wanted = [name for name, zone in zones.items() if promises.belongs_in(role, zone.kind)]
            yield Finding(
                path=f"{path}.zone",
                value=show(server.zone),
                rule=f"must be a zone of kind {spec.zone} for {a(spec.singular)}",
                reason=f"{server.zone} is a zone of kind {zones[server.zone].kind}; {spec.zone_reason}",
                fix=f"move it to {words(wanted, 'or')}" if wanted else f"declare a zone of kind {spec.zone}",
                involves=(f"{path}.role", f"sites.{site}.zones.{server.zone}.kind", f"sites.{site}.zones.[keys]"),
            )


def servers_come_in_pairs(network: Network) -> Iterator[Finding]:
    """Each site has a pair of servers for each role."""
    for site in network.sites:
        for role in SITE_ROLES:
            count = len(_of_role(network, site, role))
            if count < 2:
                yield Finding(
                    path=f"sites.{site}.servers",
                    value=f"{count} {ROLES[role].singular if count == 1 else ROLES[role].plural}",
                    rule=f"must have two servers of role {role}",
                    reason="a broken server is replaced by its twin in minutes, by a delivery in weeks",
                    fix=f"add {a(ROLES[role].singular)}, identical to the first",
                    involves=(f"sites.{site}.servers.*.role",),
                )


def edges_are_one_and_two(network: Network) -> Iterator[Finding]:
    """The edges of a site are numbers 1 and 2."""
    for site in network.sites:
        for path, server in _of_role(network, site, Role.EDGE):
            if server.number not in promises.EDGE_NUMBERS:
                yield Finding(
                    path=f"{path}.number",
                    value=show(server.number),
                    rule="must be 1 or 2 for an edge",
                    reason="tunnels and shared gateway addresses are planned for a pair of edges",
                    fix="number the two edges 1 and 2",
                    involves=(f"{path}.role",),
                )


def server_numbers_are_distinct(network: Network) -> Iterator[Finding]:
    """Role, site and number name one server."""
    seen = repeated((f"{path}.number", (site, server.role, server.number)) for path, site, server in _servers(network))
    for path, (site, role, number), first in seen:
        taken = [server.number for _, server in _of_role(network, site, role)]
        place, other = path.rsplit(".", 1)[0], first.rsplit(".", 1)[0]
        yield Finding(
            path=path,
            value=show(number),
            rule="each server of one role and site must have a number of its own",
            reason=f"{other} is {role} {number} in {site} already, so both would have its name",
            fix=f"choose another number: {free(taken, 1, 30)}",
            involves=(first, f"{place}.role", f"{other}.role"),
        )


def pairs_are_in_different_zones(network: Network) -> Iterator[Finding]:
    """The servers of a pair are in different firewall zones."""
    for site in network.sites:
        for role in (each for each in SITE_ROLES if ROLES[each].apart):
            servers = _of_role(network, site, role)
            for path, zone, first in repeated((f"{path}.zone", server.zone) for path, server in servers):
                others = [
                    name
                    for name, each in network.sites[site].zones.items()
                    if promises.belongs_in(role, each.kind) and name != zone
                ]
                yield Finding(
                    path=path,
                    value=show(zone),
                    rule=f"each {role} of a site must be in a zone of its own",
                    reason=f"{first.rsplit('.', 1)[0]} is there too, and a fault of the zone would take both",
                    fix=f"move it to {words(others, 'or')}"
                    if others
                    else f"declare another zone of kind {ROLES[role].zone}",
                    involves=(
                        first,
                        f"{path.rsplit('.', 1)[0]}.role",
                        f"{first.rsplit('.', 1)[0]}.role",
                        f"sites.{site}.zones.*.kind",
                    ),
                )


def pairs_are_identical(network: Network) -> Iterator[Finding]:
    """The servers of a role are the same machine."""
    for site in network.sites:
        for role in SITE_ROLES:
            servers = _of_role(network, site, role)
            for path, server in servers[1:]:
                first, model = servers[0][0], servers[0][1].hardware
                if server.hardware != model:
                    yield Finding(
                        path=f"{path}.hardware",
                        value=show(server.hardware),
                        rule=f"must be the same hardware as the other {role} of {site}",
                        reason=f"{first} is a {model}; a spare helps only if it is the same machine",
                        fix=f"write {model}, or replace the other one too",
                        involves=(f"{first}.hardware", f"{path}.role", f"{first}.role"),
                    )


def one_of_a_role_is_active(network: Network) -> Iterator[Finding]:
    """One server of each role does the work in each site."""
    for site in network.sites:
        for role in SITE_ROLES:
            servers = _of_role(network, site, role)
            active = [path for path, server in servers if server.active]
            involves = (f"sites.{site}.servers.*.active", f"sites.{site}.servers.*.role")
            if servers and not active:
                yield Finding(
                    path=f"sites.{site}.servers",
                    value=f"no active {role}",
                    rule=f"exactly one {role} must be active",
                    reason="without one, the site does no work",
                    fix=f"write active: true on {servers[0][0]}",
                    involves=involves,
                )
            for path in active[1:]:
                yield Finding(
                    path=f"{path}.active",
                    value="true",
                    rule=f"exactly one {role} must be active",
                    reason=f"{active[0]} is active too"
                    + (", and two that sign at once are slashed" if role in (Role.VALIDATOR, Role.SIGNER) else ""),
                    fix="remove active from one of the two",
                    involves=involves,
                )


def only_edges_have_public_addresses(network: Network) -> Iterator[Finding]:
    """Validators and signers are hidden."""
    for path, _, server in _servers(network):
        if server.public_address is not None and not promises.may_have_public_address(server.role):
            yield Finding(
                path=f"{path}.public_address",
                value=show(server.public_address),
                rule=f"a {server.role} must not have a public address",
                reason="what can address it can attack it, so it must be reachable from inside only",
                fix="remove public_address",
                involves=(f"{path}.role",),
            )


def edges_have_public_addresses(network: Network) -> Iterator[Finding]:
    """Tunnels end at an edge's own public address."""
    for path, _, server in _servers(network):
        if server.role == Role.EDGE and server.public_address is None:
            yield Finding(
                path=f"{path}.public_address",
                value="nothing",
                rule="an edge must have a public address",
                reason="the tunnels to the cloud end there",
                fix="add public_address, from the site's uplink",
                involves=(f"{path}.role",),
            )


def public_addresses_lie_in_the_uplink(network: Network) -> Iterator[Finding]:
    """An edge's public address is one that the carrier routes to it."""
    for path, site, server in _servers(network):
        uplink = network.sites[site].uplink
        address = server.public_address
        if address is None or server.role != Role.EDGE:
            continue
        involves = (f"sites.{site}.uplink", f"{path}.role")
        yield from machines.public_address_is_usable(path, address, uplink, involves)


def public_addresses_are_distinct(network: Network) -> Iterator[Finding]:
    """One address is one edge."""
    values = (
        (f"{path}.public_address", server.public_address)
        for path, _, server in _servers(network)
        if server.public_address
    )
    yield from unique(
        values, "each edge must have a public address of its own", "", "choose another address of the uplink"
    )


def serials_are_distinct(network: Network) -> Iterator[Finding]:
    """One serial is one machine."""
    values = ((f"{path}.serial", server.serial) for path, _, server in _servers(network))
    yield from unique(
        values,
        "each server must have a serial of its own",
        ", and remote hands would pull the wrong machine",
        "read the serial on the machine again",
    )


def macs_are_distinct(network: Network) -> Iterator[Finding]:
    """One MAC address is one network card."""
    yield from machines.macs_are_distinct((path, server) for path, _, server in _servers(network))


def macs_name_single_cards(network: Network) -> Iterator[Finding]:
    """A MAC address names one card, not a group."""
    for path, _, server in _servers(network):
        yield from machines.macs_name_single_cards(path, server)


def rack_units_are_distinct(network: Network) -> Iterator[Finding]:
    """One rack unit holds one machine."""
    for site in network.sites:
        values = [
            (f"{path}.rack_units.{index}", unit)
            for path, name, server in _servers(network)
            if name == site
            for index, unit in enumerate(server.rack_units)
        ]
        yield from unique(
            values,
            f"each rack unit of cabinet {network.sites[site].cabinet.id} must hold one server",
            ", and two machines do not fit",
            f"choose another unit: {free((unit for _, unit in values), 1, 48)}",
        )


def power_is_known(network: Network) -> Iterator[Finding]:
    """A server is fed by PDUs of its cabinet."""
    for path, site, server in _servers(network):
        yield from machines.power_is_known(path, server, f"sites.{site}.cabinet", network.sites[site].cabinet)


def power_is_dual(network: Network) -> Iterator[Finding]:
    """A server survives the loss of one feed."""
    for path, _, server in _servers(network):
        yield from machines.power_is_dual(path, server)


def switches_are_known(network: Network) -> Iterator[Finding]:
    """A server is wired to switches of its cabinet."""
    for path, site, server in _servers(network):
        yield from machines.switches_are_known(path, server, f"sites.{site}.cabinet", network.sites[site].cabinet)


def bonds_have_two_switches(network: Network) -> Iterator[Finding]:
    """A server survives the loss of one switch."""
    for path, _, server in _servers(network):
        yield from machines.bonds_have_two_switches(path, server)
