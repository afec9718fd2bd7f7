#!/usr/bin/env bash
# Accounts and CRM as two processes that share a data directory and its secret: what works, and what the CRM says alone.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mint --subject crm >"$work/service-token"

start serve accounts "$sim_clock"
accounts=$server accounts_address=$address
lumi
say "The accounts process"
grpc "$address" list
expect_error METHOD_NOT_FOUND FanService/ListFans '{"parent": "accounts/lumi-flagship"}'
say "A CRM without the address of accounts does not start"
run_siyu serve crm 2>&1 || echo "exit code $?"

start serve crm "$sim_clock" --set peers.accounts="http://$accounts_address" --set auth.service_token_file="$work/service-token"
crm=$server
say "The CRM process: it asks accounts for the account, and for those of the company"
grpc "$address" list
ingest u1 FOLLOW 2026-02-01T00:00:00Z
ingest u1 ORDER 2026-02-02T00:00:00Z '{"amount_minor": 19900}'
call FanService/GetFan '{"name": "accounts/lumi-flagship/fans/u1"}'
call AnalyticsService/GetMatrix '{"parent": "enterprises/lumi"}'
expect_error RESOURCE_NOT_FOUND FanService/ListFans '{"parent": "accounts/nobody"}'
expect_error RESOURCE_NOT_FOUND AnalyticsService/GetMatrix '{"parent": "enterprises/nobody"}'
operator=$(mint --kind operator --subject omar --grant accounts/lumi-flagship=operator)
call_as "$operator" AnalyticsService/GetSales '{"parent": "accounts/lumi-flagship"}'
say "A CRM that shows accounts no token"
start serve crm "$sim_clock" --set peers.accounts="http://$accounts_address" --set storage.data_dir="$work/other" \
  --set auth.hs256_secret="$(cat "$data/dev-secret")"
expected_log="the call needs a bearer token" # the mistake of whoever set it up, so it is in the log
expect_error INTERNAL FanService/ListFans '{"parent": "accounts/lumi-flagship"}'
stop "$server"

say "Accounts is gone: what the CRM has asked before still works"
stop "$accounts"
address=$(sed -nE 's|^siyu: crm on http://([0-9.:]+), ready.*|\1|p' "$work/1.log")
ingest u1 VIEW 2026-02-03T00:00:00Z
call FanService/GetFan '{"name": "accounts/lumi-flagship/fans/u1"}'
expect_error DEPENDENCY_UNAVAILABLE FanService/ListFans '{"parent": "accounts/unknown"}'
call_as '' grpc.health.v1.Health/Check
say "Accounts is back under the same address"
start serve accounts "$sim_clock" --set server.listen="$accounts_address"
address=$(sed -nE 's|^siyu: crm on http://([0-9.:]+), ready.*|\1|p' "$work/1.log")
call AnalyticsService/GetMatrix '{"parent": "enterprises/lumi"}'
stop "$server"
stop "$crm"
