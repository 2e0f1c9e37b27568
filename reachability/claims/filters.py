"""What a chain of rules permits new connections, as sets of (addresses, services): to compare layers by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reachability.addresses import EVERYWHERE, Interval, Intervals, difference, intersection, union
from reachability.claims.sets import Allowance
from reachability.network import Action, Chain, Devices, Match, Rule, State
from reachability.services import ANY

LOOPBACK = "lo"


class NotComparable(ValueError):
    """A chain whose meaning is not a set of addresses and services: it translates."""


def atoms(boxes: Iterable[Intervals]) -> list[Interval]:
    """The services cut at every boundary of the sets."""
    cuts = {0, ANY[0][1] + 1}
    for each in boxes:
        for low, high in each:
            cuts |= {low, high + 1}
    bounds = sorted(cuts)
    return [(low, after - 1) for low, after in zip(bounds, bounds[1:], strict=False)]


def canonical(boxes: Iterable[Allowance], without: Intervals = ()) -> dict[Interval, Intervals]:
    """By services, cut as far as the boxes differ and joined again where they do not: the addresses permitted."""
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
    """What ``one`` permits and ``other`` does not."""
    if one == other:
        return []
    found = []
    for atom in atoms([tuple(one), tuple(other)]):
        mine = next((each for key, each in one.items() if key[0] <= atom[0] <= key[1]), ())
        theirs = next((each for key, each in other.items() if key[0] <= atom[0] <= key[1]), ())
        if rest := difference(mine, theirs):
            found.append((rest, (atom,)))
    return found


def permits(
    chain: Chain, others: Mapping[str, Chain], *, inbound: bool, own: Intervals = EVERYWHERE
) -> list[Allowance]:
    """What ``chain`` permits: (senders, services) to ``own`` if ``inbound``, else (receivers, services).

    Over every device at once but the loopback; what is uncertain counts as permitted. Raises ``NotComparable``.
    """
    matches = list(_services(chain, others, 0))
    found: list[Allowance] = []
    for atom in atoms(matches):
        accepted, rest = _run(chain, others, atom, EVERYWHERE, inbound, own, 0)
        if chain.policy is Action.ACCEPT:
            accepted = union(accepted, rest)
        if accepted:
            found.append((accepted, (atom,)))
    return found


def _services(chain: Chain, others: Mapping[str, Chain], depth: int) -> Iterable[Intervals]:
    if depth > 16:
        raise NotComparable(f"{chain.name} jumps too deep")
    for rule in chain.rules:
        yield rule.match.services or ANY
        if rule.action in (Action.JUMP, Action.GOTO) and rule.chain in others:
            yield from _services(others[rule.chain], others, depth + 1)


def is_loopback(devices: frozenset[str] | Devices | None) -> bool:
    """Whether only the loopback is meant."""
    return (devices.names if isinstance(devices, Devices) else devices) == frozenset({LOOPBACK})


def _fits(match: Match, own: Intervals, inbound: bool) -> bool:
    if match.states is not None and State.NEW not in match.states:
        return False
    if is_loopback(match.incoming if inbound else match.outgoing):
        return False
    here = match.destinations if inbound else match.sources
    return here is None or bool(intersection(here, own))


def _run(
    chain: Chain,
    others: Mapping[str, Chain],
    atom: Interval,
    addresses: Intervals,
    inbound: bool,
    own: Intervals,
    depth: int,
) -> tuple[Intervals, Intervals]:
    """(accepted, what falls through) of the addresses for services of one atom."""
    accepted: list[Intervals] = []
    returned: list[Intervals] = []
    rest = addresses
    for rule in chain.rules:
        if not rest:
            break
        match = rule.match
        if match.services is not None and not any(low <= atom[0] and atom[1] <= high for low, high in match.services):
            continue
        if rule.action is Action.CONTINUE or not _fits(match, own, inbound):
            continue
        peers = match.sources if inbound else match.destinations
        hit = rest if peers is None else intersection(rest, peers)
        if not hit:
            continue
        if rule.action is Action.ACCEPT:
            accepted.append(hit)
        elif rule.action is Action.DROP:
            if not _whole(match, inbound, own):
                continue
        elif rule.action is Action.RETURN:
            returned.append(hit)
        elif rule.action in (Action.JUMP, Action.GOTO) and rule.chain in others:
            inner, left = _run(others[rule.chain], others, atom, hit, inbound, own, depth + 1)
            accepted.append(inner)
            if rule.action is Action.GOTO:
                returned.append(left)
            else:
                rest = union(difference(rest, hit), left)
                continue
        else:
            raise NotComparable(f"{rule.name} changes addresses")
        if not match.uncertain:
            rest = difference(rest, hit)
    return union(*accepted), union(rest, *returned)


def _whole(match: Match, inbound: bool, own: Intervals) -> bool:
    """Whether a rule that drops does so for every device, source port and own address."""
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
    """The rules that let new connections through."""
    return (
        rule
        for rule in chain.rules
        if rule.action is Action.ACCEPT and (rule.match.states is None or State.NEW in rule.match.states)
    )
