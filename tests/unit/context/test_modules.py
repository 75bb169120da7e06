"""From import statements to files: cases as data in tests/golden/context/imports.toml."""

from __future__ import annotations

import posixpath
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinny_lsp.context.imports import _READERS, imports_of
from twinny_lsp.context.modules import Where, inside, targets

CASES = tomllib.loads(
    (Path(__file__).parents[2] / "golden/context/imports.toml").read_text(encoding="utf-8")
)["case"]


def found(case: dict[str, Any]) -> list[str]:
    files = case["files"].split()
    module = ("example.com/svc", case["go_module"]) if "go_module" in case else None
    where = Where(case["path"], case["language"], module)
    result = []
    for target in targets(imports_of(case["text"], case["language"]), where):
        if target.folder is not None:
            beside = [path for path in files if posixpath.dirname(path) == target.folder]
            there = [path for path in beside if path.endswith(target.endings)]
        else:
            there = [path for path in target.paths if path in files][:1]
        names = " ".join(a if a == b else f"{a}={b}" for a, b in target.names) or "*"
        result += [f"{path} {names}" for path in there if path != case["path"]]
    return result


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_golden(case: dict[str, Any]) -> None:
    assert found(case) == case["found"]


@given(
    st.text(alphabet="import from use requ{}()*,;:.\"'/\\\n\t abc_=<>#@", max_size=200),
    st.sampled_from(sorted(_READERS)),
    st.sampled_from(["a", "x/y/z.py", "src/lib.rs"]),
)
def test_whatever_is_written_leads_into_the_workspace_folder(text: str, language: str, path: str) -> None:
    for target in targets(imports_of(text, language), Where(path, language, ("a", "b"))):
        assert all(inside(posixpath.normpath(one)) for one in target.paths)
        assert not target.folder or inside(posixpath.normpath(target.folder))


@pytest.mark.parametrize(
    "text", ["import {" + "a," * 30_000, "from a import (" + "b," * 30_000, "use " + "a::{" * 500]
)
def test_hostile_text_comes_to_an_end(text: str) -> None:
    for language in _READERS:
        imports_of(text, language)
