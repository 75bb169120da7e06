"""Another server beside ours in Helix: its menu is there as without us, whatever the model does."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors import other_server
from tests.editors.conftest import editor_or_skip
from tests.editors.helix import Helix, beside, running, settings
from tests.editors.model import Model, serving
from tests.support.fake_server import HANG, Reply, ollama_stream
from tools.fetch_editors import Editor

pytestmark = pytest.mark.editor

GENERATE = ("POST", "/api/generate")
COMPLETION = {"debounce": 0, "speculate": False}
LATE_S = 0.4
"""How long the other server takes: longer than the 0.1 s for which Helix waits with a menu."""
ITEM = "return_of_another"
OTHER = [sys.executable, str(Path(other_server.__file__)), str(LATE_S), ITEM]


@pytest.fixture
def helix(hx: Editor, tmux: Editor, tmp_path: Path, model: Model) -> Iterator[Helix]:
    added = settings(model.url, completion=COMPLETION) + beside("other", OTHER)
    with running(hx, tmux, tmp_path, added) as editor:
        yield editor


def test_a_silent_model_keeps_the_others_neither_back_nor_from_being_asked_again(
    helix: Helix, model: Model
) -> None:
    model.server.on(*GENERATE, Reply([HANG], content_type="application/x-ndjson"))
    helix.open(helix.project / "a.py", "\n", row=0)
    helix.until(lambda: model.asked, "the model is asked")
    for _ in range(3):
        helix.type("1+")
        helix.until(lambda: not helix.traffic.badly_answered(), "ours has let go")
        assert any(offered_after(helix, letter) for letter in ITEM[:6])
        helix.type(",")
        helix.until(lambda: f" {ITEM}" not in helix.screen(), "the menu is gone")
    assert not any(items["items"] for items in helix.traffic.results("textDocument/completion"))
    helix.type("+")  # lets it answer the last one


def test_an_answer_that_is_empty_at_once_does_not_cost_the_items_of_slower_servers(
    hx: Editor, tmux: Editor, tmp_path: Path
) -> None:
    added = settings("http://127.0.0.1:9", completion=COMPLETION) + beside("other", OTHER)
    with running(hx, tmux, tmp_path, added) as helix:
        helix.open(helix.project / "a.py", "\n", row=0)
        helix.until(lambda: helix.traffic.said("server", "window/showMessage"), "it runs")
        assert any(offered_after(helix, letter) for letter in ("1+", *ITEM[:6]))
        assert not any(items["items"] for items in helix.traffic.results("textDocument/completion"))


def test_both_stand_in_one_menu(helix: Helix, model: Model) -> None:
    model.server.on(*GENERATE, ollama_stream(["turn compute(1)"]))
    helix.open(helix.project / "a.py", "\n", row=0)
    helix.type("1+re")
    helix.until(
        lambda: ITEM in helix.screen() and "return compute(1)" in helix.screen(), "both are in the menu"
    )


def test_pyrights_items_are_there_before_the_model_says_anything(
    hx: Editor, tmux: Editor, tmp_path: Path
) -> None:
    pyright = editor_or_skip("pyright").binary.with_name("pyright-langserver")
    loop = asyncio.new_event_loop()
    with serving(Model(), loop) as model:
        gate = asyncio.Event()
        model.server.on(*GENERATE, ollama_stream([gate, "sqrt(2.0) + 1"]))
        added = settings(model.url, completion=COMPLETION) + beside("pyright", [str(pyright), "--stdio"])
        with running(hx, tmux, tmp_path, added) as helix:
            helix.open(helix.project / "a.py", "import math\n\n", row=1)
            helix.type("math.")
            helix.until(lambda: "acosh" in helix.screen(), "pyright's items are in the menu", 60)
            helix.until(lambda: model.asked, "the model was asked")
            loop.call_soon_threadsafe(gate.set)
            helix.until(lambda: "sqrt(2.0) + 1" in helix.screen(), "ours is there as well")
            assert "acos" in helix.screen()


def offered_after(helix: Helix, letter: str) -> bool:
    """Whether the other's item comes when that is typed. Helix passes over keys that come too quickly."""
    helix.type(letter)
    return helix.within(1.0, lambda: f" {ITEM}" in helix.screen())
