"""The state file: read while it is written, whole after a kill, changed by hand."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.clouds.__main__ import main
from lab.clouds.aws.services import tokens as t
from lab.clouds.store import Store
from tests.lab.clouds.aws.landscape import Landscape

ROOT = Path(__file__).resolve().parents[4]
WRITER = """
import sys
from pathlib import Path
from lab.clouds.aws.provider import Aws
from lab.clouds.aws.services import tokens as t
from lab.clouds.store import Store
from tests.lab.clouds.aws.landscape import Landscape
land = Landscape(Aws(Store(Path(sys.argv[1]), create=True), lab_id="test"))
print("ready", flush=True)
n = 0
while True:
    vpc = land.make(f"vpc {n}", t.VPC, cidrBlock="10.0.0.0/16", assignGeneratedIpv6CidrBlock=True)
    land.make(f"address {n}", t.EIP, domain="vpc")
    land.delete(f"vpc {n}")
    land.delete(f"address {n}")
    n += 1
"""


def test_a_missing_state_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="bring the lab up first"):
        Store(tmp_path / "nothing.sqlite")


def test_another_process_reads_while_the_provider_writes(estate: Landscape) -> None:
    command = [sys.executable, "-m", "lab.clouds", "list", "--state", str(estate.aws.store.path)]
    with estate.aws.store.transaction() as change:
        change.rows(type=t.VPC, account="123456789012")
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    ids = {resource["id"] for resource in json.loads(listed.stdout)}
    assert {made.id for made in estate.made.values()} <= ids


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(4))
def test_a_kill_at_any_moment_leaves_a_whole_state(tmp_path: Path, moment: int) -> None:
    state = tmp_path / "cloud.sqlite"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(state)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert writer.stdout
    writer.stdout.readline()
    time.sleep(0.05 + 0.037 * moment)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    with Store(state) as store:
        with store.snapshot() as view:
            rows = view.everything()
            held = view.held_addresses()
        declared = {row.key for row in rows if row.maker is None}
        assert all(row.properties for row in rows)
        assert {row.maker for row in rows if row.maker is not None} <= declared
        assert set(held.values()) <= declared
        vpcs = [row for row in rows if row.type == t.VPC]
        assert all(len([row for row in rows if row.maker == vpc.key]) == 3 for vpc in vpcs)


def test_a_failed_call_leaves_no_trace(land: Landscape) -> None:
    before = land.everything()
    with pytest.raises(ZeroDivisionError), land.aws.store.transaction() as change:
        change.hold_address("203.0.113.77", 1)
        raise ZeroDivisionError
    assert land.everything() == before


def test_a_hand_changes_a_resource_by_the_command(estate: Landscape) -> None:
    state = str(estate.aws.store.path)
    assert main(["drift", "--state", state, estate.id("vpc"), 'tags={"by": "hand"}', "enableDnsSupport=null"]) == 0
    vpc = next(resource for resource in estate.aws.store.resources() if resource.id == estate.id("vpc"))
    assert vpc.properties["tags"] == {"by": "hand"}
    assert "enableDnsSupport" not in vpc.properties


def test_a_hand_cannot_change_what_is_not_there(estate: Landscape, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drift", "--state", str(estate.aws.store.path), "vpc-0dead", "tags={}"]) == 1
    assert "vpc-0dead: one resource must have this id" in capsys.readouterr().err


def test_a_hand_deletes_a_resource_by_the_command(estate: Landscape) -> None:
    assert main(["remove", "--state", str(estate.aws.store.path), estate.id("node")]) == 0
    ids = {resource.id for resource in estate.aws.store.resources()}
    assert estate.id("node") not in ids
    assert estate.of("node", "primaryNetworkInterfaceId") not in ids


def test_orphans_are_collected_by_the_command(
    estate: Landscape, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = [
        {"urn": made.urn, "id": made.id, "type": made.token}
        for name, made in estate.made.items()
        if name != "free disk"
    ]
    others = [
        {"urn": "urn:stack", "type": "pulumi:pulumi:Stack"},
        {"urn": "urn:provider", "id": "x", "type": "pulumi:providers:aws"},
    ]
    export = tmp_path / "export.json"
    export.write_text(json.dumps({"deployment": {"resources": [*others, *known]}}))
    estate.aws.store.remove(estate.id("record"))
    assert main(["collect", "--state", str(estate.aws.store.path), "--stack-export", str(export)]) == 0
    said = capsys.readouterr().out
    assert f"removed {t.VOLUME} {estate.id('free disk')}" in said
    assert f"missing {estate.id('record')}" in said
    assert len(said.splitlines()) == 2
    assert estate.id("free disk") not in {resource.id for resource in estate.aws.store.resources()}


def test_the_state_is_one_file_that_its_owner_writes(estate: Landscape) -> None:
    names = {path.name for path in estate.aws.store.path.parent.iterdir()}
    assert {"cloud.sqlite", "cloud.sqlite-wal"} <= names
    assert os.access(estate.aws.store.path, os.W_OK)
