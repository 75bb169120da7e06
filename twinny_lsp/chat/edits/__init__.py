"""From a model's answer to an exact edit, or a clear no. Pure: no I/O, no LSP."""
