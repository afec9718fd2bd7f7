#!/usr/bin/env bash
# Enterprises and accounts: create, get, list page by page, update through a mask, and everything that is refused.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"

say "Enterprises"
for id in lumi aurora nimbus; do
  call AccountsService/CreateEnterprise '{"enterprise_id": "'$id'", "enterprise": {"display_name": "'${id^}' 你好"}}'
done
call AccountsService/GetEnterprise '{"name": "enterprises/lumi"}'
call AccountsService/ListEnterprises '{"page_size": 2}'
call AccountsService/ListEnterprises '{"page_size": 2, "page_token": "'"$(field nextPageToken)"'"}'
call AccountsService/ListEnterprises '{"page_size": 1000000}'

say "An id that the server chooses"
call AccountsService/CreateEnterprise '{"enterprise": {"display_name": "Nameless"}}' |
  sed -E 's|"enterprises/[a-z0-9-]{3,63}"|"enterprises/CHOSEN"|'

say "Accounts"
call AccountsService/CreateAccount '{"parent": "enterprises/lumi", "account_id": "lumi-flagship", "account": {
  "display_name": "Lumi flagship", "profile": {"industry": "INDUSTRY_SKINCARE_AND_COSMETICS", "persona": "Your skin coach",
  "regions": ["31", "440305"], "opening_hours": [{"day": "DAY_OF_WEEK_MONDAY", "open_minute": 540, "close_minute": 1080}]}}}'
call AccountsService/CreateAccount '{"parent": "enterprises/lumi", "account_id": "lumi-tokyo", "account": {
  "display_name": "Lumi 東京", "time_zone": "Asia/Tokyo", "currency_code": "JPY", "name": "accounts/ignored"}}'
call AccountsService/CreateAccount '{"parent": "enterprises/lumi", "account_id": "lumi-cafe", "account": {
  "display_name": "Lumi café", "profile": {"industry": 7}}}'
call AccountsService/GetAccount '{"name": "accounts/lumi-tokyo"}'
call AccountsService/ListAccounts '{"parent": "enterprises/lumi", "page_size": 2}'
call AccountsService/ListAccounts '{"parent": "enterprises/lumi", "page_size": 2, "page_token": "'"$(field nextPageToken)"'"}'
call AccountsService/ListAccounts '{"parent": "enterprises/nimbus"}'

say "Updates"
call ClockService/AdvanceTime '{"by": "3600s"}'
call AccountsService/UpdateAccount '{"account": {"name": "accounts/lumi-flagship", "display_name": "not in the mask",
  "profile": {"persona": "Another coach"}}, "update_mask": {"paths": ["profile.persona"]}}'
call AccountsService/UpdateAccount '{"account": {"name": "accounts/lumi-flagship", "display_name": "Lumi",
  "profile": {"industry": "INDUSTRY_CATERING"}}, "update_mask": {"paths": ["display_name", "profile"]}}'

say "What exists already"
expect_error RESOURCE_EXISTS AccountsService/CreateEnterprise '{"enterprise_id": "lumi", "enterprise": {"display_name": "X"}}'
expect_error RESOURCE_EXISTS AccountsService/CreateAccount '{"parent": "enterprises/nimbus", "account_id": "lumi-cafe",
  "account": {"display_name": "X"}}'
say "What does not exist"
expect_error RESOURCE_NOT_FOUND AccountsService/GetEnterprise '{"name": "enterprises/nobody"}'
expect_error RESOURCE_NOT_FOUND AccountsService/GetAccount '{"name": "accounts/nobody"}'
expect_error RESOURCE_NOT_FOUND AccountsService/ListAccounts '{"parent": "enterprises/nobody"}'
expect_error RESOURCE_NOT_FOUND AccountsService/CreateAccount '{"parent": "enterprises/nobody", "account_id": "abc",
  "account": {"display_name": "X"}}'
expect_error RESOURCE_NOT_FOUND AccountsService/UpdateAccount '{"account": {"name": "accounts/nobody"}, "update_mask": {"paths": ["display_name"]}}'
say "Wrong fields"
invalid() {
  expect_error INVALID_FIELD "$@"
}
invalid AccountsService/CreateEnterprise
invalid AccountsService/CreateEnterprise '{"enterprise_id": "Lumi!", "enterprise": {"display_name": "'"$(printf 'x%.0s' {1..101})"'"}}'
invalid AccountsService/GetEnterprise '{"name": "lumi"}'
invalid AccountsService/GetAccount '{"name": "enterprises/lumi"}'
invalid AccountsService/ListEnterprises '{"page_size": -1}'
account() {
  invalid AccountsService/CreateAccount '{"parent": "enterprises/lumi", "account_id": "bad", "account": '"$1"'}'
}
account '{}'
account '{"display_name": "X", "time_zone": "Asia/Atlantis"}'
account '{"display_name": "X", "currency_code": "yuan"}'
account '{"display_name": "X", "profile": {"industry": 99}}'
account '{"display_name": "X", "profile": {"regions": ["31", "31"]}}'
account '{"display_name": "X", "profile": {"regions": ["Shanghai"]}}'
account '{"display_name": "X", "profile": {"opening_hours": [{"day": 1, "open_minute": 600, "close_minute": 600}]}}'
account '{"display_name": "X", "profile": {"opening_hours": [{"day": 1, "open_minute": 600, "close_minute": 700},
  {"day": 1, "open_minute": 650, "close_minute": 750}]}}'
account '{"display_name": "X", "profile": {"opening_hours": [{"day": 9, "open_minute": -1, "close_minute": 1441}]}}'
say "Wrong masks"
update() {
  expect_error "$1" AccountsService/UpdateAccount '{"account": {"name": "accounts/lumi-flagship", "display_name": ""}, "update_mask": {"paths": ["'"$2"'"]}}'
}
update IMMUTABLE_FIELD time_zone
update IMMUTABLE_FIELD name
update INVALID_FIELD no_such_field
update INVALID_FIELD '*'
update INVALID_FIELD displayName
update INVALID_FIELD display_name
invalid AccountsService/UpdateAccount '{"account": {"name": "accounts/lumi-flagship"}}'
say "Page tokens"
expect_error INVALID_PAGE_TOKEN AccountsService/ListEnterprises '{"page_token": "garbage"}'
call AccountsService/ListAccounts '{"parent": "enterprises/lumi", "page_size": 1}' >/dev/null
stolen=$(field nextPageToken)
expect_error INVALID_PAGE_TOKEN AccountsService/ListAccounts '{"parent": "enterprises/nimbus", "page_token": "'"$stolen"'"}'
expect_error INVALID_PAGE_TOKEN AccountsService/ListEnterprises '{"page_token": "'"$stolen"'"}'
say "An error in the format of the answer"
expect_error RESOURCE_NOT_FOUND AccountsService/GetAccount '{"name": "accounts/nobody"}' -format-error
expect_error INVALID_FIELD AccountsService/GetAccount '{}' -format-error
