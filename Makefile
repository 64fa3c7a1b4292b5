# `make` lists the targets. On a fresh Debian 12 with Rust `make demo` and `make test` need nothing else: what is
# missing gets installed. Servers run from a tree and in directories of their own, never the machine's.

PG        ?= 15
TARGET    := $(abspath $(or $(CARGO_TARGET_DIR),target))
# Debian's PostgreSQL 15; another version if it is installed with its headers, else from scripts/server.
PG_CONFIG ?= $(if $(or $(filter 15,$(PG)),$(wildcard /usr/include/postgresql/$(PG)/server/postgres.h)),$\
             /usr/lib/postgresql/$(PG)/bin/pg_config,$(TARGET)/servers/$(PG)/bin/pg_config)
PROFILE   ?= dev
T         ?=

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
export PG PG_CONFIG PROFILE
export PATH := $(TARGET)/tools/bin:$(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

# pgrx: no ~/.pgrx needed. build.rs explains the second.
export PGRX_PG_CONFIG_PATH := $(PG_CONFIG)
export CARGO_PGRX_DISABLE_GC_SECTIONS_WORKAROUND := 1

comma := ,
# What talks to other servers; empty: none of it is built.
EXTRAS    ?= s3,smtp,webhook
FEATURES  = --no-default-features --features pg$(PG)$(if $(EXTRAS),$(comma)$(EXTRAS))
# Tests wait more than they compute.
export RUST_TEST_THREADS ?= 4
# T=jobs: the tests of tests/jobs; T=cancel: the suite tests/jobs/cancel.rs. They depend on no version of the server.
SUITE     := $(if $(T),$(or $(wildcard tests/$(T)/main.rs tests/*/$(T).rs),$(error no theme and no suite of tests is named $(T))))
TESTS     := -p acctexport-tests --no-default-features --features '$(EXTRAS)' --no-fail-fast $(if $(T),--test \
             $(notdir $(patsubst %/,%,$(dir $(SUITE)))) $(if $(filter %/main.rs,$(SUITE)),,-- $(T)::))

# Labelled columns, for `make secrets`.
FILES     ?= tests/corpus/*.tsv

.PHONY: help setup setup-tests build install install-tree demo demo-stop test test-units test-all soak lint lint-server secrets deb test-deb image-root bench bench-scale bench-changes bench-s3 bench-queue bench-profile clean

help:           ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 22

setup:          ## install missing Debian packages and cargo-pgrx
	@scripts/setup

setup-tests:    ## the same, and the packages that only tests use
	@scripts/setup tests

# cargo gives the library one name for all versions of the server, and takes the file of another one for its own.
BUILT     := $(TARGET)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/deps/libpg_acctexport.so

build: setup    ## build the extension for PostgreSQL PG into target/package-PG
	@rm -rf '$(TARGET)/package-$(PG)'
	@[[ $$(cat '$(BUILT).for' 2>/dev/null) == $(PG) ]] || rm -f '$(BUILT)'
	cargo-pgrx pgrx package --pg-config '$(PG_CONFIG)' --profile $(PROFILE) --out-dir '$(TARGET)/package-$(PG)' $(FEATURES)
	@echo $(PG) >'$(BUILT).for'
	scripts/released-sql '$(TARGET)/package-$(PG)'

install: setup  ## install a release build into the PostgreSQL of PG_CONFIG (as root, or through sudo)
	cargo-pgrx pgrx install --release --pg-config '$(PG_CONFIG)' $(FEATURES) $$([[ $$EUID == 0 ]] || echo --sudo)
	$$([[ $$EUID == 0 ]] || echo sudo) env PG_CONFIG='$(PG_CONFIG)' scripts/released-sql /

install-tree: build ## a server with the extension, in a directory of its own; prints the way to its programs
	@scripts/server-tree

# The demo talks to no other server, and to build what does takes a third of the time.
demo: EXTRAS  := $(if $(filter command line environment,$(origin EXTRAS)),$(EXTRAS))
demo: build     ## load the demo data, export it in every format into demo-output/; its server stays
	@scripts/with-server --keep scripts/demo

demo-stop:      ## stop and remove the demo's server
	@scripts/with-server --stop

test-units: setup ## unit tests, without a server
	cargo test --profile $(PROFILE) -p acctexport-core
	cargo test --profile $(PROFILE) $(FEATURES) --lib

test: setup-tests build $(if $(T),,test-units) ## unit tests, then integration tests on real servers (T=jobs or T=cancel: these only)
	tree=$$(scripts/server-tree); ACCTEXPORT_SERVER_TREE=$$tree cargo test --profile $(PROFILE) $(TESTS)

test-all:       ## integration tests on PostgreSQL 15 to 18 (VERSIONS='17 18': these only; THEMES='jobs store')
	@for version in $(or $(VERSIONS),15 16 17 18); do env -u PG_CONFIG $(MAKE) --no-print-directory setup-tests PG=$$version; done
	@scripts/test-all $(THEMES)

# Campaigns run one after the other: T=kills is tests/soak/kills.rs. SEED repeats the choices of one, PERCENT=10 makes a tenth of it.
soak: setup-tests build ## 25 minutes of crashes, full disks, many jobs and random input (T=kills: one campaign; SEED=n, PERCENT=10)
	tree=$$(scripts/server-tree); ACCTEXPORT_SERVER_TREE=$$tree ACCTEXPORT_SEED='$(SEED)' ACCTEXPORT_SOAK_PERCENT='$(PERCENT)' \
		cargo test --profile $(PROFILE) -p acctexport-tests --no-default-features --features '$(EXTRAS)$(if $(EXTRAS),$(comma))soak' \
		--test soak --no-fail-fast -- --nocapture --test-threads=1 $(if $(T),$(T)::)

lint: setup     ## rustfmt, clippy, rustdoc, shellcheck, imports, names in SQL, dependencies; with and without network code
	scripts/check-sql
	scripts/check-imports
	shellcheck -x -P SCRIPTDIR scripts/* .ci/run benches/run
	scripts/check-dependencies
	cargo fmt --all --check
	cargo clippy --profile $(PROFILE) $(FEATURES) --all-targets -- -D warnings
	cargo clippy --profile $(PROFILE) --no-default-features --features pg$(PG) --lib -- -D warnings
	cargo clippy --profile $(PROFILE) -p acctexport-core -p acctexport-tests --all-targets --features acctexport-tests/soak -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --profile $(PROFILE) --no-deps -p acctexport-core
	@! cargo tree --no-default-features --features pg$(PG) --edges normal --prefix none | \
		grep -E '^(tokio|rustls|ring|hyper|reqwest|lettre|object_store) ' || { echo 'the build without them has network code'; false; }

lint-server: setup ## clippy of what depends on the version of PostgreSQL, PG
	cargo clippy --profile $(PROFILE) $(FEATURES) --lib -- -D warnings

secrets:        ## how well secrets are found: recall and over-barring (FILES='a.tsv b.tsv', OPTIONS=--leave-one-out)
	@cargo run -q --profile $(PROFILE) -p acctexport-core --example secrets -- $(OPTIONS) $(FILES)

deb:            ## the Debian package for PostgreSQL $(PG), below target/deb; a release build unless PROFILE=dev
	@scripts/setup packages
	@PROFILE='$(if $(filter command line environment,$(origin PROFILE)),$(PROFILE),release)' scripts/build-deb

test-deb: deb   ## install that package into a Debian of its own, export, purge (as root)
	@scripts/test-deb "$$(ls '$(TARGET)/deb/$(PG)'/*.deb)"

image-root: build ## the files alone and a Containerfile, for image volumes of PostgreSQL 18
	@scripts/image-root

bench bench-scale bench-changes bench-s3 bench-queue bench-profile: PROFILE := release
bench: build    ## measure a release build side by side with what one would take instead, on tables of four shapes (40 minutes)
	@benches/run

bench-scale: build ## time per row and memory, from 100,000 rows to 10,000,000
	@benches/run scale

bench-changes: build ## exports with digests, and of what has changed, beside the plain one, 10,000,000 rows
	@benches/run changes

bench-s3: build ## upload to an S3 server, beside the AWS CLI and rclone
	@benches/run s3

bench-queue: build ## starts a second and jobs a second of 500 tenants, beside one-row inserts
	@benches/run backlog

bench-profile: build ## where the processor's time goes, by perf
	@benches/run profiled

clean: demo-stop ## remove what was built, and what servers left behind
	@rm -rf '$(TARGET)'/{debug,release,package*,servers,remote,bench-*} demo-output
	@bash -c '. scripts/common.sh && rm -rf "$$(work_dir)"'
