"""Security groups and network ACLs as nftables chains.

Each permission becomes a rule with the id of the AWS rule as comment. A packet between two interfaces of a VPC passes,
in this order: the ACL of the subnet that it leaves and of the one that it enters (stateless, only where the two
differ), the groups of the interface that sends it, the groups of the one that receives it (both stateful). Each step
is a base chain of its own, so that what one accepts the next still sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from lab.wiring.cloud.model import EVERYWHERE, Cloud, CloudInterface, NetworkAcl, Permission, SecurityGroup

ESTABLISHED = "ct state established,related accept"
LONGEST_COMMENT = 120


def table(*parts: str) -> str:
    """The one table that the wiring owns in a router's namespace."""
    body = "\n".join(part for part in parts if part)
    return f"table ip lab {{\n{body}\n}}\n"


def chain(name: str, rules: Iterable[str], *, hook: str = "") -> str:
    """A chain; ``hook`` is the text after ``type`` for a base chain."""
    lines = ([f"type {hook};"] if hook else []) + [rule for rule in rules if rule]
    return f"\tchain {name} {{\n" + "".join(f"\t\t{line}\n" for line in lines) + "\t}"


def address_set(name: str, addresses: Iterable[object]) -> str:
    """A named set of single addresses."""
    elements = ", ".join(str(address) for address in addresses)
    return f"\tset {name} {{ type ipv4_addr; {f'elements = {{ {elements} }};' if elements else ''} }}"


def dispatch(key: str, verdicts: Mapping[str, str]) -> list[str]:
    """One rule that sends packets to a chain by interface name."""
    if not verdicts:
        return []
    entries = ", ".join(f'"{name}" : {verdict}' for name, verdict in sorted(verdicts.items()))
    return [f"{key} vmap {{ {entries} }}"]


def _comment(id: str) -> str:
    return f'comment "{id[:LONGEST_COMMENT]}"'.replace("\n", " ")


def _block_match(direction: str, blocks: Sequence[IPv4Network]) -> str:
    if EVERYWHERE in blocks:
        return ""
    unique = sorted({str(block) for block in blocks}, key=lambda block: IPv4Network(block))
    return f"ip {direction} {unique[0] if len(unique) == 1 else '{ ' + ', '.join(unique) + ' }'}"


def _service_match(permission: Permission) -> str:
    protocol = permission.protocol
    if protocol == "all":
        return ""
    if protocol == "icmp":
        kind, code = permission.icmp
        parts = [
            f"icmp type {kind}" if kind is not None else "ip protocol icmp",
            f"icmp code {code}" if code is not None else "",
        ]
        return " ".join(part for part in parts if part)
    if permission.ports is None:
        return f"ip protocol {protocol}"
    first, last = permission.ports
    return f"{protocol} dport {first if first == last else f'{first}-{last}'}"


def rule(permission: Permission, other_end: str, *, verdict: str, group_set: str = "") -> str:
    """One nftables rule, none where nothing can match; ``other_end`` is saddr inwards and daddr outwards."""
    if not (permission.blocks or group_set):
        return ""
    where = f"ip {other_end} @{group_set}" if group_set else _block_match(other_end, permission.blocks)
    counted = "counter " if verdict == "drop" else ""
    return " ".join(
        part for part in (where, _service_match(permission), f"{counted}{verdict}", _comment(permission.id)) if part
    )


def _group_chains(group: SecurityGroup) -> list[str]:
    return [
        chain(
            f"{group.id}-out", [rule(each, "daddr", verdict="accept", group_set=each.group) for each in group.egress]
        ),
        chain(
            f"{group.id}-in", [rule(each, "saddr", verdict="accept", group_set=each.group) for each in group.ingress]
        ),
    ]


def _combination(groups: tuple[str, ...]) -> str:
    return "+".join(groups).replace("+", ".") or "none"


def _acl_chain(acl: NetworkAcl, direction: str) -> str:
    permissions, other_end = (acl.egress, "daddr") if direction == "out" else (acl.ingress, "saddr")
    rules = [rule(each, other_end, verdict="accept" if each.allow else "drop") for each in permissions]
    return chain(f"{acl.id}-{direction}", [*rules, f'counter drop comment "{acl.id}, no rule matches"'])


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """An interface of a VPC and the name that its host-side end has in the VPC's namespace."""

    name: str
    interface: CloudInterface


