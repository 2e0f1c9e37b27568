"""The configuration of a chain node, from its role and the topology. Pure.

Sources: CometBFT's "Running in production" and "Validators" pages (sentry nodes, private and unconditional peers), its
configuration reference (`pex`, `addr_book_strict`, `double_sign_check_height`), the Cosmos SDK's `app.toml` reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from estate.model import CHAIN_ROLES, ROLES, Network, NodeSpec, Offer, Role
from estate.plan import coordination
from estate.plan.hosts import Host, hosts

DOUBLE_SIGN_CHECK_HEIGHT = 10
"""How many blocks a validator looks back over before it joins consensus. It stays out while it finds signatures of
its own key there.

CometBFT's last guard against a key that signs elsewhere. It costs up to this many missed blocks when a validator
restarts. It must be off where sites sign with one key: a restarted validator would find the signatures of the other
site, and never join. There the coordination table guards the key, and the ceremonies check the chain.
"""

COMMIT_SHARE = 5 / 6
"""The share of the block time that is `timeout_commit`; the rest is the round itself. On the Cosmos Hub 5 s of 6 s."""

RECENT_STATES_KEPT = 100
PRUNING_INTERVAL = 10
NODE_ID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """What `templates/node` fills in. Peers are `id@host:port`, addresses `tcp://host:port`, durations milliseconds.

    `missing` names those of our own hosts that should be peers and whose node id is not known yet. Where the client
    cannot be told which peers count towards no limit, the limit is higher by their number.
    """

    moniker: str
    p2p_laddr: str
    rpc_laddr: str
    local_rpc: str
    api_laddr: str | None
    metrics_laddr: str
    privval_laddr: str
    external_address: str
    pex: bool
    seed_mode: bool
    addr_book_strict: bool
    seeds: tuple[str, ...]
    persistent_peers: tuple[str, ...]
    private_peer_ids: tuple[str, ...]
    unconditional_peer_ids: tuple[str, ...]
    max_inbound_peers: int
    max_outbound_peers: int
    double_sign_check_height: int
    timeout_commit_ms: int
    keeps_history: bool
    missing: tuple[str, ...]


def node_spec(host: Host) -> NodeSpec:
    """How the chain's client runs on `host`.

    Raises:
        ValueError: it does not run there.
    """
    spec = ROLES[host.role].node
    if spec is None:
        raise ValueError(f"{host.name} runs no client of the chain: its role is {host.role}")
    return spec


def signs(host: Host) -> bool:
    """Whether this host is a validator that takes its signatures from a signer. A spare follows the chain with a key
    that has no voting power.
    """
    return host.role is Role.VALIDATOR and host.active


def _double_sign_check_height(network: Network, host: Host) -> int:
    shares_its_key = any(coordination.is_gated(network, each) for each in hosts(network) if each.place == host.place)
    return DOUBLE_SIGN_CHECK_HEIGHT if signs(host) and not shares_its_key else 0


def own_peers(network: Network, host: Host) -> tuple[Host, ...]:
    """Our own hosts that this node keeps connections with, in order of name. The flows of `estate.plan.topology` allow
    no others.

    A seed follows the chain through our public sentries, at the public addresses under which anyone may reach them.
    """
    wanted = node_spec(host).persistent_peers
    return tuple(other for other in hosts(network) if other.role in wanted and other.name != host.name)


def dialled_at(network: Network, host: Host, inventory: Mapping[str, Any]) -> dict[str, str]:
    """The `host:port` at which this node dials each of its own peers, by name, without those that have no such address
    yet. `inventory`: as in `settings`.
    """
    public = {name: each.get("public_address") for name, each in inventory.get("hosts", {}).items()}
    addresses = {
        other.name: public.get(other.name) if node_spec(host).by_public_address else other.address
        for other in own_peers(network, host)
    }
    return {name: f"{address}:{network.chain.ports.p2p}" for name, address in addresses.items() if address}


def own_persistent_peers(
    network: Network, host: Host, node_ids: Mapping[str, str], inventory: Mapping[str, Any]
) -> dict[str, str]:
    """Each of the node's own peers as it is dialled, `id@host:port` by name, without those that have no id or no
    address yet. Arguments as in `settings`.
    """
    places = dialled_at(network, host, inventory)
    return {name: f"{node_ids[name]}@{place}" for name, place in places.items() if name in node_ids}


def known_hosts(network: Network, host: Host) -> tuple[Host, ...]:
    """Our hosts whose node ids are in this node's configuration: its peers, and the hidden nodes of which it tells
    nobody.
    """
    hidden = [
        other
        for other in hosts(network)
        if node_spec(host).peer_exchange and (theirs := ROLES[other.role].node) and theirs.hidden
    ]
    return tuple(dict.fromkeys([*own_peers(network, host), *hidden]))


def remembered(node_ids: Mapping[str, str]) -> str:
    """A file beside the configuration: node ids by host name. The configuration has them without names and in part
    without addresses, so that it alone does not say which of them is a host's that does not answer.
    """
    return json.dumps(node_ids, indent=1, sort_keys=True) + "\n"


def recalled(text: str) -> dict[str, str]:
    """Reads what `remembered` wrote. Raises ValueError for anything else."""
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict) or not all(
        isinstance(node_id, str) and NODE_ID.fullmatch(node_id) for node_id in found.values()
    ):
        raise ValueError("it holds no node ids by host name")
    return found


def _partner_peers(network: Network, host: Host) -> tuple[str, ...]:
    if not node_spec(host).takes_partners:
        return ()
    return tuple(
        peer for partner in network.partners.values() if partner.region == host.place for peer in partner.peers
    )


def _all_partner_ids(network: Network) -> tuple[str, ...]:
    return tuple(_id(peer) for partner in network.partners.values() for peer in partner.peers)


def _id(peer: str) -> str:
    return peer.split("@", 1)[0]


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))


def settings(network: Network, host: Host, node_ids: Mapping[str, str], inventory: Mapping[str, Any]) -> NodeSettings:
    """The settings of the node on `host`.

    - Public sentry: gossips with any node of the chain, keeps its connections with our sentries and validators, and
      keeps the ids of hidden nodes to itself.
    - Private sentry: only declared peers, which are ours, its region's partners, and the chain's persistent peers,
      dialled through the NAT gateway. No peer exchange: it learns no other addresses, and its own is not passed on.
    - Seed: crawls the network and hands out addresses; serves RPC and LCD to the load balancer.
    - Validator: only our own sentries; no peer exchange; addresses are private, so the address book is not strict.

    Args:
        node_ids: p2p node id by host name, of those hosts that have one already.
        inventory: the stack's output of that name; read for public addresses.
    """
    ports, spec, offers = network.chain.ports, node_spec(host), ROLES[host.role].offers
    own = own_peers(network, host)
    known = [other for other in own if other.name in node_ids]
    partners = _partner_peers(network, host)
    chain_peers = network.chain.persistent_peers if spec.dials_public else ()
    public_address = inventory.get("hosts", {}).get(host.name, {}).get("public_address")
    exchanges = spec.peer_exchange
    hidden = [
        other
        for other in hosts(network)
        if (theirs := ROLES[other.role].node) and theirs.hidden and other.name in node_ids
    ]
    lcd = ports.lcd if Offer.LCD in offers else None
    unconditional = () if spec.seed_mode else _unique([*(node_ids[other.name] for other in known), *map(_id, partners)])
    can_say_so = network.chain.client.spec.unconditional_peers
    rpc = f"tcp://{host.address if Offer.RPC in offers else '127.0.0.1'}:{ports.rpc}"
    return NodeSettings(
        moniker=host.name,
        p2p_laddr=f"tcp://{host.address}:{ports.p2p}",
        rpc_laddr=rpc,
        local_rpc=rpc,
        api_laddr=f"tcp://{host.address}:{lcd}" if lcd else None,
        metrics_laddr=f"{host.management_address}:{ports.metrics}",
        privval_laddr=f"tcp://{host.address}:{ports.privval}" if signs(host) else "",
        external_address=f"{public_address}:{ports.p2p}" if exchanges and public_address else "",
        pex=exchanges,
        seed_mode=spec.seed_mode,
        addr_book_strict=exchanges,
        seeds=network.chain.seeds if exchanges else (),
        persistent_peers=_unique(
            [
                *own_persistent_peers(network, host, node_ids, inventory).values(),
                *partners,
                *chain_peers,
            ]
        ),
        private_peer_ids=_unique([*(node_ids[other.name] for other in hidden), *_all_partner_ids(network)])
        if exchanges
        else (),
        unconditional_peer_ids=unconditional if can_say_so else (),
        max_inbound_peers=spec.inbound_peers if can_say_so else spec.inbound_peers + len(unconditional),
        max_outbound_peers=spec.outbound_peers,
        double_sign_check_height=_double_sign_check_height(network, host),
        timeout_commit_ms=round(network.chain.block_seconds * COMMIT_SHARE * 1000),
        keeps_history=spec.keeps_history,
        missing=tuple(other.name for other in own if other.name not in node_ids),
    )


def listening(network: Network) -> dict[str, tuple[int, ...]]:
    """By chain host: the TCP ports on which its node listens beyond loopback, by its configuration."""
    found = {}
    for host in hosts(network):
        if host.role in CHAIN_ROLES:
            node = settings(network, host, {}, {})
            addresses = (node.p2p_laddr, node.rpc_laddr, node.api_laddr, node.metrics_laddr, node.privval_laddr)
            heard = [each for each in addresses if each and "127.0.0.1" not in each]
            found[host.name] = tuple(sorted(int(each.rsplit(":", 1)[1]) for each in heard))
    return found
