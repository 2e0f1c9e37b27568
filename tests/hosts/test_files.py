"""Files are installed together: the difference is found purely, and a secret is in no word that anyone can read."""

from __future__ import annotations

from hashlib import sha256

from pyinfra.api import HiddenValue, StringCommand

from hosts.facts.installed import Entry, Installed, State
from hosts.operations.files import Absent, Directory, File, followup_id, plan, script

NOTHING = State(entries={}, listings={}, pending=frozenset())


def present(file: File, **changes: str) -> Entry:
    values = {
        "kind": "file",
        "mode": file.mode,
        "owner": file.owner,
        "group": file.group,
        "sha256": sha256(file.raw).hexdigest(),
    }
    return Entry(**(values | changes))


def state(*files: File, **more: object) -> State:
    values = {"entries": {file.path: present(file) for file in files}, "listings": {}, "pending": frozenset()}
    return State(**(values | more))  # type: ignore[arg-type]


MOTD = File(path="/etc/motd", content="hello\n", then="true")


def test_a_file_that_is_as_declared_changes_nothing() -> None:
    assert not plan([MOTD], state(MOTD))


def test_content_mode_owner_and_kind_each_make_a_difference() -> None:
    for change in (
        {"sha256": "0" * 64},
        {"mode": "600"},
        {"owner": "debian"},
        {"group": "debian"},
        {"kind": "symbolic link"},
    ):
        changed = plan([MOTD], State(entries={MOTD.path: present(MOTD, **change)}, listings={}, pending=frozenset()))
        assert changed.files == (MOTD,), change
        assert changed.followups == ("true",), change


def test_a_leading_zero_of_a_mode_is_no_difference() -> None:
    file = File(path="/etc/motd", content="", mode="0644")
    assert not plan([file], State(entries={file.path: present(file, mode="644")}, listings={}, pending=frozenset()))


def test_equal_followups_run_once_in_order_of_the_files() -> None:
    items = [
        File(path="/a", content="", then="one"),
        File(path="/b", content="", then="two"),
        File(path="/c", content="", then="one"),
    ]
    assert plan(items, NOTHING).followups == ("one", "two")


def test_an_exclusive_directory_loses_what_is_not_declared() -> None:
    directory = Directory(path="/etc/keys", exclusive=True)
    kept = File(path="/etc/keys/alice", content="key\n")
    entries = {"/etc/keys": Entry(kind="directory", mode="755", owner="root", group="root"), kept.path: present(kept)}
    found = State(entries=entries, listings={"/etc/keys": ("alice", "mallory")}, pending=frozenset())
    assert plan([directory, kept], found).removals == ("/etc/keys/mallory",)


def test_what_must_be_absent_is_removed_only_if_it_is_there() -> None:
    assert not plan([Absent(path="/etc/motd")], NOTHING)
    assert plan([Absent(path="/etc/motd")], state(MOTD)).removals == ("/etc/motd",)


def test_a_followup_that_a_killed_run_owes_runs_though_the_file_is_as_declared() -> None:
    owed = plan([MOTD], state(MOTD, pending=frozenset({followup_id("true")})))
    assert owed.followups == ("true",)
    assert owed.files == ()


def test_every_check_comes_before_the_first_replacement() -> None:
    items = [File(path="/a", content="", check="check-a"), File(path="/b", content="", check="check-b")]
    text = script(plan(items, NOTHING))
    assert text.index("check-b") < text.index("mv -fT"), (
        "a later check could refuse when an earlier file is already replaced"
    )


def test_a_followup_is_owed_before_the_first_replacement() -> None:
    text = script(plan([MOTD], NOTHING))
    assert text.index(followup_id("true")) < text.index("mv -fT"), (
        "killed in between, nobody would know that it is owed"
    )


def test_a_path_with_spaces_and_quotes_is_one_path() -> None:
    text = script(plan([File(path="/etc/it's here", content="")], NOTHING))
    assert """'/etc/it'"'"'s here'""" in text


def test_a_secret_is_not_in_the_script_nor_in_any_representation() -> None:
    file = File(path="/etc/secret", content=HiddenValue("hunter2"))
    change = plan([file], NOTHING)
    assert "hunter2" not in script(change)
    assert "hunter2" not in repr(file) + str(file) + repr(change)
    assert "hunter2" not in repr(StringCommand(script(change), _stdin=["hunter2"]))


def test_the_state_of_paths_is_read_as_it_was_printed() -> None:
    digest = "a" * 64
    found = Installed().process(
        [
            "=\tregular file\t644\troot\troot\t/etc/motd",
            "=\tdirectory\t755\troot\troot\t/etc/keys",
            f"{digest}  /etc/motd",
            ">\t/etc/keys\talice",
            "!\tabc",
        ]
    )
    assert found.entries["/etc/motd"] == Entry(kind="file", mode="644", owner="root", group="root", sha256=digest)
    assert found.entries["/etc/keys"].sha256 is None
    assert found.listings == {"/etc/keys": ("alice",)}
    assert found.pending == {"abc"}
