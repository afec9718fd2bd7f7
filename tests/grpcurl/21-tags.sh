#!/usr/bin/env bash
# Tags: made, changed by two at a time, put on fans one by one and by the stream, taken off, deleted.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
account='"parent": "accounts/lumi-flagship"'
dry='"name": "accounts/lumi-flagship/tags/dry-skin"'
for number in 1 2 3; do
  ingest "u$number" FOLLOW "2026-02-0${number}T08:00:00Z"
done

say "Two tags"
call TagService/CreateTag "{$account"', "tag_id": "dry-skin", "tag": {"display_name": "干皮", "category": "skin type"}}'
call TagService/CreateTag "{$account"', "tag_id": "vip", "tag": {"display_name": "VIP"}}' >/dev/null
call TagService/GetTag "{$dry}"
call TagService/UpdateTag '{"tag": {'"$dry"', "description": "Said so in a lead form", "etag": "\"1\""}, "update_mask": {"paths": ["description"]}}'
expect_error ETAG_MISMATCH TagService/UpdateTag '{"tag": {'"$dry"', "category": "skin", "etag": "\"1\""}, "update_mask": {"paths": ["category"]}}'

say "On fans: each user is judged alone"
call TagService/TagFans "{$dry"', "users": ["users/u1", "users/nobody", "users/u2"]}'
call TagService/TagFans "{$dry"', "users": ["users/u1", "users/u3"]}'
call TagService/UntagFans "{$dry"', "users": ["users/u3"]}'
call ClockService/AdvanceTime '{"by": "60s"}' >/dev/null
call TagService/ImportFanTags "{$account"', "cause": "members.csv", "rows": [{"user": "users/u1", "tag": "vip"},
  {"user": "users/u1", "tag": "dry-skin"}, {"user": "users/u2", "tag": "oily"}, {"user": "u2", "tag": "vip"}]}
  {'"$account"', "cause": "members.csv", "rows": [{"user": "users/u3", "tag": "vip"}, {"user": "users/nobody", "tag": "vip"}]}'
call TagService/ListFanTags '{"parent": "accounts/lumi-flagship/fans/u1"}'
call TagService/ListTaggedFans '{"parent": "accounts/lumi-flagship/tags/vip", "page_size": 1}'
call TagService/ListTaggedFans '{"parent": "accounts/lumi-flagship/tags/vip", "page_size": 1, "page_token": "'"$(field nextPageToken)"'"}'
call TagService/ListTags "{$account}"
call FanService/GetFanStanding '{"name": "accounts/lumi-flagship/fans/u1"}'

say "By rule: customers, from now on and every day"
ingest u2 ORDER 2026-02-20T08:00:00Z '{"amount_minor": 9900}'
call TagRuleService/CreateTagRule "{$account"', "tag_rule_id": "customers", "tag_rule": {"tag": "customer",
  "condition": {"min_order_count": 1, "active_within": "2592000s", "min_tier": "TIER_PASSERBY"}}}'
call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null
call TagService/ListTaggedFans '{"parent": "accounts/lumi-flagship/tags/customer"}'
call ClockService/AdvanceTime '{"by": "2592000s"}' >/dev/null
call TagService/ListTaggedFans '{"parent": "accounts/lumi-flagship/tags/customer"}'
call TagRuleService/UpdateTagRule '{"tag_rule": {"name": "accounts/lumi-flagship/tagRules/customers", "etag": "\"1\"",
  "condition": {"stages": ["LIFECYCLE_STAGE_DORMANT"], "value_classes": ["VALUE_CLASS_ORDINARY"]}}}' >/dev/null
