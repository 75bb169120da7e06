"""lsp-mode with company, and the shipped twinny-lsp-lsp-mode.el beside another server."""

from __future__ import annotations

import asyncio
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
WORD = "retaliate"
INIT = """\
(define-derived-mode go-mode prog-mode "Go" (setq indent-tabs-mode t))
(add-to-list 'auto-mode-alist '("\\\\.go\\\\'" . go-mode))
(autoload 'markdown-mode "markdown-mode")
(add-to-list 'auto-mode-alist '("\\\\.md\\\\'" . markdown-mode))
(setq lsp-session-file (expand-file-name "session" user-emacs-directory) lsp-auto-guess-root t
      lsp-guess-root-without-session t lsp-enable-suggest-server-download nil lsp-warn-no-matched-clients nil
      lsp-enable-file-watchers nil lsp-headerline-breadcrumb-enable nil lsp-restart 'auto-restart
      lsp-modeline-code-actions-enable nil lsp-client-packages nil
      company-idle-delay 0.1 company-minimum-prefix-length 3 company-backends '(company-capf))
(require 'company)
(require 'lsp-mode)
(dolist (part '(lsp-completion lsp-modeline lsp-diagnostics lsp-lens)) (require part nil t))
(require 'twinny-lsp-lsp-mode)
(lsp-register-client
 (make-lsp-client :server-id 'other :major-modes '(python-mode)
                  :new-connection (lsp-stdio-connection '("{python}" "{other}" "0" "{word}"))))
(dolist (hook '(python-mode-hook go-mode-hook html-mode-hook markdown-mode-hook))
  (add-hook hook #'lsp)
  (add-hook hook #'company-mode))
"""


@pytest.fixture(scope="module")
def models() -> Iterator[Both]:
    loop = asyncio.new_event_loop()
    with serving(Both(loop), loop) as made:
        yield made


@pytest.fixture(scope="module")
def emacs(tmp_path_factory: pytest.TempPathFactory, models: Both) -> Iterator[Emacs]:
    """One editor for these tests, each in a file of its own."""
    program = Program(editor_or_skip("emacs"))
    if not program.has("lsp-mode"):
        pytest.skip("lsp-mode was not fetched with this Emacs")
    server = Server.below(tmp_path_factory.mktemp("emacs"))
    init = INIT.replace("{python}", sys.executable).replace("{other}", str(OTHER)).replace("{word}", WORD)
    init += f"(setq twinny-lsp-lsp-mode-settings '{plist(models.settings)})\n"
    editor = Emacs(program, editor_or_skip("tmux"), server, init)
    try:
        yield editor
    finally:
        editor.close()


def goes_to(emacs: Emacs, name: str, before: str, after: str) -> Path:
    """Visit a file with point behind `before`; the server has it."""
    path = emacs.project / name
    path.write_bytes((before + after).encode())
    emacs.visit(path)
    emacs.eval(f"(progn (goto-char {len(before.replace(chr(13), '')) + 1}) nil)")
    emacs.until(lambda: emacs.eval("(if (bound-and-true-p lsp-managed-mode) t)"), "lsp-mode manages it")
    return path


def completes(emacs: Emacs, name: str, before: str, typed: str, after: str, want: str) -> None:
    """Take the item from company's menu; the file that is saved."""
    path = goes_to(emacs, name, before, after)
    emacs.type(typed)
    emacs.run("company-complete")
    emacs.until(lambda: emacs.text() == want.replace("\r\n", "\n") or taken(emacs), "the item is there")
    emacs.becomes(want.replace("\r\n", "\n"))
    assert emacs.save(path) == want


def taken(emacs: Emacs) -> bool:
    """Take what company shows; ask again where the model was too slow for the menu."""
    if emacs.eval("(if company-candidates t)"):
        emacs.keys("Enter")
    elif "No completion found" in emacs.screen():
        emacs.run("company-complete")
    return False


@pytest.mark.parametrize(
    ("name", "before", "completion", "after"),
    [
        ("plain.py", HEAD + "    retu", "r" + BODY[1:], TAIL),
        ("wide.py", HEAD + "    x = '😀漢é'; retu", "r" + BODY[1:], TAIL),
        ("tabs.go", "func f() int {\n\tretu", "rn compute(\n\t\ta,\n\t\tb,\n\t)", "\n}\n"),
        ("page.html", "<ul>\n  <l", "i>\n    one\n  </li>", "\n</ul>\n"),
    ],
)
def test_an_item_is_taken(
    emacs: Emacs, models: Both, name: str, before: str, completion: str, after: str
) -> None:
    want = models.knows(before, completion, after)
    completes(emacs, name, before, completion[0], after, want)


def test_a_file_with_windows_line_ends(emacs: Emacs, models: Both) -> None:
    want = models.knows(HEAD + "    retu", "r" + BODY[1:], TAIL).replace("\n", "\r\n")
    head, tail = HEAD.replace("\n", "\r\n"), TAIL.replace("\n", "\r\n")
    completes(emacs, "windows.py", head + "    retu", "r", tail, want)


