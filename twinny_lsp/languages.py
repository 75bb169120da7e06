"""The one table of languages: their ids and aliases, their comments, their files.

Editors name the same language differently (VS Code `shellscript`, Neovim `sh`, Helix `bash`, Emacs `sh` or
`bash-ts`). Everything behind the LSP layer and the settings uses the canonical id: the one of the
LSP specification where it has one. Not for grammars, and not for how a model likes to hear a language named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

PLAIN = "plaintext"


@dataclass(frozen=True, slots=True)
class Language:
    """`line` starts a comment to the line's end ("" for none); `block` are an opener and a closer, or None.

    `indented`: indentation, not brackets or words, says where a block ends. `aliases` and `files` are
    separated by blanks; a file is an extension (with its dots) or a whole name.
    """

    id: str
    line: str = ""
    block: tuple[str, str] | None = None
    aliases: str = ""
    files: str = ""
    indented: bool = False


_C = ("/*", "*/")
_HTML = ("<!--", "-->")
_LISP = ("#|", "|#")
_ML = ("(*", "*)")
_DASH = ("{-", "-}")

LANGUAGES: tuple[Language, ...] = (
    Language("abap", '"', None, "", ".abap"),
    Language("ada", "--", None, "", ".ada .adb .ads"),
    Language("agda", "--", _DASH, "agda2", ".agda", indented=True),
    Language("apex", "//", _C, "apexcode", ".cls .trigger"),
    Language("applescript", "--", _ML, "", ".applescript"),
    Language("asciidoc", "//", None, "adoc asciidoctor", ".adoc .asciidoc"),
    Language("asm", ";", None, "assembly nasm masm gas asm-collection", ".asm .s .nasm"),
    Language("astro", "", _HTML, "", ".astro"),
    Language("awk", "#", None, "gawk", ".awk"),
    Language("bat", "rem", None, "batch dosbatch cmd bat-batch", ".bat .cmd"),
    Language("bibtex", "%", None, "bib", ".bib"),
    Language("bicep", "//", _C, "bicep-params", ".bicep .bicepparam"),
    Language("c", "//", _C, "h", ".c .h"),
    Language("clojure", ";", None, "clj cljs clojurescript clojurec edn", ".clj .cljs .cljc .edn .bb"),
    Language("cmake", "#", ("#[[", "]]"), "", ".cmake CMakeLists.txt"),
    Language("cobol", "*>", None, "", ".cbl .cob .cobol"),
    Language("coffeescript", "#", ("###", "###"), "coffee", ".coffee Cakefile", indented=True),
    Language("conf", "#", None, "config conf-unix conf-space conf-colon nginx", ".conf"),
    Language(
        "cpp", "//", _C, "c++ cc cxx arduino hpp c-or-c++", ".cpp .cc .cxx .c++ .hpp .hh .hxx .ipp .tpp .ino"
    ),
    Language("crystal", "#", None, "cr", ".cr"),
    Language("csharp", "//", _C, "cs c# c-sharp csharp-tree-sitter csx", ".cs .csx"),
    Language("css", "", _C, "postcss pcss", ".css .pcss .postcss"),
    Language("cuda", "//", _C, "cuda-cpp cu", ".cu .cuh"),
    Language("cue", "//", None, "cuelang", ".cue"),
    Language("cypher", "//", _C, "", ".cypher .cql"),
    Language("d", "//", _C, "dlang", ".d .di"),
    Language("dart", "//", _C, "flutter", ".dart"),
    Language("dhall", "--", _DASH, "", ".dhall"),
    Language("diff", "", None, "patch", ".diff .patch"),
    Language(
        "dockerfile", "#", None, "docker containerfile", ".dockerfile .containerfile Dockerfile Containerfile"
    ),
    Language("dotenv", "#", None, "env", ".env"),
    Language("ejs", "", ("<%#", "%>"), "", ".ejs"),
    Language("elixir", "#", None, "ex exs eelixir", ".ex .exs mix.lock"),
    Language("elm", "--", _DASH, "", ".elm", indented=True),
    Language("emacs-lisp", ";", None, "elisp emacslisp lisp-interaction", ".el .emacs"),
    Language("erb", "", ("<%#", "%>"), "eruby html-erb", ".erb .rhtml"),
    Language("erlang", "%", None, "erl", ".erl .hrl .escript rebar.config"),
    Language("fennel", ";", None, "fnl", ".fnl"),
    Language("fish", "#", None, "fish-shell", ".fish"),
    Language("fortran", "!", None, "f90 fortran-modern fortran_free-form", ".f90 .f95 .f03 .f08 .f .for"),
    Language("fsharp", "//", _ML, "f# fs fsx", ".fs .fsi .fsx", indented=True),
    Language("gdscript", "#", None, "gd gdscript3", ".gd", indented=True),
    Language("git-commit", "#", None, "gitcommit", "COMMIT_EDITMSG MERGE_MSG"),
    Language("git-rebase", "#", None, "gitrebase", "git-rebase-todo"),
    Language("gleam", "//", None, "", ".gleam"),
    Language("glsl", "//", _C, "vert frag shader", ".glsl .vert .frag .comp .geom"),
    Language("go", "//", _C, "golang", ".go"),
    Language("go.mod", "//", None, "gomod go-mod go-dot-mod go.work gowork go-work", "go.mod go.work"),
    Language("graphql", "#", None, "gql", ".graphql .gql .graphqls"),
    Language("groovy", "//", _C, "gradle jenkinsfile", ".groovy .gradle .gvy Jenkinsfile"),
    Language("haml", "-#", None, "", ".haml", indented=True),
    Language("handlebars", "", ("{{!--", "--}}"), "hbs mustache html.handlebars glimmer", ".hbs .handlebars"),
    Language("haskell", "--", _DASH, "hs lhaskell literate-haskell", ".hs .hsc", indented=True),
    Language("haxe", "//", _C, "hx", ".hx"),
    Language("hlsl", "//", _C, "", ".hlsl .fx"),
    Language("html", "", _HTML, "htm xhtml mhtml web html5", ".html .htm .xhtml"),
    Language("idris", "--", _DASH, "idris2", ".idr", indented=True),
    Language("ini", ";", None, "dosini conf-windows editorconfig", ".ini .cfg .editorconfig"),
    Language("java", "//", _C, "", ".java .jav"),
    Language("javascript", "//", _C, "js mjs cjs js2 js3 node ecma ecmascript", ".js .mjs .cjs .es6"),
    Language("javascriptreact", "//", _C, "jsx javascript.jsx javascript-jsx rjsx js-jsx js2-jsx", ".jsx"),
    Language("jinja", "", ("{#", "#}"), "jinja2 jinja-html htmldjango django-html twig", ".j2 .jinja .twig"),
    Language("json", "", None, "js-json jsonl json-lines geojson", ".json .jsonl .geojson .webmanifest"),
    Language("jsonc", "//", _C, "json5 json-with-comments", ".jsonc .json5 .code-workspace tsconfig.json"),
    Language("jsonnet", "//", _C, "libsonnet", ".jsonnet .libsonnet"),
    Language("julia", "#", ("#=", "=#"), "jl", ".jl"),
    Language("just", "#", None, "justfile", ".just justfile"),
    Language("kotlin", "//", _C, "kt kts", ".kt .kts"),
    Language("latex", "%", None, "latex2e context plaintex-latex luatex", ".tex .sty .ltx .latex"),
    Language("lean", "--", ("/-", "-/"), "lean4", ".lean", indented=True),
    Language("less", "//", _C, "less-css", ".less"),
    Language("liquid", "", None, "", ".liquid"),
    Language("lisp", ";", _LISP, "common-lisp commonlisp cl", ".lisp .lsp .cl .asd"),
    Language("lua", "--", ("--[[", "]]"), "luau teal", ".lua .luau .rockspec"),
    Language("makefile", "#", None, "make automake makefile-gmake makefile-bsdmake", ".mk .mak Makefile"),
    Language("markdown", "", _HTML, "md gfm rmd rmarkdown quarto pandoc vimwiki", ".md .markdown .rmd .qmd"),
    Language("matlab", "%", ("%{", "%}"), "octave objc-matlab", ".matlab .mlx"),
    Language("mdx", "", ("{/*", "*/}"), "", ".mdx"),
    Language("meson", "#", None, "", "meson.build meson_options.txt meson.options"),
    Language("mojo", "#", None, "", ".mojo", indented=True),
    Language("nim", "#", ("#[", "]#"), "nimscript", ".nim .nims .nimble", indented=True),
    Language("nix", "#", _C, "", ".nix"),
    Language("nushell", "#", None, "nu", ".nu"),
    Language("objective-c", "//", _C, "objc objectivec obj-c", ".m"),
    Language("objective-cpp", "//", _C, "objcpp objectivecpp objective-c++ obj-c++ objc++", ".mm"),
    Language("ocaml", "", _ML, "ml ocaml.interface ocaml-interface ocaml.ocamllex tuareg caml", ".ml .mli"),
    Language("odin", "//", _C, "", ".odin"),
    Language("org", "#", None, "orgmode", ".org"),
    Language("pascal", "//", ("{", "}"), "delphi objectpascal opascal", ".pas .pp .dpr .lpr"),
    Language("perl", "#", None, "pl cperl perl5", ".pl .pm .t .psgi"),
    Language("php", "//", _C, "phtml blade", ".php .phtml .php5"),
    Language(PLAIN, "", None, "text txt plain fundamental prog help log", ".txt .text .log"),
    Language("powershell", "#", ("<#", "#>"), "ps1 pwsh", ".ps1 .psm1 .psd1"),
    Language("prisma", "//", None, "", ".prisma"),
    Language("prolog", "%", _C, "swipl", ".pro .prolog"),
    Language("properties", "#", None, "java-properties jproperties conf-javaprop", ".properties"),
    Language("proto", "//", _C, "protobuf proto3 proto2", ".proto"),
    Language("pug", "//-", None, "jade", ".pug .jade", indented=True),
    Language("puppet", "#", None, "", ".puppet"),
    Language("purescript", "--", _DASH, "purs", ".purs", indented=True),
    Language(
        "python", "#", None, "py py3 python3 pyi cython ipython sage", ".py .pyi .pyw .pyx", indented=True
    ),
    Language("qml", "//", _C, "qmljs", ".qml"),
    Language("r", "#", None, "ess-r rscript splus", ".r .rprofile"),
    Language("racket", ";", _LISP, "rkt", ".rkt"),
    Language("raku", "#", None, "perl6 rakulang", ".raku .rakumod .p6"),
    Language("razor", "", ("@*", "*@"), "cshtml aspnetcorerazor blazor", ".cshtml .razor"),
    Language("rego", "#", None, "opa", ".rego"),
    Language("rescript", "//", _C, "res reason reasonml", ".res .resi"),
    Language("restructuredtext", "", None, "rst", ".rst"),
    Language("roc", "#", None, "", ".roc", indented=True),
    Language("ron", "//", _C, "", ".ron"),
    Language("ruby", "#", None, "rb enh-ruby rake", ".rb .rake .gemspec .ru Gemfile Rakefile Vagrantfile"),
    Language("rust", "//", _C, "rs rustic", ".rs"),
    Language("sass", "//", _C, "sass-indented", ".sass", indented=True),
    Language("scala", "//", _C, "sbt", ".scala .sbt .sc"),
    Language("scheme", ";", _LISP, "scm guile chicken", ".scm .ss .sld"),
    Language("scss", "//", _C, "", ".scss"),
    Language(
        "shellscript",
        "#",
        None,
        "sh bash zsh ksh dash shell shell-script sh-bash bats",
        ".sh .bash .zsh .ksh .bats .bashrc .zshrc .profile .bash_profile .zshenv PKGBUILD",
    ),
    Language("slim", "/", None, "", ".slim", indented=True),
    Language("sml", "", _ML, "standard-ml standardml", ".sml .sig"),
    Language("solidity", "//", _C, "sol", ".sol"),
    Language("sql", "--", _C, "mysql plsql pgsql postgres postgresql sqlite tsql", ".sql .psql .ddl"),
    Language(
        "starlark", "#", None, "bzl bazel bazel-build tiltfile", ".bzl .bazel .star BUILD", indented=True
    ),
    Language("stylus", "//", _C, "", ".styl", indented=True),
    Language("svelte", "", _HTML, "", ".svelte"),
    Language("swift", "//", _C, "", ".swift"),
    Language("systemverilog", "//", _C, "sv", ".sv .svh"),
    Language("tcl", "#", None, "expect", ".tcl .exp"),
    Language("terraform", "#", _C, "tf hcl terraform-vars tfvars opentofu", ".tf .tfvars .hcl .tofu"),
    Language("tex", "%", None, "plaintex plain-tex", ".dtx"),
    Language("thrift", "//", _C, "", ".thrift"),
    Language("toml", "#", None, "conf-toml", ".toml Cargo.lock poetry.lock uv.lock Pipfile"),
    Language("typescript", "//", _C, "ts mts cts typescript-mts", ".ts .mts .cts"),
    Language("typescriptreact", "//", _C, "tsx typescript.tsx typescript-tsx typescript-react rtsx", ".tsx"),
    Language("typst", "//", _C, "typ", ".typ"),
    Language("v", "//", _C, "vlang", ".vv .vsh"),
    Language("vala", "//", _C, "", ".vala .vapi"),
    Language("vb", "'", None, "vbnet vb.net visual-basic vbscript vba basic", ".vb .vbs .bas"),
    Language("verilog", "//", _C, "", ".v .vh"),
    Language("vhdl", "--", None, "", ".vhd .vhdl"),
    Language("vim", '"', None, "viml vimscript vimrc", ".vim .vimrc .gvimrc"),
    Language("vue", "", _HTML, "vue-html vuejs", ".vue"),
    Language("wgsl", "//", _C, "", ".wgsl"),
    Language("wolfram", "", _ML, "mathematica wl", ".wl .wls .nb"),
    Language(
        "xml", "", _HTML, "nxml xsl xslt xsd svg plist", ".xml .xsl .xslt .xsd .svg .plist .csproj .fsproj"
    ),
    Language(
        "yaml",
        "#",
        None,
        "yml yaml.docker-compose dockercompose docker-compose yaml.ansible ansible helm "
        "yaml.gitlab github-actions-workflow openapi",
        ".yaml .yml .clang-format",
        indented=True,
    ),
    Language("zig", "//", None, "ziglang", ".zig .zon"),
)

_BY_ID = {language.id: language for language in LANGUAGES}
_ALIASES = {alias: language.id for language in LANGUAGES for alias in language.aliases.split()}
_FILES = {
    (name if name.isupper() else name.lower()): language.id
    for language in LANGUAGES
    for name in language.files.split()
}
_INTERPRETERS = {
    "node": "javascript",
    "deno": "typescript",
    "ts-node": "typescript",
    "osascript": "applescript",
}

_JAVA = ((re.compile(r"\\(?=u+000[aAdD])"), "/"),)  # Java reads \u000a as a line end before it sees comments

# What must not stand inside a comment of the language with this opener or id, and what stands there instead.
_UNSAFE: dict[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    "/*": ((re.compile(r"\*/"), "* /"), (re.compile(r"/\*"), "/ *")),
    "{/*": ((re.compile(r"\*/"), "* /"), (re.compile(r"/\*"), "/ *")),
    "<!--": ((re.compile(r"-(?=-)"), "- "),),
    "(*": (
        # These comments nest, and OCaml reads strings inside them.
        (re.compile(r"\(\*"), "( *"),
        (re.compile(r"\*\)"), "* )"),
        (re.compile(r'"'), "'"),
        (re.compile(r"(\{[^|{}]*)\|"), r"\1 |"),
    ),
    "{{!--": ((re.compile(r"\}(?=\})"), "} "),),
    "{#": ((re.compile(r"#\}"), "# }"),),
    "@*": ((re.compile(r"\*@"), "* @"),),
    "<%#": ((re.compile(r"%>"), "% >"),),
    "java": _JAVA,
    "groovy": _JAVA,
    "scala": _JAVA,
    "php": ((re.compile(r"\?>"), "? >"),),  # ends PHP even inside a line comment
    "tcl": ((re.compile(r"\{"), "("), (re.compile(r"\}"), ")")),  # counts braces in comments too
}
# Some languages end a line, and so a line comment, at these as well (JavaScript: U+2028; C#: NEL).
_LINE_END = re.compile(r"\r\n|\r|\n")
"""As LSP has it."""
_SEPARATORS = re.compile("[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")


def canonical(language_id: str) -> str:
    """This program's id for what an editor or a person calls a language.

    Emacs' `-mode` and `-ts-mode` endings and Vim's dotted types (`yaml.ansible`) are understood. An id
    nobody knows comes back in lower case, so that settings for it still work; "" is plaintext.
    """
    name = language_id.strip().lower()
    for ending in ("-mode", "-ts"):
        name = name.removesuffix(ending)
    while name not in _BY_ID:
        if name in _ALIASES:
            return _ALIASES[name]
        if "." not in name.strip("."):
            return name or PLAIN
        shorter = name.rpartition(".")[0]
        if canonical(shorter) not in _BY_ID:
            return name
        name = shorter
    return name


def language(language_id: str) -> Language:
    """The table's row for an id or alias; a row without comments for an id that nobody knows."""
    name = canonical(language_id)
    return _BY_ID.get(name) or Language(name)


