"""Writes changes as a `WorkspaceEdit` that the client at hand understands, and hands it over.

Not for what the changes are (chat/edits/), nor for text that comes in pieces (insertion.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from twinny_lsp.chat.edits.passage import Edit
    from twinny_lsp.documents.document import Document
    from twinny_lsp.lsp.server import TwinnyServer

ANNOTATION = "twinny-lsp"


@dataclass(frozen=True, slots=True)
class EditAbilities:
    """What a client takes. `applies`: edits that the server sends by itself."""

    applies: bool = False
    versioned: bool = False
    creates: bool = False
    annotated: bool = False


def abilities(capabilities: lsp.ClientCapabilities) -> EditAbilities:
    """As the client announces them."""
    workspace = capabilities.workspace
    edit = workspace.workspace_edit if workspace else None
    if workspace is None or edit is None:
        return EditAbilities(applies=bool(workspace and workspace.apply_edit))
    operations = edit.resource_operations or ()
    return EditAbilities(
        applies=bool(workspace.apply_edit),
        # Neovim says so only by its resource operations, which exist in no other form.
        versioned=bool(edit.document_changes or operations),
        creates=lsp.ResourceOperationKind.Create in operations,
        annotated=edit.change_annotation_support is not None,
    )


def changed(
    document: Document, edits: Sequence[Edit], able: EditAbilities, label: str, notes: Sequence[str] = ()
) -> lsp.WorkspaceEdit:
    """The edits of a document in its present version; with `notes` they wait for the user's yes, where
    the client can ask for it."""

    def span(edit: Edit) -> lsp.Range:
        start, end = document.position(*edit.start), document.position(*edit.end)
        return lsp.Range(lsp.Position(*start), lsp.Position(*end))

    if not able.versioned:
        return lsp.WorkspaceEdit(changes={document.uri: [lsp.TextEdit(span(e), e.text) for e in edits]})
    asks = able.annotated and bool(notes)
    made = [
        lsp.AnnotatedTextEdit(ANNOTATION, span(e), e.text) if asks else lsp.TextEdit(span(e), e.text)
        for e in edits
    ]
    identifier = lsp.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    annotation = lsp.ChangeAnnotation(label, needs_confirmation=True, description=" ".join(notes))
    return lsp.WorkspaceEdit(
        document_changes=[lsp.TextDocumentEdit(identifier, made)],
        change_annotations={ANNOTATION: annotation} if asks else None,
    )


def created(uri: str, text: str) -> lsp.WorkspaceEdit:
    """A new file; a client refuses it where there is one already."""
    start = lsp.Position(0, 0)
    identifier = lsp.OptionalVersionedTextDocumentIdentifier(uri, None)
    return lsp.WorkspaceEdit(
        document_changes=[
            lsp.CreateFile(uri=uri, options=lsp.CreateFileOptions(overwrite=False)),
            lsp.TextDocumentEdit(identifier, [lsp.TextEdit(lsp.Range(start, start), text)]),
        ]
    )


async def apply(server: TwinnyServer, edit: lsp.WorkspaceEdit, label: str = "") -> bool:
    """Have the client make a change; whether it did. A person may take long to say yes.

    Neovim shows the label as a message.
    """
    if not abilities(server.client_capabilities).applies:
        return False
    params = lsp.ApplyWorkspaceEditParams(edit, label or None)
    try:
        return (await server.workspace_apply_edit_async(params)).applied
    except JsonRpcException:
        return False
