"""A ceremony's access to the signing table, with an operator's permissions instead of a gate's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ceremonies.public_key import ConsensusKey
from ceremonies.row import Ceremony
from coordinator.decision.position import Position
from coordinator.decision.records import Claim, Head
from coordinator.table import items
from coordinator.table.client import Endpoint
from coordinator.table.credentials import CredentialsFile
from estate.model import Network
from estate.plan import coordination


@dataclass(frozen=True, kw_only=True)
class OperatorTable:
    """The table at `endpoints`. `credentials`: a file as `aws configure export-credentials --format process` prints.
    `ca_file`: who may vouch for the endpoints, `None`: those that this machine trusts. `within`:
    entered around every call.
    """

    endpoints: Sequence[Endpoint]
    head: str
    claims: str
    chain_id: str
    credentials: Path
    ca_file: Path | None = None
    within: Callable[[], AbstractContextManager[None]] = nullcontext

    @classmethod
    def of(
        cls,
        network: Network,
        credentials: Path,
        *,
        ca_file: Path | None = None,
        within: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> OperatorTable:
        """The table that `network` declares."""
        return cls(
            endpoints=[
                Endpoint(
                    each.region,
                    each.host,
                    str(each.addresses[0]),
                    each.port,
                    others=tuple(map(str, each.addresses[1:])),
                )
                for each in coordination.endpoints(network)
            ],
            head=coordination.table_names(network)[0],
            claims=coordination.table_names(network)[1],
            chain_id=network.chain.chain_id,
            credentials=credentials,
            ca_file=ca_file,
            within=within,
        )

    def _ceremony(self, key: ConsensusKey) -> Ceremony:
        row = items.key(self.chain_id, key.raw)
        return Ceremony(self.endpoints, self.head, row, CredentialsFile(self.credentials), self.ca_file)

    def read(self, key: ConsensusKey) -> Head | None:
        with self.within():
            return self._ceremony(key).read()

    def seed(self, key: ConsensusKey, position: Position, generation: int, gates: Collection[str]) -> None:
        with self.within():
            self._ceremony(key).seed(position, generation, gates)

    def admit(self, key: ConsensusKey, gate: str, generation: int) -> None:
        with self.within():
            self._ceremony(key).admit(gate, generation)

    def dismiss(self, key: ConsensusKey, gate: str, generation: int) -> None:
        with self.within():
            self._ceremony(key).dismiss(gate, generation)

    def precommits(self, key: ConsensusKey, position: Position) -> list[Claim]:
        with self.within():
            return self._ceremony(key).precommits(self.claims, position)

    def take_over(self, key: ConsensusKey, head: Head, gate: str, precommits: Collection[Claim]) -> None:
        with self.within():
            self._ceremony(key).take_over(self.claims, head, gate, precommits)

    def renew(self, key: ConsensusKey, old: int, generation: int, position: Position, gates: Collection[str]) -> None:
        with self.within():
            self._ceremony(key).renew(old, generation, position, gates)

    def close(self, key: ConsensusKey, generation: int) -> None:
        with self.within():
            self._ceremony(key).close(generation)
