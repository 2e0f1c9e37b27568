"""Pulumi's Python language host: starts the program in its virtual environment when the engine asks for it.

A release of Pulumi brings its own; an engine built from its Go module does not, because the host's module is not
published. The engine starts this with the address of its own server as last argument, reads the port from the first
line of stdout, and speaks the `LanguageRuntime` service (pulumi/proto/language.proto) to it. Each `Run` is a process of
its own, so that a preview leaves nothing behind that the update after it would see.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

MESSAGE_BYTES = 400 * 1024 * 1024
"""The engine's own limit for one message."""

ALREADY_REPORTED = 32
"""Exit code of `pulumi-language-python-exec` where the program's error has already gone to the engine."""


LOOKS_EVERY_SECONDS = 0.5
"""How often the host checks that its engine still runs: a killed engine sends no signal."""


class EnvironmentMissing(Exception):
    """The virtual environment that the project names does not exist."""


class PythonHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Serves one engine. `executor` is the path of `pulumi-language-python-exec`."""

    def __init__(self, engine_address: str, executor: Path) -> None:
        self._engine_address = engine_address
        self._executor = executor
        self._running: set[subprocess.Popen[bytes]] = set()
        self._guard = threading.Lock()
        self._ended = False

    def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        self._engine_address = request.engine_address or self._engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def GetRequiredPlugins(
        self, request: language_pb2.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPluginsResponse:
        return language_pb2.GetRequiredPluginsResponse()

    def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        """The provider plugins of the installed packages, but for those that PULUMI_DEBUG_PROVIDERS attaches."""
        attached = {
            entry.partition(":")[0] for entry in os.environ.get("PULUMI_DEBUG_PROVIDERS", "").split(",") if entry
        }
        packages = []
        for directory in self._site_packages(request.info):
            for manifest in sorted(directory.glob("*/pulumi-plugin.json")):
                plugin = json.loads(manifest.read_text())
                if plugin.get("resource") and plugin.get("name") and plugin["name"] not in attached:
                    packages.append(
                        plugin_pb2.PackageDependency(
                            name=plugin["name"],
                            kind="resource",
                            version=plugin.get("version", ""),
                            server=plugin.get("server", ""),
                        )
                    )
        return language_pb2.GetRequiredPackagesResponse(packages=packages)

    def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        dependencies = []
        for directory in self._site_packages(request.info):
            for found in importlib.metadata.distributions(path=[str(directory)]):
                if request.transitiveDependencies or found.name.lower().startswith("pulumi"):
                    dependencies.append(language_pb2.DependencyInfo(name=found.name, version=found.version))
        dependencies.sort(key=lambda dependency: dependency.name.lower())
        return language_pb2.GetProgramDependenciesResponse(dependencies=dependencies)

    def About(self, request: language_pb2.AboutRequest, context: grpc.ServicerContext) -> language_pb2.AboutResponse:
        try:
            python = self._python(request.info)
            said = subprocess.run([python, "--version"], capture_output=True, text=True, check=False).stdout
        except EnvironmentMissing:
            python, said = sys.executable, sys.version
        version = re.search(r"\d+\.\d+\.\d+", said)
        return language_pb2.AboutResponse(executable=python, version=version.group() if version else "unknown")

    def RuntimeOptionsPrompts(
        self, request: language_pb2.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> language_pb2.RuntimeOptionsResponse:
        return language_pb2.RuntimeOptionsResponse()

    def InstallDependencies(
        self, request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        """Make the project's virtual environment, if it names one, and install its requirements; streams the output."""
        directory = Path(request.directory)
        environment = self._virtualenv(request.info)
        python = sys.executable
        steps = []
        if environment:
            python = str(environment / "bin" / "python")
            if not Path(python).exists():
                steps.append([shutil.which("python3") or sys.executable, "-m", "venv", str(environment)])
        if (directory / "requirements.txt").exists():
            steps.append([python, "-m", "pip", "install", "-r", "requirements.txt"])
        for step in steps:
            done = subprocess.run(step, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            yield language_pb2.InstallDependenciesResponse(stdout=done.stdout)
            if done.returncode != 0:
                context.abort(grpc.StatusCode.INTERNAL, f"`{' '.join(step)}` failed with exit code {done.returncode}")

    def Run(self, request: language_pb2.RunRequest, context: grpc.ServicerContext) -> language_pb2.RunResponse:
        try:
            python = self._python(request.info)
        except EnvironmentMissing as error:
            return language_pb2.RunResponse(error=str(error))
        child = self._start(python, request)
        if child is None:
            return language_pb2.RunResponse(error="the language host is stopping")
        context.add_callback(lambda: _terminate(child))
        code = child.wait()
        with self._guard:
            self._running.discard(child)
        sys.stdout.flush()
        if code == 0:
            return language_pb2.RunResponse()
        if code == ALREADY_REPORTED:
            return language_pb2.RunResponse(bail=True)
        how = f"was ended by signal {-code}" if code < 0 else f"exited with code {code}"
        return language_pb2.RunResponse(error=f"the program {how}")

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self.stop()
        return empty_pb2.Empty()

    def stop(self) -> None:
        """End the programs that run, and start no more."""
        self._ended = True
        for child in list(self._running):
            _terminate(child)

    def _start(self, python: str, request: language_pb2.RunRequest) -> subprocess.Popen[bytes] | None:
        entry_point = request.info.entry_point or request.program or "."
        program_directory = request.info.program_directory or request.pwd
        environment = {
            **os.environ,
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        virtualenv = self._virtualenv(request.info)
        if virtualenv:
            environment.pop("PYTHONHOME", None)
            environment |= {
                "VIRTUAL_ENV": str(virtualenv),
                "PATH": f"{virtualenv / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
            }
        command = [
            *(python, "-u", str(self._executor)),
            *("--project", request.project, "--stack", request.stack, "--organization", request.organization),
            *("--root_directory", request.info.root_directory, "--pwd", request.pwd or program_directory),
            *("--monitor", request.monitor_address, "--engine", self._engine_address),
            *("--parallel", str(request.parallel), "--dry_run", "true" if request.dryRun else "false"),
            *(entry_point, *request.args),
        ]
        with self._guard:
            if self._ended:
                return None
            child = subprocess.Popen(
                _without_interrupts(command), cwd=program_directory, env=environment, stdin=subprocess.DEVNULL
            )
            self._running.add(child)
        return child

    def _virtualenv(self, info: language_pb2.ProgramInfo) -> Path | None:
        name = json_format.MessageToDict(info.options).get("virtualenv")
        return Path(info.root_directory, name).absolute() if name else None

    def _python(self, info: language_pb2.ProgramInfo) -> str:
        virtualenv = self._virtualenv(info)
        if virtualenv is None:
            return shutil.which("python3") or sys.executable
        python = virtualenv / "bin" / "python"
        if not python.exists():
            raise EnvironmentMissing(
                f"the project's virtualenv option names {virtualenv}, and there is no bin/python in it. "
                f"Make it: python3 -m venv {virtualenv} && {python} -m pip install -r requirements.txt"
            )
        return str(python)

    def _site_packages(self, info: language_pb2.ProgramInfo) -> list[Path]:
        virtualenv = self._virtualenv(info)
        if virtualenv is None:
            return []
        return sorted(virtualenv.glob("lib/python3*/site-packages"))


def _without_interrupts(command: list[str]) -> list[str]:
    """A terminal interrupt also reaches the engine, which ends the program; the program must not get it twice."""
    return ["env", "--ignore-signal=INT", *command]


def _terminate(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()


def find_executor() -> Path:
    """`pulumi-language-python-exec`, from PATH. Raises SystemExit with what to do where it is not there."""
    found = shutil.which("pulumi-language-python-exec")
    if found is None:
        raise SystemExit(
            "pulumi-language-python-exec is not on PATH: run pulumi through bin/estate, or first: "
            'eval "$(python3 -m tools environment)"'
        )
    return Path(found)


class EngineGone(Exception):
    """The engine has ended already."""


def watch(engine: int, address: str, gone: threading.Event) -> None:
    """Sets `gone` within a second after the process `engine`, which started this one, has ended, however it ended.

    Raises:
        EngineGone: it ended before it could be watched.
    """
    if os.getppid() != engine or not _listens(address):
        raise EngineGone

    def wait() -> None:
        while os.getppid() == engine and not gone.wait(LOOKS_EVERY_SECONDS):
            pass
        gone.set()

    threading.Thread(target=wait, name="engine", daemon=True).start()


def _listens(address: str) -> bool:
    """Whether a server listens at `address`, host:port; true if no address is given."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return True
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def main() -> None:
    """Serves until the engine ends this process, interrupts it, or has itself ended."""
    engine = os.getppid()
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    host = PythonHost(addresses[-1] if addresses else "", find_executor())
    server = grpc.server(
        ThreadPoolExecutor(max_workers=16),
        options=[("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)],
    )
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        watch(engine, addresses[-1] if addresses else "", stopped)
    except EngineGone:
        return
    print(port, flush=True)
    stopped.wait()
    host.stop()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
