"""Neovim 0.12 as a person uses it: the shipped configuration, keys, and the file on disk afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.lsp_tee import Traffic, until
from tests.editors.model import Model
from tests.editors.neovim import Neovim
from tools.fetch_editors import Editor

pytestmark = pytest.mark.editor

HEAD = "def total(a, b):\n"
TAIL = "\n\n# the end\n"
BODY = "rn compute(\n        a,\n        b,\n    )"
INLINE, MENU = "textDocument/inlineCompletion", "textDocument/completion"


def settings(model: Model, **completion: object) -> dict[str, object]:
    """The user's settings for a run: the model of the test, no pause before asking, whole blocks always."""
    return {
        "providers": {"ollama": {"baseUrl": model.url}},
        "completion": {"debounce": 0, "speculate": False, "multiline": "always", **completion},
    }


def offers(neovim: Neovim, first_line: str) -> bool:
    """Whether the menu holds one item, which begins with that line and says how much more there is."""
    return [row.partition(" +")[0] for row in neovim.menu()] == [first_line]


def ended_well(neovim: Neovim) -> None:
    """Every request of the editor has one answer, nothing was complained of, and the server goes with it."""
    try:
        until(lambda: not neovim.traffic.badly_answered(), "every request is answered once")
        complaints = neovim.complaints()
    finally:
        neovim.close()
    until(neovim.traffic.server_is_gone, "the server has ended")
    assert neovim.traffic.exit_code() in (0, None)
    assert "rror" not in complaints


@pytest.fixture
def ghosts(nvim_editor: Editor, project: Path, traffic: Traffic, model: Model) -> Iterator[Neovim]:
    """Neovim with ghost text, as init.lua sets it up; settings given as `settings`."""
    neovim = Neovim(nvim_editor, project, traffic)
    neovim.configure(settings={"twinny-lsp": settings(model)})
    yield neovim
    ended_well(neovim)


@pytest.fixture
def menus(nvim_editor: Editor, project: Path, traffic: Traffic, model: Model) -> Iterator[Neovim]:
    """Neovim with the menu; settings given as `init_options`."""
    neovim = Neovim(nvim_editor, project, traffic, ghost_text=False)
    neovim.configure(init_options=settings(model))
    yield neovim
    ended_well(neovim)


@pytest.mark.parametrize("accept", ["key", "api"])
def test_ghost_text_appears_and_is_taken(ghosts: Neovim, model: Model, accept: str) -> None:
    want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = ghosts.open("a.py", HEAD + "    ret" + TAIL, row=1)
    ghosts.keys("u")
    ghosts.until(lambda: ghosts.ghost() == BODY.split("\n"), "the suggestion is shown")
    assert "    return compute(" in ghosts.screen()
    assert ghosts.buffer() == HEAD + "    retu" + TAIL, "nothing is in the text before it is taken"
    if accept == "key":
        ghosts.keys("<Tab>")
    else:
        assert ghosts.lua("return vim.lsp.inline_completion.get()")
    ghosts.becomes(want)
    ghosts.keys(" # typed on")
    ghosts.until(lambda: " # typed on" in ghosts.buffer(), "the editor goes on")
    assert ghosts.save(path) == want.replace("    )", "    ) # typed on"), "the cursor stands behind it"


@pytest.mark.parametrize("left", ["'😀é'; ", "'漢字かな' + ", "'\U0001f469\u200d\U0001f4bb'; "])
def test_ghost_text_right_of_wide_characters(ghosts: Neovim, model: Model, left: str) -> None:
    want = model.knows(HEAD + f"    x = {left}ret", "u" + BODY, TAIL)
    path = ghosts.open("a.py", HEAD + f"    x = {left}ret" + TAIL, row=1)
    ghosts.keys("u")
    ghosts.until(lambda: ghosts.ghost() == BODY.split("\n"), "the suggestion is shown")
    ghosts.keys("<Tab>")
    ghosts.becomes(want)
    assert ghosts.save(path) == want


def test_ghost_text_in_the_middle_of_a_line(ghosts: Neovim, model: Model) -> None:
    before, after = HEAD + "    x = foo(", ")" + TAIL
    want = model.knows(before, "a, b", after)
    path = ghosts.open("a.py", before + after, row=1, column=len("    x = foo("))
    ghosts.until(lambda: ghosts.ghost() == ["a, b"], "the suggestion is shown")
    assert "x = foo(a, b)" in ghosts.screen()
    ghosts.keys("<Tab>")
    ghosts.becomes(want)
    assert ghosts.save(path) == want


def test_letters_typed_just_before_taking_are_not_doubled(ghosts: Neovim, model: Model) -> None:
    want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = ghosts.open("a.py", HEAD + "    ret" + TAIL, row=1)
    ghosts.until(lambda: ghosts.ghost() == ("u" + BODY).split("\n"), "the suggestion is shown")
    # One batch: the editor has no time to ask again between the letters and the accept.
    ghosts.keys("urn<Tab>")
    ghosts.becomes(want)
    assert ghosts.save(path) == want


def test_letters_typed_in_the_middle_of_a_line_keep_its_end(ghosts: Neovim, model: Model) -> None:
    before, after = HEAD + "    x = foo(", ")" + TAIL
    want = model.knows(before, "ab, c", after)
    path = ghosts.open("a.py", before + after, row=1, column=len("    x = foo("))
    ghosts.until(lambda: ghosts.ghost() == ["ab, c"], "the suggestion is shown")
    ghosts.keys("ab<Tab>")
    ghosts.becomes(want)
    assert ghosts.save(path) == want


def test_a_letter_that_does_not_fit_takes_nothing(ghosts: Neovim, model: Model) -> None:
    model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = ghosts.open("a.py", HEAD + "    ret" + TAIL, row=1)
    ghosts.until(lambda: ghosts.ghost() == ("u" + BODY).split("\n"), "the suggestion is shown")
    ghosts.keys("ries<Tab>")
    assert ghosts.save(path) == HEAD + "    retries" + TAIL


def test_tab_is_a_tab_where_there_is_no_suggestion(ghosts: Neovim, model: Model) -> None:
    path = ghosts.open("a.py", HEAD + "    nothing" + TAIL, row=1)
    ghosts.until(lambda: ghosts.traffic.results(INLINE), "asked and answered")
    ghosts.keys("<Tab>x")
    assert ghosts.save(path) == HEAD + "    nothing x" + TAIL


def test_ghost_text_in_a_file_with_windows_line_ends(ghosts: Neovim, model: Model) -> None:
    head, tail = HEAD.replace("\n", "\r\n"), TAIL.replace("\n", "\r\n")
    model.knows(head + "    ret", ("u" + BODY).replace("\n", "\r\n"), tail)
    path = ghosts.open("a.py", head + "    ret" + tail, row=1)
    ghosts.keys("u")
    ghosts.until(
        lambda: ghosts.ghost() == BODY.split("\n"),
        "the suggestion is shown, without carriage returns",
    )
    ghosts.keys("<Tab>")
    ghosts.until(lambda: BODY in ghosts.buffer(), "the suggestion is in the text")
    assert ghosts.save(path) == (HEAD + "    retu" + BODY + TAIL).replace("\n", "\r\n")


@pytest.mark.parametrize("ask", ["<C-Space>", "<C-x><C-o>"])
@pytest.mark.parametrize("left", ["", "x = '😀é'; ", "x = '漢字かな' + "])
def test_menu_item_of_several_lines(menus: Neovim, model: Model, ask: str, left: str) -> None:
    want = model.knows(HEAD + f"    {left}ret", "u" + BODY, TAIL)
    path = menus.open("a.py", HEAD + f"    {left}ret" + TAIL, row=1)
    menus.keys(ask)
    menus.until(lambda: offers(menus, "return compute("), "the suggestion is in the menu")
    assert menus.buffer() == HEAD + f"    {left}ret" + TAIL, "nothing is in the text before it is chosen"
    menus.keys("<C-n>")
    menus.until(lambda: menus.line().endswith("return compute("), "it is chosen")
    menus.keys("<C-y>")
    menus.becomes(want)
    assert menus.save(path) == want


