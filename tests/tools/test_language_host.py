"""The language host lives as long as its engine, and ends the programs that it runs with it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ENGINE = """
import subprocess, sys
host = subprocess.Popen([sys.executable, "-m", "tools.language_host", sys.argv[1]], stdout=subprocess.PIPE, text=True)
print(host.pid, host.stdout.readline().strip(), flush=True)
host.wait()
"""
EXECUTOR = f"#!{sys.executable}\nimport time\ntime.sleep(600)\n"


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_ended(process: int) -> None:
    deadline = time.monotonic() + 60
    while lives(process):
        assert time.monotonic() < deadline, f"process {process} still runs"
        time.sleep(0.05)


def children(process: int) -> list[int]:
    """Of any of its threads; none where it has ended."""
    found = []
    for thread in Path(f"/proc/{process}/task").glob("*"):
        with contextlib.suppress(OSError):
            found += [int(each) for each in (thread / "children").read_text().split()]
    return found


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    executor = tmp_path / "pulumi-language-python-exec"
    executor.write_text(EXECUTOR)
    executor.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


@pytest.fixture
def address() -> Iterator[str]:
    """Where the engine's own server listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_killed_engine_takes_its_language_host_and_the_program_with_it(
    environment: dict[str, str], address: str, tmp_path: Path
) -> None:
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE, address], env=environment, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert engine.stdout is not None
    host, port = map(int, engine.stdout.readline().split())
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            runtime = language_pb2_grpc.LanguageRuntimeStub(channel)
            info = language_pb2.ProgramInfo(root_directory=str(tmp_path), program_directory=str(tmp_path))
            request = language_pb2.RunRequest(pwd=str(tmp_path), info=info)

            def ask() -> None:
                with contextlib.suppress(grpc.RpcError):
                    runtime.Run(request)

            asking = threading.Thread(target=ask, daemon=True)
            asking.start()
            deadline = time.monotonic() + 60
            while not (programs := children(host)):
                assert time.monotonic() < deadline, "the program was not started"
                time.sleep(0.05)
            assert lives(host)
            engine.send_signal(signal.SIGKILL)
            engine.wait()
            wait_until_ended(host)
            for program in programs:
                wait_until_ended(program)
            asking.join(60)
    finally:
        engine.kill()
        for process in (host, *children(host)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def test_a_host_whose_engine_is_gone_before_it_starts_does_not_serve(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    done = subprocess.run(
        [sys.executable, "-m", "tools.language_host", address],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "")
