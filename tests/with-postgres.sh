#!/usr/bin/env bash
# Runs a command beside a throwaway PostgreSQL, whose address it finds in SIYU_TEST_POSTGRES: tests/with-postgres.sh COMMAND…
# Without PostgreSQL the command runs without the variable, and a line beginning with SKIP says why.
set -euo pipefail

[[ $# -gt 0 ]] || { echo "usage: tests/with-postgres.sh COMMAND…" >&2; exit 2; }
[[ -z ${SIYU_TEST_POSTGRES:-} ]] || exec "$@"

# PATH first, then Debian's folders, newest first.
find_binaries() {
  local server
  while read -r server; do
    server=$(readlink -f "$server" || true)
    bin=${server%/*}
    [[ -x $bin/postgres && -x $bin/initdb && -x $bin/pg_ctl ]] && return
  done < <(type -P postgres || true; printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -rV)
  return 1
}

install_postgres() {
  if ((EUID != 0)) || ! type -P apt-get >/dev/null; then return 1; fi
  local apt=(timeout 300 env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=60)
  local install=("${apt[@]}" install -y --no-install-recommends postgresql)
  { "${install[@]}" || { "${apt[@]}" update && "${install[@]}"; }; } </dev/null >/dev/null 2>&1
}

# PostgreSQL refuses to run as root.
as_server() (
  cd "$dir"
  if ((EUID == 0)); then exec runuser -u postgres -- "$@"; else exec "$@"; fi
)

start_cluster() {
  if ((EUID == 0)); then
    id postgres >/dev/null || useradd --system --no-create-home postgres || return
    chown postgres "$dir" || return
  fi
  # A linguistic order where there is one: it shows which cursors forgot COLLATE "C".
  local initdb=("$bin/initdb" -D data -U siyu --auth=trust --encoding=UTF8 --locale=C --no-sync)
  as_server "${initdb[@]}" --locale-provider=icu --icu-locale=en-US >/dev/null 2>&1 ||
    as_server "${initdb[@]}" >/dev/null || return
  # fsync stays on: what a test is told is durable has to be.
  cat >>"$dir/data/postgresql.conf" <<CONF || return
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
max_connections = 200
shared_buffers = 128MB
CONF
  for _ in 1 2 3 4 5; do # a port in use fails the start: take another
    port=$((20000 + RANDOM % 12000))
    as_server "$bin/pg_ctl" start -D data -l "$dir/server.log" -o "-p $port" -w -t 60 >/dev/null && return
  done
  tail -n 3 "$dir/server.log" >&2 || true
  return 1
}

command_group=
# shellcheck disable=SC2317,SC2329 # called by the trap
clean_up() {
  trap '' INT TERM HUP
  if [[ -n $command_group ]] && kill -TERM -- "-$command_group" 2>/dev/null; then
    for ((i = 0; i < 150; i++)); do # nextest gives its tests 10 s
      kill -0 -- "-$command_group" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL -- "-$command_group" 2>/dev/null || true
  fi
  [[ ! -e $dir/data/postmaster.pid ]] || as_server "$bin/pg_ctl" stop -D data -m immediate >/dev/null 2>&1 || true
  rm -rf "$dir"
}

reason=
if ! find_binaries && ! { install_postgres && find_binaries; }; then
  reason="PostgreSQL is not installed, and apt-get could not install it here"
elif ((EUID == 0)) && ! type -P runuser >/dev/null; then
  reason="PostgreSQL refuses to run as root, and runuser is missing"
else
  dir=$(mktemp -d -t siyu-postgres.XXXXXX)
  trap clean_up EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if start_cluster 2>"$dir/errors.log"; then
    export SIYU_TEST_POSTGRES="postgres://siyu@127.0.0.1:$port/postgres"
  else
    reason="it did not start: $(tr '\n' ' ' <"$dir/errors.log")"
  fi
fi
[[ -z $reason ]] || echo "SKIP postgres: $reason"
[[ -n ${dir:-} ]] || exec "$@"

# A process group of its own, so that a signal ends the command with all its children; such a group may not read a terminal.
[[ ! -t 0 ]] || exec </dev/null
set -m
"$@" &
command_group=$!
set +m
status=0
wait "$command_group" || status=$?
exit "$status"
