"""A real VS Code: code-server with extensions of this project, shown in a Chromium without a window.

The extensions are packed and installed from their .vsix as a person does, and the `twinny-lsp` they start
is found on PATH (a script that runs the server behind `lsp_tee`). Everything is told to stay on this machine,
and the browser finds no other. An editor with our extension and with models is vscode_window.py's.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests.editors.chat import run_loop
from tests.editors.lsp_tee import Traffic, until
from tests.editors.screens import wanted
from tools.fetch_editors import Editor

T = TypeVar("T")
WAIT_S = 60.0
"""How long one thing of the browser's may take, on a busy machine."""
SAVED_S = 20.0
MENU_S = 5.0
"""How long a menu of actions may take to open; where there is none, it is asked for again."""
SECTION = "twinny-lsp"
QUIET: dict[str, object] = {
    "workbench.startupEditor": "none",
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoUpdate": False,
    "extensions.autoCheckUpdates": False,
    "extensions.ignoreRecommendations": True,
    "workbench.enableExperiments": False,
    "workbench.settings.enableNaturalLanguageSearch": False,
    "workbench.tips.enabled": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "git.enabled": False,
    "chat.disableAIFeatures": True,
    "editor.accessibilitySupport": "off",
    "editor.minimap.enabled": False,
    # What is typed is to be what is in the file.
    "editor.autoClosingBrackets": "never",
    "editor.autoClosingQuotes": "never",
    "editor.wordBasedSuggestions": "off",
}
BROWSER = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-breakpad"),
    *("--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
)
GHOST = "[class*='ghost-text']"
FOCUSED = ".suggest-widget.visible .monaco-list-row.focused"


@dataclass(frozen=True, slots=True)
class Programs:
    """What it takes."""

    code_server: Editor
    chromium: Editor
    playwright: Editor


@dataclass
class Folders:
    """Where one editor keeps what is its own, and the project."""

    base: Path
    user: Path = field(init=False)
    extensions: Path = field(init=False)
    project: Path = field(init=False)

    def __post_init__(self) -> None:
        self.user, self.extensions = self.base / "user", self.base / "extensions"
        self.project = self.base / "project"
        for folder in (self.user / "User", self.user / "Machine", self.extensions, self.project / ".git"):
            folder.mkdir(parents=True, exist_ok=True)

    def set(self, settings: dict[str, object]) -> None:
        """Write the user's settings: those of this project where the code is, the rest where a person is."""
        own = {key: value for key, value in settings.items() if key.startswith(SECTION)}
        rest = {key: value for key, value in settings.items() if key not in own}
        for name, part in (("Machine", own), ("User", QUIET | rest)):
            written = self.user / name / "settings.json"
            new = written.with_suffix(".new")
            new.write_text(json.dumps(part), encoding="utf-8")
            new.replace(written)


def install(programs: Programs, folders: Folders, vsix: Path) -> None:
    """Install a packed extension."""
    subprocess.run(
        [*_start(programs, folders), "--install-extension", str(vsix)],
        check=True,
        capture_output=True,
        timeout=120,
    )


def _start(programs: Programs, folders: Folders) -> list[str]:
    folder = ["--user-data-dir", str(folders.user), "--extensions-dir", str(folders.extensions)]
    return [str(programs.code_server.binary), *folder]


