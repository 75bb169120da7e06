"""A lock that other processes respect: on an open file, gone with the process that holds it.

Not for threads of one process, and not over network file systems that do not know locks.
"""

from __future__ import annotations

import sys


def try_lock(descriptor: int) -> bool:
    """Lock the open file `descriptor` for this process; False when another holds it. Closing unlocks."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
