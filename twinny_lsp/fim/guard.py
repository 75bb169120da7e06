"""The gate every template passes before anything is done with it: a strict parser of a small Handlebars.

pybars turns templates into Python source and runs it, and does not escape everything on the way: a
template could run any code. So templates are read here, against a list of what is allowed,
and everything else is refused with the line and with what to write instead. What comes out is a tree
that holds no text of the template but as data; only names out of the vocabulary survive.

Allowed: `{{{name}}}`, `{{name}}`, `{{&name}}`, `{{#if x}}`, `{{#unless x}}`, `{{#each list}}`, `{{else}}`,
`{{/if}}`…, `(eq a "b")` as the x of if and unless, `{{! comment}}`, `~`. Inside each: the item's fields,
also as `this.field`, and `@index`, `@first`, `@last`.

Not for rendering (render.py), not for reading files (families.py, custom.py).
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import NoReturn

from twinny_lsp.errors import TemplateError
from twinny_lsp.fim.nodes import Each, Equal, If, Node, Template, Text, Variable, Vocabulary
from twinny_lsp.fim.whitespace import Block, Content, Part, Strip, Tag, strip_whitespace

MAX_CHARS = 65_536
MAX_TAGS = 512
MAX_DEPTH = 8

USER = Vocabulary(
    strings=frozenset(
        ("prefix", "suffix", "context", "fileName", "language", "systemMessage")  # Twinny's
    ).union(("relativePath", "repo", "model", "indent")),
    lists=MappingProxyType({"files": frozenset(("path", "text"))}),
)
"""What a user's own FIM template may name."""

BUILT_IN = Vocabulary(
    strings=USER.strings | {"heading"},
    lists=MappingProxyType({"files": frozenset(("path", "text", "heading"))}),
)
"""What the templates of the package may name: also a file's path as a comment in its own language."""

_LOOP_NAMES = frozenset(("@index", "@first", "@last"))
_BLOCKS = ("if", "unless", "each")
_S = "[ \t\r\n]*"
_TRIPLE = re.compile(rf"\{{\{{(~?)\{{{_S}([@\w.]+){_S}\}}(~?)\}}\}}", re.ASCII)
_COMMENT = re.compile(r"\{\{(~?)!(?!--)[^{}]*?(~?)\}\}")
_TAG = re.compile(r"\{\{(~?)([^{}~]*)(~?)\}\}")
_NAME = re.compile(r"(?:this\.)?[A-Za-z][A-Za-z0-9]*|@[a-z]+")
_OPEN = re.compile(rf"#{_S}([a-z]+)[ \t\r\n]+(.+)", re.DOTALL)
_EQ = re.compile(rf"\({_S}eq[ \t\r\n]+(\S+|\"[^\"]*\"|'[^']*')[ \t\r\n]+(\S+|\"[^\"]*\"|'[^']*'){_S}\)")
_LITERAL = re.compile(r"\"[^\"\\\r\n]*\"|'[^'\\\r\n]*'")

# What people write who know more of Handlebars than is allowed here: (sign of it, what to write instead).
_ADVICE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[\[\]]"), "names in brackets are refused; write a plain name, as in {{{prefix}}}"),
    (re.compile(r"__"), "names with two underscores are refused"),
    (re.compile(r"^\s*#?\s*>"), "partials are not supported; put the partial's text in its place"),
    (re.compile(r"^\s*#?\s*\*"), "decorators are not supported; remove this tag"),
    (re.compile(r"^\s*else\s+\S"), "`else if` is not supported; write {{else}}{{#if …}}…{{/if}}"),
    (re.compile(r"^\s*\^"), "`^` is not supported; write {{else}} or {{#unless …}}"),
    (re.compile(r"^\s*#\s*with\b"), "`with` is not supported; name the field, as in {{{this.path}}}"),
    (re.compile(r"^\s*[#&]?\s*(?:lookup|log)\b"), "`lookup` and `log` are not supported; remove this tag"),
    (
        re.compile(r"\.\.?/"),
        "paths with / are not supported; each knows its item's fields only",
    ),
    (re.compile(r"\bas\s*\|"), "block parameters are not supported; write {{{this.path}}}"),
    (
        re.compile(r"@(?!index\b|first\b|last\b)"),
        "of the @ names only @index, @first, @last are known",
    ),
    (re.compile(r"^\s*!--"), "write {{! comment }} instead of {{!-- comment --}}"),
    (re.compile(r"^\s*#?\s*$"), "this tag is empty; remove it"),
)


