"""nft's own language: scripts for ``nft -f``, and what ``nft list ruleset`` prints."""

from __future__ import annotations

import re
from functools import lru_cache

from reachability.frontends.nftables import values
from reachability.frontends.nftables.errors import NftError
from reachability.frontends.nftables.ruleset import FAMILIES, HOOKS, Base, ChainText, Ruleset, RuleText, SetText, Table

PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
ONLY_AT = {"dstnat": "prerouting", "srcnat": "postrouting", "out": "output"}
"""The names of priorities that nft knows at one hook only (nft(8), "Standard priority names")."""
SET_FLAGS = frozenset({"constant", "interval", "dynamic", "timeout"})
STRING = re.compile(r'"[^"]*"')
ELEMENT_EXPIRES = re.compile(r"\b(?:timeout|expires)\s")
BRIDGE_PRIORITIES = {"dstnat": -300, "filter": -200, "out": 100, "srcnat": 300}

_BRACED = r'\{[^{}"]*+(?:"[^"]*"[^{}"]*+)*+\}'
_NESTED = rf'\{{[^{{}}"]*+(?:(?:"[^"]*"|{_BRACED})[^{{}}"]*+)*+\}}'
STATEMENT = re.compile(rf'[^\n;{{}}"]*+(?:(?:"[^"\n]*"|{_NESTED})[^\n;{{}}"]*+)*+')
OBJECTS = ("counter", "quota", "limit")
BLANK = re.compile(r"[\s;]*+")
COMMENT_LINE = re.compile(r"^[ \t]*#[^\n\x0b]*", re.MULTILINE)
COMMENT = re.compile(r'("[^"\n]*")|#[^\n]*')
LISTED_XT = re.compile(r"^[^\n#]*[^\s{};#][^\n#]*#\s*xt_", re.MULTILINE)
BRACE = re.compile(r'"[^"\n]*"|[{}]|"')
NAME = r'(?:"[^"\n]+"|[^\s"{};,]+)'
TABLE = re.compile(rf"(?:(?:add|create)\s+)?table\s+(?:({'|'.join(FAMILIES)})\s+)?({NAME})\s*\{{")
EMPTY_COUNTERS = re.compile(r"(?:counter [\w-]+ \{\}[ \t]*\n\s*+)++")
BLOCK = re.compile(rf"(chain|set|map|counter|quota|limit|secmark|synproxy|flowtable|ct\s+\w+)\s+({NAME})\s*\{{")
VARIABLE = re.compile(r"\$([A-Za-z_][\w.-]*)")
SPECIFICATION = re.compile(
    r"type\s+(\w+)\s+hook\s+(\w+)\s+(?:devices?\s*=?\s*(?:\{[^{}]*\}|\S+)\s+)?priority\s+(.+)", re.DOTALL
)
PRIORITY = re.compile(r"([a-z]\w*)?\s*([+-]?\s*\d+)?")
FIELD = re.compile(r"(\w[\w-]*)\s*=?\s*(.*)", re.DOTALL)

TRACKING = -200
"""The priority of connection tracking (NF_IP_PRI_CONNTRACK)."""
LONGEST_LINE = 4_000_000
"""The maximum length of a statement after variables are replaced, in characters."""


def read(text: str) -> Ruleset:
    """The ruleset after a script runs on a host without a ruleset. Raises ``NftError``."""
    return _Script(text).run()


def priority(text: str, family: str = "inet", hook: str = "") -> int:
    """The number of a priority as written: ``filter``, ``srcnat + 10``, ``-5``; ``hook`` is that of the chain, empty if
    any name may stand. Raises ``NftError``."""
    found = PRIORITY.fullmatch(text.strip())
    names = BRIDGE_PRIORITIES if family == "bridge" else PRIORITIES
    if not found or not text.strip() or (found[1] and found[1] not in names):
        raise NftError(0, text, "it is not a priority", "write filter, srcnat + 10 or a number")
    if hook and found[1] and ONLY_AT.get(found[1], hook) != hook:
        raise NftError(0, text, f"nft knows this name at {ONLY_AT[found[1]]} only", "write the number")
    number = int(re.sub(r"\s", "", found[2])) if found[2] else 0
    return names[found[1]] + number if found[1] else number


