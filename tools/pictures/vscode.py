"""VS Code: ghost text, and the chat view beside the code."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.editors.vscode import Programs
from tests.editors.vscode_window import Window, a_window
from tools import vsix
from tools.fetch_editors import locate

CODE = '''\
def total(prices: list[float], rate: float = 0.19) -> float:
    """What a customer pays, tax included."""
    net = sum(prices)
    return net * (1 + rate)


def cheapest(offers: dict[str, list[float]]) -> str:
    """The shop where all of it costs the least."""
    '''
SUGGESTED = """\
return min(
        offers,
        key=lambda shop: total(offers[shop]),
    )
"""
ANSWER = """\
`cheapest` asks each shop for the **total** of its prices and gives the name of the one where it is smallest.

- An empty `offers` makes `min` raise a `ValueError`.
- With equal totals the first shop wins.

```python
return min(offers, key=..., default="")
```

would give an empty name instead.
"""


def take(folder: Path) -> None:
    """Write vscode-ghost-text.png and vscode-chat.png."""
    programs = Programs(*(locate(name) for name in ("code-server", "chromium", "playwright")))
    with (
        tempfile.TemporaryDirectory(prefix="vscode-") as base,
        a_window(programs, vsix.build(), Path(base)) as window,
    ):
        _ghost_text(window, folder)
        _chat(window, folder)


def _ghost_text(window: Window, folder: Path) -> None:
    window.model.knows(CODE, SUGGESTED, "")
    path = window.open("shop.py", CODE + "\n", CODE.count("\n"))
    window.keys("Control+b")
    window.until(lambda: not window.count(".part.sidebar:visible"), "there is room")
    window.ready()
    window.type("r")
    window.until(lambda: "eturn min(" in window.ghost(), "the suggestion is shown")
    window.picture(folder / "vscode-ghost-text.png")
    window.keys("Tab")
    window.save(path, CODE + SUGGESTED + "\n")


def _chat(window: Window, folder: Path) -> None:
    window.keys("Control+Home", *["ArrowDown"] * 6, *["Shift+ArrowDown"] * 6)
    window.command("twinny-lsp: Ask about this code")
    window.chat_until(lambda: window.chat("#about span") == ["shop.py:7-12"], "the code is taken along")
    window.talker.says([ANSWER])
    window.type("What does it do, and what may go wrong?")
    window.keys("Enter")
    window.chat_until(lambda: "instead" in str(window.chat(".assistant .text")), "the answer is there")
    window.picture(folder / "vscode-chat.png")
