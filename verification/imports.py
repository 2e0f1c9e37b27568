"""What imports what, read from the sources: the imports of a module, and the graph of the top-level packages.

python -m verification.imports           print the graph
python -m verification.imports --write   put it into docs/architecture.md, between its two markers
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- imports: begin -->", "<!-- imports: end -->"
OUTSIDE_THE_PRODUCT = ("bench", "tests", "verification")


@dataclass(frozen=True, order=True)
class Import:
    """One imported name, absolute and dotted: of ``from a.b import c`` it is ``a.b.c``."""

    line: int
    name: str

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


def imports(module: PurePosixPath, text: str) -> Iterator[Import]:
    """Every import of a source text, wherever it stands in it: in functions and under TYPE_CHECKING too.

    ``module`` is the file's path relative to the root; relative imports are resolved against it.
    """
    return imports_of(module, ast.parse(text, str(module)))


def imports_of(module: PurePosixPath, tree: ast.AST) -> Iterator[Import]:
    """As ``imports``, of a text that is parsed."""
    package = module.parent.parts
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            whole = ".".join((*base, *([node.module] if node.module else [])))
            yield from (Import(node.lineno, f"{whole}.{alias.name}") for alias in node.names)


BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement, however deep. Expressions hold none, and are most of a text."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for block in BLOCKS:
            inner = getattr(node, block, None)
            if isinstance(inner, list):
                waiting.extend(inner)


def packages(root: Path = ROOT) -> list[str]:
    """Every top-level directory that holds Python."""
    found = (each for each in root.iterdir() if each.is_dir() and not each.name.startswith("."))
    return sorted(each.name for each in found if next(each.rglob("*.py"), None))


def modules(root: Path = ROOT) -> list[PurePosixPath]:
    """Every module of every package, and those beside them, relative to the root."""
    files = [*root.glob("*.py"), *(path for package in packages(root) for path in (root / package).rglob("*.py"))]
    return sorted(PurePosixPath(path.relative_to(root).as_posix()) for path in files)


def graph(root: Path = ROOT) -> dict[str, set[str]]:
    """Which other packages each package imports."""
    known = packages(root)
    found: dict[str, set[str]] = {package: set() for package in known}
    for module in modules(root):
        if len(module.parts) > 1:
            tops = {each.top for each in imports(module, (root / module).read_text())}
            found[module.parts[0]] |= (tops & set(known)) - {module.parts[0]}
    return found


def reduced(found: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Without the arrows that follow from others: of A to B, B to C and A to C, the last."""

    def below(package: str) -> set[str]:
        return set().union(*({each} | below(each) for each in found.get(package, ())))

    return {
        package: {each for each in direct if not any(each in below(other) for other in direct - {each})}
        for package, direct in found.items()
    }


def mermaid(found: Mapping[str, set[str]]) -> str:
    """The product's packages as a Mermaid graph, importing packages first."""
    product = {
        package: {each for each in direct if each not in OUTSIDE_THE_PRODUCT}
        for package, direct in found.items()
        if package not in OUTSIDE_THE_PRODUCT
    }
    lines = [f"    {package} --> {each}" for package, direct in reduced(product).items() for each in sorted(direct)]
    return "\n".join(["```mermaid", "graph TD", *lines, "```"])


def page(text: str, root: Path = ROOT) -> str:
    """The text of a page with the present graph between its markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no {BEGIN} … {END}: the graph has its place between them")
    return f"{before}{BEGIN}\n{mermaid(graph(root))}\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m verification.imports", description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/architecture.md")
    if parser.parse_args().write:
        PAGE.write_text(page(PAGE.read_text()))
    else:
        print(mermaid(graph()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
