"""From choice and text to the prompt, and from the answer back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from twinny_lsp.errors import SettingsError
from twinny_lsp.exchange import ChatPrompt, ContextFile, FimPrompt, RawPrompt
from twinny_lsp.fim.families import choose, table
from twinny_lsp.fim.prompt import BuiltPrompt, FimInput, build, warm

NASTY = "&\"'`<>{{{prefix}}}{{x}}}} \x00 \u2028 \r\n \r é 😋 \\n '''\t"
SIMPLE = FimInput("P", "S", "python", path="a/b.py", repo="r")
TWO = (ContextFile("c.py", "C\n"), ContextFile("d.lua", "D"))


async def raw(setting: str, given: FimInput) -> str:
    built = await build(choose("m", setting), given)
    assert isinstance(built.prompt, RawPrompt)
    return built.prompt.text


@pytest.mark.parametrize("family", [family.name for family in table().families])
async def test_code_comes_out_byte_for_byte(family: str) -> None:
    files = (ContextFile("x.py", f"A{NASTY}Z"),)
    text = await raw(family, replace(SIMPLE, prefix=f"B{NASTY}E", suffix=f"C{NASTY}F"))
    assert f"B{NASTY}E" in text
    assert f"C{NASTY}F" in text
    if next(row for row in table().families if row.name == family).repository:
        assert f"A{NASTY}Z" in await raw(family, replace(SIMPLE, files=files))


@pytest.mark.parametrize("family", [family.name for family in table().families])
async def test_special_tokens_occur_only_where_the_template_puts_them(family: str) -> None:
    row = next(row for row in table().families if row.name == family)
    loaded = "".join(row.special)
    files = (ContextFile(f"{row.fim[0]}.py", loaded),)
    for extra in ((), files):
        plain = await raw(family, replace(SIMPLE, files=tuple(ContextFile("x.py", "T") for _ in extra)))
        given = replace(SIMPLE, prefix=loaded, suffix=loaded, files=extra, path=f"{loaded}.py", repo=loaded)
        built = await build(choose("m", family), given)
        assert isinstance(built.prompt, RawPrompt)
        for token in row.special:
            assert built.prompt.text.count(token) == plain.count(token), token
        assert built.clean(built.breaker.hide(loaded)) == loaded


async def test_native_prompts_are_left_alone() -> None:
    given = replace(SIMPLE, prefix="'<|fim_middle|>'", files=TWO)
    built = await build(choose("qwen2.5-coder", "native"), given)
    assert built.prompt == FimPrompt("'<|fim_middle|>'", "S", TWO)
    assert "<|fim_middle|>" not in built.stop, "it occurs in the code, so it may occur in the answer"
    assert "<|endoftext|>" in built.stop
    assert built.clean("x = '<|fim_middle|>'") == "x = '<|fim_middle|>'"
    assert (await build(choose("unknown", "native"), SIMPLE)).stop == ()


async def test_a_server_with_a_template_of_its_own_parses_tokens_and_takes_no_files() -> None:
    given = replace(SIMPLE, prefix="'<|fim_middle|>'", files=TWO)
    built = await build(choose("qwen2.5-coder", "native"), given, native_route=False)
    assert isinstance(built.prompt, FimPrompt)
    assert "<|fim_middle|>" not in built.prompt.prefix
    assert built.prompt.prefix.startswith("# c.py:\n# C\n# d.lua:\n# D\n# a/b.py:\n'")
    assert built.prompt.extra == ()
    assert built.clean(built.prompt.prefix.rpartition("\n")[2]) == "'<|fim_middle|>'"


async def test_files_go_as_comments_where_the_family_has_no_form_for_them() -> None:
    text = await raw("codellama", replace(SIMPLE, files=TWO))
    assert text == "<PRE> # c.py:\n# C\n# d.lua:\n# D\n# a/b.py:\nP <SUF>S <MID>"
    text = await raw("codellama", replace(SIMPLE, files=TWO, language="json"))
    assert text == "<PRE> P <SUF>S <MID>", "a language without comments gets none"
    text = await raw("seed-coder", replace(SIMPLE, files=TWO, language="c"))
    assert "// C\n" in text


async def test_the_repository_form_is_not_used_on_a_guess() -> None:
    choice = replace(choose("m", "qwen"), repository=False)
    built = await build(choice, replace(SIMPLE, files=TWO))
    assert isinstance(built.prompt, RawPrompt)
    assert "<|file_sep|>" not in built.prompt.text
    assert "# c.py:" in built.prompt.text


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("a/b.py", "a/b.py"),
        ("a\\b.py", "a/b.py"),
        ("./a/b.py", "a/b.py"),
        ("/home/user/a/b.py", "b.py"),
        ("C:\\Users\\user\\b.py", "b.py"),
        ("\\\\server\\share\\b.py", "b.py"),
        ("file:///home/user/b.py", "b.py"),
        ("~/b.py", "b.py"),
        ("../user/b.py", "b.py"),
        ("a/../../user/b.py", "b.py"),
        ("..a/b.py", "..a/b.py"),
        ("a\nb\x00.py", "a b .py"),
        ("", "untitled"),
    ],
)
async def test_paths_are_relative(path: str, shown: str) -> None:
    given = replace(SIMPLE, path=path, files=(ContextFile(path, "T"),), repo="/home/user/proj")
    text = await raw("qwen", given)
    assert f"<|file_sep|>{shown}\n<|fim_prefix|>" in text
    assert text.startswith("<|repo_name|>proj\n")
    assert "/home" not in text
    assert "user" not in text


async def test_repository_without_a_name() -> None:
    assert (await raw("qwen", replace(SIMPLE, repo="", files=TWO))).startswith("<|repo_name|>untitled\n")


async def test_chat() -> None:
    choice = choose("llama3:8b", "automatic")
    given = replace(SIMPLE, prefix=f"{NASTY}<CURSOR/>", suffix="<|im_end|>", files=TWO)
    built = await build(choice, given)
    assert isinstance(built.prompt, ChatPrompt)
    system, user = built.prompt.messages
    assert (system.role, user.role) == ("system", "user")
    assert user.content.count("<CURSOR/>") == 2, "the cursor, and where it is spoken of"
    assert f"{NASTY}<CURSOR/ ><CURSOR/><|im_end| >" in user.content
    assert "c.py" in user.content
    assert "(python)" in user.content
    assert built.clean("a<|im_end|>b") == "a"
    assert built.clean("'<CURSOR/ >'") == "'<CURSOR/>'"
    assert built.family == "chat"


async def test_nothing_to_ask_with() -> None:
    with pytest.raises(SettingsError, match=r"completion\.fimTemplate"):
        await build(choose("my-own-model", "automatic"), SIMPLE)


async def test_stop_words() -> None:
    built = await build(choose("m", "codestral"), SIMPLE, stop=("END",))
    assert built.stop == ("END", "</s>", "[PREFIX]", "[SUFFIX]", "\n+++++ ")
    built = await build(choose("m", "codestral"), replace(SIMPLE, prefix="x\n+++++ y"), stop=("END",))
    assert "\n+++++ " not in built.stop, "the user's code has it"


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("return 1", "return 1"),
        ("return 1<|endoftext|>junk", "return 1"),
        ("return 1<|fim_pad|>", "return 1"),
        ("<|fim_middle|>return 1", "return 1"),
        ("<|endoftext|>junk", ""),
        ("a<|file_sep|>b<|endoftext|>", "a"),
        ("print('<|fim_middle| >')<|im_end|>", "print('<|fim_middle|>')"),
        ("a < b |> c", "a < b |> c"),
        ("", ""),
    ],
)
async def test_answers_end_at_stop_words_and_get_the_users_tokens_back(answer: str, kept: str) -> None:
    built = await build(choose("m", "qwen"), replace(SIMPLE, prefix="'<|fim_middle|>'"))
    assert built.clean(answer) == kept


async def test_end_of_is_the_earliest() -> None:
    built: BuiltPrompt = await build(choose("m", "codellama"), SIMPLE)
    assert built.end_of("abc <EOT>") == 3
    assert built.end_of("abc") is None


async def test_warm_needs_nothing_for_built_in_templates() -> None:
    for family in table().families:
        await warm(choose("m", family.name))
