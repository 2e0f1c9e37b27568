"""The gate as a process: its command line, its end."""

from __future__ import annotations

import base64
import gc
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from coordinator import config as gate_config
from coordinator import floor, service
from coordinator.__main__ import main
from coordinator.decision.effects import Cause
from coordinator.decision.position import MAX_HEIGHT, spent
from coordinator.decision.records import Gate
from coordinator.events import Events
from coordinator.metrics import Metrics
from coordinator.node import identity
from coordinator.service import ChainService
from tests.coordinator.gate.peers import Node

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
KEY = bytes(range(32))
CONFIG = """
gate_id = "gate-a"
state = "{directory}"
metrics = "{directory}/metrics.prom"

[[chain]]
chain_id = "lab-1"
generation = 1
dialect = "tendermint"
node = "127.0.0.1:{port}"
signer = "{directory}/lab-1.sock"
deadline_seconds = 0.2
head = "head"
claims = "claims"
credentials = "{directory}/credentials.json"
ca_file = "/etc/ssl/certs/ca-certificates.crt"

[[chain.endpoint]]
region = "us-east-1"
host = "dynamodb.us-east-1.amazonaws.com"
address = "127.0.0.1"
port = 1
"""


@pytest.fixture
def node():
    node = Node()
    yield node
    node.close()


@pytest.fixture
def config(tmp_path: Path, node: Node) -> Path:
    path = tmp_path / "gate.toml"
    path.write_text(CONFIG.format(directory=tmp_path, port=node.address[1]))
    return path


def seed(config: Path, height: int = 9, key: bytes = KEY) -> int:
    text = base64.b64encode(key).decode()
    return main(["seed", "--config", str(config), "--chain", "lab-1", "--public-key", text, "--height", str(height)])


def test_a_gate_runs_and_ends_cleanly_on_sigterm(config: Path, node: Node, tmp_path: Path) -> None:
    assert seed(config) == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "coordinator", "run", "--config", str(config)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout is not None
        events = [json.loads(process.stdout.readline())]
        while events[-1]["event"] != "not-started":
            events.append(json.loads(process.stdout.readline()))
        assert events[-1]["cause"] == "table-unknown"
        with (
            pytest.raises(floor.FloorUnusable, match="another process holds"),
            floor.held(tmp_path / "lab-1.floor.json"),
        ):
            pass
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    names = [json.loads(line)["event"] for line in output.splitlines()]
    assert names[-2:] == ["ended", "gate-down"]
    assert 'signing_gate_started{chain="lab-1"} 0' in (tmp_path / "metrics.prom").read_text()
    assert not (tmp_path / "lab-1.sock").exists()
    assert (tmp_path / "connection.key").stat().st_mode & 0o777 == 0o600


@contextmanager
def running(config: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """What it gives starts a service of this configuration. All are killed at the end of the ``with``."""
    with ExitStack() as stack:

        def start() -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "coordinator", "run", "--config", str(config)]
            environment = os.environ | {"PYTHONPATH": str(ROOT)}
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield start


def why_not_started(process: subprocess.Popen[str]) -> dict:
    assert process.stdout is not None
    return next(each for each in map(json.loads, process.stdout) if each["event"] == "not-started")


def test_of_two_services_at_once_one_has_the_chain_and_the_other_after_its_kill(config: Path, tmp_path: Path) -> None:
    assert seed(config) == 0
    identity(tmp_path / "connection.key")
    with running(config) as start:
        both = [start(), start()]
        causes = {why_not_started(each)["cause"]: each for each in both}
        assert causes.keys() == {"disk", "table-unknown"}, "the second holds no watermark, so that it asks no table"
        third = start()
        later = why_not_started(third)
        assert later["cause"] == "disk" and "another process holds" in later["detail"]
        assert (tmp_path / "lab-1.sock").is_socket(), "the others took nothing from the one that has the chain"
        third.kill()
        causes["table-unknown"].kill()
        causes["table-unknown"].wait()
        assert why_not_started(causes["disk"])["cause"] == "table-unknown", "a kill leaves no lock"


