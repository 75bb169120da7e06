"""The part of a document around the cursor that goes into a prompt, cut to a budget of tokens.

A model server keeps what it computed for a prompt (its KV cache) only as far as the next prompt
begins in the same way. So a window must not slide with each key; these are the rules:

* Tokens are estimated as bytes of UTF-8 divided by `bytes_per_token`.
* The prefix starts at the start of the document if that fits. Else its first line is one of those
  that leave at least seven eighths of the budget in use: of these, the one whose number is divisible by
  the highest power of two. That choice stays the same while the cursor moves on by many lines, and
  then moves by many lines at once.
* Where one line is too long for that, the same rule picks a column inside it.
* The suffix takes as many whole lines as fit. It depends on nothing before the cursor.
* What the suffix leaves unused at the end of the document goes to the prefix; what the prefix leaves unused
  at the start goes to the suffix, in steps of FLOW_STEP bytes, so that typing seldom moves its end, and no
  more than doubles it: most models read it after the prefix, and so anew with each key.

Pure: no LSP, no tokenizer, no I/O.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from twinny_lsp.documents.encoding import characters_in_bytes
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.documents.text import byte_length

BYTES_PER_TOKEN = 3.0
FLOW_STEP = 512


class Window(NamedTuple):
    """What stands before and after the cursor, and the rows the two reach to (both are in the window)."""

    prefix: str
    suffix: str
    first_row: int
    last_row: int


def estimate_tokens(text: str, bytes_per_token: float = BYTES_PER_TOKEN) -> int:
    """How many tokens `text` will be, about; for servers that do not count."""
    return math.ceil(byte_length(text) / bytes_per_token)


def window(
    snapshot: Snapshot,
    prefix_tokens: int,
    suffix_tokens: int,
    bytes_per_token: float = BYTES_PER_TOKEN,
    *,
    first_row: int | None = None,
) -> Window:
    """Cut the window around the cursor; the two budgets together are never exceeded.

    `first_row`: where the last window began; this one begins there, too, if that fits.
    Costs the lines of the window, whatever the size of the document or of the cursor's line.
    """
    before = int(max(prefix_tokens, 0) * bytes_per_token)
    after = int(max(suffix_tokens, 0) * bytes_per_token)
    lines = snapshot.lines or ("",)
    row = min(max(snapshot.row, 0), len(lines) - 1)
    column = min(max(snapshot.column, 0), len(lines[row]))
    spare_before = _spare_before(lines, row, column, before)
    spare_after = _spare_after(lines, row, column, after)
    flow = min(spare_before // FLOW_STEP * FLOW_STEP, after)
    suffix, last_row = _suffix(lines, row, column, after + flow)
    again = _from(lines, first_row, row, column, before + spare_after)
    prefix, first_row = again or _prefix(lines, row, column, before + spare_after)
    return Window(prefix, suffix, first_row, last_row)


def _from(
    lines: tuple[str, ...], first_row: int | None, row: int, column: int, budget: int
) -> tuple[str, int] | None:
    """The prefix from that row on, if it fits."""
    if first_row is None or not 0 <= first_row <= row or column > budget:
        return None
    prefix = "".join((*lines[first_row:row], lines[row][:column]))
    return (prefix, first_row) if byte_length(prefix) <= budget else None


def _size_before(line: str, column: int, budget: int) -> int:
    """Bytes of `line` before `column`; of a line that is too long only so much that this shows."""
    return byte_length(line[max(0, column - budget - 1) : column])


def _rows_up(lines: tuple[str, ...], row: int, budget: int) -> tuple[int, int]:
    """The first row from which all lines above `row` fit into `budget`, and their bytes."""
    used = 0
    while row > 0:
        line = lines[row - 1]
        size = len(line) if line.isascii() else byte_length(line)  # a call for each line would show
        if used + size > budget:
            break
        used += size
        row -= 1
    return row, used


def _rows_down(lines: tuple[str, ...], row: int, budget: int) -> tuple[int, int]:
    """The last row to which all lines below `row` fit into `budget`, and their bytes."""
    used = 0
    while row + 1 < len(lines):
        line = lines[row + 1]
        size = len(line) if line.isascii() else byte_length(line)
        if used + size > budget:
            break
        used += size
        row += 1
    return row, used


def _spare_before(lines: tuple[str, ...], row: int, column: int, budget: int) -> int:
    size = _size_before(lines[row], column, budget)
    if size > budget:
        return 0
    first, used = _rows_up(lines, row, budget - size)
    return budget - size - used if first == 0 else 0


def _spare_after(lines: tuple[str, ...], row: int, column: int, budget: int) -> int:
    size = byte_length(lines[row][column : column + budget + 1])
    if size > budget:
        return 0
    last, used = _rows_down(lines, row, budget - size)
    return budget - size - used if last == len(lines) - 1 else 0


def _prefix(lines: tuple[str, ...], row: int, column: int, budget: int) -> tuple[str, int]:
    line = lines[row]
    size = _size_before(line, column, budget)
    if size > budget:
        return _end_of(line, column, budget), row
    first, used = _rows_up(lines, row, budget - size)
    if first > 0 and used + size < budget / 2:
        # A very long line is next: a part of it is better than a window that is mostly empty.
        above = lines[first - 1]
        part = _end_of(above, len(above), budget - size - used)
        return "".join((part, *lines[first:row], line[:column])), first - 1
    if first > 0:
        first = _steadiest(first, _furthest_start(lines, first, row, budget // 8))
    return "".join((*lines[first:row], line[:column])), first


def _furthest_start(lines: tuple[str, ...], first: int, row: int, droppable: int) -> int:
    """The last row the prefix may begin at, when `droppable` bytes from row `first` on may go."""
    while first < row:
        droppable -= byte_length(lines[first])
        if droppable < 0:
            break
        first += 1
    return first


def _end_of(line: str, column: int, budget: int) -> str:
    """The end of `line` before `column` in at most `budget` bytes, from a column that seldom moves."""
    if budget <= 0:
        return ""
    start = max(0, column - budget)
    part = line[start:column]
    if not part.isascii():
        data = part.encode("utf-8", "surrogatepass")
        cut = max(0, len(data) - budget)
        while cut < len(data) and data[cut] & 0xC0 == 0x80:
            cut += 1
        start = column - len(data[cut:].decode("utf-8", "surrogatepass"))
    return line[_steadiest(start, start + (column - start) // 8) : column]


def _steadiest(low: int, high: int) -> int:
    """The number from `low` to `high` that is divisible by the highest power of two (0 by all)."""
    if low <= 0:
        return 0
    shift = ((low - 1) ^ high).bit_length() - 1
    return high >> shift << shift


def _suffix(lines: tuple[str, ...], row: int, column: int, budget: int) -> tuple[str, int]:
    rest = lines[row][column : column + budget + 1]
    size = byte_length(rest)
    if size > budget:
        return rest[: characters_in_bytes(rest, budget)], row
    last, used = _rows_down(lines, row, budget - size)
    parts = (rest, *lines[row + 1 : last + 1])
    if last + 1 < len(lines) and used + size < budget / 2:
        below = lines[last + 1]
        return "".join((*parts, below[: characters_in_bytes(below, budget - size - used)])), last + 1
    return "".join(parts), last
