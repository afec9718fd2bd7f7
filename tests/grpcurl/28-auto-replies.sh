#!/usr/bin/env bash
# Automatic replies and the menu: rules, what they answer, when they do not, and taps.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
shop='"parent": "accounts/lumi-flagship"'
u1="$shop, \"user\": \"users/u1\""
user=$(mint --kind user --subject users/u1)
agent=$(mint --kind operator --subject li --grant accounts/lumi-flagship=agent)
operator=$(mint --kind operator --subject omar --grant accounts/lumi-flagship=operator)

# text TEXT: a content.
text() {
  printf '{"kind": "MESSAGE_CONTENT_KIND_TEXT", "text": "%s"}' "$1"
}

# rule ID TRIGGER TEXT MORE…: a rule that answers with a text.
rule() {
  printf '{%s, "reply_rule_id": "%s", "reply_rule": {"trigger": "REPLY_TRIGGER_%s", "contents": [%s]%s}}' \
    "$shop" "$1" "$2" "$(text "$3")" "${4:+, $4}"
}

# keyword TEXT MATCH: the keywords of a rule.
keyword() {
  printf '"folding": {"width": true, "case": true, "script": true}, "keywords": [{"text": "%s", "match": "KEYWORD_MATCH_%s"}]' "$1" "$2"
}

# write ID TEXT DEPTH: the user writes.
write() {
  call_as "$user" InboxService/SendMessage \
    "{$u1, \"client_message_id\": \"$1\", \"content\": $(text "$2"), \"causation_depth\": ${3:-0}}" >/dev/null
}

say "Rules"
call_as "$operator" AutoReplyService/CreateReplyRule "$(rule welcome WELCOME 'Welcome!')"
call_as "$operator" AutoReplyService/CreateReplyRule "$(rule hours KEYWORD '10:00-22:00' "$(keyword 营业时间 CONTAINS)")" >/dev/null
call_as "$operator" AutoReplyService/CreateReplyRule "$(rule order KEYWORD 'We look it up.' "$(keyword '订单\\d{6}' REGEX)")" >/dev/null
call_as "$operator" AutoReplyService/CreateReplyRule "$(rule else FALLBACK 'An agent will answer.')" >/dev/null
call_as "$agent" AutoReplyService/TestReply "{$shop, \"text\": \"請問營業時間？\", \"first_message\": true}"
expect_error 'keywords[0].text' AutoReplyService/CreateReplyRule "$(rule bomb KEYWORD no "$(keyword '(a{1000}){1000}' REGEX)")"
expect_error 'keywords[0].text' AutoReplyService/CreateReplyRule "$(rule all KEYWORD no "$(keyword 'a*' REGEX)")"
expect_error contents AutoReplyService/CreateReplyRule "$(rule card WELCOME no '"contents": [{"kind": "MESSAGE_CONTENT_KIND_CARD", "card": "accounts/other/cards/tea"}]')"
expect_error_as "$agent" ROLE_TOO_LOW AutoReplyService/DeleteReplyRule '{"name": "accounts/lumi-flagship/replyRules/hours"}'

say "What a user is answered"
write m1 '請問營業時間？'
write m2 '订单１２３４５６'
call_as "$user" InboxService/ListMessages "{$u1}"

say "Programs that answer each other come to an end"
write m3 'I am a robot' 3
call_as "$agent" DeskService/GetConversation "{$u1}"

say "A menu; 4 items with 6 below each are too many"
link='"action": {"kind": "MENU_ACTION_KIND_OPEN_LINK", "uri": "https://shop.example"}'
items() {
  local i j all=()
  for ((i = 0; i < $1; i++)); do
    local below=()
    for ((j = 0; j < $2; j++)); do below+=("{\"item_id\": \"i$i-$j\", \"label\": \"i\", $link}"); done
    all+=("{\"item_id\": \"l$i\", \"label\": \"l\", \"items\": [$(IFS=,; echo "${below[*]}")]}")
  done
  (IFS=,; echo "\"items\": [${all[*]}]")
}
expect_error menu.items MenuService/SetMenu "{\"menu\": {\"name\": \"accounts/lumi-flagship/menu\", $(items 4 6)}}"
expect_error 'menu.items[0].items' MenuService/SetMenu "{\"menu\": {\"name\": \"accounts/lumi-flagship/menu\", $(items 3 6)}}"
call_as "$operator" MenuService/SetMenu "{\"menu\": {\"name\": \"accounts/lumi-flagship/menu\", \"items\": [
  {\"item_id\": \"shop\", \"label\": \"Shop\", $link},
  {\"item_id\": \"help\", \"label\": \"Help\", \"items\": [
    {\"item_id\": \"agent\", \"label\": \"Ask us\", \"action\": {\"kind\": \"MENU_ACTION_KIND_HAND_OVER\", \"contents\": [$(text 'One moment.')]}}]}]}}" >/dev/null
call_as "$user" MenuService/GetMenu '{"name": "accounts/lumi-flagship/menu"}'

say "The user asks for an agent; until one writes nothing else answers"
call_as "$user" MenuService/TapMenuItem "{$u1, \"client_message_id\": \"t1\", \"item_id\": \"agent\"}"
call_as "$user" MenuService/TapMenuItem "{$u1, \"client_message_id\": \"t1\", \"item_id\": \"agent\"}"
expect_error_as "$user" item_id MenuService/TapMenuItem "{$u1, \"client_message_id\": \"t2\", \"item_id\": \"help\"}"
write m4 '营业时间'
call_as "$agent" DeskService/GetConversation "{$u1}"

say "How far it goes"
call_as "$agent" AutoReplyService/GetReplySettings '{"name": "accounts/lumi-flagship/replySettings"}'
expect_error agent_pause AutoReplyService/UpdateReplySettings '{"reply_settings": {"name": "accounts/lumi-flagship/replySettings", "max_causation_depth": 3, "max_answers": 9, "answer_window": "600s"}}'