def test_each_run_has_a_name_of_its_own_and_is_of_the_configured_generation_and_reach(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates: list[Gate] = []

    class Once(ChainService):
        """Ends the process as soon as it runs."""

        def run(self) -> None:
            gates.append(self._gate)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(service, "ChainService", Once)
    config.write_text(config.read_text().replace("generation = 1", "generation = 7\nreach = 55"))
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    interval = sys.getswitchinterval()
    try:
        for _ in range(2):
            assert service.run(gate_config.read(config), Events(io.StringIO()), Metrics()) == 0
    finally:
        sys.setswitchinterval(interval)
        gc.unfreeze()
        for number, handler in before.items():
            signal.signal(number, handler)
    assert [(each.gate_id, each.chain_id, each.generation, each.reach) for each in gates] == [
        ("gate-a", "lab-1", 7, 55)
    ] * 2
    assert len({each.boot_id for each in gates}) == 2 and all(len(each.boot_id) == 32 for each in gates)


def test_a_wrong_configuration_is_said_without_a_traceback(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text().replace("generation = 1", "generation = 0\nretries = 3"))
    assert main(["run", "--config", str(config)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.removeprefix(f"{config}: ") for line in said] == [
        "chain 1: generation is 0; it must be a number from 1",
        "chain 1: retries is not a known key",
    ]


def test_show_says_what_is_there_and_what_is_missing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--config", str(config)]) == 1
    assert "is missing; seed it" in capsys.readouterr().out
    assert seed(config) == 0
    capsys.readouterr()
    assert main(["show", "--config", str(config)]) == 0
    key = base64.b64encode(KEY).decode()
    assert capsys.readouterr().out == f"lab-1: floor {spent(9).text}, key {key}, not halted\n"


def test_a_watermark_is_seeded_raised_and_never_lowered(config: Path, tmp_path: Path) -> None:
    path = floor.path_of(tmp_path, "lab-1")
    for height, stands in ((9, 9), (20, 20), (5, 20)):
        assert seed(config, height) == 0
        assert floor.read(path, "lab-1").position == spent(stands)
    assert seed(config, 30, bytes(32)) == 1
    assert floor.read(path, "lab-1").position == spent(20)


def test_a_halt_is_cleared(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed(config)
    path = floor.path_of(tmp_path, "lab-1")
    keeper = floor.Keeper(path, floor.read(path, "lab-1"))
    keeper.halt(Cause.ROW_TAKEN)
    keeper.close()
    capsys.readouterr()
    assert main(["clear-halt", "--config", str(config), "--chain", "lab-1"]) == 0
    assert capsys.readouterr().out == "lab-1: was halted because of row-taken; no longer\n"
    assert floor.read(path, "lab-1").halted is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["seed", "--chain", "lab-1", "--height", "1"], "required: --public-key"),
        (["seed", "--chain", "lab-1", "--public-key", "A" * 43 + "="], "required: --height"),
        (["seed", "--public-key", "A" * 43 + "=", "--height", "1"], "required: --chain"),
        (["clear-halt"], "required: --chain"),
        (["seed", "--chain", "lab-1", "--public-key", "AAAA", "--height", "1"], "32 bytes in base64"),
        (["seed", "--chain", "lab-1", "--public-key", "!" + "A" * 43 + "=", "--height", "1"], "32 bytes in base64"),
        (["seed", "--chain", "lab-1", "--public-key", "é", "--height", "1"], "32 bytes in base64"),
        (["seed", "--chain", "lab-1", "--public-key", "A" * 43 + "=", "--height", "-1"], "a height from 0"),
        (["seed", "--chain", "lab-1", "--public-key", "A" * 43 + "=", "--height", str(2**63)], "a height from 0"),
    ],
)
def test_wrong_words_are_refused(config: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--config", str(config)])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_an_unknown_chain_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clear-halt", "--config", str(config), "--chain", "lab-2"]) == 2
    assert "there is no chain 'lab-2' in the configuration; there is: lab-1" in capsys.readouterr().err


@pytest.mark.parametrize("code", [0, 1])
def test_a_gate_that_serves_ends_with_the_code_of_its_service(
    config: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    served = []

    def run(of: gate_config.Config, events: Events, metrics: Metrics) -> int:
        events._dropped("lab-1")
        served.append((of.gate_id, metrics.text()))
        return code

    monkeypatch.setattr(service, "run", run)
    assert main(["run", "--config", str(config)]) == code
    ((gate_id, counted),) = served
    assert gate_id == "gate-a" and 'signing_gate_events_dropped_total{chain="lab-1"} 1' in counted


def test_the_highest_and_the_lowest_height_are_heights(config: Path, tmp_path: Path) -> None:
    for height in (0, MAX_HEIGHT):
        assert seed(config, height) == 0
        assert floor.read(floor.path_of(tmp_path, "lab-1"), "lab-1").position == spent(height)


def test_no_halt_is_said_where_there_is_none(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seed(config) == 0
    capsys.readouterr()
    assert main(["clear-halt", "--config", str(config), "--chain", "lab-1"]) == 0
    assert capsys.readouterr().out == "lab-1: was not halted\n"


def test_a_halted_key_is_shown_as_one(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed(config)
    path = floor.path_of(tmp_path, "lab-1")
    with floor.held(path):
        floor.Keeper(path, floor.read(path, "lab-1")).halt(Cause.ROW_TAKEN)
    capsys.readouterr()
    assert main(["show", "--config", str(config)]) == 0
    assert capsys.readouterr().out.endswith("halted because of row-taken\n")


def test_each_command_needs_its_configuration_and_tells_what_failed(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("run", "show"):
        with pytest.raises(SystemExit) as ended:
            main([command])
        assert ended.value.code == 2 and "required: --config" in capsys.readouterr().err
    assert main(["clear-halt", "--config", str(config), "--chain", "lab-1"]) == 1
    assert "is missing; seed it" in capsys.readouterr().err
