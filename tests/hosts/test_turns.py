"""Hosts whose service runs restart one after the other: the next one once the service does again what it did."""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import gevent
import pytest
from pyinfra.api.command import StringCommand
from pyinfra.context import ctx_host

from configuration import gate_config, node_config
from configuration.context import HostContext
from configuration.signer_config import UNIT
from coordinator.metrics import Metrics
from estate.declaration import load
from estate.model import CHAIN_ROLES, ClientKind, Network, Role
from estate.plan import coordination
from estate.plan.hosts import of_role
from hosts.facts.work import Service, Work, Working
from hosts.operations import turns
from hosts.roles import node, signer
from tests.hosts import samples

SERVICE = Service(units=("a.service",), tests={"follows": "true", "has peers": "true"})
CHANGE = StringCommand("restart")
NOTHING, SILENT = Work(answered=True), Work()
WORKS = Work(answered=True, running=frozenset({"a.service"}), succeeded=frozenset({"follows"}))
TRIES = Work(answered=True, running=frozenset({"a.service"}))


@dataclass
class Run:
    """A run of pyinfra over hosts that say this of their service. `fails`: the command at which a host fails.

    `log`: host and command, in the order in which they began and ended.
    """

    says: dict[str, Work]
    fails: dict[str, int] = field(default_factory=dict)
    executing: bool = True
    log: list[tuple[str, str]] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.state = SimpleNamespace(is_executing=self.executing)

    def _host(self, name: str, service: Service | None) -> None:
        fake = SimpleNamespace(name=name, state=self.state, get_fact=lambda fact, service: self.says[name])
        with ctx_host.use(fake):  # type: ignore[arg-type]  # stands for a host of pyinfra's
            for number, command in enumerate(turns.in_turn(service, CHANGE)):
                text = str(command)
                self.log.append((name, "change" if command is CHANGE else "wait" if "while" in text else text))
                gevent.sleep(0.005)
                self.log.append((name, "done"))
                if self.fails.get(name) == number or "exit 1" in text and "while" not in text:
                    self.failed.add(name)
                    break

    def run(self, service: Service | None = SERVICE) -> None:
        gevent.joinall([gevent.spawn(self._host, name, service) for name in self.says], raise_error=True)

    def together(self) -> int:
        """The most hosts that changed at one time."""
        now, most = 0, 0
        for _, what in self.log:
            now += -1 if what == "done" else 1
            most = max(most, now)
        return most


def test_hosts_that_work_restart_one_after_the_other_and_each_waits_until_it_works_again() -> None:
    run = Run({"one": WORKS, "two": WORKS, "three": WORKS})
    run.run()
    assert run.together() == 1 and not run.failed
    for name in run.says:
        mine = [position for position, (host, _) in enumerate(run.log) if host == name]
        assert [run.log[position][1] for position in mine] == ["change", "done", "wait", "done"]
        assert mine == list(range(mine[0], mine[0] + 4)), "nobody else began in between"


def test_where_nothing_runs_yet_nobody_waits_for_another() -> None:
    run = Run({"one": NOTHING, "two": NOTHING, "three": NOTHING})
    run.run()
    assert run.together() == 3 and {what for _, what in run.log} == {"change", "done"}


@pytest.mark.parametrize(("service", "executing"), [(None, True), (SERVICE, False)], ids=["no restart", "a preview"])
def test_a_change_that_restarts_nothing_takes_no_turn(service: Service | None, executing: bool) -> None:
    run = Run({"one": WORKS, "two": WORKS}, executing=executing)
    run.run(service)
    assert run.together() == 2 and {what for _, what in run.log} == {"change", "done"}


@pytest.mark.parametrize("says", [TRIES, SILENT], ids=["does not work", "does not say"])
def test_what_may_run_takes_its_turn_and_is_not_waited_for_if_it_did_nothing(says: Work) -> None:
    run = Run({"one": says, "two": says})
    run.run()
    assert run.together() == 1 and {what for _, what in run.log} == {"change", "done"}


@pytest.mark.parametrize("at", [0, 1], ids=["the change fails", "it does not come back"])
def test_after_a_host_that_failed_in_its_turn_no_host_that_works_is_touched(at: int) -> None:
    run = Run({"one": WORKS, "two": WORKS, "broken before": TRIES}, fails={"one": at})
    run.run()
    assert run.failed == {"one", "two"}
    said = [what for name, what in run.log if name == "two" and what != "done"]
    assert len(said) == 1 and "nothing was changed here" in said[0] and "one, whose turn" in said[0]
    assert ("broken before", "change") in run.log, "it may be what mends it"


FAKE = """#!/bin/sh
cat {root}/state
"""


def shell(root: Path, script: str, state: str = "active") -> subprocess.CompletedProcess[str]:
    (root / "systemctl").write_text(FAKE.format(root=root))
    (root / "systemctl").chmod(0o755)
    (root / "state").write_text(state)
    return subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, env={"PATH": f"{root}:/usr/bin:/bin"}, check=False
    )


def that_has(root: Path, *names: str) -> Service:
    return Service(units=("a.service",), tests={f"has {name}": f"[ -e {root / name} ]" for name in names})


def test_the_tests_of_a_service_are_read_in_one_round_trip(tmp_path: Path) -> None:
    (tmp_path / "peers").touch()
    fact, service = Working(), that_has(tmp_path, "peers", "blocks")
    for state, running in (("active", {"a.service"}), ("failed", {"a.service"}), ("inactive", set())):
        done = shell(tmp_path, fact.command(service=service), state)
        assert done.returncode == 0
        assert fact.process(done.stdout.splitlines()) == Work(
            answered=True, running=frozenset(running), succeeded=frozenset({"has peers"})
        )
    assert fact.process([]) == fact.default() == SILENT


