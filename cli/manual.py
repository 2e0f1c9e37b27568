"""docs/command-line.md, written from the parser: ``python -m cli.manual`` rewrites it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cli.__main__ import CHECKOUT, COMMANDS, INTERRUPTED, NOBODY_READS, parser
from cli.options import DEFAULT_NETWORK, USAGE, Parser

FILE = Path("docs/command-line.md")

JSON = {
    "check": "a list of problems: `file`, `path`, `value`, `rule`, `reason`, `fix`, `line` (0: not known)",
    "prove": "`network`, `verdict`, `claims` (each `id`, `statement`, `verdict`, `witness`, `violations`, `reasons`), "
    "`coverage`, `seconds`; with `--explain` also `explanation` and `checked`. For several networks: `networks`, "
    "a list of these, and `verdict`. With `--diff`: `verdict` (`same`, `different` or `not-modelled`), "
    "`becomes_reachable`, `stops_being_reachable`, `not_modelled`",
    "reach": "`from`, `to`, `from_name`, `to_name` (their Name tags), `flows` (each `protocol`, `ports`, `verdict`, "
    "`reply`, `packet`, `path`, `blocked_by`, `reasons`); with `--all-pairs` a list of these",
    "probe": "`network`, `verdict`, `packets`, `answered`, `claims`, `sample`, `vantage_points`, `left_out`, "
    "`disagreements`, `seconds`",
    "status": "`network`, `chain_id`, `height`, `hosts`, `signing`, `claims`, `problems`, `unserved` (each `part`, "
    "`names`, `reason`), `notices`; for several networks a list of these",
}
"""The keys of each command's document. Keys are added, never renamed or removed."""

INTRODUCTION = f"""\
# The command line

```
bin/estate COMMAND [ARGUMENT …] [OPTION …]
bin/estate COMMAND --help
bin/estate --version
```

`bin/estate` runs from any directory. On first use it creates the virtual environment `.venv` in the checkout. A
`.venv` that is a symbolic link is used, but never changed. The default network is `{DEFAULT_NETWORK}`. Options must be
written in full. After a misspelt command, option, network, host, drill or claim, the error message names the nearest
one that exists.
"""

OUTPUT = """\
## Output

Results go to standard output; errors, problems of declarations and notices go to standard error.

On a terminal, tables are fitted to its width and use colours; set `NO_COLOR` to any value to turn colours off.
Elsewhere (a pipe, a file) there are no colours and nothing is wrapped or shortened: each row of a table and each
finding is one line. A finding is

```
FILE:LINE: PATH: RULE; got VALUE; REASON; FIX
```

with the file relative to the checkout, and `LINE` left out where it is not known. A notice is such a line after
`notice: `. It reports what is valid now but will not be soon, for example a partner whose agreement ends within 30
days. Notices do not change the exit code.
"""

JSON_RULES = """\
## JSON

With `--json`, standard output is one JSON document and nothing else. After an error it is empty, and the message is on
standard error. The exit codes are the same.
"""

COMPLETION = """\
## Shell completion

```console
$ source <(bin/estate completion bash)     # in ~/.bashrc, with the full path of bin/estate
$ source <(bin/estate completion zsh)      # in ~/.zshrc, after compinit
```

This completes commands, options, networks, hosts and sites of the network, operators, drills and claims.
"""

EXIT_CODES = {
    0: "The command did what was asked.",
    1: "A check failed: a claim is not proved, a drill or a test failed, the lab has a problem, or a step failed.",
    USAGE: "Bad usage, or a declaration with problems. Nothing was changed.",
    INTERRUPTED: "Interrupted from the keyboard. Run the same command again to continue.",
    NOBODY_READS: "The program that reads the output has ended, as in `bin/estate prove | head -1`.",
}


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _value(action: argparse.Action) -> str:
    return action.metavar if isinstance(action.metavar, str) else " ".join(action.metavar or ())


