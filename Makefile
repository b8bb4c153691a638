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

.venv/.installed: requirements.lock pyproject.toml | $(if $(findstring .tools,$(UV)),.tools/uv/bin/uv)
	@echo "Setting up .venv (Python 3.12 and the packages of requirements.lock) ..."
	@$(UV) venv --quiet --allow-existing --python 3.12 .venv
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: .venv/.installed ## the environment in .venv

.PHONY: lock
lock: | $(if $(findstring .tools,$(UV)),.tools/uv/bin/uv) ## pin every dependency anew (requirements*.lock)
	$(UV) pip compile --python-version 3.12 --group development --generate-hashes --no-header --no-emit-index-url --quiet --upgrade --output-file requirements.lock
	$(UV) pip compile --python-version 3.12 --group serving --generate-hashes --no-header --no-emit-index-url --quiet --upgrade --output-file requirements-serving.lock
