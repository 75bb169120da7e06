"""Filling a checked template with values.

Text, variables and loops are put together straight from the tree: importing pybars costs most of a second,
and no built-in template needs it. A template with conditions is compiled by pybars. What pybars is
given is not the author's text but a text made anew from the tree, in which all literal text has become
variables: its compiler sees names out of the vocabulary and nothing else, and its white space rules find
nothing to do. All variables are written with three braces, so values come through byte for byte.

pybars' compiler keeps its state in the class, so that two threads at once mix their templates up: one thread
does it for the whole process. Compiled templates are plain functions and run anywhere.

Not for judging templates: only guard.parse makes what this takes.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

from twinny_lsp.errors import TemplateError
from twinny_lsp.fim.nodes import Each, Equal, If, Node, Template, Text, Variable

Value = str | bool | Sequence[Mapping[str, str]]
_Compiled = Callable[..., str]

_NO_FULL_COLLECTION = 1_000
_MAX_COMPILED = 64
_compiled: dict[str, _Compiled] = {}
"""By pybars source; filled on the one thread only, emptied when full."""


async def prepare(template: Template) -> None:
    """Import and compile, off the event loop, what `render` needs for this template; often nothing.

    Raises TemplateError if pybars refuses it, which would be an error in the guard.
    """
    if template.simple:
        return
    source, _ = canonical(template)
    if source not in _compiled:
        await asyncio.get_running_loop().run_in_executor(_thread(), _compile, source, template.path)


def render(template: Template, values: Mapping[str, Value]) -> str:
    """The template with its values; every name of its vocabulary may be missing and is then empty.

    Fast once `prepare` has run; without it, a template with conditions blocks while pybars is imported.
    """
    given = _complete(template, values)
    if template.simple:
        parts: list[str] = []
        _fill(template.nodes, given, parts)
        return "".join(parts)
    source, texts = canonical(template)
    compiled = _compiled.get(source) or _thread().submit(_compile, source, template.path).result()
    context: dict[str, object] = dict(given)
    context.update(texts)
    return compiled(context, helpers={"eq": _equal})


def _complete(template: Template, values: Mapping[str, Value]) -> dict[str, Value]:
    """Exactly the vocabulary's names, with plain strings, booleans and lists of such dicts, copied."""
    made: dict[str, Value] = {}
    for name in template.vocabulary.strings:
        value = values.get(name, "")
        made[name] = value if isinstance(value, bool) else _plain(value)
    for name, fields in template.vocabulary.lists.items():
        items = values.get(name, ())
        if isinstance(items, str | bool):
            raise TypeError(f"{name} must be a list")
        made[name] = [{field: _plain(item.get(field, "")) for field in fields} for item in items]
    return made


def _plain(value: object) -> str:
    """A str and no subclass of it; pybars would take such a one apart."""
    if not isinstance(value, str):
        raise TypeError(f"a template's value must be a string, not {type(value).__name__}")
    return value if type(value) is str else "".join(value)


def _fill(nodes: tuple[Node, ...], values: Mapping[str, Value], parts: list[str]) -> None:
    for node in nodes:
        if isinstance(node, Text):
            parts.append(node.value)
        elif isinstance(node, Variable):
            value = values[node.name]
            parts.append(value if isinstance(value, str) else str(value).lower())
        elif isinstance(node, Each):
            items = values[node.name]
            if isinstance(items, str | bool):
                raise TypeError(f"{node.name} is not a list")
            for index, item in enumerate(items):
                place: dict[str, Value] = {
                    "@index": str(index),
                    "@first": index == 0,
                    "@last": index == len(items) - 1,
                }
                _fill(node.body, {**item, **place}, parts)
            if not items:
                _fill(node.otherwise, values, parts)
        else:
            raise TypeError("conditions are for pybars")


@functools.lru_cache(maxsize=_MAX_COMPILED)
def canonical(template: Template) -> tuple[str, dict[str, str]]:
    """What pybars is given for this template, and the literal texts by the names they have in it."""
    texts: dict[str, str] = {}
    return "".join(_written(template.nodes, texts)), texts


def _written(nodes: tuple[Node, ...], texts: dict[str, str]) -> list[str]:
    written: list[str] = []
    for node in nodes:
        if isinstance(node, Text):
            written.append(f"{{{{{{{_stored(node, texts)}}}}}}}")
        elif isinstance(node, Variable):
            written.append(f"{{{{{{{node.name}}}}}}}")
        else:
            if isinstance(node, If):
                head, body = f"if {_test(node.test, texts)}", node.then
            else:
                head, body = f"each {node.name}", node.body
            written += [f"{{{{#{head}}}}}", *_written(body, texts)]
            if node.otherwise:
                written += ["{{else}}", *_written(node.otherwise, texts)]
            written.append("{{/if}}" if isinstance(node, If) else "{{/each}}")
    return written


def _stored(text: Text, texts: dict[str, str]) -> str:
    """Keep a literal text; the path pybars finds it by, also inside each."""
    name = f"t{len(texts)}"
    texts[name] = text.value
    return f"@root.{name}"


def _test(test: Variable | Equal, texts: dict[str, str]) -> str:
    if isinstance(test, Variable):
        return test.name
    operands = (
        side.name if isinstance(side, Variable) else _stored(side, texts) for side in (test.left, test.right)
    )
    return f"(eq {' '.join(operands)})"


def _equal(_scope: object, left: object, right: object) -> bool:
    return left == right


@functools.cache
def _thread() -> ThreadPoolExecutor:
    """The one thread on which pybars is imported and compiles, made on first use."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="pybars")


def _imported() -> ModuleType:
    """pybars. It parses its grammar when it is imported; the full collections this sets off would hold up all
    threads for some 50 ms each, and find nothing."""
    if "pybars" not in sys.modules:
        before = gc.get_threshold()
        gc.set_threshold(before[0], before[1], _NO_FULL_COLLECTION)
        try:
            importlib.import_module("pybars")
        finally:
            gc.freeze()  # or the next full collection walks over all that came
            gc.set_threshold(*before)
    return sys.modules["pybars"]


def _compile(source: str, path: str) -> _Compiled:
    """Compile on the one thread. `source` comes from `canonical` only."""
    if source in _compiled:
        return _compiled[source]
    pybars = _imported()
    try:
        function: _Compiled = pybars.Compiler().compile(source)
    except pybars.PybarsError as error:
        raise TemplateError("pybars cannot compile this template", path) from error
    # Each compile leaves a module behind; the function needs only its globals, which it holds itself.
    sys.modules.pop(function.__module__ or "", None)
    for name in [name for name in sys.modules if name.startswith("pybars._templates._")]:
        del sys.modules[name]
    if len(_compiled) >= _MAX_COMPILED:
        _compiled.clear()
    _compiled[source] = function
    return function
