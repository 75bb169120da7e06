"""Imports of large packages without the collector walking over them again and again.

lsprotocol builds some five hundred classes; the full collections that sets off find nothing and are a
fifth of the time to the first answer. Not for anything but start-up. Standard library only.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

_NO_FULL_COLLECTION = 1_000


@contextlib.contextmanager
def lean_imports() -> Iterator[None]:
    """While it holds, only young garbage is collected; afterwards all there is counts as permanent.

    Switching the collector off altogether is no quicker by much and costs 9 MiB of garbage from compiling.
    """
    before = gc.get_threshold()
    gc.set_threshold(before[0], before[1], _NO_FULL_COLLECTION)
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*before)
