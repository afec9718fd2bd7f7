#!/usr/bin/env bash
# Tiers: a fan becomes warm, two months cool them down, other rules are written, tried and activated, the history is replayed.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
account='"parent": "accounts/lumi-flagship"'

say "u1 becomes warm step by step, u2 only follows, u3 only looks"
ingest u1 VIEW 2026-02-28T23:00:00Z
ingest u1 FOLLOW 2026-02-28T23:00:01Z
ingest u1 ORDER 2026-02-28T23:00:02Z '{"amount_minor": 9900}'
ingest u1 COMMENT 2026-02-28T23:00:03Z
ingest u1 SHARE 2026-02-28T23:00:04Z
for second in 05 06 07 08; do
  ingest u1 ORDER "2026-02-28T23:00:${second}Z" '{"amount_minor": 100}'
done
ingest u2 FOLLOW 2026-02-28T23:00:00Z
ingest u3 VIEW 2026-02-28T23:00:00Z
call FanService/GetFan '{"name": "accounts/lumi-flagship/fans/u1"}'
call TierService/ListTierChanges "{$account}"

say "60 days pass"
call ClockService/GetTime
call ClockService/AdvanceTime '{"by": "5184000s"}'
call FanService/GetFan '{"name": "accounts/lumi-flagship/fans/u1"}'
call TierService/ListTierChanges '{"parent": "accounts/lumi-flagship/fans/u1", "page_size": 2}'
call TierService/ListTierChanges '{"parent": "accounts/lumi-flagship/fans/u1", "page_token": "'"$(field nextPageToken)"'"}'
say "A fan who comes back, and one whose event is late: it counts for less"
ingest u1 ORDER 2026-04-29T23:00:00Z '{"amount_minor": 100}'
ingest u3 FOLLOW 2026-03-01T00:00:00Z
call TierService/ListTierChanges "{$account, \"page_size\": 2}"

say "Rules"
call TierService/ListTierRules "{$account}"
call TierService/CreateTierRules "{$account"', "tier_rules": {"half_life": "15552000s", "favorable_enter": 5, "favorable_leave": 4,
  "true_love_enter": 50, "true_love_leave": 40.5, "weights": [{"kind": "INTERACTION_KIND_FOLLOW", "points": 10},
  {"kind": "INTERACTION_KIND_ORDER", "points": 20}, {"kind": "INTERACTION_KIND_VIEW", "points": 0.25}]}}'
call TierService/ListTierRules "{$account, \"page_size\": 1}"
call TierService/ListTierRules "{$account, \"page_size\": 1, \"page_token\": \"$(field nextPageToken)\"}"
call TierService/BacktestTierRules '{"name": "accounts/lumi-flagship/tierRules/1"}'
call TierService/BacktestTierRules '{"name": "accounts/lumi-flagship/tierRules/0"}'
call TierService/ActivateTierRules '{"name": "accounts/lumi-flagship/tierRules/1"}'
call TierService/ActivateTierRules '{"name": "accounts/lumi-flagship/tierRules/1"}'
call ClockService/AdvanceTime '{"by": "0.000001s"}'
call FanService/ListFans "{$account}"
call TierService/ListTierChanges "{$account, \"page_size\": 3}"
call AnalyticsService/GetTierFunnel "{$account}"
say "Replayed by event time; a second time nothing changes"
call TierService/RebuildTiers "{$account}"
call FanService/GetFan '{"name": "accounts/lumi-flagship/fans/u3"}'
call TierService/RebuildTiers "{$account}"
say "Back to the rules of the platform"
call TierService/ActivateTierRules '{"name": "accounts/lumi-flagship/tierRules/0"}'
call TierService/RebuildTiers "{$account}"
call AnalyticsService/GetTierFunnel "{$account}"

say "What is refused"
# rules FIELDS: rules that are right but for FIELDS.
rules() {
  expect_error INVALID_FIELD TierService/CreateTierRules "$(python3 - "$1" <<'PY'
import json, sys
rules = {"half_life": "86400s", "favorable_enter": 5, "favorable_leave": 4, "true_love_enter": 9, "true_love_leave": 8,
         "weights": [{"kind": 1, "points": 1}]}
print(json.dumps({"parent": "accounts/lumi-flagship", "tier_rules": rules | json.loads(sys.argv[1])}))
PY
)"
}
rules '{"half_life": null, "weights": [], "favorable_enter": 0}'
rules '{"half_life": "3599s"}'
rules '{"half_life": "315360001s"}'
rules '{"favorable_leave": 6}'
rules '{"true_love_enter": 4.5, "true_love_leave": 4.5}'
rules '{"true_love_leave": 3}'
rules '{"true_love_enter": "Infinity"}'
rules '{"favorable_enter": "NaN"}'
rules '{"weights": [{"kind": 1, "points": -1}]}'
rules '{"weights": [{"kind": 1, "points": 1}, {"kind": 1, "points": 2}]}'
rules '{"weights": [{"kind": 0, "points": 1}]}'
expect_error INVALID_FIELD TierService/CreateTierRules "{$account}"
expect_error RESOURCE_NOT_FOUND TierService/BacktestTierRules '{"name": "accounts/lumi-flagship/tierRules/9"}'
expect_error RESOURCE_NOT_FOUND TierService/ActivateTierRules '{"name": "accounts/nobody/tierRules/0"}'
expect_error INVALID_FIELD TierService/ActivateTierRules '{"name": "accounts/lumi-flagship/tierRules/latest"}'
expect_error RESOURCE_NOT_FOUND TierService/RebuildTiers '{"parent": "accounts/nobody"}'
expect_error RESOURCE_NOT_FOUND TierService/ListTierChanges '{"parent": "accounts/lumi-flagship/fans/nobody"}'
expect_error INVALID_FIELD ClockService/AdvanceTime '{"by": "-1s"}'
expect_error INVALID_FIELD ClockService/AdvanceTime '{"by": "315360001s"}'
expect_error INVALID_FIELD ClockService/AdvanceTime
