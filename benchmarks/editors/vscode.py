"""VS Code: ten seconds of typing with completion on, and pyright's menu with and without our suggestions.

Ours is switched off, not taken away, for the menus without it: an editor's start takes longer than all of
its menus. The model says nothing, as a slow one does while a menu opens.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.editors.figures import Figure, in_turns
from tests.editors.keys import TEXT, processor_s, type_fast
from tests.editors.vscode import Programs
from tests.editors.vscode_window import Window, a_window
from tests.support.fake_server import ollama_stream
from tools import vsix
from tools.fetch_editors import locate


def measure() -> list[Figure]:
    """The figures; about two minutes."""
    programs = Programs(*(locate(name) for name in ("code-server", "chromium", "playwright")))
    with (
        tempfile.TemporaryDirectory(prefix="vscode-") as folder,
        a_window(programs, vsix.build(), Path(folder)) as window,
    ):
        return [*_typing(window), *_menus(window)]


def _typing(window: Window) -> list[Figure]:
    window.model.server.on("POST", "/api/generate", lambda request: ollama_stream(["x = ", "1"]))
    path = window.open("fast.py", "\n", row=0)
    window.ready()
    [server] = window.traffic.servers()
    before = processor_s(server)
    seconds = type_fast(lambda key: window.keys("Enter") if key == "\n" else window.type(key))
    used = processor_s(server) - before
    same = window.save(path, TEXT + "\n") == TEXT + "\n"
    return [
        Figure("200 keys, text equal", float(same), "(1: yes)"),
        Figure("200 keys took", seconds, "s"),
        Figure("our processor time a key", 1000 * used / len(TEXT)),
    ]


def _menus(window: Window) -> list[Figure]:
    window.open("beside/menu.py", "import os\n\nos.pat\n", row=2)
    window.keys("Control+Space")
    window.until(lambda: "path" in window.menu(), "pyright is ready")
    goes_on = window.held_up()
    figures = in_turns(True, False, lambda enabled: _menu(window, enabled=enabled))
    goes_on()
    return figures


def _menu(window: Window, *, enabled: bool) -> float:
    """Seconds from a letter to pyright's item, in the menu that opens by itself."""
    window.set(completion_enabled=enabled)
    window.keys("Escape", "Backspace")
    window.keys("Escape")
    window.until(lambda: not window.menu(), "no menu is open")
    start = time.perf_counter()
    window.type("t")
    window.until(lambda: "path" in window.menu(), "pyright's item is in the menu")
    return time.perf_counter() - start
