"""What the documents of an editor become of what it sends, where it leaves something out."""

from __future__ import annotations

import pytest
from lsprotocol import types as lsp

from twinny_lsp.lsp.workspace import Documents


@pytest.mark.parametrize(
    ("uri", "language"),
    [("file:///p/a.py", "python"), ("file:///p/main.go", "go"), ("untitled:1", "plaintext")],
)
def test_a_document_that_was_never_opened_has_the_language_of_its_name(uri: str, language: str) -> None:
    """kakoune-lsp sends whole texts of what it has not opened, when the server took long to start."""
    documents = Documents()
    documents.change(uri, 3, [lsp.TextDocumentContentChangeWholeDocument("x = 1\n")])
    document = documents.get(uri)
    assert document is not None
    assert (document.language, document.text, document.version) == (language, "x = 1\n", 3)
