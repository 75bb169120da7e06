"""Typing again what was cut from real files, beside a model that knows them: what a person at the keys
sees."""