@contextmanager
def serving(programs: Programs, folders: Folders, path: str) -> Iterator[str]:
    """code-server at work; its address. `path` is its PATH."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    quiet = ["--auth", "none", "--disable-telemetry", "--disable-update-check", "--disable-proxy"]
    nowhere = "http://127.0.0.1:9"
    env = {**os.environ, **programs.code_server.env, "PATH": path}
    env |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), nowhere)
    env |= {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    env |= {"EXTENSIONS_GALLERY": json.dumps({"serviceUrl": nowhere})}
    env = {key: value for key, value in env.items() if not key.startswith("VSCODE_")}
    # As when it is started from a shell: otherwise a login shell is asked for the PATH, and ours is lost.
    env["VSCODE_CLI"] = "1"
    with (folders.base / "code-server.log").open("ab") as log:
        process = subprocess.Popen(
            [*_start(programs, folders), *quiet, "--bind-addr", address, str(folders.project)],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: _answers(f"http://{address}/healthz"), "code-server listens", WAIT_S)
        yield f"http://{address}"
    finally:
        end(process.pid)
        process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def end(pid: int) -> None:
    """End a process and all that it has started."""
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(family, timeout=10)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=10)


class Workbench:
    """The window of one editor. `traffic` is what it and our server say to each other."""

    def __init__(self, programs: Programs, folders: Folders, traffic: Traffic) -> None:
        self.folders, self.traffic = folders, traffic
        self.project = folders.project
        self._address = ""
        self._programs = programs
        self._loop, self._thread = run_loop()
        self._browser: Any = None
        self._playwright: Any = None

    @contextmanager
    def at(self, address: str) -> Iterator[None]:
        """Show what is served there."""
        self._address = address
        try:
            self._open()
            yield
        finally:
            self._close()

    def _open(self) -> None:
        if (modules := self._programs.playwright.env.get("PYTHONPATH")) and modules not in sys.path:
            sys.path.append(modules)
        api = importlib.import_module("playwright.async_api")
        self._playwright = self.do(api.async_playwright().start())
        chromium = self._programs.chromium
        self._browser = self.do(
            self._playwright.chromium.launch(
                executable_path=str(chromium.binary),
                env={**os.environ, **chromium.env},
                args=list(BROWSER),
            )
        )
        window = {"width": 1100, "height": 640}
        self.page = self.do(self._browser.new_page(viewport=window))
        self.do(self.page.context.grant_permissions(["clipboard-read", "clipboard-write"]))
        self.reload()

    def reload(self) -> None:
        """Show the project anew, as after *Reload Window*."""
        self.do(self.page.goto(f"{self._address}/?folder={self.project}"))
        self.until(lambda: self.count(".monaco-workbench .part.editor"), "the workbench is there", 120)

    def _close(self) -> None:
        if self._browser is not None:
            self.do(self._browser.close())
        if self._playwright is not None:
            self.do(self._playwright.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """What the browser makes of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * WAIT_S)

    # -- what a person does

    def keys(self, *keys: str) -> None:
        """Press keys, in Playwright's names: `Control+Space`, `Enter`."""
        for key in keys:
            self.do(self.page.keyboard.press(key))

    def type(self, text: str) -> None:
        """Type letter by letter."""
        self.do(self.page.keyboard.type(text))

    def click(self, selector: str, button: str = "left") -> None:
        """Click what is there once it is."""
        self.do(self.page.locator(selector).first.click(button=button, timeout=1000 * WAIT_S))

    def command(self, title: str) -> None:
        """Run a command from the palette."""
        self.keys("F1")
        self.until(lambda: self.count(".quick-input-widget:visible input"), "the palette is open")
        self.type(title)
        self.until(
            lambda: title in self.first(".quick-input-list .monaco-list-row"), f"the palette has {title}"
        )
        self.keys("Enter")

    def open(self, name: str, text: str, row: int, column: int | None = None) -> Path:
        """Write a file, open it, and put the cursor there. `row` from 0; `column` None for the line's end."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        self.show(path)
        uri = path.as_uri()
        self.until(
            lambda: any(
                entry.message["params"]["textDocument"]["uri"] == uri
                for entry in self.traffic.said("editor", "textDocument/didOpen")
            ),
            "the server knows the file",
        )
        self.keys("Control+Home", *["ArrowDown"] * row)
        self.keys(*(["End"] if column is None else ["ArrowRight"] * column))
        return path

    def show(self, path: Path) -> None:
        """Go to a file of the project."""
        name = path.name
        self.keys("Control+P")
        self.until(lambda: self.count(".quick-input-widget:visible input"), "the files are asked for")
        self.type(str(path))
        self.until(
            lambda: self.first(".quick-input-list .monaco-list-row").startswith(name), f"{name} is found"
        )
        self.keys("Enter")
        self.until(lambda: self.active() == name, f"{name} is in front")
        self.until(lambda: self.count(".editor-instance .monaco-editor.focused"), "the editor has the focus")

    def save(self, path: Path, want: str) -> str:
        """Save until the file is as wanted (an accept may still be on its way), and give what it is."""
        last = time.monotonic() + SAVED_S
        while (found := path.read_bytes().decode()) != want and time.monotonic() < last:
            self.keys("Control+s")
            self.until(lambda: not self.count(".tab.active.dirty"), "it is saved")
        return found

    def act(self, title: str) -> None:
        """Do a code action, chosen from the menu of actions."""
        action = f".action-widget .monaco-list-row:has-text({title!r})"

        def offered() -> bool:
            # Pressed once: while the menu is open, this key takes its first entry.
            self.keys("Control+.")
            last = time.monotonic() + MENU_S
            while not self.count(".action-widget .monaco-list-row") and time.monotonic() < last:
                time.sleep(0.05)
            if not self.count(action):
                self.keys("Escape")  # asked too early: before the server knew the text
            return bool(self.count(action))

        self.until(offered, f"the action {title} is offered")
        for _ in range(50):
            if title in self.first(".action-widget .monaco-list-row.focused"):
                break
            self.keys("ArrowDown")
        self.keys("Enter")
        self.until(lambda: not self.count(".action-widget .monaco-list-row"), "it is chosen")

    def pick(self, title: str) -> None:
        """Choose from the editor's context menu that is open: an entry, or one that opens further ones."""
        focused = ".monaco-menu .action-item.focused > .action-menu-item > .action-label"
        self.until(lambda: title in self.texts(".monaco-menu .action-label"), f"the menu has {title}")
        for _ in range(60):
            if self.texts(focused)[-1:] == [title]:
                break
            self.keys("ArrowDown")
        self.keys("Enter")

    # -- what a person sees

    def count(self, selector: str) -> int:
        """How many there are."""
        return int(self.do(self.page.locator(selector).count()))

    def texts(self, selector: str) -> list[str]:
        """What they say."""
        return list(self.do(self.page.locator(selector).all_text_contents()))

    def first(self, selector: str) -> str:
        """What the first says, "" when there is none."""
        return next(iter(self.texts(selector)), "")

    def active(self) -> str:
        """The name of the file in front."""
        tab = self.page.locator(".tab.active").first
        return str(self.do(tab.get_attribute("data-resource-name")) if self.count(".tab.active") else "")

    def ghost(self) -> str:
        """The ghost text, its lines joined as they are; "" when there is none."""
        return "".join(plain(text) for text in self.texts(GHOST))

    def lines(self) -> str:
        """The text of the editor that is on screen, ghost text included."""
        script = (
            "() => [...document.querySelectorAll('.editor-instance .view-lines .view-line')]"
            ".map(e => [parseFloat(e.style.top), e.textContent]).sort((a, b) => a[0] - b[0])"
            ".map(e => e[1]).join('\\n')"
        )
        return plain(str(self.do(self.page.evaluate(script))))

    def menu(self) -> list[str]:
        """The labels in the completion menu, [] when it is not there."""
        rows = self.texts(".suggest-widget.visible .monaco-list-row .label-name")
        return [plain(row) for row in rows]

    def select(self, label: str) -> None:
        """Go to an item of the completion menu."""
        for _ in range(50):
            if plain(self.first(f"{FOCUSED} .label-name")) == label:
                return
            self.keys("ArrowDown")
        raise AssertionError(f"{label!r} is not among the first of {self.menu()}")

    def choose(self, label: str) -> None:
        """Take an item of the completion menu."""
        self.select(label)
        self.keys("Enter")

    def toasts(self) -> list[str]:
        """The messages on screen."""
        return self.texts(".notification-toast .notification-list-item-message")

    def picture(self, path: Path) -> None:
        """A screenshot."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.do(self.page.screenshot(path=str(path)))

    def until(self, look: Callable[[], T], what: str, seconds: float = WAIT_S) -> T:
        """Wait for it; where it never comes, the failure says what is on screen."""
        return until(look, what, seconds, seen=self.seen)

    def seen(self) -> str:
        """What is on screen, for the message of a failure."""
        if folder := wanted():
            self.picture(folder / "vscode-failed.png")
        return f"messages {self.toasts()}, ghost text {self.ghost()!r}, editor {self.lines()!r}"


def plain(text: str) -> str:
    """Text as it is on screen: the editor draws blanks as other characters."""
    return text.replace("\xa0", " ").replace("\u200b", "")
