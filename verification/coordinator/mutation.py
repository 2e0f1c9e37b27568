"""The mutation score of the decision: how many of its smallest changes are noticed.

``python -m verification.coordinator.mutation [--survivors]`` makes each mutant of ``MUTATED``, loads it beside the
real modules and runs, until something fails: the decision's unit tests, then what judges its behaviour (crash points
and ``SEEDS`` seeds of the simulation). All in one process, some milliseconds for each mutant.

Own operators and not mutmut: that one (3.8) leaves out every decorated function, so the properties ``text``,
``digest`` and ``owner``; everything outside functions, so the defaults of the records and the constants; and it starts
its tests again for each mutant. cosmic-ray starts a process for each. The operators here are theirs, and swapped
attributes, arguments and names of one type, which is how a decision about positions goes wrong.

Not mutated: annotations, docstrings, decorators, the order of what ``max`` and ``min`` compare, and ``effects``
(records without logic). Equivalent mutants are declared, each with its reason (``EQUIVALENT``); one that is noticed
after all is an error.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import time
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, NamedTuple

from verification.coordinator.mutation_equivalent import EQUIVALENT
from verification.coordinator.variants import CRASHES, DECISION, JUDGES, SIMULATION, UNITS, first_failure, load, source

MUTATED = tuple(name for name in DECISION if not name.endswith(".effects"))
SEEDS = 40

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE, ast.Eq),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE, ast.Eq),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
}
ALIKE = (
    ("floor", "highest_seen"),
    ("burnt", "idle_below"),
    ("gate_id", "boot_id", "claim_id"),
    ("sign_bytes", "intent", "extension"),
    ("signature", "extension_signature"),
    ("height", "round", "step"),
    ("PROPOSAL", "PREVOTE", "PRECOMMIT"),
    ("generation", "time_ns"),
)
"""Attributes of one type: each is put in the place of each other."""

NAMES = (("standing", "burnt"), ("MAX_HEIGHT", "MAX_ROUND"), ("HEIGHT_DIGITS", "ROUND_DIGITS", "STEP_DIGITS"))
FUNCTIONS = {"max": "min", "min": "max", "any": "all", "all": "any"}


Step = tuple[str, int | None]


class Mutant(NamedTuple):
    """``text`` is the place and the change: ``handle.handle: a < b → a <= b``. ``line``: in that module.

    ``function``: the qualified name of the outermost function in whose body the change is; empty for one outside.
    ``lines``: the first and the last of the statement that is changed, without those inside. ``tree``: of the module
    without the change, in which the node at ``path`` becomes ``changed``.
    """

    module: str
    line: int
    text: str
    function: str
    lines: tuple[int, int]
    tree: ast.Module
    path: tuple[Step, ...]
    changed: ast.AST

    @property
    def code(self) -> CodeType:
        """Of the whole module."""
        with self._made():
            return compile(self.tree, self.module, "exec")

    @property
    def source(self) -> str:
        """Of the whole module, without comments."""
        with self._made():
            return ast.unparse(self.tree)

    @contextlib.contextmanager
    def _made(self) -> Iterator[None]:
        original = _put(self.tree, self.path, self.changed)
        yield
        _put(self.tree, self.path, original)


class Score(NamedTuple):
    """``noticed``: by what → how many. ``survived``: by nothing, and not equivalent. ``equivalent``: how many are."""

    noticed: dict[str, int]
    survived: tuple[str, ...]
    equivalent: int
    wrongly_equivalent: tuple[str, ...]
    unknown_equivalent: tuple[str, ...]
    cpu_seconds: float

    @property
    def mutants(self) -> int:
        """Those that are not equivalent."""
        return sum(self.noticed.values()) + len(self.survived)

    @property
    def percent(self) -> float:
        return 100 * sum(self.noticed.values()) / self.mutants


def mutants(
    module: str, *, sentences: bool = True, wanted: Callable[[int], bool] = lambda number: True
) -> Iterator[Mutant]:
    """Every mutant of a module, each with one change; of those, the ``wanted`` ones by number. Without ``sentences``,
    none in a text with a space or a formatted one: those are for people, and no caller depends on a letter of them; nor
    in an ``assert``: those are for the type checker, and ``python -O`` runs none.
    """
    tree = ast.parse(source(module))
    for number, (path, node, changed) in enumerate(_sites(tree, sentences)):
        if not wanted(number):
            continue
        where, statement, function = _where(module, tree, path), _statement(tree, path), _function(tree, path)
        after = "nothing" if isinstance(changed, ast.Pass) else ast.unparse(changed)
        text = f"{where}: {ast.unparse(node)} → {after}"
        if isinstance(node, ast.Name):
            text += f" in {ast.unparse(statement)}"
        ast.fix_missing_locations(ast.copy_location(changed, node))
        yield Mutant(module, node.lineno, " ".join(text.split()), function, _lines(statement), tree, path, changed)


def count(module: str, *, sentences: bool = True) -> int:
    """How many mutants a module has."""
    return sum(1 for _ in _sites(ast.parse(source(module)), sentences))


def _sites(tree: ast.AST, sentences: bool) -> Iterator[tuple[tuple[Step, ...], Any, ast.AST]]:
    """Each change of a tree: where, of what, into what."""
    for path, node in list(_mutable(tree)):
        if sentences or not (_is_in_sentence(tree, path) or isinstance(_statement(tree, path), ast.Assert)):
            for changed in list(_changes(node)):
                yield path, node, changed


def _mutable(tree: ast.AST, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], ast.AST]]:
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list", "bases", "format_spec", "type_comment"):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(child, ast.AST) or isinstance(child, ast.Import | ast.ImportFrom) or _is_text(child):
                continue
            here = (*path, (field, index))
            if isinstance(child, ast.stmt | ast.expr) and not isinstance(getattr(child, "ctx", None), ast.Store):
                yield here, child
            yield from _mutable(child, here)


def _is_text(node: ast.AST) -> bool:
    """A docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_in_sentence(tree: ast.AST, path: tuple[Step, ...]) -> bool:
    for field, index in path:
        value = getattr(tree, field)
        tree = value if index is None else value[index]
        if isinstance(tree, ast.JoinedStr):
            return True
    return isinstance(tree, ast.Constant) and isinstance(tree.value, str) and " " in tree.value


