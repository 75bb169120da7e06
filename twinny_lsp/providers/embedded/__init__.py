"""llama.cpp in a child process, shared by all editors of a user: the model in the package, or pulled ones."""
