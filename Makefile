# The commands of this repository. `make` alone lists them; nox has sessions of the same names.
#
#   PYTHON  the interpreter that environments are made with (3.11 to 3.14)
#   VENV    the environment of all but the demo, which has one of its own

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo test install lint format unit functional integration test-federation \
        federation federation-down bench docs changelog clean

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest $(PYTEST_ARGS)
# The outer rings wait more than they work: two files at a time, each with hosts of its own.
AT_ONCE ?= 2
BESIDE := -n $(AT_ONCE) --dist loadfile
# Daemons and hosts on a small machine are late at times: what fails there is tried once more, from
# nothing and alone, and both runs are printed.
ONCE_MORE = || { echo; echo "What failed is tried once more:"; $(PYTEST) --last-failed $(1); }

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo:  ## a throw-away federation with made-up data: consolidate, change, consolidate again
	@$(PYTHON) -m tests.support.demo

test: lint  ## lint, then all rings of tests, cheap ones first
	$(PYTEST) tests/unit tests/functional
	$(PYTEST) $(BESIDE) tests/integration $(call ONCE_MORE,tests/integration)
	$(PYTEST) $(BESIDE) tests/federation $(call ONCE_MORE,tests/federation)

install: $(INSTALLED)  ## the environment of tests and linters

$(INSTALLED): pyproject.toml setup.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[salt,tests,lint]'
	@$(BIN)/salt --version
	@touch $@

lint: $(INSTALLED)  ## ruff, mypy, the contracts between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(INSTALLED)  ## what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

unit: $(INSTALLED)  ## the domain packages, without Salt
	$(PYTEST) tests/unit

functional: $(INSTALLED)  ## Salt's loader, without daemons
	$(PYTEST) tests/functional

integration: $(INSTALLED)  ## a real master and real minions on loopback
	$(PYTEST) tests/integration

test-federation: $(INSTALLED)  ## hosts of their own, with Docker; needs root
	$(PYTEST) tests/federation

federation: $(INSTALLED)  ## bring up hosts of their own: [WORKERS=3] [KEYCLOAK=1] [SETTLE=2]
	$(BIN)/python -m tests.support.bed up --workers $(WORKERS) \
	    $(if $(KEYCLOAK),--keycloak) $(if $(SETTLE),--settle $(SETTLE))

federation-down: $(INSTALLED)  ## take them away
	$(BIN)/python -m tests.support.bed down

bench: $(INSTALLED)  ## measure on this machine: [BENCH="consolidate scan"]
	$(BIN)/python -m benchmarks $(BENCH)

docs: $(INSTALLED)  ## make the reference pages, and check the manual against the code
	$(BIN)/python docs/make_reference.py
	$(PYTEST) tests/unit/test_docs.py

changelog: $(INSTALLED)  ## show what the next release's entry would be
	$(BIN)/python -m pip install --quiet '.[docs]'
	$(BIN)/towncrier build --draft

clean:  ## remove what the commands above made
	rm -rf $(VENV) .demo .bench build dist
