"""SSH servers on loopback that stand for a network's hosts, and the operator's SSH configuration that leads to them."""

from __future__ import annotations

import shlex
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import paramiko

Run = Callable[[str, str], tuple[int, str, str]]
"""What a host does with a script and its standard input: exit code, standard output, standard error."""


def keypair(path: Path) -> Path:
    """An Ed25519 key pair at `path`, and `path` with `.pub`."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


class _Server(paramiko.ServerInterface):
    def __init__(self, run: Run, authorized: str, users: list[str]) -> None:
        self._run, self._authorized, self._users = run, authorized, users

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if key.get_base64() != self._authorized:
            return paramiko.AUTH_FAILED
        self._users.append(username)
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._serve, args=(channel, command.decode()), daemon=True).start()
        return True

    def _serve(self, channel: paramiko.Channel, command: str) -> None:
        sudo, _, flag, script = shlex.split(command)
        assert (sudo, flag) == ("sudo", "-c")
        code, out, err = self._run(script, channel.makefile("r").read().decode())
        channel.sendall(out.encode())
        channel.sendall_stderr(err.encode())
        channel.send_exit_status(code)
        channel.close()


class SshHosts:
    """One server for each address of `hosts`. `client`: an `ssh` in `directory` that reads the operator's configuration
    there, as OpenSSH reads `~/.ssh/config`. `users`: the account of every login that was accepted.
    """

    def __init__(self, directory: Path, hosts: Mapping[str, Run]) -> None:
        self.users: list[str] = []
        self.key, host_key = keypair(directory / "operator"), keypair(directory / "host")
        authorized = self.key.with_suffix(".pub").read_text().split()[1]
        public = " ".join(host_key.with_suffix(".pub").read_text().split()[:2])
        self._host_key = paramiko.Ed25519Key.from_private_key_file(str(host_key))
        self._listeners: list[socket.socket] = []
        config, known = [], []
        for address, run in hosts.items():
            listener = socket.create_server(("127.0.0.1", 0))
            self._listeners.append(listener)
            threading.Thread(target=self._listen, args=(listener, run, authorized), daemon=True).start()
            config += [f"Host {address}", "  HostName 127.0.0.1", f"  Port {listener.getsockname()[1]}"]
            known.append(f"[127.0.0.1]:{listener.getsockname()[1]} {public}")
        self.known_hosts = directory / "known_hosts"
        self.known_hosts.write_text("\n".join(known) + "\n")
        config += ["Host *", "  User ana", f"  IdentityFile {self.key}", f"  UserKnownHostsFile {self.known_hosts}"]
        (directory / "config").write_text("\n".join([*config, "  IdentityAgent none", ""]))
        self.client = directory / "bin"
        self.client.mkdir()
        (self.client / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {directory / "config"} "$@"\n')
        (self.client / "ssh").chmod(0o755)

    def _listen(self, listener: socket.socket, run: Run, authorized: str) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self._host_key)
            transport.start_server(event=threading.Event(), server=_Server(run, authorized, self.users))

    def close(self) -> None:
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
