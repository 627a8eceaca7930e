# `make demo`, `make cluster`, `make test` and `make gameday` do everything on a fresh Debian machine with the Rust toolchain.
.PHONY: demo cluster test image test-deploy test-upgrade gameday sim lint unused deny venv setup build bench bench-quick bench-scale fuzz help

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: setup venv build ## Import real data, generate more, run, verify, look
	scripts/demo.sh

cluster: venv build ## etcd, S3, a coordinator, three workers: run, kill, replay, drain (KEEP=1 leaves it up)
	scripts/setup.sh servers
	scripts/cluster.sh

test: venv ## Install what tests need, run every test
	scripts/setup.sh tests
	scripts/test.sh

.PHONY: test-browser
test-browser: venv ## Journeys through the dashboard in Chromium; pictures in target/browser
	scripts/setup.sh browser
	cargo build --locked -p cli --bin tailor
	scripts/test-browser.sh

image: $(if $(IMAGE_BINARY),,build) ## The image, and its debug tag: build, run, print sizes and layers (IMAGE_BINARY=PATH for another binary)
	scripts/setup.sh image
	deploy/image.sh build
	deploy/image.sh try
	deploy/image.sh show

test-deploy: venv $(if $(IMAGE_BINARY),,build) ## The image, and pods of it as containers beside etcd and S3: a job, kills, memory, settings
	scripts/setup.sh image
	deploy/test.sh

test-upgrade: venv ## This release beside the previous one (upgrade/previous-release), which is built once: upgrade, rollback, datasets
	scripts/setup.sh gameday
	upgrade/test.sh

gameday: venv build ## Every game day of chaos/scenarios, on real processes; reports in chaos/reports
	scripts/setup.sh gameday
	TAILOR=target/release/tailor chaos/run --all

SEEDS ?= 100
SEED ?= 1
sim: ## Seeds of the simulation under faults (SEEDS=N, from SEED=N); a failing one prints the command that repeats it
	cargo run --locked -p sim -- --seed $(SEED) --seeds $(SEEDS)

.PHONY: test-chart chart-golden
test-chart: ## The chart: lint, golden files, schemas, rules, settings against those of the binary
	scripts/setup.sh
	cargo build --locked -p cli --bin tailor
	scripts/test-chart.sh

chart-golden: ## Write the golden files of the chart and the table of helm/README.md anew; the diff is the review
	UPDATE_GOLDEN=1 scripts/test-chart.sh -k "golden or readme"

.PHONY: test-monitoring
test-monitoring: venv ## Alerts and dashboards: unit tests, runbooks, and a real Prometheus beside a real cluster
	scripts/setup.sh gameday
	cargo build --locked -p cli --bin tailor
	scripts/test-monitoring.sh

lint: ## Format and lints, warnings denied
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

unused: ## Dependencies that no code names; installs cargo-machete if it is missing
	scripts/unused.sh

deny: ## Licences, sources, bans and known holes of all dependencies (deny.toml); installs cargo-deny if it is missing
	scripts/deny.sh

build: ## The release binary
	cargo build --locked --release -p cli

venv: setup ## Python with bokeh-sampledata, pyarrow, duckdb and SeaweedFS, in .cache/venv
	scripts/venv.sh

setup:
	scripts/setup.sh

bench: build ## The figures of docs/performance.md
	cargo run --locked --release -p bench -- --large

bench-quick: build ## The same on two million points: shows that it runs, judges nothing
	cargo run --locked --release -p bench -- --quick --rounds 1

bench-scale: build ## The coordinator alone with a million tasks, against a plain client of etcd; what a hundred trillion points take
	scripts/setup.sh tests
	cargo run --locked --release -p bench -- scale
	cargo run --locked --release -p bench -- cost

.PHONY: bench-spark
bench-spark: venv build ## The job of `tailor run` on Spark, as DataFrames and by an expert, in turn with Tailor; outputs compared (OPTIONS=...)
	scripts/setup.sh spark
	bench/spark/install.sh
	bench/spark/test.sh
	.cache/venv/bin/python bench/spark/run.py $(OPTIONS)

fuzz: ## How to run the fuzz targets; their seeds are replayed by `make test`
	@sed -n '1,40p' fuzz/README.md
