# twinny-lsp in Kakoune through kakoune-lsp (kak-lsp), beside the language's own server: source this in your kakrc,
# below the line that loads kakoune-lsp and above `lsp-enable`.
#
# In insert mode the completion menu opens by itself; <c-n> chooses.

hook -group twinny-lsp global BufSetOption \
    filetype=(?:c|cpp|css|elixir|go|haskell|html|java|javascript|json|kotlin|latex|lua|markdown|nix|ocaml|php|python|ruby|rust|scala|scss|sh|sql|swift|toml|typescript|yaml|zig) %{
    set-option -add buffer lsp_servers %{
        [twinny-lsp]
        root_globs = [".git", ".hg"]
        settings_section = "twinny-lsp"
        [twinny-lsp.settings.twinny-lsp]
        # The settings of docs/configuration.md, for example:
        # completion.model = "qwen2.5-coder:1.5b-base"
    }
}
