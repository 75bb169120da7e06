"""Editors, a project to edit, a model to answer, and the server under its own name on PATH."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.chat import ChatModel
from tests.editors.lsp_tee import Traffic, a_server
from tests.editors.model import Model, serving
from tests.editors.vscode import Programs
from tests.editors.vscode_window import Window, a_window
from tools import vsix
from tools.fetch_editors import Editor, locate
from tools.packages import Unavailable


def editor_or_skip(name: str) -> Editor:
    """The editor, or a skipped test with the reason (CI does not accept the skip)."""
    try:
        return locate(name)
    except Unavailable as problem:
        pytest.skip(f"{name} is not to be had here: {problem}")


@pytest.fixture(scope="session")
def nvim_editor() -> Editor:
    return editor_or_skip("nvim")


@pytest.fixture(scope="session")
def hx() -> Editor:
    return editor_or_skip("hx")


@pytest.fixture(scope="session")
def tmux() -> Editor:
    return editor_or_skip("tmux")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project: a folder an editor takes for a root."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    return folder


@pytest.fixture
def traffic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Traffic:
    """Puts a `twinny-lsp` on PATH: the server of this checkout, with all it says written down."""
    folder, traffic = a_server(tmp_path)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return traffic


@pytest.fixture
def model() -> Iterator[Model]:
    """A model that completes."""
    with serving(Model()) as made:
        yield made


@pytest.fixture
def chat_model() -> Iterator[ChatModel]:
    """A model to chat with."""
    loop = asyncio.new_event_loop()
    with serving(ChatModel(loop), loop) as made:
        yield made


@pytest.fixture(scope="session")
def vscode_programs() -> Programs:
    """What VS Code takes, its browser included."""
    return Programs(*(editor_or_skip(name) for name in ("code-server", "chromium", "playwright")))


@pytest.fixture(scope="session")
def vscode_extension() -> Path:
    """The extension, compiled and bundled."""
    try:
        return vsix.build()
    except Unavailable as problem:
        pytest.skip(f"the extension for VS Code cannot be built here: {problem}")


@pytest.fixture(scope="session")
def vscode(
    vscode_programs: Programs, vscode_extension: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Window]:
    """One VS Code with our extension and pyright for all tests: it takes long to start."""
    with a_window(vscode_programs, vscode_extension, tmp_path_factory.mktemp("vscode")) as window:
        yield window
