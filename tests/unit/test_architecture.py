"""The invariants of docs/architecture.md that can be read off the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "twinny_lsp"
MODULES = sorted(PACKAGE.rglob("*.py"))
IO_MODULES = {"asyncio", "socket", "subprocess", "aiohttp", "urllib", "http", "shutil", "tempfile"}


def imports(module: Path) -> set[str]:
    """Every module name imported anywhere in the file, for type checking or not."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def room(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0]


def ids(module: Path) -> str:
    return str(module.relative_to(PACKAGE))


@pytest.mark.parametrize("module", MODULES, ids=ids)
def test_only_lsp_knows_the_protocol(module: Path) -> None:
    if room(module) != "lsp":
        assert not {name for name in imports(module) if name.split(".")[0] in ("pygls", "lsprotocol")}


LOWER = ("completion", "fim", "providers", "documents", "context", "chat", "config", "pull")


@pytest.mark.parametrize("module", [m for m in MODULES if room(m) in LOWER], ids=ids)
def test_nothing_below_looks_up(module: Path) -> None:
    upper = {"twinny_lsp.lsp", "twinny_lsp.cli"}
    if room(module) in ("fim", "providers", "documents", "context", "config", "pull"):
        upper |= {"twinny_lsp.completion", "twinny_lsp.chat"}
    assert not [name for name in imports(module) if any(name.startswith(u) for u in upper)]


@pytest.mark.parametrize(
    "module",
    [m for m in MODULES if ids(m).startswith(("documents/", "completion/filters/", "chat/edits/"))],
    ids=ids,
)
def test_pure_rooms_do_no_io(module: Path) -> None:
    assert not {name.split(".")[0] for name in imports(module)} & IO_MODULES
    assert not re.search(r"(?<![.\w])open\(", module.read_text(encoding="utf-8"))


READING = ("context/files.py", "context/ignores.py", "context/gatherer.py")
"""The first two read files, on the thread of the third."""


@pytest.mark.parametrize("module", [m for m in MODULES if room(m) == "context"], ids=ids)
def test_context_reads_files_in_two_places(module: Path) -> None:
    source = module.read_text(encoding="utf-8")
    reads = re.search(r"(?<![.\w])open\(|\bos\.(?:stat|scandir|open)\b|\.(?:read_\w+|stat)\(", source)
    threads = imports(module) & {"asyncio", "threading", "concurrent.futures", "os", "subprocess", "socket"}
    assert ids(module) in READING or not (reads or threads)


@pytest.mark.parametrize("module", MODULES, ids=ids)
def test_nothing_splits_text_as_python_does(module: Path) -> None:
    assert ".splitlines(" not in module.read_text(encoding="utf-8")


@pytest.mark.parametrize("module", [m for m in MODULES if room(m) not in ("cli",)], ids=ids)
def test_nothing_prints_to_standard_output(module: Path) -> None:
    calls = [n for n in ast.walk(ast.parse(module.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
    printed = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
    to_stdout = [c for c in printed if not any(keyword.arg == "file" for keyword in c.keywords)]
    assert not to_stdout or module.parts[-2:] == (
        "embedded",
        "child.py",
    )  # a pipe to us


@pytest.mark.parametrize("module", MODULES, ids=ids)
def test_modules_and_functions_stay_small(module: Path) -> None:
    source = module.read_text(encoding="utf-8")
    assert source.count("\n") <= 400
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < 50, node.name


@pytest.mark.parametrize("module", MODULES, ids=ids)
def test_no_grammar_is_needed(module: Path) -> None:
    assert not [name for name in imports(module) if name.startswith("tree_sitter")]


def test_the_server_module_imports_nothing_heavy() -> None:
    """What `serve` needs before `initialized`; each of these costs 100 to 900 ms of CPU."""
    script = "import sys, twinny_lsp.lsp.features as _; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"aiohttp", "pathspec", "pydantic", "pybars", "tree_sitter", "xllamacpp"}
