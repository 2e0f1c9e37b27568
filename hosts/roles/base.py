"""The base configuration of every host: accounts, SSH, clock, resolver, sysctl, log limits, name and network files."""

from __future__ import annotations

from ipaddress import IPv4Address

from configuration import accounts, networkd
from configuration.context import HostContext
from configuration.rendering import render
from estate.model import ROLES, Service
from estate.plan import topology
from hosts.operations import accounts as account_operations
from hosts.operations import files, units
from hosts.operations.files import Directory, File, Item
from hosts.operations.units import Unit
from hosts.roles import firewall, packages

UNUSED_MODULES = (
    "dccp",
    "sctp",
    "rds",
    "tipc",
    "n-hdlc",
    "ax25",
    "netrom",
    "x25",
    "rose",
    "decnet",
    "econet",
    "af_802154",
    "ipx",
    "appletalk",
    "psnap",
    "p8022",
    "p8023",
    "can",
    "atm",
    "cramfs",
    "freevxfs",
    "jffs2",
    "hfs",
    "hfsplus",
    "udf",
    "squashfs",
    "firewire-core",
    "vivid",
)
OWN_UNITS = (
    Unit(name="chrony.service"),
    Unit(name="ssh.service"),
    *(Unit(name=service) for service in firewall.SERVICES),
    Unit(name="systemd-resolved.service", running=False, enabled=False),
)


def service(context: HostContext, name: str) -> Service | None:
    """The central service ``name``, if the host's role may use it."""
    declared = context.network.services.get(name)
    return declared if declared and context.host.role in declared.consumers else None


def acquaintances(context: HostContext) -> dict[str, IPv4Address]:
    """The hosts that this host may connect to: address by name; the management address if it may reach no other."""
    known: dict[str, IPv4Address] = {}
    for flow in context.topology.flows:
        if context.host.name in flow.source.hosts:
            for host in context.everyone:
                if host.name in flow.destination.hosts and host.name != context.host.name:
                    known[host.name] = (
                        known.get(host.name, host.management_address) if flow.management else host.address
                    )
    return dict(sorted(known.items()))


def _access(context: HostContext) -> list[Item]:
    people = accounts.operators(context.network, context.host)
    address = context.host.management_address
    config = render(
        "base/sshd_config.j2",
        host=context.host.name,
        address=address,
        users=[accounts.DEPLOY_USER, *people],
        keys_directory=accounts.KEYS_DIRECTORY,
        deploy_user=accounts.DEPLOY_USER,
    )
    listening = f"ss -Hltn src {address}:{topology.SSH_PORT} | grep -q ."
    until_listening = f"for i in 1 2 3 4 5 6 7 8 9 10; do {listening} && exit 0; sleep 0.3; done; exit 1"
    return [
        Directory(path=accounts.KEYS_DIRECTORY, exclusive=True),
        *(
            File(path=f"{accounts.KEYS_DIRECTORY}/{name}", content="".join(f"{key}\n" for key in keys))
            for name, keys in people.items()
        ),
        File(
            path="/etc/sudoers.d/estate",
            content=render("base/sudoers.j2", group=accounts.OPERATORS_GROUP),
            mode="440",
            check='visudo -cqf "$STAGED"',
        ),
        File(
            path="/etc/systemd/system/ssh.service.d/estate.conf",
            content=render("base/ssh.service.conf.j2"),
            then="systemctl daemon-reload",
        ),
        File(
            path="/etc/ssh/sshd_config",
            content=config,
            mode="600",
            check=f'sshd -t -f "$STAGED" && ip -o -4 address show to {address}/32 | grep -q .',
            then=f"systemctl reload-or-restart ssh.service && {until_listening}",
        ),
    ]


def _kernel(context: HostContext) -> list[Item]:
    policy_routed = not context.host.in_cloud
    settings = render(
        "base/sysctl.conf.j2",
        forwards=ROLES[context.host.role].forwards,
        reverse_path=2 if policy_routed else 1,
    )
    return [
        File(path="/etc/sysctl.d/60-estate.conf", content=settings, then="systemctl restart systemd-sysctl.service"),
        File(path="/etc/modules-load.d/estate.conf", content="nf_conntrack\n"),
        File(path="/etc/modprobe.d/estate.conf", content=render("base/modprobe.conf.j2", modules=UNUSED_MODULES)),
    ]


def _surroundings(context: HostContext) -> list[Item]:
    chrony = render("base/chrony.conf.j2", server=service(context, "time"))
    return [
        File(
            path="/etc/chrony/chrony.conf",
            content=chrony,
            check='! command -v chronyd >/dev/null || chronyd -p -f "$STAGED" >/dev/null',
            then="systemctl try-restart chrony.service",
        ),
        File(path="/etc/resolv.conf", content=render("base/resolv.conf.j2", server=service(context, "resolver"))),
        File(path="/etc/hosts", content=render("base/hosts.j2", host=context.host.name, known=acquaintances(context))),
        File(path="/etc/hostname", content=f"{context.host.name}\n", then="hostname -F /etc/hostname"),
        File(
            path="/etc/systemd/journald.conf.d/60-estate.conf",
            content=render("base/journald.conf.j2"),
            then="systemctl restart systemd-journald.service",
        ),
    ]


def _network(context: HostContext) -> list[Item]:
    if context.host.in_cloud:
        return [File(path="/etc/cloud/cloud.cfg.d/99-estate.cfg", content=render("base/cloud.cfg.j2"))]
    then = "! systemctl -q is-active systemd-networkd.service || networkctl reload"
    return [
        File(path=f"{networkd.DIRECTORY}/{name}", content=text, then=then)
        for name, text in networkd.files(context.network, context.host).items()
    ]


def items(context: HostContext) -> list[Item]:
    """Every file that does not depend on a package."""
    return [
        *_access(context),
        *_kernel(context),
        *_surroundings(context),
        *_network(context),
        *firewall.items(context),
        *packages.items(context),
    ]


def apply(context: HostContext) -> None:
    """Declares the operations."""
    people = accounts.operators(context.network, context.host)
    account_operations.people(name="Give operators their accounts", names=tuple(people), group=accounts.OPERATORS_GROUP)
    files.install(name="Install the base configuration", items=items(context))


def start(context: HostContext) -> None:
    """Declares the operations that come after the packages."""
    units.ensure(name="Run what every host runs", units=OWN_UNITS)
