#!/usr/bin/env bash
# What is not let through: words of the account and of the platform, users who are blocked, and what somebody has to look at.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
mask='s/moderationHits\/[0-9a-z]{26}/moderationHits\/ULID/; s/"nextPageToken": "[^"]+"/"nextPageToken": "TOKEN"/'
lumi
shop='"parent": "accounts/lumi-flagship"'
u1="$shop, \"user\": \"users/u1\""
user=$(mint --kind user --subject users/u1)
agent=$(mint --kind operator --subject li --grant accounts/lumi-flagship=agent)
admin=$(mint --kind operator --subject wang --grant accounts/lumi-flagship=admin)

# text ID TEXT: the rest of a message.
text() {
  printf '"client_message_id": "%s", "content": {"kind": "MESSAGE_CONTENT_KIND_TEXT", "text": "%s"}' "$1" "$2"
}

say "Words of the account: masked, refused, looked at, in whatever form they are written"
words='{"text": "微信", "action": "MODERATION_ACTION_MASK"}, {"text": "casino", "action": "MODERATION_ACTION_BLOCK"}'
words+=', {"text": "loan", "action": "MODERATION_ACTION_REVIEW"}'
call_as "$admin" ModerationService/AddWords "{$shop, \"words\": [$words]}"
expect_error_as "$agent" ROLE_TOO_LOW ModerationService/AddWords "{$shop, \"words\": [$words]}"
call_as "$user" InboxService/SendMessage "{$u1, $(text m1 '加微 信 abc')}"
expect_error_as "$user" content.text InboxService/SendMessage "{$u1, $(text m2 'My Ｃ.Ａ.Ｓ.Ｉ.Ｎ.Ｏ')}"
expect_error_as "$agent" casino DeskService/SendDeskMessage "{$u1, $(text r1 'Not in a casino')}"
call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null
call_as "$user" InboxService/SendMessage "{$u1, $(text m3 'A loan?')}"
call_as "$admin" ModerationService/ListModerationHits "{$shop, \"page_size\": 1}"

say "How they are looked for can be set"
call_as "$admin" ModerationService/UpdateWordMatching "{$shop, \"matching\": {\"any_case\": true}}"
call_as "$user" InboxService/SendMessage "{$u1, $(text m4 '微 信')}"
call_as "$admin" ModerationService/RemoveWords "{$shop, \"words\": [\"casino\"]}"
call_as "$admin" ModerationService/ListWords "{$shop}"

say "Words of the platform, for all accounts"
call ModerationService/AddPlatformWords '{"words": [{"text": "scam", "action": "MODERATION_ACTION_MASK"}]}'
call ModerationService/UpdatePlatformWordMatching '{"matching": {"any_case": true, "any_width": true, "across_separators": true}}'
call ModerationService/ListPlatformWords
expect_error_as "$admin" ROLE_TOO_LOW ModerationService/ListPlatformWords
call ClockService/AdvanceTime '{"by": "3s"}' >/dev/null
call_as "$user" InboxService/SendMessage "{$u1, $(text m5 'S C A M!')}"
call ModerationService/RemovePlatformWords '{"words": ["scam"]}'

say "A user reports a message; it is decided on, once"
call_as "$agent" DeskService/SendDeskMessage "{$u1, $(text r2 'Go away')}" >/dev/null
call_as "$user" ModerationService/ReportMessage "{$u1, \"sequence\": 5, \"comment\": \"rude\"}"
call_as "$admin" ModerationService/ListReviewItems "{$shop, \"state\": \"REVIEW_STATE_OPEN\"}"
call_as "$admin" ModerationService/DecideReviewItem '{"name": "accounts/lumi-flagship/reviewItems/report:5:u1", "state": "REVIEW_STATE_UPHELD"}'
call_as "$admin" ModerationService/DecideReviewItem '{"name": "accounts/lumi-flagship/reviewItems/words:2:u1", "state": "REVIEW_STATE_DISMISSED"}'
expect_error_as "$admin" WRONG_STATE ModerationService/DecideReviewItem '{"name": "accounts/lumi-flagship/reviewItems/words:2:u1", "state": "REVIEW_STATE_UPHELD"}'
call_as "$user" InboxService/ListMessages "{$u1, \"page_size\": 1}"

say "A user who is blocked cannot write, until they are not"
call_as "$agent" ModerationService/BlockUser "{$u1, \"reason\": \"spam\"}"
expect_error_as "$user" CONDITION_NOT_MET InboxService/SendMessage "{$u1, $(text m6 'Hello?')}"
call_as "$agent" ModerationService/ListBlockedUsers "{$shop}"
call_as "$agent" ModerationService/UnblockUser "{$u1}"
call_as "$user" InboxService/SendMessage "{$u1, $(text m6 'Hello?')}"

say "What makes no sense"
expect_error 'words[0].action' ModerationService/AddWords "{$shop, \"words\": [{\"text\": \"a\"}]}"
expect_error words ModerationService/AddPlatformWords '{"words": [{"text": "?!", "action": "MODERATION_ACTION_MASK"}]}'
expect_error RESOURCE_NOT_FOUND ModerationService/DecideReviewItem '{"name": "accounts/lumi-flagship/reviewItems/words:9:u1", "state": "REVIEW_STATE_UPHELD"}'
