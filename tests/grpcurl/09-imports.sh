#!/usr/bin/env bash
# Imports: the first call fixes shift and treatment for ever, a second one reads them back, other treatments and copies are refused.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
call AccountsService/CreateAccount '{"parent": "enterprises/lumi", "account_id": "lumi-cafe", "account": {"display_name": "Café"}}' >/dev/null

# open ID IMPORT [ACCOUNT]: the request.
open() {
  printf '{"parent": "accounts/%s", "import_id": "%s", "import": %s}' "${3:-lumi-flagship}" "$1" "$2"
}
create() {
  call InteractionService/CreateImport "$(open "$@")"
}
say "Opened, and read back an hour later with another shift"
create 2025.csv '{"shift_days": 365, "treatment": "format=csv", "content_digest": "00ff"}'
call ClockService/AdvanceTime '{"by": "3600s"}' >/dev/null
create 2025.csv '{"shift_days": 366, "treatment": "format=csv", "content_digest": "00ff"}'
say "The same rows in another account; an import without a digest, twice; the ends of the shift"
create copy '{"treatment": "format=csv", "content_digest": "00ff"}' lumi-cafe
create plain-1 '{}'
create plain-2 '{}'
create past '{"shift_days": -36500}'
create future '{"shift_days": 36500}'

say "Another treatment; the same rows under another id"
expect_error IMPORT_MISMATCH InteractionService/CreateImport "$(open 2025.csv '{"treatment": "format=cdnow", "content_digest": "00ff"}')"
expect_error IMPORT_MISMATCH InteractionService/CreateImport "$(open again '{"treatment": "format=csv", "content_digest": "00ff"}')"
say "What is refused"
refused() {
  expect_error "$1" InteractionService/CreateImport "$(open "${@:2}")"
}
refused RESOURCE_NOT_FOUND new '{}' nobody
refused INVALID_FIELD '' '{}'
refused INVALID_FIELD 'with:colon' '{}'
refused INVALID_FIELD new null
refused INVALID_FIELD new '{"shift_days": 36501}'
refused INVALID_FIELD new '{"shift_days": -36501}'
refused INVALID_FIELD new '{"content_digest": "XYZ"}'
refused INVALID_FIELD new '{"treatment": "'"$(printf 'x%.0s' {1..2001})"'"}'
say "The refused ones left nothing behind"
create again '{"treatment": "other", "content_digest": "ff00"}'
