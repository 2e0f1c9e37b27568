"""``bin/estate``: finds the command, runs it, and turns errors into exit codes.

0: done; 1: a check failed; 2: bad usage or an invalid declaration; 130: interrupted from the keyboard; 141: the reader
of the output has ended.
"""

from __future__ import annotations

import atexit
import errno
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cli.options import USAGE, Parser
from estate.errors import ExpectedError
from estate.findings import DeclarationError

if TYPE_CHECKING:
    import argparse

CHECKOUT = Path(__file__).resolve().parent.parent
COMMANDS = {
    "up": "bring a network up, in the lab on this machine or (--live) for real; run it again at any time",
    "plan": "show what `up` would change and whether the policies allow it; changes nothing",
    "prove": "prove the security claims, or refute each with a packet; deploys nothing",
    "reach": "answer whether one host or address can reach another, and how, or what blocks it",
    "probe": "send the packets of the claims in the running lab and compare with the prover",
    "status": "show hosts, block height, signing, peers and problems on one screen",
    "ssh": "open a shell on a host of the lab through the VPN gateway, as an operator does",
    "logs": "show the systemd journal of a host of the lab",
    "down": "remove the lab of a network: machines, namespaces, processes and state",
    "map": "draw the network from its declaration",
    "new": "write a complete, valid declaration to edit",
    "key": "show the consensus key, and generate, share, move or retire it",
    "drill": "rehearse a failure in the lab and report whether signing was safe",
    "check": "read the declarations and report every problem",
    "test": "run all tests; installs what they need",
    "completion": "print the shell completion script",
}
"""Each command with its line of help, in the order in which they are used. The module of a command has its name."""

INTERRUPTED = 130
NOBODY_READS = 141
"""128 and the number of the signal: SIGINT, and SIGPIPE, as a shell reports them."""

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a write fails with where no more fits: a full disk, a used quota."""

SHORT_LIVED = ("prove", "reach")
"""Commands that need everything they allocate until they end: garbage collection takes a third of their time."""


class Command(Protocol):
    """What the module of a command offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, checkout: Path, arguments: argparse.Namespace) -> int: ...


def _command(name: str) -> Command:
    module: Command = importlib.import_module(f"cli.commands.{name}")
    return module


def parser(*configured: str) -> Parser:
    """The parser of the whole command line, in which only the ``configured`` commands have their arguments."""
    top = Parser(
        prog="bin/estate",
        description="Runs the whole estate of a validator company: cloud, bare metal, keys and access.",
        epilog="`bin/estate COMMAND --help` explains a command; docs/command-line.md describes all of them.",
    )
    top.add_argument("--version", action="store_true", help="print the version and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name in configured:
            _command(name).configure(command)
    return top


def named(words: Sequence[str]) -> tuple[str, ...]:
    """The command that the words of a command line name, if they name one."""
    first = next((word for word in words if not word.startswith("-")), None)
    return (first,) if first in COMMANDS else ()


def _parse(words: Sequence[str]) -> argparse.Namespace:
    arguments, rest = parser(*named(words)).parse_known_args(words)
    if rest:
        if "passed_on" not in arguments:
            arguments.parser.refuse(rest)
        arguments.passed_on = rest
    return arguments


def _print_error(error: ExpectedError | ExceptionGroup[Exception]) -> int:
    """Prints what went wrong; returns the exit code. Raises the error itself if any part of it is a defect of ours."""
    expected, defects = error.split(ExpectedError) if isinstance(error, ExceptionGroup) else (error, None)
    if defects is not None or expected is None:
        raise error
    if isinstance(error, DeclarationError):
        from cli.page import Page

        Page(error=True).problems(error.problems, CHECKOUT)
    else:
        from estate.printable import printable

        print("estate: " + "\n".join(map(printable, _message(expected).split("\n"))), file=sys.stderr)
    return _exit_code(expected)


def _message(error: BaseException) -> str:
    if isinstance(error, ExceptionGroup):
        return "\n".join([error.message, *(f"  {_message(each)}" for each in error.exceptions)])
    return str(error)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, ExceptionGroup):
        return max(map(_exit_code, error.exceptions))
    return error.exit_code if isinstance(error, ExpectedError) else 1


def _run(words: Sequence[str]) -> int:
    arguments = _parse(words)
    if arguments.version:
        from cli.version import version

        print(f"estate {version(CHECKOUT)}")
        return 0
    if arguments.command is None:
        parser().print_help(sys.stderr)
        return USAGE
    if arguments.command in SHORT_LIVED:
        gc.disable()
    return _command(arguments.command).run(CHECKOUT, arguments)


def _discard_output() -> None:
    """Lets the interpreter, which writes what is left of the output when it ends, write it to nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_standard_streams() -> None:
    """Opens the null device in place of each standard stream with which the command was started closed.

    The next file that is opened would get its number otherwise, and with it what child processes print.
    """
    for number, mode in enumerate("rww"):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            name = ("stdin", "stdout", "stderr")[number]
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def main(words: Sequence[str] | None = None) -> int:
    """Runs the command that ``words`` name, by default those of the process; returns its exit code."""
    try:
        code = _run(sys.argv[1:] if words is None else words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _discard_output()
        return NOBODY_READS
    except (ExpectedError, ExceptionGroup) as error:
        return _print_error(error)
    except OSError as error:
        if error.errno not in FULL:
            raise
        _discard_output()
        what = error.filename or "the output, or a file,"
        print(
            f"estate: {what} could not be written whole: {error.strerror}; free space, then run the same command again",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("estate: interrupted; run the same command again to continue", file=sys.stderr)
        return INTERRUPTED


def _complete() -> None:
    from cli import completion

    completion.answer(parser(*named(os.environ.get("COMP_LINE", "").split()[1:])))


if __name__ == "__main__":
    atexit.register(gc.freeze)  # the interpreter would collect once more as it ends
    _open_standard_streams()
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    raise SystemExit(main())