def _put(tree: ast.AST, path: tuple[Step, ...], node: ast.AST) -> ast.AST:
    """Returns what was there."""
    for field, index in path[:-1]:
        value = getattr(tree, field)
        tree = value if index is None else value[index]
    field, index = path[-1]
    before: ast.AST
    if index is None:
        before = getattr(tree, field)
        setattr(tree, field, node)
    else:
        before, getattr(tree, field)[index] = getattr(tree, field)[index], node
    return before


def _where(module: str, tree: ast.AST, path: tuple[Step, ...]) -> str:
    names = [module.rpartition(".")[2]]
    for field, index in path:
        value = getattr(tree, field)
        tree = value if index is None else value[index]
        if isinstance(tree, ast.FunctionDef | ast.ClassDef):
            names.append(tree.name)
    return ".".join(names)


def _statement(tree: ast.AST, path: tuple[Step, ...]) -> ast.AST:
    """The innermost statement on the way."""
    found = tree
    for field, index in path:
        value = getattr(tree, field)
        tree = value if index is None else value[index]
        found = tree if isinstance(tree, ast.stmt) else found
    return found


def _lines(statement: Any) -> tuple[int, int]:
    """Of a statement; of one that holds others and has only one head, of that head."""
    if isinstance(statement, ast.If | ast.While | ast.With):
        return statement.lineno, max(statement.lineno, statement.body[0].lineno - 1)
    return statement.lineno, statement.end_lineno


def _function(tree: ast.AST, path: tuple[Step, ...]) -> str:
    """The qualified name of the outermost function in whose body this is."""
    names: list[str] = []
    for field, index in path:
        if isinstance(tree, ast.FunctionDef) and field == "body":
            return ".".join(names)
        value = getattr(tree, field)
        tree = value if index is None else value[index]
        if isinstance(tree, ast.FunctionDef | ast.ClassDef):
            names.append(tree.name)
    return ""