def language_from_path(path: str, first_line: str = "") -> str:
    """The canonical id for a file, from its name and, if that says nothing, from its `#!` line. No I/O."""
    name = re.split(r"[/\\]", path)[-1]
    for key in (name, name.lower()):
        if key in _FILES:
            return _FILES[key]
    lower = name.lower()
    dots = [at for at, char in enumerate(lower) if char == "."]
    for at in dots:  # the longest ending first
        if lower[at:] in _FILES:
            return _FILES[lower[at:]]
    for at in reversed(dots):  # Dockerfile.dev, .env.local
        if lower[:at] in _FILES and not lower[:at].startswith("."):
            return _FILES[lower[:at]]
    if lower.startswith(".env."):
        return "dotenv"
    return _from_interpreter(first_line)


def _from_interpreter(first_line: str) -> str:
    match = re.match(r"#!\s*(?:\S*/)?(?:env\s+(?:-\S+\s+)*)?(?:\S*/)?([A-Za-z+-]+)", first_line)
    if match is None:
        return PLAIN
    name = match.group(1).lower()
    known = _INTERPRETERS.get(name) or canonical(name)
    return known if known in _BY_ID else PLAIN


def comment(lines: Iterable[str], language_id: str) -> str:
    """Every line as a comment of the language, each ended by `\\n`; "" if it has no comments.

    Whatever the lines hold, the result is comments only: a closer, a line end, a continuation mark inside
    them is made harmless (and so changed). Lines may have terminators, or be several lines.
    """
    row = language(language_id)
    if not row.line and row.block is None:
        return ""
    opener = "" if row.line or row.block is None else row.block[0]
    unsafe = _UNSAFE.get(opener or row.id, ())
    parts: list[str] = []
    for text in lines:
        pieces = _LINE_END.split(text)
        if len(pieces) > 1 and not pieces[-1]:
            pieces.pop()
        parts.extend(_comment_line(row, piece, unsafe) for piece in pieces)
    return "".join(parts)


def _comment_line(row: Language, text: str, unsafe: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    text = _SEPARATORS.sub(" ", text).rstrip()
    for pattern, instead in unsafe:
        text = pattern.sub(instead, text)
    if row.line:
        # These at the end of a line comment draw the next line into it (C, make, Tcl; batch; Basic).
        guard = f" {row.line}" if text.endswith(("\\", "^", " _")) else ""
        return f"{row.line} {text}{guard}\n" if text else f"{row.line}\n"
    opener, closer = row.block or ("", "")
    return f"{opener} {text} {closer}\n" if text else f"{opener} {closer}\n"
