"""The configuration of a gate: one TOML file. Unknown keys are errors; all problems are reported at once."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.decision.records import REACH
from coordinator.privval.messages import Dialect
from coordinator.table.client import Endpoint

LONGEST_DEADLINE_SECONDS = 1.5
"""A later vote is useless in a round of one second. The node itself would wait for five."""

MOST_REACH = 10_000_000
"""More than two years of blocks of six seconds."""

MAX_ENDPOINTS = 2
MAX_ADDRESSES = 6
"""Of a replica. No region has more zones."""
MAX_SOCKET_PATH = 107
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
CHAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
"""At most 50 characters, the limit of a genesis file, and valid in a file name."""

USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
NODE_ID = re.compile(r"[0-9a-f]{40}")
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


class ConfigError(Exception):
    """``problems``: one sentence per problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Chain:
    """One key on one chain: its validator node, its signer and its table.

    ``deadline_seconds``: for one request as a whole. ``sign_extensions``: whether the chain has vote extensions, as in
    tmkms; a v1 node says it in each request. ``reach``: how many heights above the row a claim may be.
    ``signer_user``: the user as which the signer runs; empty: as the gate does. ``node_id``: the id of the key that the
    node's listener must prove (40 hex digits, as tmkms writes it); empty: not known, so any key is accepted.
    """

    chain_id: str
    generation: int
    dialect: Dialect
    node: tuple[str, int]
    signer: Path
    deadline_seconds: float
    head: str
    claims: str
    credentials: Path
    ca_file: Path
    endpoints: tuple[Endpoint, ...]
    sign_extensions: bool
    reach: int
    signer_user: str = ""
    node_id: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """``gate_id`` names this signer host in the table. ``state`` holds the watermark files and the connection key."""

    gate_id: str
    state: Path
    metrics: Path
    chains: tuple[Chain, ...]

    def chain(self, chain_id: str) -> Chain:
        """Raises ConfigError if the chain is not configured."""
        for each in self.chains:
            if each.chain_id == chain_id:
                return each
        known = ", ".join(each.chain_id for each in self.chains)
        raise ConfigError([f"there is no chain {chain_id!r} in the configuration; there is: {known}"])


class _Table:
    """Takes the known keys out of a TOML table and collects the problems."""

    def __init__(self, where: str, found: Any, problems: list[str]) -> None:
        self.where = where
        self._problems = problems
        self._left: dict[str, Any] = dict(found) if isinstance(found, Mapping) else {}
        if not isinstance(found, Mapping):
            self.wrong("must be a table")

    def wrong(self, text: str) -> None:
        self._problems.append(f"{self.where}: {text}")

    def take(self, key: str, read: Callable[[Any], Any], expected: str, default: Any = None) -> Any:
        """The value that ``read`` returns. If it raises ValueError or TypeError, the problem says ``expected``."""
        if key not in self._left:
            if default is None:
                self.wrong(f"{key} is missing; it must be {expected}")
            return default
        found = self._left.pop(key)
        try:
            return read(found)
        except (ValueError, TypeError):
            self.wrong(f"{key} is {found!r}; it must be {expected}")
            return default

    def tables(self, key: str) -> list[Any]:
        found = self._left.pop(key, [])
        if not isinstance(found, list) or not found:
            self.wrong(f"there must be at least one [[{key}]]")
            return []
        return found

    def end(self) -> None:
        for key in self._left:
            self.wrong(f"{key} is not a known key")


def _text(pattern: re.Pattern[str]) -> Callable[[Any], str]:
    def read(found: Any) -> str:
        if not isinstance(found, str) or not pattern.fullmatch(found):
            raise ValueError(found)
        return found

    return read


def _path(found: Any) -> Path:
    if not isinstance(found, str) or not found.startswith("/") or "\0" in found:
        raise ValueError(found)
    return Path(found)


def _integer(lowest: int, highest: int) -> Callable[[Any], int]:
    def read(found: Any) -> int:
        if type(found) is not int or not lowest <= found <= highest:
            raise ValueError(found)
        return found

    return read


def _seconds(found: Any) -> float:
    if type(found) not in (int, float) or not 0 < found <= LONGEST_DEADLINE_SECONDS:
        raise ValueError(found)
    return float(found)


def _address(found: Any) -> str:
    if not isinstance(found, str):
        raise ValueError(found)
    return str(ipaddress.ip_address(found))


def _addresses(found: Any) -> tuple[str, ...]:
    """One address, or several in order of preference."""
    addresses = tuple(map(_address, found)) if isinstance(found, list) else (_address(found),)
    if not 0 < len(addresses) <= MAX_ADDRESSES or len(set(addresses)) < len(addresses):
        raise ValueError(found)
    return addresses


