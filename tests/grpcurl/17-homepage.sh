#!/usr/bin/env bash
# A homepage: drafted, previewed, published now and at a time, looked at by strangers and followers, and brought back.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
service=siyu.accounts.v1.HomepageService
draft='"name": "accounts/lumi-flagship/homepage/draft"'
homepage='"name": "accounts/lumi-flagship/homepage"'

# edit ETAG TEXT: the draft says TEXT.
edit() {
  echo "{\"draft\": {$draft, \"etag\": \"$1\", \"homepage\": {\"modules\": [
    {\"kind\": \"MODULE_KIND_BRAND\", \"title\": \"Lumi\", \"text\": \"$2\"},
    {\"kind\": \"MODULE_KIND_ENTRANCES\", \"entrances\": [{\"kind\": \"ENTRANCE_KIND_SUBSCRIBE\"},
      {\"kind\": \"ENTRANCE_KIND_GROUP\", \"follow_first\": true}]}]}}, \"update_mask\": {\"paths\": [\"homepage\"]}}"
}

say "Before anything is published: what the profile says"
call $service/GetHomepage "{$homepage, \"viewer\": \"users/u1\"}"
call $service/GetHomepageDraft "{$draft}"
say "A template of the quadrant"
call $service/ListHomepageTemplates '{"parent": "accounts/lumi-flagship", "page_size": 1}'
call $service/ApplyHomepageTemplate "{$draft, \"template\": \"homepageTemplates/flagship-store\"}"
say "Two editors: the second one learns of the first"
call $service/UpdateHomepageDraft "$(edit '\"1\"' Spring)"
expect_error ETAG_MISMATCH $service/UpdateHomepageDraft "$(edit '\"1\"' Autumn)"
expect_error "modules[0].cards[0]" $service/UpdateHomepageDraft "{\"draft\": {$draft, \"homepage\": {\"modules\": [
  {\"kind\": \"MODULE_KIND_COUPONS\", \"cards\": [\"accounts/other/cards/c1\"]}]}}, \"update_mask\": {\"paths\": [\"homepage\"]}}"
call $service/PreviewHomepage "{$draft, \"following\": true, \"tier\": \"TIER_FAVORABLE\"}"
say "Published now, and another one at a time"
call $service/PublishHomepage "{$homepage, \"note\": \"spring\"}"
call $service/UpdateHomepageDraft "$(edit '' Night)" >/dev/null
expect_error publish_time $service/PublishHomepage "{$homepage, \"publish_time\": \"2026-02-01T00:00:00Z\"}"
call $service/PublishHomepage "{$homepage, \"publish_time\": \"2026-03-01T20:00:00Z\", \"note\": \"night\"}"
expect_error WRONG_STATE $service/PublishHomepage "{$homepage, \"publish_time\": \"2026-03-01T22:00:00Z\"}"
say "Seen by a stranger, and by a follower"
call $service/GetHomepage "{$homepage, \"viewer\": \"users/u1\"}"
ingest u2 FOLLOW 2026-02-20T08:00:00Z
call $service/GetHomepage "{$homepage, \"viewer\": \"users/u2\"}"
say "Its time comes"
call ClockService/AdvanceTime '{"by": "86400s"}' >/dev/null
call $service/ListHomepageVersions '{"parent": "accounts/lumi-flagship/homepage"}'
call $service/RollbackHomepage '{"name": "accounts/lumi-flagship/homepage/versions/1", "note": "day again"}'
call $service/GetHomepageVersion '{"name": "accounts/lumi-flagship/homepage/versions/3"}'
expect_error WRONG_STATE $service/CancelScheduledPublish "{$homepage}"
say "What users do there comes to the CRM once"
visits='{"parent": "accounts/lumi-flagship", "engagements": [
  {"event_id": "e1", "user": "users/u2", "action": "ENGAGEMENT_ACTION_HOMEPAGE_VISIT", "event_time": "2026-03-01T20:00:01Z"},
  {"event_id": "e2", "user": "users/u2", "action": "ENGAGEMENT_ACTION_ENTRANCE_CLICK", "event_time": "2026-03-01T20:00:05Z",
   "target": "accounts/lumi-flagship/homepage/entrances/group"},
  {"event_id": "e3", "user": "users/u2", "action": "ENGAGEMENT_ACTION_CARD_CLICK", "event_time": "2026-03-01T20:00:09Z",
   "target": "accounts/lumi-flagship/cards/none"}]}'
call siyu.accounts.v1.EngagementService/RecordEngagements "$visits"
call siyu.accounts.v1.EngagementService/RecordEngagements "$visits" >/dev/null
call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null
call InteractionService/ListInteractions '{"parent": "accounts/lumi-flagship/fans/u2"}'
