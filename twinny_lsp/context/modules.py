"""From an import to the files of the workspace it may mean, by each language's usual rules. Pure.

The rules are simple on purpose (docs/context.md has them): no build file is read, but for the name in a Go
module's `go.mod`. What they do not find is not shown, and nothing else comes of it. All paths are relative to
the workspace folder, with forward slashes; which of them are there is for the caller to see.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from twinny_lsp.context.imports import SCRIPTS, Import


class Target(NamedTuple):
    """Files that an import leads to: the first of `paths` that is there, or all in `folder` with an ending.

    `names` as in Import; none: all that the files define may be meant.
    """

    paths: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    folder: str | None = None
    endings: tuple[str, ...] = ()


class Where(NamedTuple):
    """The importing file: its path, its language, and the Go module it is in as (name, folder)."""

    path: str
    language: str
    go_module: tuple[str, str] | None = None


def targets(found: Iterable[Import], where: Where) -> Iterator[Target]:
    """The files behind imports, in the imports' order, then those that need no import."""
    rule = _RULES.get(where.language)
    if rule is not None:
        for one in found:
            for target in rule(one, where):
                paths = tuple(dict.fromkeys(path for path in map(_plain, target.paths) if inside(path)))
                folder = target.folder if target.folder is None else _plain(target.folder)
                if paths or (folder is not None and (folder == "" or inside(folder))):
                    yield target._replace(paths=paths, folder=folder)
    if where.language in _SAME_FOLDER:
        yield Target(folder=posixpath.dirname(where.path), endings=_SAME_FOLDER[where.language])


def inside(path: str) -> bool:
    """Whether a path stays in the workspace folder."""
    return bool(path) and not path.startswith(("/", "../")) and path != ".."


def _plain(path: str) -> str:
    return posixpath.normpath(path) if ".." in path else path


def joined(folder: str, path: str) -> str:
    """A path from a folder on, without `.` and `..`."""
    return posixpath.normpath(posixpath.join(folder, path))


def above(path: str) -> list[str]:
    """The folders a file is in, innermost first, the workspace folder ("") last."""
    folders = []
    while path:
        path = posixpath.dirname(path)
        folders.append(path)
    return folders or [""]


def _python(one: Import, where: Where) -> Iterator[Target]:
    dots = len(one.module) - len(one.module.lstrip("."))
    parts = one.module[dots:].replace(".", "/")
    folders = above(where.path)
    if dots:
        bases = folders[dots - 1 : dots]
    else:
        outer = [*reversed(folders)]
        bases = list(dict.fromkeys([outer[0], "src", *outer]))
    places = [posixpath.join(base, parts) if parts else base for base in bases]
    files = [file for place in places for file in (f"{place}.py", f"{place}/__init__.py", f"{place}.pyi")]
    if not parts:
        files = [posixpath.join(place, "__init__.py") for place in places]
    yield Target(tuple(file.lstrip("/") for file in files), one.names)
    for name, _ in one.names:  # from package import module
        inner = [posixpath.join(place, name) for place in places]
        yield Target(tuple(file for place in inner for file in (f"{place}.py", f"{place}/__init__.py")))


_JS_ENDINGS = (".ts", ".tsx", ".js", ".jsx", ".mts", ".cts", ".mjs", ".cjs", ".vue", ".svelte", ".d.ts")


def _javascript(one: Import, where: Where) -> Iterator[Target]:
    module = one.module
    folders = above(where.path)
    if module.startswith("."):
        places = [joined(folders[0], module)]
    elif module.startswith(("@/", "~/", "src/")):
        rest = module.partition("/")[2]
        places = [posixpath.join(folder, part, rest) for folder in folders for part in ("src", "")]
    else:
        return
    files: list[str] = []
    for place in places:
        stem = re.sub(r"\.(?:js|jsx|mjs|cjs)$", "", place)
        files += [place] if place.endswith(_JS_ENDINGS) else []
        files += [stem + ending for ending in _JS_ENDINGS]
        files += [f"{stem}/index{ending}" for ending in _JS_ENDINGS[:4]]
    yield Target(tuple(files), one.names)


