# What CI runs, in parts. .ci/run holds the same commands; tests/test_habits.py compares them.
# `make setup` first, or another environment: make check BIN=path/to/bin
BIN := .venv/bin

# Killed runs, full disks, mutated command lines, damaged files, hostile frames: some 40 minutes. CI
# runs a tenth of it.
TORTURE :=
.PHONY: help setup check test torture docs coverage dist

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup:  ## make .venv with all that developing takes
	python3 -m venv .venv
	$(BIN)/pip install -e '.[dev,docs]'

check:  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test:  ## all tests
	$(BIN)/pytest

torture:  ## do to gridseval what users' machines do, at random; TORTURE='--only lines'
	$(BIN)/python tests/torture $(TORTURE)

docs:  ## build the documentation; a warning is an error
	$(BIN)/mkdocs build --strict

# Rooms that need no simulator. docs/developing/tests.md names what this leaves out.
coverage:  ## measure coverage of the fast rooms
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -m "not slow" tests/suites tests/results tests/wire tests/tokens tests/policies
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

dist:  ## build the distributions for a release, and check them
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
