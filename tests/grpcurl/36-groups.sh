#!/usr/bin/env bash
# Groups: users come in, speak and go; a full one opens the next; thresholds, order, and a group as it happens.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
mask='s/group-message:[0-9a-z]{26}/group-message:ULID/; s/"clientMessageId": "[0-9a-z]{26}"/"clientMessageId": "ULID"/'
lumi
fans='accounts/lumi-flagship/groups/fans'
operator=$(mint --kind operator --subject li --grant accounts/lumi-flagship=operator)
ann=$(mint --kind user --subject users/ann)
bob=$(mint --kind user --subject users/bob)

# text ID TEXT: the rest of a message.
text() {
  printf '"client_message_id": "%s", "content": {"kind": "MESSAGE_CONTENT_KIND_TEXT", "text": "%s"}' "$1" "$2"
}
in_fans="\"parent\": \"$fans\""

say "A group for talk among fans, of two at most, whose next opens by itself"
group='"display_name": "Lumi fans", "purpose": "GROUP_PURPOSE_INTERACTIVE", "capacity": 2'
new="\"parent\": \"accounts/lumi-flagship\", \"group_id\": \"fans\""
call_as "$operator" GroupService/CreateGroup "{$new, \"group\": {$group, \"opens_next\": true, \"welcome\": \"Hello!\"}}"
expect_error_as "$operator" RESOURCE_EXISTS GroupService/CreateGroup "{$new, \"group\": {$group}}"
expect_error_as "$operator" group.capacity GroupService/CreateGroup \
  '{"parent": "accounts/lumi-flagship", "group_id": "one", "group": {"display_name": "One", "purpose": "GROUP_PURPOSE_PUSH", "capacity": 1}}'

say "Two come in, the third into the next of the series"
call_as "$ann" MembershipService/JoinGroup "{\"name\": \"$fans\", \"user\": \"users/ann\", \"source\": \"JOIN_SOURCE_HOMEPAGE\"}"
expect_error_as "$ann" RESOURCE_EXISTS MembershipService/JoinGroup "{\"name\": \"$fans\", \"user\": \"users/ann\"}"
call_as "$bob" MembershipService/JoinGroup "{\"name\": \"$fans\", \"user\": \"users/bob\", \"source\": \"JOIN_SOURCE_LIVE\"}" >/dev/null
call MembershipService/JoinGroup "{\"name\": \"$fans\", \"user\": \"users/cat\"}"
call_as "$operator" GroupService/ListGroups '{"parent": "accounts/lumi-flagship"}' | grep -E '"(name|memberCount|seriesNumber)"'

say "They speak; the same once more is the same message"
call_as "$ann" ChatService/PostMessage "{$in_fans, \"user\": \"users/ann\", $(text m1 '大家好')}"
call_as "$ann" ChatService/PostMessage "{$in_fans, \"user\": \"users/ann\", $(text m1 '大家好')}" | grep sequence
expect_error_as "$ann" REQUEST_ID_REUSED ChatService/PostMessage "{$in_fans, \"user\": \"users/ann\", $(text m1 'Something else')}"
expect_error CONDITION_NOT_MET ChatService/PostMessage "{$in_fans, \"user\": \"users/cat\", $(text m1 'Not in')}"
call_as "$operator" HostService/PostHostMessage \
  "{$in_fans, \"client_message_id\": \"h1\", \"content\": {\"kind\": \"MESSAGE_CONTENT_KIND_TEXT\", \"text\": \"Live at 20:00\", \"mention_all\": true}}"

say "Order: who is muted is told until when; an admin takes a message back"
call_as "$operator" MemberService/MuteMember "{\"name\": \"$fans/members/ann\", \"duration\": \"600s\"}"
expect_error_as "$ann" CONDITION_NOT_MET ChatService/PostMessage "{$in_fans, \"user\": \"users/ann\", $(text m2 'Muted?')}"
expect_error_as "$bob" ROLE_TOO_LOW ChatService/RecallMessage "{$in_fans, \"user\": \"users/bob\", \"sequence\": 3}"
call_as "$operator" MemberService/SetMemberRole "{\"name\": \"$fans/members/bob\", \"role\": \"MEMBER_ROLE_ADMIN\"}" >/dev/null
call_as "$bob" ChatService/RecallMessage "{$in_fans, \"user\": \"users/bob\", \"sequence\": 3}"

say "Who listens after the third change hears of the rest, as it is now"
# Whose deadline ends it, the client's or the server's, is not told apart.
expect_error_as "$bob" DeadlineExceeded ChatService/StreamMessages "{$in_fans, \"user\": \"users/bob\", \"after\": 3}" -max-time 2 | sed '/^ERROR:/,$d'

say "A threshold is asked of the CRM, and what is missing is said"
call_as "$operator" GroupService/UpdateGroup "{\"group\": {\"name\": \"$fans\", $group, \"threshold\": {\"following\": true, \"min_order_count\": \"1\"}}, \"update_mask\": {\"paths\": [\"threshold\"]}}" | grep -A8 threshold
expect_error CONDITION_NOT_MET MembershipService/JoinGroup "{\"name\": \"$fans\", \"user\": \"users/dan\"}"

say "They go; who was in at a time can still be asked for"
call ClockService/AdvanceTime '{"by": "3600s"}' >/dev/null
call_as "$bob" MembershipService/LeaveGroup "{\"name\": \"$fans\", \"user\": \"users/bob\"}"
call_as "$operator" MemberService/ListMembers "{$in_fans}" | grep '"user"'
call_as "$operator" MemberService/ListMembers "{$in_fans, \"as_of\": \"2026-03-01T00:00:10Z\"}" | grep '"user"'

say "A user is blocked in all groups; the group is closed"
call_as "$operator" MemberService/BlockMember '{"parent": "accounts/lumi-flagship", "user": "users/ann", "reason": "advertises"}'
expect_error_as "$ann" CONDITION_NOT_MET MembershipService/JoinGroup "{\"name\": \"$fans\", \"user\": \"users/ann\"}"
call GroupService/CloseGroup "{\"name\": \"$fans\"}" | grep -E '"(state|memberCount)"'
expect_error WRONG_STATE HostService/PostHostMessage "{$in_fans, $(text h2 'Anybody?')}"
