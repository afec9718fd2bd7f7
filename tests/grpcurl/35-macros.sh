#!/usr/bin/env bash
# Macros of the service desk: what agents do again and again, all of it or nothing.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
mask='s|macro/[0-9a-z]{26}|macro/ULID|'
lumi
shop='"parent": "accounts/lumi-flagship"'
u1="$shop, \"user\": \"users/u1\""
operator=$(mint --kind operator --subject chen --grant accounts/lumi-flagship=operator)
agent=$(mint --kind operator --subject li --grant accounts/lumi-flagship=agent)
solved='"name": "accounts/lumi-flagship/macros/solved"'

call_as "$agent" SupportService/SetAgentState '{"name": "accounts/lumi-flagship/agents/li", "state": "AGENT_STATE_ONLINE"}' >/dev/null
call_as "$operator" CannedReplyService/CreateCannedReply "{$shop, \"canned_reply_id\": \"hours\", \"canned_reply\": {\"text\": \"We open at {{open}}.\"}}" >/dev/null
call InboxService/SendMessage "{$u1, \"client_message_id\": \"m1\", \"content\": {\"kind\": \"MESSAGE_CONTENT_KIND_TEXT\", \"text\": \"When do you open?\"}}" >/dev/null
call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null

say "What ends it comes last"
expect_error_as "$operator" 'actions[0].kind' MacroService/CreateMacro "{$shop, \"macro_id\": \"solved\", \"desk_macro\": {\"display_name\": \"Solved\", \"actions\": [
  {\"kind\": \"MACRO_ACTION_KIND_CLOSE\"}, {\"kind\": \"MACRO_ACTION_KIND_SEND_TEXT\", \"text\": \"Bye\"}]}}"
expect_error_as "$agent" ROLE_TOO_LOW MacroService/CreateMacro "{$shop, \"macro_id\": \"solved\", \"desk_macro\": {\"display_name\": \"Solved\", \"actions\": [{\"kind\": \"MACRO_ACTION_KIND_CLOSE\"}]}}"
call_as "$operator" MacroService/CreateMacro "{$shop, \"macro_id\": \"solved\", \"desk_macro\": {\"display_name\": \"Solved\", \"actions\": [
  {\"kind\": \"MACRO_ACTION_KIND_SEND_CANNED_REPLY\", \"canned_reply\": \"accounts/lumi-flagship/cannedReplies/hours\"},
  {\"kind\": \"MACRO_ACTION_KIND_ADD_LABELS\", \"labels\": [\"hours\"]},
  {\"kind\": \"MACRO_ACTION_KIND_ADD_NOTE\", \"text\": \"Asked for the hours.\"},
  {\"kind\": \"MACRO_ACTION_KIND_CLOSE\"}]}}"

say "Without what it needs nothing is done; with it all, and once"
expect_error_as "$agent" "must have open" MacroService/RunMacro "{$solved, \"user\": \"users/u1\"}"
call_as "$agent" SupportService/ListNotes "{$u1}"
run="{$solved, \"user\": \"users/u1\", \"variables\": [{\"name\": \"open\", \"value\": \"ten\"}], \"request_id\": \"r1\"}"
call_as "$agent" MacroService/RunMacro "$run"
call_as "$agent" MacroService/RunMacro "$run" >/dev/null
call_as "$agent" DeskService/ListDeskMessages "{$u1, \"after_sequence\": 1}"
call_as "$agent" SupportService/ListNotes "{$u1}"

say "It is closed: there is nothing that could be done again"
expect_error_as "$agent" WRONG_STATE MacroService/RunMacro "${run/r1/r2}"
call_as "$agent" MacroService/ListMacros "{$shop}"
call_as "$operator" MacroService/DeleteMacro "{$solved}"
expect_error_as "$agent" RESOURCE_NOT_FOUND MacroService/RunMacro "${run/r1/r3}"
