"""What the company declares once for every network that does not declare it itself.

A section that a network's file has is whole: no default is added to it. In a default, ``{network}`` and its like stand
for what the network declares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from estate.declaration import vocabulary
from estate.declaration.document import Document, Location, dotted, leaves
from estate.declaration.parts import KEYS, Composed, mapping
from estate.model import AccountId, Model, Name, Network, NetworkName, Port, Ports, RegionName, ShortSite, Site
from estate.rules.finding import Finding, choose, show, words

DEFAULTS = "defaults"
SECTIONS = ("endpoints", "vpn", "leases", "monitoring")
DEFAULTED: Mapping[type[Model], tuple[str, ...]] = MappingProxyType({Network: SECTIONS, Site: ("zones", "links")})
"""What a file may leave to the company's defaults, by model."""
LAST_VLAN = 4094

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SITE = "{site}"
_LONG = "role, zone, number and serial"
_NETWORK: Mapping[str, tuple[Location, TypeAdapter[Any], Any]] = MappingProxyType(
    {
        "network": (("name",), TypeAdapter(NetworkName), None),
        "account": (("aws", "account_id"), TypeAdapter(AccountId), None),
        "metrics_port": (("chain", "ports", "metrics"), TypeAdapter(Port), Ports().metrics),
    }
)
"""What a placeholder stands for in every default.

A place of the network's declaration, what must stand there, and what holds where it declares nothing.
"""
_NAME, _REGION = TypeAdapter[Any](Name), TypeAdapter[Any](RegionName)
_UNKNOWN = object()


class _Samples(dict[str, Any]):
    """A value for each placeholder, also for those that there are not."""

    def __missing__(self, key: str) -> str:
        return "example"


_SAMPLES = _Samples(network="example", account="111122223333", metrics_port=26660, site="site", region="eu-west-1")


def _is(kind: TypeAdapter[Any], value: Any) -> bool:
    try:
        kind.validate_python(value)
    except ValidationError:
        return False
    return True


def _at(value: Any, location: Location, otherwise: Any = None) -> Any:
    """What ``value`` has at ``location``; ``otherwise`` if it lacks a part of it; ``None`` if one is no mapping."""
    for step in location:
        if not isinstance(value, Mapping):
            return None
        if step not in value:
            return otherwise
        value = value[step]
    return value


def _values(declared: Any) -> dict[str, Any]:
    """What each placeholder stands for in the network ``declared``; those whose value is unknown are left out."""
    found = {name: (_at(declared, place, otherwise), kind) for name, (place, kind, otherwise) in _NETWORK.items()}
    return {name: value for name, (value, kind) in found.items() if _is(kind, value)}


def _text(template: str, values: Mapping[str, Any]) -> Any:
    """``template`` with its placeholders replaced; a placeholder alone becomes the value itself."""
    try:
        if alone := _PLACEHOLDER.fullmatch(template):
            return values[alone[1]]
        return _PLACEHOLDER.sub(lambda each: str(values[each[1]]), template)
    except KeyError:
        return _UNKNOWN


def _filled(whole: Composed, here: Location, template: Any, values: Mapping[str, Any]) -> Any:
    """``template`` with its placeholders replaced. Fields that are unknown for lack of a value are ``absent``."""
    if isinstance(template, Mapping):
        found = {key: _filled(whole, (*here, key), each, values) for key, each in template.items()}
        whole.absent |= {(*here, key) for key, each in found.items() if each is _UNKNOWN}
        return {key: each for key, each in found.items() if each is not _UNKNOWN}
    if isinstance(template, list):
        entries = [_filled(whole, here, each, values) for each in template]
        return _UNKNOWN if _UNKNOWN in entries else entries
    return _text(template, values) if isinstance(template, str) else template


def _declared(company: Document) -> Mapping[Any, Any] | None:
    """The company's defaults; ``None`` if they cannot be known."""
    if not isinstance(company.value, Mapping):
        return None
    return mapping(company.value, DEFAULTS) if DEFAULTS in company.value else {}


