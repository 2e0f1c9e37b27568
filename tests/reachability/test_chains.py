"""Chains over sets, against one packet at a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reachability import services
from reachability.chains import STATELESS, Chains, Context
from reachability.network import Action, Chain, Match, Rule, State
from reachability.space import Space

SOURCES = [((0, 5),), ((4, 9),), None]
PORTS = [((services.of(6, 0, 3)),), ((services.of(6, 2, 6)),), None]
DESTINATIONS = [((0, 3),), ((2, 7),), None]


@st.composite
def matches(draw: st.DrawFn) -> Match:
    return Match(
        sources=draw(st.sampled_from(SOURCES)),
        services=draw(st.sampled_from(PORTS)),
        destinations=draw(st.sampled_from(DESTINATIONS)),
        states=draw(st.sampled_from([None, frozenset((State.NEW,)), frozenset((State.ESTABLISHED,))])),
    )


@st.composite
def tables(draw: st.DrawFn) -> tuple[Chain, dict[str, Chain]]:
    """A base chain and two others; jumps only go down, so none can come round."""
    names = ["base", "first", "second"]
    chains = {}
    for depth, name in enumerate(names):
        rules = []
        for number in range(draw(st.integers(0, 4))):
            below = names[depth + 1 :]
            actions = [
                Action.ACCEPT,
                Action.DROP,
                Action.RETURN,
                Action.CONTINUE,
                *([Action.JUMP, Action.GOTO] if below else []),
            ]
            action = draw(st.sampled_from(actions))
            target = draw(st.sampled_from(below)) if action in (Action.JUMP, Action.GOTO) else ""
            rules.append(Rule(draw(matches()), action, f"{name} {number}", chain=target))
        chains[name] = Chain(name, tuple(rules), draw(st.sampled_from([Action.ACCEPT, Action.DROP])))
    return chains["base"], chains


def _fits(match: Match, packet: tuple[int, int, int], state: State) -> bool:
    source, destination, service = packet
    return all(
        wanted is None or any(low <= value <= high for low, high in wanted)
        for wanted, value in ((match.sources, source), (match.destinations, destination), (match.services, service))
    ) and (match.states is None or state in match.states)


def _verdict(chain: Chain, chains: dict[str, Chain], packet: tuple[int, int, int], state: State) -> Action | None:
    """What nftables does with one packet in a chain; ``None``: back to the caller."""
    for rule in chain.rules:
        if not _fits(rule.match, packet, state):
            continue
        match rule.action:
            case Action.ACCEPT | Action.DROP:
                return rule.action
            case Action.RETURN:
                return None
            case Action.JUMP:
                inner = _verdict(chains[rule.chain], chains, packet, state)
                if inner is not None:
                    return inner
            case Action.GOTO:
                return _verdict(chains[rule.chain], chains, packet, state)
    return None


def _space() -> Space:
    return Space(
        sources=[each for each in SOURCES if each],
        destinations=[interval for each in DESTINATIONS if each for interval in each],
        services_used=[interval for each in PORTS if each for interval in each],
        source_ports=[],
    )


@given(tables(), st.sampled_from([State.NEW, State.ESTABLISHED]))
def test_a_set_is_judged_as_each_of_its_packets(built: tuple[Chain, dict[str, Chain]], state: State) -> None:
    base, chains = built
    space = _space()
    compiled = Chains(space, may=True)
    for source in (0, 4, 7, 10):
        accepted = compiled.accepts(base, space.class_of(source), Context(state=state), chains)
        for destination in (0, 2, 5, 9):
            for port in (0, 2, 5, 8):
                packet = source, destination, services.of(6, port)[0]
                verdict = _verdict(base, chains, packet, state) or base.policy
                bit = space.single(destination, packet[2], 0)
                assert bool(accepted & bit) is (verdict is Action.ACCEPT), packet
                rule, action = compiled.deciding(base, bit, space.class_of(source), Context(state=state), chains)
                assert action is verdict, (packet, rule)


def _chain(*rules: Rule, policy: Action = Action.DROP) -> Chain:
    return Chain("chain", rules, policy)


def _passes(chain: Chain, *, may: bool) -> bool:
    space = _space()
    return bool(Chains(space, may=may).accepts(chain, space.class_of(0), STATELESS, {}))


UNCERTAIN = Match(uncertain="its address is not known yet")


def test_an_uncertain_accept_may_pass_and_need_not() -> None:
    chain = _chain(Rule(UNCERTAIN, Action.ACCEPT, "accept"))
    assert _passes(chain, may=True)
    assert not _passes(chain, may=False)


def test_an_uncertain_drop_may_spare_and_need_not() -> None:
    chain = _chain(Rule(UNCERTAIN, Action.DROP, "drop"), policy=Action.ACCEPT)
    assert _passes(chain, may=True)
    assert not _passes(chain, may=False)


def test_what_is_accepted_either_way_must_pass() -> None:
    chain = _chain(Rule(UNCERTAIN, Action.ACCEPT, "perhaps"), Rule(Match(), Action.ACCEPT, "anyway"))
    assert _passes(chain, may=False)


def test_an_interface_name_with_a_star_stands_for_all_that_begin_so() -> None:
    space = _space()
    chain = _chain(Rule(Match(incoming=frozenset(("vti-*",))), Action.ACCEPT, "tunnels"))
    chains = Chains(space, may=True)
    assert chains.accepts(chain, 0, Context(incoming="vti-use1-1a"), {})
    assert not chains.accepts(chain, 0, Context(incoming="bond0.140"), {})
