"""A chat document in a real Helix: open, write, send, stream, stop, send again; typing while it streams."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.chat import (
    BETTER,
    CODE,
    MODEL,
    PIECES,
    QUESTION,
    SENT,
    ChatModel,
    answer_of,
    streamed_text,
    typed,
    without_sent,
)
from tests.editors.conftest import editor_or_skip
from tests.editors.helix import Helix, home_with_config
from tests.editors.lsp_tee import Traffic, until
from tests.editors.screens import keep
from tools.fetch_editors import Editor

pytestmark = pytest.mark.editor


@pytest.fixture(scope="module")
def helix_editor() -> Editor:
    return editor_or_skip("hx")


@pytest.fixture(scope="module")
def tmux() -> Editor:
    return editor_or_skip("tmux")


def started(
    helix_editor: Editor, tmux: Editor, project: Path, tmp_path: Path, traffic: Traffic, settings: str
) -> Helix:
    """Helix with the shipped configuration and a person's settings below it."""
    home = home_with_config(tmp_path / "config", f"[language-server.twinny-lsp.config]\n{settings}")
    env = {"XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return Helix(helix_editor, tmux, project, traffic, env)


@pytest.fixture
def helix(
    helix_editor: Editor, tmux: Editor, project: Path, tmp_path: Path, traffic: Traffic, chat_model: ChatModel
) -> Iterator[Helix]:
    settings = (
        f"providers = {{ ollama = {{ baseUrl = {json.dumps(chat_model.server.url)} }} }}\n"
        f'completion = {{ enabled = false }}\nchat = {{ model = "{MODEL}" }}\n'
    )
    editor = started(helix_editor, tmux, project, tmp_path, traffic, settings)
    yield editor
    try:
        until(lambda: not traffic.badly_answered(), "every request is answered once")
    finally:
        editor.close()


def open_chat(helix: Helix, project: Path) -> Path:
    """Open a chat from a file of the project, and go to where the message is written."""
    helix.open(project / "a.py", CODE, row=0)
    helix.command("lsp-workspace-command twinny-lsp.openChat")
    chats = project / ".twinny" / "chat"
    helix.until(lambda: " ## You" in helix.screen(), "the chat is shown")
    (path,) = chats.glob("*.md")
    opened = [path.as_uri()]
    helix.until(
        lambda: opened[0] in str([e.message for e in helix.traffic.said("editor", "textDocument/didOpen")]),
        "the server knows it",
    )
    return path


def act(helix: Helix, title: str, below: int = 0) -> None:
    """Choose the code action of that title from the menu, where so many stand above it."""

    def asked() -> bool:
        normal(helix)
        helix.type(" a")
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            if title in helix.screen():
                return True
            time.sleep(0.02)
        return False

    helix.until(asked, f"the editor offers {title!r}")
    helix.keys(*["C-n"] * below, "Enter")


def shows(helix: Helix, word: str) -> None:
    """Look at the end of the document until it is there."""

    def seen() -> bool:
        helix.type("ge")
        return word in helix.screen()

    helix.until(seen, f"{word!r} is on the screen")


def normal(helix: Helix) -> None:
    """Leave insert mode, and wait for it: Escape and a letter in one go are Alt with that letter."""
    helix.keys("Escape")
    helix.until(lambda: " NOR " in helix.screen(), "normal mode")


def write(helix: Helix, text: str) -> None:
    """Write at the end of the document, on a line of its own."""
    normal(helix)
    helix.type("geo")
    helix.type(text)
    normal(helix)


def saved(helix: Helix, path: Path) -> str:
    """What is in the file once it is saved."""
    before = stamp(path)
    helix.command("write!")
    helix.until(lambda: stamp(path) not in (0, before), "it is saved")
    return path.read_text(encoding="utf-8")


def stamp(path: Path) -> int:
    """When it was written; 0 in the moment in which Helix has moved the old file away."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def test_open_write_send_stop_and_send_again(helix: Helix, chat_model: ChatModel, project: Path) -> None:
    path = open_chat(helix, project)
    write(helix, QUESTION)
    chat_model.says(["It adds ", "one price at a time.\n\n", "```python\n", "return sum(prices)", None])
    act(helix, "Send to model")
    shows(helix, "sum(prices)")
    helix.until(lambda: "Sent to ollama" in helix.screen(), "it says what was sent")
    keep("chat-helix", helix.colours())
    act(helix, "Stop the model")
    shows(helix, "Stopped.")
    chat_model.goes_on()
    said = "It adds one price at a time.\n\n```python\nreturn sum(prices)\n```"
    assert answer_of(saved(helix, path)) == said
    write(helix, "And now?")
    chat_model.says(["Better."])
    act(helix, "Send to model")
    shows(helix, "Better.")
    assert [message["content"] for message in chat_model.asked[-1].json["messages"]] == [
        SENT,
        said,
        "And now?",
    ]
    chat_model.says(["Best."])
    helix.type("/Better")
    helix.keys("Enter")
    act(helix, "Answer again")
    shows(helix, "Best.")
    assert "Better." not in saved(helix, path)


def test_nothing_is_lost_or_moved_while_the_user_types(
    helix: Helix, chat_model: ChatModel, project: Path
) -> None:
    path = open_chat(helix, project)
    normal(helix)
    helix.type("ggO")
    helix.type("Notes:")
    helix.keys("Enter")
    write(helix, "question")
    chat_model.says_slowly(PIECES)
    act(helix, "Send to model")
    helix.until(lambda: "first" in helix.screen(), "the answer streams in")
    words: dict[str, str] = {"gg": "", "ge": ""}
    dice, end = random.Random(7), time.monotonic() + 20
    while time.monotonic() < end:
        for place in words:
            word = "".join(dice.choices("abcdefgh ", k=dice.randint(1, 6))) + "."
            normal(helix)
            helix.type(f"{place}A")
            for letter in word:
                helix.type(letter)
                time.sleep(dice.uniform(0.0, 0.04))
            words[place] += word
    normal(helix)
    want = streamed_text(words["gg"], words["ge"])
    helix.until(lambda: without_sent(saved(helix, path)) == want, f"the text is {want[:200]!r}…", 60)
    assert len(words["gg"]) > 50


def test_an_edit_of_code_is_one_step_of_undo(helix: Helix, chat_model: ChatModel, project: Path) -> None:
    path = project / "a.py"
    helix.open(path, CODE, row=2)
    chat_model.says([None, f"```python\n{BETTER}```"])
    act(helix, "twinny-lsp: Refactor", below=1)  # a fix stands first
    helix.until(lambda: chat_model.asked, "the model is asked")
    helix.type("ggO")
    helix.type("# The shop's.")
    normal(helix)
    helix.until(lambda: "shop's." in typed(helix.traffic), "the server knows it")
    chat_model.goes_on()
    helix.until(lambda: "sum(prices)" in helix.screen(), "the code is edited")
    assert saved(helix, path) == f"# The shop's.\n{BETTER}"
    (edit,) = helix.traffic.said("server", "workspace/applyEdit")
    assert edit.message["params"]["label"] == "twinny-lsp: Refactor"
    helix.type("u")
    helix.until(lambda: "result += price" in helix.screen(), "it is taken back")
    assert saved(helix, path) == f"# The shop's.\n{CODE}"


def test_an_explanation_streams_into_a_chat_and_is_taken_back_by_time(
    helix: Helix, chat_model: ChatModel, project: Path
) -> None:
    helix.open(project / "a.py", CODE, row=2)
    chat_model.says(["It adds.\n", None, "One by one."])
    act(helix, "twinny-lsp: Explain", below=6)  # below all that changes the code
    helix.until(lambda: "It adds." in helix.screen(), "the answer streams in")
    (path,) = (project / ".twinny" / "chat").glob("*.md")
    begun = path.read_text()
    assert begun == "## You\n\nExplain @file:a.py:1-4\n"
    chat_model.goes_on()
    shows(helix, "One by one.")
    assert answer_of(saved(helix, path)) == "It adds.\nOne by one."
    helix.command("earlier 1h")
    helix.until(lambda: "It adds." not in helix.screen(), "it is taken back")
    assert saved(helix, path) == begun


@pytest.mark.real
def test_the_embedded_model_answers(
    helix_editor: Editor, tmux: Editor, project: Path, tmp_path: Path, traffic: Traffic
) -> None:
    """The real llama.cpp, with the model of the package."""
    settings = 'completion = { enabled = false }\nchat = { provider = "embedded", maxTokens = 40 }\n'
    helix = started(helix_editor, tmux, project, tmp_path, traffic, settings)
    try:
        path = open_chat(helix, project)
        write(helix, "Hello")
        act(helix, "Send to model")
        helix.until(lambda: answer_of_saved(helix, path), "it answers", 90)
        until(lambda: not traffic.badly_answered(), "every request is answered once")
    finally:
        helix.close()


def answer_of_saved(helix: Helix, path: Path) -> str:
    """What the model has said so far, "" while there is nothing."""
    text = saved(helix, path)
    return answer_of(text) if text.count("## You") == 2 else ""


def test_mentions_are_completed(helix: Helix, project: Path) -> None:
    (project / "src").mkdir()
    (project / "src" / "parse.py").write_text("x = 1\n")
    path = open_chat(helix, project)
    normal(helix)
    helix.type("geo")
    helix.type("see @")
    helix.until(lambda: "@diff" in helix.screen(), "the mentions are in the menu")
    helix.type("file:par")
    helix.until(lambda: "@file:src/parse.py" in helix.screen(), "the file is in the menu")
    helix.keys("C-n", "Enter")
    normal(helix)
    assert "see @file:src/parse.py\n" in saved(helix, path)
