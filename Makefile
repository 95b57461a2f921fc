# Every command that a developer needs; `make help` lists them.
SHELL := /bin/sh
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Lab scenarios that run at the same time; each takes a cluster of its own.
JOBS ?= 3
SOURCES := __main__.py components provider etcd_cluster dev tests

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/installed: requirements.txt requirements-dev.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install it, or say where it is with PYTHON=/path"; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@echo "Installing the Python packages into $(VENV); the first time this takes minutes"
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

.PHONY: install
install: $(VENV)/installed ## Make the virtual environment

.PHONY: up
up: install ## Start a lab of three hosts and a cluster on them; safe to run again
	@$(BIN)/python -m dev.sandbox up

.PHONY: down
down: install ## Destroy that cluster and its hosts
	@$(BIN)/python -m dev.sandbox down

.PHONY: env
env: install ## Print the variables for working on the lab's stack by hand: eval "$(make -s env)"
	@$(BIN)/python -m dev.toolchain env

.PHONY: format
format: install ## Format the code
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

.PHONY: lint
lint: install ## Check format, style, shell and words
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/python -m dev.shell_lint
	@$(BIN)/python -m dev.words

.PHONY: types
types: install ## Check the types
	@$(BIN)/mypy

.PHONY: test-unit
test-unit: install ## Run the tests that need no lab; takes minutes
	@$(BIN)/pytest tests/unit tests/model tests/program -q -n 2 -m "not long"

.PHONY: test
test: lint types test-unit ## Run all tests but the slow tier; what cannot run here is named at the end
	@$(BIN)/python -m dev.testing --jobs $(JOBS) -- -m "lab and not long"

.PHONY: test-long
test-long: install ## Run what of the slow tier has not passed on this commit, and write a report; SHARD=2/4 runs a part
	@$(BIN)/python -m dev.slow_tier --jobs $(JOBS) --shard "$(SHARD)"

.PHONY: bench
bench: install ## Measure against the same work by hand, side by side
	@$(BIN)/python -m dev.bench.by_hand --write

.PHONY: clean
clean: ## Remove what the tests and the virtual environment left in this checkout
	@rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis
