"""The file of known embeddings: whole or not at all, bounded, of one model, without a text."""

from __future__ import annotations

import os
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

from twinny_lsp.chat import vectors
from twinny_lsp.chat.vectors import Vectors
from twinny_lsp.exchange import Vector

TEXT = "def add(first, second):\n    return first + second\n"


def vector(*values: float) -> Vector:
    return array("f", values)


def known(*texts: str) -> Vectors:
    made = Vectors(vector(1.0, 0.0))
    for at, text in enumerate(texts):
        made.put(text, vector(0.0, float(at)))
    return made


@pytest.fixture
def file() -> Path:
    return vectors.path_for("http://127.0.0.1:1", "m")


def read(path: Path) -> Vectors:
    found = vectors.read(path)
    assert found is not None
    return found


def test_what_was_written_is_read(file: Path) -> None:
    assert vectors.read(file) is None
    vectors.write(file, known(TEXT, "b"))
    found = read(file)
    assert found.made_by(vector(1.0, 0.0))
    assert (found.get(TEXT), found.get("b"), found.get("c")) == (vector(0.0, 0.0), vector(0.0, 1.0), None)


def test_each_server_and_model_has_its_own(file: Path) -> None:
    others = {
        vectors.path_for("http://127.0.0.1:2", "m"),
        vectors.path_for("http://127.0.0.1:1", "n"),
    }
    assert len({file, *others}) == 3
    assert {one.parent for one in others} == {vectors.folder()}


def test_no_text_is_in_it_and_nobody_else_may_read_it(file: Path, isolated_home: Path) -> None:
    vectors.write(file, known(TEXT))
    data = file.read_bytes()
    assert not [word for word in (b"add", b"first", b"return") if word in data]
    assert file.is_relative_to(isolated_home)
    if sys.platform != "win32":
        assert file.stat().st_mode & 0o077 == file.parent.stat().st_mode & 0o077 == 0


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[:-1],
    "cut in the middle": lambda data: data[: len(data) // 2],
    "only the head": lambda data: data[:40],
    "a bit": lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
    "longer": lambda data: data + b"x",
    "another version": lambda data: data.replace(b"vectors 1", b"vectors 0"),
    "something else": lambda data: b"\x7fELF" + data,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_as_good_as_none(file: Path, damage: str) -> None:
    vectors.write(file, known(TEXT, "b"))
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    assert vectors.read(file) is None
    vectors.write(file, known(TEXT))
    assert read(file).get(TEXT) is not None


def test_lengths_that_are_not_true_are_seen() -> None:
    """Whoever writes a right checksum over nonsense."""
    good = known(TEXT).encoded()[:-16]
    for body in (good[:-3], good[: -len(good) // 3]):
        assert vectors.decoded(body + vectors._hash(body)) is None


def test_another_models_vectors_are_known_by_the_probe() -> None:
    made = known(TEXT)
    assert made.made_by(vector(0.999, 0.001))
    assert not made.made_by(vector(0.0, 1.0)), "another model"
    assert not made.made_by(vector(1.0, 0.0, 0.0)), "vectors of another length"
    with pytest.raises(ValueError, match="length"):
        made.put("x", vector(1.0))


def test_it_is_bounded_and_the_oldest_go_first(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"text {at}" for at in range(9)]
    whole = known(*texts)
    assert whole.get(texts[0]) is not None  # used again: the newest now
    each = 16 + 8
    monkeypatch.setattr(vectors, "MOST_BYTES", len(whole.encoded()) - 5 * each)
    vectors.write(file, whole)
    assert file.stat().st_size <= vectors.MOST_BYTES
    found = read(file)
    assert [text for text in texts if found.get(text) is not None] == [texts[0], *texts[6:]]
    file.write_bytes(known(*texts).encoded() + bytes(vectors.MOST_BYTES))
    assert vectors.read(file) is None, "what is too large is not even looked at"


def test_models_that_are_not_used_any_more_go() -> None:
    files = [vectors.path_for("http://h", f"m{at}") for at in range(vectors.MOST_FILES + 2)]
    now = time.time()
    for at, one in enumerate(files):
        vectors.write(one, known(TEXT))
        os.utime(one, (now - 1000 + at, now - 1000 + at))
    old, new = files[0].parent / "old.part", files[0].parent / "new.part"
    for one in (old, new):
        one.write_bytes(b"x")
    os.utime(old, (now - 7200, now - 7200))
    vectors.write(files[0], known("b"))
    assert [one.exists() for one in files] == [True, False, False, *[True] * (vectors.MOST_FILES - 1)]
    assert (old.exists(), new.exists()) == (False, True), "what another editor writes just now stays"


def test_where_nothing_can_be_written_nothing_is_harmed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors.write(file, known(TEXT))

    def fails(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fails)
    vectors.write(file, known("b"))
    assert read(file).get(TEXT) is not None, "the file before is whole"
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    vectors.write(file / "below a file", known("b"))
