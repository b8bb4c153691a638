.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# uv comes from the PATH where it is there; else it is installed into a folder of the project's own.
UV := $(shell command -v uv || echo .tools/uv/bin/uv)
BIN := .venv/bin
FORKCAST := $(BIN)/forkcast

.PHONY: help
help: ## what each target does
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

.tools/uv/bin/uv:
	@python3 -m venv .tools/uv
	@.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check uv

# Compiled once, here: where Python may not write bytecode (PYTHONDONTWRITEBYTECODE), each start would else compile all of it.
.venv/.installed: requirements.lock pyproject.toml | $(if $(findstring .tools,$(UV)),.tools/uv/bin/uv)
	@echo "Setting up .venv (Python 3.12 and the packages of requirements.lock) ..."
	@$(UV) venv --quiet --allow-existing --python 3.12 .venv
	@$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q -j 0 model_server traffic_sim deployments tests
	@touch $@

.PHONY: setup
setup: .venv/.installed ## the environment in .venv

.PHONY: lock
lock: | $(if $(findstring .tools,$(UV)),.tools/uv/bin/uv) ## pin every dependency anew (requirements*.lock)
	$(UV) pip compile --python-version 3.12 --group development --generate-hashes --no-header --no-emit-index-url --quiet --upgrade --output-file requirements.lock
	$(UV) pip compile --python-version 3.12 --group serving --constraint requirements.lock --generate-hashes --no-header --no-emit-index-url --quiet --upgrade --output-file requirements-serving.lock
	$(UV) pip compile --python-version 3.12 --group exporter --constraint requirements.lock --generate-hashes --no-header --no-emit-index-url --quiet --upgrade --output-file requirements-exporter.lock
	$(UV) pip compile --python-version 3.12 --override bench/peers/mlserver.overrides --generate-hashes --no-header --no-emit-index-url --quiet --upgrade --output-file bench/peers/mlserver.lock bench/peers/mlserver.in

.PHONY: demo
demo: setup ## train two models, start an A/B deployment, send 5,000 records/s, show what came back
	@$(FORKCAST) demo

.PHONY: test
test: setup ## every test that needs no cluster
	$(BIN)/python -m pytest -m "not cluster" -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: cluster-test
cluster-test: setup ## the tests that need a throw-away cluster (FORKCAST_TEST_KUBECONFIG)
	$(BIN)/python -m pytest -m cluster $(TESTS)

.PHONY: format
format: setup ## format the code, mend what can be mended
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .

.PHONY: check
check: setup ## formatting, lint, types, import contracts, overlays, fresh generated files
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	@$(FORKCAST) validate kustomize/overlays/*
	@$(MAKE) --no-print-directory generate
	@git diff --exit-code --stat -- model_server/contract.json docs/metrics.md kustomize/monitoring || { echo "generated files were stale; commit them"; exit 1; }

.PHONY: generate
generate: setup ## write the generated files that are committed
	@$(FORKCAST) contract --out model_server/contract.json
	@$(FORKCAST) metrics --out docs/metrics.md
	@$(FORKCAST) monitoring --out kustomize/monitoring

# Every program in bench/ measures one thing; they run in the order of their names. Two of them need another server.
PEER_BENCHES := bench/against_executor.py bench/against_mlserver.py
BENCHES := $(filter-out bench/run.py bench/summary.py $(PEER_BENCHES),$(sort $(wildcard bench/*.py)))

.PHONY: bench
bench: setup ## all measurements that need nothing but this project, and their goals in one table (10 minutes)
	@$(BIN)/python bench/run.py --to build/bench $(BENCHES)

.PHONY: bench-peers
bench-peers: setup .tools/peers/mlserver/.installed ## the graph server beside MLServer and Seldon's executor (FORKCAST_SELDON_EXECUTOR)
	@$(BIN)/python bench/run.py --to build/bench-peers $(PEER_BENCHES)

.tools/peers/mlserver/.installed: bench/peers/mlserver.lock | $(if $(findstring .tools,$(UV)),.tools/uv/bin/uv)
	@echo "Setting up .tools/peers/mlserver (MLServer and its packages, 500 MB) ..."
	@$(UV) venv --quiet --allow-existing --python 3.12 $(@D)
	@$(UV) pip sync --quiet --compile-bytecode --python $(@D)/bin/python --require-hashes $<
	@touch $@

.PHONY: clean
clean: ## stop what `forkcast up` left running, and remove what make made
	@if [ -x $(FORKCAST) ] && [ -d .forkcast ]; then $(FORKCAST) down || true; fi
	rm -rf .venv .tools .forkcast data models reports build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis test_predictions.csv
