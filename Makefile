# The commands of this repository. `make` alone lists them; nox has sessions of the same names.
#
#   PYTHON  the interpreter that environments are made with (3.11 to 3.14)
#   VENV    the environment of all but the demo, which has one of its own

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 3
MUTATE ?= data generations swarm keycloak controller
SAMPLE ?= 8

.DEFAULT_GOAL := help
.PHONY: help demo try test install lint format unit functional integration test-federation \
        soak federation federation-down bench mutation docs site changelog clean

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SITE_TOOLS := $(VENV)/.site
PYTEST := $(BIN)/python -m pytest $(PYTEST_ARGS)
# Two processes of pytest at once, each with daemons and hosts of its own; a file stays in one.
AT_ONCE ?= 2
BESIDE := -n $(AT_ONCE) --dist loadfile
# Tests on hosts of their own wait more than they compute; tests/federation/conftest.py orders them.
BEDS_AT_ONCE ?= 3
BEDS_BESIDE := -n $(BEDS_AT_ONCE) --dist loadfile --no-loadscope-reorder
# Each run leaves here how long it took, and the last one shows all (tests/support/ring.py).
export MIP_TESTS_TOOK ?= $(CURDIR)/.cache/took

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo:  ## a throw-away federation with made-up data: consolidate, change, consolidate again
	@$(PYTHON) -m tests.support.demo

try:  ## a throw-away federation, and a shell in which to type mip (the manual's Quickstart)
	@$(PYTHON) -m tests.support.demo playground

test: install  ## lint and all tests that need no root, cheap ones first
	@rm -f $(MIP_TESTS_TOOK); mkdir -p $(dir $(MIP_TESTS_TOOK))
	@begin=$$(date +%s); $(MAKE) --no-print-directory lint && \
	    printf '%6d s  lint\n' $$(($$(date +%s) - begin)) >> $(MIP_TESTS_TOOK)
	$(PYTEST) $(BESIDE) tests/unit tests/functional
	$(PYTEST) $(BESIDE) tests/integration

install: $(INSTALLED)  ## the environment of tests and linters

$(INSTALLED): pyproject.toml setup.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[salt,tests,lint]'
	@$(BIN)/salt --version
	@touch $@

lint: $(INSTALLED)  ## ruff, mypy, the contracts between packages, the vocabulary
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/check_words.py

format: $(INSTALLED)  ## what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

unit: $(INSTALLED)  ## the domain packages, without Salt
	$(PYTEST) tests/unit

functional: $(INSTALLED)  ## Salt's loader, without daemons
	$(PYTEST) tests/functional

integration: $(INSTALLED)  ## a real master and real minions on loopback
	$(PYTEST) $(BESIDE) tests/integration

test-federation: $(INSTALLED)  ## hosts of their own, with Docker; needs root, else left out
	@if ! reason=$$($(BIN)/python -m tests.support.bed check 2>&1); then \
	    echo "tests/federation is left out: $$reason"; exit 0; fi; \
	set -x; $(PYTEST) $(BEDS_BESIDE) tests/federation

soak: $(INSTALLED)  ## what gains by running long: chance and faults, for an hour; needs root
	MIP_SOAK=1 $(PYTEST) --timeout 7200 tests/unit
	MIP_SOAK=1 $(PYTEST) --timeout 7200 tests/integration/test_follow.py tests/integration/test_busy.py
	MIP_SOAK=1 $(PYTEST) tests/federation/test_nemesis.py
	MIP_SOAK=1 $(PYTEST) tests/federation/test_engine_clock.py

federation: $(INSTALLED)  ## bring up hosts of their own: [WORKERS=3] [KEYCLOAK=1] [SETTLE=2] [ENGINE_CLOCK=20]
	$(BIN)/python -m tests.support.bed up --workers $(WORKERS) \
	    $(if $(KEYCLOAK),--keycloak) $(if $(SETTLE),--settle $(SETTLE)) \
	    $(if $(ENGINE_CLOCK),--clock $(ENGINE_CLOCK))

federation-down: $(INSTALLED)  ## take them away
	$(BIN)/python -m tests.support.bed down

bench: $(INSTALLED)  ## measure on this machine: [BENCH="consolidate scan"]
	$(BIN)/python -m benchmarks $(BENCH)

mutation: $(INSTALLED)  ## mistakes that no unit test notices: [MUTATE="generations controller"] [SAMPLE=8] [SEED=1]
	$(BIN)/python -m pip install --quiet --editable '.[mutation]'
	$(BIN)/python tools/mutation.py $(MUTATE) --sample $(SAMPLE) $(if $(SEED),--seed $(SEED))

docs: $(INSTALLED)  ## make the reference pages, check the manual against the code, build its site
	$(BIN)/python docs/make_reference.py
	$(PYTEST) tests/unit/test_docs.py
	@$(MAKE) --no-print-directory site

site: $(SITE_TOOLS)  ## the manual as a site, in build/site; warnings are errors
	$(BIN)/sphinx-build -q -n -W --keep-going -b html -d build/doctrees docs build/site
	@echo build/site/index.html

# what the site needs, and no more: Salt is not among it
$(SITE_TOOLS): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

changelog: $(SITE_TOOLS)  ## show what the next release's entry would be
	$(BIN)/towncrier build --draft

clean:  ## remove what the commands above made
	rm -rf $(VENV) .demo .bench .cache build dist
