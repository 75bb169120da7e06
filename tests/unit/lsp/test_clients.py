from __future__ import annotations

from typing import Any

import pytest
from lsprotocol import types as lsp

from twinny_lsp.completion.request import Candidate
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.lsp.clients import (
    Profile,
    as_snippet,
    inline_item,
    menu_item,
    menu_list,
    opens_menu,
    profile_of,
    word_start,
)

NEOVIM, OTHERS = Profile(snippet=True), Profile()


def at(text: str) -> Snapshot:
    """A document from its text with ‸ as the cursor."""
    lines = text.split("\n")
    row = next(i for i, line in enumerate(lines) if "‸" in line)
    column = lines[row].index("‸")
    lines[row] = lines[row].replace("‸", "")
    whole = [*(line + "\n" for line in lines[:-1]), lines[-1]]
    return Snapshot("file:///a.py", "python", 1, tuple(whole), row, column)


def position(row: int, column: int) -> lsp.Position:
    return lsp.Position(row, column)


def span(item: lsp.InlineCompletionItem | lsp.CompletionItem) -> tuple[int, int]:
    span = item.range if isinstance(item, lsp.InlineCompletionItem) else None
    if span is None:
        assert isinstance(item, lsp.CompletionItem)
        assert isinstance(item.text_edit, lsp.TextEdit)
        span = item.text_edit.range
    assert span.start.line == span.end.line
    return span.start.character, span.end.character


def menu(text: str, candidate: Candidate, profile: Profile = OTHERS) -> lsp.CompletionItem:
    item = menu_item(candidate, at(text), position, profile)
    assert item is not None
    return item


def test_inline_begins_at_the_word() -> None:
    item = inline_item(
        Candidate("urn compute(\n        a\n    )"), at("def f():\n    ret‸\n"), position, OTHERS
    )
    assert item.insert_text == "return compute(\n        a\n    )"
    assert span(item) == (4, 7)


def test_inline_in_mid_line_covers_what_it_replaces() -> None:
    item = inline_item(Candidate("a, b)", replaces=1), at("x = foo(‸)"), position, OTHERS)
    assert (item.insert_text, span(item)) == ("a, b)", (8, 9))


def test_inline_many_lines_in_mid_line_repeat_the_rest() -> None:
    item = inline_item(Candidate("a,\n    b"), at("x = foo(‸) # c"), position, OTHERS)
    assert (item.insert_text, span(item)) == ("a,\n    b) # c", (8, 13))


def test_inline_with_a_range_of_the_client() -> None:
    item = inline_item(Candidate("turn 1"), at("    re‸"), position, OTHERS, start=0)
    assert (item.insert_text, span(item)) == ("    return 1", (0, 6))


def test_carriage_returns_go_only_where_lines_have_them() -> None:
    candidate, crlf = Candidate("turn (\r\n  1\r\n)"), at("re‸\r")
    assert inline_item(candidate, crlf, position, OTHERS).insert_text == "return (\r\n  1\r\n)"
    neovim = Profile(bare_newlines=True)
    assert inline_item(candidate, crlf, position, neovim).insert_text == "return (\n  1\n)"
    edit = menu("re‸\r", candidate, neovim).text_edit
    assert isinstance(edit, lsp.TextEdit)
    assert edit.new_text == "return (\n  1\n)"


def test_menu_is_plain_text_with_the_first_line_as_label_and_filter() -> None:
    item = menu("def f():\n    ret‸\n", Candidate("urn compute(\n        a\n    )"))
    assert item.label == item.filter_text == "return compute("
    assert isinstance(item.text_edit, lsp.TextEdit)
    assert item.text_edit.new_text == "return compute(\n        a\n    )"
    assert item.insert_text_format is lsp.InsertTextFormat.PlainText
    assert item.kind is lsp.CompletionItemKind.Text
    assert item.insert_text_mode is None
    assert item.detail == "+2 lines"
    assert span(item) == (4, 7)
    assert not item.preselect
    assert not item.additional_text_edits


def test_menu_for_a_client_with_insert_text_modes() -> None:
    assert menu("ret‸", Candidate("urn"), Profile(as_is=True)).insert_text_mode is lsp.InsertTextMode.AsIs


def test_menu_as_a_snippet_is_relative_and_escaped() -> None:
    item = menu("    ret‸\n", Candidate("urn {\n        '$1\\'\n\n    }\n"), NEOVIM)
    assert isinstance(item.text_edit, lsp.TextEdit)
    assert item.text_edit.new_text == "return {\n    '\\$1\\\\'\n\n\\}"
    assert item.insert_text_format is lsp.InsertTextFormat.Snippet


def test_a_snippet_cannot_replace_right_of_the_cursor() -> None:
    item = menu("foo(‸)", Candidate("a)", replaces=1), NEOVIM)
    assert isinstance(item.text_edit, lsp.TextEdit)
    assert item.text_edit.new_text == "a"
    assert span(item) == (4, 4)
    assert menu_item(Candidate("a]", replaces=1), at("foo(‸)"), position, NEOVIM) is None


def test_a_client_that_makes_snippets_of_what_it_filters_otherwise() -> None:
    kakoune = Profile(filters_by_text=True)
    item = menu("    ret‸", Candidate("urn f(\n        $1,\n    )"), kakoune)
    assert isinstance(item.text_edit, lsp.TextEdit)
    assert item.filter_text == item.text_edit.new_text == "return f(\n        $1,\n    )"
    assert item.label == "return f("
    assert span(menu("f(‸)", Candidate("a)", replaces=1), kakoune)) == (2, 2)


