#!/usr/bin/env bash
# Reach: caps and quiet hours, what users want, whom a message reaches and why not.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
account='"parent": "accounts/lumi-flagship"'
freeze() { # freeze ID MORE
  call ReachService/FreezeAudience "{$account"', "message": "accounts/lumi-flagship/pushes/'"$1"'", "channel": "REACH_CHANNEL_PUSH"'"${2:+, $2}"'}'
}
explain() { # explain USER ID
  call ReachService/ExplainReach "{$account"', "user": "users/'"$1"'", "message": "accounts/lumi-flagship/pushes/'"$2"'", "channel": "REACH_CHANNEL_PUSH"}'
}
for number in 1 2 3; do
  ingest "u$number" FOLLOW "2026-02-0${number}T08:00:00Z"
done
ingest u4 VIEW "2026-02-04T08:00:00Z"

say "One push a day, none at night"
call ReachService/GetReachPolicy "{$account}"
call ReachService/CreateReachPolicy "{$account"', "reach_policy": {"frequency_caps": [{"channels": ["REACH_CHANNEL_PUSH"], "count": 1, "window": "86400s"}],
  "quiet_hours": {"start_minute": 1320, "end_minute": 480}}}'
call ReachService/GetReachPolicy "{$account}"

say "What users want"
call ReachService/UpdateReachPreference "{$account"', "user": "users/u1", "reach_preference": {"opted_out": true}, "update_mask": {"paths": ["opted_out"]}}'
call ReachService/UpdateReachPreference "{$account"', "user": "users/u2", "reach_preference": {"opted_out_topics": ["ads"]}, "update_mask": {"paths": ["opted_out_topics"]}}' >/dev/null
call ReachService/GetReachPreference "{$account"', "user": "users/u2"}'

say "Whom pushes reach: looked at first, then frozen"
freeze spring '"topic": "ads", "validate_only": true'
freeze spring '"topic": "ads"'
freeze summer
explain u1 spring
explain u2 spring
explain u3 spring
explain u3 summer
explain u4 spring
explain nobody spring

say "Taken back: what it reached counts no more"
call ReachService/ReleaseReach "{$account"', "message": "accounts/lumi-flagship/pushes/spring"}'
call ReachService/ReleaseReach "{$account"', "message": "accounts/lumi-flagship/pushes/spring"}'
freeze autumn
explain u3 spring

say "At night: held until the morning"
freeze winter '"send_time": "2026-03-03T16:00:00Z"'
explain u3 winter

say "What is refused"
expect_error INVALID_FIELD ReachService/CreateReachPolicy "{$account"', "reach_policy": {"frequency_caps": [{"window": "60s"}], "quiet_hours": {"start_minute": 1440}}}'
expect_error INVALID_FIELD ReachService/CreateReachPolicy "{$account"', "reach_policy": {"quiet_hours": {}}}'
expect_error INVALID_FIELD ReachService/UpdateReachPreference "{$account"', "user": "users/u1", "reach_preference": {"quiet_hours": {"start_minute": 7, "end_minute": 60}}, "update_mask": {"paths": ["quiet_hours"]}}'
expect_error INVALID_FIELD ReachService/FreezeAudience "{$account"', "message": "accounts/other/pushes/spring", "channel": "REACH_CHANNEL_PUSH"}'
expect_error RESOURCE_NOT_FOUND ReachService/GetReachPolicy '{"parent": "accounts/nobody"}'
