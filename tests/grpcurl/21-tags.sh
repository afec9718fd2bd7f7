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
