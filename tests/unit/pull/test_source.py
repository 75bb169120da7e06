"""What `twinny-lsp pull WHAT` takes, and which addresses it goes to."""

from __future__ import annotations

import pytest

from twinny_lsp.errors import PullError
from twinny_lsp.pull.source import Source, next_address, shown, source_of

SHA = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("what", "source"),
    [
        (
            "qwen2.5-coder:1.5b-base",
            Source(
                "https://huggingface.co/ggml-org/Qwen2.5-Coder-1.5B-Q8_0-GGUF/resolve/main/"
                "qwen2.5-coder-1.5b-q8_0.gguf",
                "qwen2.5-coder-1.5b-q8_0.gguf",
                "qwen2.5-coder-1.5b",
            ),
        ),
        (
            "https://huggingface.co/o/r/blob/main/My%20Model.Q4.GGUF?download=true#top",
            Source(
                "https://huggingface.co/o/r/resolve/main/My%20Model.Q4.GGUF?download=true",
                "My Model.Q4.GGUF",
                "My Model.Q4",
            ),
        ),
        (
            "https://example.org/blob/m.gguf?signature=x",
            Source("https://example.org/blob/m.gguf?signature=x", "m.gguf", "m"),
        ),
        ("http://127.0.0.1:8000/m.gguf", Source("http://127.0.0.1:8000/m.gguf", "m.gguf", "m")),
        ("http://[::1]/m.gguf", Source("http://[::1]/m.gguf", "m.gguf", "m")),
        ("HTTP://localhost/m.gguf", Source("http://localhost/m.gguf", "m.gguf", "m")),
    ],
)
def test_what_is_taken(what: str, source: Source) -> None:
    assert source_of(what) == source


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("qwen2.5-coder-1.5", "Did you mean qwen2.5-coder-1.5b? "),
        ("zzz", "No model zzz is known. `twinny-lsp pull` lists the known ones"),
        ("http://example.org/m.gguf", "only taken over https"),
        ("http://127.0.0.1.example.org/m.gguf", "only taken over https"),
        ("http://localhost.example.org/m.gguf", "only taken over https"),
        ("ftp://example.org/m.gguf", "begins with https://"),
        ("file:///etc/m.gguf", "begins with https://"),
        ("https:///m.gguf", "begins with https://"),
        ("https://me:secret@example.org/m.gguf", "name or a password"),
        ("https://example.org:99999/m.gguf", "no address"),
        ("https://example.org/m.bin", "must be that of a GGUF file"),
        ("https://example.org/", "must be that of a GGUF file"),
        ("https://example.org/..%2F..%2Fm.gguf/", "must be that of a GGUF file"),
        ("https://example.org/.m.gguf", "must be that of a GGUF file"),
        ("https://example.org/a%00b.gguf", "must be that of a GGUF file"),
        ("https://example.org/m-00001-of-00003.gguf", "one part of several"),
    ],
)
def test_what_is_refused(what: str, words: str) -> None:
    with pytest.raises(PullError) as caught:
        source_of(what)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_path_in_a_name_stays_in_the_folder() -> None:
    assert source_of("https://example.org/x/..%2F..%2Fm.gguf").file == "m.gguf"


@pytest.mark.parametrize("text", [SHA, SHA.upper(), f"sha256:{SHA}", f" {SHA}\n"])
def test_a_checksum_is_read(text: str) -> None:
    assert source_of("mellum-4b", text).sha256 == SHA


@pytest.mark.parametrize("text", ["abc", SHA[:-1], SHA + "0", "g" * 64])
def test_another_text_is_no_checksum(text: str) -> None:
    with pytest.raises(PullError, match="64 hexadecimal digits"):
        source_of("mellum-4b", text)


@pytest.mark.parametrize(
    ("url", "location", "expected"),
    [
        ("https://a.org/x/m.gguf", "/y/m.gguf?s=1", "https://a.org/y/m.gguf?s=1"),
        ("https://a.org/x/m.gguf", "https://b.org/z", "https://b.org/z"),
        ("http://127.0.0.1:1/m.gguf", "http://localhost:2/m", "http://localhost:2/m"),
        ("https://a.org/m.gguf", "", "does not say where to"),
        ("https://a.org/m.gguf", "http://a.org/m.gguf", "only taken over https"),
        ("https://a.org/m.gguf", "http://127.0.0.1:11434/m.gguf", "does not get to send us to this one"),
        ("https://a.org/m.gguf", "https://[::1]/m.gguf", "does not get to send us to this one"),
        ("https://a.org/m.gguf", "file:///etc/passwd", "begins with https://"),
        ("https://a.org/m.gguf", "https://[bad/m.gguf", "no address"),
    ],
)
def test_redirects_are_judged(url: str, location: str, expected: str) -> None:
    if "://" in expected and " " not in expected:
        assert next_address(url, location) == expected
        return
    with pytest.raises(PullError) as caught:
        next_address(url, location)
    assert expected in str(caught.value)


def test_a_signature_is_not_shown() -> None:
    assert shown("https://u:p@a.org/m.gguf?X-Signature=secret#f") == "https://a.org/m.gguf"
