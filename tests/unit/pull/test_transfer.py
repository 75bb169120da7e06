"""Pulls from a server on this machine that is slow, breaks, lies, changes its file or knows no ranges."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.fake_server import CUT, HANG, RESET, FakeServer, Recorded, Reply, bounded
from twinny_lsp.errors import PullError, SettingsError
from twinny_lsp.providers.endpoint import Endpoint, Link
from twinny_lsp.pull import fetch, transfer
from twinny_lsp.pull.part import Part, alone
from twinny_lsp.pull.source import source_of
from twinny_lsp.pull.transfer import Job, Progress, Pulled, pull

DATA = b"GGUF" + bytes(range(256)) * 40
OTHER = b"GGUF" + bytes(reversed(range(256))) * 40
SHA = hashlib.sha256(DATA).hexdigest()
FILE = "/files/m.gguf"
Usage = namedtuple("Usage", "total used free")


def endpoint(**link: str) -> Endpoint:
    return Endpoint("embedded", "embedded", "", None, None, link=Link(**link))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(transfer, "RESERVE_BYTES", 0)


@dataclass
class Files:
    """A file server: `data` at FILE, with a tag; `faults` are what the next answers do instead."""

    data: bytes = DATA
    etag: str = '"one"'
    headers: tuple[tuple[str, str], ...] = ()
    ranges: bool = True
    faults: list[Callable[[Recorded, Files], Reply]] = field(default_factory=list)

    def __call__(self, request: Recorded) -> Reply:
        if self.faults:
            return self.faults.pop(0)(request, self)
        return self.reply(request)

    def reply(self, request: Recorded, stop: int | None = None) -> Reply:
        """The honest answer; `stop`: cut after so many bytes of it."""
        start, status, headers = 0, 200, [*self.headers]
        if self.etag:
            headers.append(("ETag", self.etag))
        wanted, only_if = request.headers.get("range", ""), request.headers.get("if-range", self.etag)
        if self.ranges and wanted and only_if == self.etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(self.data):
                return Reply(status=416, headers=[("Content-Range", f"bytes */{len(self.data)}"), *headers])
            status = 206
            headers.append(("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"))
        body = self.data[start:]
        headers.append(("Content-Length", str(len(body))))
        steps = [body] if stop is None else [body[:stop], CUT]
        return Reply(steps, status, "application/octet-stream", headers, "close")


def cut_after(count: int) -> Callable[[Recorded, Files], Reply]:
    return lambda request, files: files.reply(request, count)


def answers(reply: Reply) -> Callable[[Recorded, Files], Reply]:
    return lambda request, files: reply


@dataclass
class Puller:
    """Pulls FILE of a server into `folder`; `seen` is what was reported."""

    server: FakeServer
    folder: Path
    seen: list[Progress] = field(default_factory=list)

    async def __call__(self, path: str = FILE, sha256: str = "") -> Pulled:
        job = Job(source_of(self.server.url + path, sha256), self.folder, endpoint(), self.seen.append)
        return await bounded(pull(job))

    @property
    def file(self) -> Path:
        return self.folder / "m.gguf"

    @property
    def left(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    @property
    def news(self) -> str:
        return "\n".join(progress.news for progress in self.seen if progress.news)

    def ranges(self) -> list[str]:
        return [request.headers.get("range", "") for request in self.server.requests]


async def test_a_file_comes_whole(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on("GET", FILE, Files())
        puller = Puller(server, tmp_path / "new" / "folder")
        pulled = await puller()
    assert pulled == Pulled(puller.file, sized=True)
    assert puller.file.read_bytes() == DATA
    assert puller.left == {"m.gguf"}
    assert puller.seen[-1] == Progress(len(DATA), len(DATA))
    sent = server.requests[0].headers
    assert sent["accept-encoding"] == "identity"
    assert sent["user-agent"].startswith("twinny-lsp/")
    assert not {"authorization", "cookie", "referer"} & set(sent)


async def test_a_file_of_unknown_size_comes_too(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on("GET", FILE, Reply([DATA[:100], DATA[100:]], content_type="application/octet-stream"))
        puller = Puller(server, tmp_path)
        assert await puller() == Pulled(puller.file, sized=False)
    assert puller.file.read_bytes() == DATA


async def test_a_file_that_is_there_is_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"mine")
    async with FakeServer() as server:
        puller = Puller(server, tmp_path)
        assert (await puller()).already
    assert server.requests == []
    assert puller.file.read_bytes() == b"mine"


async def test_it_goes_on_where_the_connection_broke(tmp_path: Path) -> None:
    async with FakeServer() as server:
        files = Files(faults=[cut_after(3000), cut_after(2000)])
        server.on("GET", FILE, files)
        puller = Puller(server, tmp_path)
        await puller()
        assert puller.ranges() == ["", "bytes=3000-", "bytes=5000-"]
        assert {request.headers.get("if-range") for request in server.requests[1:]} == {'"one"'}
    assert puller.file.read_bytes() == DATA
    assert "the connection broke; going on in" in puller.news


async def test_a_reset_connection_is_no_end(tmp_path: Path) -> None:
    def reset(request: Recorded, files: Files) -> Reply:
        honest = files.reply(request)
        return Reply([DATA[:100], RESET], 200, headers=honest.headers, framing="close")

    async with FakeServer() as server:
        server.on("GET", FILE, Files(faults=[reset]))
        puller = Puller(server, tmp_path)
        await puller()
    assert puller.file.read_bytes() == DATA


async def test_a_silent_server_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SILENT_SECONDS", 0.05)

    def silent(request: Recorded, files: Files) -> Reply:
        return Reply([DATA[:100], HANG], 200, headers=files.reply(request).headers, framing="close")

    async with FakeServer() as server:
        server.on("GET", FILE, Files(faults=[silent]))
        puller = Puller(server, tmp_path)
        await puller()
        assert puller.ranges() == ["", "bytes=100-"]
    assert "sends nothing any more" in puller.news


async def test_a_cancelled_pull_is_gone_on_with_by_the_next(tmp_path: Path) -> None:
    async with FakeServer() as server:
        gate = asyncio.Event()

        def slow(request: Recorded, files: Files) -> Reply:
            return Reply([DATA[:500], gate], 200, headers=files.reply(request).headers, framing="close")

        server.on("GET", FILE, Files(faults=[slow]))
        puller = Puller(server, tmp_path)
        came = asyncio.Event()
        puller.seen = Listening(came)
        pulling = asyncio.create_task(puller())
        await bounded(came.wait())
        pulling.cancel()
        await asyncio.wait({pulling})
        assert puller.left == {"m.gguf.part", "m.gguf.part.json"}
        await puller()
        assert puller.ranges() == ["", "bytes=500-"]
    assert puller.file.read_bytes() == DATA
    assert puller.left == {"m.gguf"}


class Listening(list[Progress]):
    """Says when the first bytes have come."""

    def __init__(self, came: asyncio.Event) -> None:
        super().__init__()
        self._came = came

    def append(self, progress: Progress) -> None:
        super().append(progress)
        self._came.set()


async def interrupted(server: FakeServer, files: Files, folder: Path, count: int = 3000) -> Puller:
    """A puller whose first pull broke off after `count` bytes and gave up."""
    refusing = answers(Reply(status=500))
    files.faults = [cut_after(count), *[refusing] * transfer.MAX_TRIES]
    server.on("GET", FILE, files)
    puller = Puller(server, folder)
    with pytest.raises(PullError, match=r"Gave up .*the server is busy .*are kept"):
        await puller()
    assert (folder / "m.gguf.part").stat().st_size == count
    server.requests.clear()
    puller.seen.clear()
    return puller


async def test_a_changed_file_is_taken_from_the_start(tmp_path: Path) -> None:
    async with FakeServer() as server:
        files = Files()
        puller = await interrupted(server, files, tmp_path)
        files.data, files.etag = OTHER, '"two"'
        await puller()
        assert puller.ranges() == ["bytes=3000-"]
    assert puller.file.read_bytes() == OTHER
    assert "from the start" in puller.news


async def test_a_changed_file_is_noticed_although_the_server_ignores_if_range(tmp_path: Path) -> None:
    async with FakeServer() as server:
        files = Files()
        puller = await interrupted(server, files, tmp_path)
        files.data, files.etag = OTHER, '"two"'

        def careless(request: Recorded, files: Files) -> Reply:
            request.headers.pop("if-range")
            return files.reply(request)

        files.faults = [careless]
        await puller()
        assert puller.ranges() == ["bytes=3000-", ""]
    assert puller.file.read_bytes() == OTHER


async def test_a_server_without_ranges_sends_it_all_again(tmp_path: Path) -> None:
    async with FakeServer() as server:
        puller = await interrupted(server, Files(ranges=False), tmp_path)
        await puller()
        assert puller.ranges() == ["bytes=3000-"]
    assert puller.file.read_bytes() == DATA
    assert puller.left == {"m.gguf"}


async def test_without_a_tag_or_a_checksum_nothing_is_joined(tmp_path: Path) -> None:
    async with FakeServer() as server:
        puller = await interrupted(server, Files(etag=""), tmp_path)
        await puller()
        assert puller.ranges() == [""]
    assert puller.file.read_bytes() == DATA


async def test_a_weak_tag_counts_for_nothing_and_a_date_does(tmp_path: Path) -> None:
    date = "Thu, 26 Nov 2026 10:00:00 GMT"
    async with FakeServer() as server:
        weak = Files(etag='W/"one"', headers=(("Last-Modified", date),))
        puller = await interrupted(server, weak, tmp_path)
        await puller()
        assert server.requests[0].headers["if-range"] == date
    assert puller.file.read_bytes() == DATA


async def test_a_part_of_another_address_is_not_gone_on_with(tmp_path: Path) -> None:
    async with FakeServer() as server:
        puller = await interrupted(server, Files(), tmp_path)
        server.on("GET", "/other/m.gguf", Files(OTHER))
        await puller("/other/m.gguf")
        assert puller.ranges() == [""]
    assert puller.file.read_bytes() == OTHER


@pytest.mark.parametrize(
    "note", ["", "{", "[]", '{"url": 1}', '{"url": "x", "sha256": "", "etag": "", "total": "y"}']
)
async def test_a_damaged_note_means_from_the_start(tmp_path: Path, note: str) -> None:
    async with FakeServer() as server:
        puller = await interrupted(server, Files(), tmp_path)
        (tmp_path / "m.gguf.part.json").write_text(note)
        await puller()
        assert puller.ranges() == [""]
    assert puller.file.read_bytes() == DATA


async def test_a_part_that_is_whole_already_is_only_checked(tmp_path: Path) -> None:
    async with FakeServer() as server:
        puller = await interrupted(server, Files(), tmp_path)
        (tmp_path / "m.gguf.part").write_bytes(DATA)
        await puller()
    assert server.requests == []
    assert puller.file.read_bytes() == DATA


@pytest.mark.parametrize(("have", "asked"), [(len(DATA), 1), (len(DATA) + 7, 2)])
async def test_a_range_past_the_end_is_judged_by_the_size(tmp_path: Path, have: int, asked: int) -> None:
    async with FakeServer() as server:
        puller = await interrupted(server, Files(), tmp_path)
        (tmp_path / "m.gguf.part").write_bytes((DATA + b"x" * 7)[:have])
        note = tmp_path / "m.gguf.part.json"
        note.write_text(note.read_text().replace(f'"total": {len(DATA)}', '"total": null'))
        await puller()
        assert len(server.requests) == asked
    assert puller.file.read_bytes() == DATA


async def test_a_server_that_sends_less_than_asked_is_asked_for_more(tmp_path: Path) -> None:
    def little(request: Recorded, files: Files) -> Reply:
        start = int(request.headers.get("range", "bytes=0-")[6:-1])
        piece = DATA[start : start + 4000]
        told = f"bytes {start}-{start + len(piece) - 1}/{len(DATA)}"
        return Reply([piece], 206, headers=[("ETag", '"one"'), ("Content-Range", told)], framing="length")

    async with FakeServer() as server:
        server.on("GET", FILE, Files(faults=[little] * 3))
        puller = Puller(server, tmp_path)
        await puller()
        assert puller.ranges() == ["", "bytes=4000-", "bytes=8000-"]
    assert puller.file.read_bytes() == DATA


# --- checksums ---


async def test_the_checksum_a_redirect_tells_is_checked(tmp_path: Path) -> None:
    """As huggingface.co does it: the checksum and size come with the redirect, the bytes from elsewhere."""
    told = [("Location", "/cdn/x?sig=1"), ("X-Linked-Etag", f'"{SHA}"'), ("X-Linked-Size", str(len(DATA)))]
    async with FakeServer() as server:
        server.on("GET", FILE, Reply(status=302, headers=told, framing="length"))
        files = Files(etag='"a"', faults=[cut_after(1000)])
        server.on("GET", "/cdn/x", files)
        puller = Puller(server, tmp_path)
        files.faults.append(lambda request, files: (setattr(files, "etag", '"b"'), files.reply(request))[1])
        assert (await puller()).checked == "the server's"
        last = server.requests[-1].headers
        assert last["range"] == "bytes=1000-"
        assert "if-range" not in last  # the tag changed with the redirect; the checksum is what counts
    assert puller.file.read_bytes() == DATA


async def test_another_checksum_in_the_redirect_means_from_the_start(tmp_path: Path) -> None:
    def redirect(data: bytes) -> Reply:
        told = f'"{hashlib.sha256(data).hexdigest()}"'
        return Reply(status=302, headers=[("Location", "/cdn"), ("X-Linked-Etag", told)], framing="length")

    async with FakeServer() as server:
        server.on("GET", FILE, redirect(DATA), redirect(OTHER))
        server.on("GET", "/cdn", Files(faults=[cut_after(1000)]), Files(OTHER))
        puller = Puller(server, tmp_path)
        assert (await puller()).checked == "the server's"
    assert puller.file.read_bytes() == OTHER


@pytest.mark.parametrize("theirs", [False, True], ids=["the user's", "the server's"])
async def test_a_wrong_checksum_throws_the_file_away(tmp_path: Path, theirs: bool) -> None:
    wrong = hashlib.sha256(b"x").hexdigest()
    headers = (("X-Linked-Etag", wrong),) if theirs else ()
    async with FakeServer() as server:
        server.on("GET", FILE, Files(headers=headers))
        puller = Puller(server, tmp_path)
        with pytest.raises(PullError, match=f"wrong checksum and was thrown away: it has {SHA}, and {wrong}"):
            await puller(sha256="" if theirs else wrong)
    assert puller.left == set()


async def test_the_users_checksum_is_checked_and_said(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on("GET", FILE, Files())
        assert (await Puller(server, tmp_path)(sha256=SHA)).checked == "yours"


async def test_a_server_that_tells_another_checksum_than_the_user_is_not_asked_for_gigabytes(
    tmp_path: Path,
) -> None:
    async with FakeServer() as server:
        server.on("GET", FILE, Files(headers=(("X-Linked-Etag", hashlib.sha256(b"x").hexdigest()),)))
        puller = Puller(server, tmp_path)
        with pytest.raises(PullError, match="another checksum"):
            await puller(sha256=SHA)
    assert puller.seen == []


async def test_a_tag_that_is_a_checksum_confirms_and_one_that_is_none_does_no_harm(tmp_path: Path) -> None:
    for number, (tag, checked) in enumerate([(SHA, "the server's"), ("f" * 64, "")]):
        async with FakeServer() as server:
            server.on("GET", FILE, Files(etag=f'"{tag}"'))
            assert (await Puller(server, tmp_path / str(number))()).checked == checked


# --- the disk ---


async def test_too_small_a_disk_is_told_before_anything_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, len(DATA) - 1))
    async with FakeServer() as server:
        server.on("GET", FILE, Files())
        puller = Puller(server, tmp_path)
        with pytest.raises(PullError, match=r"Not enough room .*modelDirectory"):
            await puller()
    assert puller.seen == []
    assert puller.left == set()


async def test_a_disk_that_fills_up_meanwhile_ends_it_and_the_part_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "CHECK_BYTES", 1000)
    free = [len(DATA), 10]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, free.pop(0)))
    gate = asyncio.Event()
    async with FakeServer() as server:

        def slow(request: Recorded, files: Files) -> Reply:
            return Reply([DATA[:2000], gate], 200, headers=files.reply(request).headers, framing="close")

        files = Files(faults=[slow])
        server.on("GET", FILE, files)
        puller = Puller(server, tmp_path)
        with pytest.raises(PullError, match="Not enough room"):
            await puller()
        assert (tmp_path / "m.gguf.part").stat().st_size == 2000
        free.extend([len(DATA)] * 20)
        await puller()
        assert puller.ranges() == ["", "bytes=2000-"]
    assert puller.file.read_bytes() == DATA


async def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(descriptor: int, data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with FakeServer() as server:
        server.on("GET", FILE, Files())
        puller = Puller(server, tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr("twinny_lsp.pull.part.os.write", write)
            with pytest.raises(PullError, match=r"The disk of .* is full"):
                await puller()
        await puller()
    assert puller.file.read_bytes() == DATA


@pytest.mark.parametrize("name", ["m.gguf.part", "m.gguf.lock"])
async def test_what_cannot_be_written_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    async with FakeServer() as server:
        with pytest.raises(PullError, match=f"Cannot write .*{name}: "):
            await Puller(server, tmp_path)()


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with FakeServer() as server:
        with pytest.raises(PullError, match="Cannot make the folder"):
            await Puller(server, tmp_path / "file" / "models")()


# --- two at once ---


async def test_two_pulls_of_one_file_do_not_mix(tmp_path: Path) -> None:
    async with FakeServer() as server:
        puller = Puller(server, tmp_path)
        with alone(puller.file), pytest.raises(PullError, match=r"m\.gguf is being pulled by another"):
            await puller()
        assert server.requests == []
        server.on("GET", FILE, Files())
        await puller()
    assert puller.left == {"m.gguf"}


def test_a_lock_that_was_taken_away_meanwhile_is_none(tmp_path: Path) -> None:
    target = tmp_path / "m.gguf"
    with alone(target):
        (tmp_path / "m.gguf.lock").unlink()
        with alone(target):  # that one may go on: whoever had the other is out of the folder
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights there")
def test_a_part_is_not_written_through_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "precious"
    elsewhere.write_text("mine")
    (tmp_path / "m.gguf.part").symlink_to(elsewhere)
    with pytest.raises(PullError, match="Cannot write"), Part(tmp_path / "m.gguf").opened():
        pass
    assert elsewhere.read_text() == "mine"


# --- answers that are none ---


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(status=404), "There is no file at"),
        (Reply(status=401), "wants a login"),
        (Reply(status=403), "wants a login"),
        (Reply(status=418), "refuses to send the file (status 418)"),
        (Reply(["<html>"], content_type="text/html; charset=utf-8", framing="length"), "is a web page"),
        (Reply(["PK\x03\x04 and more"], framing="length"), "does not begin as one"),
        (
            Reply([DATA[:50]], headers=[("X-Linked-Size", "51")], framing="length"),
            "announces 51 bytes and sends 50",
        ),
        (Reply([b"x"], headers=[("Content-Encoding", "gzip")], framing="length"), "comes compressed"),
        (Reply([DATA], 206, framing="length"), "does not say which"),
        (Reply(status=302), "does not say where to"),
        (Reply(status=302, headers=[("Location", "http://example.org/m.gguf")]), "only taken over https"),
        (Reply(status=302, headers=[("Location", FILE)]), "redirects in circles"),
    ],
)
async def test_an_answer_that_is_no_file_is_told_once(tmp_path: Path, reply: Reply, words: str) -> None:
    async with FakeServer() as server:
        server.on("GET", FILE, reply)
        puller = Puller(server, tmp_path)
        with pytest.raises(PullError) as caught:
            await puller()
        assert len(server.requests) == (fetch.MAX_REDIRECTS + 1 if "circles" in words else 1)
    assert words in str(caught.value)
    assert puller.left == set()


async def test_nobody_there_is_told_after_some_tries(tmp_path: Path) -> None:
    async with FakeServer() as server:
        await server.stop_listening()
        with pytest.raises(PullError, match=r"Gave up on http://127.*: 127.0.0.1 cannot be reached"):
            await Puller(server, tmp_path)()


async def test_a_busy_server_says_how_long_to_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(transfer.asyncio, "sleep", sleep)
    busy = Reply(status=503, headers=[("Retry-After", "7")])
    endless = Reply(status=429, headers=[("Retry-After", "999999")])
    async with FakeServer() as server:
        server.on("GET", FILE, busy, endless, Files())
        await Puller(server, tmp_path)()
    assert [wait for wait in waits if wait] == [7.0, fetch.MAX_WAIT_SECONDS]


async def test_a_server_that_always_breaks_is_left_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "MAX_REQUESTS", 6)
    async with FakeServer() as server:
        server.on("GET", FILE, Files(faults=[cut_after(10)] * 50))
        puller = Puller(server, tmp_path)
        with pytest.raises(PullError, match="breaks again and again"):
            await puller()
        assert puller.ranges()[-1] == "bytes=50-"


async def test_no_proxy_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with FakeServer() as server:
        server.on("GET", FILE, Files())
        await Puller(server, tmp_path)()


async def test_the_proxy_of_the_settings_is_used(tmp_path: Path) -> None:
    async with FakeServer() as proxy:
        proxy.on("GET", f"http://127.0.0.1:1{FILE}", Files())
        job = Job(source_of(f"http://127.0.0.1:1{FILE}"), tmp_path, endpoint(proxy=proxy.url), lambda _: None)
        await bounded(pull(job))
        await proxy.stop_listening()
        (tmp_path / "m.gguf").unlink()
        with pytest.raises(PullError, match=r"providers\.embedded\.proxy"):
            await bounded(pull(job))


async def test_a_bad_file_of_authorities_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    trusting = endpoint(ca_file=str(tmp_path / "ca.pem"))
    job = Job(source_of("http://127.0.0.1:1/m.gguf"), tmp_path, trusting, lambda _: None)
    with pytest.raises(SettingsError, match=r"providers\.embedded\.caFile"):
        await pull(job)
