"""Rendering: Handlebars' white space, pybars and our own way in agreement, values byte for byte."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from typing import Any

import pybars
import pytest

from twinny_lsp.errors import TemplateError
from twinny_lsp.fim import guard, render
from twinny_lsp.fim.nodes import Each, Equal, If, Node, Text, Variable

# What Handlebars 4 makes of these (most are cases of its own test suite), with prefix "P" and no repo.
WHITESPACE = [
    (" {{~prefix~}} ", "P"),
    (" {{~prefix}} ", "P "),
    (" {{prefix~}} ", " P"),
    (" {{~{prefix}~}} ", "P"),
    ("1\n{{prefix~}} \n\n 2{{prefix}}", "1\nP2P"),
    (" {{~#if prefix~}} bar {{~/if~}} ", "bar"),
    (" {{#if prefix~}} bar {{~/if}} ", " bar "),
    (" {{~#if prefix}} bar {{/if~}} ", " bar "),
    (" {{#if prefix}} bar {{/if}} ", "  bar  "),
    (" \n\n{{~#if prefix~}} \n\nbar \n\n{{~/if~}}\n\n ", "bar"),
    (" a\n\n{{~#if prefix~}} \n\nbar \n\n{{~/if~}}\n\na ", " abara "),
    ("{{#if repo~}} bar {{~else~}} baz {{~/if}}", "baz"),
    ("{{#if repo}} bar {{~else~}} baz {{/if}}", "baz "),
    ("{{#if prefix~}} bar {{~else}} baz {{/if}}", "bar"),
    ("{{#if prefix}}\n  bar\n{{else}}\n  baz\n{{/if}}\n", "  bar\n"),
    ("{{#if repo}}\n  bar\n{{else}}\n  baz\n{{/if}}\n", "  baz\n"),
    ("a\n  {{#if prefix}}  \nb\n  {{/if}}  \nc", "a\nb\nc"),
    ("a\r\n{{#if prefix}}\r\nb\r\n{{/if}}\r\nc", "a\r\nb\r\nc"),
    ("x {{#if prefix}}\nb\n{{/if}} y", "x \nb\n y"),
    ("{{#if prefix}}{{prefix}}{{/if}}\nx", "P\nx"),
    ("{{#if prefix}}\n\n{{/if}}x", "\nx"),
    ("{{! note }}\nx", "x"),
    ("x\n  {{! note }}  \ny", "x\ny"),
    ("x {{! note }}\ny", "x \ny"),
    ("{{! a }}\n{{! b }}\nx", "x"),
    ("x\n{{! last }}", "x\n"),
    ("x{{~! note ~}} y", "xy"),
    # pybars by itself glues tags together over blanks, and drops the line end after two tags in a line.
    ("{{#if prefix}} {{prefix}} {{/if}}", " P "),
    ("{{prefix}}\t{{prefix}}\n", "P\tP\n"),
    ("a\n{{#if prefix}}b{{/if}} {{#if prefix}}c{{/if}}\nd", "a\nb c\nd"),
    ("\u00a0{{~prefix~}}\ufeff", "P"),
    ("\x1c{{~prefix~}}\x85", "\x1cP\x85"),
    # pybars by itself ignores the else of unless.
    ("{{#unless prefix}}a{{else}}b{{/unless}}", "b"),
    ("{{#unless repo}}a{{else}}b{{/unless}}", "a"),
    ("{{#each files}}{{path}}{{else}}none{{/each}}", "none"),
    ("{{#each files}}\nx\n{{/each}}\ny", "y"),
]

NASTY = [
    "&\"'`<>",
    "{{{prefix}}} {{suffix}} {{#if x}} {{{{raw}}}}",
    "}} }}} {{",
    "\x00\x07\x1b",
    "\u2028\u2029\u0085\f\v",
    "a\r\nb\rc\n",
    "😋 é e\u0301 \ud7ff \U0010ffff",
    "\\n \\' \\\" \\{{",
    "__class__ %s {0} $1",
    " \t leading and trailing \n\n",
]


@pytest.mark.parametrize(("source", "expected"), WHITESPACE, ids=range(len(WHITESPACE)))
async def test_white_space_is_that_of_handlebars(source: str, expected: str) -> None:
    template = guard.parse(source)
    await render.prepare(template)
    assert render.render(template, {"prefix": "P"}) == expected


@pytest.mark.parametrize("value", NASTY, ids=range(len(NASTY)))
@pytest.mark.parametrize(
    "source",
    [
        "{{{prefix}}}|{{prefix}}|{{&prefix}}{{#each files}}|{{path}}|{{{this.text}}}{{/each}}",
        "{{#if prefix}}{{{prefix}}}{{/if}}|{{prefix}}|{{&prefix}}{{#each files}}|{{path}}|{{text}}{{/each}}",
    ],
    ids=["straight", "pybars"],
)
async def test_values_come_out_byte_for_byte(source: str, value: str) -> None:
    template = guard.parse(source)
    await render.prepare(template)
    text = render.render(template, {"prefix": value, "files": [{"path": value, "text": value}]})
    assert text == "|".join([value] * 5)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
async def test_a_templates_own_text_comes_out_byte_for_byte(text: str) -> None:
    own = text.replace("{", "(")
    template = guard.parse(f"{own}{{{{#if prefix}}}}<{own}>{{{{/if}}}}")
    await render.prepare(template)
    assert render.render(template, {"prefix": "x"}) == f"{own}<{own}>"


def test_straight_rendering_equals_pybars_on_flat_templates() -> None:
    """On templates that pybars itself gets right: three braces, no tags of blocks alone on a line."""
    sources = [
        "<PRE> {{{prefix}}} <SUF>{{{suffix}}} <MID>",
        "{{{language}}}: {{{prefix}}}{{{repo}}}\n\n{{{suffix}}} \\ ''' \"\"\" <|x|>",
        "{{#each files}}<{{{path}}}:{{{text}}}>{{/each}}{{{prefix}}}",
    ]
    files = [{"path": "a", "text": value} for value in NASTY]
    values: dict[str, Any] = {"prefix": "".join(NASTY), "suffix": "&<", "language": "c++", "files": files}
    for source in sources:
        template = guard.parse(source)
        assert template.simple
        bare = pybars.Compiler().compile(source)(dict(values, repo=""))
        assert render.render(template, values) == bare


async def test_both_ways_agree_with_a_naive_reading_of_the_tree() -> None:
    dice = random.Random(7)
    files = [{"path": "a.py", "text": "A<&"}, {"path": "", "text": "{{x}}"}, {"path": "c", "text": "\n"}]
    worlds: list[dict[str, render.Value]] = [
        {},
        {"prefix": "p", "repo": "p", "files": files},
        {"suffix": "s", "language": "p", "files": files[:1]},
    ]
    kinds = set()
    for _ in range(60):
        template = guard.parse(_random_template(dice, 3, False))
        await render.prepare(template)
        kinds.add(template.simple)
        for world in worlds:
            complete: dict[str, Any] = dict.fromkeys(guard.USER.strings, "") | {"files": []} | world
            assert render.render(template, world) == _naive(template.nodes, complete)
    assert kinds == {True, False}


def _random_template(dice: random.Random, depth: int, inside: bool) -> str:
    names = (
        ["path", "this.text", "@index", "@last"] if inside else ["prefix", "suffix", "repo", "this.language"]
    )
    pieces = []
    for _ in range(dice.randint(1, 3)):
        kind = dice.randint(0, 5) if depth else dice.randint(0, 2)
        inner = _random_template(dice, depth - 1, inside) if kind > 2 else ""
        other = "{{else}}" + _random_template(dice, 0, inside) if dice.random() < 0.5 else ""
        name = dice.choice(names)
        if kind == 0:
            pieces.append(dice.choice(["a", " \n ", "'\\\"", "\n\n", "}} <&>"]))
        elif kind < 3:
            pieces.append(f"{{{{{{{name}}}}}}}")
        elif kind == 3 and not inside:
            body = _random_template(dice, depth - 1, True)
            pieces.append(f"{{{{#each files}}}}{body}{other}{{{{/each}}}}")
        else:
            block = dice.choice(["if", "unless"])
            operand = dice.choice(['"p"', name])
            test = dice.choice([name, f"(eq {name} {operand})"])
            pieces.append(f"{{{{#{block} {test}}}}}{inner}{other}{{{{/{block}}}}}")
    return "".join(pieces)


def _naive(nodes: tuple[Node, ...], values: Mapping[str, Any]) -> str:
    text = ""
    for node in nodes:
        if isinstance(node, Text):
            text += node.value
        elif isinstance(node, Variable):
            value = values[node.name]
            text += str(value).lower() if isinstance(value, bool) else str(value)
        elif isinstance(node, If):
            text += _naive(node.then if _holds(node.test, values) else node.otherwise, values)
        elif isinstance(node, Each):
            items = values[node.name]
            for index, item in enumerate(items):
                last = index == len(items) - 1
                text += _naive(node.body, {**item, "@index": index, "@first": index == 0, "@last": last})
            text += "" if items else _naive(node.otherwise, values)
    return text


def _holds(test: Variable | Equal, values: Mapping[str, Any]) -> bool:
    if isinstance(test, Variable):
        return bool(values[test.name])
    left, right = (
        side.value if isinstance(side, Text) else values[side.name] for side in (test.left, test.right)
    )
    return bool(left == right)


async def test_many_templates_prepared_at_once_do_not_mix() -> None:
    templates = [guard.parse(f"{{{{#if prefix}}}}{'{{suffix}}' * n}{n}{{{{/if}}}}") for n in range(1, 25)]
    await asyncio.gather(*(render.prepare(template) for template in templates))
    for n, template in enumerate(templates, 1):
        assert render.render(template, {"prefix": "x", "suffix": "s"}) == "s" * n + str(n)


async def test_compiling_leaves_no_modules_behind_and_equal_structure_is_compiled_once() -> None:
    await render.prepare(guard.parse("{{#if prefix}}a{{/if}}"))
    before = set(sys.modules)
    for text in ("b", "c", "d"):
        template = guard.parse(f"{{{{#if prefix}}}}{text}{{{{/if}}}}")
        await render.prepare(template)
        assert render.render(template, {"prefix": "x"}) == text
    assert {name for name in set(sys.modules) - before if "_template" in name} == set()
    assert len({render.canonical(guard.parse(f"{{{{#if repo}}}}{t}{{{{/if}}}}"))[0] for t in "xyz"}) == 1


def test_rendering_without_prepare_works() -> None:
    template = guard.parse("{{#if prefix}}unprepared {{{prefix}}}{{/if}}{{#unless prefix}}{{/unless}}")
    assert render.render(template, {"prefix": "x"}) == "unprepared x"


def test_only_strings_booleans_and_lists_of_strings_get_in() -> None:
    template = guard.parse("{{{prefix}}}{{#each files}}{{path}}{{/each}}")

    class Sly(str):
        def __str__(self) -> str:
            raise AssertionError("called")

    assert render.render(template, {"prefix": Sly("x")}) == "x"
    for wrong in ({"prefix": 3}, {"prefix": None}, {"files": "abc"}, {"files": [{"path": object()}]}):
        with pytest.raises(TypeError):
            render.render(template, wrong)  # type: ignore[arg-type]


async def test_pybars_refusing_is_a_template_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> object:
        raise pybars.PybarsError("no")

    monkeypatch.setattr(pybars.Compiler, "compile", refuse)
    template = guard.parse("{{#if indent}}never seen before{{/if}}{{indent}}{{indent}}", "fim.hbs")
    with pytest.raises(TemplateError, match=r"fim\.hbs"):
        await render.prepare(template)


def test_no_built_in_template_imports_pybars() -> None:
    program = textwrap.dedent("""
        import asyncio, sys
        from twinny_lsp.exchange import ContextFile
        from twinny_lsp.fim.families import Choice, Kind, choose, table
        from twinny_lsp.fim.prompt import FimInput, build, warm
        async def main():
            for setting in (*(family.name for family in table().families), "chat", "native"):
                choice = choose("m", setting)
                await warm(choice)
                for files in ((), (ContextFile("a.py", "x"),)):
                    await build(choice, FimInput("p", "s", "python", files=files))
        asyncio.run(main())
        print(*sorted(m for m in ("pybars", "pymeta", "aiohttp", "pydantic") if m in sys.modules), "end")
    """)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["end"]
