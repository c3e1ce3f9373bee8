# make demo    see it work, from nothing, in minutes
# make quick   run the tests that are not slow: every room, two minutes
# make test    run all tests
# make check   what a change must pass: format, lint, types, import floors, tests
# Each makes the virtual environment .venv first. Nothing but Python 3.11+ and make is needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo quick test check lint clean

demo: $(VENV)/ready
	$(BIN)/hifisyn_demo --overwrite

quick: $(VENV)/ready
	$(BIN)/python -m pytest -m "not slow"

test: $(VENV)/ready
	$(BIN)/python -m pytest

check: lint test

lint: $(VENV)/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict hifisyn
	$(BIN)/mypy tests
	$(BIN)/python -m pytest -q tests/test_import_floors.py

$(VENV)/ready: pyproject.toml setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info hifisyn_demo
