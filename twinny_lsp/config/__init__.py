"""Settings: what people write, how sources are merged, and the complete form the program reads."""
