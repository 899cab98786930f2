# Everything from a bare checkout: Python >= 3.11, make and a package index are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= runs/digits

.DEFAULT_GOAL := help
.PHONY: help install run test test-all lint bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "eyecraft needs Python >= 3.11; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Strict editable mode links the files one by one, so that mypy and editors can follow `eyecraft.*`;
# a new file appears after installing again, which is why every target comes through here.
install: $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@rm -rf build
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e . --config-settings editable_mode=strict --group dev

run: install ## compare features on the embedded digits, no network, and write a report (OUT=folder)
	$(BIN)/eyecraft compare digits --folds 5 --out $(OUT)

lint: install ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint ## lint, type-check and test
	$(BIN)/python -m pytest
	$(BIN)/python -m pytest --doctest-modules --pyargs eyecraft --durations=3

test-all: lint ## everything, the slow tests too
	$(BIN)/python -m pytest -m 'slow or not slow'
	$(BIN)/python -m pytest --doctest-modules --pyargs eyecraft

bench: install ## ours against peers, as ratios measured in one process
	for script in benchmarks/bench_*.py benchmarks/false_alarms.py; do $(BIN)/python $$script || exit 1; done

clean: ## remove the environment, build output and caches
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