def _acl_parts(cloud: Cloud, guarded: Sequence[Guarded]) -> list[str]:
    """Nothing for subnets whose ACL lets everything pass."""
    by_subnet: dict[str, list[str]] = {}
    for each in guarded:
        acl = cloud.acls.get(cloud.subnets[each.interface.subnet].acl)
        if acl and not acl.open:
            by_subnet.setdefault(each.interface.subnet, []).append(each.name)
    if not by_subnet:
        return []
    parts, leaving, entering = [], [], []
    for subnet, names in sorted(by_subnet.items()):
        guard = cloud.subnets[subnet].acl
        members = ", ".join(f'"{name}"' for name in sorted(names))
        parts.append(f"\tset {subnet} {{ type ifname; elements = {{ {members} }}; }}")
        leaving.append(f"iifname @{subnet} oifname != @{subnet} goto {guard}-out")
        entering.append(f"oifname @{subnet} iifname != @{subnet} goto {guard}-in")
    for id in sorted({cloud.subnets[subnet].acl for subnet in by_subnet}):
        parts += [_acl_chain(cloud.acls[id], "out"), _acl_chain(cloud.acls[id], "in")]
    return [
        *parts,
        chain("acl-out", leaving, hook="filter hook forward priority -20; policy accept"),
        chain("acl-in", entering, hook="filter hook forward priority -10; policy accept"),
    ]


def _spoofing_parts(guarded: Sequence[Guarded]) -> list[str]:
    """Source and destination checks: an interface sends from, and is given, only its own address."""
    checked = [each for each in guarded if each.interface.checked]
    if not checked:
        return []
    names = ", ".join(f'"{each.name}"' for each in checked)
    owned = ", ".join(f'"{each.name}" . {each.interface.address}' for each in checked)
    return [
        f"\tset checked {{ type ifname; elements = {{ {names} }}; }}",
        f"\tset owned {{ type ifname . ipv4_addr; elements = {{ {owned} }}; }}",
        chain(
            "source-check",
            ['iifname @checked iifname . ip saddr != @owned counter drop comment "source check"'],
            hook="filter hook prerouting priority -300; policy accept",
        ),
        chain(
            "destination-check",
            ['oifname @checked oifname . ip daddr != @owned counter drop comment "destination check"'],
            hook="filter hook forward priority -30; policy accept",
        ),
    ]


def vpc_ruleset(cloud: Cloud, guarded: Sequence[Guarded]) -> str:
    """The whole of a VPC's filtering, in one table."""
    used = sorted({group for each in guarded for group in each.interface.groups or ()})
    groups = [cloud.groups[id] for id in used if id in cloud.groups]
    referenced = sorted({each.group for group in groups for each in (*group.ingress, *group.egress) if each.group})
    combinations = sorted({each.interface.groups for each in guarded if each.interface.groups is not None})
    known = {group.id for group in groups}

    def per_interface(direction: str) -> dict[str, str]:
        return {
            each.name: f"goto {direction}-{_combination(each.interface.groups)}"
            for each in guarded
            if each.interface.groups is not None
        }

    chains = [part for group in groups for part in _group_chains(group)]
    for combination in combinations:
        for direction in ("out", "in"):
            jumps = [f"jump {group}-{direction}" for group in combination if group in known]
            last = f'counter drop comment "no rule of {", ".join(combination) or "any group"} matches"'[
                : LONGEST_COMMENT + 24
            ]
            chains.append(chain(f"{direction}-{_combination(combination)}", [*jumps, last]))
    return table(
        *(address_set(group, cloud.members(group)) for group in referenced),
        *_spoofing_parts(guarded),
        *_acl_parts(cloud, guarded),
        *chains,
        chain(
            "groups-out",
            [ESTABLISHED, *dispatch("iifname", per_interface("out"))],
            hook="filter hook forward priority 0; policy accept",
        ),
        chain(
            "groups-in",
            [ESTABLISHED, *dispatch("oifname", per_interface("in"))],
            hook="filter hook forward priority 10; policy accept",
        ),
        chain("to-router", ["ip protocol icmp accept"], hook="filter hook input priority 0; policy drop"),
    )
