"""What is rendered for a host: the programs that will read it accept it, and it says what its role promises."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from jinja2 import StrictUndefined, UndefinedError
from pyinfra.api.exceptions import DeployError

from configuration import accounts, first_boot, networkd, routing
from configuration.context import HostContext
from configuration.rendering import ENVIRONMENT, TEMPLATES, render
from estate.declaration import load
from estate.model import Network, Role
from estate.plan import addressing
from estate.plan.hosts import Host, hosts
from hosts.operations.files import File
from hosts.roles import base, edge, firewall, packages, vpn
from tests.hosts import samples

pytestmark = pytest.mark.slow

OWN = ("base", "edge", "firewall", "vpn")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def network(stack_file: Path) -> Network:
    return load.read(stack_file)


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    file = tmp_path / "keyring.gpg"
    file.write_bytes(b"\x99keyring")
    return file


def contexts(network: Network, keyring: Path | None = None) -> list[HostContext]:
    inventory = samples.inventory(network)
    return [
        HostContext(network=network, host=host, inventory=inventory, archive_keyring=keyring) for host in hosts(network)
    ]


def file(items: Sequence[object], path: str) -> File:
    return next(item for item in items if isinstance(item, File) and item.path == path)


def text(items: Sequence[object], path: str) -> str:
    content = file(items, path).content
    assert isinstance(content, str)
    return content


def program(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if not found:
        pytest.skip(f"needs {name}: apt-get install {package}")
    return found


def edges(network: Network) -> list[Host]:
    return [host for host in hosts(network) if host.role is Role.EDGE]


def test_a_name_that_is_not_given_is_an_error_in_every_template() -> None:
    assert ENVIRONMENT.undefined is StrictUndefined
    with pytest.raises(UndefinedError):
        render("base/hosts.j2")


def test_every_template_is_used() -> None:
    code = "\n".join(each.read_text() for room in ("configuration", "hosts") for each in (ROOT / room).rglob("*.py"))
    for folder in OWN:
        for template in (TEMPLATES / folder).iterdir():
            assert f'"{folder}/{template.name}"' in code, f"{folder}/{template.name} is rendered by nobody"


def test_sshd_listens_on_the_management_address_alone_and_takes_keys_alone(network: Network, keyring: Path) -> None:
    for context in contexts(network, keyring):
        config = text(base.items(context), "/etc/ssh/sshd_config")
        assert re.findall(r"^ListenAddress (.*)$", config, re.MULTILINE) == [str(context.host.management_address)]
        for line in (
            "PermitRootLogin no",
            "PasswordAuthentication no",
            "AuthenticationMethods publickey",
            "DisableForwarding yes",
        ):
            assert f"\n{line}\n" in config, f"{context.host.name}: {line}"


def test_sshd_lets_in_the_operators_of_the_role_and_always_the_deploying_user(network: Network, keyring: Path) -> None:
    for context in contexts(network, keyring):
        allowed = re.search(r"^AllowUsers (.*)$", text(base.items(context), "/etc/ssh/sshd_config"), re.MULTILINE)
        expected = [name for name, each in sorted(network.operators.items()) if context.host.role in each.roles]
        assert allowed and allowed[1].split() == [accounts.DEPLOY_USER, *expected], context.host.name


def test_sshd_itself_accepts_its_configuration(network: Network, keyring: Path, tmp_path: Path) -> None:
    sshd = program("sshd", "openssh-server")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    Path("/run/sshd").mkdir(exist_ok=True) if os.geteuid() == 0 else None
    for context in contexts(network, keyring)[::7]:
        config = tmp_path / "sshd_config"
        config.write_text(
            text(base.items(context), "/etc/ssh/sshd_config").replace("/etc/ssh/ssh_host_ed25519_key", str(key))
        )
        done = subprocess.run([sshd, "-t", "-f", str(config)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_what_could_lock_an_operator_out_is_checked_before_it_is_replaced(network: Network, keyring: Path) -> None:
    items = base.items(contexts(network, keyring)[0])
    sshd, sudoers = file(items, "/etc/ssh/sshd_config"), file(items, "/etc/sudoers.d/estate")
    assert sshd.check and "sshd -t" in sshd.check and "ip -o -4 address show" in sshd.check
    assert sudoers.check and "visudo -c" in sudoers.check


def test_an_operator_has_keys_only_on_hosts_of_his_roles(network: Network, keyring: Path) -> None:
    for context in contexts(network, keyring):
        paths = {item.path for item in base.items(context) if item.path.startswith(f"{accounts.KEYS_DIRECTORY}/")}
        expected = {
            f"{accounts.KEYS_DIRECTORY}/{name}"
            for name, each in network.operators.items()
            if context.host.role in each.roles
        }
        assert paths == expected, context.host.name


def test_the_clock_is_asked_of_the_declared_service_and_nobody_else(network: Network, keyring: Path) -> None:
    for context in contexts(network, keyring):
        servers = re.findall(
            r"^(?:server|pool|peer) (\S+)", text(base.items(context), "/etc/chrony/chrony.conf"), re.MULTILINE
        )
        assert servers == [str(network.services["time"].address)], context.host.name


def test_chronyd_itself_accepts_its_configuration(network: Network, keyring: Path, tmp_path: Path) -> None:
    chronyd = program("chronyd", "chrony")
    config = tmp_path / "chrony.conf"
    config.write_text(text(base.items(contexts(network, keyring)[0]), "/etc/chrony/chrony.conf"))
    done = subprocess.run([chronyd, "-p", "-f", str(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_hosts_whose_role_has_no_resolver_look_up_nothing(network: Network, keyring: Path) -> None:
    service = network.services["resolver"]
    for context in contexts(network, keyring):
        servers = re.findall(r"^nameserver (\S+)$", text(base.items(context), "/etc/resolv.conf"), re.MULTILINE)
        assert servers == ([str(service.address)] if context.host.role in service.consumers else []), context.host.name


def test_a_host_knows_the_names_of_those_it_may_speak_to_and_no_others(network: Network, keyring: Path) -> None:
    signer = next(each for each in contexts(network, keyring) if each.host.role is Role.SIGNER)
    known = {name for line in text(base.items(signer), "/etc/hosts").splitlines()[2:] for name in line.split()[1:]}
    own_validators = {
        each.name for each in hosts(network) if each.role is Role.VALIDATOR and each.place == signer.host.place
    }
    assert known == own_validators


def test_only_hosts_that_carry_others_packets_forward(network: Network, keyring: Path) -> None:
    for context in contexts(network, keyring):
        settings = text(base.items(context), "/etc/sysctl.d/60-estate.conf")
        expected = int(context.host.role in (Role.EDGE, Role.VPN))
        assert f"net.ipv4.ip_forward = {expected}\n" in settings, context.host.name
        assert f"net.ipv4.conf.all.rp_filter = {1 if context.host.in_cloud else 2}\n" in settings, context.host.name


def test_packages_come_from_the_estates_repository_alone_and_are_signed(network: Network, keyring: Path) -> None:
    items = packages.items(contexts(network, keyring)[0])
    service = network.services["packages"]
    source = text(items, "/etc/apt/sources.list.d/estate.sources")
    assert (
        f"URIs: http://{service.address}:{service.port}/\n" in source and f"Signed-By: {packages.KEYRING}\n" in source
    )
    assert "deb " not in text(items, "/etc/apt/sources.list"), "no other archive"
    assert file(items, packages.KEYRING).content == keyring.read_bytes()


def test_without_the_repositorys_keyring_nothing_is_deployed(network: Network) -> None:
    with pytest.raises(DeployError, match="ESTATE_ARCHIVE_KEYRING"):
        packages.items(contexts(network)[0])


def test_each_site_server_answers_from_its_management_address_by_its_own_table(network: Network) -> None:
    for host in hosts(network):
        if host.server is None or host.role is Role.EDGE:
            continue
        made = networkd.files(network, host)
        zone = addressing.management_zone(network, host.place)
        vlan = network.sites[host.place].zones[zone].vlan
        config = made[f"40-bond0.{vlan}.network"]
        assert f"From={host.management_address}\nTable=100" in config, host.name
        assert f"Gateway={addressing.zone_gateway(network, host.place, zone)}\nTable=100" in config, host.name


def test_every_network_file_has_sections_and_keys(network: Network) -> None:
    for host in hosts(network):
        for name, content in networkd.files(network, host).items():
            parser = configparser.ConfigParser(strict=False, interpolation=None)
            parser.optionxform = str  # type: ignore[assignment,method-assign]
            parser.read_string(content)
            assert parser.sections(), f"{host.name}: {name}"


def test_tunnel_interfaces_have_numbers_of_their_own(network: Network) -> None:
    for edge_host in edges(network):
        numbers = re.findall(r"InterfaceId=(\d+)", "".join(networkd.files(network, edge_host).values()))
        assert len(numbers) == len(set(numbers)) == 2 * len(network.sites[edge_host.place].links), edge_host.name


def test_an_edge_takes_from_each_region_its_own_block_and_gives_away_only_the_site(network: Network) -> None:
    for edge_host in edges(network):
        config = routing.bird(network, edge_host)
        imported = set(re.findall(r"if net = (\S+) && bgp_path.first = (\d+) then accept;\n\t\t\treject;", config))
        expected = {
            (str(addressing.region_block(network, region)), str(network.regions[region].asn))
            for region in network.sites[edge_host.place].links
        }
        assert imported == expected, edge_host.name
        assert config.count("import filter") == config.count("protocol bgp ")
        announced = re.findall(r"^\troute (\S+) blackhole;$", config, re.MULTILINE)
        assert announced == ["SITE", "MANAGEMENT"]
        assert f"define SITE = {addressing.site_block(network, edge_host.place)};" in config


def test_bird_itself_accepts_its_configuration(network: Network, tmp_path: Path) -> None:
    bird = program("bird", "bird2")
    state = tmp_path / "vrrp.conf"
    state.write_text("define vrrp_master = true;\n")
    for edge_host in edges(network):
        config = tmp_path / "bird.conf"
        config.write_text(routing.bird(network, edge_host).replace(routing.VRRP_STATE, str(state)))
        done = subprocess.run([bird, "-p", "-c", str(config)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_gateways_of_all_zones_move_together_and_have_ids_of_their_own(network: Network) -> None:
    for edge_host in edges(network):
        gateways = routing.virtual_gateways(network, edge_host)
        zones = network.sites[edge_host.place].zones
        assert {each.zone for each in gateways} == set(zones)
        assert len({each.router_id for each in gateways}) == len(zones)
        config = routing.keepalived(network, edge_host)
        assert re.findall(
            r"^\t\t(\S+)$", config[config.index("group {") : config.index("track_script")], re.MULTILINE
        ) == [each.zone for each in gateways]


def test_the_active_edge_of_a_site_is_preferred(network: Network) -> None:
    for site in network.sites:
        priorities = {
            host.active: int(re.search(r"\tpriority (\d+)", routing.keepalived(network, host))[1])  # type: ignore[index]
            for host in edges(network)
            if host.place == site
        }
        assert priorities[True] > priorities[False]
        assert priorities[True] - 60 < priorities[False], "an active edge without routes must lose to one that has them"


@pytest.mark.lab
def test_keepalived_itself_accepts_its_configuration(network: Network, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: keepalived wants the interfaces that its configuration names")
    keepalived = program("keepalived", "keepalived")
    for edge_host in edges(network):
        config = tmp_path / "keepalived.conf"
        written = routing.keepalived(network, edge_host)
        config.write_text(written.replace(routing.NOTIFY, "/bin/true").replace(routing.TRACK, "/bin/true"))
        links = "".join(
            f"ip link add {each.interface} type veth peer name p{each.router_id}; "
            f"ip address add {each.own}/24 dev {each.interface}; "
            for each in routing.virtual_gateways(network, edge_host)
        )
        done = subprocess.run(
            ["unshare", "-n", "sh", "-c", f"{links} {keepalived} -t -f {config}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_tunnel_is_configured_for_each_far_end_that_the_stack_reports(network: Network) -> None:
    inventory = samples.inventory(network)
    for edge_host in edges(network):
        config = routing.swanctl(network, edge_host, inventory)
        ends = {
            tunnel["outside_address"]
            for region in inventory["links"][edge_host.place].values()
            for tunnel in region[str(edge_host.number)]
        }
        assert set(re.findall(r"remote_addrs = (\S+)", config)) == ends, edge_host.name
        assert "auth = psk" not in config, "certificates only"
        assert routing.swanctl(network, edge_host, {}).count("remote_addrs") == 0


def test_a_vpn_gateway_asks_for_certificate_password_and_code(network: Network, keyring: Path) -> None:
    for context in contexts(network, keyring):
        if context.host.role is Role.VPN:
            config = vpn.server_config(context)
            assert "verify-client-cert require" in config and "openvpn-plugin-auth-pam.so" in config
            routes = re.findall(r'push "route (\S+) (\S+)"', config)
            block = addressing.network_block(network)
            assert routes == [(str(block.network_address), str(block.netmask))], (
                "operators reach their own network alone"
            )


def test_what_an_edge_boots_with_is_what_its_role_manages(network: Network, keyring: Path) -> None:
    for context in contexts(network, keyring):
        if context.host.role is not Role.EDGE:
            continue
        managed = {
            item.path: item.content for item in [*base.items(context), *edge.items(context)] if isinstance(item, File)
        } | {each.path: each.content for each in first_boot.scripts()}
        for each in first_boot.files(network, context.host, context.inventory):
            if each.path not in ("/etc/nftables.conf", "/etc/sysctl.d/50-first-boot.conf"):
                assert managed[each.path] == each.content, each.path


def test_no_host_of_a_datacentre_is_ever_up_without_its_firewall(network: Network) -> None:
    for host in hosts(network):
        paths = [each.path for each in first_boot.files(network, host, {})]
        assert ("/etc/nftables.conf" in paths) == (not host.in_cloud), host.name
        assert ("nftables.service" in first_boot.units(host)) == (not host.in_cloud), host.name


def test_stopping_the_firewalls_service_does_not_open_the_host(network: Network, keyring: Path) -> None:
    drop_in = text(firewall.items(contexts(network, keyring)[0]), "/etc/systemd/system/nftables.service.d/estate.conf")
    assert "\nExecStop=\n" in drop_in
