"""A node of the chain: what public and private sentries, seeds and validators have in common."""

from __future__ import annotations

from collections.abc import Mapping

from configuration import node_config
from configuration.context import HostContext
from configuration.node_config import NodeSettings
from configuration.peer_watch import UNIT as PEER_WATCH
from configuration.rendering import render
from estate.model import Chain
from hosts.facts.node import NODE_IDS
from hosts.facts.work import Service
from hosts.operations import node, units
from hosts.operations.files import File, Item
from hosts.operations.node import Installed
from hosts.operations.units import Unit
from hosts.roles import packages, peer_watch

SETTLING_SECONDS = 30
"""How long a restarted node may take until it listens for peers, or at least for its signer. After that, its new
configuration counts as faulty.
"""


ANSWERS_WITHIN_SECONDS = 5


def user(chain: Chain) -> str:
    return chain.client.daemon


def home(chain: Chain) -> str:
    return f"/var/lib/{chain.client.daemon}"


def program(chain: Chain) -> str:
    return f"/usr/bin/{chain.client.daemon}"


def unit_name(chain: Chain) -> str:
    return f"{chain.client.daemon}.service"


def genesis_package(chain: Chain) -> str:
    return f"{chain.chain_id.lower().replace('_', '-')}-genesis"


def installed(chain: Chain) -> Installed:
    """The client of `chain` as its packages install it."""
    spec = chain.client.spec
    return Installed(
        spec=spec,
        user=user(chain),
        home=home(chain),
        program=program(chain),
        chain_id=chain.chain_id,
        genesis={path: f"/usr/share/estate/{chain.chain_id}/{name}" for path, name in spec.genesis.items()},
    )


def _restart(context: HostContext) -> str:
    """Restarts a running node, and fails if it does not start listening with its configuration.

    A validator listens for its signer first, and waits for it: that is not an error of its configuration.
    """
    unit, address, ports = unit_name(context.chain), context.host.address, context.chain.ports
    wanted = [ports.p2p, *([ports.privval] if node_config.signs(context.host) else [])]
    listens = " || ".join(f"ss -Hltn src {address}:{port} | grep -q ." for port in wanted)
    show = f"systemctl show --value {unit} -p"
    return (
        f'systemctl daemon-reload; [ "$({show} ActiveState)" = inactive ] && exit 0; systemctl restart {unit}; '
        f"for attempt in $(seq {2 * SETTLING_SECONDS}); do "
        f'sleep 0.5; [ "$({show} SubState)" = running ] || exit 1; {{ {listens}; }} && exit 0; done; exit 1'
    )


def service(context: HostContext, node_ids: Mapping[str, str]) -> Service:
    """What a restart of the node interrupts. A validator's RPC answers only with its signer connected."""
    settings = node_config.settings(context.network, context.host, node_ids, context.inventory)
    address, port = settings.local_rpc.removeprefix("tcp://").rsplit(":", 1)
    question = rf"printf 'GET {context.chain.client.spec.rpc_base}/$1 HTTP/1.0\r\n\r\n' >&3 && cat <&3"
    ask = f'timeout {ANSWERS_WITHIN_SECONDS} bash -c "exec 3<>/dev/tcp/{address}/{port} && {question}" 2>/dev/null'
    own = [each.name for each in node_config.own_peers(context.network, context.host) if each.name in node_ids]
    return Service(
        units=(unit_name(context.chain),),
        before=f"ask() {{ {ask}; }}; status=$(ask status); net=$(ask net_info)",
        tests={
            "follows the chain": """printf %s "$status" | grep -q '"catching_up": *false'""",
            "has peers": """printf %s "$net" | grep -q '"n_peers": *"[1-9]'""",
            **{f"is connected with {name}": f'printf %s "$net" | grep -q {node_ids[name]}' for name in own},
        },
    )


