"""VS Code as a person uses it: the packed extension, keys, and the file on disk afterwards."""

from __future__ import annotations

import itertools
import re

import pytest

from tests.editors.keys import TEXT, type_fast
from tests.editors.vscode_window import Window
from tests.support.fake_server import ollama_stream

pytestmark = pytest.mark.editor

ACCEPTED = "twinny-lsp.accepted"
INLINE, MENU = "textDocument/inlineCompletion", "textDocument/completion"
HEAD = "def total(a, b):\n"
TAIL = "\n\n# the end\n"
BODY = "rn compute(\n        a,\n        b,\n    )"
GO = ("package main\n\nfunc f() {\n\tre", "turn g(\n\t\ta,\n\t\tb,\n\t)", "\n}\n")
HTML = ("<ul>\n  <li>one</li>\n  ", "<li>\n    two\n  </li>", "\n</ul>\n")


@pytest.fixture
def window(vscode: Window) -> Window:
    """With the usual settings, and with nothing open."""
    vscode.fresh()
    return vscode


def at_end(before: str) -> tuple[int, None]:
    """The row of the end of a text."""
    return before.count("\n"), None


@pytest.mark.parametrize(
    ("name", "before", "completion", "after"),
    [
        ("plain.py", HEAD + "    ret", "u" + BODY, TAIL),
        ("emoji.py", HEAD + "    x = '😀é👩‍💻'; ret", "u" + BODY, TAIL),
        ("cjk.py", HEAD + "    x = '漢字かな' + ret", "u" + BODY, TAIL),
        ("tabs.go", GO[0], GO[1], GO[2]),
        ("list.html", HTML[0], HTML[1], HTML[2]),
        ("crlf.py", (HEAD + "    ret").replace("\n", "\r\n"), ("u" + BODY).replace("\n", "\r\n"), "\r\n"),
    ],
)
def test_ghost_text_is_taken_whole(
    window: Window, name: str, before: str, completion: str, after: str
) -> None:
    want = window.model.knows(before, completion, after)
    path = window.open(name, before + after, *at_end(before))
    window.type(completion[0])
    first = completion.partition("\n")[0].rstrip("\r")[1:]
    window.until(lambda: first in window.ghost(), "the suggestion is shown")
    window.keys("Tab")
    assert window.save(path, want) == want


def test_ghost_text_is_taken_by_word_and_by_line(window: Window) -> None:
    want = window.model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = window.open("parts.py", HEAD + "    ret" + TAIL, row=1)
    told = len(window.partly())
    window.type("u")
    window.until(lambda: "rn compute(" in window.ghost(), "the suggestion is shown")
    window.keys("Control+ArrowRight")
    window.until(lambda: " compute(" in window.ghost() and "rn" not in window.ghost(), "a word is taken")
    window.keys("Alt+End")
    window.until(lambda: "a," in window.ghost() and "compute(" not in window.ghost(), "a line is taken")
    window.keys("Alt+End")
    window.until(lambda: "b," in window.ghost() and "a," not in window.ghost(), "another one is taken")
    window.until(lambda: len(window.partly()) >= told + 3, "the server was told of each part")
    # Not with Tab: before ghost text that begins with blanks, VS Code's Tab indents.
    window.keys("Alt+End", "Alt+End")
    assert window.save(path, want) == want


def test_typing_along_asks_nobody(window: Window) -> None:
    want = window.model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = window.open("along.py", HEAD + "    ret" + TAIL, row=1)
    window.type("u")
    window.until(lambda: "rn compute(" in window.ghost(), "the suggestion is shown")
    asked = len(window.model.asked)
    window.type("rn com")
    window.until(lambda: window.ghost().endswith("pute("), "the rest is shown")
    assert len(window.model.asked) == asked
    before = window.executed().count(ACCEPTED)
    window.keys("Tab")
    assert window.save(path, want) == want
    window.until(lambda: window.executed().count(ACCEPTED) > before, "the server is told that it was taken")


def test_the_second_suggestion_is_taken(window: Window) -> None:
    numbers = itertools.count(1)
    window.model.server.on("POST", "/api/generate", lambda request: ollama_stream([f"n {next(numbers)}"]))
    path = window.open("second.py", HEAD + "    retu" + TAIL, row=1)
    window.type("r")
    first = window.until(lambda: re.search(r"n (\d)", window.ghost()), "the first is shown")[1]
    window.command("Trigger Inline Suggestion")
    asked = window.until(lambda: window.invoked(), "more of them are asked for")
    window.until(lambda: asked in [entry.id for entry in window.traffic.entries() if not entry.method], "had")
    window.keys("Alt+]")
    found = window.until(lambda: re.search(rf"n ((?!{first})\d)", window.ghost()), "the second is shown")
    window.keys("Tab")
    want = HEAD + f"    return {found[1]}" + TAIL
    assert window.save(path, want) == want


