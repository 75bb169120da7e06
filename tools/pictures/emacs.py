"""Pictures of Emacs with twinny-lsp.el: ghost text, the actions on code, a chat in a document.

Its terminal's screen as SVG, in its own colours. The models are scripted.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from tests.editors.chat import CODE, QUESTION
from tests.editors.emacs import Both, Emacs, ghostly
from tests.editors.model import serving
from tests.editors.screens import as_svg
from tools.pictures.helix import COMPLETION, SHOP

LOOKS = """\
(load-theme 'modus-vivendi t)
(set-face-background 'default "unspecified-bg")
(fido-vertical-mode)
(menu-bar-mode -1)
(autoload 'markdown-mode "markdown-mode")
(add-to-list 'auto-mode-alist '("\\\\.md\\\\'" . markdown-mode))
"""


def take(folder: Path) -> None:
    """Write them: emacs-ghost.svg, emacs-action.svg, chat-emacs.svg."""
    loop = asyncio.new_event_loop()
    with (
        serving(Both(loop), loop) as model,
        tempfile.TemporaryDirectory() as home,
        ghostly(Path(home), model.settings, LOOKS) as emacs,
    ):
        model.knows(SHOP.rstrip("\n"), COMPLETION, "\n")
        emacs.open("shop.py", SHOP.replace("    ret\n", "    re\n"), row=7)
        emacs.type("t")
        emacs.until(lambda: "- discount(code)" in emacs.screen(), "the suggestion")
        _write(folder, "emacs-ghost", emacs)
        emacs.open("a.py", CODE, row=2)
        emacs.run("twinny-lsp-actions")
        emacs.until(lambda: "Refactor" in emacs.screen(), "the actions")
        _write(folder, "emacs-action", emacs)
        emacs.keys("C-g")
        emacs.eval("(progn (delete-other-windows) nil)")
        emacs.run("twinny-lsp-chat")
        emacs.until(lambda: str(emacs.eval("buffer-file-name")).endswith(".md"), "the chat")
        emacs.eval("(progn (delete-other-windows) nil)")
        emacs.type(QUESTION.partition(" See")[0])
        model.says(["It adds ", "one price at a time.\n\n", "```python\n", "return sum(prices)", None])
        emacs.keys("C-c", "C-c")
        emacs.until(lambda: "sum(prices)" in emacs.text(), "the answer")
        emacs.until(lambda: "sum(prices)" in emacs.screen(), "it is on the screen")
        _write(folder, "chat-emacs", emacs)
        model.goes_on()


def _write(folder: Path, name: str, emacs: Emacs) -> None:
    (folder / f"{name}.svg").write_text(as_svg(emacs.terminal.colours()), encoding="utf-8")
