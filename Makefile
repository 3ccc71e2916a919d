# `make` lists the targets. Each makes the environment in .venv first if it is missing or its lock has changed.
PYTHON ?= python3
DATASET ?= auto
EPOCHS ?=
SEED ?= 0
OUT ?= runs
JOBS ?= 2
BIN := .venv/bin
PIP := $(BIN)/python -I -m pip install --disable-pip-version-check --quiet
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help lab run test test-all test-torch lint bench site space publish results assets text lock links

help:  ## list the targets
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/; s/%/NAME/' | expand -t 20

lab: .venv/ready  ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab notebooks

# A misspelt variable, as in `make run EPOCH=3`, would otherwise be ignored.
KNOWN := BIN PYTHON DATASET EPOCHS SEED OUT JOBS REPO OPTIONS MAKEFLAGS
UNKNOWN := $(foreach v,$(filter-out $(KNOWN),$(.VARIABLES)),$(if $(filter command,$(origin $v)),$v))
ifneq ($(strip $(UNKNOWN)),)
$(error There is no variable $(strip $(UNKNOWN)). Known: $(filter-out MAKEFLAGS,$(KNOWN)))
endif

# In two processes, since a test keeps little more than one core busy.
PYTEST = $(BIN)/pytest --numprocesses $(JOBS) --dist worksteal

run: .venv/ready  ## run all notebooks into runs/ (DATASET=auto EPOCHS= SEED=0 OUT=runs)
	@$(BIN)/python -m tools.run --dataset "$(DATASET)" --epochs "$(EPOCHS)" --seed "$(SEED)" --out "$(OUT)"

test: lint  ## lint, unit tests on TensorFlow and JAX, the notebooks' outputs; no browser (JOBS=2)
	$(PYTEST) -m "not browser and not long and not torch"
	KERAS_BACKEND=jax $(PYTEST) tests/test_ops.py tests/test_execution.py tests/test_layers.py tests/test_generators.py
	@echo "Left out: the tests that need a browser and those that take minutes. make test-all runs them."

test-all: .venv/ready-dev  ## what make test leaves out: tests in a browser and long ones; needs Chromium or Chrome
	$(BIN)/pytest -m "(browser or long) and not torch"

test-torch: .venv/ready-dev  ## the operation, the layers and the official weights on PyTorch, which is in no lock
	@$(BIN)/python -c "import torch" 2> /dev/null || { echo "PyTorch is missing: .venv/bin/pip install torch"; exit 1; }
	KERAS_BACKEND=torch $(BIN)/pytest tests/test_ops.py tests/test_layers.py tests/test_generators.py
	$(BIN)/pytest -m torch

lint: .venv/ready-dev  ## ruff on code and notebooks, mypy on the type hints
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: .venv/ready-dev  ## speed, memory and costs against the alternatives, into involution_utils/results
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/bench_inference.py
	$(BIN)/python benchmarks/bench_costs.py

site: .venv/ready-dev  ## the website, into site/
	$(BIN)/python docs/build.py

space: .venv/ready  ## a static Hugging Face Space with the microscope, into space/
	$(BIN)/python -m tools.space --out space

publish: .venv/ready-dev  ## publish a trained model: make publish REPO=name/model (OPTIONS=--dry-run shows what would go)
	$(BIN)/python -m tools.publish model --repo "$(REPO)" $(OPTIONS)

results: .venv/ready-dev  ## every record that is missing below involution_utils/results (resumes; hours)
	$(BIN)/python -m involution_utils.experiments run all

results-%: .venv/ready-dev  ## the records of one experiment, such as results-lab
	$(BIN)/python -m involution_utils.experiments run $*

assets: .venv/ready  ## the trained models that ship with the package
	$(BIN)/python -m tools.assets

text: .venv/ready-dev  ## carry each notebook into its paired text in notebooks/text
	@for notebook in notebooks/*.ipynb; do \
		$(BIN)/jupytext --quiet --to md --output notebooks/text/$$(basename $$notebook .ipynb).md $$notebook || exit 1; done

lock: .venv/ready-dev  ## both locks anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra dev --group build $(LOCK) --output-file requirements-dev.lock
	$(BIN)/uv pip compile pyproject.toml --extra notebooks --group build --constraint requirements-dev.lock $(LOCK) \
		--output-file requirements.lock

LOCK := --upgrade --generate-hashes --no-emit-index-url --universal --python-version 3.11 --no-header --quiet

links: .venv/ready  ## carry the repository's address from pyproject.toml into badges and set-up cells
	$(BIN)/python -m tools.links

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
