"""The parts a template is made of, after the guard has let it through. Data only.

Not for parsing (guard.py), not for rendering (render.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The names a template may use: `strings`, and `lists` with the fields their items have."""

    strings: frozenset[str]
    lists: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Text:
    """Text that comes out as it stands; as an operand of `eq`, a literal."""

    value: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A value: a name of the vocabulary, a field of the item at hand, or `@index`, `@first`, `@last`."""

    name: str


@dataclass(frozen=True, slots=True)
class Equal:
    """`(eq a b)`."""

    left: Variable | Text
    right: Variable | Text


@dataclass(frozen=True, slots=True)
class If:
    """`{{#if}}`; `{{#unless}}` is the same with the branches changed over."""

    test: Variable | Equal
    then: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Each:
    """`{{#each list}}`; `otherwise` is for an empty list."""

    name: str
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


Node = Text | Variable | If | Each


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A template the guard has let through. Equal to itself only, so that caches need not walk the tree.

    `path` is the file as the user knows it. `simple`: no conditions, so that it is rendered straight from
    `nodes`, without pybars.
    """

    path: str
    nodes: tuple[Node, ...]
    vocabulary: Vocabulary
    simple: bool

    def literal(self) -> str:
        """All its own text in one piece, without the values."""
        return "".join(_texts(self.nodes))

    def puts(self, name: str) -> bool:
        """Whether the variable comes out anywhere (and is not only asked for in a condition)."""
        return name in _variables(self.nodes)


def _texts(nodes: tuple[Node, ...]) -> list[str]:
    found: list[str] = []
    for node in nodes:
        if isinstance(node, Text):
            found.append(node.value)
        elif isinstance(node, If):
            found += [*_texts(node.then), *_texts(node.otherwise)]
        elif isinstance(node, Each):
            found += [*_texts(node.body), *_texts(node.otherwise)]
    return found


def _variables(nodes: tuple[Node, ...]) -> Iterator[str]:
    """The names that come out, but for the fields of items."""
    for node in nodes:
        if isinstance(node, Variable):
            yield node.name
        elif isinstance(node, If):
            yield from _variables(node.then)
            yield from _variables(node.otherwise)
        elif isinstance(node, Each):
            yield from _variables(node.otherwise)
