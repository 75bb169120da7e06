"""Getting models for the embedded provider: where from, how, and onto the disk whole."""
