"""The engine with the real prompts and the real registry: what is asked of a model for a place."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from string import ascii_letters, digits

import pytest

from tests.golden.completion.check import snapshot_of
from tests.unit.completion.fakes import FakeProvider, endpoint, settings, target, text_of
from twinny_lsp.completion.engine import CompletionEngine
from twinny_lsp.completion.prompting import Prompts, indent_step
from twinny_lsp.completion.request import Asked, Request, Trigger
from twinny_lsp.completion.seams import Hole, Reports
from twinny_lsp.config.resolved import Target
from twinny_lsp.context.secrets import mask
from twinny_lsp.errors import SettingsError, TwinnyError, Unsupported
from twinny_lsp.exchange import ChatPrompt, ContextFile, FimPrompt, ModelFacts, RawPrompt
from twinny_lsp.fim.custom import CustomTemplates
from twinny_lsp.providers.endpoint import Endpoint, Route, Wire
from twinny_lsp.providers.registry import Registry

TEXT = "def add(a, b):\n    return █\n\nadd(1, 2)\n"


def hole(text: str = TEXT, **more: object) -> Hole:
    return Hole(snapshot_of(text), "", 500, 100, **more)  # type: ignore[arg-type]


def llamacpp() -> Endpoint:
    return replace(endpoint(), infill=Route(Wire.LLAMACPP_INFILL, "/infill"))


@pytest.fixture
def prompts(tmp_path: Path) -> Prompts:
    return Prompts(CustomTemplates(tmp_path))


async def test_a_known_family(prompts: Prompts) -> None:
    made = await prompts.prompt(target(), ModelFacts("m"), hole(), native=True)
    assert made.prompt == RawPrompt(
        "<|fim_prefix|>def add(a, b):\n    return <|fim_suffix|>\n\nadd(1, 2)\n<|fim_middle|>"
    )
    assert "<|endoftext|>" in made.stop
    assert set(made.stop) <= set(made.ends)
    assert not made.native
    assert made.how.startswith("qwen")


async def test_selected_text_is_part_of_the_prefix(prompts: Prompts) -> None:
    made = await prompts.prompt(target(), ModelFacts("m"), replace(hole(), selected="sum"), native=True)
    assert isinstance(made.prompt, RawPrompt)
    assert "return sum<|fim_suffix|>" in made.prompt.text


async def test_native_and_what_comes_after_its_refusal(prompts: Prompts) -> None:
    where = Target(llamacpp(), "qwen2.5-coder:7b", "native")
    made = await prompts.prompt(where, ModelFacts("m"), hole(), native=True)
    assert isinstance(made.prompt, FimPrompt)
    assert made.native
    again = await prompts.prompt(where, ModelFacts("m"), hole(), native=False)
    assert isinstance(again.prompt, RawPrompt)
    assert not again.native


async def test_a_path_for_the_middle_only_is_asked_natively_then_in_words(prompts: Prompts) -> None:
    """Such a path takes no template, so where it refuses a model, that is asked like a chat model."""
    fim = replace(endpoint(), completion=Route(Wire.OPENAI_FIM, "/v1/fim/completions"))
    where = Target(fim, "codestral-latest", "native")
    files = (ContextFile("util.py", "def helper(): ...\n"),)
    made = await prompts.prompt(where, ModelFacts("m"), replace(hole(), neighbours=files), native=True)
    assert isinstance(made.prompt, FimPrompt)
    assert made.prompt.prefix.startswith("# util.py:\n# def helper(): ...\n")
    assert made.prompt.extra == ()
    assert made.native
    again = await prompts.prompt(where, ModelFacts("m"), hole(), native=False)
    assert isinstance(again.prompt, ChatPrompt)
    assert again.chat
    assert again.how == "chat: the server cannot fill in the middle by itself with this model"


async def test_native_windows_stay_within_the_servers_batch(prompts: Prompts) -> None:
    where = Target(llamacpp(), "mystery", "native")
    long = hole("a = 1\n" * 2000 + "x = █\n" + "b = 2\n" * 2000)
    made = await prompts.prompt(where, ModelFacts("m", batch_tokens=64), long, native=True)
    assert isinstance(made.prompt, FimPrompt)
    assert len(made.prompt.prefix) <= 48 * 3
    assert len(made.prompt.suffix) <= 16 * 3


async def test_secrets_do_not_leave_with_the_window(prompts: Prompts) -> None:
    here = hole("a = 'hunter2'\nx = █\nb = 'hunter2'\n")
    here = replace(here, mask=lambda text: text.replace("hunter2", "xxxxxxx"))
    made = await prompts.prompt(target(), ModelFacts("m"), here, native=True)
    assert isinstance(made.prompt, RawPrompt)
    assert made.prompt.text.count("xxxxxxx") == 2
    assert "hunter2" not in made.prompt.text


async def test_a_secret_that_the_cursor_stands_in_does_not_leave(prompts: Prompts) -> None:
    for text in ("password = 'Xk9#mQ2v!Lp7█'\n", "password = 'Xk9#m█Q2v!Lp7'\n", "'Xk9#m█Q2v!Lp7'\n"):
        here = replace(hole(text), mask=mask)
        made = await prompts.prompt(target(), ModelFacts("m"), here, native=True)
        assert isinstance(made.prompt, RawPrompt)
        assert ("Xk9#m" in made.prompt.text) is text.startswith("'"), "only the name tells"


@pytest.mark.parametrize("row", [1, 20, 40, 59, 62])
async def test_no_part_of_a_key_leaves_that_is_larger_than_the_window(prompts: Prompts, row: int) -> None:
    chance = random.Random(1)
    body = ["".join(chance.choices(ascii_letters + digits + "+/", k=64)) for _ in range(60)]
    lines = ["KEY = f(", "-----BEGIN PRIVATE KEY-----", *body, "-----END PRIVATE KEY-----", ")", ""]
    lines[row] += "█"
    here = replace(hole("\n".join(lines)), prefix_tokens=60, suffix_tokens=60, mask=mask)
    made = await prompts.prompt(target(), ModelFacts("m"), here, native=True)
    assert isinstance(made.prompt, RawPrompt)
    assert not any(line[:16] in made.prompt.text or line[-16:] in made.prompt.text for line in body)


async def test_a_batch_nobody_told_is_assumed(prompts: Prompts) -> None:
    long = replace(hole("a = 1\n" * 2000 + "x = █\n" + "b = 2\n" * 2000), batch_tokens=64)
    made = await prompts.prompt(Target(llamacpp(), "mystery", "native"), ModelFacts("m"), long, native=True)
    assert isinstance(made.prompt, FimPrompt)
    assert len(made.prompt.prefix) <= 48 * 3
    where = Target(llamacpp(), "qwen2.5-coder", "qwen")
    raw = await prompts.prompt(where, ModelFacts("m"), long, native=True)
    assert isinstance(raw.prompt, RawPrompt)
    assert len(raw.prompt.text) > 1000, "a raw prompt is not cut by the server"


@pytest.mark.parametrize(
    ("model", "first", "later"),
    [("codellama:7b-code", "<SUF>\ny", "<MID>"), ("qwen2.5-coder", "<|fim_prefix|>x", "<|fim_suffix|>\ny")],
)
async def test_suffix_first_where_the_family_was_trained_for_it(
    prompts: Prompts, model: str, first: str, later: str
) -> None:
    here = replace(hole("x = █\ny = 2\n"), suffix_first=True)
    made = await prompts.prompt(target(model=model), ModelFacts("m"), here, native=True)
    assert isinstance(made.prompt, RawPrompt)
    assert made.prompt.text.index(first) < made.prompt.text.index(later)


@pytest.mark.parametrize(
    ("asked", "serves", "family"),
    [
        ("CodeLlama-7B-GGUF", "qwen2.5-coder-7b-q4_k_m.gguf", "qwen"),  # nobody named a model
        ("CodeLlama-7B-GGUF", "", "codellama"),
        ("starcoder2-3b", "qwen2.5-coder-7b.gguf", "qwen"),
        ("starcoder2-3b", "mystery-7b.gguf", "starcoder2"),
    ],
)
async def test_the_model_that_is_loaded_decides(
    prompts: Prompts, asked: str, serves: str, family: str
) -> None:
    one = replace(target(), endpoint=replace(llamacpp(), preset="llamacpp"), model=asked)
    made = await prompts.prompt(one, ModelFacts(asked, serves=serves), hole(), native=False)
    assert made.how.startswith(f"{family}:")


async def test_an_unknown_file_gets_no_tokens_of_the_presets_usual_model(prompts: Prompts) -> None:
    one = replace(
        target(),
        endpoint=replace(llamacpp(), preset="llamacpp"),
        model="CodeLlama-7B-GGUF",
        template="automatic",
    )
    facts = ModelFacts(one.model, insert=True, serves="mystery-7b.gguf")
    assert isinstance((await prompts.prompt(one, facts, hole(), native=True)).prompt, FimPrompt)
    with pytest.raises(SettingsError, match="mystery-7b"):
        await prompts.prompt(one, replace(facts, insert=False), hole(), native=False)


async def test_an_unknown_model_gets_no_prompt_but_advice(prompts: Prompts) -> None:
    with pytest.raises(SettingsError, match="fimTemplate"):
        await prompts.prompt(target(model="mystery-9000"), ModelFacts("m"), hole(), native=True)


async def test_chat(prompts: Prompts) -> None:
    made = await prompts.prompt(Target(endpoint(), "gpt-4", "chat"), ModelFacts("m"), hole(), native=True)
    assert isinstance(made.prompt, ChatPrompt)
    assert made.chat


async def test_special_tokens_of_the_users_own_code_come_back_whole(prompts: Prompts) -> None:
    registry = Registry()
    provider = FakeProvider(endpoint())
    registry._made.append((provider.endpoint, provider))
    failures: list[TwinnyError] = []
    engine = CompletionEngine(registry, prompts, Reports(lambda error, _: failures.append(error)))
    snapshot = snapshot_of("EOS = '<|endoftext|>'\nassert EOS == █\n")

    def script(stream: object) -> None:
        prompt = provider.streams[-1].generation.prompt
        assert isinstance(prompt, RawPrompt)
        broken = prompt.text.partition("EOS = ")[2].partition("\n")[0]
        assert "<|endoftext|>" not in broken
        provider.streams[-1].say("<|fim_middle|>", broken[:3], broken[3:], "<|endof", "text|>", "junk")

    provider.script = script
    request = Request(snapshot, settings(), Asked.INLINE, Trigger.INVOKED)
    assert text_of(await engine.complete(request)) == "'<|endoftext|>'"
    assert not failures
    await engine.close()


async def test_the_registry_remembers_what_a_server_refused(prompts: Prompts) -> None:
    registry = Registry()
    provider = FakeProvider(llamacpp())
    registry._made.append((provider.endpoint, provider))
    engine = CompletionEngine(registry, prompts, Reports())
    provider.script = lambda stream: (
        stream.fail(Unsupported("no"))
        if isinstance(stream.generation.prompt, FimPrompt)
        else stream.say("a + b").end()
    )
    wanted = settings(target=Target(llamacpp(), "qwen2.5-coder:7b", "native"))
    request = Request(snapshot_of(TEXT), wanted, Asked.INLINE, Trigger.INVOKED)
    assert text_of(await engine.complete(request)) == "a + b"
    assert registry.native_refused(llamacpp(), "qwen2.5-coder:7b")
    await engine.close()


@pytest.mark.parametrize(
    ("lines", "step"),
    [
        (("def f():\n", "    a\n", "        b\n", "c\n"), "    "),
        (("if x\n", "  a\n", "c\n"), "  "),
        (("func f() {\n", "\ta\n", "}\n"), "\t"),
        (("a\n", "b\n"), ""),
    ],
)
def test_indent_step(lines: tuple[str, ...], step: str) -> None:
    assert indent_step(lines, len(lines)) == step
