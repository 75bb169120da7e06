"""What a file defines, and the lines that tell how it is used: signatures, fields, constructors. No bodies.

Pure, and without grammars: a definition is a line of a known shape that is not inside a function, as the
indentation tells. That is right for code that is indented as everybody does; other code loses context only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from twinny_lsp import languages
from twinny_lsp.context.imports import SCRIPTS
from twinny_lsp.context.pieces import joined

MOST = 400
"""Definitions of one file."""
_SIGNATURE_ROWS = 8
_FIELD_ROWS = 12


class Kind(StrEnum):
    """TYPE: has members. FUNCTION: called. VALUE: a constant or variable."""

    TYPE = "type"
    FUNCTION = "function"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Definition:
    """`rows` are what is shown of it; `owner` is the row of the type it is a member of, -1 for none.

    `bodies` are those of the rows that end in the opening of a body that is not shown.
    """

    name: str
    kind: Kind
    row: int
    rows: tuple[int, ...]
    owner: int = -1
    bodies: frozenset[int] = frozenset()


_MODIFIERS = (
    r"(?:(?:export|default|declare|public|private|protected|internal|fileprivate|static|final|abstract|sealed|"
    r"open|override|virtual|async|inline|unsafe|extern(?:\s+\"\w+\")?|data|suspend|partial|readonly|local|"
    r"implicit|lazy|case|typedef|pub(?:\([^)]*\))?|const(?=\s+(?:fn|unsafe))|@\w+(?:\([^)]*\))?|\[\w[^\]]*\])\s+)*"
)
_TYPES = (
    r"class|struct|interface|trait|enum(?:\s+class|\s+struct)?|union|record|object|protocol|module|namespace|"
    r"impl(?:<[^{}]*?>)?(?:\s+[\w:<>', ]+?\s+for)?|extension|actor|mixin|defmodule|defprotocol|message|"
    r"service|contract"
)
_FUNCTIONS = r"def|defp|defmacro|fn|func|fun|function\s*\*?|sub|proc|macro_rules!|rpc|method"
_VALUES = r"const|let|var|val|type|typealias|#\s*define|constexpr\s+\w+|static(?:\s+mut)?(?=\s+\w+\s*:)"
_NAME = r"(?P<name>[A-Za-z_$][\w$]*)"

_KEYWORD = re.compile(
    rf"\s*{_MODIFIERS}(?:(?P<type>{_TYPES})|(?P<function>{_FUNCTIONS})|(?P<value>{_VALUES}))\s+"
    rf"(?:\([^()]*\)\s*|<[^<>()]*(?:<[^<>()]*>[^<>()]*)*>\s*)?(?:(?:self|[A-Za-z_$][\w$]*(?:<[^<>()]*>)?)(?:\.|:{{1,2}}))*{_NAME}(?P<rest>.*)",
    re.DOTALL,
)
# type name(…: Java, C#, C, C++, Dart; also constructors, and methods without a type (JS, TS).
_CALLABLE = re.compile(
    r"\s*(?P<before>(?:[\w$:<>,\[\]&*?.~@#\"]+(?:\([^()]*\))?\s+)*[*&]*)(?:[\w$]+(?:<[^<>()]*>)?::)*"
    rf"~?#?{_NAME}"
    r"\s*(?:<[^<>()]*>)?\((?P<rest>.*)",
    re.DOTALL,
)
_ASSIGNED = re.compile(
    rf"\s*(?:export\s+|local\s+)?(?:[A-Za-z_$][\w$]*\.)*{_NAME}\s*(?::[^=\n]+)?(?<![=!<>])=(?![=>])"
    r"(?P<rest>.*)"
)
_FIELD = re.compile(r"\s*[\w$\"'@#\[*&]")
_FUNCTION_VALUE = re.compile(
    r"\s*(?:async\s+)?(?:function\b|\([^()]*\)\s*(?::[^=]+)?=>|[\w$]+\s*=>|lambda\b)"
)
_TAKEN = re.compile(r"\s*(?:await\s+)?(?:require|import)\s*\(")
"""A value that is another module is no definition: it is followed there."""
_NAMED_VALUE = re.compile(r"\s*(?:async\s+)?(?:function\s*\*?|class)\s+([A-Za-z_$][\w$]*)")
_TYPE_VALUE = re.compile(r"\s*(?:=\s*)?(?:struct\b|interface\b|enum\b|class\b|\{\s*$)")
_NO_CALLABLE = """
    if for while switch catch return new throw else elif match with await yield assert delete do in case when
    unless until except print super this sizeof typeof and or not function
"""
_CALLABLE_LANGUAGES = """
    java csharp c cpp cuda objective-c objective-cpp dart groovy d vala solidity hlsl glsl javascript
    javascriptreact typescript typescriptreact php vue svelte apex swift shellscript
