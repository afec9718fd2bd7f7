#!/usr/bin/env bash
# Who may call what: without a token, with a bad one, with grants elsewhere, with too low a role, as a user.
# An account that the caller has no grant on looks like one that does not exist.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
call AccountsService/CreateEnterprise '{"enterprise_id": "aurora", "enterprise": {"display_name": "Aurora"}}' >/dev/null
call AccountsService/CreateAccount '{"parent": "enterprises/aurora", "account_id": "aurora-shop", "account": {"display_name": "Shop"}}' >/dev/null
ingest u1 FOLLOW 2026-02-01T00:00:00Z
get='AccountsService/GetAccount {"name":"accounts/lumi-flagship"}'
store='InteractionService/IngestInteractions {"parent":"accounts/lumi-flagship","interactions":[{}]}'
rules='TierService/ActivateTierRules {"name":"accounts/lumi-flagship/tierRules/0"}'
grow='AccountsService/CreateAccount {"parent":"enterprises/lumi","account_id":"lumi-new","account":{"displayName":"New"}}'
found='AccountsService/CreateEnterprise {"enterpriseId":"mine","enterprise":{"displayName":"Mine"}}'
clock='ClockService/GetTime {}'

# may and may_not TOKEN REASON CALL: a CALL is a method, a space and its request.
may() {
  call_as "$1" "${2%% *}" "${2#* }"
}
may_not() {
  expect_error_as "$1" "$2" "${3%% *}" "${3#* }"
}

say "No token"
may_not '' TOKEN_MISSING "$get"
may_not '' TOKEN_MISSING "$clock"
expect_error_as '' TOKEN_MISSING InteractionService/StreamInteractions ''
expect_error_as '' TOKEN_MISSING TierService/RebuildTiers '{"parent": "accounts/lumi-flagship"}'
expect_error_as '' TOKEN_MISSING AccountsService/GetAccount '{}' -H 'authorization: Basic c2l5dTpzaXl1'

say "Tokens that are not good: garbage, a changed one, another key's, another audience's, one whose time is over"
may_not garbage TOKEN_INVALID "$get"
may_not "$token"x TOKEN_INVALID "$get"
may_not "$("$siyu" --config /dev/null --set auth.hs256_secret=0123456789abcdef0123456789abcdef token)" TOKEN_INVALID "$get"
may_not "$(mint --set auth.audience=elsewhere)" TOKEN_INVALID "$get"
may_not "$(mint --set auth.issuer=somebody)" TOKEN_INVALID "$get"
brief=$(mint --kind operator --grant accounts/lumi-flagship=owner)
call ClockService/AdvanceTime '{"by": "315360000s"}' >/dev/null
call_as "$token" ClockService/AdvanceTime '{"by": "315360000s"}' >/dev/null 2>&1 || true
may_not "$brief" TOKEN_EXPIRED "$get"
