"""The p2p identity of a chain node."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whether the daemon's user exists, the target of the genesis link, the node id; `None` if there is none."""

    user: bool = False
    genesis: str | None = None
    node_id: str | None = None


class NodeIdentity(FactBase[Identity]):
    """The identity of the node of `user` with this `home`, in one round trip. The key stays on the host."""

    @override
    def command(self, user: str, home: str) -> StringCommand:
        key = f"{home}/config/node_key.json"
        return StringCommand(
            "getent passwd",
            QuoteString(user),
            ">/dev/null && echo user;",
            "readlink",
            QuoteString(f"{home}/config/genesis.json"),
            "| sed 's/^/genesis /';",
            "if [ -s",
            QuoteString(key),
            "]; then",
            r"""sed -n 's/.*"value": *"\([^"]*\)".*/\1/p'""",
            QuoteString(key),
            "| base64 -d | tail -c 32 | sha256sum | sed 's/^/node /'; fi; true",
        )

    @staticmethod
    @override
    def default() -> Identity:
        return Identity()

    @override
    def process(self, output: list[str]) -> Identity:
        found = dict(line.partition(" ")[::2] for line in output)
        node = found.get("node")
        return Identity(user="user" in found, genesis=found.get("genesis"), node_id=node[:40] if node else None)


class ConfiguredPeers(FactBase[dict[str, str]]):
    """Node ids by `host:port` of the persistent peers in the current configuration of the node with this `home`."""

    @override
    def command(self, home: str) -> StringCommand:
        return StringCommand(
            "grep '^persistent_peers = '", QuoteString(f"{home}/config/config.toml"), "2>/dev/null; true"
        )

    @staticmethod
    @override
    def default() -> dict[str, str]:
        return {}

    @override
    def process(self, output: list[str]) -> dict[str, str]:
        peers = output[0].partition("=")[2].strip().strip('"').split(",") if output else []
        return {place: node_id for node_id, at, place in (peer.partition("@") for peer in peers) if at}
