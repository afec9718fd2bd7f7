#!/usr/bin/env bash
# Runs what people paste: the grpcurl commands in the comments of the protos, in README.md, and those that `siyu demo` prints.
# Each must end with 0. The README has a new server for itself, as its reader has.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mkdir "$work/bin"
ln -s "$(realpath "$grpcurl")" "$work/bin/grpcurl"
ran=0 failed=0

# commands FILE…: the grpcurl commands of protos and documents, each ended by NUL; what others need comes first.
commands() {
  python3 - "$@" <<'PY'
import re, shlex, sys
found = []
for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read()
    if path.endswith(".proto"):
        lines = [line[1] if (line := re.match(r" *//     (.*)", each)) else "" for each in text.splitlines()]
    else:
        lines = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)).splitlines()
    command = ""
    for line in lines:
        if not command and not line.startswith("grpcurl "):
            continue
        command += line + "\n"
        try:
            shlex.split(command)
        except ValueError:
            continue  # a quote is open
        if not line.endswith("\\"):
            found.append(command)
            command = ""
    if command:
        sys.exit(f"{path}: no end of the command {command}")
first = ["CreateEnterprise", "CreateAccount", "IngestInteractions", "RegisterContent", "CreateCard", "SubmitLead", "CreateOperator", "CreateGroup\n", "JoinGroup"]
if sys.argv[1].endswith(".proto"):
    found.sort(key=lambda command: min([place for place, name in enumerate(first) if "/" + name in command], default=99))
sys.stdout.write("".join(command + "\0" for command in found))
PY
}

# paste COMMAND: in a shell of its own.
paste() {
  ran=$((ran + 1))
  if ! TOKEN=$token API_KEY=${api_key:-} PATH=$work/bin:$PATH timeout 60 bash -euo pipefail -c "$1" >"$work/answer" 2>&1; then
    failed=$((failed + 1))
    printf 'does not work:\n%s\n' "$1"
    cat "$work/answer"
  fi
}

