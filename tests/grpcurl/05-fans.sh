#!/usr/bin/env bash
# Fans and timelines: profiles, pages, page tokens that are damaged or belong to another call, names that do not exist.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
call AccountsService/CreateAccount '{"parent": "enterprises/lumi", "account_id": "lumi-cafe", "account": {"display_name": "Café"}}' >/dev/null

for number in 1 2 3 4 5; do
  ingest "u$number" FOLLOW "2026-02-0${number}T08:00:00Z"
done
ingest u1 LIKE 2026-02-10T08:00:00Z
ingest u1 COMMENT 2026-02-09T08:00:00.123456Z
ingest u1 ORDER 2026-02-11T15:30:00Z '{"order_id": "o1", "amount_minor": 19900, "quantity": 1}'
ingest u1 ORDER 2026-02-11T16:30:00Z '{"order_id": "o2", "amount_minor": 5000}'
ingest u1 REFUND 2026-02-12T08:00:00Z '{"order_id": "o1", "amount_minor": 900}'
ingest u1 ORDER_CANCEL 2026-02-12T08:00:00Z '{"order_id": "o2"}'
ingest u2 UNFOLLOW 2026-02-13T08:00:00Z
ingest 用户:6 VIEW 2026-02-13T08:00:00Z
ingest u1 VIEW 2026-02-14T08:00:00Z '' lumi-cafe

say "Profiles: a customer, one who left, one who never followed"
call FanService/GetFan '{"name": "accounts/lumi-flagship/fans/u1"}'
call FanService/GetFan '{"name": "accounts/lumi-flagship/fans/u2"}'
call FanService/GetFan '{"name": "accounts/lumi-flagship/fans/用户:6"}'
call FanService/GetFan '{"name": "accounts/lumi-cafe/fans/u1"}' -emit-defaults
say "Lists: pages of two, and by tier"
call FanService/ListFans '{"parent": "accounts/lumi-flagship", "page_size": 2}'
first=$(field nextPageToken)
call FanService/ListFans '{"parent": "accounts/lumi-flagship", "page_size": 2, "page_token": "'"$first"'"}'
call FanService/ListFans '{"parent": "accounts/lumi-flagship", "page_size": 9, "page_token": "'"$(field nextPageToken)"'"}'
call FanService/ListFans '{"parent": "accounts/lumi-flagship", "tier": "TIER_POTENTIAL", "page_size": 1}'
call FanService/ListFans '{"parent": "accounts/lumi-flagship", "tier": 1, "page_token": "'"$(field nextPageToken)"'"}'
call FanService/ListFans '{"parent": "accounts/lumi-flagship", "tier": "TIER_TRUE_LOVE"}'
say "The timeline, newest first, in pages of three"
fan='"parent": "accounts/lumi-flagship/fans/u1"'
call InteractionService/ListInteractions "{$fan, \"page_size\": 3}"
line=$(field nextPageToken)
call InteractionService/ListInteractions "{$fan, \"page_size\": 3, \"page_token\": \"$line\"}"
call InteractionService/ListInteractions "{$fan, \"page_size\": 3, \"page_token\": \"$(field nextPageToken)\"}"

say "Page tokens"
bad_token() {
  expect_error INVALID_PAGE_TOKEN "$@"
}
bad_token FanService/ListFans '{"parent": "accounts/lumi-flagship", "page_token": "garbage"}'
bad_token FanService/ListFans '{"parent": "accounts/lumi-flagship", "page_token": "'"${first%??}"'"}'
bad_token FanService/ListFans '{"parent": "accounts/lumi-cafe", "page_token": "'"$first"'"}'
bad_token FanService/ListFans '{"parent": "accounts/lumi-flagship", "tier": 1, "page_token": "'"$first"'"}'
bad_token FanService/ListFans '{"parent": "accounts/lumi-flagship", "page_token": "'"$line"'"}'
bad_token InteractionService/ListInteractions '{"parent": "accounts/lumi-flagship/fans/u2", "page_token": "'"$line"'"}'
bad_token TierService/ListTierChanges '{"parent": "accounts/lumi-flagship", "page_token": "'"$first"'"}'
expect_error INVALID_FIELD FanService/ListFans '{"parent": "accounts/lumi-flagship", "page_token": "'"$(printf 'x%.0s' {1..1025})"'"}'
say "What does not exist, and what is no name"
expect_error RESOURCE_NOT_FOUND FanService/GetFan '{"name": "accounts/lumi-flagship/fans/nobody"}'
expect_error RESOURCE_NOT_FOUND FanService/GetFan '{"name": "accounts/nobody/fans/u1"}'
expect_error RESOURCE_NOT_FOUND FanService/ListFans '{"parent": "accounts/nobody"}'
expect_error RESOURCE_NOT_FOUND InteractionService/ListInteractions '{"parent": "accounts/lumi-flagship/fans/nobody"}'
expect_error INVALID_FIELD FanService/GetFan '{"name": "accounts/lumi-flagship/fans/"}'
expect_error INVALID_FIELD FanService/GetFan '{"name": "accounts/lumi-flagship/fans/a/b"}'
expect_error INVALID_FIELD FanService/ListFans '{"parent": "accounts/lumi-flagship", "tier": 9}'
expect_error INVALID_FIELD FanService/ListFans '{"parent": "accounts/lumi-flagship", "page_size": -1}'
