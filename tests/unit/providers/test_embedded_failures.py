"""What is said of each way in which llama.cpp's process ends; the quoted lines are llama.cpp's own."""

from __future__ import annotations

import signal

import pytest

from twinny_lsp.errors import ServerFailure
from twinny_lsp.providers.embedded.failures import Cause, Ending, OutOfMemory, could_not, ended_early

PREFIX = "0.00.006.901 E llama_model_load: error loading model: "


@pytest.mark.parametrize(
    ("ending", "cause", "words"),
    [
        (Ending(-4), Cause.PROCESSOR, "this processor lacks instructions"),
        (Ending(132), Cause.PROCESSOR, "such as Ollama"),  # a shell or a container in between
        (Ending(-1073741795), Cause.PROCESSOR, "lacks instructions"),  # Windows
        (Ending(-9), Cause.KILLED, "SIGKILL, most often for want of memory. Close other programs"),
        (Ending(137), Cause.KILLED, "most often for want of memory"),
        (Ending(-9, starved=True), Cause.MEMORY, "memory ran out. Close other programs"),
        (Ending(137, starved=True), Cause.MEMORY, "lower providers.mine.contextTokens"),
        (Ending(-9, starved=True, ours=True), Cause.OTHER, "it was ended by SIGKILL"),
        (Ending(-6, "what():  std::bad_alloc"), Cause.MEMORY, "memory ran out"),
        (Ending(1, "MemoryError"), Cause.MEMORY, "memory ran out"),
        (Ending(-6, "what():  Resource temporarily unavailable"), Cause.MEMORY, "memory"),
        (Ending(-6, "GGML_ASSERT(ok) failed"), Cause.CRASH, "crashed (SIGABRT)"),
        (Ending(-11), Cause.CRASH, "crashed (SIGSEGV). If it does so again, try a newer one"),
        (Ending(139), Cause.CRASH, "crashed (SIGSEGV)"),
        (Ending(0xC0000005), Cause.CRASH, "crashed (SIGSEGV)"),  # Windows
        (Ending(-15), Cause.OTHER, "it was ended by SIGTERM"),
        (Ending(-35), Cause.OTHER, "it was ended by "),
        (Ending(0, "bad_alloc in some earlier line"), Cause.OTHER, "it ended with code 0"),
        (Ending(7), Cause.OTHER, "it ended with code 7"),
        (Ending(None), Cause.OTHER, "it hung up"),
    ],
)
def test_endings_are_told_apart(ending: Ending, cause: Cause, words: str) -> None:
    assert ending.cause is cause
    assert words in ending.words("mine")
    assert ending.hopeless is (cause in (Cause.PROCESSOR, Cause.MEMORY))


def test_the_instructions_are_named_where_they_are_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for machine, named in (("x86_64", True), ("AMD64", True), ("aarch64", False)):
        monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
        assert ("AVX2" in Ending(-signal.SIGILL).words("mine")) is named


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            f"{PREFIX}tensor 't' data is not within the file bounds, model is corrupted or incomplete",
            "the file is damaged or not whole (it says: \"tensor 't' data is not within",
        ),
        (
            f"{PREFIX}unknown model architecture: 'llamz'",
            "does not know (it says: \"unknown model architecture: 'llamz'\"). Try a newer one",
        ),
        (
            f"{PREFIX}error loading model vocabulary: unknown pre-tokenizer type: 'qwenX'",
            "does not know",
        ),
        (f"{PREFIX}check_tensor_dims: tensor 'output_norm.weight' not found", "does not know"),
        (
            "0.00.010.398 E gguf_init_from_reader: tensor 't' has invalid ggml type 99. should be in [0, 9)\n"
            "0.00.010.443 E gguf_init_from_reader: failed to read tensor info",
            "does not know (it says: \"tensor 't' has invalid ggml type 99.",
        ),
        (
            "0.00.007.083 E gguf_init_from_reader: this GGUF file is version 9 but this software only "
            "supports up to version 3\n0.00.007.112 E gguf_init_from_reader: failed to read header",
            "does not know",
        ),
        (f"{PREFIX}mmap failed: Cannot allocate memory", "not enough memory (it says"),
        (
            "0.00.865.951 E ggml_aligned_malloc: insufficient memory (attempted to allocate 3072.00 MB)\n"
            "0.00.868.183 E cmn  common_init_: failed to create context with model 'm.gguf'",
            '(it says: "insufficient memory (attempted to allocate 3072.00 MB)"). Close other programs',
        ),
        (
            f"{PREFIX}illegal split file idx: 1 (file: /m-00002-of-00003.gguf), model must be loaded with "
            "the first split",
            "one part of several",
        ),
        (
            f"{PREFIX}llama_model_loader: failed to load GGUF split from /m-00002-of-00003.gguf",
            "Name the first part, with all parts beside it.",
        ),
        (f"{PREFIX}invalid split file name: /m.gguf", "one part of several"),
        ("Failed to init server", "damaged, too new, or too big for the memory."),
    ],
)
def test_a_model_that_does_not_load_is_told_apart(line: str, words: str) -> None:
    error = could_not(("load-failed", "Failed to init server"), "/m.gguf", line, "mine")
    assert isinstance(error, ServerFailure)
    assert words in str(error)
    assert str(error).startswith("llama.cpp could not load /m.gguf: ")
    assert isinstance(error, OutOfMemory) is ("memory" in words and "too big" not in words)


def test_a_start_that_memory_ended_is_told_as_such() -> None:
    assert isinstance(ended_early(Ending(-9, starved=True), "mine"), OutOfMemory)
    assert not isinstance(ended_early(Ending(-9), "mine"), OutOfMemory)
