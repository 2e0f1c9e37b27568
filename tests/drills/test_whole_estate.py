"""The Cosmos Hub from its declaration to signed blocks, on this machine; then what breaks, and what must not.

In the order in which they stand: each test works on the estate that the ones before it left running.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from ceremonies.public_key import ConsensusKey
from coordinator.table import items
from lab.drills import DRILLS
from lab.netns import entered
from lab.paths import LabPaths
from lab.table import local
from lab.table.coordination import PORT, front
from tests.drills.conftest import NETWORK, Checkout

pytestmark = pytest.mark.lab

KILLS, KILLS_LONG = 1, 20
"""How often an up is killed at a random moment, and in the long version (--long)."""

KILLED_WITHIN_SECONDS, KILLED_WITHIN_SECONDS_LONG = 30, 180
BLOCKS = 50


def changes(said: str) -> tuple[int, int]:
    """Resources and host operations, of the line that an up ends with."""
    found = re.search(r"changes: (\d+) resources, (\d+) host operations\s*\Z", said)
    assert found, f"an up ends with its changes, but this one said:\n{said[-2000:]}"
    return int(found[1]), int(found[2])


def call_as(paths: LabPaths, access_key: str, operation: str, table: str) -> str:
    """What kind of refusal the table's front gives this caller, over TLS as AWS is called."""
    endpoint = json.loads((paths.root / "table" / "front.json").read_text())["listen"][0]
    context = ssl.create_default_context(cafile=paths.authority / "ca.pem")
    with (
        entered(paths.namespace("client")),
        socket.create_connection((endpoint["address"], endpoint["port"]), 10) as raw,
    ):
        connection = http.client.HTTPConnection(endpoint["host"])
        connection.sock = context.wrap_socket(raw, server_hostname=endpoint["host"])
        scope = f"{access_key}/20260101/{endpoint['region']}/dynamodb/aws4_request"
        headers = {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none",
        }
        body = json.dumps({"TableName": table, "Key": {"pk": {"S": "cosmoshub-4-lab|x"}}})
        connection.request("POST", "/", body, headers)
        return json.loads(connection.getresponse().read())["__type"]


def lab_traces(checkout: Checkout) -> list[str]:
    """Whatever carries this lab's id in the kernel: namespaces, links, mounts, cgroups, processes."""
    prefix = checkout.paths.prefix
    found = [f"namespace {each.name}" for each in Path("/run/netns").glob(f"{prefix}*")]
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    found += [f"link {line}" for line in links.splitlines() if prefix.rstrip("-") in line]
    found += [
        f"mount {line}"
        for line in Path("/proc/self/mounts").read_text().splitlines()
        if str(checkout.paths.root) in line
    ]
    found += [f"cgroup {each}" for each in Path("/sys/fs/cgroup").glob(f"*/{prefix}*")]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(checkout.paths.root) in command:
                found.append(f"process {entry.name} {command[:120]}")
    return found


