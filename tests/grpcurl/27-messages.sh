#!/usr/bin/env bash
# Private messages: both sides write, read, list and take back; what an account may send; an inbox as it happens.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
mask='s/message:[0-9a-z]{26}/message:ULID/'
lumi
shop='"parent": "accounts/lumi-flagship"'
u1="$shop, \"user\": \"users/u1\""
user=$(mint --kind user --subject users/u1)
agent=$(mint --kind operator --subject li --grant accounts/lumi-flagship=agent)

# text ID TEXT: the rest of a message.
text() {
  printf '"client_message_id": "%s", "content": {"kind": "MESSAGE_CONTENT_KIND_TEXT", "text": "%s"}' "$1" "$2"
}

say "A user writes, an agent answers; the same once more is the same message"
call_as "$user" InboxService/SendMessage "{$u1, $(text m1 '营业时间?')}"
call_as "$agent" DeskService/SendDeskMessage "{$u1, $(text r1 'Ten to eight, every day.')}"
call_as "$user" InboxService/SendMessage "{$u1, $(text m1 '营业时间?')}"
expect_error_as "$user" REQUEST_ID_REUSED InboxService/SendMessage "{$u1, $(text m1 'Something else')}"
expect_error_as "$user" ROLE_TOO_LOW InboxService/SendMessage "{$shop, \"user\": \"users/u2\", $(text m1 'As somebody else')}"

say "What both sides see"
call_as "$user" InboxService/ListMessages "{$u1}"
call_as "$agent" DeskService/ListDeskMessages "{$u1, \"after_sequence\": 1}"
call_as "$user" InboxService/MarkRead "{$u1, \"sequence\": 2}"
call_as "$agent" DeskService/GetConversation "{$u1}"
call_as "$agent" DeskService/ListDeskConversations "{$shop}"
call_as "$user" InboxService/ListConversations '{"user": "users/u1"}'

say "Three more are too many for somebody who does not answer"
call_as "$agent" DeskService/SendDeskMessage "{$u1, $(text r2 'Anything else?')}" >/dev/null
call_as "$agent" DeskService/SendDeskMessage "{$u1, $(text r3 'Are you there?')}" >/dev/null
expect_error_as "$agent" QUOTA_EXCEEDED DeskService/SendDeskMessage "{$u1, $(text r4 'Hello?')}"
call DeskService/CreateMessagePolicy '{"message_policy": {"certified_limit": 6, "basic_limit": 4}}'
call_as "$agent" DeskService/SendDeskMessage "{$u1, $(text r4 'Hello?')}" >/dev/null
expect_error effective_time DeskService/CreateMessagePolicy '{"message_policy": {"effective_time": "2026-02-01T00:00:00Z"}}'

say "It is taken back; who listens after the second change hears of the rest, as it is now, and how far both sides have read"
call_as "$agent" DeskService/RecallDeskMessage "{$u1, \"sequence\": 5}"
# Whose deadline ends it, the client's or the server's, is not told apart.
expect_error_as "$user" DeadlineExceeded InboxService/StreamInbox '{"user": "users/u1", "after": 2}' -max-time 2 | sed '/^ERROR:/,$d'
call ClockService/AdvanceTime '{"by": "120s"}' >/dev/null
expect_error_as "$agent" WRONG_STATE DeskService/RecallDeskMessage "{$u1, \"sequence\": 4}"

say "The CRM knows that the user wrote"
call InteractionService/ListInteractions '{"parent": "accounts/lumi-flagship/fans/u1"}'

say "What was sent elsewhere comes in with its times, once"
old() { # old ID TIME TEXT
  printf '{"account": "accounts/lumi-flagship", "user": "users/u9", "sender": "MESSAGE_SENDER_USER", "client_message_id": "%s", "create_time": "%s", "content": {"kind": "MESSAGE_CONTENT_KIND_TEXT", "text": "%s"}}' "$1" "$2" "$3"
}
call ImportService/ImportMessages "{\"messages\": [$(old o1 2025-05-01T10:00:00Z 'Is it open on Sunday?'), $(old o2 2025-05-01T10:00:00Z 'Hello?'), $(old o3 2025-05-01T09:59:59Z 'Earlier')]}"
call ImportService/ImportMessages "{\"messages\": [$(old o1 2025-05-01T10:00:00Z 'Is it open on Sunday?')]}"

say "What makes no sense"
expect_error content.text InboxService/SendMessage "{$u1, $(text m2 ' ')}"
expect_error content.card DeskService/SendDeskMessage "{$u1, \"client_message_id\": \"c\", \"content\": {\"kind\": \"MESSAGE_CONTENT_KIND_CARD\", \"card\": \"accounts/other/cards/tea\"}}"
expect_error after_sequence InboxService/ListMessages "{$u1, \"before_sequence\": 3, \"after_sequence\": 1}"
expect_error CURSOR_EXPIRED InboxService/StreamInbox '{"user": "users/u1", "after": 99}'
expect_error RESOURCE_NOT_FOUND InboxService/SendMessage "{\"parent\": \"accounts/nowhere\", \"user\": \"users/u1\", $(text m2 'Hello')}"
