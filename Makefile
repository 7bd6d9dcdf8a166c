# `make run` shows the whole way once; `make test` proves the project. Neither needs any set-up.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check unit servers lab reference conformance bench clean

run: $(VENV)/.installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/first-run.sh

test: $(VENV)/.tested-with check unit

# Format, lint, types, layers, sizes, and that the reference is that of the code.
check: $(VENV)/.tested-with
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_sizes.py
	$(BIN)/python tools/write_reference.py --check

# Unit tests, doctests, laws, the documentation executed, and the tests against real servers.
unit: $(VENV)/.tested-with
	$(BIN)/python -m pytest -n 2 -q -rs

# A pretend internet of real servers to play with, as root: it says how. Ctrl-C ends all of it.
lab: $(VENV)/.tested-with
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/maildns lab up --fault all

# Written anew from the code: the reference pages, and the pictures of the README.
reference: $(VENV)/.tested-with
	$(BIN)/python tools/write_reference.py
	$(BIN)/python tools/make_picture.py

# How many cases are met of the suites that others wrote, and of the RFCs' own examples.
conformance: $(VENV)/.tested-with
	$(BIN)/python tools/conformance.py

# Speeds, each as a ratio to a peer or a limit in the same run.
bench: $(VENV)/.tested-with
	@missed=0; for each in benchmarks/*.py; do \
	    echo "== $$each"; $(BIN)/python $$each || missed=1; \
	done; exit $$missed

$(VENV)/.installed: requirements.txt pyproject.toml tools/set_up.sh
	sh tools/set_up.sh $(VENV) requirements.txt
	@touch $@

$(VENV)/.tested-with: $(VENV)/.installed requirements-dev.txt
	sh tools/set_up.sh $(VENV) requirements-dev.txt
	sh tools/debian_packages.sh
	@touch $@

clean:
	rm -rf $(VENV) first-run .mypy_cache .ruff_cache .hypothesis .import_linter_cache
