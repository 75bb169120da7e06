"""The pictures of README and docs/, taken from real editors: `python -m tools.pictures neovim`.

One module an editor, with `take(folder)`: it writes its pictures there, with the editor's name in front.
No name takes all.
"""
