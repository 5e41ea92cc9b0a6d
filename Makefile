# make demo           build everything, serve the example on http://127.0.0.1:8000
# make test           build everything, run all tests
# make test-pythons   run the Python tests under every other supported CPython that is found
# make model          try every interleaving of the hand-over between threads
# make check          lint, types, floors
# make docs           the reference pages, from the declarations
#
# PYTHON=python3.13 before or behind any of them takes that interpreter, in a folder of its own.
PYTHON ?= python3
ifeq ($(origin PYTHON),file)
VENV := .venv
else
VENV := .venvs/$(notdir $(PYTHON))
endif
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -o -name Cargo.toml)

.PHONY: demo test pytest test-pythons model check docs

demo: $(VENV)/.demo
	cd examples/guestbook && exec $(abspath $(BIN))/python ../../.ci/foreground.py $(abspath $(BIN))/uncork serve

test: $(VENV)/.test
	cargo test --workspace --locked
	$(BIN)/python -m pytest

pytest: $(VENV)/.test
	$(BIN)/python -m pytest

# The target directory is shared: only what depends on the interpreter is compiled again.
test-pythons: $(VENV)/.created
	@for found in $$($(BIN)/python .ci/find_pythons.py); do \
		$(MAKE) --no-print-directory "PYTHON=$${found#*=}" "VENV=.venvs/$${found%%=*}" pytest || exit 1; \
	done

model:
	RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 cargo test -p uncork-server --lib --release --locked --target-dir target/loom leadership

check: $(VENV)/.test
	cargo fmt --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.built
	$(BIN)/python -m uncork.cli.reference docs/reference

$(VENV)/.created:
	@command -v $(PYTHON) >/dev/null || { printf '%s\n' 'error: there is no `$(PYTHON)` on this machine' 'hint: name another one with `make PYTHON=python3.12 …`' >&2; exit 1; }
	@$(PYTHON) .ci/check_machine.py
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade 'pip>=25.1'
	touch $@

$(VENV)/.built: $(VENV)/.created pyproject.toml $(RUST_SOURCES)
	$(PIP) --group build
	env -u CONDA_PREFIX VIRTUAL_ENV=$(abspath $(VENV)) PIP_QUIET=1 $(BIN)/maturin develop --release --group build
	touch $@

$(VENV)/.demo: examples/guestbook/requirements.txt $(VENV)/.built
	$(PIP) -r examples/guestbook/requirements.txt
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(PIP) --group dev
	touch $@
