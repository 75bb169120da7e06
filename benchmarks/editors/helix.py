"""Helix: ten seconds of typing with our menu on, and pyright's menu with and without us."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.editors.figures import Figure, in_turns
from tests.editors.helix import Helix, beside, running, settings
from tests.editors.keys import TEXT, processor_s, type_fast
from tests.editors.model import Model, serving
from tests.support.fake_server import ollama_stream
from tools.fetch_editors import locate

MODEL_S = 0.2
GENERATE = ("POST", "/api/generate")
COMPLETION = {"debounce": 0}


def measure() -> list[Figure]:
    """The figures; about a minute."""
    with serving(Model()) as model:
        model.server.on(*GENERATE, lambda _: ollama_stream([MODEL_S, "sqrt(2.0)"]))
        return [*_typing(model), *_menus(model)]


def _typing(model: Model) -> list[Figure]:
    with _editor(settings(model.url)) as helix:
        helix.open(helix.project / "a.py", "", row=0)
        helix.until(lambda: model.asked, "the server works")
        (server,) = helix.traffic.servers()
        before = processor_s(server)
        seconds = type_fast(lambda key: helix.keys("Enter") if key == "\n" else helix.type(key))
        used = processor_s(server) - before
        asked = len(helix.traffic.said("editor", "textDocument/completion"))
    return [
        Figure(f"{len(TEXT)} keys", seconds, "s"),
        Figure("menus asked for meanwhile", asked, ""),
        Figure("our processor time a key", 1000 * used / len(TEXT)),
    ]


def _menus(model: Model) -> list[Figure]:
    command = [str(locate("pyright").binary.with_name("pyright-langserver")), "--stdio"]
    both = settings(model.url, completion=COMPLETION) + beside("pyright", command)
    alone = both.replace('"pyright", "twinny-lsp"', '"pyright"')
    with _editor(alone) as without, _editor(both) as ours:
        for helix in (without, ours):
            path = helix.project / "a.py"
            path.write_text("import math\n\n")
            helix.command(f"open {path}")
            helix.command("goto 2")
            helix.keys("A")
        helix.until(lambda: ours.knows(ours.project / "a.py"), "our server knows it")
        return in_turns(ours, without, _menu)


def _menu(helix: Helix) -> float:
    """Seconds from the dot to pyright's items; the screen is looked at every few milliseconds."""
    helix.type("math")
    helix.until(lambda: "math" in helix.screen(), "it is typed")
    start = time.monotonic()
    helix.type(".")
    helix.until(lambda: "acosh" in helix.screen(), "pyright's items", 60)
    seconds = time.monotonic() - start
    helix.type("e")
    helix.keys("Enter")
    helix.until(lambda: "acosh" not in helix.screen(), "the menu is gone")
    return seconds


@contextmanager
def _editor(added: str) -> Iterator[Helix]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running(locate("hx"), locate("tmux"), Path(folder), added) as helix,
    ):
        yield helix
