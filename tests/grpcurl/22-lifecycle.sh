#!/usr/bin/env bash
# Lifecycle stages and value classes: why a fan stands where they stand, how many stand where, and what other rules would do.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
account='"parent": "accounts/lumi-flagship"'
ingest u1 FOLLOW 2026-02-20T08:00:00Z
ingest u1 LIKE 2026-02-21T08:00:00Z
ingest u1 COMMENT 2026-02-22T08:00:00Z
ingest u2 ORDER 2026-02-10T08:00:00Z '{"order_id": "o1", "amount_minor": 129900}'
ingest u2 ORDER 2026-02-20T08:00:00Z '{"order_id": "o2", "amount_minor": 9900}'
ingest u2 REFUND 2026-02-21T08:00:00Z '{"order_id": "o2", "amount_minor": 9900}'
ingest u3 VIEW 2026-01-20T08:00:00Z
ingest u4 FOLLOW 2026-02-01T08:00:00Z
ingest u4 UNFOLLOW 2026-02-25T08:00:00Z

say "Four fans, and why"
for number in 1 2 3 4; do
  call LifecycleService/GetFanLifecycle '{"name": "accounts/lumi-flagship/fans/u'"$number"'"}'
done
call LifecycleService/GetLifecycleDistribution "{$account}"

say "Other rules"
call LifecycleService/CreateLifecycleRules "{$account"', "lifecycle_rules": {"dormant_after": "604800s", "lost_after": "2592000s",
  "activated_count": 1, "activated_within": "604800s", "repurchasing_order_days": 2, "referring_share_count": 1,
  "referring_within": "604800s", "recent_order_within": "604800s", "loyal_order_days": 2, "high_quality_gmv_minor": 50000,
  "value_lost_after": "3456000s"}}'
call LifecycleService/BacktestLifecycleRules '{"name": "accounts/lumi-flagship/lifecycleRules/1"}'
call LifecycleService/ActivateLifecycleRules '{"name": "accounts/lumi-flagship/lifecycleRules/1"}' >/dev/null
call LifecycleService/GetFanLifecycle '{"name": "accounts/lumi-flagship/fans/u1"}'
call LifecycleService/ListLifecycleRules "{$account, \"page_size\": 1}"
call LifecycleService/ActivateLifecycleRules '{"name": "accounts/lumi-flagship/lifecycleRules/0"}' >/dev/null

say "Two months pass"
call ClockService/AdvanceTime '{"by": "5184000s"}' >/dev/null
call LifecycleService/GetLifecycleDistribution "{$account}"

say "What is refused"
expect_error INVALID_FIELD LifecycleService/CreateLifecycleRules "{$account"', "lifecycle_rules": {"dormant_after": "604800s",
  "lost_after": "604800s", "activated_count": 1, "activated_within": "3600s", "repurchasing_order_days": 2,
  "referring_share_count": 1, "referring_within": "604800s", "recent_order_within": "604800s", "loyal_order_days": 2,
  "high_quality_gmv_minor": 50000, "value_lost_after": "3456000s"}}'
expect_error INVALID_FIELD LifecycleService/CreateLifecycleRules "{$account"', "lifecycle_rules": {}}'
expect_error RESOURCE_NOT_FOUND LifecycleService/ActivateLifecycleRules '{"name": "accounts/lumi-flagship/lifecycleRules/9"}'
expect_error RESOURCE_NOT_FOUND LifecycleService/GetFanLifecycle '{"name": "accounts/lumi-flagship/fans/nobody"}'
expect_error RESOURCE_NOT_FOUND LifecycleService/GetLifecycleDistribution '{"parent": "accounts/nobody"}'
