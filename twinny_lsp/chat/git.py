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
FILTERS = ("config", "-z", "--show-scope", "--name-only", "--get-regexp", r"^filter\..*\.(clean|process)$")
"""Asks for the filters that a diff of the work tree would run; there is no option against them."""


def without_filters(told: bytes) -> dict[str, str]:
    """Variables that switch off the filters of the repository's own configuration, from what FILTERS told.

    Those of the user's own stay: Git LFS needs them.
    """
    words = told.decode("utf-8", "surrogateescape").split("\0")
    pairs = zip(words[::2], words[1::2], strict=False)
    names = [name for scope, name in pairs if scope in ("local", "worktree")]
    values = dict.fromkeys(names, "")
    values |= {f"{name.rpartition('.')[0]}.required": "false" for name in names}
    made = {"GIT_CONFIG_COUNT": str(len(values))}
    for number, (name, value) in enumerate(values.items()):
        made |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return made
