"""Ghost text in Emacs, by the shipped twinny-lsp.el: keys in a terminal, and the file on disk afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.editors.conftest import editor_or_skip
from tests.editors.emacs import Emacs, Program, Server, completing, plist
from tests.editors.lsp_tee import until
from tests.editors.model import Model, serving
from tests.support.fake_server import ollama_stream

pytestmark = pytest.mark.editor

HEAD = "def total(a, b):\n"
TAIL = "\n\n# the end\n"
BODY = "rn compute(\n        a,\n        b,\n    )"
INLINE = "textDocument/inlineCompletion"
INIT = """\
(define-derived-mode go-mode prog-mode "Go" (setq indent-tabs-mode t))
(add-to-list 'auto-mode-alist '("\\\\.go\\\\'" . go-mode))
(require 'twinny-lsp)
(global-twinny-lsp-mode)
"""


@pytest.fixture(scope="module")
def models() -> Iterator[Model]:
    with serving(Model()) as made:
        yield made


@pytest.fixture(scope="module")
def emacs(tmp_path_factory: pytest.TempPathFactory, models: Model) -> Iterator[Emacs]:
    """One editor for all of these tests, each in a file of its own."""
    server = Server.below(tmp_path_factory.mktemp("emacs"))
    init = f"{INIT}(setq twinny-lsp-settings '{plist(completing(models.url))})\n"
    editor = Emacs(Program(editor_or_skip("emacs")), editor_or_skip("tmux"), server, init)
    yield editor
    try:
        until(lambda: not editor.traffic.badly_answered(), "every request is answered once")
        complaints = editor.messages()
    finally:
        editor.close()
    assert "rror" not in complaints
    assert editor.traffic.exit_code() in (0, None)


def shows(emacs: Emacs, text: str) -> None:
    emacs.until(lambda: emacs.ghost() == text, f"{text!r} is shown")


def asked(emacs: Emacs) -> int:
    return len(emacs.traffic.said("editor", INLINE))


def test_it_is_shown_and_taken(emacs: Emacs, models: Model) -> None:
    want = models.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = emacs.open("shown.py", HEAD + "    ret" + TAIL, row=1)
    emacs.type("u")
    shows(emacs, BODY)
    assert "    return compute(\n        a,\n        b,\n    )\n" in emacs.screen()
    assert emacs.terminal.cursor() == (2, 8), "the cursor stands before it"
    assert emacs.text() == HEAD + "    retu" + TAIL, "nothing is in the text before it is taken"
    emacs.keys("Tab")
    emacs.becomes(want)
    emacs.type(" # typed on")
    emacs.until(lambda: " # typed on" in emacs.text(), "the editor goes on")
    assert emacs.save(path) == want.replace("    )", "    ) # typed on"), "point stands behind it"


def test_it_is_typed_through_without_asking_again(emacs: Emacs, models: Model) -> None:
    want = models.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = emacs.open("through.py", HEAD + "    ret" + TAIL, row=1)
    emacs.type("u")
    shows(emacs, BODY)
    before = asked(emacs)
    for at, letter in enumerate("rn comp", start=1):
        emacs.type(letter)
        shows(emacs, BODY[at:])
    emacs.keys("BSpace")
    shows(emacs, BODY[6:])
    assert asked(emacs) == before
    emacs.keys("Tab")
    emacs.becomes(want)
    assert emacs.save(path) == want


def test_it_is_taken_by_word_and_by_line(emacs: Emacs, models: Model) -> None:
    want = models.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = emacs.open("parts.py", HEAD + "    ret" + TAIL, row=1)
    emacs.type("u")
    shows(emacs, BODY)
    before = asked(emacs)
    emacs.keys("M-f")
    emacs.until(lambda: emacs.line() == "    return", "a word of it is there")
    emacs.keys("M-f")
    emacs.until(lambda: emacs.line() == "    return compute", "the next word is there")
    emacs.keys("M-e")
    emacs.until(lambda: emacs.line() == "    return compute(", "the line is there")
    emacs.keys("M-e")
    emacs.until(lambda: emacs.line() == "        a,", "the next line is there")
    shows(emacs, "\n        b,\n    )")
    assert emacs.terminal.cursor() == (3, 10), "also before a line's end"
    assert asked(emacs) == before
    assert len(emacs.traffic.said("editor", "textDocument/didPartiallyAcceptCompletion")) == 4
    emacs.keys("M-e", "M-e")
    emacs.becomes(want)
    assert emacs.save(path) == want


@pytest.mark.parametrize("left", ["'😀é'; ", "'漢字かな' + ", "'\U0001f469\u200d\U0001f4bb'; "])
def test_right_of_wide_characters(emacs: Emacs, models: Model, left: str) -> None:
    want = models.knows(HEAD + f"    x = {left}ret", "u" + BODY, TAIL)
    path = emacs.open(f"wide{len(left)}{ord(left[1])}.py", HEAD + f"    x = {left}ret" + TAIL, row=1)
    emacs.type("u")
    shows(emacs, BODY)
    emacs.keys("Tab")
    emacs.becomes(want)
    assert emacs.save(path) == want


@pytest.mark.parametrize(
    ("name", "before", "completion", "after"),
    [
        ("tabs.go", "func f() int {\n\tret", "urn compute(\n\t\ta,\n\t\tb,\n\t)", "\n}\n"),
        ("page.html", "<ul>\n  <l", "i>\n    one\n  </li>", "\n</ul>\n"),
    ],
)
def test_indentation_stays(
    emacs: Emacs, models: Model, name: str, before: str, completion: str, after: str
) -> None:
    want = models.knows(before, completion, after)
    path = emacs.open(name, before + after, row=1)
    emacs.type(completion[0])
    shows(emacs, completion[1:])
    emacs.keys("Tab")
    emacs.becomes(want)
    assert emacs.save(path) == want


def test_a_file_with_windows_line_ends(emacs: Emacs, models: Model) -> None:
    head, tail = HEAD.replace("\n", "\r\n"), TAIL.replace("\n", "\r\n")
    want = models.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = emacs.open("windows.py", head + "    ret" + tail, row=1)
    emacs.type("u")
    shows(emacs, BODY)
    emacs.keys("Tab")
    emacs.becomes(want)
    assert emacs.save(path) == want.replace("\n", "\r\n")


def test_a_file_with_both_line_ends(emacs: Emacs, models: Model) -> None:
    """Emacs shows the carriage returns then, and the server counts one line end."""
    models.knows("a = 1\r\n" + HEAD + "    ret", "u" + BODY, TAIL)
    path = emacs.open("both.py", "a = 1\r\n" + HEAD + "    ret" + TAIL, row=2)
    emacs.type("u")
    shows(emacs, BODY.replace("\n", "\r\n"))
    emacs.keys("Tab")
    want = "a = 1\r\n" + HEAD + "    retu" + BODY.replace("\n", "\r\n") + TAIL
    emacs.becomes(want)
    assert emacs.save(path) == want, "with the first line's"


def test_another_suggestion(emacs: Emacs, models: Model) -> None:
    """One comes by itself; who wants another one makes the server ask the model for more."""
    models.knows(HEAD + "    ret", "urn a", TAIL)
    path = emacs.open("another.py", HEAD + "    ret" + TAIL, row=1)
    emacs.type("u")
    shows(emacs, "rn a")
    models.server.on("POST", "/api/generate", lambda request: ollama_stream(["rn b + 1"]))
    emacs.keys("M-n")
    shows(emacs, "rn b + 1")
    models.server.on("POST", "/api/generate", models.answer)
    emacs.keys("M-p")
    shows(emacs, "rn a")
    emacs.keys("M-n", "Tab")
    emacs.becomes(HEAD + "    return b + 1" + TAIL)
    assert emacs.save(path) == HEAD + "    return b + 1" + TAIL


def test_in_the_middle_of_a_line(emacs: Emacs, models: Model) -> None:
    before, after = HEAD + "    x = foo(", ")" + TAIL
    want = models.knows(before, "ab, c", after)
    path = emacs.open("middle.py", before + after, row=1, column=len("    x = foo("))
    emacs.type("a")
    shows(emacs, "b, c")
    assert "x = foo(ab, c)\n" in emacs.screen()
    assert emacs.terminal.cursor() == (2, 13)
    emacs.type("b")
    shows(emacs, ", c")
    emacs.keys("Tab")
    emacs.becomes(want)
    assert emacs.save(path) == want


def test_several_lines_in_the_middle_of_a_line(emacs: Emacs, models: Model) -> None:
    before, after = HEAD + "    x = foo(", ")" + TAIL
    want = models.knows(before, "\n        a,\n        b,\n    ", after)
    path = emacs.open("lines.py", before + after, row=1, column=len("    x = foo("))
    emacs.run("twinny-lsp-complete")
    emacs.until(lambda: "    x = foo(\n        a,\n        b,\n    )\n" in emacs.screen(), "it is shown")
    assert emacs.text() == before + after
    assert emacs.terminal.cursor() == (2, 12)
    emacs.keys("M-e")
    emacs.until(lambda: emacs.line() == "        a,)", "a line of it is there")
    emacs.keys("Tab")
    emacs.becomes(want)
    assert emacs.save(path) == want


def test_closers_put_in_by_the_editor_are_not_doubled(emacs: Emacs, models: Model) -> None:
    want = models.knows(HEAD + "    x = fo", "o(a, b)", TAIL)
    path = emacs.open("pairs.py", HEAD + "    x = fo" + TAIL, row=1)
    emacs.eval("(progn (electric-pair-local-mode 1) nil)")
    emacs.type("o")
    shows(emacs, "(a, b)")
    emacs.type("(")
    emacs.until(lambda: emacs.line() == "    x = foo()", "a closer was put in")
    shows(emacs, "a, b")
    emacs.keys("Tab")
    emacs.becomes(want)
    assert emacs.save(path) == want


def test_what_does_not_fit_goes(emacs: Emacs, models: Model) -> None:
    models.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = emacs.open("other.py", HEAD + "    ret" + TAIL, row=1)
    emacs.type("u")
    shows(emacs, BODY)
    emacs.type("x")
    shows(emacs, "")
    emacs.keys("BSpace")
    shows(emacs, BODY)
    # It is only a signal where Emacs is not just waiting for a key.
    emacs.until(lambda: emacs.keys("C-g") or not emacs.ghost(), "it is dropped")
    emacs.keys("C-p", "C-n", "C-e")
    emacs.type("ries")
    emacs.until(lambda: emacs.line() == "    returies", "the editor goes on")
    assert emacs.save(path) == HEAD + "    returies" + TAIL


def test_tab_is_a_tab_where_nothing_is_shown(emacs: Emacs, models: Model) -> None:
    emacs.open("plain.py", HEAD + "nothing" + TAIL, row=1)
    emacs.keys("Tab")
    emacs.until(lambda: emacs.line() == "    nothing", "the line is indented")


def test_one_undo_takes_it_back_and_asks_nothing(emacs: Emacs, models: Model) -> None:
    models.knows(HEAD + "    ret", "u" + BODY, TAIL)
    emacs.open("undo.py", HEAD + "    ret" + TAIL, row=1)
    emacs.type("u")
    shows(emacs, BODY)
    emacs.keys("Tab")
    emacs.becomes(HEAD + "    retu" + BODY + TAIL)
    emacs.until(lambda: not emacs.eval("twinny-lsp--asked"), "all is answered")
    before = asked(emacs)
    emacs.keys("C-/")
    emacs.becomes(HEAD + "    retu" + TAIL)
    emacs.run("twinny-lsp-complete")
    shows(emacs, BODY)
    assert asked(emacs) == before + 1


def test_the_server_has_the_text_whatever_changes_it(emacs: Emacs, models: Model) -> None:
    """Whole regions, programs that keep hooks from running, characters that are none, a narrowed buffer."""
    path = emacs.open("changes.py", "a = 1\nb = '😀'\nc = 3\n", row=0)
    emacs.eval("(progn (upcase-region (point-min) (point-max)) nil)")
    emacs.eval('(progn (goto-char (point-min)) (replace-string "=" "==") nil)')
    emacs.eval("(progn (sort-lines t (point-min) (point-max)) nil)")
    emacs.eval('(let ((inhibit-modification-hooks t)) (goto-char 3) (insert "漢") nil)')
    emacs.eval('(progn (goto-char (point-max)) (insert (string #x3fffe9) "\\n") nil)')
    emacs.eval("(progn (narrow-to-region 8 (point-max)) (goto-char (point-max)) nil)")
    models.knows("d = 4", "4", "")
    emacs.type("d")
    told = [entry.message["params"] for entry in emacs.traffic.said("editor", INLINE)]
    here = {"line": 4, "character": 1}
    emacs.until(
        lambda: any(
            entry.message["params"]["position"] == here
            and entry.message["params"]["textDocument"]["uri"] == path.as_uri()
            for entry in emacs.traffic.said("editor", INLINE)
        ),
        f"it was asked at {here}: {told[-1:]}",
    )
    emacs.eval("(progn (widen) nil)")
    text = emacs.eval("(twinny-lsp--text (point-min) (point-max))")
    assert text == "C 漢== 3\nB == '😀'\nA == 1\n\ufffd\nd"
    assert text_at_server(emacs, path.as_uri()) == text


def text_at_server(emacs: Emacs, uri: str) -> str:
    """The text as somebody must have it who was told of all changes."""
    text = ""
    for entry in emacs.traffic.entries():
        params = entry.message.get("params") or {}
        if entry.sender != "editor" or (params.get("textDocument") or {}).get("uri") != uri:
            continue
        if entry.method == "textDocument/didOpen":
            text = params["textDocument"]["text"]
        for change in params.get("contentChanges", ()):
            if "range" not in change:
                text = change["text"]
                continue
            rows = text.split("\n")
            start, end = (
                sum(len(row) + 1 for row in rows[: at["line"]]) + at["character"]
                for at in (change["range"]["start"], change["range"]["end"])
            )
            text = text[:start] + change["text"] + text[end:]
    return text
