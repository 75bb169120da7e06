"""The import statements of a file, for the languages where they lead to files. Pure; which files: modules.py.

Regular expressions over the whole text: what stands in a string or a comment may be found too, and leads
nowhere in most cases.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

MOST = 200
"""Imports of one file."""
ALL = "*"
DEFAULT = "default"
"""What stands in the place of a name for what a module is as a whole."""
SCRIPTS = ("javascript", "javascriptreact", "typescript", "typescriptreact", "vue", "svelte", "astro")


class Import(NamedTuple):
    """`module` as it is written. `names` are what is taken from it, as (name there, name here).

    No names: the module as a whole, so that every name in it may be used. `relative` marks what only the
    statement tells (Ruby's require_relative, C's include in quotes, Rust's mod).
    """

    module: str
    names: tuple[tuple[str, str], ...] = ()
    relative: bool = False


Reader = Callable[[str], Iterator[Import]]


def imports_of(text: str, language: str) -> tuple[Import, ...]:
    """The imports of a file in its order, each once; empty for a language that is not known here."""
    reader = _READERS.get(language)
    if reader is None:
        return ()
    return tuple(dict.fromkeys(reader(text)))[:MOST]


def _names(text: str, alias: str = r"\s+as\s+") -> tuple[tuple[str, str], ...]:
    """`a, b as c` as pairs."""
    pairs: list[tuple[str, str]] = []
    for part in re.sub(r"#[^\n]*|//[^\n]*|[{}()\\]", " ", text).split(","):
        there, *here = re.split(alias, part.strip())
        there = there.removeprefix("type ").strip()
        if re.fullmatch(r"[\w$]+|\*", there):
            pairs.append((there, here[0].strip() if here else there))
    return tuple(pairs)


_PY_FROM = re.compile(r"^[ \t]*from[ \t]+(\.*[\w.]*)[ \t]+c?import[ \t]+(\([^)]*\)|[^\n#;]+)", re.MULTILINE)
_PY_IMPORT = re.compile(r"^[ \t]*c?import[ \t]+([\w.][\w., \t]*)", re.MULTILINE)


def _python(text: str) -> Iterator[Import]:
    for module, names in _PY_FROM.findall(text):
        pairs = _names(names)
        yield Import(module, () if (ALL, ALL) in pairs else pairs)
    for modules in _PY_IMPORT.findall(text):
        for part in modules.split(","):
            if name := part.split():
                yield Import(name[0])


_JS_FROM = re.compile(
    r"\b(?:import|export)\s+(?:type\s+|typeof\s+)?([\w$\s,{}*]+?)\s*\bfrom\s*[\"']([^\"'\n]+)[\"']"
)
_JS_BARE = re.compile(r"\bimport\s*\(?\s*[\"']([^\"'\n]+)[\"']")
_JS_REQUIRE = re.compile(
    r"\b(?:const|let|var)\s+([\w$\s,:{}]+?)\s*=\s*(?:await\s+)?(?:require|import)\s*\(\s*[\"']([^\"'\n]+)[\"']"
)


_JS_PASSED_ON = re.compile(r"([A-Za-z_$][\w$]*)\s*:\s*require\(\s*[\"']([^\"'\n]+)[\"']")


def _javascript(text: str) -> Iterator[Import]:
    for names, module in (*_JS_FROM.findall(text), *_JS_REQUIRE.findall(text)):
        outside, brace, inside = names.partition("{")
        inside, _, after = inside.partition("}")
        whole = f"{outside},{after}"
        if brace:
            yield Import(module, _names(inside, r"\s*:\s*|\s+as\s+"))
        if defaults := tuple((DEFAULT, here) for there, here in _names(whole) if there != ALL):
            yield Import(module, defaults)
        if not brace:
            yield Import(module)
    for name, module in _JS_PASSED_ON.findall(text):
        yield Import(module, ((DEFAULT, name),))
    for module in _JS_BARE.findall(text):
        yield Import(module)


_GO_ONE = re.compile(r"^import\s+(?:[\w.]+\s+)?\"([^\"\n]+)\"", re.MULTILINE)
_GO_BLOCK = re.compile(r"^import\s*\(([^)]*)\)", re.MULTILINE)


def _go(text: str) -> Iterator[Import]:
    for module in _GO_ONE.findall(text):
        yield Import(module)
    for block in _GO_BLOCK.findall(text):
        for module in re.findall(r"\"([^\"\n]+)\"", block):
            yield Import(module)


_RUST_USE = re.compile(r"^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?use[ \t]+([^;]{1,2000});", re.MULTILINE)
_RUST_MOD = re.compile(r"^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?mod[ \t]+(\w+)[ \t]*;", re.MULTILINE)


def _rust(text: str) -> Iterator[Import]:
    for tree in _RUST_USE.findall(text):
        yield from _rust_tree("", re.sub(r"\s+", " ", tree))
    for module in _RUST_MOD.findall(text):
        yield Import(module, (), True)


def _rust_tree(before: str, tree: str, depth: int = 0) -> Iterator[Import]:
    """`a::{b, c::D as E}`: a module, and the one name taken from it."""
    head, brace, rest = tree.strip().partition("{")
    if brace and depth < 4:
        for part in _rust_parts(rest.rpartition("}")[0]):
            yield from _rust_tree(before + head.strip(), part, depth + 1)
        return
    path, _, alias = head.strip().partition(" as ")
    module, _, name = (before + path.strip()).rpartition("::")
    if name == "self":
        module, _, name = module.rpartition("::")
    if name == ALL:
        yield Import(module)
    elif name:
        yield Import(module, ((name, alias.strip() or name),))


def _rust_parts(text: str) -> list[str]:
    """Cut at the commas outside of inner braces."""
    parts, depth = [""], 0
    for char in text:
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part for part in parts if part.strip()]


_JVM = re.compile(
    r"^[ \t]*import[ \t]+(?P<static>static[ \t]+)?(?P<path>\w+(?:\.\w+)*)"
    r"(?:\.(?P<many>\*|\{[^}]*\}))?(?:[ \t]+as[ \t]+(?P<alias>\w+))?",
    re.MULTILINE,
)


def _jvm(text: str) -> Iterator[Import]:
    for found in _JVM.finditer(text):
        path, many = found["path"], found["many"] or ""
        if path.endswith("._"):
            path, many = path[:-2], ALL
        if many.startswith("{"):
            for name, here in _names(many, r"\s*(?:=>|\bas\b)\s*"):
                yield Import(f"{path}.{name}", ((name, here),))
        elif many:
            yield Import(path)
        else:
            module, _, name = path.rpartition(".")
            yield Import(module if found["static"] else path, ((name, found["alias"] or name),))


_INCLUDE = re.compile(r"^[ \t]*#[ \t]*(?:include|import)[ \t]*([\"<])([^\">\n]+)[\">]", re.MULTILINE)


def _c(text: str) -> Iterator[Import]:
    for quote, path in _INCLUDE.findall(text):
        yield Import(path, (), quote == '"')


_RUBY = re.compile(r"^[ \t]*(require_relative|require|load)[ \t]*\(?[ \t]*[\"']([^\"'\n]+)", re.MULTILINE)


def _ruby(text: str) -> Iterator[Import]:
    for how, path in _RUBY.findall(text):
        yield Import(path, (), how == "require_relative")


_PHP_USE = re.compile(
    r"^[ \t]*use[ \t]+(?:function[ \t]+|const[ \t]+)?\\?"
    r"([\w\\]+?)(?:\\\{([^}]*)\}|[ \t]+as[ \t]+(\w+))?[ \t]*;",
    re.MULTILINE,
)
_PHP_FILE = re.compile(
    r"\b(?:require|include)(?:_once)?[ \t]*\(?[ \t]*(__DIR__[ \t]*\.[ \t]*)?[\"']/?([^\"'\n]+)"
)


def _php(text: str) -> Iterator[Import]:
    for path, group, alias in _PHP_USE.findall(text):
        for name, here in _names(group) if group else ((path.rpartition("\\")[2], alias),):
            yield Import(f"{path}\\{name}" if group else path, ((name, here or name),))
    for _, path in _PHP_FILE.findall(text):
        yield Import(path, (), True)


_ELIXIR = re.compile(
    r"^[ \t]*(?:alias|import|use|require)[ \t]+([A-Z]\w*(?:\.\w+)*)(?:\.\{([^}]*)\})?", re.MULTILINE
)


def _elixir(text: str) -> Iterator[Import]:
    for path, group in _ELIXIR.findall(text):
        for name in re.findall(r"[A-Z]\w*", group) if group else ("",):
            yield Import(f"{path}.{name}" if name else path)


def _paths(pattern: str) -> Reader:
    """A language where a statement is no more than a path."""
    compiled = re.compile(pattern, re.MULTILINE)

    def read(text: str) -> Iterator[Import]:
        for path in compiled.findall(text):
            yield Import(path, (), True)

    return read


_READERS: dict[str, Reader] = {
    "python": _python,
    **dict.fromkeys(SCRIPTS, _javascript),
    "go": _go,
    "rust": _rust,
    **dict.fromkeys(("java", "kotlin", "scala", "groovy"), _jvm),
    **dict.fromkeys(("c", "cpp", "cuda", "objective-c", "objective-cpp", "glsl", "hlsl"), _c),
    "ruby": _ruby,
    "php": _php,
    "elixir": _elixir,
    "lua": _paths(r"\brequire\s*\(?\s*[\"']([\w./-]+)[\"']"),
    "dart": _paths(r"^[ \t]*(?:import|export|part)[ \t]+[\"']([^\"'\n]+)[\"']"),
    "zig": _paths(r"@import\(\"([^\"\n]+\.zig)\"\)"),
    "proto": _paths(r"^[ \t]*import[ \t]+(?:public[ \t]+|weak[ \t]+)?\"([^\"\n]+)\""),
    "shellscript": _paths(r"^[ \t]*(?:source|\.)[ \t]+[\"']?(?:\$\{?\w+\}?/)?([\w./-]+)"),
    **dict.fromkeys(
        ("css", "scss", "sass", "less"), _paths(r"@(?:import|use|forward)[ \t]+(?:url\()?[\"']([^\"'\n]+)")
    ),
}
