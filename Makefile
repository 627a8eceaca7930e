# `make demo` and `make test` do everything on a fresh Debian machine with the Rust toolchain.
.PHONY: demo test lint venv setup build bench fuzz help

help: ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: setup venv build ## Import real data, generate more, run, verify, look
	scripts/demo.sh

test: venv ## Install what tests need, run every test
	scripts/setup.sh tests
	scripts/servers.sh start
	cargo build --locked -p cli
	cargo test --locked --workspace --doc --quiet
	cargo nextest run --locked --workspace --no-fail-fast
	scripts/servers.sh stop

lint: ## Format and lints, warnings denied
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

build: ## The release binary
	cargo build --locked --release -p cli

venv: setup ## Python with bokeh-sampledata, pyarrow and duckdb, in .cache/venv
	scripts/venv.sh

setup:
	scripts/setup.sh

bench: build ## The figures of docs/performance.md
	cargo run --locked --release -p bench -- --large