def test_a_new_line_first_shows_the_line_that_comes() -> None:
    item = menu("def f():‸\n", Candidate("\n    return 1\n    # end"))
    assert (item.label, item.filter_text, item.detail) == ("⏎ return 1", None, "+2 lines")
    assert "\n" not in item.label


def test_label_is_never_wrong_for_those_who_insert_it() -> None:
    emacs = Profile(inserts_label=True)
    assert menu_item(Candidate("\n    return 1"), at("def f():‸\n"), position, emacs) is None
    assert menu("    ret‸", Candidate("urn 1"), emacs).label == "return 1"


@pytest.mark.parametrize("text", ["", " ", "\n", "\n   \n"])
def test_nothing_to_insert_is_no_item(text: str) -> None:
    assert menu_item(Candidate(text), at("x‸"), position, Profile()) is None


def test_menu_last() -> None:
    item = menu_item(Candidate("a"), at("‸"), position, Profile(), "last")
    assert item is not None
    assert item.sort_text == "\uffff"


def test_carriage_returns_split_the_label_but_stay_in_the_text() -> None:
    item = menu("re‸\r", Candidate("turn (\r\n  1\r\n)"))
    assert item.label == "return ("
    assert isinstance(item.text_edit, lsp.TextEdit)
    assert item.text_edit.new_text == "return (\r\n  1\r\n)"


def test_a_dedent_ends_a_snippet() -> None:
    assert as_snippet("a\n    b\nc\n", "    ") == "a\nb"


def test_words() -> None:
    assert word_start("x = föö_1") == 4
    assert word_start("x = ") == 4
    assert word_start("") == 0


def capabilities(snippet: bool, modes: list[lsp.InsertTextMode] | None) -> lsp.ClientCapabilities:
    item = lsp.ClientCompletionItemOptions(
        snippet_support=snippet,
        insert_text_mode_support=lsp.ClientCompletionItemInsertTextModeOptions(modes) if modes else None,
    )
    return lsp.ClientCapabilities(
        text_document=lsp.TextDocumentClientCapabilities(
            completion=lsp.CompletionClientCapabilities(completion_item=item)
        )
    )


IN_NEOVIM: dict[str, Any] = {"bare_newlines": True, "resolves": False, "tells_late_s": 0.15}
IN_KAKOUNE: dict[str, Any] = {"hides_results": True, "filters_by_text": True}
WAITS: dict[str, Any] = {"waits_for_actions": True}
AS_IS = [lsp.InsertTextMode.AsIs, lsp.InsertTextMode.AdjustIndentation]


@pytest.mark.parametrize(
    ("name", "caps", "profile"),
    [
        ("Neovim", capabilities(True, None), Profile(snippet=True, **IN_NEOVIM)),
        ("Neovim", capabilities(True, AS_IS), Profile(as_is=True, **IN_NEOVIM)),
        ("Neovim", capabilities(False, None), Profile(**IN_NEOVIM)),
        ("helix", capabilities(True, None), Profile(asks_in_rounds=True, hides_results=True, **WAITS)),
        ("Eglot", capabilities(True, None), Profile(**WAITS)),
        (
            "emacs",
            capabilities(False, AS_IS),
            Profile(as_is=True, inserts_label=True, menu_within_s=0.3, **WAITS),
        ),
        ("Sublime Text LSP", capabilities(True, AS_IS[1:]), Profile(menu_within_s=0.3)),
        ("kakoune-lsp", capabilities(True, None), Profile(menu_within_s=0.3, **IN_KAKOUNE)),
        ("Visual Studio Code", capabilities(True, AS_IS), Profile(as_is=True)),
        ("", None, Profile()),
    ],
)
def test_profiles(name: str, caps: lsp.ClientCapabilities | None, profile: Profile) -> None:
    assert profile_of(name, caps) == profile


@pytest.mark.parametrize(
    ("profile", "kind", "empty_is_incomplete"),
    [
        (OTHERS, lsp.CompletionTriggerKind.Invoked, True),
        (OTHERS, lsp.CompletionTriggerKind.TriggerForIncompleteCompletions, True),
        (Profile(asks_in_rounds=True), lsp.CompletionTriggerKind.Invoked, False),
        (Profile(asks_in_rounds=True), lsp.CompletionTriggerKind.TriggerCharacter, False),
        (Profile(asks_in_rounds=True), None, False),
        (Profile(asks_in_rounds=True), lsp.CompletionTriggerKind.TriggerForIncompleteCompletions, True),
    ],
)
def test_an_empty_menu(
    profile: Profile, kind: lsp.CompletionTriggerKind | None, empty_is_incomplete: bool
) -> None:
    context = lsp.CompletionContext(kind) if kind else None
    where = lsp.TextDocumentIdentifier("file:///a.py")
    params = lsp.CompletionParams(where, lsp.Position(0, 0), context=context)
    opens = opens_menu(params)
    assert menu_list([], profile, opens=opens).is_incomplete is empty_is_incomplete
    assert menu_list([lsp.CompletionItem("x")], profile, opens=opens).is_incomplete
