"""The command line: thin commands over the rooms below. No logic of its own beyond printing."""