def test_a_killed_up_is_completed_by_the_next_whenever_it_was_killed(checkout: Checkout, is_long: bool):
    kills = KILLS_LONG if is_long else KILLS
    within = KILLED_WITHIN_SECONDS_LONG if is_long else KILLED_WITHIN_SECONDS
    moments = [random.Random(index).uniform(1, within) for index in range(kills)]
    for seconds in moments:
        command = subprocess.Popen(
            [str(checkout.root / "bin" / "estate"), "up", NETWORK], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            command.wait(seconds)
        except subprocess.TimeoutExpired:
            command.send_signal(signal.SIGKILL)
            command.wait()
    assert changes(checkout.run("up", NETWORK))


def test_after_an_up_blocks_rise_and_both_datacentres_sign_them(checkout: Checkout):
    before = checkout.status()
    time.sleep(10)
    after = checkout.status()
    assert after["height"] > before["height"], "the chain makes blocks"
    active = [each for each in after["signing"] if each["active"]]
    assert len(active) == 2, "both datacentres' signers hold the key"
    last = [each["last_signed_height"] for each in active]
    assert max(last) >= after["height"] - 3, "our signature stands in the newest final commits"
    assert min(last) >= before["height"] - 50, "each datacentre's gate signs some of the heights"
    assert {host["state"] for host in after["hosts"]} == {"running"}


def test_another_up_changes_nothing_and_says_so(checkout: Checkout):
    assert changes(checkout.run("up", NETWORK)) == (0, 0)


def test_lab_and_prover_agree_on_packets_and_meanwhile_none_of_our_blocks_is_missed_over_fifty_heights(
    checkout: Checkout,
):
    begun = checkout.status()["height"]
    found = json.loads(checkout.run("probe", NETWORK, "--json"))
    assert (found["verdict"], found["disagreements"]) == ("agrees", [])
    assert found["answered"] > 500, "packets that get nowhere would agree with anything"

    deadline = time.monotonic() + 300
    while (seen := checkout.status())["height"] < begun + BLOCKS + 5 and time.monotonic() < deadline:
        time.sleep(5)
    assert seen["height"] >= begun + BLOCKS + 5, "the chain went fifty blocks further"
    missed = [each["missed_last_50"] for each in seen["signing"] if each["active"]]
    assert set(missed) == {0}, f"missed blocks of ours: {missed}; problems: {seen['problems']}"
    assert seen["problems"] == []


@pytest.mark.parametrize("name", [name for name, drill in DRILLS.items() if drill.needs_lab])
def test_the_promise_holds_in_the_drill(checkout: Checkout, name: str):
    checkout.run("drill", name, "--network", NETWORK)


def test_a_gate_calls_the_table_only_as_its_policy_says_and_the_table_would_refuse_more(checkout: Checkout):
    calls = front(checkout.paths).calls()
    made = {(call["access_key"], call["operation"], call["table"].rpartition("-")[2]) for call in calls}
    gates = {each for each in made if "GATE" in each[0]}
    assert {each[1:] for each in gates} == {("UpdateItem", "head"), ("PutItem", "claims")}
    assert len({each[0] for each in gates}) == 2, "each gate has credentials of its own"
    refused = call_as(checkout.paths, next(iter(gates))[0], "DeleteItem", f"{NETWORK}-signing-head")
    assert refused.endswith("AccessDeniedException")


def test_a_lost_table_stops_all_signing_until_two_people_replace_it(checkout: Checkout):
    network, declaration = "cosmoshub-4-lab", checkout.root / "stacks" / f"Pulumi.{NETWORK}.yaml"
    row = items.key(network, ConsensusKey.from_base64((checkout.paths.root / "consensus.pub").read_text()).raw)
    with entered(checkout.paths.namespace("world")):
        item = {"TableName": f"{NETWORK}-signing-head", "Key": {"pk": {"S": row}}}
        assert local.call("127.0.0.1", PORT, "DeleteItem", item | {"ReturnValues": "ALL_OLD"})["Attributes"]
    lost = checkout.status()["height"]
    time.sleep(10)
    assert all(each["last_signed_height"] <= lost + 2 for each in checkout.status()["signing"] if each["active"])

    said = checkout.run("key", "renew-table", NETWORK, "--witness", "bob", status=1)
    assert "✗ key renew-table" in said, "the declaration still says the generation that was lost"
    text = declaration.read_text()
    declaration.write_text(text.replace("generation: 1", "generation: 2"))
    checkout.run("key", "renew-table", NETWORK, "--witness", "bob")
    checkout.run("up", NETWORK)
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        seen = checkout.status()
        if max(each["last_signed_height"] or 0 for each in seen["signing"] if each["active"]) >= seen["height"] - 3:
            break
        time.sleep(3)
    assert max(each["last_signed_height"] or 0 for each in seen["signing"] if each["active"]) >= seen["height"] - 3


def test_a_retired_key_is_on_no_host_and_nothing_can_be_claimed_for_it(checkout: Checkout):
    key = ConsensusKey.from_base64((checkout.paths.root / "consensus.pub").read_text())
    said = checkout.run("key", "retire", NETWORK, "--yes-retire", key.address)
    assert "held by   no signer" in said
    assert "admits no gate" in said


def test_down_leaves_nothing_behind(checkout: Checkout):
    assert lab_traces(checkout), "the lab ran until now, so this test can see its traces"
    checkout.run("down", NETWORK)
    assert lab_traces(checkout) == []
    assert not checkout.paths.root.exists()
