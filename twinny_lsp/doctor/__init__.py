"""Finding out how things stand on this machine and saying what to do next, for `doctor` and its command."""
