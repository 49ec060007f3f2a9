# Elsewhere: `make serve` starts it, `make test` checks it, `make help` lists the rest.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
CLIENTS_STAMP := .clients/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check

# The first of these that is new enough makes the environment; PYTHON= names another.
PYTHON ?= python3.11 python3.12 python3.13 python3.14 python3 python

# The quick tests run side by side, a file in one process, each process with one thread; there is
# one process more than cores (tests/conftest.py), as many tests wait for servers and browsers.
SIDE_BY_SIDE = -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
SLOWEST = --durations 10

FLAGS = $(if $(SEED),--seed '$(SEED)') $(if $(CACHE),--cache '$(CACHE)')

.DEFAULT_GOAL := help
.PHONY: help install install-dev serve test soak clients lint audit bench clean

help: ## Show this list
	@echo "make TARGET [PORT=8000] [HOST=127.0.0.1] [SEED=0] [CACHE=DIR] [PYTHON=python3.12]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
	  awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

install: $(STAMP) ## Make .venv with the pinned dependencies

install-dev: $(DEV_STAMP) ## The same with what the tests and checks need

serve: $(STAMP) ## Serve the generated Earth (PORT= HOST= SEED= CACHE=)
	@exec $(BIN)/elsewhere serve $(if $(PORT),--port '$(PORT)') $(if $(HOST),--host '$(HOST)') $(FLAGS)

test: $(DEV_STAMP) ## Run the quick tests (ARGS= goes to pytest)
	@OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -m 'not slow' $(SIDE_BY_SIDE) $(SLOWEST) $(ARGS)

soak: $(DEV_STAMP) ## Run the slow tests: kills, damage, load (an hour), and print what they saw
	@$(BIN)/python -m pytest -m slow -raP $(SLOWEST) $(ARGS)

clients: $(CLIENTS_STAMP) ## Run QGIS, GDAL, OWSLib and the web maps against a server (npm, 600 MB)
	@$(BIN)/python -m tests.clientstable

lint: $(DEV_STAMP) ## Run ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict generator tileserver training experiments

audit: $(STAMP) ## Look the pinned dependencies up among known vulnerabilities (pip-audit, network)
	@test -x .audit/bin/pip-audit || { $(BIN)/python -m venv .audit && \
	  .audit/bin/python -m pip --disable-pip-version-check install --quiet pip-audit; }
	@.audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

bench: $(STAMP) ## Measure cold and warm tiles on this machine (ARGS=--quick)
	@$(BIN)/elsewhere bench $(ARGS)
	@$(BIN)/python -m experiments.serving $(ARGS)

clean: ## Remove .venv and what the tools left behind (the tile cache stays)
	rm -rf $(VENV) .audit .clients build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(STAMP): pyproject.toml constraints.txt
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  for python in $(PYTHON); do \
	    command -v "$$python" >/dev/null 2>&1 || continue; \
	    version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) \
	      || continue; \
	    seen="$$seen $$python is $$version;"; \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue; \
	    "$$python" -c 'import venv, ensurepip' 2>/dev/null \
	      || { seen="$$seen $$python lacks venv (python3-venv on Debian);"; continue; }; \
	    found=$$python; break; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "Elsewhere needs Python 3.11 or newer with the venv module;$${seen:- none was found;}" \
	      "install one, or name it: make install PYTHON=/path/to/python3.12" >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$found"; \
	  "$$found" -m venv --clear $(VENV) || exit 1; \
	fi
	@echo "Installing the pinned dependencies (several minutes the first time)"
	@$(PIP) install --constraint constraints.txt --editable '.[geo]'
	@touch $@

$(DEV_STAMP): $(STAMP)
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(CLIENTS_STAMP): $(DEV_STAMP) tests/clients/package.json
	@$(PIP) install --constraint constraints.txt --editable '.[dev,clients]'
	@mkdir -p $(@D) && cp tests/clients/package.json $(@D)
	@if command -v npm >/dev/null; then \
	  npm install --prefix $(@D) --no-audit --no-fund --ignore-scripts --no-package-lock --loglevel=error; \
	else \
	  echo "There is no npm here: the tests of the JavaScript libraries will be skipped."; \
	fi
	@touch $@
