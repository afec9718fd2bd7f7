#!/usr/bin/env bash
# Tests the real port with the real grpcurl: tests/grpcurl/run.sh [NAME…]; the output of a scenario is its golden file.
# UPDATE_GOLDEN=1 writes the golden files anew; read their diff before committing it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

skip() {
  echo "SKIP grpcurl tests: $1"
  exit 0
}

export GRPCURL=${GRPCURL:-$PWD/.tools/venv/bin/grpcurl} SIYU=${SIYU:-$PWD/target/debug/siyu}
[[ -x $GRPCURL ]] || GRPCURL=$(type -P grpcurl) || skip "grpcurl is missing; tests/tools.sh installs it"
type -P python3 >/dev/null || skip "python3 is missing"
[[ -x $SIYU ]] || { echo "$SIYU does not exist: cargo build" >&2; exit 1; }

output=$(mktemp)
scenario=
# shellcheck disable=SC2317,SC2329 # called by the trap
clean_up() {
  # The scenario stops its own server.
  [[ -z $scenario ]] || { kill -TERM "$scenario" 2>/dev/null && wait "$scenario"; } || true
  rm -f "$output"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# run SCRIPT: its output is in $output; fails as it fails.
run() {
  local status=0
  "$1" >"$output" 2>&1 </dev/null &
  scenario=$!
  wait "$scenario" || status=$?
  scenario=
  return "$status"
}

passed=0 failed=0
names=("$@")
((${#names[@]})) || names=(tests/grpcurl/[0-9]*.sh tests/grpcurl/documented.sh)
for name in "${names[@]}"; do
  name=$(basename "$name" .sh)
  golden=tests/grpcurl/golden/$name.txt
  start=${EPOCHREALTIME/./}
  status=0
  run "tests/grpcurl/$name.sh" || status=$?
  seconds=$(printf '%5.1f s' "$(((${EPOCHREALTIME/./} - start) / 100000))e-1")
  if ((status == 0)) && [[ -n ${UPDATE_GOLDEN:-} && $name == [0-9]* ]]; then cp "$output" "$golden"; fi
  if ((status != 0)); then
    failed=$((failed + 1))
    echo "FAILED $seconds $name: it ended with $status:"
    tail -n 30 "$output"
  elif [[ $name == [0-9]* ]] && ! difference=$(diff -u "$golden" "$output" 2>&1); then
    failed=$((failed + 1))
    echo "FAILED $seconds $name: another output ($("$GRPCURL" --version 2>&1); the golden files are by v1.8.6):"
    printf '%s\n' "$difference"
  else
    passed=$((passed + 1))
    echo "ok     $seconds $name"
  fi
done
echo "$passed passed, $failed failed"
((failed == 0))