def closing(text: str, start: int) -> int:
    """The position of the brace that closes the one opened before ``start``; -1 if there is none."""
    depth = 1
    for found in BRACE.finditer(text, start):
        brace = found.group()
        if brace == "{":
            depth += 1
        elif brace == "}":
            depth -= 1
            if not depth:
                return found.start()
        elif brace == '"':
            return -1
    return -1


class _Script:
    def __init__(self, text: str) -> None:
        self.ruleset = Ruleset()
        if "\0" in text:
            raise NftError(1, text[:20], "a ruleset is text", "give the script itself")
        if "xt_" in text and LISTED_XT.search(text):
            self.ruleset.unmodelled.append("the listing omits rules of iptables (xt): list them with iptables-save")
        if "\\\n" in text:
            text = text.replace("\\\n", " \x0b")
        if "#" in text:
            text = COMMENT_LINE.sub("", text)
        self.text = COMMENT.sub(_without_comment, text) if "#" in text else text
        self.variables: dict[str, str] = {}
        self._counted = 0, 1

    def line(self, position: int) -> int:
        before, line = self._counted if self._counted[0] <= position else (0, 1)
        line += self.text.count("\n", before, position) + self.text.count("\x0b", before, position)
        self._counted = position, line
        return line

    def error(self, position: int, value: str, rule: str, fix: str) -> NftError:
        return NftError(self.line(position), " ".join(value.split()), rule, fix)

    def run(self) -> Ruleset:
        text, at = self.text, 0
        while True:
            at = BLANK.match(text, at).end()  # type: ignore[union-attr]
            if at >= len(text):
                return self.ruleset
            opening = TABLE.match(text, at)
            if opening:
                table = self.table(opening[1] or "ip", opening[2].strip('"'))
                at = self.table_body(table, opening.end())
            else:
                at = self.command(at)

    def statement(self, at: int) -> tuple[str, int]:
        """The text up to the end of a statement, variables replaced, and where it ends."""
        found = STATEMENT.match(self.text, at)
        end = found.end()  # type: ignore[union-attr]
        if end < len(self.text) and self.text[end] not in "\n;}":
            raise self.error(at, self.text[at : at + 80], "a brace or a quote that is not closed", "close it")
        if end == at and self.text[at] == "}":
            raise self.error(at, "}", "no block is open here", "remove the brace")
        if end == at:
            raise self.error(at, self.text[at : at + 20], "a statement cannot begin like this", "remove it")
        return self.expanded(self.text[at:end].strip(), at), end

    def expanded(self, text: str, at: int) -> str:
        """The text with variables replaced by their values."""
        if "$" not in text:
            return text

        def value(found: re.Match[str]) -> str:
            if found[1] not in self.variables:
                raise self.error(at, found[0], "no such variable", "define it before it is used")
            return self.variables[found[1]]

        size = 0
        for found in VARIABLE.finditer(text):
            size += len(self.variables.get(found[1], ""))
        if size > LONGEST_LINE:
            raise self.error(at, text[:80], "variables expand to too much text", "define the set itself")
        text = "".join(
            piece if piece[:1] == '"' else VARIABLE.sub(value, piece) for piece in re.split(r'("[^"\n]*")', text)
        )
        return _flat(text)

    def define(self, text: str, at: int) -> bool:
        """Handles ``define x = ...``, ``redefine`` and ``undefine``; returns whether it was one."""
        word, _, rest = text.partition(" ")
        if word in ("define", "redefine"):
            name, equals, value = rest.partition("=")
            if not equals or not name.strip() or not value.strip():
                raise self.error(at, text, "a definition is 'define name = value'", "complete it")
            if word == "define" and name.strip() in self.variables:
                raise self.error(at, text, "a variable is defined once", "write redefine, or another name")
            self.variables[name.strip()] = value.strip()
            return True
        if word == "undefine":
            self.variables.pop(rest.strip(), None)
            return True
        return False

    def table(self, family: str, name: str) -> Table:
        return self.ruleset.tables.setdefault((family, name), Table(family, name))

    def table_body(self, table: Table, at: int) -> int:
        """Reads up to the brace that closes the table; returns the position after it. What it defines ends with it."""
        outer = dict(self.variables)
        end = self._table_body(table, at)
        self.variables = outer
        return end

    def _table_body(self, table: Table, at: int) -> int:
        text, begin = self.text, at
        while True:
            at = BLANK.match(text, at).end()  # type: ignore[union-attr]
            if at >= len(text):
                raise self.error(
                    begin, f"table {table.family} {table.name}", "the table is not closed", "the file may be cut off"
                )
            if text[at] == "}":
                return self.ended(at + 1)
            empty = EMPTY_COUNTERS.match(text, at)
            if empty:
                table.objects |= _counters(empty.group())
                at = empty.end()
                continue
            block = BLOCK.match(text, at)
            if not block:
                self.table_line(table, at)
                at = STATEMENT.match(text, at).end()  # type: ignore[union-attr]
                continue
            end = closing(text, block.end())
            if end < 0:
                raise self.error(at, block[0], "a block that is not closed", "the file may be cut off")
            what, name = block[1], block[2].strip('"')
            if what == "chain":
                self.chain(table, name, text[block.end() : end], block.end())
            elif what in ("set", "map"):
                self.set(table, name, what == "map", text[block.end() : end], block.end())
            elif what in OBJECTS:
                table.objects |= {name}
            elif what.startswith("ct") and what.split()[1] == "helper":
                self.ruleset.unmodelled.append(
                    f"line {self.line(at)}: connection tracking helpers open connections that no rule names"
                )
            at = self.ended(end + 1)

    def ended(self, at: int) -> int:
        """Checks that a block is followed by a new line or a semicolon."""
        found = re.compile(r"[ \t\r]*+(.?)", re.DOTALL).match(self.text, at)
        if found[1] not in ("", "\n", ";", "\x0b"):  # type: ignore[index]
            raise self.error(at, self.text[at : at + 20], "a line or a semicolon ends a block", "begin a new line")
        return at

    def table_line(self, table: Table, at: int) -> None:
        line, _ = self.statement(at)
        if self.define(line, at):
            return
        word, _, rest = line.partition(" ")
        if word == "flags":
            table.dormant = "dormant" in rest
        elif word not in ("comment", "include") or word == "include":
            if word == "include":
                self.include(at, line)
                return
            if re.fullmatch(rf"(chain|set|map|counter|quota|limit|flowtable)\s+{NAME}", line):
                raise self.error(at, line, "a declaration has a body in braces", "write { }")
            raise self.error(
                at, line, "no such declaration in a table", "write chain, set, map, counter, limit or quota"
            )

    def include(self, at: int, line: str) -> None:
        self.ruleset.unmodelled.append(f"line {self.line(at)}: {line}: the included file was not given")

    def chain(self, table: Table, name: str, body: str, at: int) -> None:
        line = self.line(at)
        depends = any(word in body for word in ("$", "define", "include"))
        known = None if depends else _independent_body(body, table.family)
        if known is None:
            try:
                known = self.chain_body(body, at, table.family)
            except NftError as error:
                raise error if error.line else error.at(line) from error
        base, rules = known
        self.add_chain(table, name, base, rules, line)

    def add_chain(self, table: Table, name: str, base: Base | None, rules: tuple[RuleText, ...], line: int) -> None:
        present = table.chains.get(name)
        if present is None:
            table.chains[name] = ChainText(name, base, rules, line, self.ruleset.next_number())
            return
        if base is not None:
            if present.base is None:
                raise NftError(line, name, "a chain cannot become a base chain later", "declare it once")
            if (present.base.kind, present.base.hook, present.base.priority) != (base.kind, base.hook, base.priority):
                raise NftError(line, name, "a base chain keeps its type, hook and priority", "delete it first")
            present.base = base
        for text, offset in rules:
            present.add(text, offset + line - present.line)

    def chain_body(self, body: str, at: int, family: str) -> tuple[Base | None, tuple[RuleText, ...]]:
        """The hook of a chain and its rules, lines counted from the opening brace."""
        base: Base | None = None
        policy = ""
        rules: list[RuleText] = []
        position, line, counted = 0, 0, 0
        find, blank = STATEMENT.match, BLANK.match
        while True:
            position = blank(body, position).end()  # type: ignore[union-attr]
            if position >= len(body):
                break
            line += body.count("\n", counted, position) + body.count("\x0b", counted, position)
            counted = position
            end = find(body, position).end()  # type: ignore[union-attr]
            if end == position or (end < len(body) and body[end] not in "\n;"):
                raise self.error(
                    at + position, body[position : position + 80], "a brace or quote that is not closed", "close it"
                )
            rule = body[position:end].strip()
            if "$" in rule:
                rule = self.expanded(rule, at + position)
            position = end
            word = rule.partition(" ")[0]
            if word == "type" and base is None:
                base = specification(rule, family)
            elif word == "policy":
                if policy:
                    raise NftError(0, rule, "a chain has one policy", "remove one of the two")
                policy = rule.partition(" ")[2].strip()
                if policy not in ("accept", "drop"):
                    raise NftError(0, rule, "a policy is accept or drop", "correct it")
            elif word in ("define", "redefine", "undefine"):
                self.define(rule, at)
            elif (
                word in ("comment", "devices", "device", "flags")
                and '"' in rule
                and "=" not in rule[:9]
                or word == "devices"
            ):
                continue
            elif word == "include":
                self.include(at + position, rule)
            else:
                rules.append((rule, line))
        if policy:
            if base is None:
                raise NftError(0, f"policy {policy}", "only a base chain has a policy", "give the chain a hook")
            base = Base(base.kind, base.hook, base.priority, policy == "drop")
        return base, tuple(rules)

    def set(self, table: Table, name: str, is_map: bool, body: str, at: int) -> None:
        made = table.sets.setdefault(name, SetText(name, is_map))
        position = 0
        while True:
            position = BLANK.match(body, position).end()  # type: ignore[union-attr]
            if position >= len(body):
                break
            end = STATEMENT.match(body, position).end()  # type: ignore[union-attr]
            if end == position:
                raise self.error(
                    at + position, body[position : position + 40], "a brace or quote that is not closed", "close it"
                )
            line = self.expanded(body[position:end].strip(), at + position)
            position = end
            found = FIELD.fullmatch(line)
            field, rest = (found[1], found[2]) if found else (line, "")
            if field == "elements":
                self.elements(made, rest, at)
            elif field == "flags":
                made.flags |= frozenset(re.split(r"[,\s]+", rest.strip()))
                if not made.flags <= SET_FLAGS:
                    raise self.error(at, line, f"a flag is one of {', '.join(sorted(SET_FLAGS))}", "correct the flag")
            elif field == "timeout":
                made.timeout = True
                made.flags |= {"timeout"}
            elif field == "auto-merge":
                made.auto_merge = True
            elif field == "size" and rest.strip().isdigit():
                made.size = int(rest)
            elif field in ("type", "typeof"):
                made.type, made.is_type = rest.strip(), field == "type"
            elif field == "counter":
                continue
            elif field not in ("size", "policy", "auto-merge", "gc-interval", "comment", "auto"):
                self.ruleset.unmodelled.append(f"line {self.line(at)}: set {name}: {line!r} is not modelled")

    def elements(self, made: SetText, text: str, at: int) -> None:
        if text[:1] != "{":
            raise self.error(at, text, "elements must be in braces", "write elements = { ... }")
        try:
            made.elements += values.elements(_flat(text))
        except NftError as error:
            raise error.at(self.line(at)) from error
        if ELEMENT_EXPIRES.search(STRING.sub("", text)):
            made.timeout = made.element_expires = True

    # Commands.

    def command(self, at: int) -> int:
        """Reads one command outside of tables; returns its end."""
        line, end = self.statement(at)
        if self.define(line, at):
            return end
        verb, *words = line.split()
        if verb not in (
            "add",
            "create",
            "insert",
            "delete",
            "destroy",
            "flush",
            "replace",
            "rename",
            "list",
            "reset",
            "include",
        ):
            verb, words = "add", [verb, *words]
        if verb == "include":
            self.include(at, line)
        elif verb in ("list", "reset"):
            pass
        elif verb == "flush":
            self.flush(words, at, line)
        elif verb in ("delete", "destroy"):
            self.delete(words, at, line, missing_is_fine=verb == "destroy")
        elif verb in ("add", "create", "insert"):
            self.add(verb, line, words, at)
        else:
            self.not_understood(at, line)
        return end

    def not_understood(self, at: int, line: str) -> None:
        self.ruleset.unmodelled.append(f"line {self.line(at)}: the command {line[:80]!r} is not modelled")

    def addressed(self, words: list[str], count: int, at: int, line: str) -> tuple[str, list[str], list[str]]:
        """Family, ``count`` names and the rest of a command's words."""
        family = "ip"
        if words and words[0] in FAMILIES:
            family, *words = words
        if len(words) < count:
            raise self.error(at, line, "the command does not name its object", "name family, table and chain")
        return family, [word.strip('"') for word in words[:count]], words[count:]

    def existing(self, family: str, name: str, at: int, line: str) -> Table:
        table = self.ruleset.tables.get((family, name))
        if table is None:
            raise self.error(at, line, f"there is no table {family} {name}", "add the table first")
        return table

    def flush(self, words: list[str], at: int, line: str) -> None:
        what, rest = (words[0], words[1:]) if words else ("", [])
        if what == "ruleset":
            for key in [key for key in self.ruleset.tables if not rest or key[0] == rest[0]]:
                del self.ruleset.tables[key]
        elif what == "table":
            family, (name,), _ = self.addressed(rest, 1, at, line)
            for chain in self.existing(family, name, at, line).chains.values():
                chain.rules = ()
        elif what in ("chain", "set", "map"):
            family, (name, inner), _ = self.addressed(rest, 2, at, line)
            table = self.existing(family, name, at, line)
            if what == "chain" and inner in table.chains:
                table.chains[inner].rules = ()
            elif what != "chain" and inner in table.sets:
                table.sets[inner].elements.clear()
            else:
                raise self.error(at, line, f"there is no {what} {inner}", "correct the name")
        else:
            self.not_understood(at, line)

    def delete(self, words: list[str], at: int, line: str, *, missing_is_fine: bool) -> None:
        what, rest = (words[0], words[1:]) if words else ("", [])
        if what == "table":
            family, (name,), _ = self.addressed(rest, 1, at, line)
            if self.ruleset.tables.pop((family, name), None) is None and not missing_is_fine:
                raise self.error(
                    at, line, f"there is no table {family} {name}", "write destroy, or add the table before"
                )
        elif what in ("chain", "set", "map"):
            family, (name, inner), _ = self.addressed(rest, 2, at, line)
            table = self.existing(family, name, at, line)
            held = table.chains if what == "chain" else table.sets
            if held.pop(inner, None) is None and not missing_is_fine:
                raise self.error(at, line, f"there is no {what} {inner}", "correct the name")
        elif what == "element":
            family, (name, inner), _ = self.addressed(rest, 2, at, line)
            made = self.existing(family, name, at, line).sets.get(inner)
            gone = values.elements(line[line.index("{") :]) if "{" in line else []
            if made is None or any(each not in made.elements for each in gone):
                self.not_understood(at, line)
            else:
                made.elements = [each for each in made.elements if each not in gone]
        elif what in ("counter", "quota", "limit", "flowtable", "ct"):
            return
        else:
            self.not_understood(at, line)

    def add(self, verb: str, line: str, words: list[str], at: int) -> None:
        what, rest = words[0], words[1:]
        if what == "table":
            family, (name,), _ = self.addressed(rest, 1, at, line)
            self.table(family, name)
        elif what == "chain":
            family, (name, inner), _ = self.addressed(rest, 2, at, line)
            table = self.existing(family, name, at, line)
            body = line[line.index("{") + 1 : line.rindex("}")] if "{" in line else ""
            self.chain(table, inner.split("{")[0], body, at)
        elif what in ("set", "map"):
            family, (name, inner), _ = self.addressed(rest, 2, at, line)
            table = self.existing(family, name, at, line)
            if "{" not in line:
                raise self.error(at, line, f"a {what} has a type", "write { type ipv4_addr; }")
            self.set(table, inner.split("{")[0], what == "map", line[line.index("{") + 1 : line.rindex("}")], at)
        elif what == "element":
            family, (name, inner), _ = self.addressed(rest, 2, at, line)
            made = self.existing(family, name, at, line).sets.get(inner.split("{")[0])
            if made is None or "{" not in line:
                raise self.error(at, line, "there is no such set, or no element", "declare the set first")
            self.elements(made, line[line.index("{") :], at)
        elif what == "rule" or what in FAMILIES or ("ip", what) in self.ruleset.tables:
            self.add_rule(verb, line, rest if what == "rule" else words, at)
        elif what in OBJECTS:
            family, (name, inner), _ = self.addressed(rest, 2, at, line)
            self.existing(family, name, at, line).objects |= {inner.split("{")[0]}
        elif what == "flowtable" or (what == "ct" and rest[:1] == ["timeout"]):
            return
        elif what in ("ct", "secmark", "synproxy"):
            self.not_understood(at, line)
        else:
            raise self.error(at, line, "no such command", "write add, insert, delete or flush")

    def add_rule(self, verb: str, line: str, words: list[str], at: int) -> None:
        family, (name, inner), rest = self.addressed(words, 2, at, line)
        chain = self.existing(family, name, at, line).chains.get(inner)
        if chain is None:
            raise self.error(at, line, f"there is no chain {inner} in table {family} {name}", "add the chain first")
        where = len(chain.rules) if verb != "insert" else 0
        if rest[:1] in (["handle"], ["position"]):
            self.not_understood(at, line)
            return
        skipped = len(words) - len(rest)
        if rest[:1] == ["index"] and len(rest) > 1 and rest[1].isdigit():
            where = int(rest[1]) + (verb != "insert")
            skipped += 2
            if where > len(chain.rules):
                raise self.error(at, line, "there is no rule of this index", "count from 0")
        text = line
        for _ in range(len(line.split()) - len(words) + skipped):
            text = text.split(None, 1)[1] if len(text.split(None, 1)) > 1 else ""
        if not text:
            raise self.error(at, line, "a rule has at least one statement", "write the rule")
        chain.add(text, self.line(at) - chain.line, where)


