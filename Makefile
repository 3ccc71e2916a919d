# `make` lists the targets. Each makes the environment in .venv first if it is missing or its lock has changed.
PYTHON ?= python3
DATASET ?= auto
EPOCHS ?=
SEED ?= 0
OUT ?= runs
JOBS ?= 2
OPTIONS ?=
PY := .venv/bin/python
PIP := $(PY) -I -m pip install --disable-pip-version-check --quiet
# In two processes, since a test keeps little more than one core busy.
PYTEST := $(PY) -m pytest --numprocesses "$$JOBS" --dist worksteal
BACKENDS := tests/test_ops.py tests/test_layers.py tests/test_generators.py  # what every backend must pass

.DEFAULT_GOAL := help
.PHONY: help lab run test test-all test-torch test-arithmetic lint bench site slides text lock

# A misspelt variable, as in `make run EPOCH=3`, would otherwise be ignored.
KNOWN := PYTHON DATASET EPOCHS SEED OUT JOBS OPTIONS NOTEBOOKS
UNKNOWN := $(foreach v,$(filter-out $(KNOWN) MAKEFLAGS,$(.VARIABLES)),$(if $(filter command,$(origin $v)),$v))
ifneq ($(strip $(UNKNOWN)),)
$(error There is no variable $(strip $(UNKNOWN)). Known: $(KNOWN))
endif
# Taken as they are and handed on in the environment, so that neither make nor the shell reads them as code.
$(foreach v,DATASET EPOCHS SEED OUT JOBS,$(eval override $v := $$(value $v)))
export DATASET EPOCHS SEED OUT JOBS

export TF_CPP_MIN_LOG_LEVEL ?= 3
# Keeps freed tensors: a third less processor time in an epoch of the convolutional classifier.
export TF_CPU_ALLOCATOR_USE_BFC ?= true
export UV_PYTHON_DOWNLOADS := never
# Caches of the tools of development: here, or in a temporary folder of a user who may not write here.
CACHE := $(shell test -w . && echo .cache || echo "$${TMPDIR:-/tmp}/involution-cache-$$(id -u)")
export RUFF_CACHE_DIR := $(CACHE)/ruff
export MYPY_CACHE_DIR := $(CACHE)/mypy
export HYPOTHESIS_STORAGE_DIRECTORY := $(CACHE)/hypothesis

help:  ## list the targets
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/; s/%/NAME/' | expand -t 20

lab: .venv/ready  ## open JupyterLab on the notebooks
	$(PY) -m jupyterlab notebooks

run: .venv/ready  ## run all notebooks into runs/ (DATASET=auto EPOCHS= SEED=0 OUT=runs)
	@$(PY) -m tools.run --dataset="$$DATASET" --epochs="$$EPOCHS" --seed="$$SEED" --out="$$OUT"

test: lint  ## lint, unit tests, the notebooks' outputs, a few tests on JAX; no browser (JOBS=2)
	$(PYTEST) -m "not browser and not long and not torch"
	KERAS_BACKEND=jax $(PY) -m pytest -m smoke tests/test_ops.py tests/test_layers.py
	@echo "Left out: tests in a browser, tests that take minutes, all tests on JAX. make test-all runs them."

test-all: .venv/ready-dev  ## what make test leaves out: a browser (Chromium or Chrome), long tests, all on JAX
	$(PY) -m pytest -m "(browser or long) and not torch"
	KERAS_BACKEND=jax $(PYTEST) -m "not long and not browser and not torch" $(BACKENDS)

test-torch: .venv/ready-dev  ## the operation, the layers and the official weights on PyTorch, which is in no lock
	@$(PY) -c "import torch" 2> /dev/null || { echo "PyTorch is missing: .venv/bin/pip install torch"; exit 1; }
	KERAS_BACKEND=torch $(PY) -m pytest -m "not long and not browser and not torch" $(BACKENDS)
	$(PY) -m pytest -m torch

test-arithmetic: .venv/ready-dev  ## the notebooks' compared outputs under several arithmetics (NOTEBOOKS="03 04")
	$(PY) -m tools.arithmetic $(NOTEBOOKS)

lint: .venv/ready-dev  ## ruff on code and notebooks, mypy on the type hints, oxlint on JavaScript
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	.venv/bin/oxlint --deny-warnings --allow no-unused-vars involution_utils tests

bench: .venv/ready-dev  ## speed, memory and costs against the alternatives, into involution_utils/results
	$(PY) -m benchmarks

site: .venv/ready-dev  ## the website, into site/
	$(PY) -m docs.build

slides: .venv/ready-dev  ## a deck of reveal.js for each lecture, into slides/
	$(PY) -m docs.slides

results-%: .venv/ready-dev  ## the rows of one experiment that are missing, such as results-lab
	$(PY) -m lab run $*

text: .venv/ready-dev  ## carry each notebook into its paired text in notebooks/text
	@for notebook in notebooks/*.ipynb; do \
		$(PY) -m jupytext --quiet --to md --output notebooks/text/$$(basename $$notebook .ipynb).md $$notebook || exit 1; done

lock: .venv/ready-dev  ## both locks from pyproject.toml; what is locked stays (OPTIONS=--upgrade: everything anew)
	$(LOCK) --extra dev --output-file requirements-dev.lock
	$(LOCK) --extra series --constraint requirements-dev.lock --output-file requirements.lock

LOCK = $(PY) -m uv pip compile pyproject.toml --group build $(OPTIONS) --generate-hashes --no-emit-index-url \
	--universal --python-version 3.11 --no-header --quiet

.venv/ready: requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else f"Python 3.11, 3.12 or 3.13 is needed, this is {v[0]}.{v[1]}; name another: make PYTHON=python3.12")'
	@echo "Making the environment in .venv: some 2 GB, a minute or a few ..."
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) --require-hashes --no-deps --requirement requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# The same versions as in .venv/ready, and more beside them.
.venv/ready-dev: requirements-dev.lock .venv/ready
	@echo "Adding the tools of development to .venv ..."
	@$(PIP) --require-hashes --no-deps --requirement requirements-dev.lock
	@touch $@
