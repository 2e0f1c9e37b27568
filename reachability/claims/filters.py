"""The new connections that a chain permits, as sets of (addresses, services), for comparing layers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from reachability.addresses import EVERYWHERE, Interval, Intervals, covers, difference, intersection, union
from reachability.claims.sets import CONNECTIONS, Allowance
from reachability.network import Action, Chain, Devices, Match, Rule, State
from reachability.services import ANY

LOOPBACK = "lo"
DEEPEST_JUMP = 16


class NotComparable(ValueError):
    """A chain that is not equivalent to a set of addresses and services: it translates."""


def atoms(boxes: Iterable[Intervals]) -> list[Interval]:
    """The services cut at every boundary of the sets."""
    cuts = {0, ANY[0][1] + 1}
    for each in boxes:
        for low, high in each:
            cuts |= {low, high + 1}
    bounds = sorted(cuts)
    return [(low, after - 1) for low, after in zip(bounds, bounds[1:], strict=False)]


def canonical(boxes: Iterable[Allowance], without: Intervals = ()) -> dict[Interval, Intervals]:
    """The permitted addresses by services, split only where the boxes differ."""
    given = [(addresses, used) for addresses, used in boxes]
    by_atom: list[tuple[Interval, Intervals]] = []
    for atom in atoms(used for _, used in given):
        addresses = union(
            *(addresses for addresses, used in given if any(low <= atom[0] and atom[1] <= high for low, high in used))
        )
        addresses = difference(addresses, without) if without else addresses
        if addresses:
            by_atom.append((atom, addresses))
    joined: list[tuple[Interval, Intervals]] = []
    for atom, addresses in by_atom:
        if joined and joined[-1][1] == addresses and joined[-1][0][1] + 1 == atom[0]:
            joined[-1] = (joined[-1][0][0], atom[1]), addresses
        else:
            joined.append((atom, addresses))
    return dict(joined)


def beyond(one: Mapping[Interval, Intervals], other: Mapping[Interval, Intervals]) -> list[Allowance]:
    """The allowances of ``one`` that are not in ``other``."""
    if one == other:
        return []
    found: list[Allowance] = []
    for atom in atoms([tuple(one), tuple(other)]):
        mine = next((each for key, each in one.items() if key[0] <= atom[0] <= key[1]), ())
        theirs = next((each for key, each in other.items() if key[0] <= atom[0] <= key[1]), ())
        if rest := difference(mine, theirs):
            found.append((rest, (atom,)))
    return found


def permits(
    chain: Chain, others: Mapping[str, Chain], *, inbound: bool, own: Intervals = EVERYWHERE
) -> list[Allowance]:
    """The allowances of ``chain``: (senders, services) to ``own`` if ``inbound``, else (receivers, services).

    For all devices except the loopback; uncertain rules count as permitting. Raises ``NotComparable``.
    """
    known: dict[tuple[int, ...], Intervals] = {}
    found: list[Allowance] = []
    rules = [(rule, peers) for rule, peers in _counted(chain, others, inbound, own, 0)]
    for atom, indices in _by_atom([rule.match.services for rule, _ in rules]):
        accepted = known.get(indices)
        if accepted is None:
            accepted = known[indices] = _accepted([rules[index] for index in indices], chain, inbound, own)
        if accepted:
            found.append((accepted, (atom,)))
    return found


def accepted_by_services(
    chain: Chain, others: Mapping[str, Chain], *, inbound: bool, own: Intervals = EVERYWHERE
) -> dict[Intervals, Intervals] | None:
    """Fast path of ``permits``, by the services that rules name, for a chain of accept rules with policy drop;
    ``None`` if ``permits`` is needed. Raises ``NotComparable``.
    """
    if chain.policy is not Action.DROP:
        return None
    found: dict[Intervals, list[Intervals]] = {}
    dropped: list[Intervals] = []
    for rule, peers in _counted(chain, others, inbound, own, 0):
        used = _connections(ANY if rule.match.services is None else rule.match.services)
        if rule.action is Action.DROP:
            dropped.append(used)
        elif any(intersection(used, each) for each in dropped):
            return None
        elif used:
            found.setdefault(used, []).append(peers)
    return {used: peers[0] if len(peers) == 1 else union(*peers) for used, peers in found.items()}


def by_services(boxes: Iterable[Allowance]) -> dict[Intervals, Intervals]:
    """The given boxes, grouped by their services."""
    found: dict[Intervals, list[Intervals]] = {}
    for peers, used in boxes:
        if used := _connections(used):
            found.setdefault(used, []).append(peers)
    return {used: peers[0] if len(peers) == 1 else union(*peers) for used, peers in found.items()}


@lru_cache(maxsize=1024)
def _connections(used: Intervals) -> Intervals:
    return intersection(used, CONNECTIONS)


def plainly_within(
    one: Mapping[Intervals, Intervals], other: Mapping[Intervals, Intervals], ignored: Intervals = ()
) -> bool:
    """Whether each set of ``one`` is within one of ``other`` with the same services. ``False`` is inconclusive."""
    for used, peers in one.items():
        allowed = other.get(used)
        if allowed is None:
            allowed = union(*(each for wider, each in other.items() if covers(wider, used)))
        if peers != allowed and difference(difference(peers, ignored) if ignored else peers, allowed):
            return False
    return True


def _by_atom(used: list[Intervals | None]) -> list[tuple[Interval, tuple[int, ...]]]:
    """The services cut at every boundary, each part with the indices of the rules that match it."""
    parts = atoms(each for each in used if each is not None)
    lows = [low for low, _ in parts]
    indices: list[list[int]] = [[] for _ in parts]
    for index, each in enumerate(used):
        for low, high in each if each is not None else ANY:
            for position in range(bisect_left(lows, low), bisect_right(lows, high)):
                indices[position].append(index)
    return [(part, tuple(found)) for part, found in zip(parts, indices, strict=True)]


def _counted(
    chain: Chain, others: Mapping[str, Chain], inbound: bool, own: Intervals, depth: int
) -> Iterator[tuple[Rule, Intervals]]:
    """The rules that may decide new connections, with their addresses; jumps are replaced by the rules of their target.

    Raises ``NotComparable`` for translations, and for jumps other than of everything.
    """
    if depth > DEEPEST_JUMP:
        raise NotComparable(f"{chain.name} has too many nested jumps")
    for rule in chain.rules:
        match = rule.match
        here = match.destinations if inbound else match.sources
        if rule.action is Action.CONTINUE or not _fits(match, own, inbound):
            continue
        peers = match.sources if inbound else match.destinations
        if peers is None:
            peers = EVERYWHERE if here is None else _families(intersection(here, own))
        if rule.action in (Action.ACCEPT, Action.DROP):
            yield rule, peers
        elif rule.action is Action.JUMP and rule.chain in others and _jumps_plainly(rule, others[rule.chain]):
            yield from _counted(others[rule.chain], others, inbound, own, depth + 1)
        else:
            raise NotComparable(f"{rule.name} does more than accept or drop")


def _jumps_plainly(rule: Rule, chain: Chain) -> bool:
    """Whether a jump can be replaced by the rules of its chain: it matches everything, and no rule there returns."""
    match = rule.match
    plain = all(each is None for each in (match.sources, match.destinations, match.services, match.source_ports))
    return plain and not match.uncertain and all(each.action is not Action.RETURN for each in chain.rules)


def _families(points: Intervals) -> Intervals:
    """All addresses of the families of a set."""
    return tuple(family for family in EVERYWHERE if intersection(points, (family,)))


def _accepted(rules: list[tuple[Rule, Intervals]], chain: Chain, inbound: bool, own: Intervals) -> Intervals:
    """The addresses that the rules accept in order, for services that all of them treat alike."""
    accepted: list[Intervals] = []
    rest: Intervals = EVERYWHERE
    for rule, peers in rules:
        hit = intersection(rest, peers)
        if not hit:
            continue
        if rule.action is Action.ACCEPT:
            accepted.append(hit)
            if rule.match.uncertain:
                continue
        elif not _whole(rule.match, inbound, own):
            continue
        rest = difference(rest, hit)
        if not rest:
            break
    return union(*accepted, rest) if chain.policy is Action.ACCEPT else union(*accepted)


def _fits(match: Match, own: Intervals, inbound: bool) -> bool:
    if match.states is not None and State.NEW not in match.states:
        return False
    if is_loopback(match.incoming if inbound else match.outgoing):
        return False
    here = match.destinations if inbound else match.sources
    return here is None or bool(intersection(here, own))


def is_loopback(devices: frozenset[str] | Devices | None) -> bool:
    """Whether the match applies to the loopback only."""
    return (devices.names if isinstance(devices, Devices) else devices) == frozenset({LOOPBACK})


def _whole(match: Match, inbound: bool, own: Intervals) -> bool:
    """Whether a drop rule applies to every device, source port and own address."""
    devices = match.incoming if inbound else match.outgoing
    here = match.destinations if inbound else match.sources
    return (
        devices is None
        and match.source_ports is None
        and match.translated is None
        and not match.uncertain
        and (here is None or not difference(own, here))
    )


def accepting(chain: Chain) -> Iterable[Rule]:
    """The rules that accept new connections."""
    return (
        rule
        for rule in chain.rules
        if rule.action is Action.ACCEPT and (rule.match.states is None or State.NEW in rule.match.states)
    )