def join_sections(whole: Composed, company: Document) -> None:
    """Each section that the network's file does not have, by the company's defaults."""
    declared, values = _declared(company), _values(whole.value)
    for section in (each for each in SECTIONS if each not in whole.value):
        if declared is None:
            whole.absent.add((section,))
        elif section in declared:
            whole.place((section,), company, (DEFAULTS, section))
            template = declared[section]
            if section == "leases" and isinstance(template, Mapping):
                whole.value[section] = _leases(whole, company, template, values)
            else:
                whole.value[section] = _filled(whole, (section,), template, values)


def _leases(
    whole: Composed, company: Document, templates: Mapping[Any, Any], values: Mapping[str, Any]
) -> dict[Any, Any]:
    """The leases; one whose name has ``{site}`` is made for each site that signs with the others."""
    sites = _coordinated(whole.value)
    if sites is None:
        whole.absent.add(("leases", KEYS))
    made = {}
    for name, template in templates.items():
        each_site = isinstance(name, str) and _SITE in name
        for site in (sites or ()) if each_site else (None,):
            lease = name.replace(_SITE, site) if site else name
            here: Location = ("leases", lease)
            whole.place(here, company, (DEFAULTS, "leases", name))
            made[lease] = _filled(whole, here, template, {**values, "site": site} if site else values)
    return made


def _coordinated(declared: Any) -> list[str] | None:
    """The sites that sign with each other; ``None`` if they cannot be known."""
    signing = mapping(declared, "signing")
    if signing is None:
        return None
    if signing.get("coordination") is None:
        return []
    sites = mapping(signing, "coordination", "sites")
    return list(sites) if sites is not None and all(_is(_NAME, each) for each in sites) else None


def join_site(whole: Composed, here: Location, joined: dict[Any, Any], company: Document) -> None:
    """What the file leaves out in the site at ``here``, put into ``joined``: zones, links, what each server is for."""
    declared = _declared(company)
    site = {} if declared is not None and "site" not in declared else mapping(declared, "site")
    own_zones = "zones" in joined
    _join_zones(whole, here, joined, company, site)
    active = joined.pop("active", {})
    for at, finding in _wrong_active((*here, "active"), active, joined.get("servers")):
        whole.report(whole.document, at, finding)
        whole.absent.add((*here, "servers", KEYS))
    if isinstance(joined.get("servers"), Mapping):
        _join_servers(whole, here, joined, company, site, active if isinstance(active, Mapping) else {}, own_zones)
    if "links" not in joined:
        _join_links(whole, here, joined, company, site)


def _join_zones(
    whole: Composed, here: Location, joined: dict[Any, Any], company: Document, site: Mapping[Any, Any] | None
) -> None:
    at: Location = (*here, "zones")
    given = "vlans" in joined
    vlans = joined.pop("vlans", None)
    if "zones" in joined:
        if given:
            whole.report(whole.document, (*here, "vlans"), _vlans_beside_zones((*here, "vlans"), vlans))
        return
    if site is None:
        whole.absent.add(at)
        return
    if "zones" not in site:
        return
    whole.place(at, company, (DEFAULTS, "site", "zones"))
    if not isinstance(site["zones"], Mapping):
        joined["zones"] = site["zones"]
        return
    numbers = [each for zone in site["zones"].values() if isinstance(each := _at(zone, ("vlan",)), int)]
    most = LAST_VLAN - max(numbers, default=0)
    if not isinstance(vlans, int) or isinstance(vlans, bool) or not 0 <= vlans <= most:
        whole.report(whole.document, (*here, "vlans"), _wrong_vlans((*here, "vlans"), vlans, given, most))
        whole.absent.add(at)
        return
    joined["zones"] = {name: _zone(whole, (*at, name), zone, vlans) for name, zone in site["zones"].items()}


def _zone(whole: Composed, here: Location, zone: Any, vlans: int) -> Any:
    if not isinstance(zone, Mapping) or not isinstance(zone.get("vlan"), int):
        return zone
    whole.place((*here, "vlan"), whole.document, (*here[:2], "vlans"))
    return {**zone, "vlan": zone["vlan"] + vlans}


