"""Malformed and misplaced messages: each has the answer the specification names, and none makes a pop-up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.protocol.harness import (
    NO_ANSWER,
    answer_now,
    barrier,
    command,
    in_process,
    popups,
    send_command,
    trap,
)
from tests.protocol.server import SECRET
from twinny_lsp.cli.session import JsonRpcError

AT = {"textDocument": {"uri": "file:///a"}, "position": {"line": 0, "character": 0}}


async def codes_after(session: Any, body: bytes) -> list[Any]:
    """The (id, error code) of what is answered to a message that is no proper request."""
    session.send_body(body)
    before = len(session.answers)
    await barrier(session)
    return [(a["id"], a["error"]["code"]) for a in session.answers[before:] if "error" in a]


@trap(ours=-32602, bare=NO_ANSWER)
async def test_invalid_params_are_answered(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        future = session.send_request("textDocument/completion", {"textDocument": 5})
        assert await answer_now(session, future) == expected
        assert popups(session) == (0 if kind == "ours" else 1)


@trap(ours=-32602, bare=NO_ANSWER)
async def test_an_unknown_trigger_kind_is_answered(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        future = session.send_request("textDocument/inlineCompletion", AT | {"context": {"triggerKind": 9}})
        assert await answer_now(session, future) == expected


@trap(ours=0, bare=3)
async def test_invalid_notifications_make_no_popup(kind: str, expected: int) -> None:
    async with in_process(kind) as (session, _):
        for _ in range(3):
            session.notify("textDocument/didOpen", {"textDocument": 5})
        await barrier(session)
        assert popups(session) == expected


async def test_invalid_notifications_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async with in_process("ours") as (session, _):
        for _ in range(3):
            session.notify("textDocument/didOpen", {"textDocument": {"uri": SECRET}})
        await barrier(session)
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warnings == ["textDocument/didOpen: the params do not fit DidOpenTextDocumentParams"]


@trap(ours=[(None, -32700)], bare=[])
@pytest.mark.parametrize(
    "body", [b'{"jsonrpc": "2.0", "id": 1, ', b"\xff\xfe{}", b"[" * 100_000], ids=["cut", "not-utf8", "deep"]
)
async def test_bad_json_is_answered(kind: str, expected: Any, body: bytes) -> None:
    async with in_process(kind) as (session, _):
        assert await codes_after(session, body) == expected
        assert popups(session) == (0 if kind == "ours" else 1)


@trap(ours=[(None, -32600)], bare=[])
@pytest.mark.parametrize(
    "message", [[{"jsonrpc": "2.0", "id": 1, "method": "shutdown"}], [], 5, "a", None], ids=repr
)
async def test_what_is_not_one_object_is_refused(kind: str, expected: Any, message: Any) -> None:
    async with in_process(kind) as (session, _):
        assert await codes_after(session, json.dumps(message).encode()) == expected


@trap(ours=[(7, -32600)], bare=[])
async def test_a_request_without_jsonrpc_is_refused(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        assert (
            await codes_after(session, b'{"id": 7, "method": "test/echo", "params": {"say": 1}}') == expected
        )


@pytest.mark.parametrize("msg_id", [None, True, [1], {"a": 1}], ids=repr)
async def test_an_id_that_is_none_is_refused(msg_id: Any) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": msg_id, "method": "test/echo", "params": {"say": 1}}).encode()
    async with in_process("ours") as (session, _):
        assert [code for _, code in await codes_after(session, body)] == [-32600]


@trap(ours={"a": {"jsonrpc": "2.0", "method": "exit"}}, bare="ExitNotification")
async def test_nested_jsonrpc_dicts_are_data(kind: str, expected: Any) -> None:
    seen: list[Any] = []
    async with in_process(kind) as (session, server):

        @server.command("see")
        def see(value: Any) -> None:
            seen.append(value)

        future = send_command(session, "see", {"a": {"jsonrpc": "2.0", "method": "exit"}})
        await answer_now(session, future)
    if kind == "bare":
        # Structured while it was parsed: the request either breaks or gets an object instead of the dict.
        assert not seen or type(seen[0]["a"]).__name__ == expected
    else:
        assert seen == [expected]


@trap(ours=["dict", ["_x", "a-b", "class"]], bare=["Object", "Object(_0=1, _1=2, _2=3)"])
async def test_params_of_custom_methods_are_plain(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        params = {"a-b": 1, "class": 2, "_x": 3}
        assert await session.request("test/kind", params) == expected


@trap(ours=(-32002, 1), bare=("said", 1))
async def test_requests_before_initialize(kind: str, expected: Any) -> None:
    async with in_process(kind, initialize=False) as (session, _):
        early = session.send_request("test/echo", {"say": "said"})
        session.notify("textDocument/didOpen", {"textDocument": 1})
        await session.initialize({"processId": None})
        answer = await answer_now(session, early)
        assert (answer, await session.request("test/echo", {"say": 1})) == expected


@trap(ours=-32600, bare=NO_ANSWER)
async def test_requests_after_shutdown(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        await session.request("shutdown")
        future = session.send_request("test/echo", {"say": 1})
        # No request can be a barrier: bare pygls answers none any more. EOF can: all before it was taken.
        await session.close()
        error = future.exception()
        assert (error.code if isinstance(error, JsonRpcError) else NO_ANSWER) == expected


@trap(ours=-32600, bare="a result")
async def test_a_second_initialize_is_refused(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        again = await answer_now(session, session.send_request("initialize", {"capabilities": {}}))
        assert (again if kind == "ours" else "a result" if "capabilities" in again else again) == expected


async def test_unknown_methods() -> None:
    async with in_process("ours") as (session, _):
        assert await answer_now(session, session.send_request("test/nothing")) == -32601
        session.notify("test/nothing")
        session.notify("$/nothing", {"a": 1})
        assert await codes_after(session, b'{"jsonrpc":"2.0","id":99,"result":1}') == []


@pytest.mark.parametrize("method", ["test/fails", "fail"])
@trap(ours=False, bare=True)
async def test_failures_leak_nothing(kind: str, expected: bool, method: str) -> None:
    async with in_process(kind) as (session, _):
        with pytest.raises(JsonRpcError) as caught:
            await (session.request(method, {}) if "/" in method else command(session, method))
        told = f"{caught.value.message} {caught.value.data}"
        assert caught.value.code == -32603
        assert (".py" in told or SECRET in told) is expected
        assert kind == "bare" or caught.value.data is None


@trap(ours=-32603, bare=NO_ANSWER)
async def test_a_result_that_is_no_json_is_answered(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        assert await answer_now(session, send_command(session, "unspeakable")) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@trap(ours=-32603, bare="a result")
async def test_a_result_json_has_no_word_for(kind: str, expected: Any, value: float) -> None:
    async with in_process(kind) as (session, server):
        server.command("number")(lambda: value)
        answer = await answer_now(session, send_command(session, "number"))
        assert ("a result" if isinstance(answer, float) else answer) == expected


@trap(ours="called", bare=NO_ANSWER)
async def test_handlers_that_give_an_awaitable(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        assert await answer_now(session, session.send_request("test/object", {})) == expected


@trap(ours=["NoneType", "None"], bare=NO_ANSWER)
async def test_custom_requests_without_params(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        assert await answer_now(session, session.send_request("test/kind")) == expected


@pytest.mark.parametrize(
    "arguments",
    [[], [{"line": 1, "character": 0}], [1, "b"], [1, 2, 3]],
    ids=["none", "few", "wrong", "many"],
)
async def test_command_arguments_that_do_not_fit(arguments: list[Any]) -> None:
    async with in_process("ours") as (session, _):
        assert await answer_now(session, send_command(session, "pair", *arguments)) == -32602


async def test_command_arguments_are_bound() -> None:
    async with in_process("ours") as (session, _):
        assert await command(session, "pair", {"line": 1, "character": 0}, "b") == [1, "b"]
        assert await answer_now(session, send_command(session, "no-such-command")) == -32602


async def test_errors_of_ours_reach_the_server_not_the_user() -> None:
    told: list[tuple[str, str]] = []
    async with in_process("ours") as (session, server):
        server.on_internal_error(lambda where, error: told.append((where, type(error).__name__)))
        await answer_now(session, send_command(session, "fail"))
        assert told == [("workspace/executeCommand", "ValueError")]
        assert popups(session) == 0


async def test_errors_meant_for_the_user_are_told() -> None:
    from twinny_lsp.errors import Unreachable

    async with in_process("ours") as (session, server):

        @server.feature("test/unreachable")
        async def unreachable(params: Any) -> None:
            raise Unreachable("Ollama is not running")

        with pytest.raises(JsonRpcError, match="Ollama is not running") as caught:
            await session.request("test/unreachable")
        assert caught.value.code == -32803


async def test_one_odd_capability_does_not_cost_the_server() -> None:
    params = {
        "processId": None,
        "workspaceFolders": "none",
        "clientInfo": {"name": "odd"},
        "capabilities": {
            "general": {"positionEncodings": ["utf-9", "utf-8"]},
            "textDocument": {"completion": {"completionItem": 7, "contextSupport": True}},
        },
    }
    async with in_process("ours", initialize=False) as (session, server):
        result = await session.initialize(params)
        assert result["capabilities"]["positionEncoding"] == "utf-8"
        assert server.client_name == "odd"
        assert server.client_capabilities.text_document.completion.context_support is True


@pytest.mark.parametrize("odd", [None, 5, []])
async def test_capabilities_that_are_none_are_empty_ones(odd: Any) -> None:
    async with in_process("ours", initialize=False) as (session, _):
        assert "capabilities" in await session.initialize({"processId": None, "capabilities": odd})


@pytest.mark.parametrize("odd", ["NaN", "1e999", "-Infinity", "true", "1.5", "[]"])
async def test_an_id_that_is_none_is_refused_and_the_server_lives(odd: str) -> None:
    async with in_process("ours") as (session, _):
        body = b'{"jsonrpc":"2.0","id":%b,"method":"test/echo","params":{}}' % odd.encode()
        told = 1.5 if odd == "1.5" else None
        assert await codes_after(session, body) == [(told, -32600)]


async def test_initialize_can_be_tried_again() -> None:
    async with in_process("ours", initialize=False) as (session, server):

        @server.feature("initialize")
        def refuse_once(params: Any) -> None:
            server.protocol.fm.features.pop("initialize")
            raise ValueError

        with pytest.raises(JsonRpcError) as caught:
            await session.initialize({"processId": None})
        assert caught.value.code == -32603
        assert "capabilities" in await session.initialize({"processId": None})
