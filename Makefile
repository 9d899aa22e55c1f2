# Two commands on a fresh machine, nothing before them: `make demo` and `make test`.
# Everything is installed inside this folder: Node 24 in tools/node, npm packages in node_modules, the embedded
# servers in .venv. Stamp files make the second time fast.

NODE24 := $(CURDIR)/tools/node/node_modules/.bin
export PATH := $(NODE24):$(CURDIR)/node_modules/.bin:$(PATH)
# No background process stays behind, and nothing is sent anywhere.
export NX_DAEMON := false
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := setup
.PHONY: setup build test demo bench bench-million bench-vault lint gen help

setup: .venv/.stamp node_modules/.stamp ## Install Node 24, the npm packages and the embedded servers here

build: setup ## Compile everything
	@scripts/build.sh

test: setup ## Everything the gate runs: generated code, types, lint, format, all tests
	@node scripts/test.mjs

demo: build ## The whole way of a secret, on a stack and a folder of its own
	@node e2e/dist/demo.js

bench: build ## What it does in a second, beside what the bare parts do (ONLY=resolve,explain SECONDS=5 RUNS=3)
	@bench/install-client.sh
	@ONLY=$(ONLY) SECONDS=$(SECONDS) RUNS=$(RUNS) node bench/dist/main.js

bench-million: build ## The same reads among a million environments as among a thousand (ENVIRONMENTS=1000000)
	@bench/install-client.sh
	@ONLY=million SECONDS=$(SECONDS) RUNS=$(RUNS) ENVIRONMENTS=$(ENVIRONMENTS) node bench/dist/main.js

bench-vault: build ## A run beside three reads of a Vault that runs (VAULT_ADDR and VAULT_TOKEN say where)
	@bench/install-client.sh
	@ONLY=resolve.vault SECONDS=$(SECONDS) RUNS=$(RUNS) node bench/dist/main.js

lint: setup ## Lint and format only
	@scripts/lint.sh

gen: setup ## Regenerate the code of libs/proto
	@npm run --silent gen --workspace @stigmer/proto

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

tools/node/.stamp: tools/node/package-lock.json
	@scripts/install-node.sh
	@touch $@

node_modules/.stamp: package-lock.json tools/node/.stamp
	@scripts/install-packages.sh
	@touch $@

.venv/.stamp: requirements.txt
	@scripts/install-servers.sh
	@touch $@
