"""Makes the first request as quick as the second: cattrs builds the code for a type when it first meets it.

Each step takes a few milliseconds and gives the loop back, so nobody waits for it. Not needed for anything
to be right.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from lsprotocol import types

if TYPE_CHECKING:
    from cattrs import Converter

logger = logging.getLogger(__name__)

_DOCUMENT = {"uri": "file:///a", "languageId": "a", "version": 1, "text": ""}
_POSITION = {"line": 0, "character": 0}
_RANGE = {"start": _POSITION, "end": _POSITION}
_AT = {"textDocument": {"uri": "file:///a"}, "position": _POSITION}

_INCOMING: tuple[tuple[Any, Any], ...] = (
    (types.Range, _RANGE),
    (types.DidOpenTextDocumentParams, {"textDocument": _DOCUMENT}),
    (
        types.DidChangeTextDocumentParams,
        {
            "textDocument": {"uri": "file:///a", "version": 2},
            "contentChanges": [{"range": _RANGE, "text": ""}],
        },
    ),
    (types.InlineCompletionParams, _AT | {"context": {"triggerKind": 2}}),
    (types.CompletionParams, _AT | {"context": {"triggerKind": 1}}),
    (types.ExecuteCommandParams, {"command": "a", "arguments": [{}]}),
    (types.DidCloseTextDocumentParams, {"textDocument": {"uri": "file:///a"}}),
)


async def warm_converter(converter: Converter) -> None:
    """Build what the messages of every keystroke need, in steps."""
    for cls, sample in _INCOMING:
        await asyncio.sleep(0)
        converter.structure(sample, cls)
    for answer in _answers():
        await asyncio.sleep(0)
        converter.unstructure(answer)
    logger.debug("the converter is warm")


def _answers() -> tuple[Any, ...]:
    zero = types.Position(0, 0)
    span = types.Range(zero, zero)
    edit = types.TextEdit(span, "")
    item = types.CompletionItem(label="a", text_edit=edit, kind=types.CompletionItemKind.Text)
    return (
        edit,
        types.InlineCompletionList([types.InlineCompletionItem(insert_text="", range=span)]),
        types.CompletionList(is_incomplete=True, items=[item]),
    )