def _node(found: Any) -> tuple[str, int]:
    address, separator, port = found.rpartition(":") if isinstance(found, str) else ("", "", "")
    if not separator or not port.isascii() or not port.isdigit():
        raise ValueError(found)
    return _address(address.removeprefix("[").removesuffix("]")), _integer(1, 65535)(int(port))


def _boolean(found: Any) -> bool:
    if type(found) is not bool:
        raise ValueError(found)
    return found


def _scheme(found: Any) -> str:
    if found not in ("http", "https"):
        raise ValueError(found)
    return str(found)


def _endpoint(where: str, found: Any, problems: list[str]) -> Endpoint:
    table = _Table(where, found, problems)
    first, *others = table.take(
        "address", _addresses, f"an IP address, or a list of at most {MAX_ADDRESSES} different ones"
    ) or ("",)
    endpoint = Endpoint(
        region=table.take("region", _text(NAME), "the region's name"),
        host=table.take("host", _text(HOST), "the endpoint's host name"),
        address=first,
        port=table.take("port", _integer(1, 65535), "a port"),
        scheme=table.take("scheme", _scheme, "http or https", "https"),
        others=tuple(others),
    )
    table.end()
    return endpoint


def _chain(where: str, found: Any, problems: list[str]) -> Chain:
    table = _Table(where, found, problems)
    endpoints = table.tables("endpoint")
    if len(endpoints) > MAX_ENDPOINTS:
        table.wrong(f"has {len(endpoints)} endpoints; at most {MAX_ENDPOINTS} replicas of a table can be called")
    chain = Chain(
        chain_id=table.take("chain_id", _text(CHAIN_ID), "a chain id of at most 50 letters, digits, dots or dashes"),
        generation=table.take("generation", _integer(1, 2**53), "a number from 1"),
        dialect=table.take("dialect", Dialect, " or ".join(Dialect)),
        node=table.take("node", _node, "an IP address, a colon and a port"),
        signer=table.take("signer", _path, "the absolute path of a unix socket"),
        deadline_seconds=table.take(
            "deadline_seconds", _seconds, f"a number above 0, at most {LONGEST_DEADLINE_SECONDS}"
        ),
        head=table.take("head", _text(NAME), "the name of a table"),
        claims=table.take("claims", _text(NAME), "the name of a table"),
        credentials=table.take("credentials", _path, "an absolute path"),
        ca_file=table.take("ca_file", _path, "an absolute path"),
        endpoints=tuple(
            _endpoint(f"{where}, endpoint {number}", each, problems) for number, each in enumerate(endpoints, 1)
        ),
        sign_extensions=table.take("sign_extensions", _boolean, "true or false", False),
        reach=table.take("reach", _integer(1, MOST_REACH), f"a number of blocks from 1 to {MOST_REACH}", REACH),
        signer_user=table.take("signer_user", _text(USER), "the name of the user as which the signer runs", ""),
        node_id=table.take("node_id", _text(NODE_ID), "the node's id, 40 lower-case hex digits", ""),
    )
    table.end()
    if chain.signer and len(bytes(chain.signer)) > MAX_SOCKET_PATH:
        table.wrong(f"signer has a path of more than {MAX_SOCKET_PATH} bytes; the kernel accepts no longer path")
    return chain


def parse(text: str) -> Config:
    """Raises ConfigError with all problems."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"not valid TOML: {error}"]) from None
    problems: list[str] = []
    table = _Table("the file", found, problems)
    chains = tuple(_chain(f"chain {number}", each, problems) for number, each in enumerate(table.tables("chain"), 1))
    config = Config(
        gate_id=table.take("gate_id", _text(NAME), "the name of this signer host"),
        state=table.take("state", _path, "the absolute path of a directory"),
        metrics=table.take("metrics", _path, "an absolute path"),
        chains=chains,
    )
    table.end()
    for name, values in (
        ("chain_id", [each.chain_id for each in chains]),
        ("signer", [each.signer for each in chains]),
        ("node", [each.node for each in chains]),
    ):
        known = [each for each in values if each is not None]
        if len(set(known)) < len(known):
            problems.append(f"the file: two chains have the same {name}; each chain must have its own")
    if problems:
        raise ConfigError(problems)
    return config


def read(path: Path) -> Config:
    """Raises ConfigError, also if the file cannot be read."""
    try:
        return parse(path.read_text())
    except OSError as error:
        raise ConfigError([f"{path} cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path} is not UTF-8 text"]) from None
