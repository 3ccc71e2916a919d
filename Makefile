# `make` lists the targets. Each makes the environment in .venv first if it is missing or the lock has changed.
PYTHON ?= python3
DATASET ?= auto
EPOCHS ?= 20
SEED ?= 0
OUT ?= runs
BIN := .venv/bin
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help lab run test lint bench lock links results assets

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

lab: .venv/ready  ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab notebooks

run: .venv/ready  ## run all notebooks into runs/ (DATASET=auto EPOCHS=20 SEED=0 OUT=runs)
	@$(BIN)/python -m involution_utils.series run --dataset "$(DATASET)" --epochs "$(EPOCHS)" --seed "$(SEED)" --out "$(OUT)"

test: lint  ## every check: lint, unit tests on TensorFlow and JAX, the notebooks' outputs
	$(BIN)/pytest
	KERAS_BACKEND=jax $(BIN)/pytest tests/test_ops.py tests/test_layers.py

lint: .venv/ready  ## ruff, on code and notebooks
	$(BIN)/ruff check
	$(BIN)/ruff format --check

bench: .venv/ready  ## speed and memory against the alternatives, into involution_utils/results/benchmark.json
	$(BIN)/python benchmarks/bench.py

results: .venv/ready  ## every record that is missing below involution_utils/results (resumes; hours)
	$(BIN)/python -m involution_utils.experiments run all

results-%: .venv/ready  ## the records of one experiment: `make results-lab`; NAMEs: .venv/bin/python -m involution_utils.experiments list
	$(BIN)/python -m involution_utils.experiments run $*

assets: .venv/ready  ## the trained model that ships with the package, for notebook 04
	$(BIN)/python -m involution_utils.training involution_classifier --seed 0 --results .training-state/assets \
		--save involution_utils/assets/involution_classifier.keras

lock: .venv/ready  ## requirements.lock and environment.yml anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --generate-hashes --no-emit-index-url --universal \
		--python-version 3.11 --no-header --quiet --output-file requirements.lock

links: .venv/ready  ## carry the repository's address from pyproject.toml into badges and set-up cells
	$(BIN)/python -m involution_utils.series links

.venv/ready: requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else f"Python 3.11, 3.12 or 3.13 is needed, this is {v[0]}.{v[1]}; name another: make PYTHON=python3.12")'
	@echo "Making the environment in .venv: some 2 GB, a minute or a few ..."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -I -m pip install --disable-pip-version-check --quiet --require-hashes --requirement requirements.lock
	@$(BIN)/python -I -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@
