"""Grammars, where they are installed: what a syntax tree of a window tells that the text alone does not."""
