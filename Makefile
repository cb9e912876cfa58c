# Every target sets up what it needs; `make` alone lists them.
#
#   PYTHON=…   the interpreter to build the environment from (default: the newest that works)
#   VENV=…     where the environment lives (default: .venv)
#   ARGS=…     more arguments for pytest, such as ARGS='-k retry'
#   FIGURES=…  the part of the benchmarks to run, such as FIGURES=drain

VENV ?= .venv
PYTHON ?=
ARGS ?=
FIGURES ?=

BIN := $(VENV)/bin
READY := $(VENV)/.ready
TYPED := $(wildcard worker operator tests tools benchmarks examples)
COMPILE := uv pip compile pyproject.toml --all-extras --group dev --universal --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	--quiet $(if $(UPGRADE),--upgrade) --output-file requirements.lock

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo cluster cluster-down test test-fast test-cluster soak check format format-check lint types imports sizes links \
	lock-check generated generate bench bench-cluster lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- run ----

demo: $(READY) ## send ten thousand e-mails through a local SMTP server
	@$(BIN)/python examples/email/demo.py

cluster: ## make a kind cluster with the operator and the e-mail example on it
	@tools/cluster up

cluster-down: ## delete that cluster
	@tools/cluster down

bench: $(READY) ## measure against a yardstick and other libraries (FIGURES=drain for a part)
	@$(BIN)/python -m benchmarks $(FIGURES)

bench-cluster: $(READY) ## measure on a kind cluster (FIGURES=pause for a part; Docker, kind, helm, kwok)
	@$(BIN)/python -m benchmarks.cluster $(FIGURES)

# ---- test ----

test: $(READY) ## run every test that this machine can run
	@$(BIN)/python -m pytest -m 'not soak' $(ARGS)

test-fast: $(READY) ## run the tests that need no server and start no worker
	@$(BIN)/python -m pytest -n auto -m 'not soak and not server and not process and not cluster' $(ARGS)

test-cluster: $(READY) ## run the tests that need a Kubernetes cluster (Docker, kind, kubectl)
	@$(BIN)/python -m pytest -m 'cluster and not soak' $(ARGS)

soak: $(READY) ## run the tests that take minutes
	@$(BIN)/python -m pytest -m soak $(ARGS)

# ---- check ----

check: format-check lint types imports sizes links lock-check generated ## format, lint, types, import contracts, size caps, links, lock

format: $(READY) ## format the code and fix what ruff can fix
	@$(BIN)/ruff check --quiet --fix-only . && $(BIN)/ruff format .

format-check: $(READY)
	@$(BIN)/ruff format --check .

lint: $(READY)
	@$(BIN)/ruff check .

types: $(READY)
	@$(BIN)/mypy $(TYPED)

imports: $(READY)
	@PYTHONPATH=worker:operator $(BIN)/lint-imports --no-logo

sizes: $(READY)
	@$(BIN)/python -m tools.sizes

links: $(READY)
	@$(BIN)/python -m tools.links

lock-check: $(READY)
	@$(BIN)/python -m tools.lock

generated: $(READY)
	@$(BIN)/python -m tools.generate --check

# ---- maintain ----

generate: $(READY) ## write the files that are made from code
	@$(BIN)/python -m tools.generate

lock: $(READY) ## pin all dependencies again (UPGRADE=1 for newer versions)
	@command -v uv >/dev/null || $(BIN)/python -m pip install --quiet uv
	@PATH="$$PATH:$(abspath $(BIN))" $(COMPILE)

clean: ## remove the environment and all caches
	rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find worker operator tests tools benchmarks examples -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || :

$(READY): requirements.lock pyproject.toml tools/venv
	@tools/venv '$(VENV)' '$(PYTHON)'
	@touch $@
