"""Tests against real programs too large for every run; `python -m tools.live NAME` runs them."""
