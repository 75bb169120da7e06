"""The table of languages: aliases, files, and comments that nothing inside can end."""

from __future__ import annotations

import re

import pytest

from twinny_lsp.documents.text import split_lines
from twinny_lsp.languages import LANGUAGES, canonical, comment, language, language_from_path

WITH_COMMENTS = [row.id for row in LANGUAGES if row.line or row.block]


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        *(
            ("sh", "shellscript"),
            ("bash", "shellscript"),
            ("zsh", "shellscript"),
            ("bash-ts-mode", "shellscript"),
        ),
        *(("tsx", "typescriptreact"), ("typescript.tsx", "typescriptreact"), ("jsx", "javascriptreact")),
        *(("javascript.jsx", "javascriptreact"), ("tsx-ts-mode", "typescriptreact"), ("js", "javascript")),
        *(
            ("c++", "cpp"),
            ("c++-mode", "cpp"),
            ("c++-ts-mode", "cpp"),
            ("cs", "csharp"),
            ("c-sharp", "csharp"),
        ),
        *(
            ("py", "python"),
            ("python-ts", "python"),
            ("rs", "rust"),
            ("golang", "go"),
            ("objc", "objective-c"),
        ),
        *(
            ("objcpp", "objective-cpp"),
            ("text", "plaintext"),
            ("fundamental-mode", "plaintext"),
            ("", "plaintext"),
        ),
        *(
            ("make", "makefile"),
            ("makefile-gmake", "makefile"),
            ("Dockerfile", "dockerfile"),
            ("gfm", "markdown"),
        ),
        *(("yaml.ansible", "yaml"), ("yaml.docker-compose", "yaml"), ("hcl", "terraform"), ("vimrc", "vim")),
        *(
            ("ocaml.interface", "ocaml"),
            ("go.mod", "go.mod"),
            ("gomod", "go.mod"),
            ("emacs-lisp", "emacs-lisp"),
        ),
        *(("jade", "pug"), ("perl6", "raku"), ("html.mustache", "html"), ("LaTeX-mode", "latex"), ("R", "r")),
        *(("made-up", "made-up"), ("Made.Up", "made.up"), (" Python ", "python"), (".", ".")),
    ],
)
def test_what_editors_send_is_understood(sent: str, known: str) -> None:
    assert canonical(sent) == known


def test_the_table_has_no_name_twice() -> None:
    names = [row.id for row in LANGUAGES] + [alias for row in LANGUAGES for alias in row.aliases.split()]
    assert sorted(names) == sorted(set(names))
    files = [name for row in LANGUAGES for name in row.files.split()]
    assert sorted(files) == sorted(set(files))


def test_every_name_leads_to_its_row_and_every_id_to_itself() -> None:
    for row in LANGUAGES:
        assert canonical(row.id) == row.id
        for alias in row.aliases.split():
            assert canonical(alias) == row.id
        for name in row.files.split():
            assert language_from_path(name if name[0] != "." else f"dir/file{name}") == row.id


def test_at_least_45_languages_have_comments() -> None:
    assert len(WITH_COMMENTS) >= 45
    wanted = (
        "dart zig elixir haskell vue svelte markdown toml dockerfile makefile nix terraform julia clojure"
    )
    assert set(wanted.split()) <= set(WITH_COMMENTS)


def test_indentation_says_where_a_block_ends_in_some() -> None:
    assert language("py").indented
    assert language("yml").indented
    assert not language("go").indented
    assert not language("never heard of").indented