def items(context: HostContext, node_ids: Mapping[str, str]) -> list[Item]:
    """The node's configuration and its unit. A daemon that can checks all files before any of them is replaced."""
    chain, spec = context.chain, context.chain.client.spec
    settings = node_config.settings(context.network, context.host, node_ids, context.inventory)
    config = installed(chain).config
    values = {
        "node": settings,
        "chain": chain,
        "recent_states_kept": node_config.RECENT_STATES_KEPT,
        "pruning_interval": node_config.PRUNING_INTERVAL,
    }
    own_ids = {name: node_ids[name] for name in wanted(context) if name in node_ids}
    owner = {"owner": "root", "group": user(chain), "mode": "640"}
    reads, then = _reads(context), _restart(context)
    files = [
        File(
            path=f"{home(chain)}/{each.path}",
            content=render(each.template, **values),
            check=reads if each.restarts else None,
            then=then if each.restarts else None,
            **owner,
        )
        for each in spec.files
    ]
    return [
        *files,
        File(path=f"{config}/{NODE_IDS}", content=node_config.remembered(own_ids), **owner),
        File(
            path=f"/etc/systemd/system/{unit_name(chain)}",
            then=then,
            content=render(
                "node/daemon.service.j2", chain=chain, user=user(chain), home=home(chain), run=_run(chain, settings)
            ),
        ),
    ]


def _reads(context: HostContext) -> str:
    """Succeeds if the host has the addresses on which its node listens, and its client can read the staged files."""
    client = installed(context.chain)
    here = " && ".join(
        f"ip -o -4 address show to {address}/32 | grep -q ."
        for address in dict.fromkeys((context.host.address, context.host.management_address))
    )
    if client.spec.check is None:
        return here
    key = f"{client.home}/{client.spec.node_key}"
    check = client.spec.check.format(program=client.program, home=f'"$STAGE"{client.home}')
    return f'{here} && ln -sf {key} "$STAGE"{key} && {check} >/dev/null'


def _run(chain: Chain, settings: NodeSettings) -> str:
    """The command line of the unit. Nothing in it is a specifier of systemd's: peers have no percent sign."""
    lists = {"--persistent-peers": settings.persistent_peers, "--peers": settings.seeds}
    peers = "".join(f" {option} {','.join(f'tcp://{peer}' for peer in each)}" for option, each in lists.items() if each)
    return f"{program(chain)} {chain.client.spec.run.format(home=home(chain), peers=peers)}"


def wanted(context: HostContext) -> dict[str, str]:
    """Our hosts whose node ids are in this node's configuration, with the `host:port` at which it dials them; empty for
    those that it does not dial.
    """
    places = node_config.dialled_at(context.network, context.host, context.inventory)
    return {each.name: places.get(each.name, "") for each in node_config.known_hosts(context.network, context.host)}


def prepare(context: HostContext) -> None:
    """Installs the client and creates the node's identity, on every host before any is configured, because peers are
    configured by node id.
    """
    chain = context.chain
    packages.install(
        f"Install {chain.client.package} {chain.client.version}, the genesis of {chain.chain_id}, and Python",
        {chain.client.package: chain.client.version, genesis_package(chain): None, "python3": None},
    )
    node.identify(
        name=f"Give the node of {chain.chain_id} its identity",
        client=installed(chain),
    )


def apply(context: HostContext) -> None:
    """Configures the node and keeps it running, and beside it the watch of its own peers."""
    chain = context.chain
    node.configure(
        name=f"Configure the node of {chain.chain_id}",
        user=user(chain),
        config=installed(chain).config,
        wanted=wanted(context),
        build=lambda node_ids: items(context, node_ids),
        service=lambda node_ids: service(context, node_ids),
    )
    node.configure(
        name="Configure the watch of the node's own peers",
        user=user(chain),
        config=installed(chain).config,
        wanted=wanted(context),
        build=lambda node_ids: peer_watch.items(context, node_ids, node_unit=unit_name(chain), home=home(chain)),
        service=lambda node_ids: None,
    )
    units.ensure(
        name=f"Run the node of {chain.chain_id} and the watch of its own peers",
        units=[Unit(name=unit_name(chain)), Unit(name=PEER_WATCH)],
    )
