"""A commit message from the staged changes: what is shown to the model, and what its answer comes to."""
