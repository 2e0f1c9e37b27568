"""What a ceremony sees of the hosts and of the chain: all of it, or nothing."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ceremonies.chain_rpc import Lock
from ceremonies.custody import ChainView, Refused
from ceremonies.remote import SIGNED_BLOCKS_LOOKED_AT, HostFailed, RemoteChain, RemoteSigners, Ssh, active_signer
from estate.declaration import load
from estate.model import CHAIN_ROLES, Network, Role
from estate.plan.hosts import Host, of_role

OURS, OTHER = "A" * 40, "B" * 40
HEAD = 1000
Answer = Callable[[str, int], object]


@pytest.fixture(scope="module")
def network() -> Network:
    return load.read(Path(__file__).parents[2] / "stacks" / "Pulumi.cosmoshub.yaml")


@dataclass(frozen=True, kw_only=True)
class Hosts(Ssh):
    """Hosts by name that answer a script, or do not."""

    answers: Mapping[str, Callable[[str], str]]
    asked: list[str] = field(default_factory=list)

    def run(self, host: Host, script: str, *, stdin: str = "", timeout_seconds: float = 60, shell: str = "sh") -> str:
        self.asked.append(host.name)
        if host.name not in self.answers:
            raise HostFailed(f"{host.name}: could not be reached")
        return self.answers[host.name](script)


def rpc(answer: Answer) -> Callable[[str], str]:
    def run(script: str) -> str:
        found = re.findall(r"GET /(\w+)\?(?:height=(\d+))?", script)
        said = [json.dumps({"result": answer(method, int(height or 0))}) for method, height in found]
        return "".join(f"HTTP/1.0 200 OK\r\n\r\n{each}\n@@\n" for each in said)

    return run


def node(
    signed: Mapping[int, int] = {}, head: int = HEAD, syncing: bool = False, chain: str = "cosmoshub-4", off: int = 0
) -> Callable[[str], str]:
    """A node; `signed`: the flag of our signature by height; `off`: how far its commits are from what is asked."""

    def answer(method: str, height: int) -> object:
        if method == "status":
            sync = {"latest_block_height": str(head), "latest_block_time": "", "catching_up": syncing}
            return {"node_info": {"network": chain}, "sync_info": sync}
        signatures = [{"validator_address": OTHER, "block_id_flag": 2}]
        if height in signed:
            signatures.append({"validator_address": OURS, "block_id_flag": signed[height]})
        return {"signed_header": {"commit": {"height": str(height + off), "signatures": signatures}}}

    return rpc(answer)


def view(network: Network, nodes: list[Callable[[str], str] | None], above: int = HEAD - 10) -> ChainView | None:
    names = [each.name for each in of_role(network, *CHAIN_ROLES)]
    answers = {name: each for name, each in zip(names, nodes, strict=False) if each}
    return RemoteChain(network=network, ssh=Hosts(answers=answers)).view(OURS, above)


def test_our_signatures_above_the_last_one_and_no_others_are_seen(network: Network) -> None:
    flags = {HEAD - 12: 2, HEAD - 10: 2, HEAD - 9: 2, HEAD - 5: 3, HEAD - 4: 1, HEAD - 1: 2}
    assert view(network, [node(flags)]) == ChainView(head=HEAD, signed_since=(HEAD - 9, HEAD - 1))


def test_the_last_blocks_are_looked_at_however_long_ago_the_last_signature_was(network: Network) -> None:
    first = HEAD - SIGNED_BLOCKS_LOOKED_AT
    found = view(network, [node({first - 1: 2, first: 2})], above=3)
    assert found == ChainView(head=HEAD, signed_since=(first,))


def test_a_chain_that_has_not_gone_past_the_last_signature_shows_no_other(network: Network) -> None:
    assert view(network, [node({HEAD: 2})], above=HEAD) == ChainView(head=HEAD)


USELESS: dict[str, Callable[[str], str] | None] = {
    "does not answer": None,
    "is syncing": node(syncing=True),
    "is of another chain": node(chain="cosmoshub-3"),
    "answers no JSON": lambda script: "HTTP/1.0 502 Bad Gateway\r\n\r\n<html>\n@@\n",
    "answers with an error": lambda script: "HTTP/1.0 200 OK\r\n\r\n" + '{"error": {"code": 1}}' + "\n@@\n",
    "answers something else": rpc(lambda method, height: {"sync_info": None, "node_info": None}),
    "has other commits": node(off=1),
    "answers less than it was asked": lambda script: node()(script).split("@@\n")[0] + "@@\n",
}


@pytest.mark.parametrize("what", USELESS)
def test_a_node_that_is_of_no_use_is_passed_over_and_alone_it_is_no_chain(network: Network, what: str) -> None:
    good = node({HEAD - 1: 2})
    assert view(network, [USELESS[what], good]) == ChainView(head=HEAD, signed_since=(HEAD - 1,))
    assert view(network, [USELESS[what]]) is None


def test_every_signer_is_looked_at_and_each_under_its_name(network: Network) -> None:
    signers = [each.name for each in of_role(network, Role.SIGNER)]
    said = {name: (lambda script, number=number: f"processes {number}\n") for number, name in enumerate(signers)}
    hosts = Hosts(answers=said)
    seen = RemoteSigners(network=network, ssh=hosts).observe()
    assert {name: each.processes for name, each in seen.items()} == {name: i for i, name in enumerate(signers)}
    assert sorted(hosts.asked) == sorted(signers)


def test_one_signer_that_does_not_answer_leaves_nothing_seen(network: Network) -> None:
    signers = [each.name for each in of_role(network, Role.SIGNER)]
    for missing in signers:
        answers = {name: (lambda script: "") for name in signers if name != missing}
        with pytest.raises(HostFailed, match=missing):
            RemoteSigners(network=network, ssh=Hosts(answers=answers)).observe()


def consensus(*states: tuple[int, str], height: int = 12, round_: int = 3) -> Callable[[str], str]:
    """A node; `states`: height and locked block, as each simple answer has them; `height`, `round_`: the full one's."""
    simple = iter(states)

    def answer(method: str, _: int) -> object:
        if method == "dump_consensus_state":
            return {"round_state": {"height": str(height), "locked_round": round_}}
        at, block = next(simple)
        return {"round_state": {"height/round/step": f"{at}/5/6", "locked_block_hash": block}}

    return rpc(answer)


