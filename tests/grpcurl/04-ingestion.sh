#!/usr/bin/env bash
# What is taken in and what is not: good rows, repeats, conflicts, bad rows one by one, whole calls that are refused, streams.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi

# batch PARENT ROW…: a request in JSON. A ROW is an event id, then fields that are added to a view by u1, or replace its own.
batch() {
  python3 - "$@" <<'PY'
import json, sys
def interaction(row):
    event_id, _, fields = row.partition(" ")
    view = {"user": "users/u1", "kind": "INTERACTION_KIND_VIEW", "event_time": "2026-02-01T00:00:00Z"}
    both = {"event_id": event_id} | view | json.loads("{%s}" % fields)
    return {name: value for name, value in both.items() if value is not None}
print(json.dumps({"parent": sys.argv[1], "interactions": [interaction(row) for row in sys.argv[2:]]}, ensure_ascii=False))
PY
}
# send ROW…: interactions as one call.
send() {
  call InteractionService/IngestInteractions "$(batch accounts/lumi-flagship "$@")"
}
long() {
  printf 'x%.0s' $(seq "$1")
}
order='"kind": "INTERACTION_KIND_ORDER", "purchase":'

say "Good ones: the least, the most, and the edges"
send good-1 \
  'good-2 "user": "users/用户@2", "target": "video/你好", "source_domain": "SOURCE_DOMAIN_PUBLIC", '"$order"' {"order_id": "o1", "amount_minor": "19900", "quantity": 2}' \
  'good-3 "event_time": "1970-01-01T00:00:00Z"' \
  'good-4 "event_time": "2026-03-01T00:10:00Z"' \
  "good-5 $order"' {}' \
  "good-6 $order"' {"amount_minor": 1000000000000, "quantity": 1000000000}' \
  "$(long 128)"' "user": "users/'"$(long 128)"'", "target": "'"$(long 200)"'"'
say "Again: all are known, and one is new"
send good-1 'good-3 "event_time": "1970-01-01T00:00:00Z"' good-7 good-7
say "The same ids with other content"
send 'good-1 "user": "users/u2"' 'good-1 "kind": "INTERACTION_KIND_LIKE"' \
  'good-1 "event_time": "2026-02-01T00:00:00.000001Z"' 'good-1 "target": "x"' \
  'good-1 "source_domain": 1' "good-5 $order"' {"amount_minor": 1}' \
  new-1 'new-1 "target": "x"'

say "Bad ids, users, kinds"
send '' 'x "event_id": "with space"' "$(long 129)" 'bad-1 "user": null' 'bad-2 "user": "u1"' \
  'bad-3 "user": "users/a/b"' 'bad-4 "user": "users/a b"' 'bad-5 "user": "users/'"$(long 129)"'"' \
  'bad-6 "kind": null' 'bad-7 "kind": 99' 'bad-8 "source_domain": 9'
say "Bad times: none, 1950s, just before 1970, far future, the ends of the calendar"
send 'bad-1 "event_time": null' 'bad-2 "event_time": "1955-11-05T00:00:00Z"' \
  'bad-3 "event_time": "1969-12-31T23:59:59.999999Z"' 'bad-4 "event_time": "2026-03-01T00:10:01Z"' \
  'bad-5 "event_time": "2999-01-01T00:00:00Z"' 'bad-6 "event_time": "0001-01-01T00:00:00Z"' \
  'bad-7 "event_time": "9999-12-31T23:59:59.999999999Z"'
say "Bad texts"
send 'bad-1 "target": "'"$(long 201)"'"' 'bad-2 "target": "\u0000"' \
  "bad-3 $order"' {"order_id": "'"$(long 129)"'"}'
say "Bad money"
send "bad-1 $order"' {"amount_minor": -1}' "bad-2 $order"' {"amount_minor": 1000000000001}' \
  "bad-3 $order"' {"amount_minor": "9223372036854775807"}' "bad-4 $order"' {"quantity": -1}' \
  "bad-5 $order"' {"quantity": 1000000001}' 'bad-6 "kind": "INTERACTION_KIND_ORDER"' \
  'bad-7 "purchase": {"amount_minor": 1}' \
  'bad-8 "kind": "INTERACTION_KIND_ORDER_CANCEL", "purchase": {"order_id": "o1", "amount_minor": 1}' \
  'bad-9 "kind": "INTERACTION_KIND_REFUND", "purchase": {"order_id": "o1", "amount_minor": 1}'
say "A good one among bad ones is kept"
send 'bad-1 "kind": 0' new-2 'bad-2 "kind": -1'
call FanService/ListFans '{"parent": "accounts/lumi-flagship"}'

say "Calls that are refused as a whole"
expect_error INVALID_FIELD InteractionService/IngestInteractions '{"parent": "accounts/lumi-flagship"}'
expect_error INVALID_FIELD InteractionService/IngestInteractions "$(batch lumi new-3)"
expect_error RESOURCE_NOT_FOUND InteractionService/IngestInteractions "$(batch accounts/nobody new-3)"
expect_error INVALID_FIELD InteractionService/IngestInteractions \
  "$(python3 -c 'import json; print(json.dumps({"parent": "accounts/lumi-flagship", "interactions": [{}] * 1001}))')"

say "What grpcurl refuses before anything is sent"
wrong() {
  expect_error 'error getting request data' InteractionService/IngestInteractions "$1"
}
wrong '{"parent": 5}'
wrong '{"parent": "accounts/lumi-flagship", "interactions": "none"}'
wrong '{"parent": "accounts/lumi-flagship", "interactions": [{"event_time": "yesterday"}]}'
wrong '{"parent": "accounts/lumi-flagship", "interactions": [{"kind": "INTERACTION_KIND_DANCE"}]}'
wrong '{"parent": "accounts/lumi-flagship", "interactions": [{"purchase": {"amount_minor": 1.5}}]}'
wrong '{"parent": "accounts/lumi-flagship", "interactions": [{"purchase": {"amount_minor": "99999999999999999999"}}]}'
wrong '{"no_such_field": 1}'
wrong '{"parent": '

say "Streams: three batches with a repeat and two bad rows, counted through; then nothing; then another account half way"
call InteractionService/StreamInteractions "$(batch accounts/lumi-flagship s-1 s-2)
$(batch accounts/lumi-flagship s-2 '!')
$(batch accounts/lumi-flagship s-3 's-1 "kind": 2')"
call InteractionService/StreamInteractions ''
expect_error INVALID_FIELD InteractionService/StreamInteractions "$(batch accounts/lumi-flagship s-4)
$(batch accounts/lumi-cafe s-5)"
say "The batch before the mistake is stored"
call InteractionService/StreamInteractions "$(batch accounts/lumi-flagship s-4)"