def test_a_slow_models_ghost_text_comes_late(window: Window) -> None:
    """VS Code gives up after 750 ms; the menu of others must not wait even that long."""
    want = window.model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = window.open("late.py", HEAD + "    ret" + TAIL, row=1)
    goes_on = window.held_up()
    asked = len(window.traffic.said("editor", MENU))
    window.type("u")
    window.until(lambda: len(window.traffic.said("editor", MENU)) > asked, "VS Code goes on to the menu")
    assert not window.ghost()
    goes_on()
    window.until(lambda: "rn compute(" in window.ghost(), "the suggestion is shown")
    window.keys("Tab")
    assert window.save(path, want) == want


def test_what_comes_too_late_is_not_shown_elsewhere(window: Window) -> None:
    window.model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = window.open("moved.py", HEAD + "    ret" + TAIL, row=1)
    goes_on = window.held_up()
    asked = len(window.model.asked)
    window.type("u")
    window.until(lambda: len(window.model.asked) > asked, "the model is asked")
    window.keys("ArrowUp", "End")
    goes_on()
    window.type(" # typed on")
    want = HEAD.replace("\n", " # typed on\n") + "    retu" + TAIL
    assert window.save(path, want) == want
    assert "compute" not in window.lines()


@pytest.mark.parametrize(
    ("name", "before", "completion", "after"),
    [
        ("menu.py", HEAD + "    x = '😀漢字'; ret", "u" + BODY, TAIL),
        ("menu.go", *GO),
        ("menu.html", "<ul>\n  <li>one</li>\n  <li>tw", "o\n    <b>three</b>\n  </li>", "\n</ul>\n"),
        (
            "menu_crlf.py",
            (HEAD + "    ret").replace("\n", "\r\n"),
            ("u" + BODY).replace("\n", "\r\n"),
            "\r\n",
        ),
    ],
)
def test_a_menu_item_of_several_lines_is_taken(
    window: Window, name: str, before: str, completion: str, after: str
) -> None:
    """Where a person wants the menu instead: a setting that holds at once."""
    want = window.model.knows(before, completion, after)
    window.set(completion_surface="menu")
    path = window.open(name, before + after, *at_end(before))
    window.keys("Control+Space")
    word = before[len(before.rstrip("abcdefghijklmnopqrstuvwxyz")) :]
    label = word + completion.split("\n")[0].rstrip("\r")
    window.until(lambda: label in window.menu(), f"{label!r} is in the menu")
    window.choose(label)
    assert window.save(path, want) == want


def test_beside_pyright_nothing_is_held_back(window: Window) -> None:
    """The model says nothing for ever: pyright's items come, in the menu that opens by itself."""
    goes_on = window.held_up()
    path = window.open("beside/path.py", "import os\n\nos.pat\n", row=2)
    window.type("h")
    window.until(lambda: "path" in window.menu(), "pyright's item is in the menu")
    window.keys("Escape")
    window.keys("Control+Space")
    window.until(lambda: "path" in window.menu(), "and in the menu that was asked for")
    window.choose("path")
    goes_on()
    want = "import os\n\nos.path\n"
    assert window.save(path, want) == want


def test_ghost_text_goes_on_from_the_menus_item(window: Window) -> None:
    """An open menu and ghost text at once: Tab takes the menu's item, and the text stays right."""
    before, after = "import os\n\nos.pa", "\n"
    window.model.knows(before, "th.join(a, b)", after)
    path = window.open("beside/both.py", before + after, row=2)
    window.keys("Control+Space")
    window.until(lambda: "path" in window.menu(), "pyright's items are there")
    window.select("path")
    window.until(
        lambda: any(
            "selectedCompletionInfo" in entry.message["params"]["context"]
            for entry in window.traffic.said("editor", INLINE)
        ),
        "ghost text is asked for that goes on from it",
    )
    window.keys("Tab")
    window.until(lambda: ".join(a, b)" in window.ghost(), "the rest is shown as ghost text")
    window.keys("Tab")
    want = "import os\n\nos.path.join(a, b)\n"
    assert window.save(path, want) == want


def test_typing_fast_loses_and_doubles_nothing(window: Window) -> None:
    window.model.server.on("POST", "/api/generate", lambda request: ollama_stream(["x = ", "1"]))
    path = window.open("fast.py", "\n", row=0)
    type_fast(lambda key: window.keys("Enter") if key == "\n" else window.type(key))
    want = TEXT + "\n"
    assert window.save(path, want) == want
    assert window.model.asked
