"""Files that belong together by their names."""

from __future__ import annotations

import pytest

from twinny_lsp.context.related import related

PAIRS = """
foo.py test_foo.py
foo.py tests/test_foo.py
pkg/room/foo.py tests/unit/room/test_foo.py
pkg/room/foo.py tests/room/test_foo.py
src/pkg/foo.py tests/pkg/test_foo.py
src/pkg/foo.py tests/test_foo.py
src/foo.ts src/foo.test.ts
src/foo.tsx src/foo.spec.tsx
src/foo.ts src/__tests__/foo.test.ts
src/a/foo.js test/a/foo.test.js
foo.go foo_test.go
lib/a/foo.rb spec/a/foo_spec.rb
app/models/foo.rb spec/models/foo_spec.rb
lib/foo.ex test/foo_test.exs
src/foo.rs tests/foo.rs
core/src/main/java/a/Foo.java core/src/test/java/a/FooTest.java
src/Models/Foo.php tests/Models/FooTest.php
src/foo.c src/foo.h
src/foo.cpp include/foo.hpp
src/net/foo.c include/net/foo.h
a/x.component.ts a/x.component.html
"""
BOTH = [line.split() for line in PAIRS.strip().split("\n")]
ONE_WAY = {"tests/unit/room/test_foo.py", "tests/room/test_foo.py", "tests/test_foo.py", "tests/foo.rs"}
"""A test does not tell the name of the package it is for."""


@pytest.mark.parametrize(("one", "other"), BOTH)
def test_pairs(one: str, other: str) -> None:
    assert any(other in found.paths for found in related(one)), [found.paths for found in related(one)]
    if other not in ONE_WAY:
        assert any(one in found.paths for found in related(other)), [found.paths for found in related(other)]


def test_what_matters_of_each() -> None:
    kinds = {found.why: found.outline for found in related("src/foo.c")}
    assert kinds == {"its header": True, "its test": False}
    assert [found.outline for found in related("tests/test_foo.py") if found.why == "what it tests"] == [True]


@pytest.mark.parametrize("path", ["", "a", "Makefile", "a/b/.gitignore", "x.unknown", "test_.py", "_test.go"])
def test_odd_names(path: str) -> None:
    for found in related(path):
        assert all(one and not one.startswith("/") for one in found.paths)
