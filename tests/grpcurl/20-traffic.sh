#!/usr/bin/env bash
# Where fans come from: a poster, the homepage and a live room, a handful of people that can be counted by hand.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
account='"parent": "accounts/lumi-flagship"'
homepage=accounts/lumi-flagship/homepage

# did USER KIND TIME MOUNT [TARGET [SOURCE_DOMAIN [CAMPAIGN [PURCHASE]]]]: on the last day of February.
number=0
did() {
  number=$((number + 1))
  call InteractionService/IngestInteractions '{"parent": "accounts/lumi-flagship", "interactions": [{"event_id": "e'"$number"'",
    "user": "users/'"$1"'", "kind": "INTERACTION_KIND_'"$2"'", "event_time": "2026-02-28T'"$3"':00Z", "mount": "'"$4"'",
    "target": "'"${5:-}"'", "source_domain": "SOURCE_DOMAIN_'"${6:-UNSPECIFIED}"'", "campaign": "'"${7:-}"'"'"${8:+, \"purchase\": $8}"'}]}' \
    >"$work/did"
  grep -q '"acceptedCount": "1"' "$work/did" || cat "$work/did"
}

say "Nothing yet"
call TrafficService/GetHomepageFunnel "{$account}" -emit-defaults
call TrafficService/ListCardResults "{$account}"
call TrafficService/CompareSources "{$account"', "group_by": "SOURCE_GROUPING_MOUNT"}'

# u1 scans the poster at the till, lands on the homepage, follows and claims a coupon there.
did u1 SCAN 10:00 accounts/lumi-flagship/entryCodes/till-poster $homepage EXTERNAL spring
did u1 HOMEPAGE_VISIT 10:01 $homepage
did u1 FOLLOW 10:02 ''
did u1 CLICK 10:03 $homepage accounts/lumi-flagship/cards/tea-coupon
did u1 COUPON_CLAIM 10:04 $homepage accounts/lumi-flagship/cards/tea-coupon
# u2 goes on from the homepage into private messages; u3 only looks; u4 clicks the same card in a live room, and follows there.
did u2 HOMEPAGE_VISIT 11:00 ''
did u2 CLICK 11:01 $homepage $homepage/entrances/private_message
did u2 PRIVATE_MESSAGE 11:02 ''
did u3 HOMEPAGE_VISIT 12:00 ''
did u4 CLICK 13:00 lives/7 accounts/lumi-flagship/cards/tea-coupon PUBLIC
did u4 FOLLOW 13:01 lives/7 '' PUBLIC
# u1 orders in the evening: that belongs to what brought them last.
did u1 ORDER 20:00 '' '' UNSPECIFIED '' '{"order_id": "o1", "amount_minor": 19900}'

say "From the homepage"
call TrafficService/GetHomepageFunnel "{$account}"
call TrafficService/GetHomepageFunnel "{$account"', "start_time": "2026-02-28T11:30:00Z", "attribution_window": "3600s"}' -emit-defaults
say "A card at two places"
call TrafficService/ListCardResults "{$account}"
call TrafficService/ListCardResults "{$account"', "card": "accounts/lumi-flagship/cards/tea-coupon", "page_size": 1}'
say "Sources"
for grouping in MOUNT ENTRY_CODE CAMPAIGN SOURCE_DOMAIN; do
  call TrafficService/CompareSources "{$account, \"group_by\": \"SOURCE_GROUPING_$grouping\"}"
done
say "Within an hour the order belongs to nothing"
call TrafficService/CompareSources "{$account"', "group_by": "SOURCE_GROUPING_MOUNT", "attribution_window": "3600s", "page_size": 1}'

say "What is refused"
expect_error INVALID_FIELD TrafficService/CompareSources "{$account}"
expect_error INVALID_FIELD TrafficService/CompareSources "{$account"', "group_by": "SOURCE_GROUPING_MOUNT", "attribution_window": "59s"}'
expect_error INVALID_FIELD TrafficService/GetHomepageFunnel "{$account"', "start_time": "2026-02-01T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"}'
expect_error INVALID_FIELD TrafficService/ListCardResults "{$account"', "card": "accounts/another/cards/tea-coupon"}'
expect_error RESOURCE_NOT_FOUND TrafficService/GetHomepageFunnel '{"parent": "accounts/nobody"}'