def test_only_what_a_service_did_before_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "BACK_WITHIN_SECONDS", 0)
    service = that_has(tmp_path, "peers", "blocks")
    before = Work(running=frozenset({"a.service"}), succeeded=frozenset({"has peers"}))
    late = shell(tmp_path, turns.until_back(service, before))
    assert late.returncode == 1 and "has peers" in late.stderr and "has blocks" not in late.stderr
    (tmp_path / "peers").touch()
    assert shell(tmp_path, turns.until_back(service, before)).returncode == 0


def test_a_service_that_is_back_within_the_time_is_waited_for(tmp_path: Path) -> None:
    before = Work(running=frozenset({"a.service"}), succeeded=frozenset({"has peers"}))
    script = f"(sleep 1; touch {tmp_path / 'peers'}) & {turns.until_back(that_has(tmp_path, 'peers'), before)}"
    assert shell(tmp_path, script).returncode == 0 and (tmp_path / "peers").exists()


def test_a_unit_that_the_change_stopped_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "BACK_WITHIN_SECONDS", 0)
    before = Work(running=frozenset({"a.service"}), succeeded=frozenset({"has peers"}))
    script = turns.until_back(that_has(tmp_path, "peers"), before)
    assert shell(tmp_path, script, "inactive").returncode == 0
    assert shell(tmp_path, script, "failed").returncode == 1, "it fell over"


@pytest.fixture(scope="module")
def network(stack_file: Path) -> Network:
    return load.read(stack_file)


def contexts(network: Network, roles: Sequence[Role]) -> list[HostContext]:
    inventory = samples.inventory(network)
    return [HostContext(network=network, host=host, inventory=inventory) for host in of_role(network, *roles)]


def rpc(base: str, status: str, net_info: str) -> Generator[int, None, None]:
    """A node's RPC on loopback below the path ``base``, which answers in the way that it is asked."""
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write((status if self.path == f"{base}/status" else net_info).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_node_is_back_when_it_follows_the_chain_and_has_its_own_peers_again(network: Network, tmp_path: Path) -> None:
    (context, *_) = contexts(network, [Role.VALIDATOR])
    first, second, *_ = node_config.own_peers(network, context.host)
    ids = {first.name: "a" * 40, second.name: "b" * 40}
    base = "/rpc" if network.chain.client.kind is ClientKind.LOOM else ""
    service = node.service(context, ids)
    assert service.units == (node.unit_name(network.chain),)
    everything = frozenset({"follows the chain", "has peers", f"is connected with {first.name}"})
    for catching_up, peers, succeeded in (
        ("false", "1", everything),
        ("true", "1", everything - {"follows the chain"}),
        ("false", "0", frozenset({"follows the chain"})),
    ):
        peer = f', "id": "{"a" * 40}"' if peers == "1" else ""
        for port in rpc(base, f'{{"catching_up": {catching_up}}}', f'{{"n_peers": "{peers}"{peer}}}'):
            command = Working().command(service=service).replace(f"/{network.chain.ports.rpc} ", f"/{port} ")
            said = shell(tmp_path, command).stdout.splitlines()
            assert Working().process(said).succeeded == succeeded
    dead = shell(tmp_path, Working().command(service=service).replace(f"/{network.chain.ports.rpc} ", "/1 "))
    assert dead.returncode == 0 and not Working().process(dead.stdout.splitlines()).succeeded


def test_a_signer_is_back_when_its_gate_says_that_nothing_keeps_it_from_signing(
    network: Network, tmp_path: Path
) -> None:
    chain = network.chain.chain_id
    for context in contexts(network, [Role.SIGNER]):
        service = signer.service(context)
        if not coordination.is_gated(network, context.host):
            assert service.units == (UNIT,) and set(service.tests) == {"runs tmkms"}
            continue
        assert service.units == (gate_config.UNIT, UNIT)
        metrics = Metrics()
        for name in ("started", "node_connected", "signer_connected"):
            metrics.put(name, chain, 1.0)
        metrics.write(tmp_path / "metrics.prom")
        command = Working().command(service=service).replace(gate_config.METRICS, str(tmp_path / "metrics.prom"))
        assert Working().process(shell(tmp_path, command, "running").stdout.splitlines()).succeeded == set(
            service.tests
        )
        metrics.put("node_connected", chain, 0.0)
        metrics.write(tmp_path / "metrics.prom")
        lost = set(service.tests) - Working().process(shell(tmp_path, command, "running").stdout.splitlines()).succeeded
        assert lost == {"is connected with its validator"}


def test_every_operation_whose_files_restart_a_node_or_a_signer_takes_turns(network: Network) -> None:
    for context in contexts(network, CHAIN_ROLES):
        ids = {each.name: "a" * 40 for each in node_config.own_peers(network, context.host)}
        unit = node.unit_name(network.chain)
        restarting = [item for item in node.items(context, ids) if item.then and f"restart {unit}" in item.then]
        assert restarting and node.service(context, ids).units == (unit,)
    roles = Path(signer.__file__).parent
    assert "restarts=service(context)" in (roles / "signer.py").read_text()
    assert "service=lambda node_ids: service(context, node_ids)" in (roles / "node.py").read_text()
