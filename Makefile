# `make` lists the targets. On a fresh Debian 12 with Rust `make demo` and `make test` need nothing else: what is
# missing gets installed. Servers run from a tree and in directories of their own, never the machine's.

PG        ?= 15
PG_CONFIG ?= /usr/lib/postgresql/$(PG)/bin/pg_config
TARGET    := $(abspath $(or $(CARGO_TARGET_DIR),target))
PROFILE   ?= dev
T         ?= *

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
export PG PG_CONFIG PROFILE
export PATH := $(TARGET)/tools/bin:$(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

# pgrx: no ~/.pgrx needed. See build.rs for the second; with the third, extension and tests are one compilation.
export PGRX_PG_CONFIG_PATH := $(PG_CONFIG)
export CARGO_PGRX_DISABLE_GC_SECTIONS_WORKAROUND := 1
build test: export PGRX_BUILD_FLAGS := --test *

comma := ,
# What talks to other servers; empty: none of it is built.
EXTRAS    ?= s3,smtp,webhook
FEATURES  := --no-default-features --features pg$(PG)$(if $(EXTRAS),$(comma)$(EXTRAS))
# Tests wait more than they compute.
export RUST_TEST_THREADS ?= 4

.PHONY: help setup build install install-tree demo demo-stop test lint bench bench-scale bench-s3 bench-profile clean

help:           ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 22

setup:          ## install what is missing (Debian packages, cargo-pgrx)
	@scripts/setup

build: setup    ## build the extension into target/package
	@rm -rf '$(TARGET)/package'
	$(if $(filter release,$(PROFILE)),env -u PGRX_BUILD_FLAGS )cargo-pgrx pgrx package --pg-config '$(PG_CONFIG)' --profile $(PROFILE) --out-dir '$(TARGET)/package' $(FEATURES)

install: setup  ## install a release build into the PostgreSQL of PG_CONFIG (as root, or through sudo)
	cargo-pgrx pgrx install --release --pg-config '$(PG_CONFIG)' $(FEATURES) $$([[ $$EUID == 0 ]] || echo --sudo)

install-tree: build ## a server with the extension, in a directory of its own; prints the way to its programs
	@scripts/server-tree

demo: build     ## load the demo data, export it in every format into demo-output/; its server stays
	@scripts/with-server --keep scripts/demo

demo-stop:      ## stop and remove the demo's server
	@scripts/with-server --stop

test: build     ## unit tests, then integration tests on real servers (T=install: only tests/install.rs)
	cargo test --profile $(PROFILE) $(FEATURES) --lib
	tree=$$(scripts/server-tree); ACCTEXPORT_SERVER_TREE=$$tree \
		cargo test --profile $(PROFILE) $(FEATURES) --no-fail-fast --test '$(T)'

lint: setup     ## rustfmt and clippy, warnings denied; with and without what talks to other servers
	cargo fmt --check
	cargo clippy --profile $(PROFILE) $(FEATURES) --all-targets -- -D warnings
	cargo clippy --profile $(PROFILE) --no-default-features --features pg$(PG) --lib -- -D warnings
	@! cargo tree --no-default-features --features pg$(PG) --edges normal --prefix none | \
		grep -E '^(tokio|rustls|ring|hyper|reqwest|lettre|object_store) ' || { echo 'the build without them has network code'; false; }

bench bench-scale bench-s3 bench-profile: PROFILE := release
bench: build    ## measure a release build side by side with what one would take instead (20 minutes)
	@benches/run

bench-scale: build ## time per row and memory, from 100,000 rows to 10,000,000
	@benches/run scale

bench-s3: build ## upload to an S3 server, beside the AWS CLI and rclone
	@benches/run s3

bench-profile: build ## where the processor's time goes, by perf
	@benches/run profiled

clean: demo-stop ## remove what was built, and what servers left behind
	@rm -rf '$(TARGET)'/{debug,release,package,remote,bench-*} demo-output
	@bash -c '. scripts/common.sh && rm -rf "$$(work_dir)"'
