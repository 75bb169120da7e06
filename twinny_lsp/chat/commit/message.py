"""From staged changes to the prompt for a commit message, and from the model's answer to the message.

Pure but for the templates that are read. Not for running git (staged.py).
"""

from __future__ import annotations

import asyncio
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from twinny_lsp.chat.commit.budget import Judge, Summary, summary
from twinny_lsp.chat.commit.diff import parse
from twinny_lsp.chat.commit.staged import NothingStaged, Staged
from twinny_lsp.chat.edits.answers import read
from twinny_lsp.chat.edits.decide import No, Why, no
from twinny_lsp.chat.edits.passage import Span, passage
from twinny_lsp.chat.edits.prose import refuses
from twinny_lsp.chat.fences import fence_for
from twinny_lsp.chat.prompting import Values, fill
from twinny_lsp.chat.tasks import COMMIT_MESSAGE
from twinny_lsp.chat.templates import Templates
from twinny_lsp.exchange import Message
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.presets import PRESETS

TOKENS = 2048
"""Of the changes that are shown."""
SUBJECT, _BODY = 72, 72
_MOST_BODY_LINES = 12
_TYPES = "feat|fix|docs|style|refactor|perf|test|tests|build|ci|chore|revert"
_CONVENTIONAL = re.compile(rf"(?P<type>{_TYPES})(?:\([^()]{{1,40}}\))?!?: ", re.IGNORECASE)
_OFTEN = 0.5


class Style(StrEnum):
    """How the first line is written. AUTO: as most of the project's late commits are."""

    AUTO = "auto"
    CONVENTIONAL = "conventional"
    PLAIN = "plain"


