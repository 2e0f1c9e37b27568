from __future__ import annotations

import json
from pathlib import Path

import pytest

from coordinator import config
from coordinator.config import ConfigError
from coordinator.privval.messages import Dialect
from coordinator.table.client import Endpoint

WHOLE = """
gate_id = "lab-signer-ash1-01"
state = "/var/lib/signing-gate"
metrics = "/run/signing-gate/metrics.prom"

[[chain]]
chain_id = "lab-1"
generation = 1
dialect = "tendermint"
node = "10.1.176.10:26659"
signer = "/run/signing-gate/lab-1.sock"
deadline_seconds = 0.4
head = "lab-signing-head"
claims = "lab-signing-claims"
credentials = "/run/signing-gate-lease/credentials.json"
ca_file = "/etc/ssl/certs/ca-certificates.crt"

[[chain.endpoint]]
region = "us-east-1"
host = "dynamodb.us-east-1.amazonaws.com"
address = "198.51.100.16"
port = 443
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        config.parse(text)
    return raised.value.problems


def test_a_whole_file_is_understood() -> None:
    found = config.parse(WHOLE)
    chain = found.chain("lab-1")
    assert (found.gate_id, found.state) == ("lab-signer-ash1-01", Path("/var/lib/signing-gate"))
    assert (chain.node, chain.dialect, chain.deadline_seconds) == (("10.1.176.10", 26659), Dialect.TENDERMINT, 0.4)
    assert chain.endpoints == (
        Endpoint("us-east-1", "dynamodb.us-east-1.amazonaws.com", "198.51.100.16", 443, "https"),
    )
    assert chain.sign_extensions is False
    assert chain.reach == 14_400
    assert (chain.signer_user, chain.node_id) == ("", "")


def test_a_replica_may_have_several_addresses() -> None:
    several = WHOLE.replace('"198.51.100.16"', '["198.51.100.16", "198.51.100.17", "2001:db8::0:1"]')
    (endpoint,) = config.parse(several).chain("lab-1").endpoints
    assert (endpoint.address, endpoint.others) == ("198.51.100.16", ("198.51.100.17", "2001:db8::1"))


def test_who_may_be_at_either_end_can_be_pinned() -> None:
    pinned = WHOLE.replace("generation = 1", f'generation = 1\nsigner_user = "tmkms"\nnode_id = "{"0f" * 20}"')
    chain = config.parse(pinned).chain("lab-1")
    assert (chain.signer_user, chain.node_id) == ("tmkms", "0f" * 20)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("generation = 1", "", "chain 1: generation is missing"),
        ("generation = 1", "generation = 0", "chain 1: generation is 0"),
        ("generation = 1", 'generation = 1\nsigner_user = "a b"', "chain 1: signer_user is 'a b'"),
        ("generation = 1", 'generation = 1\nnode_id = "0F"', "chain 1: node_id is '0F'; it must be the node's id, 40"),
        ("generation = 1", "generation = 1\nreach = 0", "chain 1: reach is 0; it must be a number of blocks from 1 to"),
        ("generation = 1", "generation = true", "chain 1: generation is True"),
        ("generation = 1", "generation = 1\nfloor = 0", "chain 1: floor is not a known key"),
        ('gate_id = "lab', 'gate = 1\ngate_id = "lab', "the file: gate is not a known key"),
        ('"tendermint"', '"cosmos"', "chain 1: dialect is 'cosmos'; it must be tendermint or cometbft-v1"),
        ("10.1.176.10:26659", "validator:26659", "chain 1: node is 'validator:26659'; it must be an IP address"),
        ("10.1.176.10:26659", "10.1.176.10", "chain 1: node is '10.1.176.10'"),
        ("10.1.176.10:26659", "10.1.176.10:0", "chain 1: node is '10.1.176.10:0'"),
        ("10.1.176.10:26659", "10.1.176.10:2665\uff19", "chain 1: node is '10.1.176.10:2665\uff19'"),
        ("10.1.176.10:26659", "10.1.176.10:65536", "chain 1: node is '10.1.176.10:65536'"),
        ("0.4", "1.6", "chain 1: deadline_seconds is 1.6; it must be a number above 0, at most 1.5"),
        ("0.4", "0", "chain 1: deadline_seconds is 0"),
        ("0.4", "nan", "chain 1: deadline_seconds is nan"),
        ('"lab-1"', '"../lab"', "chain 1: chain_id is '../lab'"),
        ("/run/signing-gate/lab-1.sock", "lab-1.sock", "chain 1: signer is 'lab-1.sock'; it must be the absolute path"),
        ("/run/signing-gate/lab-1.sock", "/" + "a" * 107, "chain 1: signer has a path of more than 107 bytes"),
        ("198.51.100.16", "table", "chain 1, endpoint 1: address is 'table'; it must be an IP address"),
        ('"198.51.100.16"', "7", "chain 1, endpoint 1: address is 7; it must be an IP address"),
        ('"198.51.100.16"', "[]", "chain 1, endpoint 1: address is []; it must be an IP address, or a list"),
        ('"198.51.100.16"', '["198.51.100.16", "x"]', "chain 1, endpoint 1: address is ['198.51.100.16', 'x']"),
        ('"198.51.100.16"', '["::1", "0:0::1"]', "chain 1, endpoint 1: address is ['::1', '0:0::1']"),
        ('"198.51.100.16"', str([f"10.0.0.{n}" for n in range(7)]), "chain 1, endpoint 1: address is ['10.0.0.0'"),
        ('address = "198.51.100.16"', "", "chain 1, endpoint 1: address is missing"),
        ("port = 443", 'port = "443"', "chain 1, endpoint 1: port is '443'; it must be a port"),
        ("port = 443", 'port = 443\nscheme = "ftp"', "chain 1, endpoint 1: scheme is 'ftp'"),
        ("port = 443", "port = 443\nretries = 3", "chain 1, endpoint 1: retries is not a known key"),
    ],
)
def test_what_is_wrong_is_said(old: str, new: str, problem: str) -> None:
    assert [each for each in problems(WHOLE.replace(old, new, 1)) if each.startswith(problem)]


def with_value(key: str, value: object) -> str:
    """The whole file with this value (as JSON, which TOML reads) for a key of the file, the chain or the endpoint."""
    lines = [line for line in WHOLE.splitlines() if not line.startswith(f"{key} = ")]
    before = {"gate_id": 0, "state": 0, "metrics": 0, "region": None, "host": None, "address": None, "port": None}
    at = before.get(key, lines.index("[[chain]]") + 1)
    lines.insert(len(lines) if at is None or key == "scheme" else at, f"{key} = {json.dumps(value)}")
    return "\n".join(lines)


def value_of(found: config.Config, key: str) -> object:
    chain = found.chains[0]
    (endpoint,) = chain.endpoints
    return next(getattr(of, key) for of in (found, chain, endpoint) if hasattr(of, key))


PATHS, NAMES = ("state", "metrics", "signer", "credentials", "ca_file"), ("gate_id", "head", "claims", "region")


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        *((key, "/" + "a" * 106, Path("/" + "a" * 106)) for key in PATHS),
        *((key, value, value) for key in NAMES for value in ("a", "A.b_c-9", "9" * 128)),
        *(("chain_id", value, value) for value in ("a", "cosmoshub-4", "Z" * 50)),
        *(("host", value, value) for value in ("a", "a" * 253, "dynamodb.us-east-1.amazonaws.com")),
        *(("signer_user", value, value) for value in ("_", "tmkms-2", "a" * 32)),
        *(("deadline_seconds", value, value) for value in (0.001, 1, 1.5)),
        *(("port", value, value) for value in (1, 65535)),
        ("node", "10.1.176.10:1", ("10.1.176.10", 1)),
        ("node", "[2001:db8::0:1]:65535", ("2001:db8::1", 65535)),
        ("dialect", "cometbft-v1", Dialect.COMETBFT_V1),
        ("sign_extensions", True, True),
        ("sign_extensions", False, False),
        ("node_id", "0123456789" * 4, "0123456789" * 4),
        ("address", "2001:db8::0:1", "2001:db8::1"),
    ],
)
def test_the_longest_and_the_shortest_of_each_value_is_read(key: str, value: object, read: object) -> None:
    assert value_of(config.parse(with_value(key, value)), key) == read


@pytest.mark.parametrize(
    ("key", "values"),
    [
        *((key, ("", "a", 1, "./a", "/a\0b", ["/a"])) for key in PATHS),
        ("signer", ("/" + "a" * 107,)),
        *((key, ("", "-a", "a b", "a" * 129, 1, True, ["a"], "a\n", "aX!")) for key in NAMES),
        ("chain_id", ("", "-a", "a/b", "a" * 51, 7)),
        ("host", ("", "-a", "a-", "A", "a" * 254, 7)),
        ("signer_user", ("9a", "A", "a" * 33, 7)),
        ("deadline_seconds", (0, -1, -0.1, 1.51, True, "0.4", [0.4])),
        ("port", (0, -1, 65536, 443.0, True, "443")),
        ("node", ("", ":26659", "10.1.176.10", "10.1.176.10:", "10.1.176.10:-1", "10.1.176.10:65536", 26659, ["x"])),
        ("dialect", ("", "Tendermint", 1)),
        ("sign_extensions", (0, 1, "true")),
        ("node_id", ("0" * 39, "0" * 41, "g" * 40, 7)),
        ("address", ("", "10.0.0", "10.0.0.256", 7, [7], [[]], [f"10.0.0.{n}" for n in range(7)])),
        ("scheme", ("", "HTTP", "https:", 1)),
    ],
)
def test_a_value_that_is_a_little_wrong_is_the_one_problem(key: str, values: tuple[object, ...]) -> None:
    for value in values:
        (problem,) = problems(with_value(key, value))
        assert f": {key} " in problem, value


def test_six_addresses_of_a_replica_are_read() -> None:
    addresses = [f"10.0.0.{n}" for n in range(6)]
    (endpoint,) = config.parse(with_value("address", addresses)).chain("lab-1").endpoints
    assert [*endpoint.addresses] == addresses


def test_what_is_given_in_another_shape_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no chain 'lab-2' in the configuration; there is: lab-1"):
        config.parse(WHOLE).chain("lab-2")
    assert problems(WHOLE[: WHOLE.index("[[chain]]")] + "chain = 7")[0].startswith("the file: there must be at least")
    without = WHOLE[: WHOLE.index("[[chain.endpoint]]")]
    assert problems(without + "endpoint = 7") == ["chain 1: there must be at least one [[endpoint]]"]
    assert "chain 1, endpoint 1: must be a table" in problems(without + "endpoint = [7]")
    (tmp_path / "gate.toml").write_text(WHOLE)
    assert config.read(tmp_path / "gate.toml") == config.parse(WHOLE)


@pytest.mark.parametrize(
    ("name", "lowest", "highest"), [("reach", 1, 10_000_000), ("generation", 1, 2**53)], ids=["reach", "generation"]
)
def test_a_number_has_its_limits(name: str, lowest: int, highest: int) -> None:
    def of(number: int) -> str:
        text = WHOLE if name == "generation" else WHOLE.replace("generation = 1", "generation = 1\nreach = 1")
        return text.replace(f"{name} = 1", f"{name} = {number}")

    assert [getattr(config.parse(of(each)).chain("lab-1"), name) for each in (lowest, highest)] == [lowest, highest]
    for each in (lowest - 1, highest + 1):
        assert problems(of(each))[0].startswith(f"chain 1: {name} is {each}; it must be a number")


def test_a_stand_in_of_the_table_needs_no_tls() -> None:
    (endpoint,) = config.parse(WHOLE.replace("port = 443", 'port = 8000\nscheme = "http"')).chain("lab-1").endpoints
    assert (endpoint.scheme, endpoint.port) == ("http", 8000)


def test_all_problems_are_said_at_once() -> None:
    assert len(problems(WHOLE.replace("generation = 1", "").replace("0.4", "9"))) == 2


def test_two_chains_have_nothing_in_common() -> None:
    again = WHOLE + WHOLE[WHOLE.index("[[chain]]") :]
    assert problems(again) == [
        f"the file: two chains have the same {what}; each chain must have its own"
        for what in ("chain_id", "signer", "node")
    ]


def test_a_chain_needs_an_endpoint_and_the_file_a_chain() -> None:
    assert problems(WHOLE[: WHOLE.index("[[chain.endpoint]]")]) == ["chain 1: there must be at least one [[endpoint]]"]
    assert problems(WHOLE[: WHOLE.index("[[chain]]")]) == ["the file: there must be at least one [[chain]]"]
    assert problems(WHOLE[: WHOLE.index("[[chain]]")] + "chain = [7]")[0] == "chain 1: must be a table"


def test_more_replicas_than_a_table_has_are_refused() -> None:
    endpoint = WHOLE[WHOLE.index("[[chain.endpoint]]") :]
    assert len(config.parse(WHOLE + endpoint).chain("lab-1").endpoints) == 2
    assert problems(WHOLE + endpoint + endpoint)[0].startswith("chain 1: has 3 endpoints")


def test_what_is_no_toml_or_no_file_is_said(tmp_path: Path) -> None:
    assert problems("gate_id =")[0].startswith("not valid TOML")
    with pytest.raises(ConfigError, match="cannot be read"):
        config.read(tmp_path / "gate.toml")
    (tmp_path / "gate.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        config.read(tmp_path / "gate.toml")
