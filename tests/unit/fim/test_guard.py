"""The guard: what it refuses and why, what it lets through, and that nothing it lets through can run code."""

from __future__ import annotations

import ast
import contextlib
import random
from pathlib import Path

import pybars
import pytest

from twinny_lsp.errors import TemplateError
from twinny_lsp.fim import guard, render
from twinny_lsp.fim.custom import DEFAULT_TEXT

# Each makes the file {marker} when bare pybars compiles and renders it; RUN stands for what makes it.
RUN = "__import__('pathlib').Path('{marker}').write_text('x')"
INJECTIONS = {
    "simple name": "{{[a'); RUN; helpers.get('a]}}",
    "simple name, three braces": "{{{[a'); RUN; helpers.get('a]}}}",
    "expression": "{{[x') or RUN or ('x]}}",
    "path": "{{a.[b') or RUN or resolve(context, 'c]}}",
    "path in if": "{{#if a.[b') or RUN or resolve(context, 'c]}}y{{/if}}",
    "new line and statement": "{{[a')\n    RUN\n    value = helpers.get('a]}}",
}

REFUSED = [
    # (template, line, a part of the reason)
    ("{{[prefix]}}", 1, "brackets"),
    ("{{{this.[prefix]}}}", 1, "brackets"),
    ("\n\n{{#if [prefix]}}x{{/if}}", 3, "brackets"),
    ("{{prefix.__class__}}", 1, "two underscores"),
    ("{{{__init__}}}", 1, "no variable"),
    ("{{{prefix.upper}}}", 1, "no variable"),
    ("{{prefix.upper}}", 1, "not supported"),
    ("{{this}}", 1, "no variable"),
    ("{{.}}", 1, "not supported"),
    ("{{#each files}}{{../prefix}}{{/each}}", 1, "paths with /"),
    ("{{./prefix}}", 1, "paths with /"),
    ("{{lookup files 0}}", 1, "lookup"),
    ("{{log prefix}}", 1, "lookup"),
    ("{{#with files}}x{{/with}}", 1, "with"),
    ("{{> partial}}", 1, "partials"),
    ("{{> (lookup prefix)}}", 1, "partials"),
    ("{{#> layout}}x{{/layout}}", 1, "partials"),
    ("{{* decorator}}", 1, "decorators"),
    ("{{#*inline 'a'}}x{{/inline}}", 1, "decorators"),
    ("{{{{raw}}}}{{x}}{{{{/raw}}}}", 1, "raw blocks"),
    ("{{{{prefix}}}}", 1, "raw blocks"),
    ("{{!-- a }} b --}}", 1, "{{! comment }}"),
    ("{{~!-- a --~}}", 1, "{{! comment }}"),
    ("{{! a { b }}", 1, "comment"),
    ("a\nb {{prefix", 2, "not closed"),
    ("{{{prefix}}", 1, "three braces"),
    ("{{#if prefix}}{{{prefix}}}", 1, "{{#if}} is not closed"),
    ("\n{{#each files}}\n{{#if path}}\n{{/each}}\n{{/if}}", 4, "closes line 3"),
    ("x{{/if}}", 1, "closes nothing"),
    ("{{else}}", 1, "outside of a block"),
    ("{{#if prefix}}a{{else}}b{{else}}c{{/if}}", 1, "two {{else}}"),
    ("{{#if prefix}}A{{else if suffix}}B{{/if}}", 1, "else if"),
    ("{{#if prefix}}A{{^}}B{{/if}}", 1, "`^`"),
    ("{{^if prefix}}A{{/if}}", 1, "`^`"),
    ("{{#if (gt prefix suffix)}}x{{/if}}", 1, "only eq"),
    ("{{#if (eq (eq prefix suffix) suffix)}}x{{/if}}", 1, ""),
    ("{{#if (eq prefix 1)}}x{{/if}}", 1, "no variable"),
    ('{{#if (eq prefix "a\'\\")}}x{{/if}}', 1, ""),
    ("{{#if (eq prefix)}}x{{/if}}", 1, "only eq"),
    ("{{eq prefix suffix}}", 1, "not supported"),
    ("{{#if prefix suffix}}x{{/if}}", 1, "no variable"),
    ("{{#if prefix x=1}}x{{/if}}", 1, "no variable"),
    ("{{#each files as |file|}}x{{/each}}", 1, "block parameters"),
    ("{{#each prefix}}x{{/each}}", 1, "not a list"),
    ("{{#each files}}{{#each files}}x{{/each}}{{/each}}", 1, "each inside each"),
    ("{{{files}}}", 1, "is a list"),
    ("{{#each files}}{{{prefix}}}{{/each}}", 1, "not known inside"),
    ("{{#each files}}{{@key}}{{/each}}", 1, "of the @ names"),
    ("{{#each files}}{{@root.prefix}}{{/each}}", 1, "of the @ names"),
    ("{{@index}}", 1, "inside {{#each}} only"),
    ("{{prefx}}", 1, "there is no variable `prefx`"),
    ("{{heading}}", 1, "there is no variable"),
    ("{{if}}", 1, "there is no variable"),
    ("{{}}", 1, "empty"),
    ("{{#}}x{{/}}", 1, "empty"),
    ("{{#repo}}x{{/repo}}", 1, "not supported"),
    ("\\{{prefix}}", 1, "backslash"),
    ("{{prefix}}{{'literal'}}", 1, "not supported"),
    ("{{{pre\u00adfix}}}", 1, ""),
    ("{{prefix\u2028}}", 1, "not supported"),
    ("{{#if prefix}}" * 9 + "{{/if}}" * 9, 1, "nested"),
    ("{{prefix}}" * 513, 1, "more than 512 tags"),
    ("x" * 65_537, 0, "longer than 65536"),
]

