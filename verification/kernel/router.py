"""A host with three interfaces in a namespace of its own, and a second namespace that holds their other ends."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.netns import entered
from reachability.addresses import V6, address, block
from reachability.network import Arrive, Deliver, Fragment, Interface, LinkEnd, Machine, exit_stage
from verification.kernel import frames
from verification.kernel.frames import Sent

NAME = "router"
ADDRESSES = {
    "ens5": ("10.1.0.1", "2001:db8:1::1"),
    "ens6": ("10.2.0.1", "2001:db8:2::1"),
    "vti-1": ("10.3.0.1", "2001:db8:3::1"),
}
GATEWAYS = {device: tuple(text[:-1] + "2" for text in pair) for device, pair in ADDRESSES.items()}
ROUTES = {
    "ens5": ("10.1.0.0/24", "2001:db8:1::/64"),
    "ens6": ("10.2.0.0/24", "10.9.0.0/16", "2001:db8:2::/64", "2001:db8:9::/48"),
    "vti-1": ("0.0.0.0/0", "::/0"),
}
LOCAL = "local"
PROTOCOLS = (1, 2, 6, 17, 33, 47, 50, 112, 132, 136)
PROTOCOLS_V6 = (58, 6, 17, 33, 47, 50, 112, 132, 136)
MAC = "02:00:00:00:0{}:0{}"

SETTINGS = (
    "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0",
    "net.ipv4.icmp_echo_ignore_all=1", "net.ipv6.icmp.echo_ignore_all=1", "net.ipv6.conf.all.accept_dad=0",
    "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.accept_ra=0",
    "net.ipv6.conf.default.router_solicitations=0",
    "net.ipv6.conf.default.accept_redirects=0", "net.ipv4.conf.all.accept_redirects=0",
    "net.ipv4.conf.default.accept_redirects=0",
    "net.ipv6.conf.default.addr_gen_mode=1",
)  # fmt: skip


def fragment() -> Fragment:
    """The same host as the prover sees it; what lies behind each interface is an outside of that name."""
    made = Fragment()
    legs, routes = [], []
    for device, pair in ADDRESSES.items():
        entry, key = f"in {device}", f"link {device}"
        made.stages[entry] = Arrive(NAME, device)
        made.link_ends.append(LinkEnd(key, "host", entry, device, ((0, (1 << 32) - 1), (V6, V6 + (1 << 128) - 1))))
        legs.append(Interface(device, NAME, device, tuple(address(each) for each in pair), exit_stage(key, "host")))
        routes += [(block(each), device) for each in ROUTES[device]]
    made.machines.append(Machine(NAME, tuple(legs), tuple(routes), forwards=True))
    made.stages["nowhere"] = Deliver("nowhere")
    return made


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a packet came out (an interface, or ``local``) and how it looked."""

    place: str
    packet: Sent


