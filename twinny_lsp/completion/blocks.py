"""Which lines open a block, which close one, which cannot end where they end: by words and signs.

Knows a few words of many languages and no grammar. For a language nobody told it about it learns from the
document: a line ends like those above it whose next line is indented deeper.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from twinny_lsp.completion.text import QUOTES, unclosed, unmatched_closers, width, words
from twinny_lsp.languages import language as row_of

PROSE = words(
    "markdown mdx quarto rmd asciidoc restructuredtext rst typst latex tex plaintext org git-commit"
)
"""Languages of running text, in which sentences end with a full stop and fences may be meant."""

_COLON = words("python cython starlark gdscript nim mojo coffeescript pug sass haml jinja yaml snakemake")
"""Languages where a colon at the end of a line opens an indented block."""

_COLON_WORD = re.compile(
    r"\s*(async|class|case|def|elif|else|except|finally|for|if|match|match\b.*|try|while|with|func|proc|when)\b"
)

END_WORDS = words(
    "ruby crystal lua julia elixir shellscript fish vim fortran matlab octave ada vhdl verilog "
    "systemverilog pascal erlang sql cmake"
)
"""Languages whose blocks are closed by a word."""

_END = re.compile(
    r"\s*(end|done|fi|esac|endif|endfunction|endfunc|endwhile|endfor|endtry|endmodule|endcase|until)\b",
    re.IGNORECASE,
)

_BRACED = words(
    "c cpp objective-c objective-cpp cuda csharp java kotlin swift go rust zig d dart php perl groovy "
    "javascript javascriptreact typescript typescriptreact css scss less json jsonc python"
)
"""Languages of which no more is to be learned: what opens their blocks is known."""

_LABELS = ("case ", "default", "public", "private", "protected")
_LABEL = re.compile(r"\s*(?:case\b|default\s*:|(?:public|private|protected)(?: \w+)?:)")

_LISPS = words("lisp scheme racket clojure emacs-lisp fennel")
_MLS = words("haskell elm purescript fsharp ocaml sml idris agda lean roc scala nix")

_ML = re.compile(r"(=|\b(do|of|where|then|else|let|in|with|begin|struct|sig|try|function))\s*$")
_RUBY = re.compile(
    r"^\s*(def|class|module|if|unless|while|until|case|begin|for|else|elsif|when|rescue|ensure)\b"
    r"|\bdo(\s*\|[^|]*\|)?\s*$|=\s*(if|unless|case|begin|while)\b"
)
_PASCAL = re.compile(r"\b(begin|then|do|of|repeat|else|is|loop|declare|record)\s*$", re.IGNORECASE)
_VIM = re.compile(r"^\s*(function|if|while|for|try|else|elseif|catch|augroup|switch|case|begin)\b")
_OPENERS: dict[str, re.Pattern[str]] = {
    "shellscript": re.compile(r"(\b(then|do|else)|\bin|\{)\s*$"),
    "ruby": _RUBY,
    "crystal": _RUBY,
    "lua": re.compile(r"\b(then|do|else|repeat)\s*$|\bfunction\b[^()]*\([^()]*\)\s*$"),
    "elixir": re.compile(r"\b(do|else|rescue|after|fn.*->)\s*$"),
    "julia": re.compile(
        r"^\s*(function|if|for|while|struct|mutable|module|begin|let|try|else|elseif|catch)\b"
    ),
    "makefile": re.compile(r"^[^\s#=:][^=#]*:(?!=)[^=]*$"),
    "sql": re.compile(
        r"\b(begin|then|loop|else|as)\s*$|^\s*(select|from|where|values|set)\s*$", re.IGNORECASE
    ),
    **dict.fromkeys(words("vim fish matlab octave"), _VIM),
    **dict.fromkeys(words("pascal ada vhdl fortran verilog systemverilog"), _PASCAL),
    **dict.fromkeys(_MLS, _ML),
}

_LAST_WORD = re.compile(r"(\w+|[=:]|->)\s*$")
_LONGEST_WORD = 80
_CANNOT_END = re.compile(r"(?:[=.]|(?<!\+)\+|(?<!-)-|&&|\|\||\b(?:and|or|not|in|is|as|new|typeof))$")
_DOTTED = PROSE | words("prolog erlang cobol")
"""Languages in which a line may end in a full stop."""
_EMPTY_VALUES = words("makefile ini properties dotenv shellscript conf toml")
"""Languages in which nothing after `=` is a value."""
_COMMENT = re.compile(r"\s*(#|//|/\*|\*|--|;|%|<!--|\"\"\"|''')")


def opens_block(line: str, language: str, above: Sequence[str] = ()) -> bool:
    """Whether the text of this line opens a block whose body comes on the next lines.

    `above`: lines of the document to learn from.
    """
    code = _without_comment(line, language)
    if not code.strip():
        return False
    if code.endswith(("{", "(", "[", "=>", "->")):
        return True
    if code.endswith(":") and language in _COLON:
        if language == "yaml" or _COLON_WORD.match(code) is not None:
            return True
        return bool(unmatched_closers(code, language))  # the end of a wrapped signature
    if language in _LISPS:
        return bool(unclosed(code))
    words = _OPENERS.get(language)
    if words is not None and words.search(code) is not None:
        return re.search(r"\bend\s*$", code) is None
    return language not in _BRACED and _learned(code, above)


def _without_comment(line: str, language: str) -> str:
    """The line without blanks and a comment at its end; "" if it is a comment."""
    code = line.rstrip()
    marker = row_of(language).line
    if not marker or marker not in code:
        return code
    if code.lstrip().startswith(marker):
        return ""
    at = code.find(f" {marker}")
    in_string = any(code.count(quote, 0, at) % 2 for quote in QUOTES)
    return code if at < 0 or in_string else code[:at].rstrip()


def _learned(code: str, above: Sequence[str]) -> bool:
    """Whether lines that end like this one were always followed by a deeper one."""
    match = _last_word(code)
    if match is None or match.group(1).isdigit():
        return False
    seen = False
    for line, following in pairwise(above):
        end = _last_word(line)
        if end is not None and end.group(1) == match.group(1) and following.strip():
            if width(following) <= width(line):
                return False
            seen = True
    return seen


def _last_word(line: str) -> re.Match[str] | None:
    return _LAST_WORD.search(line.rstrip()[-_LONGEST_WORD:])


def ends_block(line: str, language: str) -> bool:
    """Whether the line begins by closing a block: a closing bracket or tag, or a word such as `end`."""
    start = line.lstrip()
    if start[:1] in (")", "]", "}") or start[:2] == "</":
        return True
    return language in END_WORDS and _END.match(line) is not None


def labels(line: str, language: str, *, whole: bool) -> bool:
    """Whether the line is a label that stands as far left as the line that opened its block, as `case` may.

    Not `whole`: whether it may become one.
    """
    if language not in _BRACED:
        return False
    if whole:
        return _LABEL.match(line) is not None
    start = line.strip()
    return any(word.startswith(start) or start.startswith(word) for word in _LABELS)


def may_end(line: str, language: str) -> bool:
    """Whether a statement can end where this line ends: not after `=`, `.` or an operator."""
    if _COMMENT.match(line):
        return True
    match = _CANNOT_END.search(line.rstrip())
    if match is None:
        return True
    sign = match.group()
    return (sign == "." and language in _DOTTED) or (
        sign == "=" and (language in _EMPTY_VALUES or language in _MLS)
    )
