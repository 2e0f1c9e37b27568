"""What ``bin/estate up`` reports at its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli.commands import up
from cli.commands.up import delegations


def test_each_public_name_is_reported_with_the_name_servers_that_it_must_be_delegated_to() -> None:
    servers = {"seed.example": ["ns-2.example", "ns-1.example"], "rpc.example": ["ns-3.example"]}
    assert delegations({"name_servers": servers, "inventory": {}}) == [
        "delegate rpc.example to: ns-3.example",
        "delegate seed.example to: ns-2.example, ns-1.example",
    ]


def test_a_network_without_public_names_has_nothing_to_delegate() -> None:
    assert delegations({"inventory": {}}) == []


@pytest.mark.parametrize("where", [[], ["--live"]])
def test_an_empty_name_of_a_host_is_no_up_without_a_replacement(
    estate: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, where: list[str]
) -> None:
    monkeypatch.setattr(up, "_prove", lambda *_: pytest.fail("it went on"))
    code, _, said = estate("up", "cosmoshub", "--replace", "", *where)
    assert code == 2
    assert "declares no host ''" in said
