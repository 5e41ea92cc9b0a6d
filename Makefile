# make demo   build everything, serve the example on http://127.0.0.1:8000
# make test   build everything, run all tests
# make check  lint, types, floors
# make docs   the reference pages, from the declarations
# make bench  uncork beside other servers; BENCH='--rounds 1 …' for less
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -o -name Cargo.toml)

.PHONY: demo test check docs bench

demo: $(VENV)/.demo
	cd examples/guestbook && ../../$(BIN)/uncork serve

test: $(VENV)/.test
	cargo test --workspace --locked
	$(BIN)/python -m pytest

check: $(VENV)/.test
	cargo fmt --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.built
	$(BIN)/python -m uncork.cli.reference docs/reference

bench: $(VENV)/.demo benchmarks/.venv/failures.json
	$(BIN)/python -m benchmarks.run --uncork $(BIN)/uncork $(BENCH)
	$(BIN)/python -m benchmarks.report

benchmarks/.venv/failures.json: benchmarks/install.py benchmarks/servers/peers.py benchmarks/servers/bare_loop.c
	$(BIN)/python -m benchmarks.install

$(VENV)/.created:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: uncork needs CPython 3.11 or later, and `$(PYTHON)` is " + sys.version.split()[0] + "\nhint: name another one with `make PYTHON=python3.12 …`")'
	$(PYTHON) -m venv $(VENV) || { echo 'hint: on Debian, the `venv` module comes with `apt-get install python3-venv`' >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' 'maturin>=1.7,<2'
	touch $@

$(VENV)/.built: $(VENV)/.created pyproject.toml $(RUST_SOURCES)
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --quiet
	touch $@

$(VENV)/.demo: $(VENV)/.built examples/guestbook/requirements.txt
	$(BIN)/python -m pip install --quiet -r examples/guestbook/requirements.txt
	touch $@

$(VENV)/.test: $(VENV)/.built $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --group dev
	touch $@
