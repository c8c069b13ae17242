# The two set-up commands are `make run` and `make test`.
.DEFAULT_GOAL := help
.PHONY: help deps run stop reset test console test-crash lint generate bench fuzz e2e kind kind-check kind-down cluster cluster-down chart

# Built with the whole workspace: alone it would choose other features, and so compile its dependencies again.
xtask = cargo build --quiet --workspace --bins && $(target)/debug/xtask

target := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)

help: ## What can be made
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

deps: ## Install redis-server, PostgreSQL and FerretDB where they are missing
	@scripts/deps.sh

run: deps ## Run a pipeline on this machine; ARGS=--check runs it unattended and proves the guarantee
	@scripts/console.sh
	@cargo build --workspace --bins
	@exec $(target)/debug/eventpipeline dev $(ARGS)

stop: ## Stop the pipeline that `make run` started
	@$(target)/debug/eventpipeline stop

reset: ## Forget its data, keys and people
	@$(target)/debug/eventpipeline reset

test: deps ## All tests, with real stores on free ports, those of chart and console included; ARGS=NAME for some
	@scripts/deps.sh --browser
	@e2e/cluster/build.sh helm
	@cargo build --workspace --all-targets
	@$(target)/debug/xtask test $(ARGS)

console: deps ## Tests of the console: format, types, units, size, and a real browser on a real pipeline (Node)
	@scripts/deps.sh --browser
	@cargo build --workspace --all-targets
	@frontend/test.sh $(CONSOLE_ARGS)

test-crash: deps ## Only whole pipelines: kill -9, full Redis, stores stopped and started, sharded clusters
	@cargo build --workspace --all-targets
	@$(target)/debug/xtask test --test component --test dev

chart: ## Tests of the Helm chart; CHART_ARGS=--write makes its golden files again
	@charts/test.sh $(CHART_ARGS)

e2e: ## The operator on a real cluster, asserted (root on Debian, Go); ARGS=--keep leaves the cluster up
	@e2e/run.sh $(ARGS)

kind: ## The same on kind with the official stores (Docker); leaves a pipeline running on 127.0.0.1:3001
	@e2e/kind.sh

kind-check: ## Only the assertions of it
	@e2e/kind.sh check $(ARGS)

kind-down: ## Delete that cluster
	@e2e/kind.sh down

cluster: ## Build and start a real Kubernetes on this machine, without Docker (root); prints how to use it
	@e2e/cluster/build.sh
	@e2e/cluster/up.sh

cluster-down: ## Stop it and give back what it took
	@e2e/cluster/down.sh

lint: ## Format, clippy, tidy
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets -- -D warnings
	@$(xtask) tidy

generate: ## Make .env.example, docs/openapi.json, docs/reference and the definition again
	@$(xtask) generate

bench: deps ## Figures, each beside a limit or peer of the same run (3 min); as root on Debian those of the operator, too
	@cargo build --release --workspace --bins
	@if command -v npm >/dev/null; then npm --prefix crates/testbed/peer ci --no-audit --no-fund --loglevel=error; fi
	@$(target)/release/bench
	@if [ "$$(id -u)" = 0 ]; then PROFILE=release e2e/run.sh --only scaling,figures; \
	  else echo "the operator's figures need a cluster, and that needs root: see make e2e"; fi

fuzz: ## Fuzz the parser and the frame decoder, a minute each
	@command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
	cd crates/event && for target in parse_batch decode_frame; do \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none $$target -- -max_total_time=60 || exit 1; done
