"""``bin/estate``: reads the words, runs the command, turns errors into exit codes: 0 done, 1 a check failed, 2 bad usage or declaration."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from estate.errors import ExpectedError
from estate.findings import DeclarationError

CHECKOUT = Path(__file__).resolve().parent.parent
DEFAULT_NETWORK = "cosmoshub"


def _network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "network",
        nargs="?",
        default=DEFAULT_NETWORK,
        metavar="NETWORK",
        help=f"a stacks/Pulumi.<network>.yaml (default {DEFAULT_NETWORK})",
    )


def _option_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--network", default=DEFAULT_NETWORK, metavar="NETWORK", help=f"the network (default {DEFAULT_NETWORK})"
    )


def _live(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--live", action="store_true", help="against the real accounts and hosts, not the lab")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output, and nothing else")


def _ceremonies(key: argparse.ArgumentParser) -> None:
    actions = key.add_subparsers(dest="action", required=True, metavar="CEREMONY")

    def ceremony(name: str, text: str, *, site: str | None = None) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if site:
            made.add_argument("site", metavar="SITE", help=site)
        _network(made)
        return made

    ceremony("status", "where the key is, which sites sign with it, and what is missing")
    ceremony("generate", "make the key, where signing.custody says")
    ceremony("start", "let the site that holds the key sign through its gate: the first row in the table")
    ceremony("join", "let another declared site sign too", site="the site that joins")
    move = ceremony("move", "bring the key to another site and destroy it where it was")
    move.add_argument("--to", metavar="SITE", help="the site that is to hold the key")
    move.add_argument("--from", dest="leaving", metavar="SITE", help="with coordination: the site that gives it up")
    renew = ceremony("renew-table", "begin a new generation after the table was lost or rolled back")
    renew.add_argument("--witness", default="", metavar="NAME", help="the second operator, who has seen why")
    retire = ceremony("retire", "end the key for ever")
    retire.add_argument("--yes-retire", default="", metavar="ADDRESS", help="the key's address, 40 hex digits")
    clear = ceremony("clear-halt", "let a gate that halted sign again", site="the site of the gate")
    clear.add_argument("--cause", metavar="CAUSE", help="why it halted, as it says, after a person has looked")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="bin/estate", description="Runs a validator company's whole estate: cloud, bare metal, keys, access."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")

    up = command("up", "bring a network up, in the lab on this machine or (--live) for real; run it again any time")
    _network(up)
    _live(up)
    up.add_argument("--yes", action="store_true", help="with --live: do not ask after the preview")
    plan = command("plan", "what an up would change, and whether the policies allow it; changes nothing")
    _network(plan)
    _live(plan)
    prove = command("prove", "prove the promises of the architecture, or refute each with a packet; deploys nothing")
    prove.add_argument("networks", nargs="*", metavar="NETWORK", help=f"networks (default {DEFAULT_NETWORK})")
    prove.add_argument("--all", action="store_true", help="every declared network, together")
    prove.add_argument("--state", metavar="FILE", help="of what stands: the JSON of `pulumi stack export`")
    prove.add_argument("--explain", metavar="CLAIM", help="only this claim, with everything that is known of it")
    prove.add_argument(
        "--diff", nargs=2, metavar=("OLD", "NEW"), help="what becomes and stops being reachable, state to state"
    )
    prove.add_argument("--unexercised", action="store_true", help="list the rules that no claim exercises")
    _json(prove)
    reach = command("reach", "can this reach that, and how, or what is in the way")
    reach.add_argument("source", nargs="?", metavar="FROM", help="host, resource id or URN, CIDR or 'internet'")
    reach.add_argument("target", nargs="?", metavar="TO", help="the same")
    reach.add_argument("--protocol", metavar="P", help="tcp, udp, icmp, or a number (default: every one)")
    reach.add_argument("--port", type=int, metavar="N", help="the destination port (default: every class of ports)")
    reach.add_argument("--state", metavar="FILE", help="of what stands: the JSON of `pulumi stack export`, anybody's")
    reach.add_argument("--all-pairs", action="store_true", help="every sender with every interface")
    reach.add_argument(
        "--network", metavar="NETWORK", help=f"the network (default {DEFAULT_NETWORK}, or the state's own)"
    )
    _json(reach)
    probe = command("probe", "send the claims' packets in the running lab, and compare with the prover")
    _network(probe)
    probe.add_argument("--sample", type=int, default=1000, metavar="N", help="so many further packets (default 1000)")
    probe.add_argument("--seed", type=int, default=1, metavar="N", help="of the sample (default 1)")
    _json(probe)
    status = command("status", "one screen: hosts, height, who signed, peers, what is off")
    _network(status)
    _json(status)
    ssh = command("ssh", "a shell on a host of the lab, the way an operator gets there: through the VPN gateway")
    ssh.add_argument("host", metavar="HOST")
    ssh.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND", help="run this instead of a shell")
    _option_network(ssh)
    logs = command("logs", "the journal of a host of the lab")
    logs.add_argument("host", metavar="HOST")
    logs.add_argument("--unit", help="only this systemd unit")
    logs.add_argument("--lines", type=int, default=100)
    logs.add_argument("--follow", action="store_true")
    _option_network(logs)
    down = command("down", "take the lab of a network away: machines, namespaces, processes, state")
    _network(down)
    drawing = command("map", "draw the estate from its declaration")
    _network(drawing)
    drawing.add_argument("--svg", metavar="FILE", help="where to write the picture (default <network>.svg)")
    new = command("new", "write a complete, valid declaration to edit")
    new.add_argument("network", metavar="NETWORK")
    _ceremonies(command("key", "the consensus key: where it is, and the ceremonies that make, share, move and end it"))
    drill = command("drill", "rehearse a failure in the running lab and report what happened")
    drill.add_argument("name", nargs="?", metavar="NAME")
    drill.add_argument("--list", action="store_true", help="what there is to rehearse")
    drill.add_argument("--faults", type=int, default=200, metavar="N", help="of chaos: at least so many (default 200)")
    drill.add_argument(
        "--heights", type=int, default=2000, metavar="N", help="of chaos: at least so many (default 2000)"
    )
    drill.add_argument("--seed", type=int, default=1, metavar="N", help="of chaos: from which its faults are drawn")
    _option_network(drill)
    check = command("check", "read the declarations and report every problem")
    check.add_argument("networks", nargs="*", metavar="NETWORK")
    _json(check)
    test = command("test", "run all tests; set up what they need")
    test.add_argument("--fast", action="store_true", help="only those that need neither root nor the lab")
    test.add_argument(
        "--long",
        nargs="*",
        metavar="PART",
        help="the long checks of a night, all or these (an unknown name lists them)",
    )
    test.add_argument("words", nargs=argparse.REMAINDER, metavar="…", help="after --: passed on to pytest")
    return top


MODULES = {"map": "drawing", "test": "testing"}
SHORT = ("prove", "reach")
"""Commands that need all that they make until they end: to look for what is not needed costs them a third of their time."""


def _end(error: ExpectedError | ExceptionGroup[Exception]) -> int:
    """Prints what went wrong; returns the exit code. Raises the error itself where it is a defect of ours."""
    expected, defects = error.split(ExpectedError) if isinstance(error, ExceptionGroup) else (error, None)
    if defects is not None or expected is None:
        raise error
    if isinstance(error, DeclarationError):
        from cli.report import print_problems

        print_problems(error.problems)
    else:
        print(f"estate: {_sentence(expected)}", file=sys.stderr)
    return _exit_code(expected)


def _sentence(error: BaseException) -> str:
    if isinstance(error, ExceptionGroup):
        return "\n".join([error.message, *(f"  {_sentence(each)}" for each in error.exceptions)])
    return str(error)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, ExceptionGroup):
        return max(map(_exit_code, error.exceptions))
    return error.exit_code if isinstance(error, ExpectedError) else 1


def main(words: Sequence[str] | None = None) -> int:
    arguments, rest = parser().parse_known_args(words)
    if rest:
        if arguments.command != "test":
            parser().error(f"unrecognised: {' '.join(rest)}")
        arguments.words = [*rest, *arguments.words]
    if arguments.command in SHORT:
        gc.disable()
    module = importlib.import_module(f"cli.{MODULES.get(arguments.command, arguments.command)}")
    try:
        return module.run(CHECKOUT, arguments) or 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ExpectedError, ExceptionGroup) as error:
        return _end(error)
    except KeyboardInterrupt:
        print("estate: stopped; run the same command again to go on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
