"""A VPN gateway. Its forwarding and its address translation are in its ruleset. The VPN service is configured but not
started yet: it needs the certificate authority and the one-time codes from Vault.
"""

from __future__ import annotations

from configuration import interfaces
from configuration.context import HostContext
from configuration.rendering import render
from estate.plan import addressing
from hosts.operations import files
from hosts.operations.files import Directory, File

DIRECTORY = "/etc/openvpn/server"


def server_config(context: HostContext) -> str:
    """OpenVPN's configuration: a certificate, a password and a one-time code, and routes to this network alone."""
    network = context.network
    pool = addressing.vpn_pool(network, context.host.place)
    block = addressing.network_block(network)
    return render(
        "vpn/server.conf.j2",
        network=network.name,
        host=context.host.name,
        address=context.host.address,
        port=network.vpn.port,
        interface=interfaces.VPN_INTERFACE,
        pool=pool,
        block=block,
        authority=network.vpn.certificate_authority,
    )


def apply(context: HostContext) -> None:
    """Declares the operations."""
    files.install(
        name="Configure the VPN service",
        items=[
            Directory(path=DIRECTORY, mode="750"),
            File(path=f"{DIRECTORY}/{context.network.name}.conf", content=server_config(context), mode="600"),
            File(path="/etc/pam.d/openvpn", content=render("vpn/pam.j2")),
        ],
    )
