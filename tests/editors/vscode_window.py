"""A VS Code with our packed extension, pyright's language server beside it, and models that answer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.editors.chat import MODEL as CHAT_MODEL
from tests.editors.chat import ChatModel
from tests.editors.lsp_tee import EDITOR, Entry, Traffic, a_server, until
from tests.editors.model import Model
from tests.editors.model import serving as at_work
from tests.editors.vscode import SECTION, WAIT_S, Folders, Programs, Workbench, install, serving
from tests.support.fake_server import Recorded, Reply
from tools import vsix
from tools.fetch_editors import locate

BESIDE = Path(__file__).parent / "vscode_pyright"
"""An extension for tests only: pyright's language server."""


class Window(Workbench):
    """An editor with our extension, and with models for it: `model` completes, `talker` chats."""

    def __init__(
        self,
        programs: Programs,
        folders: Folders,
        traffic: Traffic,
        model: Model,
        model_loop: asyncio.AbstractEventLoop,
        talker: ChatModel,
    ) -> None:
        super().__init__(programs, folders, traffic)
        self.model, self.model_loop, self.talker = model, model_loop, talker
        self.settings: dict[str, object] = {}

    def usual(self) -> dict[str, object]:
        """The user's settings: the models of the test, no pause before asking, whole blocks always."""
        return {
            "security.workspace.trust.enabled": False,
            "twinny-lsp.providers": self.providers(),
            "twinny-lsp.completion.debounce": 0,
            "twinny-lsp.completion.speculate": False,
            "twinny-lsp.completion.multiline": "always",
            "twinny-lsp.chat.provider": "talker",
            "twinny-lsp.chat.model": CHAT_MODEL,
        }

    def providers(self) -> dict[str, object]:
        """Who completes, and who chats."""
        talker = {"type": "ollama", "baseUrl": self.talker.server.url}
        return {"ollama": {"baseUrl": self.model.url}, "talker": talker}

    def set(self, **more: object) -> None:
        """Change the user's settings while the editor runs, `completion_surface="menu"` and the like.

        Waits until the server has been told.
        """
        changed = {f"{SECTION}.{name.replace('_', '.', 1)}": value for name, value in more.items()}
        settings = self.usual() | changed
        if settings == self.settings:
            return
        self.settings = settings
        self.folders.set(settings)
        if self.traffic.servers():
            self.until(lambda: self.told() == _nested(settings), "the server is told the settings")

    def told(self) -> object:
        """What the server was told of the settings last."""
        asked = [entry.id for entry in self.traffic.said("server", "workspace/configuration")]
        answers = [
            entry.message["result"]
            for entry in self.traffic.entries()
            if entry.sender == EDITOR and not entry.method and entry.id in asked
        ]
        return answers[-1][-1] if answers and answers[-1] else None

    def fresh(self) -> None:
        """The usual settings, and no menu open. Files of earlier tests stay open, as a person's do."""
        self.set()
        self.model.server.on("POST", "/api/generate", self.model.answer)
        self.keys("Escape")

    def held_up(self) -> Callable[[], None]:
        """Let the model be at a loss, until what is returned is called."""
        gate = asyncio.Event()

        def answer(request: Recorded) -> Reply:
            reply = self.model.answer(request)
            return Reply([gate, *reply.steps], content_type=reply.content_type)

        self.model.server.on("POST", "/api/generate", answer)

        def goes_on() -> None:
            self.model.server.on("POST", "/api/generate", self.model.answer)
            self.model_loop.call_soon_threadsafe(gate.set)

        return goes_on

    def partly(self) -> list[Entry]:
        """What the server was told of suggestions that were taken in part."""
        return self.traffic.said(EDITOR, "textDocument/didPartiallyAcceptCompletion")

    def invoked(self) -> object:
        """The id of the last request for ghost text that a person made, None where there is none."""
        asked = self.traffic.said(EDITOR, "textDocument/inlineCompletion")
        by_hand = [entry.id for entry in asked if entry.message["params"]["context"]["triggerKind"] == 1]
        return by_hand[-1] if by_hand else None

    def quick_pick(self, title: str) -> None:
        """Choose from a list that is open."""
        self.click(f".quick-input-list .monaco-list-row:has-text({title!r})")

    def status(self) -> str:
        """What our entry in the status bar says to a screen reader."""
        entry = self.page.locator("[id='twinny-lsp.twinny-lsp.twinny-lsp.client.status'] a").first
        return str(self.do(entry.get_attribute("aria-label")) or "")

    def executed(self) -> list[str]:
        """The server's commands that the editor has run."""
        return [e.message["params"]["command"] for e in self.traffic.said(EDITOR, "workspace/executeCommand")]

    def new_chat(self) -> None:
        """Show an empty chat, its field in focus."""
        self.command("twinny-lsp: New chat")
        self.command("twinny-lsp: Ask about this code")
        self.chat_until(lambda: not self.chat("article"), "the chat is empty")
        self.chat_click("#forget")

    def ask(self, question: str) -> None:
        """Send a message in the chat view."""
        self.chat_click("#question")
        self.type(question)
        self.keys("Enter")

    def chat(self, selector: str) -> list[str]:
        """What is to be seen in the chat view; [] as well where there is no view."""
        frame = self._chat_frame()
        if frame is None:
            return []
        return [text.strip("\n") for text in self.do(frame.locator(selector).all_text_contents())]

    def chat_click(self, selector: str) -> None:
        """Click in the chat view."""
        self.until(lambda: self._chat_frame(), "the chat view is there")
        self.do(self._chat_frame().locator(selector).first.click(timeout=30_000))

    def chat_until(self, look: Callable[[], object], what: str) -> None:
        """As `until`; where it never comes, the failure says what the chat shows."""
        until(look, what, WAIT_S, seen=lambda: (self.seen(), self.chat("body")))

    def _chat_frame(self) -> Any:
        """The page of the chat view, None where it is not there (yet)."""
        for frame in self.page.frames:
            try:
                if self.do(frame.locator("#turns").count()):
                    return frame
            except Exception as gone:
                if "detached" not in str(gone) and "destroyed" not in str(gone) and "closed" not in str(gone):
                    raise
        return None

    def saved(self, path: Path) -> str:
        """Save the file in front and read it."""
        self.keys("Control+s")
        self.until(lambda: not self.count(".tab.active.dirty"), "it is saved")
        return path.read_bytes().decode() if path.exists() else ""

    def messages_gone(self) -> None:
        """Take all messages away."""
        self.command("Notifications: Clear All Notifications")
        self.until(lambda: not self.toasts(), "no message is on screen")

    def ready(self) -> None:
        """Wait until the server says that all is well."""
        self.until(lambda: ", ready" in self.status(), "the status bar says that all is well")


def _nested(settings: dict[str, object]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in settings.items():
        section, *rest = name.split(".")
        # The rest of `client` is the extension's own.
        if section == SECTION and rest[0] != "client":
            here = made
            for part in rest[:-1]:
                here = here.setdefault(part, {})
            here[rest[-1]] = value
    return made


@contextmanager
def a_window(programs: Programs, extension: Path, base: Path) -> Iterator[Window]:
    """An editor at work, with our extension from its .vsix, and pyright's beside it."""
    folders = Folders(base)
    programs_folder, traffic = a_server(base)
    loop, model_loop = asyncio.new_event_loop(), asyncio.new_event_loop()
    for folder in (extension, vsix.bundle(BESIDE)):
        install(programs, folders, vsix.pack(folder, base / f"{folder.name}.vsix"))
    path = os.pathsep.join([str(programs_folder), str(locate("pyright").binary.parent), os.environ["PATH"]])
    with at_work(Model(), model_loop) as model, at_work(ChatModel(loop), loop) as talker:
        window = Window(programs, folders, traffic, model, model_loop, talker)
        window.set()
        with serving(programs, folders, path) as address, window.at(address):
            yield window