def parse(source: str, path: str = "", vocabulary: Vocabulary = USER) -> Template:
    """Read a template's text; `path` is for messages only.

    Raises TemplateError with the 1-based line for whatever is not allowed.
    """
    if len(source) > MAX_CHARS:
        raise TemplateError(f"the template is longer than {MAX_CHARS} characters; make it shorter", path)
    parts = _Reader(source, path).read()
    strip_whitespace(parts)
    nodes = _Checker(path, vocabulary).nodes(parts, None)
    return Template(path, nodes, vocabulary, _simple(nodes))


def _simple(nodes: tuple[Node, ...]) -> bool:
    return all(
        _simple(node.body) and _simple(node.otherwise) if isinstance(node, Each) else not isinstance(node, If)
        for node in nodes
    )


class _Reader:
    """Cuts a text into content, tags and balanced blocks. One use."""

    def __init__(self, source: str, path: str) -> None:
        self._source, self._path = source, path
        self._root: list[Part] = []
        self._open: list[Block] = []
        self._tags = 0

    def read(self) -> list[Part]:
        position = 0
        while (start := self._source.find("{{", position)) >= 0:
            if start > position:
                self._add_text(self._source[position:start])
            self._tags += 1
            if self._tags > MAX_TAGS:
                self._refuse(f"the template has more than {MAX_TAGS} tags; make it shorter", start)
            position = self._read_tag(start)
        if position < len(self._source):
            self._add_text(self._source[position:])
        if self._open:
            block = self._open[-1]
            reason = f"{{{{#{block.kind}}}}} is not closed; add {{{{/{block.kind}}}}}"
            raise TemplateError(reason, self._path, block.line)
        return self._root

    def _add_text(self, text: str) -> None:
        self._here().append(Content(text, text))

    def _here(self) -> list[Part]:
        if not self._open:
            return self._root
        block = self._open[-1]
        return block.body if block.inverse is None else block.inverse

    def _read_tag(self, start: int) -> int:
        """Read the tag at `start`; where it ends."""
        source = self._source
        if start and source[start - 1] == "\\":
            self._refuse("a backslash before {{ is not supported; a literal {{ cannot be written", start)
        if source.startswith("{{{{", start):
            self._refuse("raw blocks and four braces are not supported; write {{{name}}}", start)
        if found := _TRIPLE.match(source, start):
            self._here().append(Tag(found[2], Strip(bool(found[1]), bool(found[3])), self._line(start)))
        elif found := _COMMENT.match(source, start):
            self._here().append(Tag(None, Strip(bool(found[1]), bool(found[2])), self._line(start)))
        elif found := _TAG.match(source, start):
            self._read_plain(found[2], Strip(bool(found[1]), bool(found[3])), start)
        else:
            self._refuse_broken(start)
        return found.end()

    def _read_plain(self, body: str, strip: Strip, start: int) -> None:
        for sign, advice in _ADVICE:
            if sign.search(body):
                self._refuse(advice, start)
        word = body.strip(" \t\r\n")
        if word == "else":
            self._begin_inverse(strip, start)
        elif word.startswith("#"):
            self._begin_block(word, strip, start)
        elif word.startswith("/"):
            self._end_block(word[1:].strip(" \t\r\n"), strip, start)
        elif _NAME.fullmatch(name := word.removeprefix("&").lstrip(" \t\r\n")):
            self._here().append(Tag(name, strip, self._line(start)))
        else:
            self._refuse(f"`{_shown(word)}` is not supported; write {{{{{{name}}}}}}", start)

    def _begin_block(self, word: str, strip: Strip, start: int) -> None:
        found = _OPEN.fullmatch(word)
        if not found or found[1] not in _BLOCKS:
            self._refuse(
                f"`{_shown(word)}` is not supported; write {{{{#if name}}}}, {{{{#unless name}}}} "
                "or {{#each files}}",
                start,
            )
        if len(self._open) >= MAX_DEPTH:
            self._refuse(f"blocks are nested more than {MAX_DEPTH} deep", start)
        block = Block(found[1], found[2], self._line(start), strip)
        self._here().append(block)
        self._open.append(block)

    def _begin_inverse(self, strip: Strip, start: int) -> None:
        if not self._open:
            self._refuse("{{else}} stands outside of a block; remove it", start)
        block = self._open[-1]
        if block.inverse is not None:
            self._refuse(f"{{{{#{block.kind}}}}} has two {{{{else}}}}; remove one", start)
        block.inverse, block.middle = [], strip

    def _end_block(self, kind: str, strip: Strip, start: int) -> None:
        if not self._open:
            self._refuse(f"{{{{/{_shown(kind)}}}}} closes nothing; remove it", start)
        block = self._open.pop()
        if block.kind != kind:
            self._refuse(
                f"{{{{/{_shown(kind)}}}}} stands where {{{{/{block.kind}}}}} closes line {block.line}", start
            )
        block.closed = strip

    def _refuse_broken(self, start: int) -> NoReturn:
        rest = self._source[start : start + 200]
        if rest.startswith(("{{!--", "{{~!--")):
            self._refuse("write {{! comment }} instead of {{!-- comment --}}", start)
        if rest.startswith(("{{!", "{{~!")):
            self._refuse("this comment holds braces or is not closed; write {{! text }}", start)
        end = rest.find("}}")
        for sign, advice in _ADVICE:
            if end > 0 and sign.search(rest[2:end]):
                self._refuse(advice, start)
        if rest.startswith(("{{{", "{{~{")):
            self._refuse("this tag is not right; write {{{name}}} with three braces on both sides", start)
        self._refuse("this tag is not closed; add }}", start)

    def _line(self, position: int) -> int:
        return self._source.count("\n", 0, position) + 1

    def _refuse(self, reason: str, position: int) -> NoReturn:
        raise TemplateError(reason, self._path, self._line(position))


