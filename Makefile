# What a person types to run, test and measure Siyu; `make` alone lists it.
.PHONY: help run test lint format clippy protos bench chaos clean-tools
BUF := $(or $(wildcard .tools/node_modules/.bin/buf),$(shell command -v buf))

help:
	@echo "make run          all services in one process, and the main job driven through them"
	@echo "make test         every test, on SQLite and PostgreSQL, and the lints"
	@echo "make lint         format, clippy and the proto rules"
	@echo "make bench        speed and cost (about 10 minutes with the build); ARGS=... goes to the program"
	@echo "make chaos        kills, partitions and faulty disks (about an hour); ARGS=... as above"
	@echo "make clean-tools  removes what the tests put into .tools"

run:
	cargo run -- demo

test:
	tests/run.sh

lint: format clippy protos

format:
	cargo fmt --check

clippy:
	cargo clippy --workspace --all-targets -- -D warnings

protos:
ifeq ($(BUF),)
	@echo "SKIP proto rules: buf is not installed; tests/tools.sh puts it into .tools"
else
	$(BUF) lint proto
	$(BUF) format proto --path proto/siyu --diff --exit-code
endif

bench:
	cargo build --profile bench -p siyu -p siyu-tests
	tests/with-postgres.sh cargo run --profile bench -p siyu-tests --bin siyu-bench -- $(ARGS)
	@echo && echo "The same commits on a disk that takes 3.5 ms longer for every sync:"
	tests/load/slow-disk.sh tests/with-postgres.sh target/release/siyu-bench $(ARGS) --only commits

chaos:
	cargo build --profile bench -p siyu -p siyu-tests
	tests/with-postgres.sh cargo run --profile bench -p siyu-tests --bin siyu-chaos -- $(ARGS)

clean-tools:
	rm -rf .tools
