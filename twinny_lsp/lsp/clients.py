"""How an answer is written for the client at hand: item shapes, as data and a few rules.

The table was proven by accepting items in the real editors and reading the file back. Everything here is
pure; which candidates there are is the engine's business.

Rules that hold for every client: a plain string and a range for inline items; plain text for menu items,
but for the one client that needs a snippet; no InsertReplaceEdit, no range over several lines, no newline
in a label, nothing on accept that rests on `command`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

if TYPE_CHECKING:
    from twinny_lsp.completion.request import Candidate
    from twinny_lsp.documents.snapshot import Snapshot

FIRST, LAST = "\x00", "\uffff"
"""`sortText` before and after what other servers use."""

ToClient = Callable[[int, int], lsp.Position]
"""(row, column in code points) -> position in the client's units."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is different for a client; the defaults are right for all others."""

    snippet: bool = False
    """Multi-line plain text loses its later lines (Neovim's built-in completion), so a snippet is sent. Never
    for others: Eglot with yasnippet runs back-ticks of a snippet as Emacs Lisp."""
    as_is: bool = False
    """It announces insertTextMode `asIs`; without it VS Code and lsp-mode indent every line again."""
    bare_newlines: bool = False
    """Its lines have no carriage return, whatever the file's line ends are; one in an item would stay in the
    text (Neovim). Others put in what they get (Helix) or convert it (VS Code)."""
    resolves: bool = True
    """Neovim asks for more about an item after it was taken, and drops all but its first line when a letter
    is typed before the answer: it is told that there is no more to ask for."""
    tells_late_s: float = 0.0
    """How long it may collect what is typed before it tells. Neovim, unless it is configured not to: it also
    leaves out edits that were made for an older text, says that it has applied them, and shows a message."""
    waits_for_actions: bool = False
    """The whole editor stands still while a code action is resolved, for 10 to 20 s at most (Helix, Eglot,
    lsp-mode): a model may take longer, so the action is a command that answers at once."""
    asks_in_rounds: bool = False
    """It asks all servers in one round (Helix) and nobody again by itself until each has answered. A first
    answer that is empty but incomplete ends the round: what comes over 0.1 s later is lost."""
    menu_within_s: float = 0.0
    """It shows nobody's items before all servers have answered (Sublime Text, Kakoune, lsp-mode): an answer
    later than that is given empty, and found when it asks again at the next key. 0: no limit."""
    hides_results: bool = False
    """What a command gives is thrown away (Helix, Kakoune), so it is told as a message."""
    filters_by_text: bool = False
    """kakoune-lsp makes a snippet of an item whose filterText is not its whole text: `$1` in it is lost, and
    lines are indented twice. It also leaves what stands right of the cursor."""
    inserts_label: bool = False
    """lsp-mode with Emacs's own completion-at-point inserts the label, whatever the edit says."""


def profile_of(name: str, capabilities: lsp.ClientCapabilities | None) -> Profile:
    """Choose by what the client announces and, where that does not tell, by its name."""
    text = capabilities.text_document if capabilities else None
    item = text.completion.completion_item if text and text.completion else None
    modes = item.insert_text_mode_support.value_set if item and item.insert_text_mode_support else ()
    as_is = lsp.InsertTextMode.AsIs in modes
    snippets = bool(item and item.snippet_support)
    neovim = name == "Neovim"
    return Profile(
        # nvim-cmp and blink.cmp run in the same client, but announce insertTextModeSupport.
        snippet=neovim and snippets and not modes,
        as_is=as_is,
        bare_newlines=neovim,
        resolves=not neovim,
        waits_for_actions=name in ("helix", "Eglot", "emacs"),
        asks_in_rounds=name == "helix",
        hides_results=name in ("helix", "kakoune-lsp"),
        filters_by_text=name == "kakoune-lsp",
        menu_within_s=0.3 if name in ("Sublime Text LSP", "kakoune-lsp", "emacs") else 0.0,
        inserts_label=name == "emacs",
        tells_late_s=0.15 if neovim else 0.0,
    )


def opens_menu(params: lsp.CompletionParams) -> bool:
    """Whether the client has no menu open, as far as it tells."""
    kind = params.context.trigger_kind if params.context else None
    return kind is not lsp.CompletionTriggerKind.TriggerForIncompleteCompletions


