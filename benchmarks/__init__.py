"""Where the README's figures come from; each compares within one run."""
