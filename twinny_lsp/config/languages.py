"""The one table of language ids and their other names: editors disagree on what a shell script is called.

Only names; what is known of a language's syntax is with those who use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_OTHER_NAMES = {
    "shellscript": "sh bash zsh ksh dash shell shell-script ebuild",
    "javascript": "js mjs cjs js2 js-ts",
    "javascriptreact": "jsx javascript.jsx rjsx",
    "typescript": "ts mts cts typescript-ts",
    "typescriptreact": "tsx typescript.tsx tsx-ts",
    "python": "py python3 python-ts",
    "csharp": "cs c# c-sharp csharp-ts",
    "fsharp": "fs f# f-sharp",
    "cpp": "c++ cxx cc c++-ts",
    "c": "c-ts",
    "objective-c": "objc objectivec",
    "objective-cpp": "objcpp objective-c++ objectivecpp",
    "go": "golang go-ts",
    "rust": "rs rust-ts rustic",
    "ruby": "rb ruby-ts enh-ruby",
    "java": "java-ts",
    "kotlin": "kt kts",
    "perl": "pl cperl",
    "perl6": "raku",
    "markdown": "md gfm pandoc quarto rmd mdx",
    "plaintext": "text txt plain",
    "git-commit": "gitcommit scminput",
    "git-rebase": "gitrebase",
    "yaml": "yml yaml-ts",
    "json": "json-ts",
    "jsonc": "json5 json-with-comments",
    "toml": "toml-ts",
    "html": "htm xhtml mhtml",
    "latex": "tex plaintex context",
    "makefile": "make gnumakefile",
    "dockerfile": "docker containerfile dockerfile-ts",
    "terraform": "hcl tf terraform-vars opentofu",
    "vim": "viml vimscript vimrc",
    "elisp": "emacs-lisp lisp-interaction",
    "lisp": "commonlisp common-lisp",
    "powershell": "ps1 pwsh",
    "bat": "batch dosbatch cmd",
    "haskell": "hs",
    "elixir": "ex exs",
    "erlang": "erl",
    "ocaml": "ml tuareg caml",
    "proto": "protobuf proto3",
    "restructuredtext": "rst rest",
    "coffeescript": "coffee",
    "handlebars": "hbs glimmer html.handlebars",
    "jinja": "jinja2 htmldjango django-html jinja-html",
    "r": "rlang ess-r",
    "matlab": "octave",
    "sql": "mysql pgsql plsql sqlite",
    "verilog": "systemverilog",
}

LANGUAGE_IDS: Mapping[str, str] = MappingProxyType(
    {other: name for name, others in _OTHER_NAMES.items() for other in others.split()}
)
"""Other name → the name LSP gives it (or, where LSP has none, the name VS Code's users know)."""


def canonical(language_id: str) -> str:
    """The one name of a language, whatever an editor or a person calls it; unknown ones in lower case."""
    name = language_id.strip().lower()
    return LANGUAGE_IDS.get(name, name)
