"""The completion engine: from a cursor to the text that should stand there."""
