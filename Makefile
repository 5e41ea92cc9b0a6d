# make demo           build everything, serve the example on http://127.0.0.1:8000
# make test           build everything, run all tests
# make test-pythons   run the Python tests under the newest supported CPython that is found, and those
#                     that take no time under the ones between
# make model          try every interleaving of the hand-over between threads
# make check          lint, types, floors
# make docs           the reference pages, from the declarations
# make bench          uncork beside other servers; BENCH='--rounds 1 …' for less
# make behaviour    what uncork and other servers do with clients and applications that misbehave
# make reloading      what uncork dev and other development servers do when code changes
# make soak           ten million requests, a million aborted ones, thousands of slow clients,
#                     and a minute of killed workers, and hundreds of reloads
# make chaos          ten minutes of load while workers are killed, halted, reloaded and starved; CHAOS='--seconds 60' for less
# make sanitize       the tests on processes, with AddressSanitizer; TESTS='tests/e2e/…' for less
# make systemd        uncork under a real systemd, in a container; as root, needs debootstrap and systemd-container
# make fuzz           each fuzz target for FUZZ_SECONDS; needs `cargo install cargo-fuzz`
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
FUZZ_TARGETS := protocol/head protocol/chunked protocol/requests server/connection
FUZZ_SECONDS ?= 60
TESTS ?= tests/e2e
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -o -name Cargo.toml)

.PHONY: demo test pytest test-pythons model check docs bench behaviour reloading soak chaos sanitize systemd fuzz

demo: $(VENV)/.demo
	cd examples/guestbook && exec $(abspath $(BIN))/python ../../.ci/foreground.py $(abspath $(BIN))/uncork serve

test: $(VENV)/.test
	cargo test --workspace --locked
	$(BIN)/python -m pytest

pytest: $(VENV)/.test
	$(BIN)/python -m pytest $(PYTEST)

# The target directory is shared: only what depends on the interpreter is compiled again.
test-pythons: $(VENV)/.created
	@set -- $$($(BIN)/python .ci/find_pythons.py); while [ $$# -gt 0 ]; do \
		only=; [ $$# -eq 1 ] || only='-m "not slow"'; \
		$(MAKE) --no-print-directory "PYTHON=$${1#*=}" "VENV=.venvs/$${1%%=*}" "PYTEST=$$only" pytest || exit 1; \
		shift; \
	done

model:
	RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 cargo test -p uncork-server --lib --release --locked --target-dir target/loom -- leadership turns

check: $(VENV)/.test
	cargo fmt --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.built
	$(BIN)/python -m uncork.cli.reference docs/reference

# RUSTC_BOOTSTRAP: the sanitizers' flags are for nightly, and the stable compiler has them too.
fuzz:
	for target in $(FUZZ_TARGETS); do \
		folder=crates/$${target%/*}/fuzz name=$${target#*/}; \
		mkdir -p $$folder/corpus/$$name && \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir $$folder --target-dir target/fuzz $$name \
			$$folder/corpus/$$name tests/wire/http1 -- \
			-max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=30 -dict=crates/protocol/fuzz/http1.dict || exit 1; \
	done

# Needs wrk, slowhttptest and a C compiler. SOAK='--requests 100000 --aborted 10000' for less.
soak: $(VENV)/.test
	$(BIN)/python -m tests.soak.leaks $(SOAK)
	$(BIN)/python -m tests.soak.slow_clients
	$(BIN)/python -m tests.soak.processes

chaos: $(VENV)/.test
	$(BIN)/python -m tests.soak.chaos $(CHAOS)

# The runtime is that of GCC, loaded before Python, whose own leaks are none of ours.
SANITIZED := $(abspath target/sanitize)
sanitize: $(VENV)/.test
	PYO3_PYTHON=$(abspath $(BIN))/python RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address \
		cargo build --locked -p uncork-bridge --target $(HOST) --target-dir $(SANITIZED)
	rm -rf $(SANITIZED)/python && cp -R python $(SANITIZED)/python
	rm -f $(SANITIZED)/python/uncork/_native.*.so
	cp $(SANITIZED)/$(HOST)/debug/lib_native.so \
		$(SANITIZED)/python/uncork/_native$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
	LD_PRELOAD=$$(gcc -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1 \
		PYTHONMALLOC=malloc PYTHONPATH=$(SANITIZED)/python \
		$(BIN)/python -m pytest -m 'not measures' --timeout 60 $(TESTS)

# The tree of the container is made once, in /var/tmp; its Python is Debian's, as the build's has to be.
systemd: $(VENV)/.built
	$(BIN)/python -m tests.systemd.run

bench: $(VENV)/.demo benchmarks/.venv/failures.json
	$(BIN)/python -m benchmarks.run --uncork $(BIN)/uncork $(BENCH)
	$(BIN)/python -m benchmarks.report

behaviour: $(VENV)/.demo benchmarks/.venv/failures.json
	$(BIN)/python -m benchmarks.behaviour --uncork $(BIN)/uncork $(BEHAVIOUR)

reloading: $(VENV)/.demo benchmarks/.venv/failures.json
	$(BIN)/python -m benchmarks.reloading --uncork $(BIN)/uncork $(RELOADING)

benchmarks/.venv/failures.json: benchmarks/install.py benchmarks/servers/peers.py benchmarks/servers/bare_loop.c
	$(BIN)/python -m benchmarks.install

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
