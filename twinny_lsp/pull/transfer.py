"""A whole pull: go on where the last one stopped, ask again when it breaks, check, and put the file in place.

The file appears only when it is whole and, where anybody told its checksum, right. Whatever ends a pull early
(a broken connection, a full disk, Ctrl-C), the part that came stays for the next one.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from twinny_lsp.errors import PullError
from twinny_lsp.providers.embedded.gguf import MAGIC
from twinny_lsp.providers.embedded.options import amount
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.pull.fetch import Answer, Asked, Body, Broken, Client, checksum_in, client_for, opened
from twinny_lsp.pull.part import NoSpace, Note, Part, alone
from twinny_lsp.pull.source import Source, shown

MAX_TRIES, MAX_REQUESTS = 5, 100
"""How often in a row nothing may come, and how many requests one pull makes at most."""

PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 30.0
RESERVE_BYTES = 100_000_000
"""What is left free on the disk: a full one breaks other programs."""

CHECK_BYTES = 50_000_000
"""After so many bytes the disk is looked at again: others write, too."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is, in bytes; `total` is None while nobody told. `news` is a line for a person, or ""."""

    done: int
    total: int | None
    checking: bool = False
    news: str = ""


@dataclass(frozen=True, slots=True)
class Pulled:
    """The file; `checked`: whose checksum it has, "" where nobody told one; `sized`: its size was told."""

    path: Path
    checked: str = ""
    sized: bool = False
    already: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """What to get, into which folder, by whose proxy and certificates, and whom to tell."""

    source: Source
    folder: Path
    endpoint: Endpoint
    report: Callable[[Progress], None]


async def pull(job: Job) -> Pulled:
    """Get the file. Raises PullError, SettingsError; when cancelled, too, the part stays."""
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PullError(f"Cannot make the folder {job.folder}: {error.strerror}") from error
    target = job.folder / job.source.file
    with alone(target):
        if target.exists():
            return Pulled(target, already=True)
        part = Part(target)
        with part.opened():
            async with client_for(job.endpoint) as client:
                await _get(job, client, part)
            checked = await _check(job, part)
            part.finish()
    return Pulled(target, checked, part.note is not None and part.note.total is not None)


async def _get(job: Job, client: Client, part: Part) -> None:
    """Ask until the part is whole."""
    failed = 0
    for _ in range(MAX_REQUESTS):
        before = part.size
        words, wait = "the server sends nothing", 0.0
        try:
            if await _round(job, client, part):
                return
            if part.size != before:  # there is more to ask for, or it begins anew
                continue
        except Broken as error:
            words, wait = str(error), error.wait
        failed = 0 if part.size > before else failed + 1
        if failed >= MAX_TRIES:
            raise PullError(_gave_up(job, part, words))
        pause = max(wait, min(PAUSE_SECONDS * 2**failed, MAX_PAUSE_SECONDS))
        _tell(job, part, f"{words}; going on in {pause:.0f} s")
        await asyncio.sleep(pause)
    raise PullError(_gave_up(job, part, "the connection breaks again and again"))


async def _round(job: Job, client: Client, part: Part) -> bool:
    """One request and what comes of it; True when the part is whole, False when more is to be asked for."""
    note = part.note
    usable = note is not None and note.url == job.source.url and bool(note.sha256 or note.etag)
    start = part.size if usable else 0
    if note is not None and start and start == note.total:
        return True  # the last pull was stopped between the last byte and the check
    # A checksum at the end is surer than a tag, which some servers change with every redirect.
    same = note.etag if note is not None and start and not note.sha256 else ""
    async with opened(client, Asked(job.source.url, start, same)) as (answer, body):
        now = _note(job, answer)
        if start and note is not None and _differs(note, now, answer, start):
            _tell(job, part, "the file has changed, or the server cannot go on in the middle: from the start")
            if answer.start or answer.whole:  # the end of another file comes, or nothing
                part.begin(now)
                return False
            start = 0
        if answer.whole:
            return True
        if start == 0:
            part.begin(now)
        elif note is not None:
            part.describe(replace(note, etag=now.etag, total=now.total or note.total))
        _look_at_disk(part, now.total)
        await _write(job, part, body, now.total)
    return part.note is not None and part.note.total in (None, part.size)


def _note(job: Job, answer: Answer) -> Note:
    told = answer.sha256
    if told and job.source.sha256 and told != job.source.sha256:
        raise PullError(
            f"{shown(job.source.url)} has a file with another checksum ({told}) than the one asked for."
        )
    return Note(job.source.url, job.source.sha256 or told, answer.etag, answer.total)


def _differs(old: Note, now: Note, answer: Answer, start: int) -> bool:
    """Whether what comes cannot be joined to what is there."""
    if answer.start != start:
        return True
    if answer.whole:
        return answer.total != start
    if old.sha256 and now.sha256:
        return old.sha256 != now.sha256
    if not old.sha256 and old.etag != now.etag:
        return True
    return None not in (old.total, now.total) and old.total != now.total


async def _write(job: Job, part: Part, body: Body, total: int | None) -> None:
    looked, begun = part.size, part.size >= len(MAGIC)
    async for block in body.blocks():
        if total is not None and part.size + len(block) > total:
            raise PullError(f"{shown(job.source.url)} sends more than the {total} bytes it has told.")
        part.append(block)
        if not begun and part.size >= len(MAGIC):
            if part.first(len(MAGIC)) != MAGIC:
                part.discard()
                raise PullError(f"{shown(job.source.url)} is not a GGUF model: it does not begin as one.")
            begun = True
        if part.size - looked >= CHECK_BYTES:
            looked = part.size
            _look_at_disk(part, total)
        job.report(Progress(part.size, total))


def _look_at_disk(part: Part, total: int | None) -> None:
    """Raise NoSpace where what is left to come does not fit."""
    missing = max(0, (total or 0) - part.size)
    free = shutil.disk_usage(part.path.parent).free
    if free < missing + RESERVE_BYTES:
        raise NoSpace(
            f"Not enough room on the disk of {part.path.parent}: {amount(missing + RESERVE_BYTES)} are "
            f"needed, {amount(free)} are free. Another folder: `providers.embedded.modelDirectory`."
        )


async def _check(job: Job, part: Part) -> str:
    """Compare the checksum with what was told; returns who told it. A wrong file is thrown away."""
    told = part.note.sha256 if part.note is not None else ""
    wanted = told or checksum_in(part.note.etag if part.note is not None else "")
    if not wanted:
        return ""
    digest, done = hashlib.sha256(), 0
    for block in part.blocks():
        digest.update(block)
        done += len(block)
        job.report(Progress(done, part.size, checking=True))
        await asyncio.sleep(0)
    if digest.hexdigest() == wanted:
        return "yours" if job.source.sha256 else "the server's"
    if not told:
        return ""  # an ETag that only looks like a checksum
    part.discard()
    raise PullError(
        f"{job.source.file} came with a wrong checksum and was thrown away: it has {digest.hexdigest()}, and "
        f"{wanted} was told. Try again; if it stays so, that file is not what it should be."
    )


def _tell(job: Job, part: Part, news: str) -> None:
    job.report(Progress(part.size, part.note.total if part.note else None, news=news))


def _gave_up(job: Job, part: Part, words: str) -> str:
    kept = f" {amount(part.size)} are kept: the same command goes on from there." if part.size else ""
    return f"Gave up on {shown(job.source.url)}: {words}.{kept}"
