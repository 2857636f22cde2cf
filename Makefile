# The commands of this repository. Each target is one line over scripts/, where the work is done.
# Belongs here: names of commands. Does not: lists of crates, packages or files (they live in one place each).

.DEFAULT_GOAL := help
.PHONY: help run test test-long fmt lint ui build dist e2e bench bench-history screenshots clean

ARGS ?=

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## install what is missing, build, start the hub with the demo house (ARGS="--port 9000")
	@scripts/run $(ARGS)

test: ## everything: format, lints, UI, crate tests, end-to-end tests with real clients
	@scripts/test

test-long: ## make test, and what takes longer (more repeats, fuzzing)
	@scripts/test --long

fmt: ## format the Rust code
	@scripts/step "Format" cargo fmt --all

lint: ## check format, clippy, shell scripts
	@scripts/lint

ui: ## install, check, test and build the web page
	@scripts/setup build
	@scripts/ui all

build: ## build the web page and the release binary
	@scripts/build release

dist: ## build what is shipped (slower to build, smaller)
	@scripts/build dist

e2e: ## only the end-to-end tests (ARGS="-k browser")
	@scripts/e2e $(ARGS)

bench: ## Housewire and its peers side by side (ARGS="load pairs", "durability", "start")
	@scripts/bench $(ARGS)

bench-history: ## the history beside SQLite rows: speed, bytes on the disk, bytes written, questions
	@scripts/step "History: bench" cargo bench --package housewire-store --bench history

screenshots: ## photograph the pages into docs/images
	@scripts/screenshots

clean: ## remove everything that was built or installed inside this folder
	rm -rf target .cache ui/dist ui/node_modules tests/node_modules bench/peers/node_modules
	find tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
