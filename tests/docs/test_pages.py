"""What the pages name exists: links, files of the repository, modules, programs, and commands with their options."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from cli.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted({ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")})
DIRECTORIES = sorted(
    path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))
) + [".ci"]
PACKAGES = [name for name in DIRECTORIES if (ROOT / name / "__init__.py").exists()]

WRITTEN_BY_THE_READER = {"stacks/claims.py", "stacks/Pulumi.osmosis.yaml"}
PLANNED = {
    "docs/adr/0017-what-growth-touches.md": {"components/gcp/"},
    "docs/adr/0014-a-cloud-is-a-folder.md": {"components/gcp/", "lab/clouds/gcp/"},
    "docs/adr/0015-what-later-work-needs.md": {
        "components/gcp/",
        "configuration/container_host.py",
        "estate/clouds/gcp.py",
        "estate/model/central.py",
        "estate/model/instance.py",
        "estate/model/observability.py",
        "lab/clouds/gcp/",
    },
}
"""Files that a decision announces. Take each out when it exists: a test says when."""

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(rf"(?<![\w/.$~-])(?:{'|'.join(map(re.escape, DIRECTORIES))})/[\w./*<>-]*")
_MODULE = re.compile(rf"(?<![\w/.:-])(?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]\w*)+(?![\w/(:-])")
_PROGRAM = re.compile(r"python3? -m ([\w.]+)")
_TYPED = re.compile(r"^[$#] (?:sudo )?(bin/estate .*)$", re.MULTILINE)
_NAMED = re.compile(r"bin/estate ([a-z-]+)")


def code(text: str) -> Iterator[str]:
    """The spans and blocks of a page that are set as code."""
    yield from _FENCE.findall(text)
    yield from (span.replace("\n", " ") for span in _SPAN.findall(_FENCE.sub("", text)))


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken_links(page: Path, text: str) -> list[str]:
    broken = []
    for target in _LINK.findall(_FENCE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name) if name else page
        is_there = path.exists()
        if not is_there or (anchor and anchor not in anchors(text if path == page else path.read_text())):
            broken.append(target)
    return broken


def missing_paths(text: str, known: set[str]) -> list[str]:
    """Files and directories of the repository that do not exist. ``<name>`` stands for anything, as ``*`` does."""
    found = {path.rstrip(".") for part in code(text) for path in _PATH.findall(part)}
    return sorted(path for path in found - known if not any(ROOT.glob(re.sub(r"<[^>]*>", "*", path))))


def missing_modules(text: str) -> list[str]:
    return sorted({name for part in code(text) for name in _MODULE.findall(part) if not _is_defined(name)})


def _is_defined(dotted: str) -> bool:
    path, *names = dotted.split(".")
    where = ROOT / path
    while names and ((where / names[0]).is_dir() or (where / f"{names[0]}.py").exists()):
        if where.suffix == ".py":
            return False
        where = where / names[0] if (where / names[0]).is_dir() else where / f"{names[0]}.py"
        names = names[1:]
    if not names:
        return True
    files = [where] if where.suffix == ".py" else sorted(where.glob("*.py"))
    return any(re.search(rf"^(?:class |def |){names[0]}\b", file.read_text(), re.MULTILINE) for file in files)


def missing_programs(text: str) -> list[str]:
    return sorted({name for name in _PROGRAM.findall(text) if not _runs(name)})


def _runs(module: str) -> bool:
    path = ROOT / module.replace(".", "/")
    if (path / "__main__.py").exists():
        return True
    if path.with_suffix(".py").exists():
        return "__main__" in path.with_suffix(".py").read_text()
    return module.partition(".")[0] not in DIRECTORIES and find_spec(module.partition(".")[0]) is not None


def refused_commands(text: str) -> list[str]:
    """Commands of ``bin/estate`` that do not exist, or that have no such option."""
    refused = []
    for line in (typed for fence in _FENCE.findall(text) for typed in _TYPED.findall(fence)):
        words = shlex.split(line.replace("…", ""), comments=True)[1:]
        words = words[: next((at for at, word in enumerate(words) if word in ("|", ">", "&&")), None)]
        if not words or not _is_taken(words):
            refused.append(line)
    mentioned = {word for part in code(text) for word in _NAMED.findall(part)}
    return refused + sorted(word for word in mentioned if not _is_taken([word]))


def _is_taken(words: list[str]) -> bool:
    """Whether the help of the command that ``words`` begin with exists and lists their options."""
    parts = 2 if words[0] in ("key", "drill") and len(words) > 1 and not words[1].startswith("-") else 1
    options = {word.partition("=")[0] for word in words[parts:] if word.startswith("--")}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        try:
            code = main([*words[:parts], "--help"] if not words[0].startswith("-") else ["--help"])
        except SystemExit as end:
            code = int(end.code or 0)
    known = set(re.findall(r"--[a-z-]+", printed.getvalue()))
    return code == 0 and (words[0] == "test" or options <= known)


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(params=PAGES, ids=named)
def page(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text()) == []


def test_every_file_that_a_page_names_exists(page: Path) -> None:
    assert missing_paths(page.read_text(), WRITTEN_BY_THE_READER | PLANNED.get(named(page), set())) == []


def test_every_module_that_a_page_names_exists(page: Path) -> None:
    assert missing_modules(page.read_text()) == []


def test_every_program_that_a_page_runs_exists(page: Path) -> None:
    assert missing_programs(page.read_text()) == []


@pytest.mark.slow
def test_every_command_on_a_page_is_one_that_the_command_line_takes(page: Path) -> None:
    assert refused_commands(page.read_text()) == []


def test_an_announced_file_is_named_where_it_is_announced_and_does_not_exist_yet() -> None:
    for name, paths in PLANNED.items():
        text = (ROOT / name).read_text()
        assert [path for path in sorted(paths) if path not in text] == []
        assert [path for path in sorted(paths) if (ROOT / path).exists()] == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in _LINK.findall(page.read_text()):
            path = (page.parent / target.partition("#")[0]).resolve()
            if path.is_dir():
                waiting += sorted(path.glob("*.md"))
            elif path.suffix == ".md" and path.exists():
                waiting.append(path)
    assert sorted(named(page) for page in set(PAGES) - reached) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[a](docs/nowhere.md)", ["docs/nowhere.md"]),
        ("![a](docs/nowhere.svg)", ["docs/nowhere.svg"]),
        ("[a](docs/limits.md#no-such-heading)", ["docs/limits.md#no-such-heading"]),
        ("[a](docs/limits.md) [b](https://example.org/nowhere) [c](docs/adr/)", []),
    ],
)
def test_a_wrong_link_is_found(text: str, found: list[str]) -> None:
    assert broken_links(ROOT / "README.md", text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`estate/plan/nowhere.py`", ["estate/plan/nowhere.py"]),
        ("```\ncat lab/nowhere/\n```", ["lab/nowhere/"]),
        ("`stacks/Pulumi.<network>.toml`", ["stacks/Pulumi.<network>.toml"]),
        ("`stacks/Pulumi.<network>.yaml`, `estate/plan/*.py`, `/etc/estate/nowhere`, `bin/estate`", []),
    ],
)
def test_a_wrong_path_is_found(text: str, found: list[str]) -> None:
    assert missing_paths(text, set()) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`estate.plan.nowhere`", ["estate.plan.nowhere"]),
        ("`estate.errors.NoSuchError`", ["estate.errors.NoSuchError"]),
        ("`estate.errors.ExpectedError`, `estate.declaration.load`, `reachability.claims`", []),
    ],
)
def test_a_wrong_module_is_found(text: str, found: list[str]) -> None:
    assert missing_modules(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`python -m verification.nowhere`", ["verification.nowhere"]),
        ("`python -m estate.errors`", ["estate.errors"]),
        ("`python -m verification.kernel`, `python -m pytest`", []),
    ],
)
def test_a_program_that_does_not_run_is_found(text: str, found: list[str]) -> None:
    assert missing_programs(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```\n$ bin/estate prove --no-such-option\n```", ["bin/estate prove --no-such-option"]),
        ("`bin/estate nowhere cosmoshub`", ["nowhere"]),
        ("```\n# bin/estate prove --all --json | head   # everything\n```\n`bin/estate test --fast`", []),
    ],
)
def test_a_wrong_command_is_found(text: str, found: list[str]) -> None:
    assert refused_commands(text) == found
