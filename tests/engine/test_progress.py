"""What a long command prints while it works: text of hosts and of the cloud is shown, and never obeyed."""

from __future__ import annotations

import pytest

from engine.progress import Progress

HOSTILE = "host [bold]x[/] \x1b]0;title\x07"
SHOWN = "host [bold]x[/] \\x1b]0;title\\x07"


def test_text_of_others_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    with progress.stage(HOSTILE):
        progress.say(HOSTILE)
        progress.outcome(HOSTILE)
    with pytest.raises(RuntimeError), progress.stage(HOSTILE):
        raise RuntimeError
    said = capsys.readouterr().out
    assert said.count(SHOWN) == 5 and "\x1b" not in said
