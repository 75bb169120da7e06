# twinny-lsp in Kakoune through kakoune-lsp 18 or later, beside the language's own server. In your kakrc:
#
#     eval %sh{kak-lsp}
#     source /path/to/twinny-lsp.kak
#     lsp-enable
#
# It adds to the servers that kakoune-lsp has for a file type by itself. These must be installed: kakoune-lsp starts
# none of a list when one is missing. Where you set `lsp_servers` with hooks of your own, add the table there.
# In insert mode the menu opens by itself; <c-n> chooses.

hook -group twinny-lsp global User \
    LSPDefaultConfig=(?:c|cpp|css|elixir|go|haskell|html|java|javascript|json|kotlin|latex|lua|markdown|nix|ocaml|php|python|ruby|rust|scala|scss|sh|sql|swift|toml|typescript|yaml|zig) %{
    set-option -add buffer lsp_servers %{
        [twinny-lsp]
        root_globs = [".git", ".hg"]
        settings_section = "twinny-lsp"
        [twinny-lsp.settings.twinny-lsp]
        # The settings of docs/configuration.md, for example:
        # completion.model = "qwen2.5-coder:1.5b-base"
    }
}