# paste_all FILE…: to the server that was started last.
paste_all() {
  local command before=$ran
  commands "$@" >"$work/commands"
  while IFS= read -r -d '' command; do
    if [[ $command == */BacktestTierRules* ]]; then
      call TierService/CreateTierRules '{"parent": "accounts/lumi-flagship", "tier_rules": {"half_life": "86400s", "favorable_enter": 5,
        "favorable_leave": 4, "true_love_enter": 9, "true_love_leave": 8, "weights": [{"kind": 1, "points": 1}]}}' >/dev/null
    fi
    if [[ $command == */RotateSigningKeys* || $command == */SchedulePush* || $command == */RecallPush* ]]; then
      call ClockService/AdvanceTime '{"by": "60s"}' >/dev/null
    fi
    if [[ $command == */RenderCannedReply* ]]; then
      call CannedReplyService/CreateCannedReply '{"parent": "accounts/lumi-flagship", "canned_reply_id": "hours",
        "canned_reply": {"text": "From {{open}} on."}}' >/dev/null
    fi
    if [[ $command == */TakeConversation* ]]; then
      for agent in li wu; do
        call SupportService/SetAgentState "{\"name\": \"accounts/lumi-flagship/agents/$agent\", \"state\": \"AGENT_STATE_ONLINE\"}" >/dev/null
      done
      call InboxService/SendMessage '{"parent": "accounts/lumi-flagship", "user": "users/u1", "client_message_id": "desk",
        "content": {"kind": "MESSAGE_CONTENT_KIND_TEXT", "text": "Anybody there?"}}' >/dev/null
    fi
    if [[ $command == */CreateEnvelope* ]]; then
      call GroupService/CreateGroup '{"parent": "accounts/lumi-flagship", "group_id": "vip", "request_id": "vip",
        "group": {"display_name": "VIP", "purpose": "GROUP_PURPOSE_WELFARE"}}' >/dev/null
      call MembershipService/JoinGroup '{"name": "accounts/lumi-flagship/groups/vip", "user": "users/u1"}' >/dev/null
      call EnvelopeService/CreateEnvelope '{"parent": "accounts/lumi-flagship/groups/vip", "envelope_id": "spring",
        "envelope": {"kind": "ENVELOPE_KIND_FIXED", "total_minor": 200, "share_count": 2}}' >/dev/null
    fi
    if [[ $command == */PinMessage* ]]; then
      call MemberService/SetMemberRole '{"name": "accounts/lumi-flagship/groups/fans/members/u1", "role": "MEMBER_ROLE_ADMIN"}' >/dev/null
      call ChatService/PostMessage '{"parent": "accounts/lumi-flagship/groups/fans", "user": "users/u1", "client_message_id": "pin",
        "content": {"kind": "MESSAGE_CONTENT_KIND_TEXT", "text": "Read this."}}' >/dev/null
    fi
    if [[ $command == */CloseGroup* ]]; then
      call GroupService/CreateGroup '{"parent": "accounts/lumi-flagship", "group_id": "old",
        "group": {"display_name": "Old", "purpose": "GROUP_PURPOSE_PUSH"}}' >/dev/null
    fi
    if [[ $command == */DecideJoinRequest* ]]; then
      group='"name": "accounts/lumi-flagship/groups/fans", "display_name": "Fans", "purpose": "GROUP_PURPOSE_INTERACTIVE"'
      call GroupService/UpdateGroup "{\"group\": {$group, \"join_mode\": \"JOIN_MODE_APPROVAL\"}, \"update_mask\": {\"paths\": [\"join_mode\"]}}" >/dev/null
      call MembershipService/JoinGroup '{"name": "accounts/lumi-flagship/groups/fans", "user": "users/u2"}' >/dev/null
      call GroupService/UpdateGroup "{\"group\": {$group}, \"update_mask\": {\"paths\": [\"join_mode\"]}}" >/dev/null
    fi
    if [[ $command == */LeaveGroup* ]]; then
      call MembershipService/JoinGroup '{"name": "accounts/lumi-flagship/groups/fans", "user": "users/u1"}' >/dev/null
    fi
    if [[ $command == */EraseConversation* ]]; then
      call InboxService/SendMessage '{"parent": "accounts/lumi-flagship", "user": "users/u9", "client_message_id": "m1",
        "content": {"kind": "MESSAGE_CONTENT_KIND_TEXT", "text": "Forget me."}}' >/dev/null
    fi
    if [[ $command == */RateConversation* ]]; then
      call SupportService/CloseConversation '{"parent": "accounts/lumi-flagship", "user": "users/u1"}' >/dev/null
    fi
    if [[ $command == *'$API_KEY'* ]]; then
      call ApiKeyService/CreateApiKey '{"parent": "accounts/lumi-flagship", "api_key": {"display_name": "Till", "role": 1}}' >/dev/null
      api_key=$(field secret)
    fi
    paste "${command//localhost:50051/$address}"
  done <"$work/commands"
  echo "$((ran - before)) commands of ${1%%/*}"
  ((ran > before)) || { echo "that is none"; exit 1; }
}

mapfile -t protos < <(grep -rlF 'grpcurl -plaintext' --include='*.proto' proto | sort)
start dev "$sim_clock"
paste_all "${protos[@]}"
stop "$server"

if grep -qF 'grpcurl -plaintext' README.md 2>/dev/null; then
  data=$work/readme token=
  settings+=(--set storage.data_dir="$data")
  start dev
  paste_all README.md
  stop "$server"
fi

# The demo prints the port of its configuration: it needs a number. A port in use ends it: take another.
for _ in 1 2 3 4 5; do
  port=$((20000 + RANDOM % 12000))
  "$siyu" demo "${settings[@]}" --set storage.data_dir="$work/demo" --set server.listen="127.0.0.1:$port" --days 3 \
    >"$work/demo.out" 2>"$work/demo.log" &
  demo=$!
  servers+=("$demo")
  for ((i = 0; i < 1800; i++)); do
    if grep -q '^grpcurl .*/GetMatrix' "$work/demo.out" || ! kill -0 "$demo" 2>/dev/null; then break; fi
    sleep 0.1
  done
  grep -q 'Address already in use' "$work/demo.log" || break
done
before=$ran
mapfile -t lines < <(grep -E '^(export TOKEN=|grpcurl )' "$work/demo.out")
((${#lines[@]} > 1)) || { echo "the demo printed no lines to paste:"; cat "$work/demo.out" "$work/demo.log"; exit 1; }
for line in "${lines[@]:1}"; do
  paste "unset TOKEN
${lines[0]}
$line"
done
echo "$((ran - before)) commands of siyu demo"
stop "$demo" INT >"$work/ended"
cat "$work/ended"
if [[ -s $work/ended ]]; then failed=$((failed + 1)); fi
echo "$ran commands, $failed do not work"
((failed == 0))
