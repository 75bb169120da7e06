"""`python -m twinny_lsp` is the `twinny-lsp` command."""

from twinny_lsp.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
