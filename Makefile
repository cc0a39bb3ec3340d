# The index of what can be done here. The work is in dev/*.sh, which say what they do in their first lines.

.DEFAULT_GOAL := help
.PHONY: help demo test test-all bench images release lint fmt record clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1 ($$1 == "test-all" ? " PART=..." : ""), $$2 }' $(MAKEFILE_LIST)

demo: ## a real cluster of three containers on this machine, from nothing to an answering Service
	@dev/demo.sh

test: ## all tests that a change has to pass; the last line counts them
	@dev/test.sh

test-all: ## one of the long parts of the tests (docs/tests.md lists them)
	@dev/test-all.sh $(PART)

bench: ## the figures of docs/benchmarks.md, side by side with the same work done by hand
	@dev/bench.sh

images: ## the cluster images of images/, into the local store
	@dev/images.sh

release: ## target/release/sealift, static; for the other architecture too, where it can be compiled
	@dev/release.sh both

lint: ## formatting, clippy, dependencies and shell scripts: nothing may be found
	@dev/lint.sh

fmt: ## format the Rust code
	@cargo fmt

record: ## docs/images/run.svg, from a real run
	@dev/record.sh

clean: ## remove what was built in this tree; caches outside of it stay
	@cargo clean && rm -rf images/*/parts
