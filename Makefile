# `make help` lists the targets. Each target installs its own prerequisites, once.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The crate and the tool must have the same version, so the tool's version is read from the crate's pin.
WASM_BINDGEN := $(shell sed -n 's/^wasm-bindgen = .*"=\([0-9.]*\)".*/\1/p' Cargo.toml)
CARGO_DENY := 0.20.2
CARGO_FUZZ := 0.13.2
CARGO_CYCLONEDX := 0.5.9
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/remediation-gateway/$(shell uname -sm | tr ' ' -)

NODE_MODULES := node_modules/.package-lock.json
SDK_MODULES := tests/sdk/node_modules/.package-lock.json
BENCH_MODULES := bench/node_modules/.package-lock.json
# The list includes the folders, so that a removed file counts as a change.
SOURCES := $(shell find src) .cargo/config.toml Cargo.toml Cargo.lock rust-toolchain.toml package-lock.json Makefile scripts/build.sh \
    scripts/wasm.sh scripts/remove-unused.mjs scripts/order-functions.mjs

.PHONY: help start test native builds acceptance slow-acceptance node-tests fuzz-tests build bench deploy release verify-release deny audit soak fuzz fuzz-api clients python-sdk key format clean linux

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

start: build/.made ## Serve on this machine against the sandbox, and send Graph's documented example
	cargo build --locked --package sandbox
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" exec node scripts/start.mjs

build: build/.made ## Build the Worker into build/index.js and build/index_bg.wasm

# While one core links a Wasm module or a test waits for a deadline, the other one has work too.
test: ## Run the checks and tests that each change must pass
	@scripts/rust.sh
	@scripts/together.sh native builds
	@scripts/together.sh acceptance slow-acceptance node-tests fuzz-tests

# The checks and tests that need neither npm nor the built Worker, and the build of the tests that do.
native:
	cargo fmt --all --check
	cargo fmt --manifest-path tests/clients/progenitor/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	cargo clippy --locked --package remediation-gateway --package deploy-check --target wasm32-unknown-unknown -- --deny warnings
	cargo test --locked --workspace --no-run
	cargo test --locked --workspace --exclude acceptance

# What the tests of the built Worker need, and the checks of the texts.
builds: build/.made build/deploy-check/.made $(SDK_MODULES)
	@# By default redocly looks for updates and sends usage metrics.
	REDOCLY_SUPPRESS_UPDATE_NOTICE=true REDOCLY_TELEMETRY=off PATH="$(CURDIR)/node_modules/.bin:$$PATH" redocly lint src/openapi.json
	PATH="$(CURDIR)/node_modules/.bin:$$PATH" markdownlint-cli2
	PATH="$(CURDIR)/node_modules/.bin:$$PATH" textlint --format unix $$(git ls-files "*.md")

# The tests of the built Worker. The slow ones wait for real deadlines, or send thousands of hostile requests.
SLOW_TESTS := exhaustion faults
FAST_TESTS := $(filter-out $(SLOW_TESTS),$(shell sed -n '/^\[\[test\]\]/{n;s/name = "\(.*\)"/\1/p;}' tests/Cargo.toml))

acceptance:
	cargo test --locked --package acceptance --lib $(addprefix --test ,$(FAST_TESTS))
	cargo test --locked --package acceptance --doc
	@scripts/clients.sh "$(TOOLS)" openapi-spec-validator hey-api requests playbook

slow-acceptance:
	cargo test --locked --package acceptance $(addprefix --test ,$(SLOW_TESTS))

node-tests:
	PATH="$(CURDIR)/node_modules/.bin:$$PATH" node --test "connector/*.test.mjs" "docs/**/*.test.mjs" "playbooks/*.test.mjs" "scripts/*.test.mjs"

fuzz-tests:
	@# The fuzz workspace has a separate target folder: in a shared one, each build would overwrite the other's library.
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --locked --manifest-path fuzz/Cargo.toml --all-targets -- --deny warnings
	cargo test --locked --manifest-path fuzz/Cargo.toml

# Not a part of `make test`: building the tool takes minutes, and only a change of the dependencies can fail the check.
deny: ## Check the crates' licences, sources and duplicates against deny.toml
	@scripts/rust.sh
	@scripts/cargo-tools.sh "$(TOOLS)" cargo-deny@$(CARGO_DENY)
	@scripts/deny.sh "$(TOOLS)/cargo-deny-$(CARGO_DENY)"

# Not a part of `make test`: advisories change without this repository, and come from further servers.
audit: ## Check the Rust and npm dependencies for known vulnerabilities
	@scripts/rust.sh
	@scripts/cargo-tools.sh "$(TOOLS)" cargo-deny@$(CARGO_DENY)
	@scripts/audit.sh "$(TOOLS)/cargo-deny-$(CARGO_DENY)"

fuzz: SECONDS := 60
fuzz: ## Fuzz the parsers, each for a minute (TARGET=payload SECONDS=600); needs a C++ compiler
	@scripts/rust.sh
	@scripts/cargo-tools.sh "$(TOOLS)" cargo-fuzz@$(CARGO_FUZZ)
	@scripts/fuzz.sh "$(TOOLS)/cargo-fuzz-$(CARGO_FUZZ)" "$(SECONDS)" $(TARGET)

