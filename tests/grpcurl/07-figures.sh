#!/usr/bin/env bash
# All figures over a dozen orders that can be added up by hand, and a matrix of two accounts with two currencies.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
call AccountsService/CreateAccount '{"parent": "enterprises/lumi", "account_id": "lumi-tokyo", "account": {"display_name": "Lumi 東京",
  "time_zone": "Asia/Tokyo", "currency_code": "JPY"}}' >/dev/null
account='"parent": "accounts/lumi-flagship"'

# order USER TIME ORDER_ID AMOUNT [ACCOUNT]
order() {
  ingest "$1" ORDER "$2" '{"order_id": "'"$3"'", "amount_minor": '"$4"'}' "${5:-lumi-flagship}"
}
say "Nothing yet"
call AnalyticsService/GetSales "{$account}" -emit-defaults
call AnalyticsService/ListMonthlySales "{$account}"
call AnalyticsService/GetTierFunnel "{$account}" -emit-defaults
call AnalyticsService/GetGmvConcentration "{$account}"
call AnalyticsService/GetRfm "{$account}"

for user in u1 u2 u3; do
  ingest $user FOLLOW 2025-12-01T00:00:00Z
done
# u1: three orders on three days, one of two lines. u2: two orders on one day in Shanghai. u3: 2025-12-31T16:00Z is January there.
order u1 2025-12-10T04:00:00Z o01 10000
order u1 2026-01-10T04:00:00Z o02 20000
order u1 2026-01-10T04:00:00Z o02 5000
order u1 2026-02-10T04:00:00Z o03 30000
order u2 2026-01-20T16:00:00Z o04 7000
order u2 2026-01-21T15:59:59Z o05 3000
order u3 2025-12-31T16:00:00Z o06 4000
# u4 never followed; u5 cancelled the only order; u6 bought for nothing and got more back than was paid.
order u4 2026-02-20T00:00:00Z o07 15000
order u5 2026-02-21T00:00:00Z o08 99999
ingest u5 ORDER_CANCEL 2026-02-22T00:00:00Z '{"order_id": "o08"}'
order u6 2026-02-23T00:00:00Z o09 0
ingest u6 REFUND 2026-02-24T00:00:00Z '{"order_id": "o09", "amount_minor": 100}'
ingest u1 REFUND 2026-02-24T00:00:00Z '{"order_id": "o02", "amount_minor": 2500}'
# A cancellation that comes before its order, and a refund whose order is never seen.
ingest u7 ORDER_CANCEL 2026-02-25T00:00:00Z '{"order_id": "o10"}'
order u7 2026-02-24T00:00:00Z o10 12345
ingest u8 REFUND 2026-02-25T00:00:00Z '{"order_id": "o11", "amount_minor": 500}'
order u9 2026-02-28T23:59:59Z o12 6000

say "A dozen orders"
call AnalyticsService/GetSales "{$account}"
call AnalyticsService/GetSales "{$account"', "start_time": "2026-01-01T00:00:00+08:00", "end_time": "2026-02-01T00:00:00+08:00"}'
call AnalyticsService/GetSales "{$account"', "end_time": "2025-01-01T00:00:00Z"}' -emit-defaults
call AnalyticsService/ListMonthlySales "{$account}"
call AnalyticsService/ListMonthlySales "{$account, \"page_size\": 1}"
month=$(field nextPageToken)
call AnalyticsService/ListMonthlySales "{$account, \"page_size\": 1, \"page_token\": \"$month\"}"
call AnalyticsService/GetGmvConcentration "{$account}"
call AnalyticsService/GetGmvConcentration "{$account, \"top_percents\": [33.4, 100, 0.1]}"
call AnalyticsService/GetRfm "{$account}"
call AnalyticsService/GetTierFunnel "{$account}"
call FanService/GetFan '{"name": "accounts/lumi-flagship/fans/u1"}'
say "How fans went between tiers: as it was processed, and as it happened"
call AnalyticsService/GetTierFlow "{$account"', "start_time": "2026-01-01T00:00:00Z"}'
call AnalyticsService/GetTierFlow "{$account"', "basis": "TIME_BASIS_EVENT_TIME", "start_time": "2026-01-01T00:00:00Z"}'
call AnalyticsService/GetTierFlow "{$account"', "basis": "TIME_BASIS_EVENT_TIME", "start_time": "2026-01-01T00:00:00Z",
  "end_time": "2026-01-11T00:00:00Z"}'

say "The matrix: u1 follows both accounts"
ingest u1 FOLLOW 2026-02-01T00:00:00Z '' lumi-tokyo
ingest t1 FOLLOW 2026-02-01T00:00:00Z '' lumi-tokyo
ingest u9 VIEW 2026-02-01T00:00:00Z '' lumi-tokyo
order t1 2026-02-02T00:00:00Z o01 1200 lumi-tokyo
call AnalyticsService/GetMatrix '{"parent": "enterprises/lumi"}'
call AccountsService/CreateEnterprise '{"enterprise_id": "empty", "enterprise": {"display_name": "No accounts"}}' >/dev/null
call AnalyticsService/GetMatrix '{"parent": "enterprises/empty"}' -emit-defaults

say "What is refused"
expect_error RESOURCE_NOT_FOUND AnalyticsService/GetSales '{"parent": "accounts/nobody"}'
expect_error RESOURCE_NOT_FOUND AnalyticsService/GetMatrix '{"parent": "enterprises/nobody"}'
invalid() {
  expect_error INVALID_FIELD "$@"
}
invalid AnalyticsService/GetMatrix '{"parent": "accounts/lumi-flagship"}'
invalid AnalyticsService/GetGmvConcentration "{$account, \"top_percents\": [0]}"
invalid AnalyticsService/GetGmvConcentration "{$account, \"top_percents\": [10, 100.1]}"
invalid AnalyticsService/GetGmvConcentration "{$account, \"top_percents\": [$(printf '1,%.0s' {1..20})1]}"
invalid AnalyticsService/GetTierFlow "{$account}"
invalid AnalyticsService/GetTierFlow "{$account"', "start_time": "2026-02-01T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"}'
invalid AnalyticsService/GetTierFlow "{$account"', "start_time": "2026-02-01T00:00:00Z", "basis": 7}'
invalid AnalyticsService/GetSales "{$account"', "start_time": "2026-02-01T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"}'
expect_error INVALID_PAGE_TOKEN AnalyticsService/ListMonthlySales '{"parent": "accounts/lumi-tokyo", "page_token": "'"$month"'"}'
