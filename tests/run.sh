#!/usr/bin/env bash
# The tests of the whole repository, part by part; a part that fails does not keep the next from running.
# Ends with how each part went and with what was skipped and why: all lines of the output that begin with SKIP.
# shellcheck disable=SC2317,SC2329 # functions are called by name
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
[[ ! -t 1 ]] || export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-always} # colours survive the tee
summary=()
failed=0

# part NAME COMMAND…
part() {
  local name=$1 outcome=ok start=$SECONDS
  shift
  printf '\n=== %s\n' "$name"
  if ! "$@" 2>&1 | tee -a "$log"; then
    outcome=FAILED
    failed=1
  fi
  summary+=("$(printf '%-7s %5d s  %s' "$outcome" $((SECONDS - start)) "$name")")
}

rust_tests() {
  cargo build --workspace --bins || return # some tests start the real binary
  type -P redis-server >/dev/null || echo "SKIP redis: redis-server is not installed; processes are tested without it"
  if cargo nextest --version >/dev/null 2>&1; then
    tests/with-postgres.sh cargo nextest run --workspace --no-fail-fast
  else
    echo "cargo-nextest is not installed: cargo test takes its place"
    tests/with-postgres.sh cargo test --workspace --lib --bins --tests --no-fail-fast
  fi
}

grpcurl_tests() {
  if [[ ! -x tests/grpcurl/run.sh ]]; then
    echo "SKIP grpcurl tests: tests/grpcurl/run.sh does not exist yet"
    return
  fi
  cargo build --workspace --bins && tests/grpcurl/run.sh
}

part "tools" tests/tools.sh
part "repository" tests/check-repository.sh
part "lint" make --no-print-directory --keep-going lint
part "doc tests" cargo test --doc --workspace --exclude siyu-proto --no-fail-fast
part "rust tests" rust_tests
part "grpcurl tests" grpcurl_tests

printf '\n=== summary\n'
printf '%s\n' "${summary[@]}"
sed 's/\r$//' "$log" | grep '^SKIP ' | sort -u || echo "Nothing was skipped."
exit "$failed"
