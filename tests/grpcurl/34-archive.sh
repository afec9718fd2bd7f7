#!/usr/bin/env bash
# What becomes of conversations once they were held: they are searched, exported, forgotten in time, and erased.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
mask='s/"(page_token|nextPageToken)": "[A-Za-z0-9_-]{10,}"/"\1": "TOKEN"/'
lumi
shop='"parent": "accounts/lumi-flagship"'
u1="$shop, \"user\": \"users/u1\""
user=$(mint --kind user --subject users/u1)
agent=$(mint --kind operator --subject li --grant accounts/lumi-flagship=agent)
admin=$(mint --kind operator --subject chen --grant accounts/lumi-flagship=admin)

# text ID TEXT: the rest of a message.
text() {
  printf '"client_message_id": "%s", "content": {"kind": "MESSAGE_CONTENT_KIND_TEXT", "text": "%s"}' "$1" "$2"
}

call_as "$user" InboxService/SendMessage "{$u1, $(text m1 '請問價格？')}" >/dev/null
call_as "$agent" DeskService/SendDeskMessage "{$u1, $(text r1 '价格 99 ＲＭＢ')}" >/dev/null
call InboxService/SendMessage "{$shop, \"user\": \"users/u2\", $(text m1 'Hello, 价格?')}" >/dev/null
call_as "$agent" SupportService/CreateNote "{$u1, \"text\": \"Wants it cheaper.\"}" >/dev/null

say "What was said is found however it was written, a page at a time"
call_as "$agent" ArchiveService/SearchMessages "{$shop, \"query\": \"价格\", \"page_size\": 2}"
call_as "$agent" ArchiveService/SearchMessages "{$shop, \"query\": \"价格\", \"page_size\": 2, \"page_token\": \"$(field nextPageToken)\"}"
call_as "$agent" ArchiveService/SearchMessages "{$u1, \"query\": \"rmb\", \"sender\": \"MESSAGE_SENDER_ACCOUNT\"}"
expect_error_as "$agent" query ArchiveService/SearchMessages "{$shop, \"query\": \" \"}"
expect_error_as "$user" ROLE_TOO_LOW ArchiveService/SearchMessages "{$shop, \"query\": \"a\"}"

say "All of it is exported to an admin, and the audit log says so"
expect_error_as "$agent" ROLE_TOO_LOW ArchiveService/ExportConversations "{$shop}"
call_as "$admin" ArchiveService/ExportConversations "{$shop}"
call AuditService/ListAuditEntries "{$shop, \"service\": \"messaging\", \"page_size\": 1}" >"$work/entries"
grep -E '"(method|caller)"' "$work/entries"

say "It is kept for 30 days"
expect_error_as "$admin" days ArchiveService/SetRetention "{$shop, \"days\": 29}"
call_as "$admin" ArchiveService/GetRetention "{$shop}"
call_as "$admin" ArchiveService/SetRetention "{$shop, \"days\": 30}"
call ClockService/AdvanceTime '{"by": "1728000s"}' >/dev/null
call_as "$user" InboxService/SendMessage "{$u1, $(text m2 'Still there?')}" >/dev/null
call ClockService/AdvanceTime '{"by": "950400s"}' >/dev/null
call_as "$admin" ArchiveService/GetRetention "{$shop}"
call_as "$agent" DeskService/ListDeskMessages "{$u1}"
call_as "$agent" SupportService/ListNotes "{$u1}"
call_as "$agent" ArchiveService/SearchMessages "{$shop, \"query\": \"价格\"}"

say "A person wants to be forgotten"
call_as "$admin" ArchiveService/EraseConversation "{$u1}"
call_as "$admin" ArchiveService/EraseConversation "{$u1}"
call_as "$user" InboxService/ListMessages "{$u1, \"after_sequence\": 2}"
expect_error_as "$admin" RESOURCE_NOT_FOUND ArchiveService/EraseConversation "{$shop, \"user\": \"users/nobody\"}"
