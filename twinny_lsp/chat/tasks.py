"""What the model can be asked to do with a piece of code, and what becomes of its answer: the table.

The user's own templates make further tasks (templates.py). Not for what the prompts say (prompts/*.hbs).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """What the answer is. ANSWER: words to be read. EDIT: the code's replacement. FILE: a new file."""

    ANSWER = "answer"
    EDIT = "edit"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Task:
    """`name` is the command's (camelCase). `template` is its file's, without `.hbs`: Twinny's if it has one.

    `aliases` are other names of that file that are understood. `title` is for menus. `keeps_code`: only
    comments are to change. `own`: it is the user's.
    """

    name: str
    template: str
    title: str
    result: Result
    aliases: tuple[str, ...] = ()
    keeps_code: bool = False
    own: bool = False


EXPLAIN = Task("explain", "explain", "Explain", Result.ANSWER)
FIX = Task("fix", "fix-code", "Fix", Result.EDIT, ("fix",))
REFACTOR = Task("refactor", "refactor", "Refactor", Result.EDIT)
SIMPLIFY = Task("simplify", "simplify", "Simplify", Result.EDIT)
ADD_TYPES = Task("addTypes", "add-types", "Add types", Result.EDIT)
ADD_DOCS = Task("addDocs", "generate-docs", "Add documentation", Result.EDIT, ("add-docs",), keeps_code=True)
ADD_TESTS = Task("addTests", "add-tests", "Add tests", Result.FILE)
TRANSLATE = Task("translateComment", "translate-comment", "Translate comments", Result.EDIT, keeps_code=True)
INSTRUCT = Task("instruct", "instruct", "Change as asked", Result.EDIT)
INSERT = Task("insert", "insert", "Write as asked", Result.EDIT)
"""INSTRUCT where there is no code yet."""
COMMIT_MESSAGE = Task("commitMessage", "commit-message", "Write the commit message", Result.ANSWER)

TASKS = (EXPLAIN, FIX, REFACTOR, SIMPLIFY, ADD_TYPES, ADD_DOCS, ADD_TESTS, TRANSLATE, INSTRUCT)
"""Those on a piece of code, in the order of menus. INSTRUCT needs an instruction."""

NOT_TASKS = frozenset(
    ("fim", "system", "chat", "relevant-code", "relevant-files", "rerank", "review", "context", "insert")
) | frozenset(name for task in (*TASKS, COMMIT_MESSAGE) for name in (task.template, *task.aliases))
"""Names of files in the user's folder that are no tasks of their own: ours, and Twinny's for other uses."""
