"""What happens to a Helix whose language server dies, or whose model is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.chat import CODE, MODEL, ChatModel
from tests.editors.helix import Helix, running, settings
from tests.editors.model import Model
from tests.support.fake_server import HANG, Reply
from tools.fetch_editors import Editor

pytestmark = pytest.mark.editor

GENERATE = ("POST", "/api/generate")
LINES = 60


@pytest.fixture
def completing(hx: Editor, tmux: Editor, tmp_path: Path, model: Model) -> Iterator[Helix]:
    with running(hx, tmux, tmp_path, settings(model.url, completion={"debounce": 0})) as editor:
        yield editor


def test_killed_in_mid_completion(completing: Helix, model: Model) -> None:
    helix, path = completing, completing.project / "a.py"
    model.server.on(*GENERATE, Reply([HANG], content_type="application/x-ndjson"))
    helix.open(path, "def total(a):\n    ret\n", row=1)
    helix.keys("C-x")
    helix.until(lambda: model.asked, "the model is asked")
    helix.kill_server()
    helix.type("urn a")
    helix.save(path, "def total(a):\n    return a\n")
    model.server.on(*GENERATE, model.answer)
    want = model.knows("def total(a):\n    return a", " + 1", "\n")
    restart(helix)
    helix.keys("A", "C-x")
    helix.until(lambda: "a + 1" in helix.screen(), "the suggestion is in the menu")
    helix.keys("C-n", "Enter")
    helix.save(path, want)


def test_killed_in_mid_stream_of_a_chat(
    hx: Editor, tmux: Editor, tmp_path: Path, chat_model: ChatModel
) -> None:
    added = settings(chat_model.server.url, completion={"enabled": False}, chat={"model": MODEL})
    with running(hx, tmux, tmp_path, added) as helix:
        chat_model.says(["It adds ", "one price.\n", None])
        helix.open(helix.project / "a.py", CODE, row=0)
        helix.command("lsp-workspace-command twinny-lsp.openChat")
        helix.until(lambda: " ## You" in helix.screen(), "the chat is shown")
        (path,) = (helix.project / ".twinny" / "chat").glob("*.md")
        helix.until(lambda: helix.knows(path), "the server knows it")
        helix.normal()
        helix.type("geoWhy?")
        helix.act("Send to model")
        helix.until(lambda: "one price." in helix.screen(), "the answer streams in")
        helix.kill_server()
        helix.normal()
        helix.type("geoMine.")
        kept = helix.saved(path)
        assert "Why?" in kept
        assert "It adds one price.\n" in kept
        assert kept.endswith("Mine.\n")
        chat_model.goes_on()
        chat_model.says(["Once more."])
        restart(helix)
        helix.normal()
        helix.type("geo")
        helix.type("## You")
        helix.keys("Enter", "Enter")
        helix.type("And now?")
        helix.act("Send to model")
        helix.shows("Once more.")
        assert helix.saved(path).startswith(kept)


def test_a_model_that_is_not_there_is_told_of_once(hx: Editor, tmux: Editor, tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9"
    with running(hx, tmux, tmp_path, settings(nobody, completion={"debounce": 0})) as helix:
        path = helix.project / "a.py"
        helix.open(path, "", row=0)
        for number in range(LINES):
            helix.type(f"x{number} = total(1, ")
            helix.until(lambda n=number: asked(helix) > n, "it has asked")
            helix.type("2)")
            helix.keys("Enter")
        text = helix.saved(path)
        assert text == "".join(f"x{number} = total(1, 2)\n" for number in range(LINES))
        told = helix.traffic.said("server", "window/showMessage")
        assert len(told) == 1, [entry.message["params"]["message"] for entry in told]
        assert "127.0.0.1:9" in told[0].message["params"]["message"]
        helix.act("why nothing?")
        helix.until(lambda: "127.0.0.1:9" in helix.screen(), "it says why")


def restart(helix: Helix) -> None:
    """Have it start the server again, and wait until that knows what is open."""
    opened = len(helix.traffic.said("editor", "textDocument/didOpen"))
    helix.command("lsp-restart")
    helix.until(lambda: len(helix.traffic.said("editor", "textDocument/didOpen")) > opened, "it runs again")


def asked(helix: Helix) -> int:
    """How often it has asked for a menu."""
    return len(helix.traffic.said("editor", "textDocument/completion"))