def menu_list(
    items: list[lsp.CompletionItem], profile: Profile, *, opens: bool = False
) -> lsp.CompletionList:
    """The answer to a menu request; `opens`: see opens_menu.

    Incomplete, also when empty: a complete list is filtered by the client alone, and the menu goes mute.
    """
    complete = not items and opens and profile.asks_in_rounds
    return lsp.CompletionList(is_incomplete=not complete, items=items)


def is_word(character: str) -> bool:
    """Whether editors count it as part of a word when they filter items."""
    return character.isalnum() or character == "_"


def word_start(line_before: str) -> int:
    """The column where the word that ends at the cursor begins."""
    start = len(line_before)
    while start and is_word(line_before[start - 1]):
        start -= 1
    return start


def inline_item(
    candidate: Candidate,
    snapshot: Snapshot,
    to_client: ToClient,
    profile: Profile,
    start: int | None = None,
) -> lsp.InlineCompletionItem:
    """Write a candidate as ghost text.

    The range begins at the word, so that the item still fits when one more letter has been typed. A
    multi-line text in the middle of a line covers the rest of the line and repeats it: over a zero-width
    range, Neovim 0.12 draws it in the wrong place. `start` is given when the client named a range
    itself (selectedCompletionInfo).
    """
    start = word_start(snapshot.line_before) if start is None else start
    rest = snapshot.line_after
    text, replaces = candidate.text, min(candidate.replaces, len(rest))
    if "\n" in text or "\r" in text:
        text, replaces = text + rest[replaces:], len(rest)
    if profile.bare_newlines:
        text = bare(text)
    row, column = snapshot.row, snapshot.column
    return lsp.InlineCompletionItem(
        insert_text=snapshot.line_before[start:] + text,
        range=lsp.Range(start=to_client(row, start), end=to_client(row, column + replaces)),
    )


def menu_item(
    candidate: Candidate,
    snapshot: Snapshot,
    to_client: ToClient,
    profile: Profile,
    position: str = "first",
) -> lsp.CompletionItem | None:
    """Write a candidate as a menu item, or None where this client could not insert it right."""
    text, replaces = candidate.text, min(candidate.replaces, len(snapshot.line_after))
    if (profile.snippet or profile.filters_by_text) and replaces:
        # What stands right of the cursor cannot be replaced there, so it must not be repeated either.
        tail = snapshot.line_after[:replaces]
        if not text.endswith(tail):
            return None
        text, replaces = text[: -len(tail)], 0
    start = word_start(snapshot.line_before)
    full = snapshot.line_before[start:] + text
    first, _, more = bare(full).partition("\n")
    if not text.strip() or (profile.inserts_label and not first.strip()):
        return None
    lines = [line for line in more.split("\n") if line.strip()]
    label = first if first.strip() else f"⏎ {lines[0].strip()}" if lines else first
    row = snapshot.row
    span = lsp.Range(start=to_client(row, start), end=to_client(row, snapshot.column + replaces))
    if profile.snippet:
        new_text = as_snippet(full, indent_of(snapshot.line_before))
    else:
        new_text = bare(full) if profile.bare_newlines else full
    if not new_text:
        return None
    extra = f"+{len(lines)} line{'s' if len(lines) > 1 else ''}" if lines else None
    return lsp.CompletionItem(
        label=label,
        label_details=lsp.CompletionItemLabelDetails(
            detail=f" {extra}" if extra else None, description="twinny"
        ),
        detail=extra,
        kind=lsp.CompletionItemKind.Text,
        sort_text=FIRST if position == "first" else LAST,
        filter_text=(new_text if profile.filters_by_text else first) or None,
        insert_text_format=lsp.InsertTextFormat.Snippet
        if profile.snippet
        else lsp.InsertTextFormat.PlainText,
        insert_text_mode=lsp.InsertTextMode.AsIs if profile.as_is else None,
        text_edit=lsp.TextEdit(range=span, new_text=new_text),
    )


def bare(text: str) -> str:
    """The text with `\\n` for every line end."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def indent_of(line: str) -> str:
    """The blanks a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def as_snippet(text: str, indent: str) -> str:
    """Escape text as a snippet whose later lines are indented relative to the cursor's line.

    The editor adds the line's own indentation again. A line that is indented less cannot be written that
    way: the text ends before it.
    """
    lines = bare(text).split("\n")
    kept = [lines[0]]
    for line in lines[1:]:
        if line.strip() and not line.startswith(indent):
            break
        kept.append(line[len(indent) :] if line.strip() else "")
    body = "\n".join(kept).rstrip("\n")
    return body.replace("\\", "\\\\").replace("$", "\\$").replace("}", "\\}")
