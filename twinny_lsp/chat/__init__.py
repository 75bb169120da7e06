"""Conversations with a model: messages, streaming, prompts."""
