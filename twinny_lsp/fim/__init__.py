"""Fill-in-the-middle prompts: model families, templates and their guard, token budget."""
