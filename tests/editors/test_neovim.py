"""Neovim 0.12 as a person uses it: the shipped configuration, keys, and the file on disk afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.lsp_tee import Traffic
from tests.editors.model import Model, serving
from tests.editors.neovim import Neovim, ended_well, running
from tests.support.fake_server import Recorded, Reply, ollama_stream
from tools.fetch_editors import Editor

pytestmark = pytest.mark.editor

HEAD = "def total(a, b):\n"
TAIL = "\n\n# the end\n"
BODY = "rn compute(\n        a,\n        b,\n    )"
INLINE = "textDocument/inlineCompletion"


def settings(model: Model, **completion: object) -> dict[str, object]:
    """The user's settings for a run: the model of the test, no pause before asking, whole blocks always."""
    return {
        "providers": {"ollama": {"baseUrl": model.url}},
        "completion": {"debounce": 0, "speculate": False, "multiline": "always", **completion},
    }


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with serving(Model()) as made:
        yield made


@pytest.fixture(scope="module")
def ghosts(nvim_editor: Editor, tmp_path_factory: pytest.TempPathFactory, model: Model) -> Iterator[Neovim]:
    """Neovim with ghost text, as init.lua sets it up; settings given as `settings`. One for all tests."""
    with running(nvim_editor, tmp_path_factory.mktemp("ghosts")) as neovim:
        neovim.configure(settings={"twinny-lsp": settings(model)})
        yield neovim


@pytest.mark.parametrize("accept", ["key", "api"])
def test_ghost_text_appears_and_is_taken(ghosts: Neovim, model: Model, accept: str) -> None:
    want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = ghosts.open("a.py", HEAD + "    ret" + TAIL, row=1)
    ghosts.keys("u")
    ghosts.until(lambda: ghosts.ghost() == BODY.split("\n"), "the suggestion is shown")
    ghosts.until(lambda: "    return compute(" in ghosts.screen(), "it is on the screen")
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
    ghosts.until(lambda: "x = foo(a, b)" in ghosts.screen(), "it is on the screen")
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
    ghosts.until(lambda: ghosts.asked_here(INLINE), "asked and answered")
    ghosts.keys("<Tab>x")
    assert ghosts.save(path) == HEAD + "    nothing x" + TAIL


WHOLE = "rn compute(a_1, b)\n    # 😀 漢字 x"
IN_LANGUAGES = [
    ("a.py", HEAD + "    x = '😀é漢'; ret", "u" + BODY, TAIL),
    ("a.go", "func total(a int) int {\n\tret", "urn compute(\n\t\ta,\n\t\tb,\n\t)", "\n}\n"),
    ("a.html", "<ul>\n  <li", " class='a'>\n    <b>é😀</b>\n  </li>", "\n</ul>\n"),
]
LANGUAGES = ["python", "go", "html"]