ACCEPTED = [
    DEFAULT_TEXT,
    "<|fim_prefix|>{{{prefix}}}<|fim_suffix|>{{{suffix}}}<|fim_middle|>",
    # The forms Twinny's own templates are made of.
    "{{{systemMessage}}}\n\n{{{context}}}\n{{#if context}}In {{language}}:{{/if}} {{{prefix}}}",
    "{{#if (eq language 'python')}}#{{else}}//{{/if}} {{fileName}}",
    '{{#unless (eq language "go")}}x{{/unless}}{{ prefix }}{{& suffix }}{{&suffix}}{{{ suffix }}}',
    "{{#each files}}{{path}}{{this.text}}{{#if @first}}{{@index}}{{/if}}{{/each}}",
    "{{#each files}}{{{text}}}{{#unless @last}},{{/unless}}{{/each}}",
    "{{#each files}}x{{else}}none{{/each}}",
    "{{! a note }}{{~! and one ~}} {{~prefix~}} {{~{suffix}~}} {{~#if repo~}} x {{~else~}} y {{~/if~}}",
    "{ {a: 1} } }} {{this.prefix}} plain",
    "",
]


@pytest.mark.parametrize("name", INJECTIONS)
def test_injections_run_in_bare_pybars_and_are_refused_here(name: str, tmp_path: Path) -> None:
    marker = tmp_path / "owned"
    source = INJECTIONS[name].replace("RUN", RUN.replace("{marker}", str(marker)))
    with pytest.raises(TemplateError) as refused:
        guard.parse(source, "fim.hbs")
    assert refused.value.path == "fim.hbs"
    assert refused.value.line == 1
    assert not marker.exists()
    with contextlib.suppress(Exception):  # what happens after the file was made does not matter
        pybars.Compiler().compile(source)({"a": {}})
    assert marker.exists(), "the injection does not work in pybars any more, so this test shows nothing"


@pytest.mark.parametrize(("source", "line", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_refused_with_line_and_advice(source: str, line: int, reason: str) -> None:
    with pytest.raises(TemplateError) as refused:
        guard.parse(source, "fim.hbs")
    assert refused.value.line == line
    assert reason in refused.value.reason
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("source", ACCEPTED, ids=range(len(ACCEPTED)))
async def test_accepted_and_rendered(source: str) -> None:
    template = guard.parse(source)
    await render.prepare(template)
    values: dict[str, render.Value] = {
        "prefix": "PRE",
        "suffix": "SUF",
        "files": [{"path": "p", "text": "t"}],
    }
    text = render.render(template, values)
    assert ("PRE" in text) == ("prefix" in source)


_FRAGMENTS = (
    "{{¦}}¦{{{¦}}}¦[¦]¦'¦\"¦\\¦prefix¦this.path¦path¦#if ¦/if¦else¦~¦ ¦\n¦(¦)¦) or open('x') or (¦^"
    "¦&¦!¦>¦@¦../¦{¦}¦{{prefix}}¦{{{prefix}}}¦{{#if prefix}}¦{{/if}}¦x') or open('q') or ('¦😋"
    "¦{{#each files}}¦{{/each}}¦@index"
    "¦__¦$¦{{#if (eq prefix ¦\"a\"¦(eq path 'b')¦{{else}}"
    "¦{{~¦~}}¦{{! note¦#unless ¦/unless¦{{#if (eq language 'a')}}"
    "¦{{#unless repo}}¦{{/unless}}¦text¦\r\n¦'; import os; '¦\x00"
)
FRAGMENTS = _FRAGMENTS.split("¦")
_CALLS = (
    "dict update get strlist ensure_scope partial resolve hasattr value helper prepare str grow append Scope "
    "inner resolve_subexpr PybarsError"
)
CALLS = set(_CALLS.split())


def test_fuzz_what_passes_calls_only_what_pybars_itself_calls() -> None:
    """Both as it stands and as it is given to pybars; and the guard never fails but by TemplateError."""
    dice = random.Random(20_26)
    compiler = pybars.Compiler()
    passed = compiled = 0
    for _ in range(40_000):
        source = "".join(dice.choices(FRAGMENTS, k=dice.randint(1, 9)))
        try:
            template = guard.parse(source)
        except TemplateError:
            continue
        passed += "{{" in source
        if compiled > 250 or "{{" not in source:
            continue
        for text in (source, render.canonical(template)[0]):
            try:
                python = compiler.precompile(text)
            except pybars.PybarsError:
                assert text is source, "what is made anew always compiles"
                continue
            compiled += 1
            assert _called(python) <= CALLS, source
    assert passed > 500
    assert compiled > 250


def _called(python: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(python)):
        if isinstance(node, ast.Call):
            target = node.func
            if isinstance(target, ast.Attribute):
                names.add(target.attr)
            elif isinstance(target, ast.Name):
                names.add(target.id)
            else:
                # helpers['name'](…): the name is one of pybars' own
                assert isinstance(target, ast.Subscript)
                assert ast.unparse(target) in ("helpers['helperMissing']", "helpers['blockHelperMissing']")
    return names


def test_the_fuzz_check_sees_a_foreign_call() -> None:
    assert _called("open('x'); a.system('y'); strlist()") == {"open", "system", "strlist"}
