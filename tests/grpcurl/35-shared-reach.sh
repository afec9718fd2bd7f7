#!/usr/bin/env bash
# Reach over all enterprises: a cap of the platform, which they share.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
{
  call AccountsService/CreateAccount '{"parent": "enterprises/lumi", "account_id": "lumi-store", "account": {"display_name": "Lumi store"}}'
  call AccountsService/CreateEnterprise '{"enterprise_id": "acme", "enterprise": {"display_name": "Acme"}}'
  call AccountsService/CreateAccount '{"parent": "enterprises/acme", "account_id": "acme", "account": {"display_name": "Acme"}}'
} >/dev/null
for account in lumi-flagship lumi-store acme; do
  ingest u1 FOLLOW 2026-02-01T08:00:00Z '' "$account"
  ingest u2 FOLLOW 2026-02-02T08:00:00Z '' "$account"
done
freeze() { # freeze ACCOUNT ID MORE
  call ReachService/FreezeAudience '{"parent": "accounts/'"$1"'", "message": "accounts/'"$1/pushes/$2"'", "channel": "REACH_CHANNEL_PUSH"'"${3:+, $3}"'}'
}
explain() { # explain ACCOUNT USER ID
  call ReachService/ExplainReach '{"parent": "accounts/'"$1"'", "user": "users/'"$2"'", "message": "accounts/'"$1/pushes/$3"'", "channel": "REACH_CHANNEL_PUSH"}'
}

say "No cap, until the platform sets one: 3 in a week"
call ReachService/GetSharedReachPolicy
call ReachService/CreateSharedReachPolicy '{"shared_reach_policy": {"cap": {"count": 3, "window": "604800s"}}, "request_id": "r1"}'
call ReachService/GetSharedReachPolicy

say "One enterprise takes two of the three, with whatever account; the third is for others"
freeze lumi-flagship spring
freeze lumi-store spring
freeze lumi-flagship summer '"validate_only": true'
freeze lumi-flagship summer
explain lumi-flagship u1 summer
freeze acme spring
freeze acme summer
explain acme u1 autumn

say "What is taken back is free again"
for account in lumi-flagship lumi-store; do
  call ReachService/ReleaseReach '{"parent": "accounts/'"$account"'", "message": "accounts/'"$account"'/pushes/spring"}'
done
freeze acme autumn

say "Service messages pass; from April on nobody is reached by others"
freeze acme service '"service_message": true'
call ReachService/CreateSharedReachPolicy '{"shared_reach_policy": {"cap": {"count": 0, "window": "60s"}, "effective_time": "2026-04-01T00:00:00Z"}}'
call ReachService/GetSharedReachPolicy '{"time": "2026-03-31T23:59:59Z"}'
freeze acme april '"send_time": "2026-04-01T00:00:00Z"'
explain acme u2 april

say "What is refused"
expect_error INVALID_FIELD ReachService/CreateSharedReachPolicy '{"shared_reach_policy": {"cap": {"window": "60s"}}}'
expect_error INVALID_FIELD ReachService/CreateSharedReachPolicy '{"shared_reach_policy": {"effective_time": "2026-02-01T00:00:00Z"}}'
expect_error REQUEST_ID_REUSED ReachService/CreateSharedReachPolicy '{"shared_reach_policy": {"cap": {"count": 4, "window": "604800s"}}, "request_id": "r1"}'
operator=$(mint --kind operator --subject li --grant accounts/acme=owner)
call_as "$operator" ReachService/GetSharedReachPolicy
expect_error_as "$operator" ROLE_TOO_LOW ReachService/CreateSharedReachPolicy '{"shared_reach_policy": {}}'