def _shown(word: str) -> str:
    """A tag's text for a message: short and on one line."""
    flat = " ".join(word.split())
    return flat if len(flat) <= 40 else flat[:39] + "…"


class _Checker:
    """Turns parts into nodes, so that only known names and literal text are left."""

    def __init__(self, path: str, vocabulary: Vocabulary) -> None:
        self._path, self._vocabulary = path, vocabulary
        self._line = 0

    def nodes(self, parts: list[Part], item: frozenset[str] | None) -> tuple[Node, ...]:
        """`item`: the fields of the item at hand, None outside of each."""
        made: list[Node] = []
        for part in parts:
            if isinstance(part, Content):
                if part.value:
                    made.append(Text(part.value))
            elif isinstance(part, Tag):
                if part.name is not None:
                    self._line = part.line
                    made.append(self._variable(part.name, item))
            else:
                self._line = part.line
                made.append(self._block(part, item))
        return tuple(made)

    def _block(self, block: Block, item: frozenset[str] | None) -> Node:
        if block.kind == "each":
            return self._each(block, item)
        test = self._test(block.argument.strip(" \t\r\n"), item)
        then = self.nodes(block.body, item)
        otherwise = self.nodes(block.inverse or [], item)
        return If(test, then, otherwise) if block.kind == "if" else If(test, otherwise, then)

    def _each(self, block: Block, item: frozenset[str] | None) -> Node:
        name = block.argument.strip(" \t\r\n")
        lists = self._vocabulary.lists
        if item is not None:
            self._refuse("each inside each is not supported")
        if name not in lists:
            known = ", ".join(sorted(lists))
            self._refuse(f"`{_shown(name)}` is not a list; {{{{#each}}}} goes with: {known}")
        body = self.nodes(block.body, lists[name])
        return Each(name, body, self.nodes(block.inverse or [], item))

    def _test(self, argument: str, item: frozenset[str] | None) -> Variable | Equal:
        if found := _EQ.fullmatch(argument):
            return Equal(self._operand(found[1], item), self._operand(found[2], item))
        if "(" in argument:
            self._refuse('of the helpers only eq is supported: {{#if (eq language "python")}}')
        if argument in self._vocabulary.lists and item is None:
            return Variable(argument)
        return self._variable(argument, item)

    def _operand(self, text: str, item: frozenset[str] | None) -> Variable | Text:
        if _LITERAL.fullmatch(text):
            return Text(text[1:-1])
        return self._variable(text, item)

    def _variable(self, name: str, item: frozenset[str] | None) -> Variable:
        plain = name.removeprefix("this.")
        if plain in _LOOP_NAMES and plain == name:
            if item is None:
                self._refuse(f"`{name}` is known inside {{{{#each}}}} only")
            return Variable(name)
        known = self._vocabulary.strings if item is None else item
        if plain in known:
            return Variable(plain)
        names = ", ".join(sorted(known))
        if plain in self._vocabulary.lists:
            self._refuse(f"`{plain}` is a list; write {{{{#each {plain}}}}}…{{{{/each}}}}")
        if item is not None and plain in self._vocabulary.strings:
            self._refuse(f"`{plain}` is not known inside {{{{#each}}}}; there is: {names}")
        raise TemplateError(
            f"there is no variable `{_shown(name)}`; there is: {names}", self._path, self._line
        )

    def _refuse(self, reason: str) -> NoReturn:
        raise TemplateError(reason, self._path, self._line)
