"""Chat and tasks in VS Code: the menu of actions, the editor's own menu, a chat document, the chat view."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.chat import BETTER, CODE
from tests.editors.screens import wanted
from tests.editors.vscode_window import Window

pytestmark = pytest.mark.editor

ANSWER = "It adds *one* price at a time.\n\n```python\nreturn sum(prices)\n```\n\nThat is **all**."
HOSTILE = (
    "<img src=x onerror=\"document.body.id='hit'\"><script>document.body.id = 'hit'</script>\n\n"
    "[click](command:workbench.action.quit) ![](http://192.0.2.1/leak) <https://192.0.2.1/>\n\nend"
)


@pytest.fixture
def window(vscode: Window) -> Window:
    """With the usual settings, and without a model that completes."""
    vscode.fresh()
    vscode.set(completion_enabled=False)
    return vscode


def rewritten(window: Window, path: Path) -> None:
    """The model's code is in the place of the old; one undo brings that back."""
    window.until(lambda: "sum(prices)" in window.lines(), "the code is changed")
    assert window.save(path, BETTER) == BETTER
    window.keys("Control+z")
    window.until(lambda: "result += price" in window.lines(), "it is taken back")
    assert window.save(path, CODE) == CODE


def test_a_code_action_changes_the_selection_and_one_undo_takes_it_back(window: Window) -> None:
    window.talker.says([f"```python\n{BETTER}```"])
    path = window.open("action.py", CODE, row=0, column=0)
    window.keys("Shift+ArrowDown", "Shift+ArrowDown", "Shift+ArrowDown", "Shift+End")
    window.act("twinny-lsp: Refactor")
    rewritten(window, path)


def test_the_editors_menu_does_the_same(window: Window) -> None:
    window.talker.says([f"```python\n{BETTER}```"])
    path = window.open("menu_of_tasks.py", CODE, row=0, column=0)
    window.keys("Shift+ArrowDown", "Shift+ArrowDown", "Shift+ArrowDown", "Shift+End", "Shift+F10")
    window.pick("twinny-lsp")
    window.pick("Refactor")
    rewritten(window, path)


def test_a_chat_document_streams(window: Window) -> None:
    window.open("asked.py", CODE, row=0)
    window.command("twinny-lsp: Open a chat document")
    window.until(lambda: window.active().endswith(".md"), "the chat is shown")
    path = window.project / ".twinny" / "chat" / window.active()
    window.until(lambda: window.count(".editor-instance .monaco-editor.focused"), "it has the focus")
    window.keys("Control+End")
    window.type("Why?")
    window.talker.says(["It adds ", "one price", None, " at a time."])
    window.act("twinny-lsp: Send to model")
    window.until(lambda: "It adds one price" in window.lines(), "the answer streams in")
    assert "at a time" not in window.lines()
    window.talker.goes_on()
    window.until(lambda: "at a time." in window.lines(), "it goes on")
    window.until(lambda: "It adds one price at a time." in window.saved(path), "all is saved")


def test_the_chat_view_streams_markdown(window: Window) -> None:
    window.open("viewed.py", CODE, row=0, column=0)
    window.keys("Control+a")
    window.command("twinny-lsp: Ask about this code")
    window.chat_until(lambda: window.chat("#about span") == ["viewed.py:1-4"], "the code is taken along")
    window.talker.says([ANSWER[:40], ANSWER[40:60], None, ANSWER[60:]])
    window.type("What does it do?")
    window.keys("Enter")
    window.chat_until(lambda: "one" in window.chat(".assistant em"), "Markdown is drawn while it streams")
    assert window.chat(".assistant strong") == []
    assert window.chat("#stop:visible") == ["Stop"]
    window.talker.goes_on()
    window.chat_until(lambda: window.chat(".assistant strong") == ["all"], "it goes on")
    assert window.chat(".assistant pre code") == ["return sum(prices)"]
    sent = window.talker.asked[-1].json["messages"][-1]["content"]
    assert sent.startswith("What does it do?\n\nviewed.py:\n```python\n" + CODE.rstrip("\n"))
    if folder := wanted():
        window.picture(folder / "vscode-chat.png")


def test_the_chat_goes_on_and_can_be_stopped(window: Window) -> None:
    window.new_chat()
    window.talker.says(["One."])
    window.ask("first")
    window.chat_until(lambda: window.chat(".assistant .text") == ["One."], "the first answer")
    window.talker.says(["Two", None])
    window.ask("second")
    window.chat_until(lambda: "Two" in str(window.chat(".assistant .text")), "the second streams")
    window.chat_click("#stop")
    window.chat_until(lambda: window.chat(".note") == ["Stopped."], "it is stopped")
    window.talker.goes_on()
    window.talker.says(["Three."])
    window.ask("third")
    window.chat_until(lambda: "Three." in str(window.chat(".assistant .text")), "the third answer")
    told = [(turn["role"], turn["content"]) for turn in window.talker.asked[-1].json["messages"]]
    assert told == [
        *[("user", "first"), ("assistant", "One."), ("user", "second"), ("assistant", "Two")],
        ("user", "third"),
    ]


def test_what_the_model_says_is_only_text(window: Window) -> None:
    window.new_chat()
    window.talker.says([HOSTILE[:30], HOSTILE[30:]])
    window.ask("attack")
    window.chat_until(lambda: "end" in str(window.chat(".assistant p")), "the answer is there")
    assert window.chat(".assistant :is(img, script, a)") == []
    assert window.chat("#hit") == []
    assert "<script>" in str(window.chat(".assistant .text"))


def test_what_goes_wrong_is_said_in_the_chat(window: Window) -> None:
    window.new_chat()
    window.set(chat_provider="nobody")
    window.ask("hello")
    window.chat_until(lambda: window.chat(".note"), "it is said")
    assert "no provider has this name" in window.chat(".note")[0]
    window.set(completion_enabled=False)
    window.talker.says(["Here."])
    window.ask("again")
    window.chat_until(lambda: "Here." in str(window.chat(".assistant .text")), "it goes on")
