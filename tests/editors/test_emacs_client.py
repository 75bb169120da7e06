"""What else a user of twinny-lsp.el lives through: other servers, other settings, a server that is killed, a
provider that is down, fast typing, projects that want to choose for them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.editors.conftest import editor_or_skip
from tests.editors.emacs import NOBODY, Emacs, completing, ghostly, plist, pyright
from tests.editors.keys import TEXT, type_fast
from tests.editors.model import Model
from tests.support.fake_server import HANG, Reply

pytestmark = pytest.mark.editor

HEAD = "def total(a, b):\n"
TAIL = "\n\n# the end\n"
BODY = "rn compute(\n        a,\n        b,\n    )"


@pytest.fixture(autouse=True)
def editors() -> None:
    editor_or_skip("emacs")
    editor_or_skip("tmux")


def shows(emacs: Emacs, text: str) -> None:
    emacs.until(lambda: emacs.ghost() == text, f"{text!r} is shown")


def test_settings_change_while_it_runs_and_no_project_has_a_say(tmp_path: Path, model: Model) -> None:
    with ghostly(tmp_path, completing(NOBODY)) as emacs:
        # A person may have said yes to what a project wants: it is of no use.
        wanted = f'(twinny-lsp-settings . {plist(completing(NOBODY))}) (twinny-lsp-command . ("false"))'
        (emacs.project / ".dir-locals.el").write_text(f"((nil . ({wanted})))")
        emacs.eval("(setq enable-local-variables :all)")
        for name in ("twinny-lsp-settings", "twinny-lsp-command"):
            assert emacs.eval(f"(if (risky-local-variable-p '{name}) t)")
        model.knows(HEAD + "    ret", "u" + BODY, TAIL)
        emacs.eval(f"(progn (setq twinny-lsp-settings '{plist(completing(model.url))}) nil)")
        emacs.open("a.py", HEAD + "    ret" + TAIL, row=1)
        assert emacs.eval("(if (local-variable-p 'twinny-lsp-settings) t)"), "the project's are there"
        emacs.type("u")
        shows(emacs, BODY)
        never = plist(completing(model.url, multiline="never"))
        emacs.eval(f"(progn (with-temp-buffer (setq twinny-lsp-settings '{never})) nil)")
        emacs.until(
            lambda: emacs.traffic.said("editor", "workspace/didChangeConfiguration"), "the server is told"
        )
        emacs.open("b.py", HEAD + "    ret" + TAIL, row=1)
        emacs.type("u")
        shows(emacs, "rn compute(")
        emacs.run("twinny-lsp-toggle")
        emacs.until(lambda: "Twinny:off" in emacs.screen(), "the mode line says that it is off")
        emacs.run("twinny-lsp-toggle")
        emacs.until(lambda: "Twinny:off" not in emacs.screen(), "and that it is on")
        emacs.run("twinny-lsp-why")
        emacs.until(lambda: "Last request" in emacs.screen(), "it says what became of the last request")
        emacs.run("twinny-lsp-doctor")
        emacs.until(lambda: "*twinny-lsp doctor*" in emacs.screen(), "it says how things stand")


def test_the_menu_has_it_where_no_ghost_text_is_wanted(tmp_path: Path, model: Model) -> None:
    with ghostly(tmp_path, completing(model.url), "(setq twinny-lsp-ghost-text nil)\n") as emacs:
        want = model.knows(HEAD + "    x = '😀漢'; ret", "u" + BODY, TAIL)
        path = emacs.open("a.py", HEAD + "    x = '😀漢'; ret" + TAIL, row=1)
        emacs.type("u")
        emacs.keys("C-M-i")
        emacs.becomes(want)
        assert not emacs.ghost()
        assert emacs.save(path) == want


def test_fast_typing_loses_and_doubles_nothing(tmp_path: Path, model: Model) -> None:
    with ghostly(tmp_path, completing(model.url)) as emacs:
        model.knows("", TEXT, "")
        path = emacs.open("a.py", "", row=0)
        type_fast(lambda key: emacs.keys("Enter") if key == "\n" else emacs.type(key))
        emacs.becomes(TEXT)
        assert model.asked
        assert emacs.save(path) == TEXT


def test_a_provider_that_is_down_is_told_of_once(tmp_path: Path) -> None:
    with ghostly(tmp_path, completing(NOBODY)) as emacs:
        path = emacs.open("a.py", "", row=0)
        emacs.type("x")
        emacs.until(lambda: emacs.traffic.said("server", "window/showMessage"), "it is told")
        emacs.until(lambda: "Twinny!down" in emacs.screen(), "the mode line says so")
        for key in TEXT:
            emacs.keys("Enter") if key == "\n" else emacs.type(key)
        emacs.becomes(f"x{TEXT}")
        assert emacs.save(path) == f"x{TEXT}"
        assert len(emacs.traffic.said("server", "window/showMessage")) == 1


def test_the_server_is_killed_while_it_completes(tmp_path: Path, model: Model) -> None:
    with ghostly(tmp_path, completing(model.url)) as emacs:
        want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
        model.server.on("POST", "/api/generate", lambda request: Reply([HANG]))
        path = emacs.open("a.py", HEAD + "    ret" + TAIL, row=1)
        emacs.type("u")
        emacs.until(lambda: model.asked, "the model is asked")
        (server,) = emacs.traffic.servers()
        os.kill(server, signal.SIGKILL)
        emacs.until(lambda: "twinny-lsp-restart" in emacs.screen(), "it says how to go on")
        emacs.keys("BSpace")
        emacs.until(lambda: emacs.line() == "    ret", "the editor goes on")
        assert "Twinny!ended" in emacs.screen()
        model.server.on("POST", "/api/generate", model.answer)
        emacs.run("twinny-lsp-restart")
        emacs.until(lambda: emacs.opened().count(path.as_uri()) == 2, "the server has it again")
        emacs.type("u")
        shows(emacs, BODY)
        emacs.keys("Tab")
        emacs.becomes(want)
        assert emacs.save(path) == want


def test_no_program_of_that_name_is_said_once(tmp_path: Path) -> None:
    with ghostly(tmp_path, {}, '(setq twinny-lsp-command \'("no-such-program"))\n') as emacs:
        for name in ("a.py", "b.py"):
            (emacs.project / name).write_text("x = 1\n")
            emacs.eval(f'(progn (find-file "{emacs.project / name}") nil)')
            emacs.until(lambda: "Twinny!ended" in emacs.screen(), "the mode line says so")
        emacs.type("y")
        emacs.until(lambda: emacs.line() == "yx = 1", "the editor goes on")
        assert emacs.messages().count("cannot be started") == 1


def test_pyright_is_as_it_is_alone_while_our_model_says_nothing(tmp_path: Path, model: Model) -> None:
    editor_or_skip("pyright")
    with ghostly(tmp_path, completing(model.url), pyright()) as emacs:
        want = model.knows("import os\n\nhere = o", "s.getcwd()", "\n")
        emacs.open("a.py", "import os\n\nhere = \n", row=2)
        emacs.keys("C-e")  # Eglot starts after a command
        emacs.until(lambda: "[eglot:" in emacs.screen(), "pyright is there", 60)
        emacs.type("o")
        shows(emacs, "s.getcwd()")
        emacs.keys("Tab")
        emacs.becomes(want)
        model.server.on("POST", "/api/generate", lambda request: Reply([HANG]))
        asked = len(model.asked)
        emacs.keys("Enter")
        emacs.type("os.getc")
        emacs.until(lambda: len(model.asked) > asked, "the model is asked")
        emacs.keys("C-M-i")
        emacs.until(lambda: "getcwdb Function" in emacs.screen(), "pyright's items are shown", 60)