def test_the_other_server_is_as_it_is_alone_while_our_model_says_nothing(emacs: Emacs, models: Both) -> None:
    models.server.on("POST", "/api/generate", lambda request: Reply([HANG]))
    try:
        goes_to(emacs, "silent.py", HEAD + "    reta", TAIL)
        emacs.type("l")
        shown = "(vconcat company-candidates)"
        emacs.until(lambda: WORD in str(emacs.eval(shown)), "its item is in the menu")
        emacs.until(lambda: emacs.line() == f"    {WORD}" or taken(emacs), "it is taken")
    finally:
        models.server.on("POST", "/api/generate", models.completes)


def test_settings_change_while_it_runs(emacs: Emacs, models: Both) -> None:
    once = {**models.settings, "completion": {**models.settings["completion"], "multiline": "never"}}
    emacs.eval(f"(progn (setq twinny-lsp-lsp-mode-settings '{plist(once)}) nil)")
    emacs.run("twinny-lsp-lsp-mode-apply")
    want = models.knows(HEAD + "    retu", "rn compute(", TAIL)
    models.knows(HEAD + "    retu", "r" + BODY[1:], TAIL)
    completes(emacs, "settings.py", HEAD + "    retu", "r", TAIL, want)
    emacs.eval(f"(progn (setq twinny-lsp-lsp-mode-settings '{plist(models.settings)}) nil)")
    emacs.run("twinny-lsp-lsp-mode-apply")
    assert emacs.eval("(risky-local-variable-p 'twinny-lsp-lsp-mode-settings)")


def act(emacs: Emacs, title: str) -> None:
    """Choose a code action; the only one there is, is run at once."""
    asked = emacs.traffic.said("editor", "workspace/executeCommand")
    emacs.run("lsp-execute-code-action")
    emacs.until(
        lambda: (
            "Select code action" in emacs.screen()
            or len(emacs.traffic.said("editor", "workspace/executeCommand")) > len(asked)
        ),
        "it asks what is to be done",
    )
    if "Select code action" in emacs.screen():
        emacs.type(f"twinny-lsp: {title}")
        emacs.keys("Enter")


def test_an_edit_of_code_is_one_step_of_undo(emacs: Emacs, models: Both) -> None:
    goes_to(emacs, "edit.py", CODE[:20], CODE[20:])
    models.says([f"```python\n{BETTER}```"])
    act(emacs, "Refactor")
    emacs.becomes(BETTER)
    emacs.keys("C-/")
    emacs.becomes(CODE)


def chat(emacs: Emacs, models: Both, name: str) -> None:
    goes_to(emacs, name, CODE[:20], CODE[20:])
    emacs.run("twinny-lsp-lsp-mode-chat")
    emacs.until(lambda: emacs.eval("(if (derived-mode-p 'markdown-mode) t)"), "the chat is shown")
    emacs.until(lambda: emacs.eval("(if (bound-and-true-p lsp-managed-mode) t)"), "lsp-mode manages it")
    emacs.keys("M->")
    emacs.type("Say it.")


def test_a_chat_streams_in(emacs: Emacs, models: Both) -> None:
    chat(emacs, models, "chat.py")
    models.says(["One ", "two ", None, "three."])
    act(emacs, "Send to model")
    emacs.until(lambda: "One two" in emacs.text(), "the answer streams in")
    models.goes_on()
    emacs.until(lambda: "three." in emacs.text(), "it is all there")
    assert answer_of(emacs.text()) == "One two three."


def test_fast_typing_loses_and_doubles_nothing(emacs: Emacs, models: Both) -> None:
    models.knows("", TEXT, "")
    path = goes_to(emacs, "fast.py", "", "")
    emacs.eval("(progn (company-mode -1) nil)")  # Enter would take its items
    type_fast(lambda key: emacs.keys("Enter") if key == "\n" else emacs.type(key))
    emacs.becomes(TEXT)
    assert emacs.save(path) == TEXT


def test_a_provider_that_is_down_is_told_of_once(emacs: Emacs, models: Both) -> None:
    away = {**models.settings, **completing(NOBODY)}
    emacs.eval(f"(progn (setq twinny-lsp-lsp-mode-settings '{plist(away)}) nil)")
    emacs.run("twinny-lsp-lsp-mode-apply")
    goes_to(emacs, "down.py", "", "")
    emacs.eval("(progn (company-mode -1) nil)")
    told_of_once(emacs)
    emacs.eval(f"(progn (setq twinny-lsp-lsp-mode-settings '{plist(models.settings)}) nil)")
    emacs.run("twinny-lsp-lsp-mode-apply")


def test_the_server_is_killed_while_it_writes(emacs: Emacs, models: Both) -> None:
    """lsp-mode starts another server by itself."""
    chat(emacs, models, "killed.py")
    killed_while_it_writes(emacs, models, lambda: act(emacs, "Send to model"))


def test_ghost_text_of_its_own_is_taken(emacs: Emacs, models: Both) -> None:
    """The last one: from here on lsp-mode asks for it by itself, and the menu has nothing of ours."""
    emacs.eval("(progn (require 'lsp-inline-completion) nil)")
    want = models.knows(HEAD + "    x = '😀漢'; retu", "r" + BODY[1:], TAIL)
    path = goes_to(emacs, "ghost.py", HEAD + "    x = '😀漢'; retur", TAIL)
    emacs.run("lsp-inline-completion-display")
    emacs.until(lambda: "return compute(\n          a," in emacs.screen(), "it is shown")
    emacs.eval("(progn (lsp-inline-completion-accept) nil)")
    emacs.becomes(want)
    assert emacs.save(path) == want
