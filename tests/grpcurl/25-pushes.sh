#!/usr/bin/env bash
# Following, and a push from its draft to the feeds: planned, scheduled, published, reported, explained, recalled.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
mask='s#/plans/[0-9a-z]{26}#/plans/ULID#; s/"digest": "[0-9a-f]{64}"/"digest": "SIGNATURE"/; s#pushes/[0-9a-z]{26}#pushes/ulid#'
mask+='; s/follow:[0-9a-z]{26}/follow:ULID/'
lumi
shop='"parent": "accounts/lumi-flagship"'
spring='"name": "accounts/lumi-flagship/pushes/spring"'
call RightsService/CreateRightPolicy '{"right_policy": {"kind": "RIGHT_KIND_PUSH", "certification_class": "CERTIFICATION_CLASS_BASIC",
  "amount": 1, "period": "ALLOWANCE_PERIOD_MONTH"}}' >/dev/null

# wait SECONDS: time passes.
wait_for() {
  call ClockService/AdvanceTime "{\"by\": \"$1s\"}" >/dev/null
}

say "Users follow; one of them for themselves, one comes with an import"
user=$(mint --kind user --subject users/u1)
call_as "$user" FollowService/Follow "{$shop, \"user\": \"users/u1\", \"source_domain\": \"SOURCE_DOMAIN_PRIVATE\", \"mount\": \"accounts/lumi-flagship/homepage\"}"
expect_error_as "$user" ROLE_TOO_LOW FollowService/Follow "{$shop, \"user\": \"users/u2\"}"
call FollowService/ImportFollowers "{$shop, \"followers\": [{\"user\": \"users/u2\", \"follow_time\": \"2025-11-11T00:00:00Z\"}, {\"user\": \"u3\"}]}"
call FollowService/SetMutual "{$shop, \"user\": \"users/u2\", \"mutual\": true}"
call FollowService/ListFollowers "{$shop, \"page_size\": 1}"
wait_for 60
call InteractionService/ListInteractions '{"parent": "accounts/lumi-flagship/fans/u1"}'

say "A draft, and what it would do"
call PushService/CreatePush "{$shop, \"push_id\": \"spring\", \"push\": {\"content\": {\"kind\": \"PUSH_CONTENT_KIND_TEXT\", \"text\": \"Spring is here\"}, \"topic\": \"news\"}}"
expect_error push.content.title PushService/CreatePush "{$shop, \"push\": {\"content\": {\"kind\": \"PUSH_CONTENT_KIND_ARTICLE\", \"text\": \"Long\"}}}"
call PushService/PlanPush "{$spring, \"publish_time\": \"2026-03-02T02:00:00Z\"}"
expect_error publish_time PushService/SchedulePush "{$spring, \"publish_time\": \"2026-02-01T00:00:00Z\"}"
call PushService/SchedulePush "{$spring, \"publish_time\": \"2026-03-02T02:00:00Z\"}"
say "There is one right a month, and it is taken"
call PushService/CreatePush "{$shop, \"push_id\": \"more\", \"push\": {\"content\": {\"kind\": \"PUSH_CONTENT_KIND_TEXT\", \"text\": \"More\"}}}" >/dev/null
expect_error QUOTA_EXCEEDED PushService/SchedulePush '{"name": "accounts/lumi-flagship/pushes/more"}'

say "At its time it is in the feeds"
call_as "$user" FeedService/ListFeed '{"user": "users/u1"}'
wait_for 100000
call_as "$user" FeedService/ListFeed '{"user": "users/u1"}'
call_as "$user" FeedService/ReportFeed '{"user": "users/u1", "reports": [
  {"event_id": "e1", "push": "accounts/lumi-flagship/pushes/spring", "action": "FEED_ACTION_OPEN"},
  {"event_id": "e2", "push": "accounts/lumi-flagship/pushes/nothing", "action": "FEED_ACTION_OPEN"}]}'
call PushService/GetPush "{$spring}"
call PushService/ExplainPush "{$spring, \"user\": \"users/u1\"}"
call PushService/ExplainPush "{$spring, \"user\": \"users/nobody\"}"

say "What came of it: an order an hour later, and somebody who leaves by it"
wait_for 3600
call InteractionService/IngestInteractions "{$shop, \"interactions\": [{\"event_id\": \"o1\", \"user\": \"users/u1\",
  \"kind\": \"INTERACTION_KIND_ORDER\", \"event_time\": \"2026-03-02T04:30:00Z\", \"purchase\": {\"amount_minor\": 4200}}]}"
call FollowService/Unfollow "{$shop, \"user\": \"users/u2\", \"mount\": \"accounts/lumi-flagship/pushes/spring\"}" >/dev/null
wait_for 60
call PushService/GetPushResults "{$spring, \"attribution_window\": \"7200s\"}"
expect_error attribution_window PushService/GetPushResults "{$spring, \"attribution_window\": \"1s\"}"
call FollowService/Follow "{$shop, \"user\": \"users/u2\"}" >/dev/null

say "It is taken back; who had seen it learns why"
call PushService/RecallPush "{$spring, \"correction\": {\"kind\": \"PUSH_CONTENT_KIND_TEXT\", \"text\": \"Not yet\"}}"
wait_for 60
call_as "$user" FeedService/ListFeed '{"user": "users/u1"}'
call FeedService/ListFeed '{"user": "users/u2"}'
expect_error WRONG_STATE PushService/CancelPush "{$spring}"
call PushService/ListPushes "{$shop, \"state\": \"PUSH_STATE_RECALLED\"}"
