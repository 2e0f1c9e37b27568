"""A gate has only the configuration that it needs, its units are confined, and only its signer can use it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from configuration import gate_config, rulesets, signer_config
from configuration.context import HostContext
from coordinator import config, floor, version
from estate.declaration import load
from estate.model import Network, Role
from estate.plan import coordination
from estate.plan.hosts import Host, of_role
from hosts.facts.gate import GateAccounts, GateAccountsState
from hosts.operations.files import Absent, Directory, File
from hosts.operations.gate import leasing, provision
from hosts.roles import gate, signer
from packages import recipes
from tests.hosts import samples

TENTHS_ALLOWED = 15


@pytest.fixture(scope="module")
def network(stack_file: Path) -> Network:
    return load.read(stack_file)


def context(network: Network, host: Host) -> HostContext:
    return HostContext(network=network, host=host, inventory=samples.inventory(network))


def gated(network: Network) -> list[Host]:
    found = [host for host in of_role(network, Role.SIGNER) if coordination.is_gated(network, host)]
    assert found
    return found


def files(network: Network, host: Host) -> dict[str, File]:
    return {item.path: item for item in signer.items(context(network, host)) if isinstance(item, File)}


def text(network: Network, host: Host, path: str) -> str:
    return str(files(network, host)[path].content)


def allowed(unit: str) -> set[str]:
    return set(re.findall(r"^IPAddressAllow=(.*)$", unit, re.MULTILINE))


def called(chain: config.Chain) -> list[tuple[str, int]]:
    return [(address, each.port) for each in chain.endpoints for address in each.addresses]


def with_a_detour(network: Network) -> Network:
    declared = network.signing.coordination
    assert declared
    region, service = next(iter(declared.replicas.items()))
    around = network.services[service].model_copy(update={"address": IPv4Address("198.51.100.99")})
    coordinated = declared.model_copy(update={"detours": {region: ("around",)}})
    return network.model_copy(
        update={
            "services": {**network.services, "around": around},
            "signing": network.signing.model_copy(update={"coordination": coordinated}),
        }
    )


def test_a_detour_to_the_table_is_in_the_gates_configuration_its_unit_and_the_firewall(network: Network) -> None:
    changed = with_a_detour(network)
    for host in gated(changed):
        (first, *_) = config.parse(text(changed, host, gate_config.CONFIG)).chains[0].endpoints
        assert first.others == ("198.51.100.99",)
        assert "198.51.100.99" in allowed(text(changed, host, gate_config.UNIT_FILE))
        assert "198.51.100.99" in rulesets.ruleset(changed, host, samples.inventory(changed))


def test_the_gate_itself_accepts_its_configuration(network: Network) -> None:
    for host in gated(network):
        found = config.parse(text(network, host, gate_config.CONFIG))
        chain = found.chain(network.chain.chain_id)
        assert found.gate_id == host.name
        assert (chain.head, chain.claims) == coordination.table_names(network)
        assert [(each.host, each.addresses, each.port) for each in chain.endpoints] == [
            (each.host, tuple(map(str, each.addresses)), each.port) for each in coordination.endpoints(network)
        ]
        assert {each.scheme for each in chain.endpoints} == {"https"}


def test_a_gate_answers_the_active_validator_of_its_own_site_alone(network: Network) -> None:
    for host in gated(network):
        node = config.parse(text(network, host, gate_config.CONFIG)).chains[0].node
        own = [each for each in of_role(network, Role.VALIDATOR) if each.place == host.place and each.active]
        assert node == (str(own[0].address), network.chain.ports.privval)


def test_a_gate_hears_tmkms_alone_in_a_directory_that_holds_nothing_else(network: Network) -> None:
    for host in gated(network):
        written = config.parse(text(network, host, gate_config.CONFIG))
        (chain,) = written.chains
        assert chain.signer_user == signer_config.USER
        assert chain.signer.parent == Path(gate_config.SIGNER_RUN)
        others = (written.metrics, written.state, chain.credentials)
        assert not [each for each in others if each.is_relative_to(chain.signer.parent)]
        unit = text(network, host, gate_config.UNIT_FILE).splitlines()
        assert "RuntimeDirectory=signing-gate signing-gate-signer" in unit
        assert "RuntimeDirectoryMode=0750" in unit
        users = [line for line in unit if line.startswith("PrivateUsers=")]
        assert users[-1] == "PrivateUsers=no", "in a user namespace every other user looks the same"
        assert f'addr = "unix://{chain.signer}"' in text(network, host, signer_config.CONFIG)


def test_gates_of_one_key_have_names_of_their_own(network: Network) -> None:
    names = [config.parse(text(network, host, gate_config.CONFIG)).gate_id for host in gated(network)]
    assert len(set(names)) == len(names) == len(network.signing.coordination.sites)  # type: ignore[union-attr]


@pytest.mark.parametrize(("block_seconds", "blocks"), [(6, 14_400), (1, 86_400), (7, 12_343)])
def test_a_gate_signs_at_most_a_day_of_blocks_above_the_row(block_seconds: float, blocks: int) -> None:
    assert gate_config.reach(block_seconds) == blocks


@pytest.mark.parametrize(("block_seconds", "deadline"), [(6, 0.4), (60, 0.4), (1, 0.4), (0.8, 0.32), (0.2, 0.25)])
def test_a_refusal_comes_while_the_round_can_still_go_on(block_seconds: float, deadline: float) -> None:
    assert gate_config.deadline_seconds(block_seconds) == deadline
    assert deadline <= config.LONGEST_DEADLINE_SECONDS


def test_a_gate_knows_whether_its_chain_has_vote_extensions_and_how_far_it_may_claim(network: Network) -> None:
    for host in gated(network):
        chain = config.parse(text(network, host, gate_config.CONFIG)).chains[0]
        assert (chain.sign_extensions, chain.reach) == (False, gate_config.reach(network.chain.block_seconds))
    declared = network.signing.coordination
    assert declared
    near = declared.model_copy(update={"reach_blocks": 500})
    other = network.model_copy(
        update={
            "chain": network.chain.model_copy(update={"vote_extensions": True}),
            "signing": network.signing.model_copy(update={"coordination": near}),
        }
    )
    for host in gated(other):
        chain = config.parse(text(other, host, gate_config.CONFIG)).chains[0]
        assert (chain.sign_extensions, chain.reach) == (True, 500)


def test_a_signer_without_a_gate_has_nothing_left_of_one(network: Network) -> None:
    for host in of_role(network, Role.SIGNER):
        items = gate.items(context(network, host))
        absent = {item.path for item in items if isinstance(item, Absent)}
        if coordination.is_gated(network, host):
            assert not absent
        else:
            assert absent == {gate_config.UNIT_FILE, gate_config.LEASE_UNIT_FILE} and len(items) == 2


@pytest.mark.slow
def test_a_gate_may_connect_to_its_node_and_the_table_and_has_no_listening_port(network: Network) -> None:
    for host in gated(network):
        unit = text(network, host, gate_config.UNIT_FILE)
        chain = config.parse(text(network, host, gate_config.CONFIG)).chains[0]
        assert allowed(unit) == {chain.node[0], *(address for address, _ in called(chain))}
        for line in ("IPAddressDeny=any", "SocketBindDeny=any", "RestrictAddressFamilies=AF_INET AF_UNIX"):
            assert line in unit.splitlines()


def test_the_lease_may_speak_to_vault_alone(network: Network) -> None:
    for host in gated(network):
        unit = text(network, host, gate_config.LEASE_UNIT_FILE)
        assert allowed(unit) == {str(network.services["vault"].address)}


def test_the_firewall_lets_a_gate_reach_what_its_unit_allows(network: Network) -> None:
    for host in gated(network):
        ruleset = rulesets.ruleset(network, host, samples.inventory(network))
        output = ruleset[ruleset.index("chain output") :]
        chain = config.parse(text(network, host, gate_config.CONFIG)).chains[0]
        for address, port in (chain.node, *called(chain)):
            rules = [line for line in output.splitlines() if f"dport {port} " in line and address in line]
            assert len(rules) == 1 and rules[0].endswith("accept"), f"{host.name} to {address}:{port}"


@pytest.mark.slow
def test_no_host_but_a_signer_reaches_the_table(network: Network) -> None:
    addresses = {str(address) for each in coordination.endpoints(network) for address in each.addresses}
    for host in of_role(network, *(role for role in Role if role not in (Role.SIGNER, Role.EDGE))):
        ruleset = rulesets.ruleset(network, host, samples.inventory(network))
        output = ruleset[ruleset.index("chain output") :]
        assert not addresses & set(re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", output)), host.name


@pytest.mark.slow
def test_every_unit_of_a_gated_signer_is_confined(network: Network, tmp_path: Path) -> None:
    for backend in ("softsign", "yubihsm"):
        declared = network.model_copy(update={"signing": network.signing.model_copy(update={"backend": backend})})
        for path, file in files(declared, gated(declared)[0]).items():
            if not path.endswith(".service"):
                continue
            unit = tmp_path / path.rpartition("/")[2]
            unit.write_text(str(file.content))
            command = ["systemd-analyze", "security", "--offline=true", f"--threshold={TENTHS_ALLOWED}", str(unit)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            verdict = done.stdout.strip().rpartition("\n")[2]
            print(f"{backend}: {verdict}")
            assert done.returncode == 0, f"{backend}: {verdict}{done.stderr}"


def test_the_key_is_out_of_the_gates_sight(network: Network) -> None:
    for host in gated(network):
        for path in (gate_config.UNIT_FILE, gate_config.LEASE_UNIT_FILE):
            unit = text(network, host, path)
            hidden = re.search(r"^InaccessiblePaths=(.*)$", unit, re.MULTILINE)
            assert hidden and f"-{signer_config.HOME}" in hidden[1].split()
            assert signer_config.USER not in re.findall(r"^(?:Supplementary)?Groups?=(.*)$", unit, re.MULTILINE)


def test_the_signer_cannot_read_the_gates_credentials(network: Network) -> None:
    for host in gated(network):
        unit = text(network, host, signer_config.UNIT_FILE)
        assert re.findall(r"^SupplementaryGroups=(.*)$", unit, re.MULTILINE) == [gate_config.USER]
        made = text(network, host, gate.TMPFILES).split()
        assert made[1:5] == [gate_config.LEASE_RUN, "0750", gate_config.LEASE_USER, gate_config.LEASE_USER]


def test_every_unit_can_be_masked(network: Network) -> None:
    for path in files(network, gated(network)[0]):
        assert not (path.startswith("/etc/") and path.endswith(".service")), (
            "systemd masks no unit whose file is in /etc"
        )


def test_a_new_version_of_the_gate_restarts_it(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    host = gated(network)[0]
    before = files(network, host)[gate_config.UNIT_FILE]
    monkeypatch.setattr(gate_config, "version", lambda: "1.0.0+000000000000")
    after = files(network, host)[gate_config.UNIT_FILE]
    assert before.content != after.content
    assert after.then and f"systemctl restart {gate_config.UNIT}" in after.then


def test_the_version_deployed_is_the_version_packed(network: Network) -> None:
    settings = gate_config.settings(network, gated(network)[0])
    assert settings and settings.version == recipes.signing_gate().version == version.version()


def test_the_lease_is_the_one_declared_and_is_renewed_before_its_end(network: Network) -> None:
    for host in gated(network):
        document = tomllib.loads(text(network, host, gate_config.LEASE_CONFIG))
        declared = network.leases[coordination.lease_of(network, host) or ""]
        assert (document["path"], document["ttl_seconds"]) == (declared.path, declared.ttl_seconds)
        assert 0 < document["renew_before_seconds"] < document["ttl_seconds"]
        assert document["credentials"] == str(
            config.parse(text(network, host, gate_config.CONFIG)).chains[0].credentials
        )
        assert IPv4Address(document["vault"].removeprefix("https://").partition(":")[0])


def test_directories_of_the_configuration_are_made(network: Network) -> None:
    made = {item.path for item in signer.items(context(network, gated(network)[0])) if isinstance(item, Directory)}
    assert {gate_config.DIRECTORY, gate_config.UNITS} <= made


def test_a_deploy_looks_for_the_watermark_where_the_gate_keeps_it(network: Network) -> None:
    for host in gated(network):
        kept = floor.path_of(Path(gate_config.STATE), network.chain.chain_id)
        assert gate_config.floor_file(network.chain.chain_id) == str(kept), host.name


def test_a_configuration_that_the_gate_cannot_read_replaces_nothing(network: Network) -> None:
    check = files(network, gated(network)[0])[gate_config.CONFIG].check
    assert check and "signing-gate show" in check


def test_a_deploy_makes_no_watermark() -> None:
    script = provision(GateAccountsState())
    assert script and "floor" not in script
    assert provision(GateAccountsState(provisioned=True)) is None


def test_a_lease_starts_only_with_something_to_show() -> None:
    assert leasing(GateAccountsState()) == [f"systemctl enable {gate_config.LEASE_UNIT}"]
    waiting = GateAccountsState(leases_at_boot=True)
    assert leasing(waiting) == []
    assert leasing(replace(waiting, can_lease=True)) == [f"systemctl start {gate_config.LEASE_UNIT}"]
    assert leasing(replace(waiting, can_lease=True, leases=True)) == []


def test_what_a_host_says_of_its_gates_accounts_is_understood() -> None:
    said = GateAccounts().process(["provisioned", "leases"])
    assert said == GateAccountsState(provisioned=True, leases=True)
    assert GateAccounts().process([]) == GateAccountsState()
