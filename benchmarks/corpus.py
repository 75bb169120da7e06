"""Real code to measure on: pinned packages of the public registries, unpacked into the ignored `.cache/`.

    python -m benchmarks.corpus                 fetch what is missing, print what there is

Nothing of it is part of this project: the files stay with their licences where they were unpacked. Each
registry is asked through its own client (pip, npm, cargo, go, mvn); what has no client on this machine is
left out and said. Python's standard library and Go's come with the interpreter and the compiler.

`held` packages are kept apart: nothing was tried on them while the rules were written.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).parent.parent / ".cache" / "corpus"
PATIENCE = 600
"""Seconds for one package."""

ENDINGS = {
    "python": ".py",
    "javascript": ".js .mjs",
    "typescript": ".ts",
    "go": ".go",
    "rust": ".rs",
    "java": ".java",
    "c": ".c",
    "cpp": ".h .hpp .cc .cpp .tcc",
    "csharp": ".cs",
    "ruby": ".rb",
    "php": ".php",
    "kotlin": ".kt",
    "swift": ".swift",
    "lua": ".lua",
    "perl": ".pm",
    "tcl": ".tcl",
    "shellscript": ".sh",
}
GO_PACKAGES = ("bufio", "bytes", "strings", "net/url", "net/http", "encoding/json", "text/template", "go/ast")
"""What is taken from Go's standard library."""

_SMALLEST, _LARGEST = 60, 4000
"""Lines of a file that is looked at."""

_LONG_LINE = 160
"""Characters; a file with many longer lines was not written by hand."""


@dataclass(frozen=True)
class Package:
    """`languages` are those taken from it; `under` a part of the paths of the files that count."""

    registry: str
    name: str
    version: str
    languages: tuple[str, ...]
    held: bool = False
    under: str = ""

    @property
    def folder(self) -> Path:
        name = re.sub(r"[^\w.-]", "_", self.name)
        return CACHE / f"{self.registry}-{name}-{self.version}"


PACKAGES = (
    Package("python", "stdlib", f"{sys.version_info[0]}.{sys.version_info[1]}", ("python",)),
    Package("pypi", "click", "8.1.7", ("python",)),
    Package("npm", "express", "4.19.2", ("javascript",), under="lib"),
    Package("npm", "commander", "12.1.0", ("javascript",), under="lib"),
    Package("npm", "immer", "10.1.1", ("typescript",), under="src"),
    Package("npm", "zod", "4.6.7", ("typescript",), under="src"),
    Package("golang", "std", "", ("go",)),
    Package("crates", "indexmap", "2.2.6", ("rust",)),
    Package("crates", "regex-syntax", "0.8.4", ("rust",)),
    Package("maven", "org.apache.commons:commons-lang3", "3.14.0", ("java",)),
    Package("crates", "libz-sys", "1.1.18", ("c",), under="zlib"),
    Package("pypi", "pybind11", "2.13.6", ("cpp",)),
    Package("npm", "expo-modules-autolinking", "58.1.0", ("ruby",)),
    Package("pypi", "rich", "15.0.0", ("python",), held=True),
    Package("pypi", "flask", "3.1.3", ("python",), held=True),
    Package("npm", "preact", "11.2.0", ("javascript",), held=True, under="src"),
    Package("npm", "mobx", "6.13.5", ("typescript",), held=True, under="src"),
    Package("go", "github.com/spf13/cobra", "v1.8.1", ("go",), held=True),
    Package("crates", "hashbrown", "0.14.5", ("rust",), held=True),
    Package("maven", "com.google.code.gson:gson", "2.11.0", ("java",), held=True),
    Package("crates", "lz4-sys", "1.11.1", ("c",), held=True),
    Package("npm", "node-addon-api", "8.9.2", ("cpp",), held=True),
    Package("npm", "edge-js", "26.1.0", ("csharp", "cpp"), held=True),
    Package("npm", "expo-modules-core", "58.1.0", ("kotlin", "swift"), held=True),
    Package("npm", "@wordpress/block-library", "11.1.0", ("php",), held=True),
)


@dataclass(frozen=True)
class Function:
    """Lines `first` to `last` (inclusive, 0-based) of the file are the function's body."""

    language: str
    path: str
    lines: tuple[str, ...]
    first: int
    last: int


# -- fetching -------------------------------------------------------------------------------------


def fetch(package: Package) -> str:
    """Have the package's files in its folder; "" or why there are none."""
    if package.folder.exists():
        return ""
    part = package.folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _CLIENTS[package.registry](package, part)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{package.name}: not fetched ({type(error).__name__})"
    finally:
        for archive in [each for each in part.rglob("*") if each.suffix in (".tgz", ".whl", ".jar")]:
            _unpack(archive, part)
    part.rename(package.folder)
    return ""


def _run(*argv: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        argv,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=True,
        text=True,
    )
    return done.stdout


def _unpack(archive: Path, where: Path) -> None:
    if archive.suffix == ".tgz":
        with tarfile.open(archive) as tar:
            tar.extractall(where, filter="data")
    else:
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(where)
    archive.unlink()


def _pypi(package: Package, where: Path) -> None:
    wanted = f"{package.name}=={package.version}"
    pip = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:")
    _run(*pip, wanted, "-d", ".", cwd=where)


def _npm(package: Package, where: Path) -> None:
    _run("npm", "pack", "--silent", f"{package.name}@{package.version}", cwd=where)


