"""The installation medium of a bare-metal host."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from configuration import first_boot
from configuration.first_boot import FirstFile
from estate.declaration import load
from estate.model import Role
from estate.plan.hosts import hosts
from hosts import medium
from tests.hosts import samples

FILES = (FirstFile(path="/etc/nftables.conf", content="flush ruleset\n", mode="600"),)


def test_the_medium_has_every_file_with_its_mode_and_starts_every_unit() -> None:
    buffer = io.BytesIO()
    medium.write(FILES, ("nftables.service",), buffer)
    with tarfile.open(fileobj=io.BytesIO(buffer.getvalue())) as archive:
        file, link = archive.getmembers()
        assert (file.name, file.mode) == ("etc/nftables.conf", 0o600)
        assert link.name.endswith("multi-user.target.wants/nftables.service")
        assert link.linkname == "/lib/systemd/system/nftables.service"


def test_the_same_declaration_gives_the_same_bytes() -> None:
    first, second = io.BytesIO(), io.BytesIO()
    medium.write(FILES, (), first)
    medium.write(FILES, (), second)
    assert first.getvalue() == second.getvalue()


@pytest.mark.slow
def test_a_host_in_the_cloud_has_no_medium(stack_file: Path) -> None:
    network = load.read(stack_file)
    for host in hosts(network):
        made = first_boot.files(network, host, samples.inventory(network))
        assert bool(made) != host.in_cloud, host.name
        assert any("/etc/bird/" in each.path for each in made) == (host.role is Role.EDGE), host.name


def test_it_is_asked_for_exactly_one_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert medium.main([]) == 2
    assert "usage: python -m hosts.medium HOST" in capsys.readouterr().err
