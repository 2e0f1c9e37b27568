"""A network's signers, chain and table, as one operator reaches them: in the lab or for real."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ceremonies import key_ceremonies
from ceremonies.gate_ceremonies import GateCeremonies
from ceremonies.gates import Declared
from ceremonies.key_ceremonies import KeyStatus
from ceremonies.remote import RemoteChain, RemoteSigners, Ssh
from ceremonies.steps import Pace, Transcript
from ceremonies.table import OperatorTable
from estate.errors import UsageError
from estate.model import Network
from estate.plan import coordination
from estate.plan.hosts import hosts


@dataclass(frozen=True, kw_only=True)
class Way:
    """How an operator gets to a network's hosts and table.

    `credentials`: the operator's own for the table, a file as `aws configure export-credentials --format process`
    prints; only a key that signs through gates needs them. `ca_file`: the authorities for the table's endpoints;
    `None`: those that this machine trusts. `within`: entered around every call of the table, where the way to it begins
    elsewhere.
    `transcripts`: the directory that a ceremony's record goes to.
    """

    ssh: Ssh
    transcripts: Path
    credentials: Path | None = None
    ca_file: Path | None = None
    within: Callable[[], AbstractContextManager[None]] = nullcontext


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Everything that the ceremonies of a network's key act on, over one way."""

    network: Network
    way: Way

    @property
    def signers(self) -> RemoteSigners:
        return RemoteSigners(network=self.network, ssh=self.way.ssh)

    @property
    def chain(self) -> RemoteChain:
        return RemoteChain(network=self.network, ssh=self.way.ssh)

    @property
    def table(self) -> OperatorTable:
        """The table that the network declares.

        Raises:
            UsageError: the way has no credentials for it.
        """
        if self.way.credentials is None:
            raise UsageError(
                f"got no credentials for the signing table; the key of {self.network.name} signs through gates, and "
                "every ceremony reads its row in that table; write them with `aws configure export-credentials "
                "--format process > FILE` and pass --credentials FILE"
            )
        return OperatorTable.of(self.network, self.way.credentials, ca_file=self.way.ca_file, within=self.way.within)

    def transcript(self, ceremony: str) -> Transcript:
        """Where the record of a ceremony goes: one file for each ceremony, never overwritten."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{ceremony}.log"
        return Transcript(self.way.transcripts / name)

    def status(self) -> KeyStatus:
        """Where the consensus key is, who signs with it, and what is wrong."""
        if self.network.signing.coordination is None:
            return key_ceremonies.status(self.signers)
        return self.gates("status").status()

    def gates(self, ceremony: str, progress: Callable[[str], None] = lambda _: None) -> GateCeremonies:
        """The ceremonies of a key that signs through gates. `ceremony` names the transcript's file.

        Raises:
            UsageError: the network declares no `signing.coordination`, or the way has no credentials for its table.
        """
        declared = self.network.signing.coordination
        if declared is None:
            raise UsageError(
                f"got {self.network.name}, which declares no signing.coordination; only a key that signs through gates "
                f"has the ceremony {ceremony}; declare signing.coordination in stacks/Pulumi.{self.network.name}.yaml"
            )
        return GateCeremonies(
            signers=self.signers,
            chain=self.chain,
            table=self.table,
            declared=Declared(
                gates=frozenset(each.name for each in hosts(self.network) if coordination.is_gated(self.network, each)),
                generation=declared.generation,
            ),
            transcript=self.transcript(ceremony),
            pace=Pace(progress=progress),
        )
