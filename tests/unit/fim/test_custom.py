"""The user's own templates: Twinny's folder, names and variables; errors with file and line."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from twinny_lsp.errors import TemplateError
from twinny_lsp.exchange import ContextFile, RawPrompt
from twinny_lsp.fim.custom import DEFAULT_TEXT, CustomTemplates
from twinny_lsp.fim.families import choose
from twinny_lsp.fim.prompt import BuiltPrompt, FimInput, build, warm

GIVEN = FimInput(
    prefix="P&<",
    suffix="S{{x}}",
    language="python",
    path="/home/user/proj/pkg/a.py",
    repo="proj",
    files=(ContextFile("b.py", "B"), ContextFile("c.go", "C")),
    model="m",
    indent="  ",
)


@pytest.fixture
def folder(isolated_home: Path) -> Path:
    made = isolated_home / ".twinny" / "templates"
    made.mkdir(parents=True)
    return made


async def ask(templates: CustomTemplates, model: str = "m", stop: tuple[str, ...] = ()) -> BuiltPrompt:
    return await build(choose(model, "custom-template"), GIVEN, templates, stop)


def text_of(built: BuiltPrompt) -> str:
    assert isinstance(built.prompt, RawPrompt)
    return built.prompt.text


async def test_without_a_file_it_is_twinnys_default(isolated_home: Path) -> None:
    templates = CustomTemplates()
    assert templates.directory == isolated_home / ".twinny" / "templates"
    built = await ask(templates)
    assert text_of(built) == "<PRE>P&< <SUF> S{{x}} <MID>"
    assert "no fim.hbs" in built.reason
    assert built.stop[:2] == (" <EOT>", "<EOT>"), "the tokens in it are Code Llama's"
    assert DEFAULT_TEXT == "<PRE>{{{prefix}}} <SUF> {{{suffix}}} <MID>"


async def test_all_variables(folder: Path) -> None:
    names = (
        "prefix",
        "suffix",
        "fileName",
        "relativePath",
        "language",
        "repo",
        "model",
        "indent",
        "systemMessage",
    )
    (folder / "fim.hbs").write_text(
        "".join(f"{name}={{{{{name}}}}}\n" for name in names)
        + "{{#each files}}{{path}}:{{text}};{{/each}}\n{{{context}}}\n\n",
        encoding="utf-8",
    )
    (folder / "system.hbs").write_text("common", encoding="utf-8")
    (folder / "fim-system.hbs").write_text("{{raw}} <|im_start|>", encoding="utf-8")
    assert text_of(await ask(CustomTemplates())) == (
        "prefix=P&<\nsuffix=S{{x}}\nfileName=a.py\nrelativePath=a.py\nlanguage=python\nrepo=proj\nmodel=m\n"
        "indent=  \nsystemMessage={{raw}} <|im_start|>\nb.py:B;c.go:C;\n# b.py\nB\n// c.go\nC\n\n"
    )


async def test_system_hbs_is_the_second_choice(folder: Path) -> None:
    (folder / "fim.hbs").write_text("{{systemMessage}}|{{prefix}}", encoding="utf-8")
    (folder / "system.hbs").write_text("common", encoding="utf-8")
    assert text_of(await ask(CustomTemplates())) == "common|P&<"


async def test_the_file_is_read_again_only_when_it_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "fim.hbs"
    path.write_text("one {{prefix}}", encoding="utf-8")
    templates = CustomTemplates()
    first = await templates.current()
    assert await templates.current() is first
    path.write_text("three {{prefix}}", encoding="utf-8")
    assert text_of(await ask(templates)) == "three P&<"
    os.utime(path, ns=(1, 1))
    second = await templates.current()
    assert second is not first
    path.unlink()
    assert (await templates.current()).built_in


async def test_files_are_read_off_the_event_loop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "fim.hbs").write_text("{{prefix}}", encoding="utf-8")
    threads: list[threading.Thread] = []
    stat = os.stat

    def spy(path: str | Path) -> os.stat_result:
        threads.append(threading.current_thread())
        return stat(path)

    monkeypatch.setattr("twinny_lsp.fim.folder.os.stat", spy)
    await CustomTemplates().current()
    assert threads
    assert threading.main_thread() not in threads


async def test_conditions_work_and_are_compiled_ahead(folder: Path) -> None:
    (folder / "fim.hbs").write_text(
        "{{#if (eq language 'python')}}\n# py\n{{else}}\n// no\n{{/if}}\n{{{prefix}}}", encoding="utf-8"
    )
    templates = CustomTemplates()
    choice = choose("m", "custom-template")
    await warm(choice, templates)
    assert text_of(await ask(templates)) == "# py\nP&<"


async def test_a_refused_template_is_an_error_with_file_and_line_every_time(folder: Path) -> None:
    path = folder / "fim.hbs"
    path.write_text("fine\n{{prefix.__class__}}", encoding="utf-8")
    templates = CustomTemplates()
    for _ in range(2):
        with pytest.raises(TemplateError) as refused:
            await ask(templates)
        assert (refused.value.path, refused.value.line) == (str(Path("~/.twinny/templates/fim.hbs")), 2)
    path.write_text("good {{prefix}}", encoding="utf-8")
    assert text_of(await ask(templates)) == "good P&<"


async def test_what_cannot_be_read_is_an_error(folder: Path) -> None:
    path = folder / "fim.hbs"
    path.mkdir()
    with pytest.raises(TemplateError, match="is not a file"):
        await ask(CustomTemplates())
    path.rmdir()
    path.write_bytes(b"a\nb\xff")
    with pytest.raises(TemplateError, match=r"fim\.hbs:2: .*UTF-8"):
        await ask(CustomTemplates())
    path.write_text("x" * 300_000, encoding="utf-8")
    with pytest.raises(TemplateError, match="longer than"):
        await ask(CustomTemplates())


async def test_no_permission_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "fim.hbs").write_text("{{prefix}}", encoding="utf-8")

    def denied(*_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(TemplateError, match="Permission denied"):
        await ask(CustomTemplates())
    monkeypatch.setattr("twinny_lsp.fim.folder.os.stat", denied)
    with pytest.raises(TemplateError, match="Permission denied"):
        await ask(CustomTemplates())


async def test_a_folder_elsewhere_is_shown_in_full(tmp_path: Path) -> None:
    (tmp_path / "fim.hbs").write_text("{{nothing}}", encoding="utf-8")
    with pytest.raises(TemplateError) as refused:
        await ask(CustomTemplates(tmp_path))
    assert refused.value.path == str(tmp_path / "fim.hbs")


@pytest.mark.parametrize(
    ("model", "template", "own", "expected"),
    [
        # The user's list is the list.
        ("m", "<|fim_prefix|>{{prefix}}", ("END",), ("END",)),
        # Tokens of a known family: that family's words, then what stands in the template.
        ("m", "[SUFFIX]{{suffix}}[PREFIX]{{prefix}}", (), ("</s>", "[PREFIX]", "[SUFFIX]", "\n+++++ ")),
        # By name where several families share the tokens.
        (
            "mellum",
            "<fim_suffix>{{suffix}}<fim_prefix>{{prefix}}<fim_middle>",
            (),
            ("<|endoftext|>", "<filename>", "<fim_suffix>", "<fim_prefix>", "<fim_middle>", "<reponame>"),
        ),
        # Nothing known: what looks special in the template.
        ("m", "<HOLE>{{prefix}}<|after|>{{suffix}}", (), ("<HOLE>", "<|after|>")),
        # No tokens in the template, but a name.
        ("codellama:7b-code", "{{prefix}}", (), (" <EOT>", "<EOT>", "▁<EOT>", "<PRE>", "<SUF>", "<MID>")),
        ("m", "{{prefix}}", (), ()),
    ],
)
async def test_stop_words(
    folder: Path, model: str, template: str, own: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    (folder / "fim.hbs").write_text(template, encoding="utf-8")
    assert (await ask(CustomTemplates(), model, own)).stop == expected


async def test_the_templates_tokens_are_broken_up_in_the_code(folder: Path) -> None:
    (folder / "fim.hbs").write_text("<HOLE>{{{prefix}}}<|after|>", encoding="utf-8")
    given = FimInput("<HOLE> <|after|> <|fim_middle|>", "", "python")
    built = await build(choose("m", "custom-template"), given, CustomTemplates())
    assert text_of(built) == "<HOLE><HOLE > <|after| > <|fim_middle| ><|after|>"
    assert built.clean("<|after|>x <HOLE ><HOLE>y") == "x <HOLE>"


@pytest.mark.parametrize(
    "text", ["", "only text", "{{{suffix}}}", "{{#if prefix}}x{{/if}}", "{{#each files}}{{{path}}}{{/each}}"]
)
async def test_a_template_without_the_prefix_is_an_error(folder: Path, text: str) -> None:
    (folder / "fim.hbs").write_text(text, encoding="utf-8")
    with pytest.raises(TemplateError, match=r"fim\.hbs: has no \{\{\{prefix\}\}\}"):
        await ask(CustomTemplates())


@pytest.mark.parametrize(
    "text",
    ["{{prefix}}", "{{#unless suffix}}{{else}}{{&prefix}}{{/unless}}", "{{#if repo}}{{{prefix}}}{{/if}}"],
)
async def test_the_prefix_may_stand_anywhere(folder: Path, text: str) -> None:
    (folder / "fim.hbs").write_text(text, encoding="utf-8")
    assert text_of(await ask(CustomTemplates())) == "P&<"
