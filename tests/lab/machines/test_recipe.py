"""What the image is made of."""

import pytest

from lab.machines import image, recipe
from lab.machines.requirements import LabUnavailable


def test_the_digest_follows_every_part_of_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe.digest()
    assert recipe.digest() == before
    monkeypatch.setitem(recipe.PACKAGES, "more", ("some-package",))
    with_package = recipe.digest()
    monkeypatch.setattr(recipe, "MASKED_UNITS", ())
    assert len({before, with_package, recipe.digest()}) == 3, (
        "an image of an older recipe must not be taken for this one"
    )


def test_no_identity_is_among_the_files_laid_over_the_packages() -> None:
    laid = recipe.rootfs_files()
    assert laid, "the image has files of its own"
    assert not [path for path in laid if "ssh_host_" in path or path.endswith("machine-id")]


def test_what_systemd_runs_in_the_image_is_executable() -> None:
    assert recipe.rootfs_files()["/usr/lib/machine/sysctl-of-this-machine"][1]


def test_a_mirror_may_be_given_where_apt_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESTATE_DEBIAN_MIRROR", "file:///srv/mirror")
    (line,) = image.debian_sources()
    assert line.endswith("file:///srv/mirror bookworm main")


def test_a_computer_whose_apt_has_no_debian_bookworm_gets_the_fix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ESTATE_DEBIAN_MIRROR", raising=False)
    monkeypatch.setattr(recipe, "SUITE", "no-such-suite")
    monkeypatch.setattr(recipe, "SUITES", ("no-such-suite",))
    monkeypatch.setattr(image, "_apt_index_targets", lambda: "")
    with pytest.raises(LabUnavailable, match="ESTATE_DEBIAN_MIRROR"):
        image.debian_sources()
