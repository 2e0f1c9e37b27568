"""The p2p identity of a chain node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from configuration import node_config

NODE_IDS = "node_ids.json"
"""Beside the configuration of a node: see `node_config.remembered`."""

KEY_BYTES = 64
"""Of a node's Ed25519 key in its file: the private half and the public one."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whether the host answered, whether the daemon's user exists, the target of the genesis link, the node id; `None`
    if there is none, or none that can be read: then the node's key is `damaged`.
    """

    answered: bool = False
    user: bool = False
    genesis: str | None = None
    node_id: str | None = None
    damaged: bool = False


class NodeIdentity(FactBase[Identity]):
    """The identity of the node of `user` whose configuration is in the directory `config`, in one round trip. The key
    stays on the host.
    """

    @override
    def command(self, user: str, config: str) -> StringCommand:
        key = f"{config}/node_key.json"
        return StringCommand(
            "echo answered; getent passwd",
            QuoteString(user),
            ">/dev/null && echo user;",
            "readlink",
            QuoteString(f"{config}/genesis.json"),
            "| sed 's/^/genesis /';",
            "if [ -e",
            QuoteString(key),
            "]; then",
            r"""key() { sed -n 's/.*"value": *"\([A-Za-z0-9+/=]*\)".*/\1/p'""",
            QuoteString(key),
            f"| base64 -d 2>/dev/null; }}; if [ $(key | wc -c) = {KEY_BYTES} ]; then",
            "key | tail -c 32 | sha256sum | sed 's/^/node /'; else echo damaged; fi; fi; true",
        )

    @staticmethod
    @override
    def default() -> Identity:
        return Identity()

    @override
    def process(self, output: list[str]) -> Identity:
        found = dict(line.partition(" ")[::2] for line in output)
        node = found.get("node")
        return Identity(
            answered="answered" in found,
            user="user" in found,
            genesis=found.get("genesis"),
            node_id=node[:40] if node else None,
            damaged="damaged" in found,
        )


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The node ids of other hosts that a node has: by host name, and by the `host:port` of its persistent peers."""

    by_name: Mapping[str, str] = field(default_factory=dict)
    by_place: Mapping[str, str] = field(default_factory=dict)


class KeptIds(FactBase[Kept]):
    """The node ids in the current configuration of the node in the directory `config`, and those that were kept beside
    it.

    A file that cannot be read tells nothing: the other one then does, or nobody knows.
    """

    @override
    def command(self, config: str) -> StringCommand:
        return StringCommand(
            "{ grep -a '^persistent_peers = '",
            QuoteString(f"{config}/config.toml"),
            "; echo names; cat",
            QuoteString(f"{config}/{NODE_IDS}"),
            "; } 2>/dev/null | tr -cd '[:print:]\\n'; true",
        )

    @staticmethod
    @override
    def default() -> Kept:
        return Kept()

    @override
    def process(self, output: list[str]) -> Kept:
        split = output.index("names") if "names" in output else len(output)
        peers = output[0].partition("=")[2].strip().strip('"').split(",") if split else []
        try:
            by_name = node_config.recalled("\n".join(output[split + 1 :]))
        except ValueError:
            by_name = {}
        found = [peer.partition("@") for peer in peers]
        return Kept(
            by_name=by_name,
            by_place={place: node_id for node_id, _, place in found if node_config.NODE_ID.fullmatch(node_id)},
        )
