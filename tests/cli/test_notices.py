"""What will soon be wrong is said before it is: by ``check``, ``plan`` and ``status``."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from cli import notices
from cli.__main__ import CHECKOUT
from cli.commands import check, status
from cli.options import Parser
from cli.page import Page, one_line
from estate.declaration import files
from lab.rehearsal.observation import Observation

SEEN = Observation(
    network="cosmoshub",
    chain_id="lab-1",
    height=None,
    hosts=(),
    signing=(),
    claims={"proved": 17, "refuted": 0, "not_modelled": 0},
    problems=(),
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Stacks in which a partner of the Cosmos Hub expires in a week."""
    shutil.copytree(CHECKOUT / "stacks", tmp_path / "stacks")
    stack = tmp_path / "stacks" / "Pulumi.cosmoshub.yaml"
    soon = date.today() + timedelta(days=7)
    changed, count = re.subn(r"(expires: *['\"]?)\d{4}-\d\d-\d\d", rf"\g<1>{soon}", stack.read_text(), count=1)
    assert count == 1, "the Cosmos Hub declares a partner"
    stack.write_text(changed)
    return tmp_path


def checked(checkout: Path, *words: str) -> int:
    parser = Parser()
    check.configure(parser)
    return check.run(checkout, parser.parse_args(words))


def test_check_warns_and_still_finds_no_problem(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(checkout) == 0
    said = capsys.readouterr()
    assert "no problems" in said.out
    assert re.match(r"notice: stacks/Pulumi\.cosmoshub\.yaml:[1-9]\d*: partners\.[a-z]+\.expires: .*7 days", said.err)


def test_the_document_of_check_stays_a_list_of_problems(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(checkout, "cosmoshub", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_notice_has_the_line_that_declares_the_date(checkout: Path) -> None:
    (found,) = notices.of_network(checkout, files.read(checkout, "cosmoshub"))
    line = Path(found.file).read_text().splitlines()[found.line - 1]
    assert "expires" in line


def test_long_before_the_date_nothing_is_said(checkout: Path) -> None:
    assert notices.of_network(checkout, files.read(checkout, "cosmoshub"), today=date(2020, 1, 1)) == []


def test_status_prints_a_notice_and_it_is_no_problem(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = notices.of_network(checkout, files.read(checkout, "cosmoshub"))
    status.show(SEEN, found, Page(), checkout)
    said = capsys.readouterr().out
    assert "notice: stacks/Pulumi.cosmoshub.yaml:" in said and "no problems" in said
    document = status.as_document(SEEN, [one_line(each, checkout) for each in found])
    assert document["problems"] == [] and document["notices"] == [one_line(found[0], checkout)]
