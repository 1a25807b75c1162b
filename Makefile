# CFMS Backup. `make help` says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PATH := $(HOME)/.cargo/bin:$(PATH)

DEMO := target/demo
# What `make run` shows: the window, or on a machine without a screen the same work in the terminal.
VIEW := $(if $(DISPLAY)$(WAYLAND_DISPLAY),window,terminal)

.PHONY: help setup demo run run-window run-terminal test prove bench lint fmt bindings ui screenshots deb clean

help: ## Say what there is
	@echo 'CFMS Backup: make …'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 15

setup: ## Install what building and testing need, where it is missing
	@tests/support/setup.sh test

run: ## Build, and open the window on a demonstration server
	@$(MAKE) run-$(VIEW)

test: setup ## Run every check of the project
	@tests/support/check.sh

prove: setup ## Run the long proofs whole, of which `make test` runs a sample
	CFMS_PROVE=1 cargo test --locked --no-fail-fast -p cfms-backup-engine -p cfms-backup-cli

bench: ## Measure speed and memory of the release build against tar and openssl
	@tests/support/setup.sh test
	cargo build --release --locked -p cfms-backup-cli
	python3 tests/bench/bench.py
	target/python/bin/python tests/bench/agent.py

lint: setup ui ## Check format, lints, types, and that the generated types are not stale
	cargo fmt --all --check
	cd ui && npm run --silent check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	rm -rf target/bindings
	TS_RS_EXPORT_DIR=$(CURDIR)/target/bindings cargo test --workspace --locked --quiet --lib --bins export_bindings
	diff -r ui/src/lib/bindings target/bindings

fmt: ## Format the Rust sources
	cargo fmt --all

bindings: ui ## Write the types that the page shares with Rust anew
	rm -rf ui/src/lib/bindings
	cargo test --workspace --locked --quiet --lib --bins export_bindings

screenshots: setup ui ## Drive the real window and take the pictures of docs/pictures
	cargo build --workspace --locked
	cargo test --workspace --locked --test window -- --ignored --nocapture pictures

deb: setup ## Build the Debian package
	cd ui && npm run --silent tauri -- build --bundles deb

clean: ## Remove all that was built
	cargo clean
	rm -rf ui/dist ui/node_modules gen permissions

ui: ## Build the page
	cd ui && npm run --silent build

# The demonstration server, made once. One that was not made to its end is begun anew.
demo:
	@test -e $(DEMO)/made || { rm -rf $(DEMO)/server; target/debug/cfms-backup demo $(DEMO)/server; touch $(DEMO)/made; }

run-window:
	@tests/support/setup.sh window
	@$(MAKE) ui
	cargo build --workspace --locked
	@$(MAKE) demo
	target/debug/cfms-backup-app $(DEMO)/server

run-terminal:
	@echo 'There is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set): the same work, in the terminal.'
	@tests/support/setup.sh cli
	cargo build --locked -p cfms-backup-cli
	@$(MAKE) demo
	@rm -rf $(DEMO)/backups $(DEMO)/keys
	target/debug/cfms-backup create --data-dir $(DEMO)/server --output $(DEMO)/backups --key-dir $(DEMO)/keys --name first
	target/debug/cfms-backup inspect $(DEMO)/backups/first.cfms.enc --key $(DEMO)/keys/first.key
