"""The model families as data: which there are, and which one a model belongs to.

Reads `fim_templates/` (families.toml and the .hbs files) on first use: from the folder inside the package
where it was installed from a wheel, from the one beside the package in a checkout or an sdist.
Not for choosing by settings and by what the server says (families.py), not for prompts (prompt.py).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from twinny_lsp.errors import TemplateError
from twinny_lsp.fim.guard import BUILT_IN, parse
from twinny_lsp.fim.names import ModelName, model_name
from twinny_lsp.fim.nodes import Template, Vocabulary

_PACKAGE = Path(__file__).resolve().parent.parent


class Use(StrEnum):
    """What a model is good for."""

    RAW = "raw"
    CHAT = "chat"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Variant:
    """An exception inside a family. All of `words` occur in the name, and `stem` matches."""

    stem: re.Pattern[str] | None
    words: frozenset[str]
    use: Use
    reason: str


@dataclass(frozen=True, slots=True)
class Family:
    """One row of families.toml; its comment says what the fields mean."""

    name: str
    title: str
    match: tuple[re.Pattern[str], ...]
    template: str
    repository: str
    fim: tuple[str, ...]
    tokens: tuple[str, ...]
    stop: tuple[str, ...]
    suffix_first: bool
    spm: str
    spm_repository: str
    native: bool
    variants: tuple[Variant, ...]
    confirmed: bool
    repository_confirmed: bool
    note: str
    source: str

    @property
    def special(self) -> tuple[str, ...]:
        """All special tokens: those of FIM and the others."""
        return (*self.fim, *self.tokens)


@dataclass(frozen=True, slots=True)
class Table:
    """All of families.toml. `chat` is the pseudo-family of the models that are asked in words."""

    families: tuple[Family, ...]
    common: tuple[str, ...]
    chat: Family
    embedding: tuple[re.Pattern[str], ...]

    def named(self, name: str) -> Family | None:
        """The family of that name."""
        return next((family for family in self.families if family.name == name), None)


@dataclass(frozen=True, slots=True)
class Membership:
    """What a name says: the family, if any, and how a model of that name is used, with the reason."""

    family: Family | None
    use: Use | None
    reason: str = ""


def templates_directory() -> Path:
    """Where the built-in templates are. Raises TemplateError when the installation lacks them."""
    for folder in (_PACKAGE / "fim_templates", _PACKAGE.parent / "fim_templates"):
        if (folder / "families.toml").is_file():
            return folder
    raise TemplateError("the built-in templates are missing; install twinny-lsp again", "fim_templates")


@functools.cache
def table() -> Table:
    """The table, read once."""
    import tomllib

    with (templates_directory() / "families.toml").open("rb") as file:
        data = tomllib.load(file)
    chat = data["chat"] | {"name": "chat", "title": "models without FIM training"}
    return Table(
        families=tuple(_family(row) for row in data["family"]),
        common=tuple(data["common"]["tokens"]),
        chat=_family(chat | {"match": [_word(pattern) for pattern in chat["match"]], "template": "chat-fim"}),
        embedding=tuple(re.compile(_word(pattern)) for pattern in data["embedding"]["match"]),
    )


def _word(pattern: str) -> str:
    return f"(?:{pattern})(?![a-z])"


def _family(row: Mapping[str, Any]) -> Family:
    return Family(
        name=row["name"],
        title=row["title"],
        match=tuple(re.compile(pattern) for pattern in row["match"]),
        template=row.get("template", row["name"]) + ".hbs",
        repository=row.get("repository", ""),
        fim=tuple(row.get("fim", ())),
        tokens=tuple(row["tokens"]),
        stop=tuple(row["stop"]),
        suffix_first=row.get("suffix_first", False),
        spm=row.get("spm", ""),
        spm_repository=row.get("spm_repository", ""),
        native=row.get("native", False),
        variants=tuple(_variant(variant) for variant in row.get("variants", ())),
        confirmed=row.get("confirmed", False),
        repository_confirmed=row.get("repository_confirmed", True),
        note=row.get("note", ""),
        source=row.get("source", ""),
    )


def _variant(row: Mapping[str, Any]) -> Variant:
    stem = re.compile(row["stem"]) if "stem" in row else None
    return Variant(stem, frozenset(row.get("words", ())), Use(row["use"]), row["reason"])


@functools.cache
def built_in(file: str, vocabulary: Vocabulary = BUILT_IN) -> Template:
    """A template of the package, checked, read once. `file` is its name in the folder."""
    path = templates_directory() / file
    return parse(template_text(path.read_bytes(), file), file, vocabulary)


def template_text(data: bytes, path: str) -> str:
    """A template file's text: UTF-8, line ends as `\\n`, without the one line end that closes a text file.

    Editors add that last line end by themselves, and after `<MID>` it would spoil every answer. A template
    that wants one ends in an empty line. Raises TemplateError when it is not UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TemplateError("the file is not UTF-8; save it in that encoding", path, line) from None
    return text.replace("\r\n", "\n").removesuffix("\n")


def membership(model: str, tuned: bool = False) -> Membership:
    """What the model's name says; `tuned`: the server's words show that it follows instructions."""
    name = model_name(model)
    known = table()
    instruct = name.instruct or (tuned and not name.base)
    for family in known.families:
        for stem in name.stems:
            if any(pattern.match(stem) for pattern in family.match):
                return _as_used(family, stem, name, instruct)
    for stem in name.stems:
        if any(pattern.match(stem) for pattern in known.embedding):
            return Membership(None, Use.NONE, "it makes embeddings and completes nothing")
        if any(pattern.match(stem) for pattern in known.chat.match):
            if name.base and not tuned:
                reason = "a base model without FIM training neither fills the middle nor follows instructions"
                return Membership(None, Use.NONE, reason)
            return Membership(None, Use.CHAT, "by its name it follows instructions and has no FIM training")
    return Membership(None, None)


def _as_used(family: Family, stem: str, name: ModelName, instruct: bool) -> Membership:
    words = name.words | ({"instruct"} if instruct else frozenset())
    for variant in family.variants:
        if variant.words <= words and (variant.stem is None or variant.stem.match(stem)):
            return Membership(family, variant.use, variant.reason)
    return Membership(family, Use.RAW, f"by its name it belongs to {family.title}")
