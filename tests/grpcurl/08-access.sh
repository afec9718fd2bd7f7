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
may_not "$(mint --set auth.hs256_secret=0123456789abcdef0123456789abcdef)" TOKEN_INVALID "$get"
may_not "$(mint --set auth.audience=elsewhere)" TOKEN_INVALID "$get"
may_not "$(mint --set auth.issuer=somebody)" TOKEN_INVALID "$get"
brief=$(run_siyu token --ttl 1h)
cut=${token#*.}
may_not "${token%%.*}.e30.${cut#*.}" TOKEN_INVALID "$get"

say "An operator of another account: nothing of Lumi exists"
other=$(mint --kind operator --subject kim --grant accounts/aurora-shop=owner --grant enterprises/aurora=owner)
may "$other" 'AccountsService/GetAccount {"name":"accounts/aurora-shop"}'
may_not "$other" RESOURCE_NOT_FOUND "$get"
may_not "$other" RESOURCE_NOT_FOUND 'AccountsService/GetAccount {"name":"accounts/nobody"}'
may_not "$other" RESOURCE_NOT_FOUND "$store"
may_not "$other" RESOURCE_NOT_FOUND "$rules"
may_not "$other" RESOURCE_NOT_FOUND "$grow"
may_not "$other" RESOURCE_NOT_FOUND 'FanService/GetFan {"name":"accounts/lumi-flagship/fans/u1"}'
may_not "$other" RESOURCE_NOT_FOUND 'InteractionService/ListInteractions {"parent":"accounts/lumi-flagship/fans/u1"}'
may_not "$other" RESOURCE_NOT_FOUND 'InteractionService/StreamInteractions {"parent":"accounts/lumi-flagship","interactions":[{}]}'
may_not "$other" RESOURCE_NOT_FOUND 'AnalyticsService/GetMatrix {"parent":"enterprises/lumi"}'
may_not "$other" RESOURCE_NOT_FOUND 'AccountsService/UpdateAccount {"account":{"name":"accounts/lumi-flagship"},"updateMask":{"paths":["display_name"]}}'
may_not "$other" RESOURCE_NOT_FOUND 'TierService/RebuildTiers {"parent":"accounts/lumi-flagship"}'

say "Roles on the account: analyst, operator, admin, owner"
analyst=$(mint --kind operator --subject ann --grant accounts/lumi-flagship=analyst)
may "$analyst" "$get"
may "$analyst" 'AnalyticsService/GetSales {"parent":"accounts/lumi-flagship"}'
may_not "$analyst" ROLE_TOO_LOW "$store"
may_not "$analyst" ROLE_TOO_LOW "$rules"
operator=$(mint --kind operator --subject omar --grant accounts/lumi-flagship=operator)
may "$operator" "$store"
may_not "$operator" ROLE_TOO_LOW "$rules"
admin=$(mint --kind operator --subject ada --grant accounts/lumi-flagship=admin)
may "$admin" 'TierService/RebuildTiers {"parent":"accounts/lumi-flagship"}'
owner=$(mint --kind operator --subject olga --grant accounts/lumi-flagship=owner)
may_not "$owner" RESOURCE_NOT_FOUND "$grow"
may_not "$owner" RESOURCE_NOT_FOUND 'AnalyticsService/GetMatrix {"parent":"enterprises/lumi"}'
may_not "$owner" ROLE_TOO_LOW "$found"
may_not "$owner" ROLE_TOO_LOW "$clock"
say "A stream that goes on to an account without a grant stops there"
expect_error_as "$operator" RESOURCE_NOT_FOUND InteractionService/StreamInteractions \
  '{"parent":"accounts/lumi-flagship","interactions":[{}]} {"parent":"accounts/aurora-shop","interactions":[{}]}'
say "Roles on the company: the matrix and new accounts, but not other companies"
company=$(mint --kind operator --subject lumi --grant enterprises/lumi=owner)
may "$company" 'AnalyticsService/GetMatrix {"parent":"enterprises/lumi"}'
may "$company" "$grow"
may_not "$company" ROLE_TOO_LOW "$found"
may_not "$company" ROLE_TOO_LOW 'AccountsService/ListEnterprises {}'
say "A user of the platform"
user=$(mint --kind user --subject u1)
may_not "$user" ROLE_TOO_LOW "$get"
may_not "$user" ROLE_TOO_LOW 'FanService/GetFan {"name":"accounts/lumi-flagship/fans/u1"}'
say "The kind of the caller is asked before what was sent, the grant after"
expect_error_as "$user" ROLE_TOO_LOW FanService/GetFan '{"name": "nonsense"}'
expect_error_as "$other" INVALID_FIELD FanService/GetFan '{"name": "nonsense"}'

say "Ten years later a token of one hour has expired"
call ClockService/AdvanceTime '{"by": "315360000s"}'
may_not "$brief" TOKEN_EXPIRED "$get"