def _vlans_beside_zones(location: Location, value: Any) -> Finding:
    return Finding(
        path=dotted(location),
        value=show(value),
        rule="must not be given beside zones",
        reason="the VLANs of the company's zones are counted from it, and this site declares zones of its own",
        fix="remove it, or remove zones",
    )


def _wrong_vlans(location: Location, value: Any, given: bool, most: int) -> Finding:
    about = vocabulary.words(ShortSite, "vlans")
    rule = f"a whole number from 0 to {most}"
    return Finding(
        path=dotted(location),
        value=show(value),
        rule=f"must be {rule}" if given else f"must be given: {rule}",
        reason=about.reason,
        fix=f"write for example {about.example}" if given else f"add for example vlans: {about.example}",
    )


def _join_servers(
    whole: Composed,
    here: Location,
    joined: dict[Any, Any],
    company: Document,
    site: Mapping[Any, Any] | None,
    active: Mapping[Any, Any],
    own_zones: bool,
) -> None:
    """The servers that are listed as serials by role, numbered from 1."""
    at: Location = (*here, "servers")
    listed = joined.pop("servers")
    layout = mapping(site, "servers")
    if site is None or ("servers" in site and layout is None):
        whole.absent.add(at)
        return
    known: Mapping[Any, Any] = layout or {}
    servers: list[dict[str, Any]] = []
    for role, serials in listed.items():
        zones = known.get(role)
        if role not in known or not isinstance(serials, list):
            whole.report(whole.document, (*at, role), _wrong_servers((*at, role), role, serials, known))
            whole.absent.add((*at, KEYS))
            continue
        if isinstance(zones, list) and len(serials) > len(zones):
            whole.report(whole.document, (*at, role), _too_many((*at, role), serials, zones, company.file))
            whole.absent.add((*at, KEYS))
        for index, serial in enumerate(serials):
            place: Location = (*at, len(servers))
            server = {"role": role, "number": index + 1, "serial": serial, "active": active.get(role, 1) == index + 1}
            whole.place(place, whole.document, (*at, role, index))
            for field in server:
                whole.place((*place, field), whole.document, (*at, role, index))
            if isinstance(zones, list) and index < len(zones):
                server["zone"] = zones[index]
                file, listing = (whole.document, at) if own_zones else (company, (DEFAULTS, "site", "servers"))
                whole.place((*place, "zone"), file, (*listing, role, index))
            else:
                whole.absent.add((*place, "zone"))
            servers.append(server)
    joined["servers"] = servers


def _wrong_active(location: Location, active: Any, listed: Any) -> Iterator[tuple[Location, Finding]]:
    about = vocabulary.words(ShortSite, "active")
    if not isinstance(active, Mapping) or (active and not isinstance(listed, Mapping)):
        yield (
            location,
            Finding(
                path=dotted(location),
                value=show(active),
                rule=f"must be {about.rule}, which are listed by role",
                reason=about.reason,
                fix="write active: true at a server of the list, or list the servers by role",
            ),
        )
        return
    for role, number in active.items():
        serials = listed.get(role)
        known = range(1, len(serials) + 1) if isinstance(serials, list) else range(0)
        if isinstance(number, bool) or number not in known:
            yield (
                (*location, role),
                Finding(
                    path=dotted((*location, role)),
                    value=show(number),
                    rule="must be the number of a server of the role",
                    reason=about.reason,
                    fix=f"write {words(known, 'or')}" if known else f"list servers of {role}, or remove it",
                ),
            )


def _wrong_servers(location: Location, role: Any, serials: Any, known: Mapping[Any, Any]) -> Finding:
    about = vocabulary.words(ShortSite, "servers")
    if role in known:
        assert about.entry is not None
        return Finding(
            path=dotted(location),
            value=show(serials),
            rule=f"must be {about.entry.rule}",
            reason=about.entry.reason,
            fix=f"write for example {about.entry.example}",
        )
    return Finding(
        path=dotted(location),
        value=show(role),
        rule="must be a role of the company's defaults.site.servers",
        reason="they say in which zone each server of the role is",
        fix=choose(str(role), list(map(str, known))) if known else f"list the servers with {_LONG}",
    )