def _written(action: argparse.Action) -> str:
    """An option or argument as a line of usage shows it, without brackets."""
    value = f"{_value(action)} …" if action.nargs in ("*", argparse.REMAINDER) else _value(action)
    if not action.option_strings:
        return value
    if action.nargs == "*":
        value = f"[{value}]"
    return " ".join(filter(None, [action.option_strings[-1], value]))


def _is_optional(action: argparse.Action) -> bool:
    return bool(action.option_strings) or action.nargs in ("?", "*", argparse.REMAINDER) or not action.required


def _subcommands(command: Parser) -> dict[str, Parser]:
    for action in command.arguments():
        if isinstance(action.choices, Mapping):
            return dict(action.choices)
    return {}


def _arguments(command: Parser) -> list[argparse.Action]:
    """In the order in which they must be written: options before what takes the rest of the line, else after."""
    arguments = command.arguments()
    takes_rest = any(each.nargs == argparse.REMAINDER for each in arguments)
    return sorted(arguments, key=lambda each: bool(each.option_strings) != takes_rest)


def _synopsis(words: str, arguments: Iterable[argparse.Action]) -> str:
    """``bin/estate logs HOST [--unit UNIT]``."""
    written = [f"[{_written(each)}]" if _is_optional(each) else _written(each) for each in arguments]
    return " ".join([words, *written])


def _synopses(command: Parser) -> Iterator[str]:
    """One line, or one line for each subcommand after one with the options that all of them have."""
    inner = _subcommands(command)
    if not inner:
        yield _synopsis(command.prog, _arguments(command))
        return
    options = [[each for each in _arguments(sub) if each.option_strings] for sub in inner.values()]
    shared = set.intersection(*({_written(each) for each in each_has} for each_has in options))
    common = [each for each in options[0] if _written(each) in shared]
    yield _synopsis(command.prog, [*_arguments(command), *common])
    for sub in inner.values():
        yield _synopsis(sub.prog, [each for each in _arguments(sub) if _written(each) not in shared])


def _described(command: Parser) -> Iterator[str]:
    rows = [
        (f"`{_written(each)}`", each.help or "")
        for each in command.arguments()
        if not isinstance(each.choices, Mapping)
    ]
    if rows:
        yield from _table(("argument or option", "meaning"), rows)


def _command(command: Parser) -> Iterator[str]:
    yield "```"
    yield from _synopses(command)
    yield "```"
    yield ""
    yield from _described(command)
    inner = _subcommands(command)
    if inner:
        yield from _table(("name", "meaning"), [(f"`{name}`", each.description or "") for name, each in inner.items()])
        yield from _inner_arguments(inner)


def _inner_arguments(inner: Mapping[str, Parser]) -> Iterator[str]:
    """The arguments of subcommands, those that several share in one row."""
    users: dict[tuple[str, str], list[str]] = {}
    for name, each in inner.items():
        for action in each.arguments():
            users.setdefault((_written(action), action.help or ""), []).append(f"`{name}`")
    rows = [
        (f"`{written}`", "all" if len(names) == len(inner) else ", ".join(names), meaning)
        for (written, meaning), names in users.items()
    ]
    yield from _table(("argument or option", "of", "meaning"), rows)


def text() -> str:
    """The whole page."""
    commands = _subcommands(parser(*COMMANDS))
    lines = [INTRODUCTION, "## Commands", ""]
    lines += _table(("command", "does"), [(f"[`{name}`](#{name})", does) for name, does in COMMANDS.items()])
    for name, command in commands.items():
        lines += [f"### {name}", "", command.description or "", "", *_command(command)]
    lines += [OUTPUT, JSON_RULES]
    lines += _table(("command", "document"), [(f"`{name}`", keys) for name, keys in JSON.items()])
    lines += [COMPLETION, "## Exit codes", ""]
    lines += _table(("code", "meaning"), [(str(code), meaning) for code, meaning in EXIT_CODES.items()])
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    (CHECKOUT / FILE).write_text(text())
