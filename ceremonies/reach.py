"""An operator's access to a network's signers, chain and table, in the lab or in production."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp

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
    """How an operator reaches a network's hosts and table.

    `credentials`: the operator's own for the table, a file as printed by `aws configure export-credentials --format
    process`; only a key that signs through gates needs them. `ca_file`: the certificate authorities of the table's
    endpoints; `None`: the system's. `within`: a context entered around every call of the table (the lab's network
    namespace). `transcripts`: the directory of the ceremonies' records.
    """

    ssh: Ssh
    transcripts: Path
    credentials: Path | None = None
    ca_file: Path | None = None
    within: Callable[[], AbstractContextManager[None]] = nullcontext


@dataclass(frozen=True, kw_only=True)
class Reach:
    """The hosts, the chain and the table of a network's key, for the ceremonies."""

    network: Network
    way: Way

    @cached_property
    def _ssh(self) -> Ssh:
        """A ceremony looks at every host before each step: one connection to a host serves all of its looks."""
        directory = Path(mkdtemp(prefix="estate-ssh-"))
        weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        return replace(self.way.ssh, connections=directory)

    @cached_property
    def signers(self) -> RemoteSigners:
        """The same each time: a ceremony that has begun sends all its scripts under its own number."""
        return RemoteSigners(network=self.network, ssh=self._ssh)

    @property
    def chain(self) -> RemoteChain:
        return RemoteChain(network=self.network, ssh=self._ssh)

    @property
    def table(self) -> OperatorTable:
        """The table that the network declares.

        Raises:
            UsageError: there are no credentials for it.
        """
        if self.way.credentials is None:
            raise UsageError(
                f"got no credentials for the signing table; the key of {self.network.name} signs through gates, and "
                "every ceremony reads its row in that table; write them with `aws configure export-credentials "
                "--format process > FILE` and pass --credentials FILE"
            )
        return OperatorTable.of(self.network, self.way.credentials, ca_file=self.way.ca_file, within=self.way.within)

    def transcript(self, ceremony: str) -> Transcript:
        """The record of a ceremony: one file per ceremony, never overwritten."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{ceremony}.log"
        return Transcript(self.way.transcripts / name)

    def status(self) -> KeyStatus:
        """The hosts that hold the consensus key, those that sign with it, and the problems."""
        if self.network.signing.coordination is None:
            return key_ceremonies.status(self.signers)
        return self.gates("status").status()

    def gates(self, ceremony: str, progress: Callable[[str], None] = lambda _: None) -> GateCeremonies:
        """The ceremonies of a key that signs through gates. `ceremony` names the transcript's file.

        Raises:
            UsageError: the network declares no `signing.coordination`, or there are no credentials for its table.
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
