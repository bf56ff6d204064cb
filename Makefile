# Everything sets itself up: `make run` and `make test` work in a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE := extension/node_modules
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: run sample test lint bench lock packages extension scripts clean

run: $(VENV)/.run
	$(BIN)/copilot demo

# The sample call in a data folder of its own: it fails where its targets are missed.
sample: $(VENV)/.run
	data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && $(BIN)/copilot --data "$$data" demo --once

# A file of tests is one process's; four at most, for each has its own Chromium and PostgreSQL.
test: packages lint
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory scripts

# The extension's scripts: types and lint, where Node and npm's registry are at hand. Nothing of it is
# needed to run them.
scripts:
	@if ! command -v npm >/dev/null 2>&1; then \
		echo "npm is not installed: the extension's types and lint are not checked"; \
		test -z "$$COPILOT_TESTS_NEED_PACKAGES"; \
	elif $(MAKE) --no-print-directory $(NODE)/.dev; then \
		cd extension && npm run --silent types && npm run --silent lint; \
	else echo "npm's registry does not answer: the extension's types and lint are not checked"; fi

# The extension as the store takes it.
extension:
	$(PYTHON) extension/pack.py build

bench: $(VENV)/.run
	mkdir -p build/bench
	for part in core search index ear sidecar whatif; do \
		$(BIN)/copilot bench $$part --json build/bench/$$part.json || exit 1; done
	$(BIN)/copilot bench whatif tests/calls/sample-call.jsonl --json build/bench/whatif.json

# Versions are chosen anew, first for all that may stand side by side; local build tags of torch are
# dropped, so that the lock holds anywhere.
LOCK := pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --no-header \
	--no-annotate --allow-unsafe --extra espeak
lock: $(VENV)/.dev
	$(BIN)/$(LOCK) --extra native --extra postgres --extra dev -o requirements-dev.lock pyproject.toml
	$(BIN)/$(LOCK) -c requirements-dev.lock -o requirements.lock pyproject.toml
	sed -i 's/^\(torch==[0-9.]*\)+[a-z0-9]*/\1/' requirements.lock requirements-dev.lock

# Chromium, PostgreSQL and Node, where this user may install them; tests that need them are skipped otherwise.
packages:
	@sh tests/packages.sh

clean:
	rm -rf $(VENV) $(NODE) build var

$(NODE)/.dev: extension/package-lock.json
	npm ci --prefix extension --silent --no-audit --no-fund
	touch $@

$(VENV)/.run: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages: about two minutes, and once"
	$(BIN)/pip install --quiet -r requirements.lock
	$(BIN)/pip install --quiet --no-deps -e .
	touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	$(BIN)/pip install --quiet -r requirements-dev.lock
	touch $@
