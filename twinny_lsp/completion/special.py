"""Special tokens that a server prints instead of obeying.

Of all families, by their look: no programming language writes `<|name|>`. Tokens that look like a tag or a
name of the user's own (`</s>`, `[SUFFIX]`) count unless the code around has that, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.text import words

LONGEST = 48
"""Characters of a token."""

_TOKEN = re.compile(
    r"<\|[^\s<>|]{1,40}\|>|<｜[^\n<>｜]{1,40}｜>|<\[[^\s<>\[\]]{0,20}(?:fim-|▁)[^\s<>\[\]]{1,20}\]>"
    r"|<fim[_-](?:prefix|suffix|middle|pad)>|▁?<(?:PRE|SUF|MID|EOT|EOS|BOS)>|\[/?INST\]|<<SYS>>"
    r"|\[(?:PREFIX|SUFFIX|MIDDLE)\]|<(?:start|end)_of_turn>|<(?:eos|bos)>|</?s>|</think>"
    r"|<(?:file_sep|reponame|repo_name|gh_stars|empty_output|commit_(?:before|msg|after)"
    r"|jupyter_\w{1,12}|issue_\w{1,12}|endofblock|endoffile|code_(?:prefix|suffix|middle))>"
)
_OPENING = re.compile(r"mid|hole|bos|begin|^<s>$|start_of_turn", re.IGNORECASE)
"""Tokens that a text may begin with: what follows is the answer."""

_MARKUP = words(
    "html xml markdown mdx vue svelte astro php erb ejs handlebars jinja liquid razor "
    "javascriptreact typescriptreact"
)
"""Languages with tags, `<s>` among them."""


@dataclass(frozen=True, slots=True)
class Token:
    """`text[at:end]` is the token. `opens`: it stands before the answer, not after it."""

    at: int
    end: int
    text: str
    opens: bool


def special_token(text: str, around: Around, start: int = 0) -> Token | None:
    """The first special token that no one meant, searched from `start` on."""
    for match in _TOKEN.finditer(text, start):
        found = match.group().strip()
        if _meant(found, text[: match.start()], around):
            continue
        opens = not text[: match.start()].strip() and _OPENING.search(found) is not None
        if found == "<s>" and (not opens or around.language in _MARKUP):
            continue
        return Token(match.start(), match.end(), found, opens)
    return None


def _meant(name: str, before: str, around: Around) -> bool:
    """Whether the user's own code near the cursor has it, or the text itself makes sense of it."""
    if name in around.prefix or name in around.suffix:
        return True
    if name in ("</s>", "</think>"):
        return name.replace("/", "") in before or name.replace("/", "") in around.prefix
    if name[0] == "[":
        constant = re.compile(rf"\b{name.strip('[]/')}\b")
        return constant.search(around.prefix) is not None or constant.search(around.suffix) is not None
    return False
