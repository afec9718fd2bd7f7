#!/usr/bin/env bash
# Runs a command, and all that it starts, on a disk that takes 3.5 ms longer for every sync: tests/load/slow-disk.sh COMMAND…
set -euo pipefail
[[ $# -gt 0 ]] || { echo "usage: tests/load/slow-disk.sh COMMAND…" >&2; exit 2; }
compiler=$(type -P cc || true)
[[ -n $compiler ]] || { echo "SKIP slow disk: no C compiler (cc) is installed"; exit 0; }
# PostgreSQL runs as another user, who must be able to read it.
folder=$(mktemp -d -t siyu-slow-disk.XXXXXX)
trap 'rm -rf "$folder"' EXIT
"$compiler" -shared -fPIC -O2 -o "$folder/slow_sync.so" "$(dirname "${BASH_SOURCE[0]}")/slow_sync.c" -ldl
chmod -R a+rX "$folder"
LD_PRELOAD=$folder/slow_sync.so "$@"
