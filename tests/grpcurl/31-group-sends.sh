#!/usr/bin/env bash
# One message to a package: in its pace, paused and resumed, with what became of everybody.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
shop='"parent": "accounts/lumi-flagship"'
operator=$(mint --kind operator --subject li --grant accounts/lumi-flagship=operator)
agent=$(mint --kind operator --subject wang --grant accounts/lumi-flagship=agent)
spring='"name": "accounts/lumi-flagship/groupSends/spring"'

# advance SECONDS
advance() {
  call ClockService/AdvanceTime "{\"by\": \"$1s\"}" >/dev/null
}

for user in u1 u2 u3 u4 u5; do
  call FollowService/Follow "{$shop, \"user\": \"users/$user\"}" >/dev/null
done
advance 10
call PackageService/CreatePackage "{$shop, \"package_id\": \"fans\", \"package\": {\"display_name\": \"Fans\", \"source\": {\"kind\": \"PACKAGE_SOURCE_KIND_FILTER\", \"filter\": \"following = true\"}}}" >/dev/null
call ReachService/UpdateReachPreference "{$shop, \"user\": \"users/u2\", \"reach_preference\": {\"opted_out\": true}, \"update_mask\": {\"paths\": [\"opted_out\"]}}" >/dev/null
call ModerationService/BlockUser "{$shop, \"user\": \"users/u4\"}" >/dev/null

say "It begins at once"
body='"package": "accounts/lumi-flagship/packages/fans", "content": {"kind": "MESSAGE_CONTENT_KIND_TEXT", "text": "Spring is here"}'
call_as "$operator" GroupSendService/CreateGroupSend "{$shop, \"group_send_id\": \"spring\", \"group_send\": {$body, \"messages_per_minute\": 6}}"
expect_error_as "$agent" ROLE_TOO_LOW GroupSendService/CreateGroupSend "{$shop, \"group_send\": {$body, \"messages_per_minute\": 6}}"
advance 1
call_as "$operator" GroupSendService/GetGroupSend "{$spring}"

say "Paused, nobody is sent it; resumed, it goes on"
call_as "$operator" GroupSendService/PauseGroupSend "{$spring}" >/dev/null
advance 600
call_as "$operator" GroupSendService/ResumeGroupSend "{$spring}"
advance 60
advance 60
call_as "$operator" GroupSendService/ListGroupSends "{$shop}"
call_as "$operator" GroupSendService/ListGroupSendOutcomes '{"parent": "accounts/lumi-flagship/groupSends/spring"}'
call DeskService/ListDeskMessages "{$shop, \"user\": \"users/u1\"}"
expect_error_as "$operator" WRONG_STATE GroupSendService/CancelGroupSend "{$spring}"

say "What makes no sense"
expect_error group_send.package GroupSendService/CreateGroupSend "{$shop, \"group_send\": {\"package\": \"accounts/lumi-flagship/packages/none\", \"content\": {\"kind\": \"MESSAGE_CONTENT_KIND_TEXT\", \"text\": \"Hello\"}, \"messages_per_minute\": 6}}"
expect_error messages_per_minute GroupSendService/CreateGroupSend "{$shop, \"group_send\": {$body}}"
expect_error RESOURCE_EXISTS GroupSendService/CreateGroupSend "{$shop, \"group_send_id\": \"spring\", \"group_send\": {$body, \"messages_per_minute\": 6}}"
expect_error RESOURCE_NOT_FOUND GroupSendService/GetGroupSend '{"name": "accounts/lumi-flagship/groupSends/none"}'
