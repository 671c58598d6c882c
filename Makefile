# Two commands do everything: `make run` and `make test`. Both set up what they need; a second run starts at once.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Tests mostly wait: for clocks, processes, readers. More of them run at once than there are cores.
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help run demo test lint unit bench peers restarts hostile picture schema clean

help: ## Say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1	\2/' | expand -t 16

run: $(VENV)/.ready ## Set up, then poll and serve the sources of feeds.yaml
	@exec $(BIN)/aggregator run

demo: $(VENV)/.ready ## Set up, then show the whole product with no network
	@exec $(BIN)/aggregator demo

test: lint unit ## Set up, then run every check

lint: $(VENV)/.ready-dev ## Style, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.house.sizes

unit: $(VENV)/.ready-dev ## All tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

bench: $(VENV)/.ready-bench ## Measure against a peer in one run, and print the table
	$(BIN)/python -m bench

peers: $(VENV)/.ready-bench ## Poll the cases of tests/conformance with other readers, and print the table
	$(BIN)/python -m tests.conformance.peers

restarts: $(VENV)/.ready-dev ## Kill a daemon with 1,000 sources five times, and count who is asked twice
	LONG=1 $(BIN)/python -m pytest tests/daemon/test_kills.py -k five_times -rP

hostile: $(VENV)/.ready-dev ## Full rounds of hostile input, kills, full disks and damage, with their figures
	LONG=1 $(BIN)/python -m pytest tests/hostile -rP

picture: $(VENV)/.ready-dev ## Take the pictures of the README anew, from the demo in Chromium
	$(BIN)/python -m tests.browser.picture

schema: $(VENV)/.ready-dev ## Write feeds.schema.json anew, from the model of feeds.yaml
	$(BIN)/python -c "from pathlib import Path; from aggregator.config.jsonschema import write; write(Path())"

clean: ## Remove what the set-up made; data stays
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis artifacts

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; this is " + sys.version.split()[0] + ". Name one: make PYTHON=/path/to/python3.11 run")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.ready

$(VENV)/.ready-bench: $(VENV)/.ready-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	@touch $@