@pytest.mark.parametrize(("name", "before", "completion", "after"), IN_LANGUAGES, ids=LANGUAGES)
@pytest.mark.parametrize("eol", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("key", ["<Tab>", "<M-w>", "<M-l>"])
def test_taken_whole_by_word_and_by_line(
    ghosts: Neovim, model: Model, name: str, before: str, completion: str, after: str, eol: str, key: str
) -> None:
    before, completion, after = (text.replace("\n", eol) for text in (before, completion, after))
    want = model.knows(before, completion, after)
    path = ghosts.open(name, before + after, row=1)
    ghosts.until(lambda: ghosts.ghost() == completion.split(eol), "the suggestion is shown")
    for _ in range(40):
        if ghosts.buffer() == want.replace("\r", ""):
            break
        was = ghosts.buffer()
        ghosts.keys(key)
        ghosts.until(lambda was=was: ghosts.buffer() != was, "something is taken")
        taken = len(ghosts.buffer()) - len((before + after).replace("\r", ""))
        rest = completion.replace("\r", "")[taken:]
        assert ghosts.ghost() == (rest.split("\n") if rest else []), "the rest is still there, at once"
    assert ghosts.save(path) == want


def test_words_and_lines_are_those_of_the_editor(ghosts: Neovim, model: Model) -> None:
    model.knows(HEAD + "    ret", "u" + WHOLE, TAIL)
    ghosts.open("a.py", HEAD + "    ret" + TAIL, row=1)
    ghosts.until(lambda: ghosts.ghost() == ("u" + WHOLE).split("\n"), "the suggestion is shown")
    for key, text in (
        ("<M-w>", "    return"),
        ("<M-w>", "    return compute"),
        ("<M-w>", "    return compute("),
        ("<M-w>", "    return compute(a_1"),
        ("<M-w>", "    return compute(a_1,"),
        ("<M-w>", "    return compute(a_1, b"),
        ("<M-w>", "    return compute(a_1, b)"),
        ("<M-w>", "    return compute(a_1, b)\n    #"),
        ("<M-l>", "    return compute(a_1, b)\n    # 😀 漢字 x"),
    ):
        ghosts.keys(key)
        ghosts.becomes(HEAD + text + TAIL)
    told = ghosts.traffic.said("editor", "textDocument/didPartiallyAcceptCompletion")
    assert [one.message["params"]["acceptedLength"] for one in told[-8:]] == [3, 8, 1, 3, 1, 2, 1, 6]


def test_typed_through_without_asking_the_model(ghosts: Neovim, model: Model) -> None:
    want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = ghosts.open("a.py", HEAD + "    ret" + TAIL, row=1)
    ghosts.until(lambda: ghosts.ghost() == ("u" + BODY).split("\n"), "the suggestion is shown")
    asked = len(model.asked)
    typed = "urn compute("
    for at, key in enumerate(typed):
        ghosts.keys(key)
        rest = ("u" + BODY)[at + 1 :]
        ghosts.until(lambda rest=rest: ghosts.ghost() == rest.split("\n"), "the rest of it is shown")
    ghosts.until(lambda: ghosts.asked_here(INLINE), "the server was asked, and has answered")
    assert len(model.asked) == asked
    assert ghosts.ghost() == ("u" + BODY)[len(typed) :].split("\n")
    ghosts.keys("<Tab>")
    ghosts.becomes(want)
    assert ghosts.save(path) == want


class TwoMinds(Model):
    """Says something else when asked again with another seed."""

    def answer(self, request: Recorded) -> Reply:
        if "seed" in request.json.get("options", {}):
            return ollama_stream(["urn other(b)"])
        return super().answer(request)


@pytest.mark.parametrize("key", ["<M-]>", "<M-[>"])
def test_the_second_suggestion(nvim_editor: Editor, tmp_path: Path, key: str) -> None:
    with serving(TwoMinds()) as minds, running(nvim_editor, tmp_path) as neovim:
        neovim.configure(settings={"twinny-lsp": settings(minds)})
        minds.knows(HEAD + "    ret", "u" + BODY, TAIL)
        path = neovim.open("a.py", HEAD + "    ret" + TAIL, row=1)
        neovim.until(lambda: neovim.ghost() == ("u" + BODY).split("\n"), "the first one is shown")
        neovim.keys(key)
        neovim.until(lambda: neovim.ghost() == ["urn other(b) (2/2)"], "the second one is shown")
        neovim.keys("<Tab>")
        neovim.becomes(HEAD + "    return other(b)" + TAIL)
        assert neovim.save(path) == HEAD + "    return other(b)" + TAIL


def test_what_was_taken_is_one_step_of_undo(ghosts: Neovim, model: Model) -> None:
    want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    ghosts.open("a.py", HEAD + "    re" + TAIL, row=1)
    ghosts.keys("t")
    ghosts.until(lambda: ghosts.ghost() == ("u" + BODY).split("\n"), "the suggestion is shown")
    ghosts.keys("<Tab>")
    ghosts.becomes(want)
    ghosts.keys("<Esc>u")
    ghosts.becomes(HEAD + "    ret" + TAIL)


def test_a_key_keeps_what_it_was_mapped_to(ghosts: Neovim) -> None:
    ghosts.nvim.command("inoremap <Tab> mapped")
    ghosts.nvim.command("inoremap <expr> <M-w> 'by' .. ' eval'")
    ghosts.lua("vim.keymap.set('i', '<M-l>', function() return ' and lua' end, { expr = true })")
    ghosts.open("a.py", HEAD, row=0)
    ghosts.keys("<Tab><M-w><M-l>")
    ghosts.until(lambda: ghosts.line() == "def total(a, b):mappedby eval and lua", "each does what it did")
    ghosts.lua("vim.keymap.set('i', '<M-l>', function() vim.api.nvim_set_current_line('set') end)")
    ghosts.keys("<M-l>")
    ghosts.until(lambda: ghosts.line() == "set", "also where that changes the text")
    for key in ("<Tab>", "<M-w>", "<M-l>"):
        ghosts.nvim.command(f"iunmap {key}")


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
