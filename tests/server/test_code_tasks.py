"""Tasks on code through the whole server: what is offered, what an answer changes, and what it does not."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.code_editor import CAPABILITIES, CodeEditor, coding, rows
from tests.support.fake_server import HANG, FakeServer, bounded, chat_stream, json_reply
from twinny_lsp.chat.document import parse
from twinny_lsp.cli.session import JsonRpcError

CHAT = ("POST", "/v1/chat/completions")
CODE = "import os\n\n\ndef add(a, b):\n    c = a + b\n    return c\n\n\nprint(add(1, 2))\n"
BETTER = "```python\ndef add(a, b):\n    return a + b\n```"
CHANGED = CODE.replace("    c = a + b\n    return c\n", "    return a + b\n")
NO_RESOLVE = {**CAPABILITIES, "textDocument": {}}
NO_VERSIONS = {"workspace": {"applyEdit": True}}


def settings(server: FakeServer, **more: Any) -> dict[str, Any]:
    return {"providers": {"ollama": {"baseUrl": server.url}}, "chat": {"model": "m"}, **more}


def question(server: FakeServer) -> str:
    last = [request for request in server.requests if request.path == CHAT[1]][-1]
    return str(last.json["messages"][-1]["content"])


def asked(server: FakeServer) -> int:
    return sum(request.path == CHAT[1] for request in server.requests)


async def refactored(code: CodeEditor, row: int = 4) -> dict[str, Any]:
    return await code.resolve((await code.actions(row))["Refactor"])


async def test_what_is_offered(tmp_path: Path) -> None:
    async with FakeServer() as server, coding(tmp_path, settings(server)) as code:
        await code.open(CODE)
        offered = await code.actions(4)
        names = "Explain,Fix,Refactor,Simplify,Add types,Add documentation,Add tests,Translate comments"
        assert list(offered) == names.split(",")
        # Explaining opens a chat, which is no edit.
        assert [name for name, each in offered.items() if "command" in each] == ["Explain"]
        assert offered["Fix"]["kind"] == "refactor.rewrite"
        mending = (await code.actions(4, messages={4: "no such name"}))["Fix"]
        assert (mending["kind"], len(mending["diagnostics"])) == ("quickfix", 1)
        assert await code.actions(4, only=["quickfix"]) == {}
        assert "Refactor" in await code.actions(4, only=["refactor"])
        assert await code.actions(1) == {}
        assert not [request for request in server.requests if request.path == CHAT[1]]


async def test_the_edit_changes_the_lines_that_differ(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["Here it is:\n\n", BETTER, "\n\nShorter now."]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            resolved = await refactored(code)
            (change,) = resolved["edit"]["documentChanges"]
            assert change["textDocument"] == {"uri": code.uri, "version": 1}
            lines = {"start": {"line": 4, "character": 0}, "end": {"line": 5, "character": 12}}
            assert change["edits"] == [{"range": lines, "newText": "    return a + b"}]
            assert code.apply(resolved["edit"])
            assert code.text == CHANGED
            assert "def add(a, b):\n    c = a + b\n    return c\n```" in question(server)
            await code.editor.session.wait_for("$/progress", lambda params: params["value"]["kind"] == "end")


@pytest.mark.parametrize(("row", "width"), [(4, 0), (4, 1), (4, 2)])
async def test_a_character_is_no_selection(tmp_path: Path, row: int, width: int) -> None:
    """Helix selects one where others have a cursor."""
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["no"]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            span = {"start": {"line": row, "character": 8}, "end": {"line": row, "character": 8 + width}}
            await code.editor.command("refactor", {"uri": code.uri, "range": span})
            assert ("```python\ndef add" in question(server)) is (width < 2)


async def test_a_fix_is_told_what_is_wrong_there(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([BETTER]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            messages = {4: "c is a bad name", 8: "elsewhere"}
            await code.resolve((await code.actions(4, messages=messages))["Fix"])
            assert "c is a bad name" in question(server)
            assert "elsewhere" not in question(server)


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ("I'm sorry, but I can't help with that.", "declined"),
        ("You could return the sum directly.", "in words"),
        ("```python\ndef add(a, b):\n    # ... rest unchanged\n```", "left code out"),
    ],
)
async def test_what_is_no_code_changes_nothing_and_is_told_once(
    tmp_path: Path, answer: str, word: str
) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([answer]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            assert "edit" not in await refactored(code)
            await code.editor.told(word)
            assert len(code.editor.messages()) == 1
            assert (code.text, code.applied, code.asked) == (CODE, [], [])


async def test_an_error_is_told(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, json_reply({"error": {"message": "out of cheese"}}, 500))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            assert "edit" not in await refactored(code)
            await code.editor.told("out of cheese")
            with pytest.raises(JsonRpcError, match="out of cheese"):
                await code.editor.command("refactor", {"uri": code.uri, "range": rows(4, 4)})


async def test_an_edit_follows_the_code_that_has_moved(tmp_path: Path) -> None:
    async with FakeServer() as server:
        gate = asyncio.Event()
        server.on(*CHAT, chat_stream([gate, BETTER]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            work = asyncio.ensure_future(refactored(code))
            await asked_for(server)
            code.type("import os\n", "import os\nimport re\n")
            gate.set()
            edit = (await bounded(work))["edit"]
            assert edit["documentChanges"][0]["textDocument"]["version"] == 2
            assert code.apply(edit)
            assert code.text == CHANGED.replace("import os\n", "import os\nimport re\n")


async def asked_for(server: FakeServer) -> None:
    """Wait until the model was asked."""
    async with asyncio.timeout(10):
        while not asked(server):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("wanted", [True, False])
async def test_code_that_was_changed_meanwhile_is_left_alone(tmp_path: Path, wanted: bool) -> None:
    async with FakeServer() as server:
        gate = asyncio.Event()
        server.on(*CHAT, chat_stream([gate, BETTER]))
        chooses = "Show the answer" if wanted else ""
        async with coding(tmp_path, settings(server), chooses=chooses) as code:
            await code.open(CODE)
            work = asyncio.ensure_future(refactored(code))
            await asked_for(server)
            code.type("c = a + b", "c = b + a")
            gate.set()
            assert "edit" not in await bounded(work)
            async with asyncio.timeout(10):
                while not code.asked or (wanted and not code.shown):
                    await asyncio.sleep(0.005)
            assert "changed while the model answered" in code.asked[0]
            assert code.editor.messages() == []
            chats = list((tmp_path / ".twinny" / "chat").glob("*.md"))
            assert len(chats) == wanted
            for path in chats:
                turns = [(turn.role, turn.text) for turn in parse(path.read_text()).turns]
                assert turns == [
                    ("user", "Refactor @file:a.py:4-6"),
                    ("assistant", BETTER),
                    ("user", ""),
                ]


async def test_cancelling_closes_the_connection(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["part", HANG]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            action, session = (await code.actions(4))["Refactor"], code.editor.session
            work = session.send_request("codeAction/resolve", action, id="mine")
            await asked_for(server)
            session.cancel("mine")
            with pytest.raises(JsonRpcError, match="-32800"):
                await bounded(work)
            await bounded(server.last(CHAT[1]).closed.wait())


async def test_progress_can_cancel_it(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["part", HANG]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            session = code.editor.session
            work = session.send_request("codeAction/resolve", (await code.actions(4))["Refactor"])
            begun = await session.wait_for("$/progress", lambda params: params["value"]["kind"] == "begin")
            await asked_for(server)
            session.notify("window/workDoneProgress/cancel", {"token": begun.params["token"]})
            with pytest.raises(JsonRpcError, match="-32800"):
                await bounded(work)
            await bounded(server.last(CHAT[1]).closed.wait())


@pytest.mark.parametrize(
    ("client", "capabilities"), [("test", NO_RESOLVE), ("helix", CAPABILITIES), ("test", NO_VERSIONS)]
)
async def test_without_resolving_a_command_applies_it(
    tmp_path: Path, client: str, capabilities: dict[str, Any]
) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([BETTER]))
        async with coding(tmp_path, settings(server), client=client, capabilities=capabilities) as code:
            await code.open(CODE)
            action = (await code.actions(4))["Refactor"]
            assert await code.resolve(action) == action
            assert await code.run(action) == {"started": True}
            async with asyncio.timeout(10):
                while not code.applied:
                    await asyncio.sleep(0.005)
            assert code.text == CHANGED
            assert code.applied[0]["label"] == "twinny-lsp: Refactor"


async def test_the_commands_result(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([BETTER]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            done = await code.editor.command("simplify", {"uri": code.uri, "range": rows(3, 6)})
            assert done == {
                "applied": True,
                "text": "def add(a, b):\n    return a + b",
                "message": "",
                "chat": None,
            }
            assert code.text == CHANGED


async def test_what_the_editor_does_not_take_is_offered(tmp_path: Path) -> None:
    capabilities = {**CAPABILITIES, "workspace": {"workspaceEdit": {"documentChanges": True}}}
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([BETTER]))
        async with coding(tmp_path, settings(server), capabilities=capabilities) as code:
            await code.open(CODE)
            done = await code.editor.command("refactor", {"uri": code.uri, "range": rows(4, 4)})
            assert (done["applied"], done["text"]) == (False, "def add(a, b):\n    return a + b")
            assert "did not take the change" in done["message"]
            assert code.text == CODE


@pytest.mark.parametrize("annotated", [True, False])
async def test_notes_ask_before_the_edit(tmp_path: Path, annotated: bool) -> None:
    edit = dict(CAPABILITIES["workspace"]["workspaceEdit"])
    if not annotated:
        del edit["changeAnnotationSupport"]
    capabilities = {**CAPABILITIES, "workspace": {"workspaceEdit": edit}}
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([BETTER.replace("def add", "import math\n\n\ndef add")]))
        async with coding(tmp_path, settings(server), capabilities=capabilities) as code:
            await code.open(CODE)
            resolved = (await refactored(code))["edit"]
            (change,) = resolved["documentChanges"]
            if annotated:
                (annotation,) = resolved["changeAnnotations"].values()
                assert annotation["needsConfirmation"] is True
                assert "import math" in annotation["description"]
                ids = {each["annotationId"] for each in change["edits"]}
                assert ids == set(resolved["changeAnnotations"])
                assert code.editor.messages() == []
            else:
                assert "changeAnnotations" not in resolved
                await code.editor.told("import math")
            assert code.apply(resolved)
            assert code.text == CHANGED


async def test_tests_are_a_new_file(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["```python\ndef test_add():\n    assert add(1, 2) == 3\n```"]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            resolved = await code.resolve((await code.actions(4))["Add tests"])
            create, fill = resolved["edit"]["documentChanges"]
            uri = (tmp_path / "tests" / "test_a.py").as_uri()
            assert (create["kind"], create["uri"], fill["textDocument"]["uri"]) == ("create", uri, uri)
            assert fill["edits"][0]["newText"] == "def test_add():\n    assert add(1, 2) == 3\n"
            assert "tests/test_a.py" in question(server)
            (tmp_path / "tests" / "test_a.py").write_text("mine = 1\n")
            resolved = await code.resolve((await code.actions(4))["Add tests"])
            assert "edit" not in resolved
            async with asyncio.timeout(10):
                while not code.asked:
                    await asyncio.sleep(0.005)
            assert "test_a.py is there already" in code.asked[0]


async def test_an_instruction_in_a_comment(tmp_path: Path) -> None:
    text = CODE.replace("def add", "# ai: no variable\ndef add")
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([BETTER]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(text)
            resolved = await code.resolve((await code.actions(3))["Do: no variable"])
            assert code.apply(resolved["edit"])
            assert code.text == CHANGED
            assert "as asked: no variable" in question(server)
            assert "# ai:" not in question(server)


async def test_an_instruction_in_a_command(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([BETTER]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            argument = {"uri": code.uri, "range": rows(4, 4), "instruction": "no variable"}
            assert (await code.editor.command("instruct", argument))["applied"] is True
            assert code.text == CHANGED
            with pytest.raises(JsonRpcError, match="no instruction"):
                await code.editor.command("instruct", {"uri": code.uri})
            with pytest.raises(JsonRpcError, match=r"`instruction` is for.*-32602"):
                await code.editor.command("refactor", argument)


async def test_tasks_of_ones_own(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "shout.hbs").write_text("{{! edit: Say it louder }}\nLOUDER: {{{code}}}", encoding="utf-8")
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([BETTER]))
        more = {"templates": {"directory": str(folder)}}
        async with coding(tmp_path, settings(server, **more)) as code:
            await code.open(CODE)
            resolved = await code.resolve((await code.actions(4))["Say it louder"])
            assert code.apply(resolved["edit"])
            assert code.text == CHANGED
            assert question(server).startswith("LOUDER: def add")
            with pytest.raises(JsonRpcError, match="is no task"):
                await code.editor.command("task", {"name": "none", "uri": code.uri})


async def test_secrets_stay_here_and_come_back(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5f6" * 3
    text = f'def add(a, b):\n    key = "{secret}"\n    c = a + b\n    return c\n'
    answer = '```python\ndef add(a, b):\n    key = "ghp_HIDDEN_SECRET_1"\n    return a + b\n```'
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([answer]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(text)
            assert code.apply((await refactored(code, 0))["edit"])
            assert secret not in question(server)
            assert code.text == f'def add(a, b):\n    key = "{secret}"\n    return a + b\n'


async def test_a_file_that_no_model_may_see(tmp_path: Path) -> None:
    async with FakeServer() as server, coding(tmp_path, settings(server), name=".env") as code:
        await code.open("KEY=1\n", "shellscript")
        assert "edit" not in await refactored(code, 0)
        await code.editor.told("Nothing was sent")
        assert not asked(server)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


async def test_a_commit_message(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text(CODE)
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["```\nAdd two numbers\n\nFor the till.\n```"]))
        async with coding(tmp_path, settings(server), name=".git/COMMIT_EDITMSG") as code:
            template = "\n# Please enter the commit message\n"
            await code.open(template, "gitcommit")
            with pytest.raises(JsonRpcError, match="Nothing is staged"):
                await code.editor.command("commitMessage")
            git(tmp_path, "add", "a.py")
            result = {"text": "Add two numbers\n\nFor the till.", "style": "plain", "heldBack": 0}
            assert await code.editor.command("commitMessage") == {**result, "applied": False}
            assert "c = a + b" in question(server)
            offered = await code.actions(0)
            assert list(offered) == ["Write the commit message"]
            resolved = await code.resolve(offered["Write the commit message"])
            assert code.apply(resolved["edit"])
            assert code.text == result["text"] + template
            done = await code.editor.command("commitMessage", {"uri": code.uri})
            assert done == {**result, "applied": True}
            assert code.text == f"{result['text']}\n\n{result['text']}{template}"


async def test_a_commit_message_in_a_linked_work_tree(tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"
    main.mkdir()
    git(main, "init", "-q")
    git(main, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "First")
    git(main, "worktree", "add", "-q", str(linked))
    (linked / "a.py").write_text(CODE)
    git(linked, "add", "a.py")
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["Add two numbers"]))
        name = ".git/worktrees/linked/COMMIT_EDITMSG"
        async with coding(main, settings(server), name=name, capabilities=NO_RESOLVE) as code:
            await code.open("\n", "gitcommit")
            action = (await code.actions(0))["Write the commit message"]
            assert await code.run(action) == {"started": True}
            async with asyncio.timeout(10):
                while not code.applied:
                    await asyncio.sleep(0.005)
            assert code.text == "Add two numbers\n"
