"""What the small operations do about a difference, and that they do nothing without one."""

from __future__ import annotations

import pytest
from pyinfra.api import OperationError

from hosts.facts.accounts import Accounts, AccountState
from hosts.facts.firewall import Firewall
from hosts.facts.packages import InstalledVersions
from hosts.facts.units import UnitState, UnitStates
from hosts.operations import accounts, firewall, packages, units
from hosts.operations.units import Unit

RUNNING = UnitState(loaded=True, active=True, enabled=True, stale=False)
GROUP = "estate-operators"


def test_people_who_are_there_need_nothing() -> None:
    assert accounts.commands(["alice"], GROUP, AccountState(users={"alice": 1001}, members=frozenset({"alice"}))) == []


def test_someone_new_gets_an_account_without_a_password_in_the_group() -> None:
    (command,) = accounts.commands(["alice"], GROUP, AccountState(users={}, members=frozenset()))
    assert command.startswith("useradd ") and "--password '*'" in command and f"--groups {GROUP}" in command


def test_someone_who_is_no_longer_declared_loses_sessions_and_account() -> None:
    state = AccountState(users={"alice": 1001, "bob": 1002, "debian": 1000}, members=frozenset({"alice", "bob"}))
    needed = " ".join(accounts.commands(["alice"], GROUP, state))
    assert "pkill -KILL -u bob" in needed and "userdel --remove --force bob" in needed
    assert "debian" not in needed, "the account that configures the host is not the estate's to remove"


def test_an_account_of_the_system_is_no_operators() -> None:
    with pytest.raises(OperationError, match="user id 1 is the system's"):
        accounts.commands(["daemon"], GROUP, AccountState(users={"daemon": 1}, members=frozenset()))


def test_accounts_are_read_as_they_were_printed() -> None:
    state = Accounts().process(["root:0", "alice:1001", "=estate-operators:x:999:alice,bob"])
    assert state == AccountState(users={"root": 0, "alice": 1001}, members=frozenset({"alice", "bob"}))
    assert Accounts().process(["root:0"]).members is None


def test_a_unit_that_runs_and_is_enabled_needs_nothing() -> None:
    assert units.commands([Unit(name="ssh.service")], {"ssh.service": RUNNING}) == []


def test_units_are_enabled_before_they_start_and_reloaded_before_both() -> None:
    stopped = UnitState(loaded=True, active=False, enabled=False, stale=True)
    assert units.commands([Unit(name="a.service")], {"a.service": stopped}) == [
        "systemctl daemon-reload",
        "systemctl enable a.service",
        "systemctl start a.service",
    ]


def test_a_unit_that_is_not_there_cannot_be_running_when_it_must_not() -> None:
    assert units.commands([Unit(name="systemd-resolved.service", running=False, enabled=False)], {}) == []


def test_unit_states_are_read_as_they_were_printed() -> None:
    states = UnitStates().process(
        [
            "@a.service",
            "LoadState=loaded",
            "ActiveState=active",
            "UnitFileState=enabled",
            "NeedDaemonReload=no",
            "@b.service",
            "LoadState=not-found",
            "ActiveState=inactive",
            "UnitFileState=",
            "NeedDaemonReload=no",
        ]
    )
    assert states["a.service"] == RUNNING
    assert states["b.service"] == UnitState(loaded=False, active=False, enabled=False, stale=False)


def test_a_package_at_the_wanted_version_needs_no_news_of_the_repository() -> None:
    assert packages.command({"gaiad": "25.1.0", "chrony": None}, {"gaiad": "25.1.0", "chrony": "4.3"}) is None


def test_another_version_is_installed_exactly_even_if_it_is_older() -> None:
    command = packages.command({"gaiad": "25.1.0", "chrony": None}, {"gaiad": "26.0.0", "chrony": "4.3"})
    assert command is not None
    assert command.endswith(" gaiad=25.1.0") and "--allow-downgrades" in command and "update &&" in command


def test_a_half_installed_package_counts_as_missing() -> None:
    assert InstalledVersions().process(["installed\tchrony\t4.3", "half-configured\tgaiad\t25.1.0"]) == {
        "chrony": "4.3"
    }


def test_the_previous_ruleset_is_saved_before_the_new_one_is_loaded() -> None:
    text = firewall.trial(30)
    assert text.index("nft -c -f new") < text.index("systemd-run") < text.index("\nnft -f new")
    assert "--on-active=30s" in text


def test_a_ruleset_is_kept_only_by_its_confirmation() -> None:
    assert "/etc/nftables.conf" not in firewall.trial(30), (
        "a reboot before the confirmation must bring the previous one"
    )
    confirmation = firewall.confirmation()
    assert confirmation.index("trial") < confirmation.index("mv -f") < confirmation.index("systemctl stop")


def test_the_state_of_a_firewall_is_read_as_it_was_printed() -> None:
    state = Firewall().process(["file abc", "confirmed ", "loaded def", "enabled enabled"])
    assert (state.file, state.confirmed, state.loaded, state.enabled) == ("abc", "", "def", True)
