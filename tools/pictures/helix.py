"""Pictures of Helix: an item of several lines in the menu, the code actions, a chat in a document.

Its terminal's screen as SVG, in its own theme, with the shipped `languages.toml`. The models are scripted.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.editors.chat import BETTER, CODE, MODEL, QUESTION, ChatModel
from tests.editors.helix import Helix, running, settings
from tests.editors.model import Model, serving
from tests.editors.screens import as_svg
from tools.fetch_editors import locate

SHOP = '''\
"""What a basket costs."""

from shop import Basket, discount


def total(basket: Basket, code: str) -> int:
    """The price in cents, with the discount of the code."""
    ret
'''
COMPLETION = """\
urn sum(
        item.price * item.count
        for item in basket.items
        if not item.gift
    ) - discount(code)"""


def take(folder: Path) -> None:
    """Write them: helix-menu.svg, helix-action.svg, chat-helix.svg."""
    with serving(Model()) as model:
        model.knows(SHOP.rstrip("\n"), COMPLETION, "\n")
        with _editor(settings(model.url, completion={"debounce": 0, "multiline": "always"})) as helix:
            helix.open(helix.project / "shop.py", SHOP, row=7)
            helix.keys("C-x")
            helix.until(lambda: "return sum(" in helix.screen(), "the menu")
            helix.keys("C-n")
            helix.until(lambda: "- discount(code)" in helix.screen(), "the item is shown")
            _write(folder, "helix-menu", helix)
    loop = asyncio.new_event_loop()
    with serving(ChatModel(loop), loop) as chat:
        url = chat.server.url
        with _editor(settings(url, completion={"enabled": False}, chat={"model": MODEL})) as helix:
            helix.open(helix.project / "a.py", CODE, row=2)
            chat.says([f"```python\n{BETTER}```"])
            helix.show_actions("Refactor")
            helix.keys("C-n", "C-n")
            _write(folder, "helix-action", helix)
            helix.keys("Enter")
            helix.until(lambda: "sum(prices)" in helix.screen(), "the edit")
            helix.type("u")
            helix.command("lsp-workspace-command twinny-lsp.openChat")
            helix.until(lambda: " ## You" in helix.screen(), "the chat")
            (path,) = (helix.project / ".twinny" / "chat").glob("*.md")
            helix.until(lambda: helix.knows(path), "the server knows it")
            helix.normal()
            helix.type(f"geo{QUESTION}")
            chat.says(["It adds ", "one price at a time.\n\n", "```python\n", "return sum(prices)", None])
            helix.act("Send to model")
            helix.shows("sum(prices)")
            _write(folder, "chat-helix", helix)
            chat.goes_on()


@contextmanager
def _editor(added: str) -> Iterator[Helix]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running(locate("hx"), locate("tmux"), Path(folder), added) as helix,
    ):
        yield helix


def _write(folder: Path, name: str, helix: Helix) -> None:
    (folder / f"{name}.svg").write_text(as_svg(helix.colours()), encoding="utf-8")