def test_menu_item_still_fits_when_the_user_types_on(menus: Neovim, model: Model) -> None:
    want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = menus.open("a.py", HEAD + "    ret" + TAIL, row=1)
    menus.keys("<C-Space>")
    menus.until(lambda: offers(menus, "return compute("), "the suggestion is in the menu")
    menus.keys("ur")
    # An answer that comes in the moment of choosing makes Neovim forget the choice: let it come before.
    menus.until(lambda: menus.line() == "    retur" and menus.asked_here(MENU), "it has been asked again")
    menus.until(lambda: offers(menus, "return compute("), "the suggestion is in the menu still")
    menus.keys("<C-n>")
    menus.until(lambda: menus.line() == "    return compute(", "it is chosen")
    menus.keys("<C-y>")
    menus.becomes(want)
    assert menus.save(path) == want


def test_menu_comes_by_itself_after_a_blank(menus: Neovim, model: Model) -> None:
    want = model.knows(HEAD + "    return ", "compute(\n        a,\n        b,\n    )", TAIL)
    path = menus.open("a.py", HEAD + "    return" + TAIL, row=1)
    menus.keys(" ")
    menus.until(lambda: offers(menus, "compute("), "the suggestion is in the menu")
    menus.keys("<C-n>")
    menus.until(lambda: menus.line() == "    return compute(", "it is chosen")
    menus.keys("<C-y>")
    menus.becomes(want)
    assert menus.save(path) == want


def test_typing_on_right_after_taking_an_item_keeps_it(menus: Neovim, model: Model) -> None:
    want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = menus.open("a.py", HEAD + "    ret" + TAIL, row=1)
    menus.keys("<C-Space>")
    menus.until(lambda: offers(menus, "return compute("), "the suggestion is in the menu")
    menus.keys("<C-n>")
    menus.until(lambda: menus.line() == "    return compute(", "it is chosen")
    # One batch: whatever Neovim asks the server after the choice, the answer comes after the letters.
    menus.keys("<C-y> # on")
    menus.until(lambda: " # on" in menus.buffer(), "the letters are in the text")
    menus.becomes(want.replace("    )", "    ) # on"))
    assert menus.save(path) == want.replace("    )", "    ) # on")


def test_what_looks_like_a_snippet_stays_text(menus: Neovim, model: Model) -> None:
    """Neovim needs a snippet for several lines; the model's text must not act as one."""
    want = model.knows(HEAD + "    ret", "urn f'${1:x} $HOME \\\\ }' + g(\n        `tick`, $0 }\n    )", TAIL)
    path = menus.open("a.py", HEAD + "    ret" + TAIL, row=1)
    menus.keys("<C-Space>")
    menus.until(menus.menu, "the suggestion is in the menu")
    menus.keys("<C-n>")
    menus.until(lambda: "HOME" in menus.line(), "it is chosen")
    menus.keys("<C-y>")
    menus.becomes(want)
    assert menus.save(path) == want


@pytest.mark.real
def test_the_embedded_model_completes_a_function(
    nvim_editor: Editor, project: Path, traffic: Traffic
) -> None:
    """No server at all: the model in the package, run by the real llama.cpp."""
    neovim = Neovim(nvim_editor, project, traffic)
    neovim.configure(settings={"twinny-lsp": {"completion": {"provider": "embedded"}}})
    path = neovim.open("a.py", "def add(a, b):\n    \n", row=1)
    neovim.until(lambda: neovim.ghost()[:1] == ["return a + b"], "the suggestion is shown", seconds=90)
    neovim.keys("<Tab>")
    neovim.until(lambda: "return a + b" in neovim.buffer(), "the suggestion is in the text")
    assert neovim.save(path).startswith("def add(a, b):\n    return a + b\n")
    ended_well(neovim)
