"""One open document: edits in, snapshots out."""

from __future__ import annotations

import dataclasses

import pytest

from twinny_lsp.documents.document import EDIT_CHARS_KEPT, EDITS_KEPT, Document, Edit
from twinny_lsp.documents.encoding import Encoding


def document(text: str, encoding: Encoding = Encoding.UTF16) -> Document:
    return Document("file:///a.py", "python", 1, text, encoding)


def test_the_traps_of_other_models_do_not_spoil_the_text() -> None:
    formfeed = document("a\fb\nc\n")
    formfeed.apply_incremental((1, 0, 1, 0), "X")
    assert formfeed.text == "a\fb\nXc\n"
    past_the_end = document("ab")
    past_the_end.apply_incremental((0, 99, 0, 99), "X")
    assert past_the_end.text == "abX"
    reversed_range = document("abcd")
    reversed_range.apply_incremental((0, 3, 0, 1), "X")
    assert reversed_range.text == "aXd"
    crlf = document("ab\r\ncd")
    crlf.apply_incremental((0, 3, 0, 3), "X")
    assert crlf.text == "abX\r\ncd"


def test_a_snapshot_does_not_change_with_the_document() -> None:
    doc = document("a😀b\nc\n")
    snapshot = doc.snapshot(0, 3)
    assert (snapshot.row, snapshot.column, snapshot.line_before) == (0, 2, "a😀")
    doc.apply_incremental((0, 0, 1, 0), "")
    assert snapshot.lines == ("a😀b\n", "c\n", "")
    assert doc.snapshot(0, 0).lines == ("c\n", "")
    with pytest.raises(dataclasses.FrozenInstanceError):
        snapshot.row = 1  # type: ignore[misc]


def test_snapshots_of_one_state_share_their_lines() -> None:
    doc = document("a\nb\n")
    assert doc.snapshot(0, 0).lines is doc.snapshot(1, 0).lines


def test_the_language_is_canonical_and_what_the_client_sent_is_kept() -> None:
    doc = Document("file:///a", "sh", 3, "", Encoding.UTF8)
    assert (doc.language_id, doc.language, doc.snapshot(0, 0).language) == (
        "sh",
        "shellscript",
        "shellscript",
    )
    assert doc.snapshot(0, 0).version == 3


def test_an_encoding_may_be_given_by_its_name() -> None:
    doc = Document("file:///a", "python", 1, "é", "utf-8")  # type: ignore[arg-type]
    assert doc.position(0, 1) == (0, 2)


def test_replace_all_takes_the_whole_text_and_ends_the_history() -> None:
    doc = document("a")
    doc.apply_incremental((0, 1, 0, 1), "b")
    doc.replace_all("x\ry")
    assert (doc.text, doc.lines, doc.char_count, len(doc.edits)) == ("x\ry", ("x\r", "y"), 3, 0)


def test_sizes_are_kept_up_to_date() -> None:
    doc = document("é\n")
    doc.apply_incremental((1, 0, 1, 0), "漢😀")
    assert (doc.char_count, doc.byte_count) == (4, 10)


def test_the_history_holds_the_latest_edits_and_stays_small() -> None:
    doc = document("a😀b")
    doc.apply_incremental((0, 3, 0, 1), "", at=1.5)
    assert list(doc.edits) == [Edit(0, 1, "😀", "", 1.5)]
    for _ in range(EDITS_KEPT + 5):
        doc.apply_incremental((0, 0, 0, 0), "x" * (EDIT_CHARS_KEPT * 2))
    assert len(doc.edits) == EDITS_KEPT
    assert {len(edit.inserted) for edit in doc.edits} == {EDIT_CHARS_KEPT}
