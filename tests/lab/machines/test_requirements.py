"""A computer that cannot run machines says everything that it lacks, at once."""

import os
import sys

import pytest

from lab.machines import requirements


def test_without_root_the_lab_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(requirements.LabUnavailable, match="root: .*run as root"):
        requirements.check()


def test_a_missing_program_is_named_with_the_package_that_has_it() -> None:
    lacks = requirements.missing({"no-such-program": "some-package"})
    assert "the program no-such-program: install the Debian package some-package" in lacks


def test_elsewhere_than_on_linux_nothing_else_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    (lack,) = requirements.missing()
    assert "run the lab on a Linux machine" in lack
