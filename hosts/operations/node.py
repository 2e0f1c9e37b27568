"""Chain nodes: their identity, and files that depend on the identities of other hosts' nodes."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import gevent
from pyinfra import logger
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.context import ctx_host, ctx_state, host

from estate.model import ClientSpec
from hosts.facts.node import Identity, Kept, KeptIds, NodeIdentity
from hosts.facts.work import Service
from hosts.operations import files
from hosts.operations.files import Item


class NodeIds:
    """The node ids read in this run, by host name. An existing node id never changes."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._silent: set[str] = set()
        self._asking: defaultdict[str, Lock] = defaultdict(Lock)

    def of(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self._known[name] for name in names if name in self._known}

    def silent(self, names: Iterable[str]) -> list[str]:
        """Those that were queried in vain."""
        return sorted(self._silent.intersection(names))

    def open(self, name: str) -> bool:
        """Whether this host has yet to be queried."""
        return name not in self._known and name not in self._silent

    def ask(self, name: str, other: Host, user: str, config: str) -> None:
        """Reads the node id of `other`, once per run; a host that does not answer is not queried again."""
        with self._asking[name]:
            if not self.open(name):
                return
            why = ""
            with ctx_host.use(other):
                try:
                    found = other.get_fact(NodeIdentity, user=user, config=config, _sudo=True, _ignore_errors=True)
                except Exception as error:  # pyinfra raises what its connector raises
                    found, why = Identity(), f": {error}"
            if found.node_id:
                self._known[name] = found.node_id
            elif found.damaged:
                self._silent.add(name)
                logger.warning(
                    f"{name}: {config}/node_key.json is damaged; its node does not start with it, and its peers "
                    "keep the id that they have; move the file away and deploy again: the node gets a new id"
                )
            elif not found.answered:
                self._silent.add(name)
                logger.warning(f"{name} did not report its node id{why}; its peers keep the id that they have")


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A client as it is installed: its `spec`, its `user`, its `home`, its `program`, and by path below the home the
    files of its chain's genesis.
    """

    spec: ClientSpec
    user: str
    home: str
    program: str
    chain_id: str
    genesis: Mapping[str, str]

    @property
    def config(self) -> str:
        """The directory of Tendermint's configuration and of the node's key."""
        return f"{self.home}/{self.spec.config}"


def identification(client: Installed, state: Identity) -> str | None:
    """The script that creates a node's user, directories, genesis links and keys; `None` if they exist. Pure.

    An existing key is never replaced. The private validator key that `init` also creates is not used: it is in no
    chain's validator set.
    """
    home, user, spec = client.home, client.user, client.spec
    if (
        state.user
        and state.genesis == client.genesis[f"{spec.config}/genesis.json"]
        and (state.node_id or state.damaged)
    ):
        return None
    init = spec.init.format(program=client.program, chain_id=shlex.quote(client.chain_id), home='"$scratch"')
    home_, user_ = shlex.quote(home), shlex.quote(user)
    return "\n".join(
        [
            "set -eu; umask 077",
            f"getent passwd {user_} >/dev/null ||",
            f"  useradd --system --user-group --home-dir {home_} --no-create-home --shell /usr/sbin/nologin {user_}",
            f"install -d -o {user_} -g {user_} -m 700 "
            + " ".join([home_, *(f"{home_}/{directory}" for directory in spec.directories)]),
            *(f"ln -sfn {shlex.quote(target)} {home_}/{path}" for path, target in client.genesis.items()),
            f"if [ ! -e {home_}/{spec.node_key} ]; then",
            "  scratch=$(mktemp -d); trap 'rm -rf \"$scratch\"' EXIT",
            f"  {init} \\",
            '    >/dev/null 2>"$scratch/said" ||',
            '    { cat "$scratch/said" >&2; exit 1; }',
            f"  for file in {' '.join(spec.keys)}; do",
            f"    [ -s {home_}/$file ] && continue",
            f'    install -o {user_} -g {user_} -m 600 "$scratch/$file" {home_}/$file.new; sync {home_}/$file.new',
            f"    mv -fT {home_}/$file.new {home_}/$file",
            "  done",
            "fi",
        ]
    )


@operation()
def identify(client: Installed) -> Generator[StringCommand, None, None]:
    """Creates a node's user, directories, genesis links and keys: one fact, and one command if anything is missing."""
    needed = identification(client, host.get_fact(NodeIdentity, user=client.user, config=client.config))
    if needed:
        yield StringCommand(needed)


def _ids() -> NodeIds:
    """The node ids read in this run, stored in pyinfra's state, which all hosts of the run share."""
    kept: NodeIds = vars(host.state).setdefault("estate_node_ids", NodeIds())
    return kept


def _inventory() -> dict[str, Host]:
    return {each.name.rsplit("/", 1)[-1]: each for each in host.state.inventory}


def completed(wanted: Mapping[str, str], found: Mapping[str, str], kept: Kept) -> dict[str, str]:
    """`found`, and what is `kept` here of the other hosts `wanted` (`host:port` by name). Pure."""
    here = {name: kept.by_name.get(name) or kept.by_place.get(place) for name, place in wanted.items()}
    return {name: node_id for name in wanted if (node_id := found.get(name) or here[name])}


def node_ids(wanted: Mapping[str, str], user: str, config: str) -> dict[str, str]:
    """The node ids of the hosts `wanted` (`host:port` by name): read from them or, if a host does not answer, as they
    are kept here.

    A host is omitted if it has no node id yet, or if it does not answer and none is kept here, which is warned of.
    """
    inventory, state, ids = _inventory(), host.state, _ids()

    def ask(name: str) -> None:
        with ctx_state.use(state):
            ids.ask(name, inventory[name], user, config)

    gevent.joinall(
        [gevent.spawn(ask, name) for name in wanted if name in inventory and ids.open(name)], raise_error=True
    )
    found = ids.of(wanted)
    if len(found) < len(wanted):
        found = completed(wanted, found, host.get_fact(KeptIds, config=config))
        for name in ids.silent(wanted):
            if name not in found:
                logger.warning(
                    f"{host.name} has no node id of {name}, which did not report it: {name} is left out of its "
                    "configuration until it answers in a deploy"
                )
    return found


@operation()
def configure(
    wanted: Mapping[str, str],
    user: str,
    config: str,
    build: Callable[[Mapping[str, str]], Sequence[Item]],
    service: Callable[[Mapping[str, str]], Service | None],
) -> Generator[StringCommand, None, None]:
    """Installs the files that `build` renders from the node ids of the hosts `wanted`, atomically. `service`: what they
    restart, with those ids, for one host after the other; `None` if that interrupts nothing.
    """
    known = node_ids(wanted, user, config)
    yield from files.install._inner(items=build(known), restarts=service(known))