_ASKED = {
    Style.CONVENTIONAL: "`type(scope): what`, the type one of feat, fix, docs, refactor, perf, test, build, "
    "ci, chore; the scope may be left out",
    Style.PLAIN: "what the commit does, begun with a capital letter and without a type before it",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """`style` is what AUTO came to."""

    messages: tuple[Message, ...]
    style: Style
    shown: Summary


def refused(endpoint: Endpoint | None) -> str:
    """Why nobody is asked there for a commit message; "" where that may be."""
    preset = PRESETS.get(endpoint.preset) if endpoint else None
    if endpoint is None or preset is None or not preset.notice:
        return ""
    return (
        f"Commit messages are not asked for from {endpoint.name}: people you do not know would read the "
        "changes, with the names of your files. Choose another `chat.provider`."
    )


async def prepare_commit(
    staged: Staged,
    why_never: Judge,
    templates: Templates,
    *,
    style: Style = Style.AUTO,
    tokens: int = TOKENS,
) -> Prepared:
    """The messages that ask for a commit message. `why_never`: see `summary`; `tokens`: of the changes.

    Raises NothingStaged when no model may see any of it, TemplateError for a template that cannot be used.
    """
    # On a thread: a diff may be large, and whether a file may be seen is looked up in the file system.
    shown = await asyncio.to_thread(lambda: summary(parse(staged.diff), tokens, why_never))
    if not shown.files:
        raise NothingStaged("All that is staged is held back: no model may see these files.")
    style = _usual(staged.subjects) if style is Style.AUTO else style
    whole = f"{shown.stat}\n\n{shown.diff}" if shown.diff else shown.stat
    values: Values = {"diff": shown.diff, "stat": shown.stat, "code": whole, "style": _ASKED[style]}
    values |= {"language": "diff", "fence": fence_for(whole)}
    messages = await fill(COMMIT_MESSAGE, values, templates)
    return Prepared(messages, style, shown)


def clean(answer: str, style: Style) -> str | No:
    """The message in a model's answer: a first line, and below an empty one what else there is to say."""
    parts = read(answer, passage(("",), Span((0, 0), (0, 0)), "git-commit"))
    if parts.unfinished:
        return no(Why.THINKING, parts.text)
    fenced = next((block.text for block in parts.blocks if block.text.strip()), "")
    if not fenced and refuses(parts.said):
        return no(Why.REFUSED, parts.text, parts.said.split("\n")[0])
    lines = _message_lines(fenced or parts.said)
    if not lines:
        return no(Why.EMPTY, parts.text)
    subject, more = _subject(lines[0], style)
    body = _body([*more, *lines[1:]])
    return f"{subject}\n\n{body}" if body else subject


def _usual(subjects: Sequence[str]) -> Style:
    conventional = sum(_CONVENTIONAL.match(subject) is not None for subject in subjects)
    often = bool(subjects) and conventional >= _OFTEN * len(subjects)
    return Style.CONVENTIONAL if often else Style.PLAIN


_LABEL = re.compile(
    r"(?:\W{0,2}(?:(?:suggested|proposed|possible|generated|new)\s+)?(?:git\s+)?"
    r"commit(?:\s+message)?|subject|title)\W{0,2}:\W{0,2}",
    re.IGNORECASE,
)
_TALK = re.compile(
    r"(?:here(?:'s| is| are)|sure|certainly|of course|okay|this (?:is|commit message)"
    r"|the (?:following|commit))\b.*(?:[:!.]|message.*)$",
    re.IGNORECASE,
)
_TRAILER = re.compile(r"(?:signed-off-by|co-authored-by|change-id|reviewed-by|generated by)\b", re.IGNORECASE)
_DIFF_LINE = re.compile(r"(?:diff --git |index [0-9a-f]{6,}|(?:\+\+\+|---) \S|@@ )")


def _message_lines(text: str) -> list[str]:
    """The lines that are the message: without label, talk, marks of Markdown, diff and trailers."""
    kept: list[str] = []
    for line in text.strip().split("\n"):
        bare = line.strip()
        if not kept:
            bare = _LABEL.sub("", bare, count=1) if _LABEL.match(bare) else bare
            bare = _unquoted(bare.lstrip("#>* ").strip())
            if not bare or _TALK.fullmatch(bare):
                continue
        if _DIFF_LINE.match(bare):
            break
        if _TRAILER.match(bare):
            continue
        if kept:
            bare = bare.lstrip("# ") if bare.startswith("#") else line.rstrip().replace("**", "")
        kept.append(bare)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def _unquoted(text: str) -> str:
    text = text.replace("**", "")
    for quote in ('"', "'", "`"):
        if len(text) > 1 and text.startswith(quote) and text.endswith(quote) and text.count(quote) == 2:
            return text[1:-1].strip()
    return text


def _subject(line: str, style: Style) -> tuple[str, list[str]]:
    """The first line, and what of it belongs into the body."""
    more: list[str] = []
    typed = _CONVENTIONAL.match(line)
    if typed and style is Style.PLAIN:
        line = line[typed.end() :].strip()
        line = line[:1].upper() + line[1:]
    elif typed:
        line = line[: typed.end("type")].lower() + line[typed.end("type") :]
    if len(line) > SUBJECT:
        first, dot, rest = line.partition(". ")
        if dot and len(first) <= SUBJECT:
            line, more = first, [rest]
        else:
            more = [line]
            line = line[: SUBJECT + 1].rpartition(" ")[0] or line[:SUBJECT]
            line = re.sub(r"[,;:]?(?:\s+(?:and|or|with|to|for|the|a|of|in|by))*$", "", line)
    return line.rstrip(" .;,") or line, more


def _body(lines: Sequence[str]) -> str:
    """Wrapped, points of a list each by itself."""
    made: list[str] = []
    text = "\n".join(lines).strip("\n")
    for line in text.split("\n") if text.strip() else ():
        point = re.match(r"(?:[-*•]|\d+[.)]) ", line)
        indent = " " * len(point.group()) if point else ""
        wrapped = textwrap.wrap(line, _BODY, subsequent_indent=indent, break_long_words=False)
        if not line.strip() and made and not made[-1]:
            continue
        made += wrapped or [""]
    return "\n".join(made[:_MOST_BODY_LINES]).strip("\n")
