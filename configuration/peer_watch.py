"""What the watch of a node's own peers is configured with. Pure. `peerwatch` reads it on the host.

The hosts with a node take turns, by the clock, in which the watch may restart one: the clocks are all that they need to
share, and they share it by NTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from configuration import node_config
from estate.model import CHAIN_ROLES, Network
from estate.plan.hosts import Host, hosts

PROGRAM = "/usr/lib/estate/peerwatch"
CONFIG = "/etc/peer-watch.toml"
UNIT = "peer-watch.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
STATE = "peer-watch"
"""The name of its directory below `/var/lib`."""


@dataclass(frozen=True, kw_only=True)
class PeerWatchSettings:
    """What `templates/node/peer-watch.*` fills in. `rpc`: `host:port`, and the path below which the client serves it.

    `peers`: `id@host:port` by host name. `turn` of `turns`: when this host may restart its node. `only_alone`: it may
    only while its node has no peer at all. `addresses`: all that it talks to.
    """

    rpc: str
    turn: int
    turns: int
    only_alone: bool
    peers: Mapping[str, str]
    addresses: tuple[str, ...]


def settings(
    network: Network, host: Host, node_ids: Mapping[str, str], inventory: Mapping[str, Any]
) -> PeerWatchSettings:
    """The settings of the watch on `host`. Arguments as in `node_config.settings`.

    A node behind sentries, which dial it too, is restarted only while it is alone: then it signs nothing that anybody
    sees, and its restart costs nothing.
    """
    rpc = node_config.settings(network, host, node_ids, inventory).local_rpc.removeprefix("tcp://")
    peers = node_config.own_persistent_peers(network, host, node_ids, inventory)
    places = [rpc, *(peer.partition("@")[2] for peer in peers.values())]
    turns = [each.name for each in hosts(network) if each.role in CHAIN_ROLES]
    return PeerWatchSettings(
        rpc=rpc + network.chain.client.spec.rpc_base,
        turn=turns.index(host.name),
        turns=len(turns),
        only_alone=node_config.node_spec(host).behind_sentries,
        peers=peers,
        addresses=tuple(sorted({place.rpartition(":")[0] for place in places})),
    )
