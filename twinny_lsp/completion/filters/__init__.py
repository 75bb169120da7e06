"""Pure functions that repair or drop what a model wrote, one per file, in a fixed order."""