def _crates(package: Package, where: Path) -> None:
    source = where / "source"
    (source / "src").mkdir(parents=True)
    (source / "src" / "lib.rs").touch()
    head = '[package]\nname = "corpus"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n'
    (source / "Cargo.toml").write_text(f'{head}{package.name} = "={package.version}"\n', encoding="utf-8")
    _run("cargo", "vendor", "-q", "--versioned-dirs", "vendor", cwd=source)
    # "1.1.1" may be "1.1.1+4.2" there.
    kept = next((source / "vendor").glob(f"{package.name}-{package.version}*"))
    kept.rename(where / kept.name)
    shutil.rmtree(source)


def _go(package: Package, where: Path) -> None:
    told = _run(
        "go", "mod", "download", "-json", f"{package.name}@{package.version}", cwd=where, GOFLAGS="-mod=mod"
    )
    shutil.copytree(json.loads(told)["Dir"], where / "module", copy_function=shutil.copyfile)


def _maven(package: Package, where: Path) -> None:
    artifact = f"-Dartifact={package.name}:{package.version}:jar:sources"
    local = CACHE / "maven-repository"
    _run(
        *("mvn", "-q", "-B", "dependency:get", artifact, "-Dtransitive=false"),
        f"-Dmaven.repo.local={local}",
        cwd=where,
    )
    name = package.name.rpartition(":")[2]
    shutil.copy(next(local.rglob(f"{name}-{package.version}-sources.jar")), where)


def _python(package: Package, where: Path) -> None:
    for file in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        shutil.copy(file, where)


def _golang(package: Package, where: Path) -> None:
    root = Path(_run("go", "env", "GOROOT", cwd=where).strip()) / "src"
    for name in GO_PACKAGES:
        for file in (root / name).glob("*.go"):
            shutil.copyfile(file, where / f"{name.replace('/', '_')}_{file.name}")


_CLIENTS: dict[str, Callable[[Package, Path], None]] = {
    "pypi": _pypi,
    "npm": _npm,
    "crates": _crates,
    "go": _go,
    "maven": _maven,
    "python": _python,
    "golang": _golang,
}


# -- functions ------------------------------------------------------------------------------------

_FEW, _MANY = 4, 80
"""Lines of a body that counts."""

_NO_FUNCTION = re.compile(
    r"\s*(?:[})\]]|(?:if|else|for|foreach|while|switch|do|try|catch|finally|match|loop|unsafe|return|case|using|"
    r"lock|class|struct|enum|interface|impl|mod|namespace|trait|union|extern|type|object|protocol|extension)\b)"
)
_BRACES = re.compile(r"\)[^;(){}]*\{\s*$|\bfunc\b.*\{\s*$|=>\s*\{\s*$")
_WORDS = {
    "python": re.compile(r"\s*(?:async )?def \w+.*:\s*$"),
    "ruby": re.compile(r"\s*def \S+"),
    "lua": re.compile(r"\s*(?:local )?function\b.*\)\s*$|.*= function\(.*\)\s*$"),
}


def functions(package: Package, language: str) -> Iterator[Function]:
    """All functions of that language in the package, in the order of its files."""
    yield from functions_under(package.folder, language, package.under)


def files_under(folder: Path, language: str, under: str = "") -> Iterator[Path]:
    """The files of that language in a folder that were written by hand and are neither short nor long."""
    endings = tuple(ENDINGS[language].split())
    for path in sorted(folder.rglob("*")):
        if not path.name.endswith(endings) or path.name.endswith((".d.ts", ".min.js")) or not path.is_file():
            continue
        if under and under not in path.relative_to(folder).parts[:-1]:
            continue
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except UnicodeDecodeError:
            continue
        if _SMALLEST <= len(lines) <= _LARGEST and sum(len(line) > _LONG_LINE for line in lines) <= 5:
            yield path


def functions_under(folder: Path, language: str, under: str = "") -> Iterator[Function]:
    """All functions of that language in a folder; `under`: a folder's name that must be in the path."""
    for path in files_under(folder, language, under):
        lines = path.read_text(encoding="utf-8").replace("\r\n", "\n").split("\n")
        name = str(path.relative_to(folder.parent))
        for first, last in _bodies(lines, language):
            if _FEW <= last - first + 1 <= _MANY:
                yield Function(language, name, tuple(lines), first, last)


def _bodies(lines: list[str], language: str) -> Iterator[tuple[int, int]]:
    words = _WORDS.get(language)
    row = 0
    while row < len(lines):
        line = lines[row]
        if words is not None:
            begins = words.match(line) is not None
        else:
            alone = line.strip() == "{" and row > 0 and lines[row - 1].rstrip().endswith(")")
            head = lines[row - 1] if alone else line
            begins = (alone or _BRACES.search(line) is not None) and not _NO_FUNCTION.match(head)
        last = _body_end(lines, row, language) if begins else None
        if last is None:
            row += 1
            continue
        yield row + 1, last
        row = last + 1


def _body_end(lines: list[str], row: int, language: str) -> int | None:
    """The last line of the body that begins below `row`, by its indentation."""
    own = _width(lines[row])
    last = row
    for at in range(row + 1, min(len(lines), row + _MANY + 2)):
        line = lines[at]
        if not line.strip():
            continue
        if _width(line) <= own and not line.startswith(("#", "\\")):
            if language == "python":
                return last if last > row else None
            closes = line.strip().startswith(("}", "end"))
            return last if closes and last > row else None
        last = at
    return None


def _width(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip(" "))


def main() -> None:
    for package in PACKAGES:
        problem = fetch(package)
        counts = {each: sum(1 for _ in functions(package, each)) for each in package.languages}
        found = problem or ", ".join(f"{count} functions in {each}" for each, count in counts.items())
        apart = "held" if package.held else ""
        print(f"{package.registry:<8}{package.name:<36}{package.version:<10}{apart:<6}{found}")


if __name__ == "__main__":
    main()