class Router:
    """Use as a context manager: makes the namespaces and takes them away. Needs root."""

    def __init__(self) -> None:
        self.name = f"nft-{os.getpid()}"
        self.far = f"nft-{os.getpid()}-far"
        self._stack = contextlib.ExitStack()
        self._links: dict[str, socket.socket] = {}
        self._headers: dict[str, bytes] = {}
        self._raw: list[tuple[socket.socket, int, bool]] = []

    def __enter__(self) -> Router:
        try:
            self._make()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _run(self, *command: str, text: str = "") -> str:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def _make(self) -> None:
        for name in (self.name, self.far):
            self._run("ip", "netns", "add", name)
            self._stack.callback(self._run, "ip", "netns", "del", name)
        self._run("ip", "netns", "exec", self.name, "sysctl", "-q", *SETTINGS)
        self._run("ip", "netns", "exec", self.far, "sysctl", "-q", "net.ipv6.conf.default.disable_ipv6=1")
        lines, far = ["link set lo up"], []
        for number, device in enumerate(ADDRESSES, 1):
            near_mac, far_mac = MAC.format(1, number), MAC.format(2, number)
            self._run("ip", "-n", self.name, "link", "add", device, "address", near_mac, "type", "veth", "peer",
                      "name", f"far{number}", "address", far_mac, "netns", self.far)  # fmt: skip
            far.append(f"link set far{number} up arp off")
            lines.append(f"link set {device} up")
            for text, gateway in zip(ADDRESSES[device], GATEWAYS[device], strict=True):
                lines.append(
                    f"addr add {text}/{128 if ':' in text else 32} dev {device}" + (" nodad" if ":" in text else "")
                )
                lines.append(f"neigh replace {gateway} lladdr {far_mac} nud permanent dev {device}")
            for text in ROUTES[device]:
                gateway = GATEWAYS[device][":" in text]
                lines.append(f"route add {text} via {gateway} dev {device} onlink")
            self._headers[device] = bytes.fromhex((near_mac + far_mac).replace(":", ""))
        self._run("ip", "-n", self.name, "-batch", "-", text="\n".join(lines))
        self._run("ip", "-n", self.far, "-batch", "-", text="\n".join(far))
        self._sockets()

    def _sockets(self) -> None:
        with entered(self.far):
            for number, device in enumerate(ADDRESSES, 1):
                link = self._kept(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
                link.bind((f"far{number}", 3))
                self._links[device] = link
        with entered(self.name):
            for protocol in PROTOCOLS:
                self._raw.append(
                    (self._kept(socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)), protocol, False)
                )
            for protocol in PROTOCOLS_V6:
                raw = self._kept(socket.socket(socket.AF_INET6, socket.SOCK_RAW, protocol))
                raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
                self._raw.append((raw, protocol, True))
            self._out = self._kept(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))
            self._out_v6 = self._kept(socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW))
            self._tracking = self._kept(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12))
            Path("/proc/sys/net/netfilter/nf_conntrack_checksum").write_text("0")

    def _kept(self, made: socket.socket) -> socket.socket:
        self._stack.callback(made.close)
        with contextlib.suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        if made.family != socket.AF_NETLINK:
            made.setblocking(False)
        return made

    def load(self, text: str) -> str:
        """Loads a ruleset in place of the last; what nft complained of, empty if nothing."""
        done = subprocess.run(
            ["nsenter", f"--net=/run/netns/{self.name}", "nft", "-f", "-"],
            input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stderr.strip() or f"nft ended with {done.returncode}" if done.returncode else ""

    def listed(self, *, as_json: bool = False) -> str:
        """The ruleset as nft prints it."""
        return self._run(
            "nsenter", f"--net=/run/netns/{self.name}", "nft", *(["-j"] if as_json else []), "list", "ruleset"
        )

    def forget(self) -> None:
        """Empties the table of connections, and what is still underway."""
        message = struct.pack("=IHHII", 20, 1 << 8 | 2, 5, 1, 0) + struct.pack("=BBH", 0, 0, 0)
        self._tracking.send(message)
        self._tracking.recv(4096)
        for each in (*self._links.values(), *(raw for raw, _, _ in self._raw)):
            with contextlib.suppress(BlockingIOError):
                while True:
                    each.recv(4096)

    def send(self, device: str, packet: Sent, number: int) -> None:
        """Sends to the router's interface, or as the router itself (``local``)."""
        data = frames.packed(packet, number)
        six = packet.destination >= V6
        if device != LOCAL:
            self._links[device].send(self._headers[device] + (b"\x86\xdd" if six else b"\x08\x00") + data)
            return
        with contextlib.suppress(PermissionError, OSError):  # a verdict of drop is told to the sender
            if six:
                destination = socket.inet_ntop(socket.AF_INET6, (packet.destination - V6).to_bytes(16, "big"))
                self._out_v6.sendto(data, (destination, 0))
            else:
                self._out.sendto(data, (socket.inet_ntop(socket.AF_INET, packet.destination.to_bytes(4, "big")), 0))

    def seen(self, wait_seconds: float = 0.002) -> dict[int, list[Seen]]:
        """What came out since the last call, by number; waits until nothing more comes for that long."""
        found: dict[int, list[Seen]] = {}
        arrivals = select.poll()
        for each in (*self._links.values(), *(raw for raw, _, _ in self._raw)):
            arrivals.register(each, select.POLLIN)
        while arrivals.poll(wait_seconds * 1000):
            self._drain(found)
        return found

    def _drain(self, found: dict[int, list[Seen]]) -> None:
        for device, link in self._links.items():
            for data, where in _received(link):
                if where[2] == socket.PACKET_OUTGOING:
                    continue
                known = frames.read(data[14:])
                if known:
                    found.setdefault(known[0], []).append(Seen(device, known[1]))
        for raw, protocol, six in self._raw:
            for known in _received_locally(raw, protocol, six=six):
                found.setdefault(known[0], []).append(Seen(LOCAL, known[1]))


def _received(link: socket.socket) -> Iterator[tuple[bytes, tuple]]:
    with contextlib.suppress(BlockingIOError):
        while True:
            yield link.recvfrom(2048)


def _received_locally(raw: socket.socket, protocol: int, *, six: bool) -> Iterator[tuple[int, Sent]]:
    with contextlib.suppress(BlockingIOError):
        while True:
            if not six:
                data = raw.recv(2048)
                known = frames.read(data)
            else:
                data, ancillary, _, where = raw.recvmsg(2048, 64)
                destination = V6 + int.from_bytes(ancillary[0][2][:16], "big")
                source = V6 + int.from_bytes(socket.inet_pton(socket.AF_INET6, where[0].split("%")[0]), "big")
                known = frames.transport(protocol, data, source, destination)
            if known:
                yield known