def _go(one: Import, where: Where) -> Iterator[Target]:
    if where.go_module is None:
        return
    name, folder = where.go_module
    if one.module == name or one.module.startswith(f"{name}/"):
        rest = one.module[len(name) + 1 :]
        yield Target(folder=posixpath.join(folder, rest).rstrip("/"), endings=(".go",))


_RUST_ROOTS = ("tests", "examples", "benches", "bin")
"""Folders in which each file is a crate of its own."""


def _rust(one: Import, where: Where) -> Iterator[Target]:
    folders = above(where.path)
    stem = posixpath.splitext(posixpath.basename(where.path))[0]
    # The folder in which this module's own modules are.
    heads = stem in ("mod", "lib", "main") or posixpath.basename(folders[0]) in _RUST_ROOTS
    own = folders[0] if heads else posixpath.join(folders[0], stem)
    if one.relative:
        yield Target((f"{own}/{one.module}.rs", f"{own}/{one.module}/mod.rs"))
        return
    head, *rest = one.module.split("::")
    root = next((folder for folder in folders if posixpath.basename(folder) == "src"), folders[0])
    if head == "crate":
        bases = [root]
    elif head == "self":
        bases = [own]
    elif head == "super":
        ups = 1 + sum(1 for part in rest if part == "super")
        rest = [part for part in rest if part != "super"]
        bases = [posixpath.normpath(posixpath.join(own, *[".."] * ups))]
    else:
        # A module of this one, another crate beside it, or, from its tests, the crate itself.
        crate, package = posixpath.dirname(root), head.replace("_", "-")
        around = [posixpath.dirname(crate), "crates", ""]
        bases = [joined(base, f"{name}/src") for base in around for name in dict.fromkeys((package, head))]
        bases += [joined(crate, "src")] if posixpath.basename(root) != "src" else []
        yield from _rust_module(posixpath.join(own, head), rest, one)
    for base in dict.fromkeys(bases):
        yield from _rust_module(base, rest, one)


def _rust_module(base: str, rest: list[str], one: Import) -> Iterator[Target]:
    """The file of a module below a folder, and those of its modules of the names that are taken from it."""
    place = joined(base, "/".join(rest)) if rest else base
    yield Target((f"{place}.rs", f"{place}/mod.rs", f"{place}/lib.rs", f"{place}/main.rs"), one.names)
    for name, _ in one.names:
        yield Target((f"{place}/{name}.rs", f"{place}/{name}/mod.rs"))


_JVM_ENDINGS = {
    "java": (".java", ".kt"),
    "kotlin": (".kt", ".java"),
    "scala": (".scala", ".java"),
    "groovy": (".groovy", ".java"),
}
_SOURCE_ROOT = re.compile(
    r"(.*?(?:^|/)(?:src/(?:main|\w*[tT]est)/(?:java|kotlin|scala|groovy)|src|app|lib))(?:/|$)"
)


def _jvm(one: Import, where: Where) -> Iterator[Target]:
    place = one.module.replace(".", "/")
    endings = _JVM_ENDINGS[where.language]
    found = _SOURCE_ROOT.match(where.path)
    roots = [found[1]] if found else []
    if roots and "/test" in f"/{roots[0]}":
        roots.append(re.sub(r"(^|/)\w*[tT]est(?=/)", r"\1main", roots[0]))
    roots += above(where.path)[::-1]
    if one.names:
        files = (posixpath.join(root, place + ending) for root in roots for ending in endings)
        # A member of a class, or a function of a file of another name: one level up as well.
        outer = posixpath.dirname(place)
        more = (posixpath.join(root, outer + ending) for root in roots for ending in endings) if outer else ()
        yield Target((*files, *more), one.names)
    else:
        for root in dict.fromkeys(roots[:3]):
            yield Target(folder=posixpath.join(root, place), endings=endings)


