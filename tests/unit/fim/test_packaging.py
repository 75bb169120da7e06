"""Templates and the Symmetry sidecar are where the program looks for them: checkout, wheel, sdist."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import textwrap
import zipfile
from pathlib import Path

import pytest

from twinny_lsp.fim.catalogue import templates_directory

ROOT = Path(__file__).parents[3]
FILES = {path.name for path in (ROOT / "fim_templates").iterdir()}
PROGRAM = textwrap.dedent("""
    import asyncio, pathlib, sys
    import twinny_lsp
    from twinny_lsp.exchange import ContextFile
    from twinny_lsp.fim.catalogue import templates_directory
    from twinny_lsp.fim.families import choose, table
    from twinny_lsp.fim.prompt import FimInput, build
    async def main():
        for setting in (*(family.name for family in table().families), "chat"):
            for files in ((), (ContextFile("a.py", "x"),)):
                await build(choose("m", setting), FimInput("p", "s", "python", files=files))
    asyncio.run(main())
    print(pathlib.Path(twinny_lsp.__file__).parent)
    print(templates_directory())
""")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel made from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


def places(root: Path, cwd: Path) -> list[Path]:
    """Where a Python that sees the package in `root` finds the package and the templates."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [Path(line) for line in done.stdout.splitlines()]


def test_checkout() -> None:
    assert templates_directory() == ROOT / "fim_templates"


def test_wheel(built: Path, tmp_path: Path) -> None:
    root = tmp_path / "site"
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(root)
    folder = root / "twinny_lsp" / "fim_templates"
    assert {path.name for path in folder.iterdir()} == FILES
    assert not (root / "fim_templates").exists()
    prompts = {path.name for path in (ROOT / "twinny_lsp" / "chat" / "prompts").iterdir()}
    assert {path.name for path in (root / "twinny_lsp" / "chat" / "prompts").iterdir()} == prompts
    sidecar = root / "twinny_lsp" / "assets" / "symmetry"
    assert {path.name for path in sidecar.iterdir()} == {"sidecar.cjs", "package.json", "package-lock.json"}
    assert places(root, tmp_path) == [root / "twinny_lsp", folder]


def test_sdist(built: Path, tmp_path: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        # Debian 12's Python 3.11.2 has no filters yet; later ones warn without one.
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        file.extractall(tmp_path, **safely)  # type: ignore[arg-type]
    (root,) = tmp_path.iterdir()
    folder = root / "fim_templates"
    assert {path.name for path in folder.iterdir()} == FILES
    assert places(root, tmp_path) == [root / "twinny_lsp", folder]