@lru_cache(maxsize=1 << 14)
def _independent_body(body: str, family: str) -> tuple[Base | None, tuple[RuleText, ...]] | None:
    """The hook and the rules of a chain that depends on nothing around it; ``None`` if nft would not load it."""
    try:
        return _Script("").chain_body(body, 0, family)
    except NftError:
        return None


def specification(text: str, family: str) -> Base:
    """``type filter hook input priority filter``. Raises ``NftError``."""
    found = SPECIFICATION.fullmatch(text)
    if not found:
        raise NftError(
            0, text, "a base chain has type, hook and priority", "write type filter hook input priority filter"
        )
    kind, hook, written = found.groups()
    if kind not in ("filter", "nat", "route"):
        raise NftError(0, text, "a base chain is of type filter, nat or route", "correct the type")
    if hook not in (*HOOKS, "ingress", "egress"):
        raise NftError(0, text, f"a hook is one of {', '.join(HOOKS)}", "correct the hook")
    if (kind == "nat" and hook == "forward") or (kind == "route" and hook != "output"):
        raise NftError(0, text, f"a chain of type {kind} cannot use the hook {hook}", "correct type or hook")
    number = priority(written.rstrip(";"), family, hook)
    if kind == "nat" and number <= TRACKING:
        raise NftError(
            0,
            text,
            f"a nat chain runs after connection tracking (priority {TRACKING})",
            "write dstnat or srcnat",
        )
    return Base(kind, hook, number)


@lru_cache(maxsize=4096)
def _counters(text: str) -> frozenset[str]:
    """The names of consecutively declared counters."""
    return frozenset(text.split()[1::3]) if "{}" in text else frozenset()


def _without_comment(found: re.Match[str]) -> str:
    return found[1] or ""


def _flat(text: str) -> str:
    """Nested sets flattened, which result from variables."""
    if text.count("{") < 2:
        return text
    found: list[str] = []
    depth = 0
    for piece in re.split(r'("[^"\n]*"|[{}])', text):
        if piece == "{":
            depth += 1
            if depth > 1:
                continue
        elif piece == "}":
            depth -= 1
            if depth > 0:
                continue
        found.append(piece)
    return "".join(found)