def locked(network: Network, said: Callable[[str], str]) -> Lock | None:
    signer = next(each for each in of_role(network, Role.SIGNER) if each.active)
    (node,) = [each for each in of_role(network, Role.VALIDATOR) if each.place == signer.place and each.active]
    return RemoteChain(network=network, ssh=Hosts(answers={node.name: said})).lock(signer.name)


def test_the_lock_is_that_of_the_node_that_the_signer_signs_for(network: Network) -> None:
    assert locked(network, consensus((12, "ab12"), (12, "ab12"))) == Lock(height=12, round=3, block="AB12")
    assert locked(network, consensus((12, ""), (12, ""), round_=-1)) == Lock(height=12, round=-1, block="")


NO_LOCK: dict[str, Callable[[str], str]] = {
    "another block meanwhile": consensus((12, "AB12"), (12, "CD34")),
    "another height meanwhile": consensus((12, "AB12"), (13, "AB12"), height=13),
    "another height that begins alike": consensus((12, "AB12"), (123, "AB12")),
    "a full answer of another height": consensus((12, "AB12"), (12, "AB12"), height=13),
    "an error": lambda script: "HTTP/1.0 200 OK\r\n\r\n" + '{"error": {"code": 1}}' + "\n@@\n",
    "no state": rpc(lambda method, height: {}),
    "no lock": rpc(lambda method, height: {"round_state": {"height": "12", "height/round/step": "12/5/6"}}),
    "less than it was asked": lambda script: "".join(consensus((12, ""), (12, ""))(script).split("@@\n")[:1]),
}


@pytest.mark.parametrize("what", NO_LOCK)
def test_a_lock_that_is_not_surely_one_is_none(network: Network, what: str) -> None:
    assert locked(network, NO_LOCK[what]) is None


def test_signers_of_a_dead_site_are_not_asked(network: Network) -> None:
    signers = [each.name for each in of_role(network, Role.SIGNER)]
    hosts = Hosts(answers={name: (lambda script: "") for name in signers[2:]})
    seen = RemoteSigners(network=network, ssh=hosts).observe(without=set(signers[:2]))
    assert sorted(seen) == sorted(hosts.asked) == sorted(signers[2:])


def test_the_signers_are_looked_at_at_the_same_time(network: Network) -> None:
    signers = [each.name for each in of_role(network, Role.SIGNER)]
    all_asked = threading.Barrier(len(signers), timeout=20)

    def waits(script: str) -> str:
        all_asked.wait()
        return ""

    assert len(RemoteSigners(network=network, ssh=Hosts(answers=dict.fromkeys(signers, waits))).observe()) == len(
        signers
    )


def test_a_host_is_freed_there_and_nowhere_else(network: Network) -> None:
    signers = [each.name for each in of_role(network, Role.SIGNER)]
    ran: list[str] = []
    hosts = Hosts(answers={name: (lambda script: ran.append(script) or "") for name in signers})
    RemoteSigners(network=network, ssh=hosts).free(signers[1])
    assert hosts.asked == [signers[1]] and len(ran) == 1 and "systemctl unmask" in ran[0]


def test_the_active_signer_of_a_site_is_the_declared_one(network: Network) -> None:
    assert active_signer(network, "zrh1").name == "cosmoshub-signer-zrh1-01"
    with pytest.raises(Refused, match="expected a site of cosmoshub: ash1, zrh1"):
        active_signer(network, "fra1")
