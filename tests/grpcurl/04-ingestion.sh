#!/usr/bin/env bash
# What is taken in and what is not: good rows, repeats, conflicts, bad rows one by one, whole calls that are refused, streams.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi

# send ROW…: interactions as one call.
send() {
  local rows
  rows=$(printf '%s,' "$@")
  call InteractionService/IngestInteractions '{"parent": "accounts/lumi-flagship", "interactions": ['"${rows%,}"']}'
}
# row ID FIELDS: a view by u1 with FIELDS added or replaced (the last of two wins).
row() {
  python3 - "$1" "{${2:-}}" <<'PY'
import json, sys
row = {"event_id": sys.argv[1], "user": "users/u1", "kind": "INTERACTION_KIND_VIEW", "event_time": "2026-02-01T00:00:00Z"}
row.update(json.loads(sys.argv[2]))
print(json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False))
PY
}
long() {
  printf 'x%.0s' $(seq "$1")
}
order='"kind": "INTERACTION_KIND_ORDER", "purchase":'

say "Good ones: the least, the most, and the edges"
send "$(row good-1)" \
  "$(row good-2 '"user": "users/用户@2", "target": "video/你好", "source_domain": "SOURCE_DOMAIN_PUBLIC", '"$order"' {"order_id": "o1", "amount_minor": "19900", "quantity": 2}')" \
  "$(row good-3 '"event_time": "1970-01-01T00:00:00Z"')" \
  "$(row good-4 '"event_time": "2026-03-01T00:10:00Z"')" \
  "$(row good-5 "$order"' {}')" \
  "$(row good-6 "$order"' {"amount_minor": 1000000000000, "quantity": 1000000000}')" \
  "$(row "$(long 128)" '"user": "users/'"$(long 128)"'", "target": "'"$(long 200)"'"')"
say "Again: all are known, and one is new"
send "$(row good-1)" "$(row good-3 '"event_time": "1970-01-01T00:00:00Z"')" "$(row good-7)" "$(row good-7)"
say "The same ids with other content"
send "$(row good-1 '"user": "users/u2"')" "$(row good-1 '"kind": "INTERACTION_KIND_LIKE"')" \
  "$(row good-1 '"event_time": "2026-02-01T00:00:00.000001Z"')" "$(row good-1 '"target": "x"')" \
  "$(row good-1 '"source_domain": 1')" "$(row good-5 "$order"' {"amount_minor": 1}')" \
  "$(row new-1)" "$(row new-1 '"target": "x"')"

say "Bad ids, users, kinds"
send "$(row '')" "$(row 'with space')" "$(row "$(long 129)")" "$(row bad-1 '"user": null')" "$(row bad-2 '"user": "u1"')" \
  "$(row bad-3 '"user": "users/a/b"')" "$(row bad-4 '"user": "users/a b"')" "$(row bad-5 '"user": "users/'"$(long 129)"'"')" \
  "$(row bad-6 '"kind": null')" "$(row bad-7 '"kind": 99')" "$(row bad-8 '"source_domain": 9')"
say "Bad times: none, 1950s, just before 1970, far future, the ends of the calendar"
send "$(row bad-1 '"event_time": null')" "$(row bad-2 '"event_time": "1955-11-05T00:00:00Z"')" \
  "$(row bad-3 '"event_time": "1969-12-31T23:59:59.999999Z"')" "$(row bad-4 '"event_time": "2026-03-01T00:10:01Z"')" \
  "$(row bad-5 '"event_time": "2999-01-01T00:00:00Z"')" "$(row bad-6 '"event_time": "0001-01-01T00:00:00Z"')" \
  "$(row bad-7 '"event_time": "9999-12-31T23:59:59.999999999Z"')"
say "Bad texts"
send "$(row bad-1 '"target": "'"$(long 201)"'"')" "$(row bad-2 '"target": "\u0000"')" \
  "$(row bad-3 "$order"' {"order_id": "'"$(long 129)"'"}')"
say "Bad money"
send "$(row bad-1 "$order"' {"amount_minor": -1}')" "$(row bad-2 "$order"' {"amount_minor": 1000000000001}')" \
  "$(row bad-3 "$order"' {"amount_minor": "9223372036854775807"}')" "$(row bad-4 "$order"' {"quantity": -1}')" \
  "$(row bad-5 "$order"' {"quantity": 1000000001}')" "$(row bad-6 '"kind": "INTERACTION_KIND_ORDER"')" \
  "$(row bad-7 '"purchase": {"amount_minor": 1}')" \
  "$(row bad-8 '"kind": "INTERACTION_KIND_ORDER_CANCEL", "purchase": {"order_id": "o1", "amount_minor": 1}')" \
  "$(row bad-9 '"kind": "INTERACTION_KIND_REFUND", "purchase": {"order_id": "o1", "amount_minor": 1}')"
say "A good one among bad ones is kept"
send "$(row bad-1 '"kind": 0')" "$(row new-2)" "$(row bad-2 '"kind": -1')"
call FanService/ListFans '{"parent": "accounts/lumi-flagship"}'

say "Calls that are refused as a whole"
expect_error INVALID_FIELD InteractionService/IngestInteractions '{"parent": "accounts/lumi-flagship"}'
expect_error INVALID_FIELD InteractionService/IngestInteractions '{"parent": "lumi", "interactions": ['"$(row new-3)"']}'
expect_error RESOURCE_NOT_FOUND InteractionService/IngestInteractions '{"parent": "accounts/nobody", "interactions": ['"$(row new-3)"']}'
expect_error INVALID_FIELD InteractionService/IngestInteractions \
  "$(python3 -c 'import json; print(json.dumps({"parent": "accounts/lumi-flagship", "interactions": [{}] * 1001}))')"

say "What grpcurl refuses before anything is sent"
wrong() {
  expect_error 'error getting request data' InteractionService/IngestInteractions "$1"
}
wrong '{"parent": 5}'
wrong '{"parent": "accounts/lumi-flagship", "interactions": {}}'
wrong '{"parent": "accounts/lumi-flagship", "interactions": [{"event_time": "yesterday"}]}'
wrong '{"parent": "accounts/lumi-flagship", "interactions": [{"kind": "INTERACTION_KIND_DANCE"}]}'
wrong '{"parent": "accounts/lumi-flagship", "interactions": [{"purchase": {"amount_minor": 1.5}}]}'
wrong '{"parent": "accounts/lumi-flagship", "interactions": [{"purchase": {"amount_minor": "99999999999999999999"}}]}'
wrong '{"no_such_field": 1}'
wrong '{"parent": '

# batch PARENT ROW…: one message of a stream.
batch() {
  local parent=$1 rows
  shift
  rows=$(printf '%s,' "$@")
  printf '{"parent": "%s", "interactions": [%s]}\n' "$parent" "${rows%,}"
}
say "Streams: three batches with a repeat and two bad rows, counted through; then nothing; then another account half way"
call InteractionService/StreamInteractions "$(batch accounts/lumi-flagship "$(row s-1)" "$(row s-2)")
$(batch accounts/lumi-flagship "$(row s-2)" "$(row '!')")
$(batch accounts/lumi-flagship "$(row s-3)" "$(row s-1 '"kind": 2')")"
call InteractionService/StreamInteractions ''
expect_error INVALID_FIELD InteractionService/StreamInteractions "$(batch accounts/lumi-flagship "$(row s-4)")
$(batch accounts/lumi-cafe "$(row s-5)")"
say "The batch before the mistake is stored"
call InteractionService/StreamInteractions "$(batch accounts/lumi-flagship "$(row s-4)")"
