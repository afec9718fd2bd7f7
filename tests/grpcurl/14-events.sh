#!/usr/bin/env bash
# Events: every change of an account is in the feed, once and in order, with cursors to go on from; snapshots; parked keys.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
mask='s/"eventId": "[0-9a-z]{26}"/"eventId": "ULID"/; s/"traceParent": "00-[0-9a-f-]+"/"traceParent": "TRACE"/'
lumi
call AccountsService/UpdateAccount '{"account": {"name": "accounts/lumi-flagship", "profile": {"persona": "Your skin coach"}},
  "update_mask": {"paths": ["profile.persona"]}}' >/dev/null
# Answers once everything has arrived.
call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null

say "What has happened so far, and what has happened after the first event"
call EventFeedService/StreamEvents '{"parent": "feeds/accounts"}'
partition=$(python3 -c 'import json; print(json.load(open("'"$work/answer"'"))["partition"])')
call EventFeedService/StreamEvents '{"parent": "feeds/accounts", "cursors": [{"partition": '"$partition"', "position": 1}]}'
say "A snapshot says where to go on"
call AccountsService/SnapshotAccounts '{}' | grep -vE '"partition": (0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15)' | grep -E 'position|"name"|persona'
say "Nobody is parked, and there is nothing to replay"
call EventConsumerService/ListParkedKeys '{"parent": "consumers/crm-accounts"}'
call EventConsumerService/ReplayParkedKey '{"parent": "consumers/crm-accounts", "key": "accounts/lumi-flagship"}'

say "What is refused"
expect_error RESOURCE_NOT_FOUND EventFeedService/GetFeed '{"name": "feeds/strategy"}'
expect_error INVALID_FIELD EventFeedService/GetFeed '{"name": "accounts"}'
expect_error INVALID_FIELD EventFeedService/StreamEvents '{"parent": "feeds/accounts", "cursors": [{"partition": 16}]}'
expect_error INVALID_FIELD EventFeedService/StreamEvents '{"parent": "feeds/accounts", "page_size": -1}'
expect_error RESOURCE_NOT_FOUND EventConsumerService/ListParkedKeys '{"parent": "consumers/crm-strategy"}'
owner=$(mint --kind operator --subject li --grant accounts/lumi-flagship=owner)
expect_error_as "$owner" ROLE_TOO_LOW EventFeedService/GetFeed '{"name": "feeds/accounts"}'