def _too_many(location: Location, serials: list[Any], zones: list[Any], company: str) -> Finding:
    return Finding(
        path=dotted(location),
        value=show(serials),
        rule=f"must be at most {len(zones)}, one for each zone of the role in the company's defaults.site.servers",
        reason="they say in which zone each server is",
        fix=f"remove some, add zones in {company}, or list the servers with {_LONG}",
    )


def _join_links(
    whole: Composed, here: Location, joined: dict[Any, Any], company: Document, site: Mapping[Any, Any] | None
) -> None:
    """Tunnels to every region, with the company's certificates."""
    at: Location = (*here, "links")
    if site is None:
        whole.absent.add(at)
        return
    if "certificates" not in site:
        return
    regions = mapping(whole.value, "regions")
    known = [each for each in regions or () if _is(_REGION, each)]
    if regions is None or len(known) < len(regions):
        whole.absent.add((*at, KEYS))
    values = _values(whole.value) | ({"site": here[-1]} if _is(_NAME, here[-1]) else {})
    joined["links"] = {}
    whole.place(at, whole.document, ("regions",))
    for region in known:
        link: Location = (*at, region)
        whole.place(link, whole.document, ("regions", region))
        whole.place((*link, "certificates"), company, (DEFAULTS, "site", "certificates"))
        joined["links"][region] = _filled(
            whole, link, {"certificates": site["certificates"]}, {**values, "region": region}
        )


def sampled(company: Any) -> Any:
    """What the company declares, with a value for each placeholder of its defaults."""
    if not isinstance(company, Mapping) or DEFAULTS not in company:
        return company
    unused = Composed(Document("", None), None)
    return {**company, DEFAULTS: _filled(unused, (), company[DEFAULTS], _SAMPLES)}


def as_written(location: Location, finding: Finding, company: Any) -> Finding:
    """The ``finding`` about ``location`` of what was ``sampled``, with the value that the file has there."""
    given = company
    for step in location if location[:1] == (DEFAULTS,) else ():
        try:
            given = given[step]
        except (KeyError, IndexError, TypeError):
            return finding
    return replace(finding, value=show(given)) if isinstance(given, str) and _PLACEHOLDER.search(given) else finding


def problems(company: Any) -> Iterator[tuple[Location, Finding]]:
    """Placeholders that there are not, and servers in zones that there are not."""
    declared = mapping(company, DEFAULTS) or {}
    for location, value in leaves(declared, (DEFAULTS,)):
        known = [*_NETWORK, *_here(location)]
        for name in _PLACEHOLDER.findall(value) if isinstance(value, str) else ():
            if name not in known:
                yield (
                    location,
                    Finding(
                        path=dotted(location),
                        value=show(value),
                        rule=f"must have no placeholder but {words([f'{{{each}}}' for each in known])}",
                        reason=f"nothing says what {{{name}}} stands for here",
                        fix=choose(name, known),
                    ),
                )
    zones = mapping(declared, "site", "zones")
    for role, listed in (mapping(declared, "site", "servers") or {}).items():
        for index, zone in enumerate(listed if isinstance(listed, list) else ()):
            if zones is not None and isinstance(zone, str) and zone not in zones:
                place: Location = (DEFAULTS, "site", "servers", role, index)
                yield (
                    place,
                    Finding(
                        path=dotted(place),
                        value=show(zone),
                        rule="must be one of the zones of defaults.site.zones",
                        reason="it decides VLAN, address and firewall of the server",
                        fix=choose(zone, list(map(str, zones))),
                    ),
                )


def _here(location: Location) -> tuple[str, ...]:
    """The placeholders that stand for something at ``location``, besides those of every default."""
    if location[1:3] == ("site", "certificates"):
        return ("site", "region")
    if location[1:2] == ("leases",) and len(location) > 2 and _SITE in str(location[2]):
        return ("site",)
    return ()
