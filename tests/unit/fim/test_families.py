"""Which family a model belongs to, and how it is asked: by setting, by the server's words, by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from twinny_lsp.errors import TemplateError
from twinny_lsp.exchange import ModelFacts
from twinny_lsp.fim import catalogue
from twinny_lsp.fim.catalogue import built_in, membership, table, template_text, templates_directory
from twinny_lsp.fim.families import Kind, choose, names
from twinny_lsp.fim.names import model_name

RAW = {
    "codellama": [
        "CodeLlama-7B-GGUF",
        "codellama:7b-code",
        "codellama-7b.Q5_K_M.gguf",
        "codellama:code",
        "codellama:7b-instruct",
        "codellama/CodeLlama-13b-hf",
        "TheBloke_CodeLlama-7B-GPTQ",
        "code-llama-7b",
        "phind-codellama:34b-base",
    ],
    "deepseek": [
        "deepseek-coder:6.7b-base",
        "deepseek-ai/deepseek-coder-33b-base",
        "DeepSeek-Coder-V2-Lite",
        "deepseek-coder-v2:16b",
        "DeepSeek-Coder-V2-Lite-Instruct-Q4_K_M.gguf",
        "deepseek-ai_deepseek-coder-6.7b-base",
    ],
    "qwen": [
        "qwen2.5-coder:7b-base",
        "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        "Qwen2.5-Coder-7B.Q4_K_M.gguf",
        "qwen3-coder:30b",
        "Qwen3-Coder-30B-A3B-Instruct-UD-Q4_K_XL.gguf",
        "hf.co/bartowski/Qwen2.5-Coder-7B-GGUF:Q4_K_M",
        "C:\\models\\Qwen2.5-Coder-7B-Instruct-Q8_0-00001-of-00002.gguf",
        "qwen_qwen2.5-coder-7b-exl2_4.0bpw",
        "accounts/fireworks/models/qwen2p5-coder-7b",
        "qwen2.5-coder-7b-instruct-mlx@4bit",
        "tiny-fim",
        "tiny-fim-q8_0.gguf",
    ],
    "codeqwen": ["codeqwen:7b-code", "CodeQwen1.5-7B", "codeqwen:code"],
    "starcoder2": ["starcoder2:3b", "bigcode/starcoder2-15b", "starcoder2-3b-Q4_0.gguf"],
    "starcoder": ["starcoder:1b", "starcoderbase", "bigcode/starcoderplus", "starcoder-7b"],
    "santacoder": ["santacoder", "bigcode/gpt_bigcode-santacoder"],
    "stable-code": ["stable-code:3b-code", "stabilityai/stable-code-3b"],
    "granite": [
        "granite-code:8b",
        "ibm-granite/granite-8b-code-base-4k",
        "granite-3.3-8b-base",
        "granite3.3:2b",
    ],
    "granite4": ["granite4:micro", "granite4", "ibm-granite/granite-4.0-h-tiny", "granite4:350m-h"],
    "codegemma": [
        "codegemma:7b-code",
        "codegemma:2b",
        "google/codegemma-1.1-2b",
        "codegemma-7b.i1-Q4_K_M.gguf",
    ],
    "codestral": [
        "codestral:latest",
        "Codestral-22B-v0.1",
        "openrouter/mistralai/codestral-2501",
        "codestral-latest",
    ],
    "seed-coder": ["seed-coder", "ByteDance-Seed/Seed-Coder-8B-Base"],
    "mellum": ["mellum-4b", "JetBrains/Mellum-4b-base", "Mellum-4b-sft-python"],
    "codegeex4": ["codegeex4", "THUDM/codegeex4-all-9b", "codegeex4-all-9b.Q4_K_M.gguf"],
    "glm": ["glm-4.5", "zai-org/GLM-4.5-Air", "glm-4.6"],
}

CHAT = [
    *(
        "llama3:8b",
        "llama3.1:8b-instruct-q8_0",
        "meta-llama_Llama-3-8B",
        "gpt-4o",
        "gpt-3.5-turbo",
        "o1-mini",
    ),
    *("claude-3-5-sonnet-latest", "gemma3", "gemma3:270m", "mistral:7b", "mistral-small:24b", "deepseek-r1"),
    *(
        "deepseek-r1-distill-qwen-7b",
        "deepseek-chat",
        "deepseek-v3.1",
        "qwen2.5:7b",
        "qwen3:8b",
        "glm-4-9b-chat",
    ),
    *("yi-coder", "yi-coder:9b-chat", "phind-codellama", "Phind-CodeLlama-34B-v2", "codellama:34b-instruct"),
    *("deepseek-coder:6.7b-instruct", "codegemma:7b-instruct", "codegemma-7b-it", "starcoder2:instruct"),
    *("CodeQwen1.5-7B-Chat", "stable-code-instruct-3b", "Seed-Coder-8B-Instruct", "codestral-mamba"),
    *("someone/unheard-of-7b-instruct", "granite3.1-dense:8b", "gpt-oss:20b"),
]

NOTHING = {
    "yi-coder:9b-base": "neither fills the middle nor follows instructions",
    "llama3:8b-text": "neither fills the middle",
    "codellama:34b-code": "34B",
    "CodeLlama-7b-Python-hf": "Python",
    "nomic-embed-text": "embeddings",
    "bge-m3": "embeddings",
    "my-own-model": "no FIM template is known",
    "": "no FIM template is known",
    "gguf": "no FIM template is known",
    "solaris": "no FIM template is known",
}


@pytest.mark.parametrize(("family", "model"), [(f, m) for f, models in RAW.items() for m in models])
def test_raw_by_name(family: str, model: str) -> None:
    choice = choose(model, "automatic")
    assert (choice.kind, choice.family and choice.family.name) == (Kind.RAW, family)
    assert choice.reason


def test_every_family_is_in_the_table_of_names() -> None:
    assert RAW.keys() == {family.name for family in table().families}


@pytest.mark.parametrize("model", CHAT)
def test_asked_in_words(model: str) -> None:
    choice = choose(model, "automatic")
    assert (choice.kind, choice.family) == (Kind.CHAT, None)
    assert choice.reason


@pytest.mark.parametrize("model", NOTHING)
def test_no_guess(model: str) -> None:
    choice = choose(model, "automatic")
    assert choice.kind is Kind.NONE
    assert NOTHING[model] in choice.reason
    assert "completion.fimTemplate" in choice.reason


def test_an_unknown_model_is_left_to_a_server_with_a_route_of_its_own() -> None:
    assert choose("my-own-model", "automatic", native_route=True).kind is Kind.NATIVE
    assert choose("my-own-instruct", "automatic", native_route=True).kind is Kind.NATIVE
    no_tokens = ModelFacts("my-own-model", insert=False)
    assert choose("my-own-model", "automatic", no_tokens, native_route=True).kind is Kind.NONE
    assert choose("llama3:8b", "automatic", native_route=True).kind is Kind.CHAT
    assert choose("qwen2.5-coder", "automatic", native_route=True).kind is Kind.RAW


OLLAMA_QWEN = "{{- if .Suffix }}<|fim_prefix|>{{ .Prompt }}<|fim_suffix|>{{ .Suffix }}<|fim_middle|>{{ end }}"
OLLAMA_STAR = "<fim_prefix>{{ .Prompt }}<fim_suffix>{{ .Suffix }}<fim_middle>"
OLLAMA_CODESTRAL = "[SUFFIX]{{ .Suffix }}[PREFIX] {{ .Prompt }}"
OLLAMA_CHAT = "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>{{ end }}"


@pytest.mark.parametrize(
    ("model", "facts", "kind", "family", "repository"),
    [
        # The server's template settles it; the name decides between families that share tokens.
        ("mine", ModelFacts("mine", insert=True, template=OLLAMA_QWEN), Kind.RAW, "qwen", False),
        ("mine", ModelFacts("mine", insert=True, template=OLLAMA_STAR), Kind.RAW, "starcoder2", False),
        ("mine", ModelFacts("mine", insert=True, template=OLLAMA_CODESTRAL), Kind.RAW, "codestral", True),
        ("codegemma:7b", ModelFacts("", insert=True, template=OLLAMA_QWEN), Kind.RAW, "codegemma", True),
        ("mellum", ModelFacts("", insert=True, template=OLLAMA_STAR), Kind.RAW, "mellum", True),
        ("llama3-fim", ModelFacts("", insert=True, template=OLLAMA_QWEN), Kind.RAW, "qwen", False),
        # It can insert, but with tokens nobody knows.
        ("mine", ModelFacts("mine", insert=True, template="<A>{{ .Suffix }}"), Kind.NATIVE, None, True),
        ("qwen2.5-coder", ModelFacts("", insert=True), Kind.NATIVE, "qwen", True),
        # llama.cpp would send Mellum's parts in the wrong order.
        ("mellum", ModelFacts("", insert=True), Kind.RAW, "mellum", True),
        # It cannot insert by itself, but the name is known: asked raw all the same.
        ("qwen2.5-coder", ModelFacts("", insert=False, template=OLLAMA_CHAT), Kind.RAW, "qwen", True),
        # The name does not say it, but the template does: these are the instruct models.
        ("codegemma:7b", ModelFacts("", insert=False, template=OLLAMA_CHAT), Kind.CHAT, None, True),
        (
            "deepseek-coder:6.7b",
            ModelFacts("", insert=False, template="### Instruction"),
            Kind.CHAT,
            None,
            True,
        ),
        (
            "deepseek-coder:6.7b",
            ModelFacts("", insert=False, template="{{ .Prompt }}"),
            Kind.RAW,
            "deepseek",
            True,
        ),
        (
            "deepseek-coder:1b-base",
            ModelFacts("", insert=False, template=OLLAMA_CHAT),
            Kind.RAW,
            "deepseek",
            True,
        ),
        ("mine", ModelFacts("mine", insert=False, template=OLLAMA_CHAT), Kind.CHAT, None, True),
        ("mine", ModelFacts("mine", insert=False, capabilities=("tools",)), Kind.CHAT, None, True),
        ("mine", ModelFacts("mine", insert=False, template="{{ .Prompt }}"), Kind.NONE, None, True),
        # llama.cpp takes any name, and tells the file's.
        ("x", ModelFacts("/m/starcoder2-3b.Q4_0.gguf"), Kind.RAW, "starcoder2", True),
    ],
)
def test_what_the_server_says_comes_first(
    model: str, facts: ModelFacts, kind: Kind, family: str | None, repository: bool
) -> None:
    choice = choose(model, "automatic", facts)
    got = (choice.kind, choice.family.name if choice.family else None, choice.repository)
    assert got == (kind, family, repository)


def test_settings_override_everything() -> None:
    facts = ModelFacts("x", insert=True, template=OLLAMA_QWEN)
    for family in table().families:
        choice = choose("llama3", family.name, facts, native_route=True)
        assert (choice.kind, choice.family) == (Kind.RAW, family)
    assert choose("qwen2.5-coder", "native").kind is Kind.NATIVE
    assert choose("qwen2.5-coder", "CHAT").kind is Kind.CHAT
    custom = choose("qwen2.5-coder", "custom-template")
    assert (custom.kind, custom.custom) == (Kind.RAW, True)
    assert custom.family is table().named("qwen")
    assert choose("x", " CodeLlama ").family is table().named("codellama")
    assert choose("x", "llama").family is table().named("codellama")
    assert choose("qwen2.5-coder", "").kind is Kind.RAW


def test_a_setting_that_contradicts_the_name_is_said_so() -> None:
    assert "belongs to qwen" in choose("qwen2.5-coder:7b", "codeqwen").reason
    assert "belongs" not in choose("qwen2.5-coder:7b", "qwen").reason


def test_an_unknown_setting_names_the_known_ones() -> None:
    choice = choose("qwen2.5-coder", "qwern")
    assert choice.kind is Kind.NONE
    assert "'qwern'" in choice.reason
    for name in names():
        assert name in choice.reason


@pytest.mark.parametrize(
    ("model", "stem", "words"),
    [
        ("qwen2.5-coder:7b-base", "qwen2.5-coder", {"7b", "base"}),
        ("org/Name-1.5B-Instruct-GGUF", "name", {"instruct", "1.5b"}),
        ("granite-20b-code-base-8k", "granite-code", {"20b", "base"}),
        ("a/b/Model.fp16.gguf", "model", set()),
        ("mixtral-8x7b-v0.1.Q2_K.gguf", "mixtral-v0.1", set()),
        ("name:latest", "name", {"latest"}),
    ],
)
def test_names_are_normalised(model: str, stem: str, words: set[str]) -> None:
    read = model_name(model)
    assert read.stems[0] == stem
    assert words <= read.words


def test_reading_names_never_fails() -> None:
    for odd in (
        "",
        ":",
        "/",
        "///",
        ":::",
        "_",
        "__",
        "\\",
        "😋",
        "-" * 500,
        "q4_k_m",
        ".gguf",
        "a" * 10_000,
    ):
        assert membership(odd) == membership(odd)
        assert choose(odd, "automatic").reason


def test_the_tables_are_sound() -> None:
    folder = templates_directory()
    used = {"families.toml", "chat-fim.hbs", "chat-fim-system.hbs"}
    for family in table().families:
        used |= {family.template, family.repository, family.spm, family.spm_repository} - {""}
        text = built_in(family.template).literal()
        places = [text.find(token) for token in family.fim]
        assert places == sorted(places), family.name
        assert -1 not in places
        assert family.suffix_first == ("suffix" in family.fim[0].lower()), family.name
        assert set(family.fim) <= set(family.stop), family.name
        assert family.source
        assert family.note
        for token in (*family.special, *table().common):
            assert re.fullmatch(r"[<\[].*[>\]]", token), f"{family.name}: {token}"
    assert {path.name for path in folder.iterdir()} == used


def test_missing_templates_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalogue, "_PACKAGE", tmp_path / "twinny_lsp")
    with pytest.raises(TemplateError, match="install twinny-lsp again"):
        templates_directory()


def test_template_files_are_read_as_text_files() -> None:
    assert template_text(b"\xef\xbb\xbf<MID>\r\n", "x") == "<MID>"
    assert template_text(b"a\n\n", "x") == "a\n"
    with pytest.raises(TemplateError) as refused:
        template_text(b"a\nb\xff", "fim.hbs")
    assert (refused.value.path, refused.value.line) == ("fim.hbs", 2)
