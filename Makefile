# `make help` lists the targets. VENV=/path selects another environment, PYTHON=python3.12 the interpreter to create it with.
VENV ?= .venv
PYTHON ?= python3
RECIPE ?= quick
ENCODERS ?=
MODEL ?=
STUDY ?=
RUNS ?=
ARGS ?=
# as typed and in the environment, so that neither make nor the shell expands what is in the name of a file
override export IN := $(value IN)
override export OUT := $(value OUT)
override export MODEL := $(value MODEL)

PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup pretrain embed-viz curves study sr-train sr-eval sr-shares upscale test lint bench attack clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(INSTALLED) ## Install everything into .venv (the other targets do so when needed)

$(INSTALLED): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "unblind needs Python 3.11 to 3.13, this is " + sys.version.split()[0])'
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@

pretrain: $(INSTALLED) ## Train a degradation encoder: RECIPE=quick ARGS="seed=1 name=mine data=folder data.root=PATH"
	@$(PY) -m pretrain.train --config-name=$(RECIPE) $(ARGS)

embed-viz: $(INSTALLED) ## Measure and plot encoders: ENCODERS="runs/pretrain/a statistics" ARGS="probe=unseen layer=map"
	@$(PY) -m analysis.report $(ENCODERS) $(ARGS)

curves: $(INSTALLED) ## Draw probe scores over the budget: RUNS="runs/pretrain/a runs/pretrain/b" ARGS="score=nmi over=steps"
	@$(PY) -m analysis.curves $(RUNS) $(ARGS)

study: $(INSTALLED) ## Answer a question over several seeds: STUDY=stage_one_methods ARGS="images=PATH jobs=2"
	@$(PY) -m analysis.study $(STUDY) $(ARGS)

sr-train: $(INSTALLED) ## Train a super-resolution network: RECIPE=quick ARGS="conditioning=frozen encoder=runs/pretrain/x"
	@$(PY) -m sr.train --config-name=$(RECIPE) $(ARGS)

sr-eval: $(INSTALLED) ## Score a model on benchmarks: MODEL=bicubic|PATH ARGS="protocol=dasr_iso scale=4 data.root=PATH datasets=[Set5]"
	@$(PY) -m sr.evaluate $(MODEL) $(ARGS)

sr-shares: $(INSTALLED) ## Compare conditions of several seeds: RUNS="runs/sr/constant-* runs/sr/oracle-* runs/sr/mine-*"
	@$(PY) -m sr.shares $(RUNS)

upscale: $(INSTALLED) ## Super-resolve images: IN=PATH OUT=PATH MODEL=PATH ARGS="ensemble=true blur=1.8 noise=0"
	@$(PY) -m sr.upscale "$$IN" "$$OUT" "$$MODEL" $(ARGS)

test: $(INSTALLED) ## Run the tests on all cores
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n auto --dist worksteal $(ARGS)

lint: $(INSTALLED) ## Check style and types (ruff, mypy)
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

bench: $(INSTALLED) ## Measure speed and memory: ARGS="degradations" for one part
	@$(PY) -m tests.bench $(ARGS)

attack: $(INSTALLED) ## Attack every program by damage, kills, full disks: ARGS="kills=5" for one part (an hour for all)
	@$(PY) -m tests.attack $(ARGS)

clean: ## Remove .venv and caches, but no runs
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
