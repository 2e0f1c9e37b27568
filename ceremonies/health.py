"""Whether the hosts of a network do their work, as an operator sees it over SSH."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address

from ceremonies.chain_rpc import Head
from ceremonies.remote import HostFailed, RemoteChain, Ssh
from estate.model import CHAIN_ROLES, Network
from estate.plan.hosts import Host, hosts

BEHIND_BLOCKS = 5
"""A node that is more blocks below the highest one does not follow the chain."""

ASKED_AT_ONCE = 16


def ill(network: Network, ssh: Ssh) -> dict[str, str]:
    """What is wrong with each host that is not healthy, by name. All are asked at once.

    A host is healthy if it answers over SSH and, if it runs a node, the node follows the network's chain.
    """
    chain = RemoteChain(network=network, ssh=ssh)

    def ask(host: Host) -> Head | str | None:
        try:
            if host.role in CHAIN_ROLES:
                return chain.head(host)
            ssh.run(host, "true")
        except HostFailed as error:
            return str(error)
        return None

    asked = hosts(network)
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        answers = dict(zip((host.name for host in asked), pool.map(ask, asked), strict=True))
    return diagnosed(network.chain.chain_id, answers)


def diagnosed(chain_id: str, answers: Mapping[str, Head | str | None]) -> dict[str, str]:
    """What is wrong, by host name: ``answers`` are of a node its head, of another host nothing, or why there is none.

    Pure.
    """
    heads = [each for each in answers.values() if isinstance(each, Head) and each.chain_id == chain_id]
    highest = max((each.height for each in heads), default=0)
    found = {}
    for name, answer in answers.items():
        if isinstance(answer, str):
            found[name] = answer
        elif answer is None:
            continue
        elif answer.chain_id != chain_id:
            found[name] = f"its node follows {answer.chain_id}, not {chain_id}"
        elif answer.catching_up:
            found[name] = f"its node is still syncing, at height {answer.height}"
        elif highest - answer.height > BEHIND_BLOCKS:
            found[name] = f"its node is {highest - answer.height} blocks behind"
    return found


def local_addresses(prefix: Sequence[str] = ()) -> tuple[IPv4Address, ...] | None:
    """The IPv4 addresses of this computer, or of the namespace that ``prefix`` enters; ``None`` if `ip` fails."""
    try:
        said = subprocess.run([*prefix, "ip", "-json", "-4", "address"], capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    interfaces = json.loads(said.stdout)
    return tuple(IPv4Address(entry["local"]) for each in interfaces for entry in each.get("addr_info", ()))
