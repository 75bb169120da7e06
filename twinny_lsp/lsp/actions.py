"""The code action that says what is wrong while anything is, since messages vanish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types as lsp

if TYPE_CHECKING:
    from twinny_lsp.lsp.server import TwinnyServer

WHY = "twinny-lsp: why nothing?"


def code_actions(server: TwinnyServer, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
    """The actions that make sense now; none while all is well."""
    only = params.context.only
    if not server.notices.current or (only and lsp.CodeActionKind.QuickFix not in only):
        return []
    uri = params.text_document.uri
    command = lsp.Command(title=WHY, command="twinny-lsp.why", arguments=[{"uri": uri}])
    return [lsp.CodeAction(title=WHY, kind=lsp.CodeActionKind.QuickFix, command=command)]
