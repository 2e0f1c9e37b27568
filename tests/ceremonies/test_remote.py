"""What is run where: each step of a ceremony by its own script, at its own host, in a session with fixed options."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ceremonies import remote, scripts
from ceremonies.custody import ChainView, Refused, Sealed
from ceremonies.observation import SignedState
from ceremonies.public_key import ConsensusKey
from ceremonies.remote import ATTEMPTS, HostFailed, RemoteChain, RemoteSigners, Ssh, active_signer
from configuration import signer_config
from configuration.signer_config import Duty
from estate.declaration import load
from estate.model import CHAIN_ROLES, Network, Role
from estate.plan.hosts import Host, of_role
from tests.ceremonies.key_hosts import KEY
from tests.conftest import ROOT

NUMBER = f"{7:012d}-{'ab' * 16}"
CERTIFICATE, PACKAGE = "-----BEGIN CERTIFICATE-----\n", "-----BEGIN CMS-----\n"


@pytest.fixture(scope="module")
def network() -> Network:
    return load.read(ROOT / "stacks" / "Pulumi.cosmoshub.yaml")


@dataclass(frozen=True, kw_only=True)
class Noting(Ssh):
    """Hosts that print this and do nothing. `ran`: host, script, standard input, shell."""

    says: Mapping[str, str] = field(default_factory=dict)
    ran: list[tuple[str, str, str, str]] = field(default_factory=list)

    def run(self, host: Host, script: str, *, stdin: str = "", timeout_seconds: float = 60, shell: str = "sh") -> str:
        self.ran.append((host.name, script, stdin, shell))
        return self.says.get(host.name, "")


def names(network: Network) -> tuple[str, str]:
    first, second, *_ = (each.name for each in of_role(network, Role.SIGNER))
    return first, second


Call = Callable[[RemoteSigners, str, str], object]
STEPS: dict[str, tuple[Call, Callable[[str, str], str]]] = {
    "look_into": (lambda signers, name, state: signers.look_into(name), lambda name, state: scripts.look_into()),
    "generate": (lambda signers, name, state: signers.generate(name), lambda name, state: scripts.generate(state)),
    "start": (lambda signers, name, state: signers.start(name), lambda name, state: scripts.start()),
    "halt": (lambda signers, name, state: signers.halt(name), lambda name, state: scripts.halt()),
    "invite": (lambda signers, name, state: signers.invite(name), lambda name, state: scripts.invite(name)),
    "destroy": (lambda signers, name, state: signers.destroy(name), lambda name, state: scripts.destroy()),
    "unseal": (lambda signers, name, state: signers.unseal(name, KEY), lambda name, state: scripts.unseal(state, KEY)),
    "unseal a shared key": (
        lambda signers, name, state: signers.unseal(name, KEY, keep_state=True),
        lambda name, state: scripts.unseal(state, KEY, keep_state=True),
    ),
    "tidy": (lambda signers, name, state: signers.tidy(name), lambda name, state: scripts.tidy()),
    "release": (lambda signers, name, state: signers.release(name), lambda name, state: scripts.release()),
    "free": (lambda signers, name, state: signers.free(name), lambda name, state: scripts.free()),
    "raise_floor": (
        lambda signers, name, state: signers.raise_floor(name, ConsensusKey.from_base64(KEY), 17),
        lambda name, state: scripts.raise_floor(state, "cosmoshub-4", KEY, 17),
    ),
    "clear_halt": (
        lambda signers, name, state: signers.clear_halt(name),
        lambda name, state: scripts.clear_halt("cosmoshub-4"),
    ),
}


@pytest.mark.parametrize("step", STEPS)
def test_each_step_runs_its_own_script_at_its_host_under_the_number_of_its_ceremony(
    step: str, network: Network
) -> None:
    call, script = STEPS[step]
    hosts = Noting()
    signers, (_, name) = RemoteSigners(network=network, ssh=hosts), names(network)
    state = signer_config.state_file(network, Duty.CONSENSUS)
    call(signers, name, state)
    assert hosts.ran == [(name, script(name, state), "", "sh")]
    hosts.ran.clear()
    signers.turn.number = NUMBER
    call(signers, name, state)
    ((where, numbered, stdin, _),) = hosts.ran
    assert (where, stdin) == (name, "")
    if step != "look_into":
        assert numbered == scripts.of_ceremony(NUMBER, script(name, state))


@pytest.mark.parametrize("keep", [True, False])
def test_a_package_is_made_for_the_targets_certificate_and_given_to_the_target(keep: bool, network: Network) -> None:
    source, target = names(network)
    hosts = Noting(says={source: PACKAGE, target: CERTIFICATE})
    RemoteSigners(network=network, ssh=hosts).seal(source, target, keep=keep)
    state = signer_config.state_file(network, Duty.CONSENSUS)
    assert hosts.ran == [
        (target, scripts.certificate(), "", "sh"),
        (source, scripts.seal(state, keep=keep), CERTIFICATE, "sh"),
        (target, scripts.receive(), PACKAGE, "sh"),
    ]


def test_what_is_no_package_reaches_no_host(network: Network) -> None:
    source, target = names(network)
    hosts = Noting(says={source: "Error", target: CERTIFICATE})
    with pytest.raises(HostFailed, match=f"{source}: it created no package"):
        RemoteSigners(network=network, ssh=hosts).seal(source, target)
    assert len(hosts.ran) == 2


def test_a_package_is_known_only_whole(network: Network) -> None:
    name, _ = names(network)
    state = '{"height":"7","round":"1","step":2}'
    for said, found in (
        (f"key {KEY}\nstate {state}\n", Sealed(key=KEY, state=SignedState(height=7, round=1, step=2))),
        (f"key {KEY}\n", None),
        (f"state {state}\n", None),
        ("", None),
    ):
        assert RemoteSigners(network=network, ssh=Noting(says={name: said})).look_into(name) == found


def test_whether_it_was_started_is_what_the_host_says(network: Network) -> None:
    name, other = names(network)
    signers = RemoteSigners(network=network, ssh=Noting(says={name: "started\n"}))
    assert signers.start(name) is True and signers.start(other) is False


def test_no_key_is_installed_by_a_name_that_is_none(network: Network) -> None:
    hosts = Noting()
    with pytest.raises(ValueError, match="not base64"):
        RemoteSigners(network=network, ssh=hosts).unseal(names(network)[0], "'; rm -rf /")
    assert hosts.ran == []


DECIDED = [
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
]


def test_the_session_is_decided_here_and_nothing_else_of_the_operators(network: Network) -> None:
    host = of_role(network, Role.SIGNER)[0]

    def options(*more: str, shared: Sequence[str] = ("ControlMaster=no", "ControlPath=none")) -> list[str]:
        return [word for each in (*DECIDED, *shared, *more) for word in ("-o", each)]

    address, asked = str(host.management_address), "sudo sh -c 'echo '\"'\"'a'\"'\"''"
    assert Ssh().command(host, "echo 'a'") == ["ssh", *options("ConnectTimeout=10"), address, asked]
    files = Ssh(
        key=Path("/k"), known_hosts=Path("/h"), user="ana", prefix=("ip", "netns", "exec", "o"), connect_seconds=3
    )
    assert files.command(host, "true", shell="bash") == [
        *("ip", "netns", "exec", "o", "ssh", "-F", "none", "-i", "/k"),
        *options("ConnectTimeout=3", "UserKnownHostsFile=/h", "GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes"),
        *("-l", "ana", address, "sudo bash -c true"),
    ]
    shared = ("ControlMaster=auto", "ControlPersist=10", "ControlPath=/c/%C")
    assert Ssh(connections=Path("/c")).command(host, "true") == [
        *("ssh", *options("ConnectTimeout=10", shared=shared), address, "sudo sh -c true")
    ]
    for one in (Ssh(key=Path("/k")), Ssh(known_hosts=Path("/h"))):
        assert one.command(host, "true")[:3] == ["ssh", "-F", "none"]


@dataclass
class Ran:
    """In the place of `subprocess.run`: these ends in turn."""

    ends: list[tuple[int, str, str] | None]
    calls: list[Mapping[str, object]] = field(default_factory=list)

    def __call__(self, command: list[str], **given: object) -> subprocess.CompletedProcess[str]:
        self.calls.append(given)
        end = self.ends.pop(0)
        if end is None:
            raise subprocess.TimeoutExpired(command, 1)
        return subprocess.CompletedProcess(command, *end)


LOST, FAILED, DONE = (255, "", "Connection closed"), (1, "said", "no such file\n"), (0, "out", "warning")


@pytest.mark.parametrize(
    ("ends", "tried", "text"),
    [
        ([DONE], 1, None),
        ([LOST, DONE], 2, None),
        ([None, DONE], 2, None),
        ([FAILED], 1, "a step failed there (exit 1): no such file"),
        ([LOST, FAILED], 2, "a step failed there (exit 1): no such file"),
        ([(3, "only said", "")], 1, "a step failed there (exit 3): only said"),
        ([(1, "", "x" * 700)], 1, f": {'x' * 600}"),
        ([LOST, LOST], 2, "could not be reached: Connection closed"),
        ([LOST, None], 2, "the step did not end within 9 s"),
    ],
)
def test_only_a_lost_connection_is_tried_again(
    ends: list[tuple[int, str, str] | None],
    tried: int,
    text: str | None,
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host, ran = of_role(network, Role.SIGNER)[0], Ran(list(ends))
    monkeypatch.setattr(subprocess, "run", ran)
    if text is None:
        assert Ssh().run(host, "true", stdin="in", timeout_seconds=9) == "out"
    else:
        with pytest.raises(HostFailed) as failed:
            Ssh().run(host, "true", stdin="in", timeout_seconds=9)
        assert str(failed.value).startswith(host.name) and str(failed.value).endswith(text)
    wanted = {"input": "in", "capture_output": True, "text": True, "errors": "replace", "check": False, "timeout": 9}
    assert ran.calls == [wanted] * tried and tried <= ATTEMPTS


def test_a_node_is_asked_at_its_own_address_for_every_block_once(network: Network) -> None:
    first = of_role(network, *CHAIN_ROLES)[0]
    asked: list[tuple[str, str]] = []

    class Node(Ssh):
        def run(
            self, host: Host, script: str, *, stdin: str = "", timeout_seconds: float = 60, shell: str = "sh"
        ) -> str:
            asked.append((script, shell))
            status = '{"result":{"node_info":{"network":"cosmoshub-4"},"sync_info":{"latest_block_height":"12",'
            status += '"latest_block_time":"","catching_up":false}}}'
            commits = [
                f'{{"result":{{"signed_header":{{"commit":{{"height":"{height}","signatures":[]}}}}}}}}'
                for height in (10, 11)
            ]
            answers = [status] if "status" in script else commits
            return "".join(f"HTTP/1.0 200 OK\r\n\r\n{each}\n@@\n" for each in answers)

    assert RemoteChain(network=network, ssh=Node()).view("A" * 40, 9) == ChainView(head=12)
    assert [shell for _, shell in asked] == ["bash", "bash"]
    settings = remote.node_config.settings(network, first, {}, {})
    address, _, port = settings.local_rpc.removeprefix("tcp://").partition(":")

    def get(path: str) -> str:
        return (
            f"exec 3<>/dev/tcp/{address}/{port}; printf 'GET /{path} HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3; exec 3>&-; "
            "echo; echo @@"
        )

    assert [script for script, _ in asked] == [get("status?"), f"{get('commit?height=10')}; {get('commit?height=11')}"]


def test_a_site_without_an_active_signer_has_none(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    inactive = tuple(each for each in of_role(network, Role.SIGNER) if not each.active)
    assert inactive
    monkeypatch.setattr(remote, "of_role", lambda *_: inactive)
    with pytest.raises(Refused, match="ash1 has no active signer; mark one"):
        active_signer(network, "ash1")


def test_a_client_that_serves_its_rpc_below_a_path_is_asked_there() -> None:
    asked: list[str] = []

    class Node(Ssh):
        def run(
            self, host: Host, script: str, *, stdin: str = "", timeout_seconds: float = 60, shell: str = "sh"
        ) -> str:
            asked.append(script)
            raise HostFailed("it is asked, no more")

    loom = load.read(ROOT / "stacks" / "Pulumi.plasmachain.yaml")
    with pytest.raises(HostFailed):
        RemoteChain(network=loom, ssh=Node()).head(of_role(loom, *CHAIN_ROLES)[0])
    assert "'GET /rpc/status?" in asked[0]
