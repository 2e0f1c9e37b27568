"""The chain's status: its height, the signers of its last blocks, the nodes' peers. Over the RPC of any
node.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ceremonies.chain_rpc import (
    Commit,
    Head,
    SigningRecord,
    parse_commit,
    parse_head,
    parse_peers,
    parse_validators,
    record,
)
from estate.errors import ExpectedError
from lab.netns import entered


class ChainUnreachable(ExpectedError):
    """The node did not answer, or answered with an error."""


@dataclass(frozen=True)
class Node:
    """The RPC of a node at `host:port`, asked from within `namespace`."""

    host: str
    port: int = 26657
    namespace: str | None = None
    timeout_seconds: float = 5

    def ask(self, *questions: tuple[str, Mapping[str, str]]) -> list[Mapping[str, Any]]:
        """The results of several questions (method, parameters) over one connection.

        Raises:
            ChainUnreachable: no answer, or an error instead of a result.
        """
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_seconds)
        results = []
        try:
            with entered(self.namespace):
                connection.connect()
            for method, parameters in questions:
                connection.request("GET", f"/{method}?{urlencode(parameters)}")
                document = json.loads(connection.getresponse().read())
                if "result" not in document:
                    raise ChainUnreachable(
                        f"{self.host}:{self.port}: {method} {dict(parameters)}: {document.get('error')}"
                    )
                results.append(document["result"])
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
            raise ChainUnreachable(f"{self.host}:{self.port}: {error}") from error
        finally:
            connection.close()
        return results

    def head(self) -> Head:
        return parse_head(self.ask(("status", {}))[0])

    def peers(self) -> tuple[str, ...]:
        return parse_peers(self.ask(("net_info", {}))[0])

    def validators(self, height: int | None = None) -> frozenset[str]:
        """The addresses of the validator set, at the head or at `height`; at most 100."""
        at = {} if height is None else {"height": str(height)}
        return parse_validators(self.ask(("validators", {"per_page": "100", **at}))[0])

    def commits(self, last: int = 50) -> tuple[Commit, ...]:
        """The last commits that are final, oldest first. The head's own is not: late precommits may still be added to
        it.
        """
        head = self.head().height
        heights = range(max(1, head - last), head)
        return tuple(
            parse_commit(each) for each in self.ask(*(("commit", {"height": str(height)}) for height in heights))
        )

    def signing(self, address: str, last: int = 50) -> SigningRecord:
        """The signing record of the validator with this consensus address in the last blocks."""
        commits = self.commits(last)
        unsigned = [commit.height for commit in commits if address not in commit.signers]
        answers = (
            self.ask(*(("validators", {"per_page": "100", "height": str(height)}) for height in unsigned))
            if unsigned
            else []
        )
        return record(address, commits, dict(zip(unsigned, map(parse_validators, answers), strict=True)))