call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null
call TagService/ListFanTags '{"parent": "accounts/lumi-flagship/fans/u2"}'
call TagRuleService/ListTagRules "{$account}"
expect_error WRONG_STATE TagService/DeleteTag '{"name": "accounts/lumi-flagship/tags/customer"}'
expect_error WRONG_STATE TagRuleService/CreateTagRule "{$account"', "tag_rule_id": "others", "tag_rule": {"tag": "customer", "condition": {"min_order_count": 2}}}'
expect_error INVALID_FIELD TagRuleService/CreateTagRule "{$account"', "tag_rule_id": "others", "tag_rule": {"tag": "other"}}'
call TagRuleService/DeleteTagRule '{"name": "accounts/lumi-flagship/tagRules/customers"}'
call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null
call TagService/DeleteTag '{"name": "accounts/lumi-flagship/tags/customer"}'

say "By behaviour: three likes or shares of contents about skin care within a week, and the tag stays"
call ContentService/RegisterContent "{$account"', "content_id": "v1", "content": {"kind": "CONTENT_KIND_VIDEO", "title": "防晒", "topics": ["skincare"]}}' >/dev/null
call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null
call TagRuleService/CreateTagRule "{$account"', "tag_rule_id": "into-skincare", "tag_rule": {"tag": "into-skincare",
  "behaviour": {"topics": ["skincare"], "kinds": ["INTERACTION_KIND_LIKE", "INTERACTION_KIND_SHARE"], "min_count": 3, "within": "604800s"}}}'
for event in "2026-02-20 LIKE" "2026-03-01 LIKE" "2026-02-24 SHARE" "2026-02-27 LIKE"; do
  call InteractionService/IngestInteractions "{$account"', "interactions": [{"event_id": "on-v1:'"${event/ /:}"'", "user": "users/u1",
    "kind": "INTERACTION_KIND_'"${event#* }"'", "event_time": "'"${event% *}"'T08:00:00Z", "target": "accounts/lumi-flagship/contents/v1"}]}' >/dev/null
  call FanService/GetFanStanding '{"name": "accounts/lumi-flagship/fans/u1"}'
done
call TagService/ListTaggedFans '{"parent": "accounts/lumi-flagship/tags/into-skincare"}'
expect_error INVALID_FIELD TagRuleService/CreateTagRule "{$account"', "tag_rule_id": "others", "tag_rule": {"tag": "other",
  "behaviour": {"kinds": ["INTERACTION_KIND_ORDER"], "min_count": 0}}}'
call TagRuleService/DeleteTagRule '{"name": "accounts/lumi-flagship/tagRules/into-skincare"}'
call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null
call TagService/ListTaggedFans '{"parent": "accounts/lumi-flagship/tags/into-skincare"}'

say "Deleted"
call TagService/DeleteTag "{$dry}"
call FanService/GetFanStanding '{"name": "accounts/lumi-flagship/fans/u1"}'
call TagService/ListTags "{$account}"

say "What is refused"
expect_error RESOURCE_EXISTS TagService/CreateTag "{$account"', "tag_id": "vip", "tag": {"display_name": "VIP"}}'
expect_error INVALID_FIELD TagService/CreateTag "{$account"', "tag_id": "V I P", "tag": {"display_name": "VIP"}}'
expect_error INVALID_FIELD TagService/CreateTag "{$account"', "tag_id": "new"}'
expect_error INVALID_FIELD TagService/CreateTag "{$account"', "tag_id": "new", "tag": {}}'
expect_error IMMUTABLE_FIELD TagService/UpdateTag '{"tag": {"name": "accounts/lumi-flagship/tags/vip"}, "update_mask": {"paths": ["fan_count"]}}'
expect_error RESOURCE_NOT_FOUND TagService/TagFans "{$dry"', "users": ["users/u1"]}'
expect_error INVALID_FIELD TagService/TagFans '{"name": "accounts/lumi-flagship/tags/vip", "users": ["u1", "users/u2"]}'
expect_error RESOURCE_NOT_FOUND TagService/ListTags '{"parent": "accounts/nobody"}'
expect_error RESOURCE_NOT_FOUND TagService/ListFanTags '{"parent": "accounts/lumi-flagship/fans/nobody"}'
expect_error RESOURCE_NOT_FOUND TagService/DeleteTag "{$dry}"
