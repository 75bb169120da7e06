"""How git is started: so that nothing of a repository's own configuration can have a program started.

Not for what is asked of it (repository.py, commit/staged.py).
"""

from __future__ import annotations

GIT = (
    *("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("-c", "core.pager=cat", "-c", "core.quotePath=false"),
)
DIFF = (
    *("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", "--submodule=short"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--unified=3", "--diff-algorithm=histogram"),
)
"""One form of a diff, whatever a user's or a repository's configuration says."""
VARIABLES = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
"""It takes no locks, asks nothing, and complains in English."""
