#!/usr/bin/env bash
# The service desk: agents, the queue, cases, notes and canned replies; working time, targets, and what came of it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
shop='"parent": "accounts/lumi-flagship"'
u1="$shop, \"user\": \"users/u1\""
u2="$shop, \"user\": \"users/u2\""
li='"name": "accounts/lumi-flagship/agents/li"'
user=$(mint --kind user --subject users/u1)
agent=$(mint --kind operator --subject li --grant accounts/lumi-flagship=agent)
admin=$(mint --kind operator --subject chen --grant accounts/lumi-flagship=admin)

# text ID TEXT: the rest of a message.
text() {
  printf '"client_message_id": "%s", "content": {"kind": "MESSAGE_CONTENT_KIND_TEXT", "text": "%s"}' "$1" "$2"
}

say "It is worked from 9 to 12 and from 14 to 18, and answered within half an hour of that"
call_as "$admin" ResponseTimeService/SetBusinessCalendar "{$shop, \"calendar\": {\"week\": [
  {\"day\": \"WEEKDAY_SUNDAY\", \"period\": {\"open_minute\": 540, \"close_minute\": 720}},
  {\"day\": \"WEEKDAY_SUNDAY\", \"period\": {\"open_minute\": 840, \"close_minute\": 1080}}],
  \"special_days\": [{\"date\": \"2026-03-08\"}]}}"
call_as "$admin" ResponseTimeService/SetResponseTargets "{$shop, \"targets\": [{\"clock\": \"RESPONSE_CLOCK_FIRST_HUMAN\", \"within\": \"1800s\", \"warning_percent\": 80}]}"

say "An agent is away: who writes at 11:50 in Shanghai waits, and is due at 14:20"
call_as "$agent" SupportService/SetAgentState "{$li, \"state\": \"AGENT_STATE_AWAY\"}"
call_as "$admin" SupportService/UpdateAgent "{$li, \"capacity\": 1}"
call ClockService/AdvanceTime '{"by": "13800s"}' >/dev/null
call_as "$user" InboxService/SendMessage "{$u1, $(text m1 '营业时间?')}" >/dev/null
call InboxService/SendMessage "{$u2, $(text m1 'Hello')}" >/dev/null
call_as "$agent" SupportService/ListQueue "{$shop}"

say "Nobody comes: it is missed, once; then the agent is there and gets the one who waits longest"
call ClockService/AdvanceTime '{"by": "9000s"}' >/dev/null
call ClockService/AdvanceTime '{"by": "60s"}' >/dev/null
call_as "$agent" SupportService/SetAgentState "{$li, \"state\": \"AGENT_STATE_ONLINE\"}" >/dev/null
call ClockService/AdvanceTime '{"by": "60s"}' >/dev/null
call_as "$agent" SupportService/ListAgents "{$shop}"
call_as "$agent" DeskService/GetConversation "{$u1}"

say "What is at hand"
call_as "$admin" CannedReplyService/CreateCannedReply "{$shop, \"canned_reply_id\": \"hours\", \"canned_reply\": {\"text\": \"Dear {{user}}, {{account}} opens at {{open}}.\"}}"
reply='"name": "accounts/lumi-flagship/cannedReplies/hours", "user": "users/u1"'
call_as "$agent" CannedReplyService/RenderCannedReply "{$reply, \"variables\": [{\"name\": \"open\", \"value\": \"10:00\"}]}"
expect_error_as "$agent" "must have open" CannedReplyService/RenderCannedReply "{$reply}"
call_as "$agent" SupportService/CreateNote "{$u1, \"text\": \"Asks for the second time.\"}"
call_as "$agent" SupportService/SetLabels "{$u1, \"labels\": [\"hours\"]}" >/dev/null

say "It is answered and closed; the next one gets the room; the user says what they think of it, once"
call_as "$agent" DeskService/SendDeskMessage "{$u1, $(text r1 'From ten on.')}" >/dev/null
call_as "$agent" SupportService/CloseConversation "{$u1}"
call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null
call_as "$agent" SupportService/ListQueue "{$shop, \"agent\": \"accounts/lumi-flagship/agents/li\"}"
call_as "$user" SupportService/RateConversation "{$u1, \"stars\": 4, \"comment\": \"Late, but kind.\"}"
expect_error_as "$user" WRONG_STATE SupportService/RateConversation "{$u1, \"stars\": 5}"
call_as "$user" InboxService/ListConversations '{"user": "users/u1"}'
call_as "$agent" SupportService/ListNotes "{$u1}"

say "What came of it"
call_as "$admin" ResponseTimeService/GetResponseReport "{$shop, \"start_time\": \"2026-03-01T00:00:00Z\", \"end_time\": \"2026-04-01T00:00:00Z\"}"

say "What makes no sense"
expect_error_as "$agent" ROLE_TOO_LOW SupportService/SetAgentState '{"name": "accounts/lumi-flagship/agents/wu", "state": "AGENT_STATE_ONLINE"}'
expect_error_as "$agent" ROLE_TOO_LOW ResponseTimeService/SetResponseTargets "{$shop}"
expect_error_as "$admin" RESOURCE_NOT_FOUND SupportService/TransferConversation "{$u2, \"agent\": \"accounts/lumi-flagship/agents/wu\"}"
expect_error_as "$admin" calendar.week ResponseTimeService/SetBusinessCalendar "{$shop, \"calendar\": {\"week\": [{\"day\": \"WEEKDAY_MONDAY\", \"period\": {\"open_minute\": 720, \"close_minute\": 540}}]}}"
expect_error_as "$agent" RESOURCE_NOT_FOUND SupportService/CloseConversation "{$shop, \"user\": \"users/nobody\"}"
