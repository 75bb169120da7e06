# Two commands matter: `make try` shows a completion, `make test` checks everything but real editors and programs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: try test check test-editors live docs pictures clean

try: $(VENV)/.embedded
	@$(BIN)/python -m twinny_lsp try

test: $(VENV)/.dev
	$(BIN)/python -m tools.check

check: test

# In real editors, unpacked into .cache/editors/; nothing is installed on the machine.
test-editors: $(VENV)/.dev
	$(BIN)/python -m tools.check editors

# Against real programs, each fetched once into .cache/: `openwebui` takes 7 GB, so it is not among these.
live: $(VENV)/.dev
	$(BIN)/python -m tools.live llamacpp
	$(BIN)/python -m tools.live litellm

docs: $(VENV)/.dev
	$(BIN)/python -m tools.docs

# What the README and docs/ show, from the real editors.
pictures: $(VENV)/.dev
	$(BIN)/python -m tools.pictures

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.embedded: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 -e '.[embedded]'
	@touch $@

$(VENV)/.dev: pyproject.toml tests/requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 -r tests/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e '.[embedded]'
	@touch $@ $(VENV)/.embedded

clean:
	rm -rf $(VENV) .cache dist .mypy_cache .ruff_cache .pytest_cache
