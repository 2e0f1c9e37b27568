import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from engine import processes


def _pid_printed(output: IO[str] | None) -> int:
    assert output is not None
    return int(output.readline())


def _wait_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if processes.start_time(pid) is None:
            return True
        time.sleep(0.02)
    return False


def test_a_failed_child_tells_its_command_status_and_last_lines(tmp_path: Path) -> None:
    with pytest.raises(processes.CommandFailed) as caught:
        processes.run(["sh", "-c", "echo first; echo last; exit 3"], records=tmp_path)
    assert caught.value.status == 3
    assert caught.value.tail == ("first", "last")
    assert "status 3" in str(caught.value) and "    last" in str(caught.value)


def test_every_line_reaches_the_caller_and_the_log(tmp_path: Path) -> None:
    seen: list[str] = []
    processes.run(
        ["sh", "-c", "echo one; echo two >&2"], records=tmp_path / "run", on_line=seen.append, log=tmp_path / "log"
    )
    assert sorted(seen) == ["one", "two"]
    assert sorted((tmp_path / "log").read_text().split()) == ["one", "two"]


def test_a_child_that_ended_leaves_no_record(tmp_path: Path) -> None:
    processes.run(["true"], records=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_after_kill_9_of_a_command_its_children_are_ended_by_the_next(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from engine import processes\n"
        "processes.run(['sh', '-c', 'trap \"\" TERM; echo $$; while :; do sleep 0.2; done'], records=Path(sys.argv[1]),"
        " on_line=lambda line: print(line, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as command:
        child = _pid_printed(command.stdout)
        command.send_signal(signal.SIGKILL)
    assert processes.start_time(child) is not None, (
        "the child ignores SIGTERM, so it must have outlived its parent for this test to mean anything"
    )
    assert processes.end_leftovers(tmp_path, patience_seconds=0.3) == 1
    assert _wait_gone(child)
    assert list(tmp_path.iterdir()) == []


def test_a_recorded_pid_that_now_belongs_to_another_process_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / f"{os.getpid()}.pid").write_text(f"{os.getpid()} 1\n")
    assert processes.end_leftovers(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_group_of_its_own_within_a_killed_commands_session_is_ended_too(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from engine import processes\n"
        "processes.run([sys.executable, '-c', 'import os, subprocess, time;"
        'plugin = subprocess.Popen(["sleep", "600"], process_group=0);'
        " print(plugin.pid, flush=True); time.sleep(600)'],"
        " records=Path(sys.argv[1]), on_line=lambda line: print(line, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as command:
        plugin = _pid_printed(command.stdout)
        leader = int(next(tmp_path.glob("*.pid")).stem)
        command.send_signal(signal.SIGKILL)
    assert _wait_gone(leader), "the child itself ends with its command"
    assert processes.start_time(plugin) is not None, "what it started is left, so this test means something"
    assert processes.end_leftovers(tmp_path) == 1
    assert _wait_gone(plugin)