"""
_CONSTRUCTORS = frozenset({"__init__", "constructor", "initialize", "__construct", "init"})
_ACCESS = re.compile(r"\s*(?:public|private|protected|signals|default)[\w ]*:\s*$")
_DIRECTIVE = re.compile(
    r"#\s*(?:if|ifdef|ifndef|elif|else|endif|include|import|pragma|error|warning|line|undef|region|endregion)\b"
)
_DECORATOR = re.compile(r"\s*(?:@\w|#\[)")
_OPENING, _CLOSING = frozenset("(["), frozenset(")]")
_CALLABLES, _NO_CALLABLES = frozenset(_CALLABLE_LANGUAGES.split()), frozenset(_NO_CALLABLE.split())


def definitions(lines: Sequence[str], language: str) -> tuple[Definition, ...]:
    """What the file defines outside of functions, in its order: types, members, functions, values."""
    return _Outline(lines, language).run()


def text_of(lines: Sequence[str], definition: Definition, language: str) -> str:
    """The rows of a definition, with `...` in the place of bodies."""
    shown = [joined(lines[row : row + 1]) for row in definition.rows]
    for at, row in enumerate(definition.rows):
        if row in definition.bodies:
            bare = shown[at].rstrip()
            if bare.endswith("{"):
                shown[at] = f"{bare} ... }}"
            elif bare.endswith(":"):
                shown[at] = f"{bare} ..."
    return "\n".join(shown)


class _Outline:
    """One file being read."""

    def __init__(self, lines: Sequence[str], language: str) -> None:
        self._lines = lines
        self._python = language in ("python", "starlark", "mojo")
        self._objects = language == "lua" or language in SCRIPTS
        self._shell = language == "shellscript"
        self._templates = language in SCRIPTS
        mark = languages.language(language).line
        self._comments = (mark, "/*", "* ", "*/") if mark else ("/*", "* ", "*/", "<!--")
        self._callables = language in _CALLABLES
        self._found: list[Definition] = []
        self._open: list[tuple[int, int, Kind]] = []
        """(indent, row, kind) of the blocks the row being read is in."""
        self._quotes = ""

    def run(self) -> tuple[Definition, ...]:
        row, count = 0, len(self._lines)
        while row < count and len(self._found) < MOST:
            row = row + 1 if self._is_body(self._lines[row]) else self._read(row)
        return tuple(self._found)

    def _is_body(self, line: str) -> bool:
        """Whether a row stands deeper than the function it is in: most rows do, so this must be quick."""
        if not self._open or self._open[-1][2] is Kind.TYPE or self._quotes:
            return False
        if not line[: self._open[-1][0] + 1].isspace():
            return False
        if self._templates:
            return "`" not in line
        return not self._python or ('"""' not in line and "'''" not in line)

    def _read(self, row: int) -> int:
        """Read one row; the next one to be read."""
        line = self._lines[row]
        bare = line.strip()
        if self._in_text(bare) or not bare or bare.startswith(self._comments) or _ACCESS.match(line):
            return row + 1
        if _DIRECTIVE.match(bare):
            return row + 1  # at the margin, wherever it is
        indent = len(line) - len(line.lstrip())
        while self._open and (indent, bare[0] in "{)}") <= (self._open[-1][0], False):
            self._open.pop()
        if self._open and self._open[-1][2] is not Kind.TYPE:
            return row + 1
        if len(line) > 400 or bare[0] in "{}()[]":
            return row + 1
        matched = self._match(line)
        if matched is None:
            return row + 1
        name, kind = matched
        last = self._signature_end(row)
        owner = self._open[-1][1] if self._open else -1
        if owner >= 0 and kind is Kind.VALUE:
            return last + 1  # a field: shown with its type
        self._add(name, kind, row, last, owner)
        self._open.append((indent, row, kind))
        return last + 1

    def _in_text(self, bare: str) -> bool:
        """Whether the row is (a part of) a string over several lines, as docstrings and templates are."""
        if self._templates:
            inside = bool(self._quotes)
            if bare.count("`") % 2:
                self._quotes = "" if inside else "`"
            return inside
        if not self._python:
            return False
        if self._quotes:
            if self._quotes in bare:
                self._quotes = ""
            return True
        for quotes in ('"""', "'''"):
            if bare.count(quotes) % 2:
                self._quotes = quotes
                return bare.startswith((quotes, f"r{quotes}"))
        return False

    def _match(self, line: str) -> tuple[str, Kind] | None:
        found = _KEYWORD.match(line)
        if found is not None:
            if found["type"]:
                return None if found["rest"].strip() == ";" else (found["name"], Kind.TYPE)
            if found["function"]:
                return found["name"], Kind.FUNCTION
            rest = found["rest"]
            if self._callables and (name := self._callable_name(line)):
                return name, Kind.FUNCTION  # it returns a constant (C)
            if _TYPE_VALUE.match(rest):
                return found["name"], Kind.TYPE
            value = rest.partition("=")[2]
            return None if _TAKEN.match(value) else (found["name"], self._kind_of(value))
        if self._callables and (name := self._callable_name(line)):
            return name, Kind.FUNCTION
        found = _ASSIGNED.match(line)
        if found is not None:
            named = _NAMED_VALUE.match(found["rest"]) if found["name"] == "exports" else None
            return named[1] if named else found["name"], self._kind_of(found["rest"])
        return None

    def _kind_of(self, value: str) -> Kind:
        """What a value makes of its name: a function, or an object with members as in JavaScript and Lua."""
        if _FUNCTION_VALUE.match(value):
            return Kind.FUNCTION
        return Kind.TYPE if self._objects and value.strip() == "{" else Kind.VALUE

    def _callable_name(self, line: str) -> str:
        """The name in `type name(…`, "" where it is something else."""
        found = _CALLABLE.match(line)
        if found is None:
            return ""
        before = found["before"].split()
        if not _NO_CALLABLES.isdisjoint((found["name"], *before[:1])):
            return ""
        member = bool(self._open)
        if not before and not member and not self._shell:
            return ""
        end = line.rstrip()
        whole = end.endswith(("{", ")", ",", "(")) or (end.endswith((";", "}")) and bool(before))
        return found["name"] if whole else ""

    def _signature_end(self, row: int) -> int:
        """The row where the brackets are closed that the definition's line opens."""
        depth = 0
        for at in range(row, min(row + _SIGNATURE_ROWS, len(self._lines))):
            for char in self._lines[at]:
                if char in _OPENING:
                    depth += 1
                elif char in _CLOSING:
                    depth -= 1
            if depth <= 0:
                return at
        return row

    def _add(self, name: str, kind: Kind, row: int, last: int, owner: int) -> None:
        first = row
        while first > 0 and row - first < 2 and _DECORATOR.match(self._lines[first - 1]):
            first -= 1
        rows = [*range(first, last + 1)]
        bodies = set[int]()
        if kind is Kind.TYPE:
            rows += self._fields(last)
        elif kind is Kind.FUNCTION:
            bodies.add(last)
            if owner >= 0 and self._makes(name, owner):
                self._with_constructor(owner, rows, last)
        self._found.append(Definition(name, kind, row, tuple(rows), owner, frozenset(bodies)))

    def _makes(self, name: str, owner: int) -> bool:
        found = next(one for one in reversed(self._found) if one.row == owner)
        return name in _CONSTRUCTORS or name == found.name

    def _with_constructor(self, owner: int, rows: list[int], last: int) -> None:
        """Whoever uses a type makes one: its constructor is shown with it."""
        at = next(at for at in range(len(self._found) - 1, -1, -1) if self._found[at].row == owner)
        of = self._found[at]
        if not of.bodies and of.rows[-1] < rows[0]:
            self._found[at] = Definition(
                of.name, of.kind, of.row, (*of.rows, *rows), of.owner, frozenset({last})
            )

    def _fields(self, last: int) -> list[int]:
        """The rows below a type's header, to its first function, that tell what its members are."""
        header = self._lines[last]
        outer = len(self._lines[last]) - len(header.lstrip())
        rows: list[int] = []
        quotes = ""
        for at in range(last + 1, min(last + 3 * _FIELD_ROWS, len(self._lines))):
            line = self._lines[at]
            bare = line.strip()
            if quotes or not bare:
                quotes = "" if quotes and quotes in bare else quotes
                continue
            if bare.startswith(('"""', "'''")):
                quotes = "" if bare.count(bare[:3]) > 1 else bare[:3]
                continue
            indent = len(line) - len(line.lstrip())
            if _ACCESS.match(line):
                continue
            if indent <= outer and bare[0] != "{":
                if bare[0] == "}" and rows:
                    rows.append(at)
                break
            if bare.startswith(self._comments) or bare in ("pass", "...", "{"):
                continue
            matched = self._begins_member(at)
            if matched or _DECORATOR.match(line) or len(rows) >= _FIELD_ROWS:
                break
            if _FIELD.match(line) and len(line) <= 200:
                rows.append(at)
        return rows

    def _begins_member(self, row: int) -> bool:
        """Whether a row begins a function (or a type) of its own."""
        line = self._lines[row]
        found = _KEYWORD.match(line)
        if found is not None:
            return bool(found["type"] or found["function"])
        if not self._callables or (callable := _CALLABLE.match(line)) is None:
            return False
        below = self._lines[row + 1].lstrip() if row + 1 < len(self._lines) else ""
        opens = line.rstrip().endswith("{") or below.startswith("{")
        return opens and callable["name"] not in _NO_CALLABLES
