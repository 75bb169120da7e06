"""Model servers for tests that really compute: llama.cpp itself, and stand-ins in front of it."""
