# Needs Python 3.11 or newer, nothing else. `make search` sets up what runs, `make test` what tests need as well.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
DEV := $(VENV)/.ready-dev
COMPILE = $(PY) -m uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --quiet --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help setup dev search paper chaos table docs bench test quick check lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## Make .venv with what runs (nothing to do while lock and pyproject stay the same)

dev: $(DEV)  ## The same with what tests, checks and builds the documentation

search: $(READY)  ## Run the main job: search the Fire design space on digits, show its front
	$(PY) -m explorer.search +space=fire_micro

paper: $(READY)  ## Hold the SqueezeNet paper against this program: printed, counted, measured (paper.html)
	$(PY) -m explorer.paper

chaos: $(READY)  ## Kill a search of 40 trials 50 times; its result must be that of an undisturbed one (docs/chaos.md)
	$(PY) -m benchmarks.chaos --output docs/chaos.md

table: $(READY)  ## Train the learning-curve tables of the two Fire grids, or go on with them (four hours on two cores)
	$(PY) -m benchmarks.table
	$(PY) -m benchmarks.table +space=fire_small_grid --whole

docs: $(DEV)  ## Make the site of docs/ (build/site/index.html): tutorial, how-to, reference, explanation
	$(PY) docs/make.py

bench: $(DEV)  ## Measure every ratio that is promised and put the table into docs/performance.md (a quarter of an hour)
	$(PY) -m benchmarks --output docs/performance.md

test: $(DEV)  ## Run every test, in two processes (those that search use two cores themselves)
	$(PY) -m pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder

quick: $(DEV)  ## Run the tests that train nothing and take less than a second each
	$(PY) -m pytest -m "not slow and not browser and not cluster and not postgres" --numprocesses 2 --dist loadgroup

check: $(DEV)  ## Lint, formatting, types, import contracts
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

lock: | $(PY)  ## Write both locks anew from pyproject.toml, keeping the versions that still fit
	$(PY) -m pip install --quiet uv
	$(COMPILE) --extra editable --output-file requirements.lock
	$(COMPILE) --extra dev --constraints requirements.lock --output-file requirements-dev.lock

clean:  ## Remove .venv, caches and builds; results (study.db, mlflow.db, runs/) stay
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find explorer tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# A lock is complete and has a hash for every file. The project itself is installed without network: hatchling and
# editables come from the lock too.
$(READY): requirements.lock pyproject.toml | $(PY)
	$(call install,requirements.lock)
	@touch $@

$(DEV): requirements-dev.lock pyproject.toml | $(PY)
	$(call install,requirements-dev.lock)
	@touch $(READY) $@

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "error: '$(PYTHON)' is no Python 3.11 or newer; name one that is: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "error: '$(PYTHON) -m venv' failed; on Debian: apt-get install python3-venv" >&2; exit 1; }

# A torch that .venv has already and pyproject.toml allows is kept, with its torchvision, unless a set-up put it there
# (.venv/.torch says so).
FITS = import sys, tomllib, torch; from pip._vendor.packaging.requirements import Requirement; \
	needed = map(Requirement, tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]); \
	sys.exit(not any(one.name == "torch" and torch.__version__ in one.specifier for one in needed))
PIP = $(PY) -m pip install --quiet --disable-pip-version-check --no-deps

define install
	@if [ ! -e $(VENV)/.torch ] && $(PY) -c '$(FITS)' 2>/dev/null; then \
		echo "keeping the torch of $(VENV)"; kept='torch|torchvision|triton|nvidia-.*|cuda-.*'; \
	else touch $(VENV)/.torch; kept=; fi; \
	awk -v kept="^($$kept)==" '/^[a-z0-9]/ { wanted = $$0 !~ kept } wanted' $(1) > $(VENV)/wanted.txt
	$(PIP) --require-hashes --requirement $(VENV)/wanted.txt
	$(PIP) --no-build-isolation --editable .
endef
