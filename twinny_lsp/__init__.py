"""Code completion and chat from the user's own models, for any editor that speaks LSP."""

__version__ = "0.1.0"
