"""Which templates are Twinny's own: the extension writes its defaults into the user's folder unasked.

Such a file is not the user's wish, and it is poorer than ours (it knows no diagnostics and nothing around the
code). So a file that still says what Twinny wrote is passed over; with a word changed, it is the user's.
"""

from __future__ import annotations

import hashlib
import re

_VARIED = re.compile(
    r"\{\{\{systemMessage\}\}\}|\{\{#if similarCode\}\}.*?\{\{/if\}\}|`+|<<SYS>>|<</SYS>>", re.DOTALL
)
"""What differs between Twinny's versions, from 3.5 to 3.23, in texts that are the same otherwise."""

_DEFAULTS = frozenset(
    (
        "98e5380e5d04931c",  # explain
        "2efe640184eb58d9",  # refactor
        "2d8ac47811def353",  # add-types
        "30a9706f222bc6bc",  # add-tests
        "856e1bc02cba2c45",  # fix-code
        "43dc8042aa1037e7",  # generate-docs
        "389d1d4026569041",  # system
        "87220fee019e8ddb",  # commit-message
        "1e82e8ce427d9c95",  # commit-message
    )
)


def is_twinnys(text: str) -> bool:
    """Whether a template is one of Twinny's defaults, of any version."""
    return digest(text) in _DEFAULTS


def digest(text: str) -> str:
    """What a default is known by: its words, whatever the blanks between them."""
    bare = " ".join(_VARIED.sub(" ", text).split())
    return hashlib.sha256(bare.encode()).hexdigest()[:16]
