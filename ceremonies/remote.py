"""The ceremonies' access to the hosts: scripts over SSH, with no secret in an argument list or on this machine."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ceremonies import chain_rpc, observation, scripts
from ceremonies.chain_rpc import Lock
from ceremonies.custody import ChainView, Refused, Sealed
from ceremonies.observation import SignerObservation
from ceremonies.public_key import ConsensusKey
from configuration import node_config, signer_config
from configuration.signer_config import Duty
from estate.errors import ExpectedError
from estate.model import CHAIN_ROLES, Network, Role
from estate.plan import signers
from estate.plan.hosts import Host, hosts, of_role

SIGNED_BLOCKS_LOOKED_AT = 50
"""The number of commits that are read at most, from the head down to the last signed height, even if the chain is
thousands of blocks ahead.
"""


SSH_OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "VerifyHostKeyDNS=no",
    "UpdateHostKeys=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
)
"""What an operator's own SSH configuration must not decide: a signer gets no agent, a host key must be known, and a
connection that its path has lost (an edge that took over keeps no connection of the other) ends after 15 s.
"""

NOT_SHARED = ("ControlMaster=no", "ControlPath=none")
SHARED_SECONDS = 10
"""How long a shared connection stays open after its last use. It outlives a killed ceremony by that."""

ATTEMPTS = 2
"""How often a script is run at most if the connection is lost: every script can be run again (`ceremonies.scripts`)."""

CONNECTION_LOST = 255
"""The exit status of `ssh` itself."""

CEREMONY_LOCK = "/run/estate-ceremony.lock"
"""On the first signer host of a network: held for as long as a ceremony runs, from whatever machine."""

NUMBER = re.compile(r"[0-9]{12}-[0-9a-f]{32}")
"""Of a ceremony: the first part rises, the second is its own."""


class HostFailed(ExpectedError):
    """A host could not be reached, or a script failed there."""


@dataclass(frozen=True, kw_only=True)
class Ssh:
    """How hosts are reached.

    If `key` and `known_hosts` are given, only they are used; otherwise the operator's SSH configuration, agent and
    known hosts. The host key must be known beforehand either way. `user` `None`: as configured. `prefix` is put before
    `ssh`, to enter a network namespace. `connections`: the directory of the connections that the calls share, one to
    each host; `None`: each call connects anew.
    """

    key: Path | None = None
    known_hosts: Path | None = None
    user: str | None = None
    prefix: Sequence[str] = ()
    connect_seconds: int = 10
    connections: Path | None = None

    def _sharing(self) -> tuple[str, ...]:
        if self.connections is None:
            return NOT_SHARED
        return ("ControlMaster=auto", f"ControlPersist={SHARED_SECONDS}", f"ControlPath={self.connections}/%C")

    def command(self, host: Host, script: str, *, shell: str = "sh") -> list[str]:
        """The command that runs `script` on `host` as root."""
        own = self.key is None and self.known_hosts is None
        options = [*SSH_OPTIONS, *self._sharing(), f"ConnectTimeout={self.connect_seconds}"]
        if self.known_hosts is not None:
            options += [f"UserKnownHostsFile={self.known_hosts}", "GlobalKnownHostsFile=/dev/null"]
        if self.key is not None:
            options.append("IdentitiesOnly=yes")
        return [
            *self.prefix,
            "ssh",
            *(() if own else ("-F", "none")),
            *(("-i", str(self.key)) if self.key is not None else ()),
            *(word for option in options for word in ("-o", option)),
            *(("-l", self.user) if self.user is not None else ()),
            str(host.management_address),
            f"sudo {shell} -c {shlex.quote(script)}",
        ]

    def run(self, host: Host, script: str, *, stdin: str = "", timeout_seconds: float = 60, shell: str = "sh") -> str:
        """Runs `script` on `host` as root and returns its output. A lost connection is tried once more.

        Raises:
            HostFailed: the host could not be reached, or the script failed.
        """
        command = self.command(host, script, shell=shell)
        failure = f"{host.name}: not tried"
        for _ in range(ATTEMPTS):
            try:
                done = subprocess.run(
                    command,
                    input=stdin,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    check=False,
                    timeout=timeout_seconds,
                )
            except subprocess.TimeoutExpired:
                failure = f"{host.name}: the step did not end within {timeout_seconds:.0f} s"
                continue
            if done.returncode == 0:
                return done.stdout
            lost = done.returncode == CONNECTION_LOST
            what = "could not be reached" if lost else f"a step failed there (exit {done.returncode})"
            said = (done.stderr or done.stdout).strip()[-600:]
            failure = f"{host.name} ({host.management_address}): {what}: {said}"
            if not lost:
                break
        raise HostFailed(failure)


@dataclass
class Turn:
    """Which ceremony this is. `number`: of the scripts that it sends; empty before it has begun."""

    number: str = ""


@dataclass(frozen=True, kw_only=True)
class RemoteSigners:
    """The signer hosts of a network. Every method names the host that it acts on."""

    network: Network
    ssh: Ssh
    turn: Turn = field(default_factory=Turn, compare=False)

    @property
    def _state_file(self) -> str:
        return signer_config.state_file(self.network, Duty.CONSENSUS)

    def _host(self, name: str) -> Host:
        return next(each for each in hosts(self.network) if each.name == name)

    @contextmanager
    def exclusive(self, without: Collection[str] = ()) -> Iterator[None]:
        """No other ceremony of this network runs, from whatever machine, until the block or this process ends. Of two
        ceremonies, the one that goes `without` the first host may run beside another.

        Two at once could each decide on what the other is about to change, and destroy the last copy of the key. For
        the same reason, a host that this ceremony has reached does nothing that an earlier one still sends: its process
        may have slept, or its connection may have ended with a script under way.

        Raises:
            HostFailed: another ceremony is running, or a signer does not answer.
        """
        first = next(each for each in of_role(self.network, Role.SIGNER) if each.name not in without)
        script = f"exec 8>{CEREMONY_LOCK}; flock -n 8 || exit 75; echo held; exec cat >/dev/null"
        command = self.ssh.command(first, script)
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as holder:
            assert holder.stdin and holder.stdout
            try:
                if holder.stdout.readline() != "held\n":
                    raise HostFailed(
                        f"{first.name}: another ceremony of {self.network.name} is running, or the host does not answer"
                        "; nothing was changed; wait for the other one to end, then run this again"
                    )
                self.turn.number = _after(self._each(scripts.number(), without).values())
                self._each(scripts.of_ceremony(self.turn.number, scripts.begin()), without)
                yield
            finally:
                holder.stdin.close()

    def observe(self, without: Collection[str] = ()) -> dict[str, SignerObservation]:
        """The state of each signer. All must answer: a key on a signer that does not answer would be overlooked.
        `without`: the signers that are not asked.

        Raises:
            HostFailed
        """
        outputs = self._each(observation.observe(self._state_file), without)
        return {name: observation.parse(output) for name, output in outputs.items()}

    def _each(self, script: str, without: Collection[str]) -> dict[str, str]:
        """What a script prints on each signer. Raises HostFailed if one does not answer."""
        signers = [each for each in of_role(self.network, Role.SIGNER) if each.name not in without]
        with ThreadPoolExecutor(max_workers=max(1, len(signers))) as pool:
            outputs = list(pool.map(lambda each: self.ssh.run(each, script), signers))
        return {each.name: output for each, output in zip(signers, outputs, strict=True)}

    def _run(self, name: str, script: str, *, stdin: str = "") -> str:
        """Runs a script of this ceremony, which does nothing where a newer one has been. Raises HostFailed."""
        numbered = scripts.of_ceremony(self.turn.number, script) if self.turn.number else script
        return self.ssh.run(self._host(name), numbered, stdin=stdin)

    def look_into(self, name: str) -> Sealed | None:
        """The content of the package there; `None` if it cannot be opened, or its state cannot be read."""
        found = dict(
            line.partition(" ")[::2] for line in self.ssh.run(self._host(name), scripts.look_into()).splitlines()
        )
        if "key" not in found or "state" not in found:
            return None
        try:
            return Sealed(key=found["key"], state=observation.parse_state(found["state"]))
        except ValueError:
            return None

    def generate(self, name: str) -> None:
        self._run(name, scripts.generate(self._state_file))

    def start(self, name: str) -> bool:
        """Whether it was started: only if it is configured to sign with the consensus key."""
        return "started" in self._run(name, scripts.start())

    def halt(self, name: str) -> None:
        self._run(name, scripts.halt())

    def invite(self, name: str) -> None:
        self._run(name, scripts.invite(name))

    def seal(self, source: str, target: str, *, keep: bool = False) -> None:
        certificate = self.ssh.run(self._host(target), scripts.certificate())
        package = self._run(source, scripts.seal(self._state_file, keep=keep), stdin=certificate)
        if "BEGIN CMS" not in package:
            raise HostFailed(f"{source}: it created no package for the key")
        self._run(target, scripts.receive(), stdin=package)

    def destroy(self, name: str) -> None:
        self._run(name, scripts.destroy())

    def unseal(self, name: str, expected: str, *, keep_state: bool = False) -> None:
        ConsensusKey.from_base64(expected)
        self._run(name, scripts.unseal(self._state_file, expected, keep_state=keep_state))

    def tidy(self, name: str) -> None:
        self._run(name, scripts.tidy())

    def release(self, name: str) -> None:
        self._run(name, scripts.release())

    def free(self, name: str) -> None:
        self._run(name, scripts.free())

    def raise_floor(self, name: str, key: ConsensusKey, height: int) -> None:
        """Writes the gate's watermark and tmkms's state: nothing at or below `height` is signed there."""
        chain_id = self.network.chain.chain_id
        self._run(name, scripts.raise_floor(self._state_file, chain_id, key.base64, height))

    def clear_halt(self, name: str) -> None:
        self._run(name, scripts.clear_halt(self.network.chain.chain_id))


@dataclass(frozen=True, kw_only=True)
class RemoteChain:
    """The chain, queried from our own nodes in turn until one of this chain answers that is not syncing."""

    network: Network
    ssh: Ssh

    def _ask(self, host: Host, questions: Sequence[tuple[str, Mapping[str, str]]]) -> list[Mapping[str, Any]]:
        settings = node_config.settings(self.network, host, {}, {})
        address, _, port = settings.local_rpc.removeprefix("tcp://").partition(":")
        base = self.network.chain.client.spec.rpc_base
        gets = [
            f"exec 3<>/dev/tcp/{address}/{port}; printf 'GET {base}/{method}?{urlencode(parameters)} "
            "HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3; exec 3>&-; echo; echo @@"
            for method, parameters in questions
        ]
        answers = self.ssh.run(host, "; ".join(gets), shell="bash").split("@@\n")[: len(questions)]
        results = []
        for (method, _), answer in zip(questions, answers, strict=True):
            document = json.loads(answer.replace("\r\n", "\n").partition("\n\n")[2])
            if "result" not in document:
                raise HostFailed(f"{host.name}: {method}: {document.get('error')}")
            results.append(document["result"])
        return results

    def head(self, host: Host) -> chain_rpc.Head:
        """What the node on `host` says of itself.

        Raises:
            HostFailed: it does not answer, or not as a node does.
        """
        try:
            return chain_rpc.parse_head(self._ask(host, [("status", {})])[0])
        except (ValueError, KeyError, TypeError) as error:
            raise HostFailed(f"{host.name}: its node does not answer as a node does: {error}") from None

    def view(self, address: str, above: int) -> ChainView | None:
        """The head, and at which heights above `above` the commits have the signature of `address`; `None` if no node
        answers.
        """
        for host in of_role(self.network, *CHAIN_ROLES):
            try:
                head = self.head(host)
                if head.catching_up or head.chain_id != self.network.chain.chain_id:
                    continue
                heights = range(max(above + 1, head.height - SIGNED_BLOCKS_LOOKED_AT), head.height)
                answers = (
                    self._ask(host, [("commit", {"height": str(height)}) for height in heights]) if heights else []
                )
                commits = [chain_rpc.parse_commit(each) for each in answers]
            except (HostFailed, ValueError, KeyError, TypeError):
                continue
            if [each.height for each in commits] != list(heights):
                continue
            return ChainView(
                head=head.height, signed_since=tuple(each.height for each in commits if address in each.signers)
            )
        return None

    def lock(self, signer: str) -> Lock | None:
        """What the node that `signer` signs for is locked on; `None` if it does not say."""
        host = next(each for each in of_role(self.network, Role.SIGNER) if each.name == signer)
        validator = signers.describe(self.network, host).active_validators[0]
        try:
            return chain_rpc.parse_lock(
                *self._ask(validator, [("consensus_state", {}), ("dump_consensus_state", {}), ("consensus_state", {})])
            )
        except (HostFailed, ValueError, KeyError, TypeError, AttributeError):
            return None


def _after(numbers: Iterable[str]) -> str:
    """A number for a ceremony, greater than these. Two at once never have the same. Raises HostFailed."""
    found = [each for each in numbers if each]
    for each in found:
        if not NUMBER.fullmatch(each):
            raise HostFailed(f"a host holds {each!r}, which is no number of a ceremony; find out who wrote it there")
    highest = max((int(each.partition("-")[0]) for each in found), default=0)
    return f"{highest + 1:012d}-{uuid.uuid4().hex}"


def active_signer(network: Network, site: str) -> Host:
    """The active signer of `site`.

    Raises:
        Refused: there is no such site, or it has none.
    """
    if site not in network.sites:
        raise Refused(f"got site {site!r}; expected a site of {network.name}: {', '.join(sorted(network.sites))}")
    for host in of_role(network, Role.SIGNER):
        if host.place == site and host.active:
            return host
    raise Refused(
        f"{site} has no active signer; mark one `active: true` in stacks/Pulumi.{network.name}.yaml and deploy it"
    )
