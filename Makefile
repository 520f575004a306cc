# make run        install into .venv, then train, evaluate and report with the defaults
# make test       install into .venv, then run the test suite
# make test-slow  the tests that take minutes
# make .venv      only install
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: run test test-slow lint
run: .venv
	$(BIN)/python run.py

test: .venv
	$(BIN)/python -m pytest -m "not slow" -n auto --maxprocesses 4 --dist loadfile

test-slow: .venv
	$(BIN)/python -m pytest -m slow

lint: .venv
	$(BIN)/ruff check .

.venv: .venv/installed
.PHONY: .venv

.venv/installed: pyproject.toml requirements.txt
	test -n "$(PYTHON)" || { echo "no Python found: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@