def _c(one: Import, where: Where) -> Iterator[Target]:
    folders = above(where.path)
    bases = [folders[0]] if one.relative else []
    for folder in folders:
        bases += [folder, posixpath.join(folder, "include"), posixpath.join(folder, "src")]
    yield Target(tuple(joined(base, one.module) for base in bases))


def _ruby(one: Import, where: Where) -> Iterator[Target]:
    file = one.module if one.module.endswith(".rb") else f"{one.module}.rb"
    folders = above(where.path)
    if one.relative:
        yield Target((joined(folders[0], file),))
    else:
        bases = [posixpath.join(folder, part) for folder in folders for part in ("lib", "app", "")]
        yield Target(tuple(joined(base, file) for base in bases))


def _lua(one: Import, where: Where) -> Iterator[Target]:
    place = one.module.removesuffix(".lua").replace(".", "/")
    folders = above(where.path)[::-1]
    bases = [posixpath.join(folder, part) for folder in folders for part in ("", "lua", "src")]
    yield Target(tuple(joined(base, place + end) for base in bases for end in (".lua", "/init.lua")))


def _php(one: Import, where: Where) -> Iterator[Target]:
    folders = above(where.path)
    if one.relative:
        yield Target(tuple(joined(folder, one.module) for folder in folders))
        return
    parts = one.module.split("\\")
    # PSR-4: a prefix of the namespace stands for a folder; it is one or two names long.
    places = ["/".join(parts[skip:]) for skip in (0, 1, 2) if skip < len(parts)]
    bases = [posixpath.join(folder, part) for folder in folders[::-1] for part in ("src", "app", "lib", "")]
    yield Target(tuple(joined(base, f"{place}.php") for place in places for base in bases), one.names)


def _elixir(one: Import, where: Where) -> Iterator[Target]:
    parts = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", part).lower() for part in one.module.split(".")]
    bases = [posixpath.join(folder, "lib") for folder in above(where.path)]
    yield Target(tuple(f"{base}/{'/'.join(parts)}.ex" for base in bases))


def _beside(*endings: str, bases: tuple[str, ...] = ("",)) -> Callable[[Import, Where], Iterator[Target]]:
    """A path from the file, or from a folder above it, with or without an ending."""

    def rule(one: Import, where: Where) -> Iterator[Target]:
        path = one.module.partition(":")[2].partition("/")[2] if ":" in one.module else one.module
        folders = above(where.path)
        places = [joined(folder, posixpath.join(base, path)) for folder in folders for base in bases]
        partial = [joined(posixpath.dirname(place), f"_{posixpath.basename(place)}") for place in places[:1]]
        yield Target(tuple(place + end for place in (*places, *partial) for end in ("", *endings)))

    return rule


_RULES: dict[str, Callable[[Import, Where], Iterator[Target]]] = {
    "python": _python,
    **dict.fromkeys(SCRIPTS, _javascript),
    "go": _go,
    "rust": _rust,
    **dict.fromkeys(("java", "kotlin", "scala", "groovy"), _jvm),
    **dict.fromkeys(("c", "cpp", "cuda", "objective-c", "objective-cpp", "glsl", "hlsl"), _c),
    "ruby": _ruby,
    "lua": _lua,
    "php": _php,
    "elixir": _elixir,
    "dart": _beside(bases=("", "lib")),
    "zig": _beside(),
    "proto": _beside(bases=("", "proto")),
    "shellscript": _beside(".sh"),
    **dict.fromkeys(("css", "scss", "sass", "less"), _beside(".scss", ".css", ".less", ".sass")),
}
_SAME_FOLDER: dict[str, tuple[str, ...]] = {
    "go": (".go",),
    **_JVM_ENDINGS,
    "csharp": (".cs",),
    "swift": (".swift",),
}