@pytest.mark.parametrize(
    ("path", "first_line", "known"),
    [
        ("src/a.py", "", "python"),
        ("C:\\src\\A.TSX", "", "typescriptreact"),
        ("dir.py/README", "", "plaintext"),
        ("Dockerfile.dev", "", "dockerfile"),
        ("a/CMakeLists.txt", "", "cmake"),
        ("a/Makefile", "", "makefile"),
        ("a/makefile", "", "makefile"),
        ("BUILD", "", "starlark"),
        ("build", "", "plaintext"),
        (".env.local", "", "dotenv"),
        (".bashrc", "", "shellscript"),
        ("types.d.ts", "", "typescript"),
        ("a.unknown", "", "plaintext"),
        ("", "", "plaintext"),
        ("run", "#!/usr/bin/env python3.11\n", "python"),
        ("run", "#!/bin/sh -e", "shellscript"),
        ("run", "#!/usr/bin/env -S node --x", "javascript"),
        ("run", "#!/opt/strange", "plaintext"),
        ("run.rb", "#!/bin/sh", "ruby"),
    ],
)
def test_a_file_has_the_language_of_its_name_or_its_interpreter(
    path: str, first_line: str, known: str
) -> None:
    assert language_from_path(path, first_line) == known


@pytest.mark.parametrize(
    ("language_id", "result"),
    [
        ("python", "# a\n#\n# b\n"),
        ("typescript", "// a\n//\n// b\n"),
        ("lua", "-- a\n--\n-- b\n"),
        ("css", "/* a */\n/* */\n/* b */\n"),
        ("html", "<!-- a -->\n<!-- -->\n<!-- b -->\n"),
        ("ocaml", "(* a *)\n(* *)\n(* b *)\n"),
        ("json", ""),
        ("plaintext", ""),
        ("never heard of", ""),
    ],
)
def test_every_line_is_a_comment(language_id: str, result: str) -> None:
    assert comment(["a", "", "b"], language_id) == result


def test_lines_may_have_terminators_or_be_several() -> None:
    assert comment(["a\r\n", "b\rc\n", "d\n\ne"], "python") == "# a\n# b\n# c\n# d\n#\n# e\n"
    assert comment([], "python") == ""


NASTY = (
    *(
        "*/ x",
        "**//* x",
        "-->",
        "--!>",
        "---->",
        "*) (* x",
        "(*)",
        "--}}",
        "}}}",
        "#}",
        "*@",
        "%>",
        "?>",
        "*/}",
        "]]",
    ),
    *("ends in \\", "ends in ^", "ends in _", "\\u000a x", "\\uu000D x", '"', "{|", "{id|", "}", "{{", "-"),
    *("a\u2028x", "a\x85x", "a\fx", "a\vx", "a\x1cx", "\ud83d"),
)


@pytest.mark.parametrize("language_id", WITH_COMMENTS)
def test_nothing_inside_ends_a_comment(language_id: str) -> None:
    row = language(language_id)
    for nasty in NASTY:
        result = comment([nasty], language_id)
        line, end = split_lines(result)
        assert end == ""
        assert not re.search("[\v\f\x1c-\x1e\x85\u2028\u2029]", line)
        if row.line:
            assert line.startswith(row.line)
            assert not re.search(r"(\\|\^| _)\n$", line)
            continue
        assert row.block is not None
        opener, closer = row.block
        assert line.startswith(f"{opener} ")
        assert line.endswith(f" {closer}\n")
        inside = line[len(opener) : -len(closer) - 1]
        assert closer not in inside
        assert opener not in inside


@pytest.mark.parametrize(
    ("language_id", "text", "forbidden"),
    [
        ("html", "a--b---c--!>", "--"),
        ("ocaml", 'let s = "(*" in {x|"|x}', '"'),
        ("php", "a ?> b", "?>"),
        ("java", "\\u000a System.exit(0)", "\\u000a"),
        ("tcl", "proc {a} {", "{"),
        ("handlebars", "{{a}}}", "}}"),
        ("mdx", "/* a */", "*/"),
    ],
)
def test_what_a_language_reads_even_in_comments_is_made_harmless(
    language_id: str, text: str, forbidden: str
) -> None:
    row = language(language_id)
    inside = comment([text], language_id).strip("\n")
    if row.block and not row.line:
        inside = inside[len(row.block[0]) : -len(row.block[1])]
    assert forbidden not in inside
