"""What is staged in a git repository, asked of git itself; bounded in time and size."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from twinny_lsp.chat.git import DIFF, GIT, VARIABLES
from twinny_lsp.errors import TwinnyError

TIMEOUT_S = 10.0
MOST_BYTES = 8_000_000
"""Of a diff; what is beyond is not read, and the last file is then cut off."""
_MOST_COMPLAINT = 4096
_SUBJECTS = 20


class GitFailed(TwinnyError):
    """git is not there, took too long, or said no."""


class NothingStaged(TwinnyError):
    """There is nothing to write a message for."""


@dataclass(frozen=True, slots=True)
class Staged:
    """`root` is the repository's top folder, where paths in `diff` begin. `subjects` are of late commits."""

    root: Path
    diff: str
    subjects: tuple[str, ...]


async def staged(folder: Path, timeout_s: float = TIMEOUT_S) -> Staged:
    """The staged changes of the repository that a folder is in.

    Raises GitFailed or NothingStaged, with what to do. Cancelling ends git.
    """
    try:
        async with asyncio.timeout(timeout_s):
            top = await _git(folder, "rev-parse", "--show-toplevel")
            root = Path(top.decode("utf-8", "surrogateescape").rstrip("\n"))
            diff = await _git(root, *DIFF, "--cached")
            if not diff.strip():
                raise NothingStaged("Nothing is staged: `git add` what belongs into the commit.")
            log = await _git(root, "log", f"-{_SUBJECTS}", "--format=%s", "--no-merges", may_fail=True)
    except TimeoutError:
        raise GitFailed(f"git gave no answer within {timeout_s:g} s.") from None
    subjects = tuple(line for line in log.decode("utf-8", "replace").split("\n") if line.strip())
    return Staged(root, diff.decode("utf-8", "replace"), subjects)


async def _git(folder: Path, *arguments: str, may_fail: bool = False) -> bytes:
    """What git prints; at most MOST_BYTES of it."""
    pipe, none = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    variables = {**os.environ, **VARIABLES}
    try:
        process = await asyncio.create_subprocess_exec(
            *GIT, *arguments, cwd=folder, env=variables, stdin=none, stdout=pipe, stderr=pipe
        )
    except FileNotFoundError:
        raise GitFailed("git is not installed, or the folder is not there.") from None
    except OSError as error:
        raise GitFailed(f"git cannot be started: {error.strerror}.") from None
    assert process.stdout is not None  # noqa: S101 - started with a pipe
    assert process.stderr is not None  # noqa: S101 - started with a pipe
    complaint = asyncio.ensure_future(_read(process.stderr, _MOST_COMPLAINT))
    try:
        output = await _read(process.stdout, MOST_BYTES)
        if len(output) >= MOST_BYTES:
            return output
        told = _told((await complaint).decode("utf-8", "replace"))
        code = await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        # A process counts as ended only when nothing is left unread in its pipes.
        complaint.cancel()
        await process.communicate()
    if code and not may_fail:
        raise GitFailed(told)
    return b"" if code else output


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while size < most and (data := await stream.read(65536)):
        parts.append(data[: most - size])
        size += len(parts[-1])
    return b"".join(parts)


def _told(complaint: str) -> str:
    if "not a git repository" in complaint:
        return "This is not a git repository."
    first = next((line.strip() for line in complaint.split("\n") if line.strip()), "git failed")
    return f"git: {first.removeprefix('fatal: ')}"
