"""What a real editor's user feels of our server: `python -m benchmarks.editors neovim`.

One module for each editor, with `measure()`: the figures of ten seconds of typing (`tests.editors.keys`), and
of the menu of a second language server (pyright) with and without ours beside it, in one run.
No name runs all.
"""
