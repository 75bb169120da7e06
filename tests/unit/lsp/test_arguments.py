"""What clients make of the arguments they are given, and send back."""

from __future__ import annotations

import pytest
from pygls.exceptions import JsonRpcInvalidParams

from twinny_lsp.lsp.arguments import waits


@pytest.mark.parametrize(
    ("given", "waiting"),
    [({}, True), ({"wait": True}, True), ({"wait": False}, False), ({"wait": None}, False)],
    ids=["nothing is said", "yes", "no", "no, as lsp-mode sends it back"],
)
def test_whether_a_command_answers_at_its_end(given: dict[str, object], waiting: bool) -> None:
    assert waits(given) is waiting


def test_what_is_neither_is_refused() -> None:
    with pytest.raises(JsonRpcInvalidParams, match="wait"):
        waits({"wait": "no"})
