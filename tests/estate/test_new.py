"""``bin/estate new`` beside what stands in ``stacks`` already."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from cli.commands import new
from estate.declaration import example, load
from estate.findings import DeclarationError


def test_datacentres_that_an_interrupted_run_left_are_used(tmp_path: Path) -> None:
    (tmp_path / "stacks" / "datacentres").mkdir(parents=True)
    (tmp_path / "stacks" / "company.yaml").write_text(example.company())
    for name in ("osmosis", "juno"):
        new.run(tmp_path, Namespace(network=name))
    (tmp_path / "stacks" / "Pulumi.juno.yaml").unlink()
    new.run(tmp_path, Namespace(network="juno"))
    assert sorted(load.all_networks(tmp_path)) == ["juno", "osmosis"]
    assert len(list((tmp_path / "stacks" / "datacentres").iterdir())) == 4


def test_what_was_written_is_told_where_nobody_has_a_duty_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "company.yaml").write_text(example.company().replace('{"*": operator}', "{}"))
    with pytest.raises(DeclarationError, match="osmosis"):
        new.run(tmp_path, Namespace(network="osmosis"))
    assert capsys.readouterr().out.startswith("wrote stacks/Pulumi.osmosis.yaml")
