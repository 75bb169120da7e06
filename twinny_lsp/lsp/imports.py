"""Imports of large packages without the collector walking over them again and again.

lsprotocol builds some five hundred classes, and the full collections that sets off find nothing. Not for
anything but start-up. Standard library only.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

_NO_FULL_COLLECTION = 1_000


@contextlib.contextmanager
def lean_imports() -> Iterator[None]:
    """While it holds, only young garbage is collected; afterwards all there is counts as permanent.

    That also keeps later full collections short, which stand in the way of the loop. Switching the collector
    off altogether would be a little quicker still, and costs 9 MiB of garbage from compiling.
    """
    before = gc.get_threshold()
    gc.set_threshold(before[0], before[1], _NO_FULL_COLLECTION)
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*before)