def _with(node: Any, **fields: Any) -> Any:
    return type(node)(**dict(ast.iter_fields(node)) | fields)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """The replacements of a node."""
    match node:
        case ast.Compare(ops=[operator]):
            for other in COMPARISONS.get(type(operator), ()):
                yield _with(node, ops=[other()])
        case ast.BoolOp(op=operator, values=values):
            yield _with(node, op=ast.Or() if isinstance(operator, ast.And) else ast.And())
            for index in range(len(values)):
                left = values[:index] + values[index + 1 :]
                yield left[0] if len(left) == 1 else _with(node, values=left)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(op=operator) if type(operator) in ARITHMETIC:
            yield _with(node, op=ARITHMETIC[type(operator)]())
        case ast.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case ast.Constant(value=bool() as value):
            yield _with(node, value=not value)
        case ast.Constant(value=int() as value):
            yield _with(node, value=value + 1)
            yield _with(node, value=value - 1)
        case ast.Constant(value=str() as value):
            yield _with(node, value=f"{value}X")
        case ast.Attribute(attr=name):
            for other in _others(name, ALIKE):
                yield _with(node, attr=other)
        case ast.Name(id=name):
            for other in _others(name, NAMES):
                yield _with(node, id=other)
        case ast.Call(func=function, args=arguments, keywords=keywords):
            if isinstance(function, ast.Name) and function.id in FUNCTIONS:
                yield _with(node, func=ast.Name(FUNCTIONS[function.id], ast.Load()))
            symmetric = isinstance(function, ast.Name) and function.id in ("max", "min") and not keywords
            for index in range(0 if symmetric else len(arguments) - 1):
                swapped = arguments.copy()
                swapped[index : index + 2] = arguments[index + 1], arguments[index]
                yield _with(node, args=swapped)
            for index in range(len(keywords)):
                yield _with(node, keywords=keywords[:index] + keywords[index + 1 :])
        case ast.Return(value=value):
            if value and not (isinstance(value, ast.Constant) and value.value is None):
                yield _with(node, value=ast.Constant(None))
            yield ast.Pass()
        case ast.If():
            yield _with(node, test=ast.Constant(True))
            yield _with(node, test=ast.Constant(False))
        case ast.Assign() | ast.AnnAssign(value=ast.expr()) | ast.Expr() | ast.Raise():
            yield ast.Pass()


def _others(name: str, alike: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    for names in alike:
        if name in names:
            yield from (other for other in names if other != name)


def noticed_by(mutant: Mutant) -> str | None:
    """What notices a mutant: ``loading``, ``unit tests``, ``crash points``, ``simulation`` or nothing."""
    codes = {mutant.module: mutant.code}
    try:
        units = load(compiled=codes, names=(*DECISION, *UNITS))
    except Exception:
        return "loading"
    if any(first_failure(units[name]) for name in UNITS):
        return "unit tests"
    judges = load(compiled=codes, names=(*DECISION, *JUDGES))
    with contextlib.redirect_stdout(io.StringIO()):
        if first_failure(judges[CRASHES]):
            return "crash points"
    try:
        for seed in range(SEEDS):
            judges[SIMULATION].Simulation(seed).run()
    except Exception:
        return "simulation"
    return None


def score(every: int = 1) -> Score:
    """Tries each ``every``-th mutant: all of them, if not told otherwise."""
    begun = time.process_time()
    noticed: dict[str, int] = {}
    survived: list[str] = []
    wrong: list[str] = []
    met: set[str] = set()
    for number, mutant in enumerate(each for module in MUTATED for each in mutants(module)):
        equivalent = mutant.text in EQUIVALENT
        if equivalent:
            met.add(mutant.text)
        if number % every:
            continue
        by = noticed_by(mutant)
        if equivalent:
            if by:
                wrong.append(f"{mutant.text} is noticed by the {by}")
        elif by:
            noticed[by] = noticed.get(by, 0) + 1
        else:
            survived.append(f"{mutant.module}:{mutant.line}: {mutant.text}")
    unknown = tuple(text for text in EQUIVALENT if text not in met)
    return Score(noticed, tuple(survived), len(met), tuple(wrong), unknown, time.process_time() - begun)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m verification.coordinator.mutation", description=__doc__)
    parser.add_argument("--survivors", action="store_true", help="list the mutants that were not noticed")
    given = parser.parse_args()
    found = score()
    by = ", ".join(f"{count} by {what}" for what, count in found.noticed.items())
    print(
        f"{found.percent:.1f} % of {found.mutants} mutants noticed ({by}); {found.equivalent} more are equivalent; ",
        end="",
    )
    print(f"{found.cpu_seconds:.0f} s of processor time")
    for text in (*found.wrongly_equivalent, *(f"no such mutant: {text}" for text in found.unknown_equivalent)):
        print(text)
    if given.survivors:
        print(*found.survived, sep="\n")
    return 0 if found.percent >= 95 else 1


if __name__ == "__main__":
    raise SystemExit(main())
