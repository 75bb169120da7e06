"""Eglot alone, with the shipped twinny-lsp-eglot.el, and through a multiplexer beside another server.

yasnippet is on, so that a snippet would be run: the model's text must never be one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.chat import BETTER, CODE, answer_of
from tests.editors.conftest import editor_or_skip
from tests.editors.emacs import (
    NOBODY,
    Both,
    Emacs,
    Program,
    Server,
    completing,
    killed_while_it_writes,
    plist,
    told_of_once,
)
from tests.editors.keys import TEXT, type_fast
from tests.editors.model import serving
from tests.support.fake_server import HANG, Reply

pytestmark = pytest.mark.editor

HEAD = "def total(a, b):\n"
TAIL = "\n\n# the end\n"
BODY = "rn compute(\n        a,\n        b,\n    )"
OTHER = Path(__file__).parent / "other_server.py"
INIT = """\
(define-derived-mode go-mode prog-mode "Go" (setq indent-tabs-mode t))
(add-to-list 'auto-mode-alist '("\\\\.go\\\\'" . go-mode))
(autoload 'markdown-mode "markdown-mode")
(add-to-list 'auto-mode-alist '("\\\\.md\\\\'" . markdown-mode))
(when (require 'yasnippet nil t) (yas-global-mode 1))
(require 'twinny-lsp-eglot)
(dolist (hook '(python-mode-hook go-mode-hook html-mode-hook))
  (add-hook hook #'eglot-ensure))
"""


@pytest.fixture(scope="module")
def models() -> Iterator[Both]:
    loop = asyncio.new_event_loop()
    with serving(Both(loop), loop) as made:
        yield made


@pytest.fixture(scope="module")
def emacs(tmp_path_factory: pytest.TempPathFactory, models: Both) -> Iterator[Emacs]:
    """One editor for these tests, each in a file of its own."""
    server = Server.below(tmp_path_factory.mktemp("emacs"))
    init = f"{INIT}(setq twinny-lsp-eglot-settings '{plist(models.settings)})\n"
    editor = Emacs(Program(editor_or_skip("emacs")), editor_or_skip("tmux"), server, init)
    try:
        yield editor
    finally:
        editor.close()


def completes(emacs: Emacs, name: str, before: str, typed: str, after: str, want: str) -> None:
    """Complete by key behind what is typed at the end of a row; the file that is saved."""
    path = emacs.project / name
    path.write_bytes((before + after).encode())
    emacs.eval(f'(progn (find-file "{path}") (goto-char {len(before.replace(chr(13), "")) + 1}) nil)')
    emacs.keys("C-e")  # Eglot starts after a command
    emacs.until(lambda: path.as_uri() in emacs.opened(), "the server has it")
    emacs.until(lambda: emacs.eval("(if (eglot-managed-p) t)"), "Eglot manages it")
    emacs.type(typed)
    emacs.keys("C-M-i")
    emacs.becomes(want.replace("\r\n", "\n"))
    assert emacs.save(path) == want


@pytest.mark.parametrize(
    ("name", "before", "completion", "after"),
    [
        ("plain.py", HEAD + "    ret", "u" + BODY, TAIL),
        ("wide.py", HEAD + "    x = '😀漢é'; ret", "u" + BODY, TAIL),
        ("tabs.go", "func f() int {\n\tret", "urn compute(\n\t\ta,\n\t\tb,\n\t)", "\n}\n"),
        ("page.html", "<ul>\n  <l", "i>\n    one\n  </li>", "\n</ul>\n"),
        ("ticks.py", HEAD + "    ret", "urn `(+ 40 2)` + '$1 ${2:x}'", TAIL),
    ],
)
def test_an_item_is_taken(
    emacs: Emacs, models: Both, name: str, before: str, completion: str, after: str
) -> None:
    want = models.knows(before, completion, after)
    completes(emacs, name, before, completion[0], after, want)


def test_a_file_with_windows_line_ends(emacs: Emacs, models: Both) -> None:
    want = models.knows(HEAD + "    ret", "u" + BODY, TAIL).replace("\n", "\r\n")
    head, tail = HEAD.replace("\n", "\r\n"), TAIL.replace("\n", "\r\n")
    completes(emacs, "windows.py", head + "    ret", "u", tail, want)


def test_settings_change_while_it_runs_and_no_project_has_a_say(emacs: Emacs, models: Both) -> None:
    wants = f"((nil . ((eglot-workspace-configuration . (:twinny-lsp {plist(completing('http://127.0.0.1:9'))})))))"
    (emacs.project / ".dir-locals.el").write_text(wants)
    once = {**models.settings, "completion": {**models.settings["completion"], "multiline": "never"}}
    emacs.eval(f"(progn (setq twinny-lsp-eglot-settings '{plist(once)}) nil)")
    models.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = emacs.project / "settings.py"
    path.write_text(HEAD + "    ret" + TAIL)
    emacs.visit(path)
    assert emacs.eval("(if (local-variable-p 'eglot-workspace-configuration) t)"), "the project's is there"
    emacs.run("eglot-signal-didChangeConfiguration")
    emacs.until(lambda: emacs.traffic.said("editor", "workspace/didChangeConfiguration")[1:], "it is told")
    for entry in emacs.traffic.said("editor", "workspace/didChangeConfiguration"):
        assert not entry.message["params"]["settings"]
    emacs.eval(f"(progn (goto-char {len(HEAD) + 8}) nil)")
    emacs.type("u")
    emacs.keys("C-M-i")
    emacs.until(lambda: emacs.line() == "    return compute(", "one line is there")
    emacs.eval(f"(progn (setq twinny-lsp-eglot-settings '{plist(models.settings)}) nil)")
    emacs.run("eglot-signal-didChangeConfiguration")
    (emacs.project / ".dir-locals.el").unlink()


def act(emacs: Emacs, title: str) -> None:
    emacs.run("eglot-code-actions")

    def asks() -> bool:
        if "No code actions here" in emacs.screen():  # the server was starting
            emacs.run("eglot-code-actions")
        return "Pick an action" in emacs.screen()

    emacs.until(asks, "it asks what is to be done")
    emacs.type(f"twinny-lsp: {title}")
    emacs.keys("Enter")


def test_an_edit_of_code_is_one_step_of_undo(emacs: Emacs, models: Both) -> None:
    emacs.open("edit.py", CODE, row=0)
    emacs.keys("C-x", "h")  # else Eglot takes the expression at point
    models.says([f"```python\n{BETTER}```"])
    act(emacs, "Refactor")
    emacs.becomes(BETTER)
    emacs.keys("C-/")
    emacs.becomes(CODE)


def test_a_chat_streams_in(emacs: Emacs, models: Both) -> None:
    emacs.open("chat.py", CODE, row=2)
    emacs.run("twinny-lsp-eglot-chat")
    emacs.until(lambda: str(emacs.eval('(or buffer-file-name "")')).endswith(".md"), "the chat is shown")
    emacs.until(lambda: emacs.eval("(if (eglot-managed-p) t)"), "Eglot manages it")
    emacs.keys("M->")
    emacs.type("Say it.")
    models.says(["One ", "two ", None, "three."])
    act(emacs, "Send to model")
    emacs.until(lambda: "One two" in emacs.text(), "the answer streams in")
    models.goes_on()
    emacs.until(lambda: "three." in emacs.text(), "it is all there")
    assert answer_of(emacs.text()) == "One two three.", emacs.text()


def test_fast_typing_loses_and_doubles_nothing(emacs: Emacs, models: Both) -> None:
    models.knows("", TEXT, "")
    path = emacs.open("fast.py", "", row=0)
    type_fast(lambda key: emacs.keys("Enter") if key == "\n" else emacs.type(key))
    emacs.becomes(TEXT)
    assert emacs.save(path) == TEXT


def test_a_provider_that_is_down_is_told_of_once(emacs: Emacs, models: Both) -> None:
    change = "workspace/didChangeConfiguration"
    told = len(emacs.traffic.said("editor", change))
    away = {**models.settings, **completing(NOBODY)}
    emacs.eval(f"(progn (setq twinny-lsp-eglot-settings '{plist(away)}) nil)")
    emacs.open("away.py", "", row=0)
    emacs.run("eglot-signal-didChangeConfiguration")
    emacs.until(lambda: len(emacs.traffic.said("editor", change)) > told, "the server is told")
    emacs.open("down.py", "", row=0)
    told_of_once(emacs)
    emacs.eval(f"(progn (setq twinny-lsp-eglot-settings '{plist(models.settings)}) nil)")
    emacs.run("eglot-signal-didChangeConfiguration")
    emacs.until(lambda: len(emacs.traffic.said("editor", change)) > told + 1, "the server is told again")


def test_the_server_is_killed_while_it_writes(emacs: Emacs, models: Both) -> None:
    """The last one: Eglot starts another server by itself."""
    emacs.open("killed.py", CODE, row=2)
    emacs.run("twinny-lsp-eglot-chat")
    emacs.until(lambda: emacs.eval("(if (derived-mode-p 'markdown-mode) t)"), "the chat is shown")
    emacs.until(lambda: emacs.eval("(if (eglot-managed-p) t)"), "Eglot manages it")
    emacs.keys("M->")
    emacs.type("Say it.")
    killed_while_it_writes(emacs, models, lambda: act(emacs, "Send to model"))


def test_beside_another_server_through_a_multiplexer(tmp_path: Path, models: Both) -> None:
    rass = editor_or_skip("rass")
    served = ["env", f"PYTHONPATH={rass.env.get('PYTHONPATH', '')}", str(rass.binary)]
    served += ["--", sys.executable, str(OTHER), "0", "retaliate", "--", "twinny-lsp"]
    words = " ".join(json.dumps(word) for word in served)
    init = f"{INIT}(add-to-list 'eglot-server-programs '(python-mode . (twinny-lsp-eglot-server {words})))\n"
    init += f"(setq twinny-lsp-eglot-settings '{plist(models.settings)})\n"
    emacs = Emacs(Program(editor_or_skip("emacs")), editor_or_skip("tmux"), Server.below(tmp_path), init)
    try:
        want = models.knows(HEAD + "    retu", "r" + BODY[1:], TAIL)
        completes(emacs, "ours.py", HEAD + "    retu", "r", TAIL, want)
        want = HEAD + "    retaliate" + TAIL
        completes(emacs, "other.py", HEAD + "    reta", "l", TAIL, want)
        models.server.on("POST", "/api/generate", lambda request: Reply([HANG]))
        completes(emacs, "silent.py", HEAD + "    reta", "l", TAIL, want)
    finally:
        models.server.on("POST", "/api/generate", models.completes)
        emacs.close()