# The Worker is built only after the check has passed. WRANGLER_FLAGS=--dry-run does everything except the upload.
deploy: CONFIG := wrangler.toml
deploy: ENV := production
deploy: build/deploy-check/.made ## Validate wrangler.toml, build, and deploy (CONFIG=../gateway.toml ENV=staging)
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" node scripts/deploy.mjs --config "$(CONFIG)" --env "$(ENV)" $(WRANGLER_FLAGS)

# ready.mjs reports what must not be released, before the build.
release: $(NODE_MODULES) ## Pack the built Worker, guides, licences and SBOM into build/release/ (TAG=v0.2.0)
	@node scripts/release/ready.mjs $(TAG)
	@$(MAKE) --no-print-directory build/.made build/deploy-check/.made
	@scripts/cargo-tools.sh "$(TOOLS)" cargo-cyclonedx@$(CARGO_CYCLONEDX)
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" node scripts/release.mjs "$(TOOLS)/cargo-cyclonedx-$(CARGO_CYCLONEDX)"

verify-release: ## Build this commit in another folder, and compare the result with ARCHIVE=<file>
	@node scripts/release/verify.mjs "$(ARCHIVE)"

# SEED=… repeats the random choices of the run that printed it, with other IDs and another timing.
soak: SECONDS := 600
soak: build/.made ## Run under load in phases with and without simulated faults, and report the results (SECONDS=600)
	SOAK_SECONDS=$(SECONDS) cargo test --locked --package acceptance --test soak

# The next three targets need Python 3. `make test` runs only the clients that take seconds.
SCHEMATHESIS := schemathesis==4.32.5
MSGRAPH_SDK := msgraph-sdk==1.65.0

fuzz-api: build/.made ## Fuzz the gateway from its OpenAPI document (needs Python 3; OPTIONS="--seed 1 --max-examples 500")
	cargo build --locked --package acceptance --example beside-gateway
	@environment=$$(scripts/python.sh "$(TOOLS)" "$(SCHEMATHESIS)") && \
	    cargo run --quiet --locked --package acceptance --example beside-gateway -- scripts/fuzz-api.sh "$$environment/bin/schemathesis" $(OPTIONS)

GENERATED := openapi-spec-validator openapi-generator openapi-python-client hey-api progenitor
CLIENTS := $(GENERATED) requests playbook ansible az node-red n8n
clients: build/.made $(SDK_MODULES) ## Call the gateway with its users' programs and generated clients (needs Python 3; CLIENTS="az n8n")
	cargo build --locked --package acceptance --example beside-gateway
	@scripts/clients.sh "$(TOOLS)" $(CLIENTS)

python-sdk: build/.made ## Call the gateway with Microsoft's Python SDK (needs Python 3)
	cargo build --locked --package acceptance --example beside-gateway
	@environment=$$(scripts/python.sh "$(TOOLS)" "$(MSGRAPH_SDK)") && \
	    cargo run --quiet --locked --package acceptance --example beside-gateway -- "$$environment/bin/python" tests/sdk/drop_in.py

# Only Linux reports the CPU time of another process exactly. This check runs before the build.
linux:
	@[ "$$(uname)" = Linux ] || { echo "error: the benchmark needs Linux: it reads the processor's time from /proc" >&2; exit 1; }

# Both the candidates and the driver are optimised.
bench: linux build/.made build/bench/.made ## Compare the gateway with a JavaScript peer, on Linux (OPTIONS="--only full --emails 100,2"; OPTIONS=--help)
	cargo build --locked --profile driver --package bench
	@cargo run --quiet --locked --profile driver --package bench -- $(OPTIONS)

key: ## Create an API key, and its SHA-256 for CALLERS
	@node scripts/key.mjs

format: ## Format the Rust code
	@scripts/rust.sh
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml
	cargo fmt --manifest-path tests/clients/progenitor/Cargo.toml

clean: ## Remove all build output of this checkout
	rm -rf build node_modules bench/node_modules tests/sdk/node_modules target fuzz/target tests/clients/progenitor/target .wrangler

build/.made: $(SOURCES) $(NODE_MODULES)
	@scripts/rust.sh
	@scripts/cargo-tools.sh "$(TOOLS)" wasm-bindgen-cli@$(WASM_BINDGEN)
	@scripts/build.sh "$(TOOLS)/wasm-bindgen-$(WASM_BINDGEN)"

build/deploy-check/.made: $(SOURCES) $(shell find scripts/deploy-check) scripts/build-deploy-check.sh $(NODE_MODULES)
	@scripts/rust.sh
	@scripts/cargo-tools.sh "$(TOOLS)" wasm-bindgen-cli@$(WASM_BINDGEN)
	@scripts/build-deploy-check.sh "$(TOOLS)/wasm-bindgen-$(WASM_BINDGEN)"

build/bench/.made: $(shell find bench/floor bench/peer) src/openapi.json scripts/bench.sh $(NODE_MODULES) $(BENCH_MODULES)
	@scripts/bench.sh

$(NODE_MODULES): package.json package-lock.json .npmrc
	@scripts/npm.sh

$(SDK_MODULES): tests/sdk/package.json tests/sdk/package-lock.json .npmrc
	@scripts/npm.sh tests/sdk

$(BENCH_MODULES): bench/package.json bench/package-lock.json .npmrc
	@scripts/npm.sh bench
