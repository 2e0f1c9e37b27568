"""The summary of ``bin/estate test``: what is counted, what counts as a failure, and the one closing line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli import night, testing
from cli.beside import Beside
from cli.night import Long, Shown
from cli.testing import Outcome, Part
from engine.processes import members
from engine.progress import Progress
from estate.errors import UsageError
from tests.waiting import WAITING

ROOT = Path(testing.__file__).resolve().parents[1]

MIXED = """\
import pytest
def test_good(): pass
def test_bad(): assert False
def test_left_out(): pytest.skip("not here")
@pytest.fixture
def broken():
    yield
    raise RuntimeError
def test_bad_in_the_end(broken): pass
@pytest.mark.xfail(strict=True)
def test_expected_to_fail(): assert False
"""


def executed(directory: Path, text: str | None, *words: str) -> Outcome:
    """The outcome of a part that is a run of pytest over one file of this text."""
    if text is not None:
        (directory / "test_it.py").write_text(text)
    part = testing.of_pytest("it", "-p", "no:cacheprovider", "-c", str(directory / "none.toml"), *words, str(directory))
    (directory / "none.toml").write_text("[tool.pytest.ini_options]\n")
    return testing.execute(part, directory, Progress())


@pytest.mark.slow
def test_each_test_is_counted_once_and_an_error_in_its_end_is_a_failure(tmp_path: Path) -> None:
    found = executed(tmp_path, MIXED)
    assert (found.passed, found.failed, found.skipped) == (2, 2, 1)
    assert len(found.took) == 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ()),
        ("def test_it(): pass", ("-k", "nothing_of_this_name")),
        ("import a_module_that_is_not_there", ()),
        ("import os\ndef test_it(): os._exit(7)", ()),
        ("def test_it(): pass", ("--an-option-that-pytest-does-not-know",)),
    ],
    ids=["no file", "nothing chosen", "a file that cannot be imported", "a crash", "a wrong option"],
)
def test_a_part_that_ran_no_test_has_failed(tmp_path: Path, text: str | None, words: tuple[str, ...]) -> None:
    assert executed(tmp_path, text, *words).failed == 1


@pytest.mark.parametrize(("status", "counts"), [(0, (1, 0, 0)), (3, (0, 1, 0))])
def test_a_part_that_is_no_pytest_is_one_check(tmp_path: Path, status: int, counts: tuple[int, int, int]) -> None:
    part = Part("checker", ("-c", f"raise SystemExit({status})"), pytest=False)
    found = testing.execute(part, tmp_path, Progress())
    assert (found.passed, found.failed, found.skipped) == counts


def test_the_last_line_is_the_sum_of_all_parts() -> None:
    took = {f"test_{index}": float(index) for index in range(40)}
    lines = testing.summary([Outcome("one", 61, 5, 0, 1, took), Outcome("another", 3, 2, 1, 0, note="crashed")])
    assert lines[-1] == "7 passed, 1 failed, 1 skipped"
    assert sum(" passed, " in line and not line.startswith(" ") for line in lines) == 1
    assert "  1 min 01 s" in next(line for line in lines if line.startswith("  one"))
    assert [line.split()[-1] for line in lines[1:26]] == [f"test_{index}" for index in range(39, 14, -1)]


def test_the_last_line_of_a_run_that_leaves_tests_out_says_how_many() -> None:
    lines = testing.summary([Outcome("one", 61, 5, left_out=12)], left_out=12)
    assert lines[-1] == "5 passed, 0 failed, 0 skipped; 12 left out, which bin/estate test runs"


@pytest.mark.slow
def test_what_the_marks_of_a_part_exclude_is_counted(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom tests.conftest import pytest_deselected\n"
    )
    text = (
        "import pytest\ndef test_it(): pass\n"
        "@pytest.mark.slow\n@pytest.mark.parametrize('number', [1, 2])\ndef test_number(number): pass\n"
    )
    for workers in ((), ("-n", "2")):
        found = executed(tmp_path, text, "-m", "not slow", *workers)
        assert (found.passed, found.left_out) == (1, 2)


def test_the_whole_run_holds_every_test_once() -> None:
    chosen = [part.words for part in (*testing.whole(), testing.computations()) if part.pytest]
    marked = [words[words.index("-m", 2) + 1 :] for words in chosen if "-m" in words[2:]]
    assert sum(words[0] == "engine or lab" for words in marked) == 1
    unit = sorted(words[words.index("--only") + 1] for words in marked if words[0] == testing.UNIT)
    assert unit == ["computing", "waiting"] and len(marked) == 3
    assert not any(each.startswith("--ignore") for words in chosen for each in words if "drills" not in each)
    drills = [
        words
        for words in chosen
        if any(testing.DRILLS in each for each in words) and f"--ignore={testing.DRILLS}" not in words
    ]
    assert len(drills) == 2
    assert all((ROOT / "tests" / each).exists() for each in WAITING)


WAITS = {
    "sleeps": "import time\ndef test_it(): time.sleep(0.01)",
    "listens": "import socket\ndef test_it(): socket.create_server(('127.0.0.1', 0))",
    "connects": "import socket\ndef test_it(): socket.create_connection(('127.0.0.1', 1))",
    "limits a process": "import subprocess\ndef test_it(): subprocess.run(['true'], timeout=9)",
    "waits in a fixture": (
        "import pytest, time\n@pytest.fixture(scope='session')\ndef made(): time.sleep(0.01)\ndef test_it(made): pass"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("text", WAITS.values(), ids=WAITS)
def test_among_the_computations_a_test_that_waits_fails(tmp_path: Path, text: str) -> None:
    plugin = (
        "from tests.waiting import Computing\ndef pytest_configure(config): config.pluginmanager.register(Computing())"
    )
    (tmp_path / "conftest.py").write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{plugin}")
    found = executed(tmp_path, text)
    assert (found.passed, found.failed) == (0, 1)


@pytest.mark.slow
def test_a_part_that_runs_beside_the_others_is_counted_and_printed_after_them(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_it.py").write_text("def test_good(): pass\ndef test_bad(): assert False")
    (tmp_path / "none.toml").write_text("[tool.pytest.ini_options]\n")
    part = testing.of_pytest("it", "-p", "no:cacheprovider", "-c", str(tmp_path / "none.toml"), str(tmp_path))
    first = Part("first", ("-c", "print('the first part')"), pytest=False, alone=True)
    found = testing.execute_beside(part, [first], tmp_path, Progress())
    assert [(each.name, each.passed, each.failed) for each in found] == [("first", 1, 0), ("it", 1, 1)]
    said = capfd.readouterr().out
    assert said.index("the first part") < said.index("1 failed, 1 passed")


COUNTING = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done"


def lines_of(log: Path, more_than: int) -> int:
    deadline = time.monotonic() + 60
    while (found := log.read_text().count("\n")) <= more_than:
        assert time.monotonic() < deadline, f"no more than {found} lines"
        time.sleep(0.01)
    return found


@pytest.mark.slow
def test_a_command_beside_others_pauses_goes_on_and_leaves_no_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Beside(["sh", "-c", f"({COUNTING}) & wait"], tmp_path, log) as running:
        lines_of(log, 2)
        with running.paused():
            time.sleep(0.2)
            paused = log.read_text()
            time.sleep(0.5)
            assert log.read_text() == paused
        lines_of(log, paused.count("\n"))
        session = running.pid
        assert os.sched_getscheduler(session) == os.SCHED_IDLE
        assert members(session)
    assert not members(session)


@pytest.mark.slow
def test_a_command_beside_others_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    starting = (
        "import sys, time; from pathlib import Path; from cli.beside import Beside; "
        f"Beside(['sh', '-c', {COUNTING!r}], Path(sys.argv[1]), Path(sys.argv[2])); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", starting, str(tmp_path), str(log)], cwd=ROOT) as parent:
        deadline = time.monotonic() + 60
        while not log.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        lines_of(log, 2)
        parent.kill()
    time.sleep(0.5)
    ended = log.read_text()
    time.sleep(0.5)
    assert log.read_text() == ended


def test_a_part_of_the_night_that_fails_stops_none_and_is_told(tmp_path: Path) -> None:
    shown = Shown(Progress())
    parts = [
        Long("bad", ("-c", "print('1 promise is broken'); print(); raise SystemExit(1)")),
        Long("good", ("-c", "print('all held')")),
    ]
    ended = [shown.run(part, tmp_path) for part in parts]
    lines = night.summary(ended)
    assert lines[1].startswith("failed  bad") and lines[1].endswith("1 promise is broken")
    assert lines[2].startswith("passed  good") and lines[2].endswith("all held")
    assert lines[-1] == "1 passed, 1 failed, 0 skipped"


def test_an_unknown_part_of_the_night_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="nonsense.*expected one of: .*simulation"):
        night.chosen(["z3", "nonsense"], [])


def test_without_a_name_all_parts_of_the_night_run() -> None:
    assert night.chosen([], []) == list(night.LONG)
    assert [part.name for part in night.chosen(["z3", "fuzz"], [])] == ["z3", "fuzz"]


@pytest.mark.parametrize("part", night.LONG, ids=lambda part: part.name)
def test_the_program_of_each_part_of_the_night_is_there_and_takes_its_options(part: Long) -> None:
    module = part.words[1].replace(".", "/")
    if part.words[1] != "pytest":
        source = next(
            each for each in (ROOT / f"{module}.py", ROOT / module / "__main__.py") if each.exists()
        ).read_text()
        options = [word for word in part.words if word.startswith("--")]
        assert part.words[1] == "cli" or [each for each in options if f'"{each}"' not in source] == []
    else:
        assert (ROOT / part.words[-1]).is_file()
