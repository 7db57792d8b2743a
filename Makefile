# Every target builds .venv first, out of the locks; nothing needs to be activated.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test check installation conformance bundle agents soak mutants bench lock docs \
	format clean FORCE

# The caller's shell decides where packages come from, not what is installed nor how it runs.
SOURCES := INDEX_URL EXTRA_INDEX_URL NO_INDEX FIND_LINKS TRUSTED_HOST CERT CLIENT_CERT PROXY \
	KEYRING_PROVIDER TIMEOUT DEFAULT_TIMEOUT RETRIES CACHE_DIR NO_CACHE_DIR CONFIG_FILE
unexport VIRTUAL_ENV CONDA_PREFIX $(filter-out PYTHON,$(filter PYTHON%,$(.VARIABLES)))
unexport $(filter-out $(SOURCES:%=PIP_%),$(filter PIP_%,$(.VARIABLES)))
unexport $(filter-out UV_INDEX% UV_DEFAULT_INDEX UV_CACHE_DIR,$(filter UV_%,$(.VARIABLES)))
export PYTHONNOUSERSITE := 1
ifneq ($(filter C POSIX,$(LC_ALL)),)
# Python would read no path with letters beyond ASCII.
unexport LC_ALL
export LC_CTYPE := C.UTF-8
endif
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_USER := 0

PYTHON_CANDIDATES := $(or $(PYTHON),python3.11 python3 python3.12 python3.13)
VENV := .venv
PY := $(VENV)/bin/python
RUNS := $(VENV)/.runs
STAMP := $(VENV)/.develops
CODE := $(wildcard src tests benchmarks examples tools)

# The first stamp holds the folder it was made in: a copied or moved .venv is made again.
STAMPED_IN := $(shell cat $(RUNS) 2>/dev/null)
quoted = '$(subst ','\'',$(1))'
ifneq ($(STAMPED_IN),$(CURDIR))
STALE := FORCE
endif
# So is one of another interpreter than PYTHON, where that is given.
BASE = 'import sys; print(sys.base_prefix, *sys.version_info[:2])'
ifneq ($(PYTHON),)
ifneq ($(shell $(call quoted,$(PYTHON)) -c $(BASE) 2>/dev/null),$(shell $(PY) -c $(BASE) 2>/dev/null))
STALE := FORCE
OTHER := yes
endif
endif

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(RUNS) ## Take an example feature through its phases
	$(PY) examples/demo.py

test: $(STAMP) ## Run the tests (PYTEST_ARGS='-n0 tests/unit' and the like)
	$(PY) -m pytest $(PYTEST_ARGS)

check: $(STAMP) ## Check the code as CI does: format, lint, types, layers, docs, tests, coverage
	$(PY) -m ruff format --check $(CODE)
	$(PY) -m ruff check $(CODE)
	$(PY) -m mypy $(CODE)
	$(VENV)/bin/lint-imports
	if test -f tools/generate_docs.py; then $(PY) -m tools.generate_docs --check; fi
	$(PY) -m coverage erase
	$(PY) -m pytest --cov --cov-report=
	$(PY) -m coverage report --fail-under=95
	$(PY) -m coverage report --include='src/cde_orchestrator/domain/*' --fail-under=100

# Also needs Python 3.11, 3.12 and 3.13, and the index.
installation: $(STAMP) ## Prove that it installs: clone, wheel, lowest and newest versions
	$(PY) -m tools.installation

# Needs the npm registry and the index the first time; what it installs is kept in a cache.
conformance: $(STAMP) ## Run the protocol's own suites and its inspector against the server
	$(PY) -m tools.conformance

# Needs the same, and what it installs is kept in the same cache.
bundle: $(STAMP) ## Build the MCPB bundle in dist/, and prove that it starts
	$(PY) -m tools.bundle

# So does this; CDE_AGENTS=claude-code,codex names programs.
agents: $(STAMP) ## Drive real agent programs through features, by a scripted model
	$(PY) -m tools.agents

# Each soak takes a new seed; the one that a failure names replays it.
soak: SEED := $(or $(CDE_SIMULATION_SEED),$(shell date +%s))
soak: $(STAMP) ## Try every fault, every crash and many random values, which takes long
	CDE_SIMULATION_SOAK=1 CDE_SIMULATION_SEED=$(SEED) \
		$(PY) -m pytest --timeout=0 -m 'soak or hypothesis' $(PYTEST_ARGS)

mutants: $(STAMP) ## Try whether tests notice small faults (MUTANTS_SEED=2 MUTANTS_SAMPLE=40)
	$(PY) -m tools.mutants

# Needs npm the first time, for the programs that it compares with; CDE_BENCH_QUICK=1 for a short pass.
bench: $(STAMP) ## Measure every figure of docs/performance.md, together with its yardstick
	$(PY) -m benchmarks

# Needs no working lock: the resolver comes by itself when .venv has none.
# LOCK_FLAGS=--upgrade takes the newest versions; without it the pins that still fit stay.
COMPILE = $(VENV)/bin/uv pip compile pyproject.toml --python $(PY) --python-version 3.11 --universal \
	--generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links --no-annotate \
	--custom-compile-command 'make lock' --quiet
LOCKED = sed -n 's/^\([a-z0-9-][a-z0-9-]*\).*==.*/--$(1) \1/p' requirements.lock
lock: $(PY) ## Resolve both locks again (LOCK_FLAGS=--upgrade for newer versions)
	test -x $(VENV)/bin/uv || $(PY) -m pip install uv
	$(COMPILE) $(LOCK_FLAGS) --group build --output-file requirements.lock
	$(COMPILE) $(LOCK_FLAGS) --group dev --constraint requirements.lock \
		$$($(call LOCKED,no-emit-package)) --output-file requirements-dev.lock
	$(MAKE) --no-print-directory test PYTEST_ARGS='-n0 tests/unit/test_locks.py'

docs: $(STAMP) ## Write the pages that come from the code
	$(PY) -m tools.generate_docs

format: $(STAMP) ## Format the code, and fix what ruff can fix
	$(PY) -m ruff check --fix-only $(CODE)
	$(PY) -m ruff format $(CODE)

clean: ## Remove caches and build results (.venv stays)
	rm -rf .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache \
		.ruff_cache build dist htmlcov
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# An interpreter counts when it runs, is 3.11 or later and can make environments.
# Debian ships venv apart, and a version manager's shim may stand for nothing.
$(PY):
	@for python in $(PYTHON_CANDIDATES); do \
		if "$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' \
			2>/dev/null; then \
			echo "$$python -m venv $(VENV)"; \
			exec "$$python" -m venv --clear $(VENV); \
		fi; \
	done; \
	echo 'CDE Orchestrator needs Python 3.11 or later with its venv module: install it' \
		'(on Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3' >&2; \
	exit 1

$(RUNS): pyproject.toml requirements.lock $(STALE)
	@if test -n $(call quoted,$(STAMPED_IN)) && \
		test $(call quoted,$(STAMPED_IN)) != $(call quoted,$(CURDIR)); then rm -rf $(VENV); fi
	@if test -n '$(OTHER)' || ! $(PY) -m pip --version >/dev/null 2>&1 || \
		! $(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		rm -rf $(VENV); \
		$(MAKE) --no-print-directory $(PY); \
	fi
	@$(PY) tools/install.py requirements.lock
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@printf '%s\n' $(call quoted,$(CURDIR)) > $@

$(STAMP): requirements-dev.lock $(RUNS)
	@$(PY) tools/install.py requirements-dev.lock
	@touch $@

FORCE:
