"""Emacs with twinny-lsp.el: ten seconds of typing, and pyright's completions by Eglot with and without us."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.editors.figures import Figure, in_turns
from tests.editors.emacs import Emacs, completing, ghostly, pyright
from tests.editors.keys import TEXT, processor_s, type_fast
from tests.editors.model import Model, serving
from tests.support.fake_server import ollama_stream

MODEL_S = 0.2
GENERATE = ("POST", "/api/generate")


def measure() -> list[Figure]:
    """The figures; about a minute."""
    with serving(Model()) as model:
        model.server.on(*GENERATE, lambda _: ollama_stream([MODEL_S, "sqrt(2.0)"]))
        return [*_typing(model), *_menus(model)]


def _typing(model: Model) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, ghostly(Path(folder), completing(model.url)) as emacs:
        emacs.open("a.py", "", row=0)
        emacs.type("x")
        emacs.until(emacs.ghost, "the server works")
        emacs.keys("BSpace")
        (server,) = emacs.traffic.servers()
        editor = emacs.eval("(emacs-pid)")
        before, before_editor = processor_s(server), processor_s(editor)
        seconds = type_fast(lambda key: emacs.keys("Enter") if key == "\n" else emacs.type(key))
        used, used_editor = processor_s(server) - before, processor_s(editor) - before_editor
        emacs.becomes(TEXT)
        asked = len(emacs.traffic.said("editor", "textDocument/inlineCompletion"))
    return [
        Figure(f"{len(TEXT)} keys", seconds, "s"),
        Figure("ghost text asked for meanwhile", asked, ""),
        Figure("our processor time a key", 1000 * used / len(TEXT)),
        Figure("Emacs's processor time a key", 1000 * used_editor / len(TEXT)),
    ]


def _menus(model: Model) -> list[Figure]:
    """Both editors at once, in turns: seconds from the key that asks to pyright's items on the screen."""
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        ghostly(Path(one), completing(model.url), pyright()) as ours,
        ghostly(Path(other), completing(model.url), f"(setq twinny-lsp-modes nil)\n{pyright()}") as alone,
    ):
        for emacs in (ours, alone):
            path = emacs.project / "a.py"
            path.write_text("import math\n\n")
            emacs.eval(f'(progn (find-file "{path}") (goto-char (point-max)) nil)')
            emacs.keys("C-e")
            emacs.until(lambda emacs=emacs: "[eglot:" in emacs.screen(), "pyright is there", 60)
        return in_turns(ours, alone, _menu)


def _menu(emacs: Emacs) -> float:
    emacs.type("math.aco")
    emacs.until(lambda: "math.aco" in emacs.line(), "it is typed")
    start = time.monotonic()
    emacs.keys("C-M-i")
    emacs.until(lambda: "acosh" in emacs.screen(), "pyright's items", 60)
    seconds = time.monotonic() - start
    emacs.keys("C-x", "1", "C-a", "C-k")
    emacs.until(lambda: "acosh" not in emacs.screen(), "they are gone")
    return seconds
