"""The engine's rules, by events: superseding, cancelling, taking up streams, one generation a slot."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.completion.fakes import Desk, happens, say, soon, text_of, until
from twinny_lsp.completion.request import Asked, Source, Trigger
from twinny_lsp.config.resolved import Multiline
from twinny_lsp.exchange import Finish, Piece, Usage

BEGUN = "x = █\n"


async def test_a_line_is_answered_at_its_newline_and_the_socket_closes(desk: Desk) -> None:
    task = desk.ask(BEGUN)
    stream = await desk.model.asked()
    stream.say("com", "pute()\n", "more")
    result = await soon(task)
    assert text_of(result) == "compute()"
    assert result.source is Source.MODEL
    await happens(stream.closed)


async def test_what_is_asked(desk: Desk) -> None:
    task = desk.ask("def f():\n    return █\n\nf()\n", max_tokens=256, temperature=0.5)
    stream = await desk.model.asked()
    assert stream.generation.prompt.text == "def f():\n    return <HOLE>\n\nf()\n"  # type: ignore[union-attr]
    assert stream.generation.temperature == 0.5
    assert stream.generation.stop == ("<EOT>",)
    assert stream.generation.max_tokens == 128, "a line needs few"
    stream.end()
    await soon(task)


async def test_a_block_may_use_all_tokens(desk: Desk) -> None:
    task = desk.ask("def f():\n    █\n", max_tokens=99)
    stream = await desk.model.asked()
    assert stream.generation.max_tokens == 99
    stream.end()
    assert (await soon(task)).reason


async def test_superseded_is_answered_at_once_and_the_stream_is_taken_up(desk: Desk) -> None:
    first = desk.ask(BEGUN)
    stream = await desk.model.asked()
    second = desk.ask("x = c█\n")
    old = await soon(first)
    assert not old.candidates
    assert "superseded" in old.reason
    stream.say("compute()\n")
    new = await soon(second)
    assert text_of(new) == "ompute()"
    assert new.source is Source.ADOPTED
    assert len(desk.model.streams) == 1


async def test_cancelling_ends_the_answer_and_not_the_stream(desk: Desk) -> None:
    first = desk.ask(BEGUN)
    stream = await desk.model.asked()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    stream.say("comp")
    assert not stream.closed.is_set()
    second = desk.ask("x = comp█\n")
    stream.say("ute()\n")
    assert text_of(await soon(second)) == "ute()"
    assert len(desk.model.streams) == 1


async def test_the_grace_ends_a_stream_nobody_follows(desk: Desk) -> None:
    task = desk.ask(BEGUN)
    stream = await desk.model.asked()
    task.cancel()
    await until(task.done)
    await until(lambda: desk.clock.pending() == 1)
    desk.clock.go(0.9)
    await asyncio.sleep(0)
    assert not stream.closed.is_set()
    desk.clock.go(0.2)
    await happens(stream.closed)


async def test_a_follower_stops_the_grace(desk: Desk) -> None:
    first = desk.ask(BEGUN)
    stream = await desk.model.asked()
    first.cancel()
    await until(lambda: desk.clock.pending() == 1)
    second = desk.ask(BEGUN)
    await until(lambda: desk.clock.pending() == 0)
    desk.clock.go(60)
    stream.say("a\n")
    assert text_of(await soon(second)) == "a"


async def test_disagreement_closes_the_socket_before_the_next_request_is_sent(desk: Desk) -> None:
    first = desk.ask(BEGUN)
    old = await desk.model.asked()
    old.say("compute")
    await until(lambda: old._queue.empty())
    second = desk.ask("x = z█\n")
    new = await desk.model.asked(2)
    assert old.closed.is_set()
    assert not (await soon(first)).candidates
    new.say("ip(a, b)\n")
    assert text_of(await soon(second)) == "ip(a, b)"


async def test_disagreement_is_seen_in_the_tick_of_the_request_not_after_the_pause(desk: Desk) -> None:
    first = desk.ask(BEGUN)
    old = await desk.model.asked()
    old.say("compute")
    await until(lambda: old._queue.empty())
    second = desk.ask("x = z█\n", debounce_ms=500)
    await happens(old.closed)
    assert len(desk.model.streams) == 1, "the new one waits for its pause"
    await soon(first)
    second.cancel()


async def test_disagreement_by_what_comes_later(desk: Desk) -> None:
    first = desk.ask(BEGUN)
    old = await desk.model.asked()
    second = desk.ask("x = z█\n")
    await soon(first)
    old.say("compute")
    await happens(old.closed)
    new = await desk.model.asked(2)
    new.say("ip()\n")
    assert text_of(await soon(second)) == "ip()"


async def test_a_changed_suffix_is_another_question(desk: Desk) -> None:
    first = desk.ask("x = █\ny = 1\n")
    old = await desk.model.asked()
    second = desk.ask("x = █\ny = 2\n")
    new = await desk.model.asked(2)
    assert old.closed.is_set()
    new.say("a\n")
    assert text_of(await soon(second)) == "a"
    await soon(first)


async def test_other_settings_are_another_question(desk: Desk) -> None:
    first = desk.ask(BEGUN)
    old = await desk.model.asked()
    second = desk.ask(BEGUN, temperature=0.9)
    await desk.model.asked(2)
    assert old.closed.is_set()
    assert not (await soon(first)).candidates
    second.cancel()


async def test_a_newline_typed_beyond_a_line_is_another_question(desk: Desk) -> None:
    first = desk.ask(BEGUN)
    old = await desk.model.asked()
    second = desk.ask("x = 1\n█\n")
    await desk.model.asked(2)
    assert old.closed.is_set()
    await soon(first)
    second.cancel()


async def test_one_generation_a_slot_across_documents(desk: Desk) -> None:
    first = desk.ask(BEGUN, uri="file:///a.py")
    old = await desk.model.asked()
    second = desk.ask(BEGUN, uri="file:///b.py")
    new = await desk.model.asked(2)
    assert old.closed.is_set()
    result = await soon(first)
    assert "another document" in result.reason
    new.say("b\n")
    assert text_of(await soon(second)) == "b"


async def test_menu_and_inline_share_a_stream(desk: Desk) -> None:
    inline = desk.ask(BEGUN, asked=Asked.INLINE, version=7)
    stream = await desk.model.asked()
    menu = desk.ask(BEGUN, asked=Asked.MENU, version=7)
    await asyncio.sleep(0)
    assert not inline.done()
    stream.say("a\n")
    assert text_of(await soon(inline)) == text_of(await soon(menu)) == "a"
    assert len(desk.model.streams) == 1


async def test_menu_and_inline_that_differ_wait_for_each_other(desk: Desk) -> None:
    menu = desk.ask(BEGUN, asked=Asked.MENU, version=7)
    stream = await desk.model.asked()
    inline = desk.ask(BEGUN, asked=Asked.INLINE, version=7, selected="zip")
    stream.say("comp")
    await until(lambda: stream._queue.empty())
    assert not stream.closed.is_set()
    stream.say("ute\n")
    assert text_of(await soon(menu)) == "compute"
    other = await desk.model.asked(2)
    assert other.generation.prompt.text.startswith("x = zip<HOLE>")  # type: ignore[union-attr]
    other.say("(a)\n")
    assert text_of(await soon(inline)) == "zip(a)"


async def test_selected_text_begins_the_answer_and_may_be_adopted(desk: Desk) -> None:
    first = desk.ask(BEGUN, version=7)
    stream = await desk.model.asked()
    second = desk.ask(BEGUN, version=7, selected="comp")
    await soon(first)
    stream.say("compute()\n")
    assert text_of(await soon(second)) == "compute()"
    assert len(desk.model.streams) == 1


async def test_known_answers_need_no_request(desk: Desk) -> None:
    task = desk.ask(BEGUN)
    (await desk.model.asked()).say("compute(a)\n")
    await soon(task)
    for text, rest in [
        ("x = █\n", "compute(a)"),
        ("x = com█\n", "pute(a)"),
        ("x = c█\n", "ompute(a)"),
        ("x = compute(█\n", "a)"),
    ]:
        result = await soon(desk.ask(text, debounce_ms=1000))
        assert text_of(result) == rest
        assert result.source is Source.CACHE
    assert len(desk.model.streams) == 1


async def test_what_was_typed_through_to_its_end_is_asked_anew(desk: Desk) -> None:
    task = desk.ask(BEGUN)
    (await desk.model.asked()).say("a\n")
    await soon(task)
    second = desk.ask("x = a█\n")
    (await desk.model.asked(2)).say(" + b\n")
    assert text_of(await soon(second)) == " + b"


async def test_the_cache_can_be_switched_off_cleared_and_forgotten(desk: Desk) -> None:
    desk.model.script = say("a\n")
    await soon(desk.ask(BEGUN, cache=False))
    await soon(desk.ask(BEGUN))
    assert len(desk.model.streams) == 2, "it was not kept"
    await soon(desk.ask(BEGUN))
    assert len(desk.model.streams) == 2
    desk.engine.clear()
    await soon(desk.ask(BEGUN))
    desk.engine.forget("file:///a.py")
    await soon(desk.ask(BEGUN))
    assert len(desk.model.streams) == 4


async def test_nothing_to_add_is_known_too_but_not_for_a_person(desk: Desk) -> None:
    desk.model.script = say("")
    first = await soon(desk.ask(BEGUN))
    assert not first.candidates
    second = await soon(desk.ask(BEGUN))
    assert second.reason == first.reason
    assert len(desk.model.streams) == 1
    await soon(desk.ask(BEGUN, trigger=Trigger.INVOKED))
    assert len(desk.model.streams) == 2


async def test_pause_only_for_automatic_requests(desk: Desk) -> None:
    automatic = desk.ask(BEGUN, debounce_ms=None)
    await until(lambda: desk.clock.pending() == 1)
    assert not desk.model.streams
    desk.clock.go(0.2)
    (await desk.model.asked()).say("a\n")
    await soon(automatic)
    invoked = desk.ask("y = █\n", trigger=Trigger.INVOKED, debounce_ms=None)
    (await desk.model.asked(2)).say("b\n").end()
    assert text_of(await soon(invoked)) == "b"


async def test_keys_within_the_pause_make_one_request(desk: Desk) -> None:
    line = "x = compute"
    tasks = []
    for end in range(4, len(line) + 1):
        tasks.append(desk.ask(f"{line[:end]}█\n", debounce_ms=100))
        await until(lambda: desk.clock.due_in() == [pytest.approx(0.1)])
        desk.clock.go(0.06)
    for task in tasks[:-1]:
        assert "superseded" in (await soon(task)).reason
    desk.clock.go(0.06)
    stream = await desk.model.asked()
    stream.say("()\n")
    assert text_of(await soon(tasks[-1])) == "()"
    assert len(desk.model.streams) == 1


async def test_text_right_of_the_cursor_is_only_asked_for_on_request(desk: Desk) -> None:
    result = await soon(desk.ask("x = f█oo\n"))
    assert "right of the cursor" in result.reason
    assert not desk.model.streams
    task = desk.ask("x = f█oo\n", trigger=Trigger.INVOKED)
    (await desk.model.asked()).say("(").end()
    assert text_of(await soon(task)) == "("


async def test_whole_lines_after_a_while_and_the_rest_when_it_is_needed(desk: Desk) -> None:
    first = desk.ask("def f():\n    █\n")
    stream = await desk.model.asked()
    stream.say("a = 1\n    b =")
    await until(lambda: stream._queue.empty())
    assert not first.done()
    desk.clock.go(0.5)
    assert text_of(await soon(first)) == "a = 1"
    assert not stream.closed.is_set()
    known = await soon(desk.ask("def f():\n    a =█\n"))
    assert text_of(known) == " 1"
    later = desk.ask("def f():\n    a = 1█\n")
    await until(lambda: desk.followers() == 1)
    stream.say(" 2\n", "\n\n")
    result = await soon(later)
    assert text_of(result) == "\n    b = 2"
    assert result.source is Source.ADOPTED
    await happens(stream.closed)
    assert text_of(await soon(desk.ask("def f():\n    █\n"))) == "a = 1\n    b = 2"
    assert len(desk.model.streams) == 1


async def test_invoked_waits_for_the_whole_block(desk: Desk) -> None:
    task = desk.ask("def f():\n    █\n", trigger=Trigger.INVOKED)
    stream = await desk.model.asked()
    stream.say("a = 1\n    b")
    await until(lambda: stream._queue.empty())
    desk.clock.go(10)
    await asyncio.sleep(0)
    assert not task.done()
    stream.say(" = 2").end()
    assert text_of(await soon(task)) == "a = 1\n    b = 2"


async def test_a_stream_that_broke_off_shows_whole_lines_and_is_not_kept(desk: Desk) -> None:
    desk.model.script = lambda stream: stream.say("a = 1\n    b =").vanish()
    result = await soon(desk.ask("def f():\n    █\n"))
    assert text_of(result) == "a = 1"
    await soon(desk.ask("def f():\n    █\n"))
    assert len(desk.model.streams) == 2
    desk.model.script = lambda stream: stream.say("comp").end(Finish.INCOMPLETE)
    result = await soon(desk.ask(BEGUN))
    assert result.reason == "the answer broke off"


async def test_the_token_limit_keeps_whole_lines_but_a_single_one(desk: Desk) -> None:
    desk.model.script = lambda stream: stream.say("a = 1\n    b =").end(Finish.LENGTH)
    assert text_of(await soon(desk.ask("def f():\n    █\n"))) == "a = 1"
    desk.model.script = lambda stream: stream.say("a, b, c").end(Finish.LENGTH)
    assert text_of(await soon(desk.ask(BEGUN))) == "a, b, c"


async def test_refused_before_asking(desk: Desk) -> None:
    off = await soon(desk.ask(BEGUN, enabled=False, off_reason="switched off for python"))
    assert off.reason == "switched off for python"
    large = await soon(desk.ask("é" * 60 + "█", max_file_bytes=100))
    assert "maxFileBytes" in large.reason
    none = await soon(desk.ask(BEGUN, target=None))
    assert "completion.provider" in none.reason
    assert not desk.model.streams


async def test_a_switched_off_request_still_ends_the_older_one(desk: Desk) -> None:
    first = desk.ask(BEGUN)
    await desk.model.asked()
    await soon(desk.ask("x = a█\n", enabled=False))
    assert "superseded" in (await soon(first)).reason


async def test_line_ends_of_the_document(desk: Desk) -> None:
    from dataclasses import replace

    desk.model.script = say("a = 1\n    return a\n\n\nx")
    request = desk.request("def f():\n    █\n")
    lines = tuple(line.replace("\n", "\r\n") for line in request.snapshot.lines)
    request = replace(request, snapshot=replace(request.snapshot, lines=lines))
    assert text_of(await desk.engine.complete(request)) == "a = 1\r\n    return a"
    lines = ("def f():\r\n", "    a = 1\r\n", "    ret\r\n", "")
    typed = replace(request.snapshot, lines=lines, row=2, column=7, version=99)
    assert text_of(await desk.engine.complete(replace(request, snapshot=typed))) == "urn a"


async def test_steps_tell_the_story_without_the_code(desk: Desk) -> None:
    task = desk.ask("secret_name = █\n")
    stream = await desk.model.asked()
    stream._queue.put_nowait(Piece("hidden()", usage=Usage(10, 3, 7)))
    stream.end()
    result = await soon(task)
    story = "\n".join(result.steps)
    assert "qwen2.5-coder:7b on local: fake" in story
    assert "prompt 10" in story
    assert "secret" not in story
    assert "hidden" not in story
    assert desk.engine.last_result("file:///a.py") == result
    assert desk.engine.last_result() == result
    assert desk.engine.last_result("file:///other.py") is None


async def test_closing_answers_what_is_open(desk: Desk) -> None:
    task = desk.ask(BEGUN)
    stream = await desk.model.asked()
    await desk.engine.close()
    assert "shutting down" in (await soon(task)).reason
    assert stream.closed.is_set()
    assert "shutting down" in (await soon(desk.ask(BEGUN))).reason


async def test_closing_a_document_ends_its_stream(desk: Desk) -> None:
    task = desk.ask(BEGUN)
    stream = await desk.model.asked()
    desk.engine.forget("file:///a.py")
    assert "closed" in (await soon(task)).reason
    await happens(stream.closed)


async def test_never_multiline(desk: Desk) -> None:
    task = desk.ask("def f():\n    █\n", multiline=Multiline.NEVER)
    (await desk.model.asked()).say("a = 1\n")
    assert text_of(await soon(task)) == "a = 1"


async def test_a_stream_that_hangs_while_closing_holds_nobody_up_for_long(desk: Desk) -> None:
    from collections.abc import AsyncGenerator

    from tests.unit.completion.fakes import Stream

    stuck = asyncio.Event()

    class Stuck(Stream):
        async def pieces(self) -> AsyncGenerator[Piece, None]:
            self.opened.set()
            try:
                await asyncio.Event().wait()
                yield Piece()
            finally:
                try:
                    await stuck.wait()
                finally:
                    self.closed.set()

    usual = desk.model.stream
    hanging = Stuck(None)  # type: ignore[arg-type]
    desk.model.stream = lambda generation: hanging.pieces()  # type: ignore[method-assign]
    first = desk.ask(BEGUN)
    await happens(hanging.opened)
    desk.model.stream = usual  # type: ignore[method-assign]
    second = desk.ask("y = █\n")
    assert "superseded" in (await soon(first)).reason
    await until(lambda: desk.clock.due_in() == [1.0])
    assert not desk.model.streams, "it waits for the socket to close"
    desk.clock.go(1.1)
    (await desk.model.asked()).say("a\n")
    assert text_of(await soon(second)) == "a"
    stuck.set()
    await happens(hanging.closed)


async def test_facts_are_asked_once_for_all_who_wait(desk: Desk) -> None:
    from twinny_lsp.exchange import ModelFacts

    answer: asyncio.Future[ModelFacts] = asyncio.get_running_loop().create_future()
    asked = []

    async def slow(model: str) -> ModelFacts:
        asked.append(model)
        return await asyncio.shield(answer)

    desk.model.facts = slow  # type: ignore[method-assign]
    tasks = [desk.ask(f"{name} = █\n") for name in "abc"]
    await until(lambda: len(asked) == 1)
    for task in tasks[:-1]:
        assert "superseded" in (await soon(task)).reason
    answer.set_result(ModelFacts("m"))
    (await desk.model.asked()).say("1\n")
    assert text_of(await soon(tasks[-1])) == "1"
    assert len(asked) == 1


async def test_closers_right_of_the_cursor_go_away_with_a_text_that_has_them(desk: Desk) -> None:
    task = desk.ask("def f(█)\n")
    (await desk.model.asked()).say("a, b):\n    return a\n\n\nx").end()
    (candidate,) = (await soon(task)).candidates
    assert (candidate.text, candidate.replaces) == ("a, b):\n    return a", 1)
