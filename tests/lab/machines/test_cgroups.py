"""Finding the cgroup hierarchies, however the computer has them mounted."""

from pathlib import Path

import pytest

from lab.machines import cgroups

UNIFIED = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
HYBRID = """\
40 39 0:30 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
41 40 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
42 40 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
43 40 0:33 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
44 40 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"""


def test_a_systemd_computer_has_one_hierarchy_that_tracks_and_limits() -> None:
    assert cgroups.hierarchies(UNIFIED) == cgroups.Hierarchies(Path("/sys/fs/cgroup"), None, ())


def test_a_hybrid_computer_tracks_in_the_unified_hierarchy_and_limits_memory_in_the_old_one() -> None:
    tree = cgroups.hierarchies(HYBRID)
    assert tree.unified == Path("/sys/fs/cgroup/unified")
    assert tree.memory_v1 == Path("/sys/fs/cgroup/memory")
    assert Path("/sys/fs/cgroup/systemd") in tree.v1, "nspawn makes cgroups there, and removal must find them"


def test_without_the_unified_hierarchy_machines_cannot_be_tracked_and_the_fix_is_said() -> None:
    with pytest.raises(LookupError, match="mount -t cgroup2"):
        cgroups.hierarchies("40 39 0:30 / / rw - ext4 /dev/vda rw")
