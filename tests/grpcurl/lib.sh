#!/usr/bin/env bash
# What the scenarios share: a suite on a free port that ends with the scenario, and calls whose answers are its output.
# Use: source it, `start dev …`, then `say`, `call` and `expect_error`. Leaves `address`, `server`, `token`, `work` and `data`.
# shellcheck disable=SC2034 # variables for the scenarios
set -euo pipefail
export LC_ALL=C.UTF-8
unset "${!SIYU_@}"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

siyu=${SIYU:-target/debug/siyu}
grpcurl=${GRPCURL:-.tools/venv/bin/grpcurl}
sim_clock=--sim-clock=2026-03-01T00:00:00Z
work=$(mktemp -d -t siyu-grpcurl.XXXXXX)
data=$work/data
# After the command: a --set before it is forgotten when there is one after it.
settings=(--config /dev/null --set storage.data_dir="$data" --set server.listen=127.0.0.1:0 --set accounts.sweep_interval=24h --set crm.sweep_interval=24h --set subscriptions.sweep_interval=24h --set messaging.sweep_interval=24h --set groups.sweep_interval=24h)
servers=()
address=

# Also says what a server's log has no business to hold.
clean_up() {
  local pid
  trap '' INT TERM HUP
  for pid in "${servers[@]}"; do
    if [[ -n $pid ]]; then stop "$pid"; fi
  done
  grep -hE 'panicked| ERROR ' "$work"/*.log 2>/dev/null | grep -v "${expected_log:-^$}" || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 143' TERM

# run_siyu COMMAND…: the binary with the settings of the tests and nobody's configuration.
run_siyu() {
  "$siyu" "$1" "${settings[@]}" "${@:2}"
}

# start COMMAND…: serves in the background; comes back once health says SERVING.
start() {
  local log=$work/${#servers[@]}.log i
  : >"$log"
  "$siyu" "$1" "${settings[@]}" "${@:2}" >"$log" 2>&1 &
  server=$!
  servers+=("$server")
  for ((i = 0; i < 300; i++)); do
    address=$(sed -nE 's|^siyu: .* on http://([0-9.:]+), ready.*|\1|p' "$log")
    if [[ -n $address ]] && grpc "$address" grpc.health.v1.Health/Check >/dev/null 2>&1; then
      token=${token:-$(mint)}
      return
    fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  echo "siyu $* did not start:"
  cat "$log"
  exit 1
}

# stop PID: ends a server as an operator would; it has 15 s for it.
stop() {
  local i status=0
  kill -"${2:-TERM}" "$1" 2>/dev/null || true
  for ((i = 0; i < 150; i++)); do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$1" 2>/dev/null || true
  wait "$1" || status=$?
  ((status == 0)) || echo "the server ended with $status"
  for i in "${!servers[@]}"; do
    if [[ ${servers[i]} == "$1" ]]; then servers[i]=; fi
  done
}

# mint ARGUMENTS…: a token.
mint() {
  run_siyu token --ttl 87600h "$@"
}

grpc() {
  "$grpcurl" -plaintext -max-time 30 "$@"
}

say() {
  printf '\n# %s\n' "$*"
}

full_name() {
  case $1 in
    siyu.* | grpc.*) echo "$1" ;;
    AccountsService/* | ApiKeyService/* | AppointmentService/* | BookingService/* | CardService/* | CertificationService/* | \
      ContentService/* | CouponService/* | EngagementService/* | EntryCodeService/* | HomepageService/* | LeadPipelineService/* | LeadService/* | \
      OperatorService/* | RightsService/* | TokenService/*)
      echo "siyu.accounts.v1.$1" ;;
    AuditService/* | EventFeedService/* | EventConsumerService/*) echo "siyu.common.v1.$1" ;;
    ClockService/*) echo "siyu.testing.v1.$1" ;;
    ArchiveService/* | AutoReplyService/* | CannedReplyService/* | DeskService/* | GroupSendService/* | ImportService/* | InboxService/* | \
      MacroService/* | MenuService/* | ModerationService/* | QuestionnaireService/* | ResponseTimeService/* | SupportService/*)
      echo "siyu.messaging.v1.$1" ;;
    ChatService/* | EnvelopeBudgetService/* | EnvelopeService/* | GroupService/* | HostService/* | MemberService/* | MembershipService/*) echo "siyu.groups.v1.$1" ;;
    FeedService/* | FollowService/* | PushService/*) echo "siyu.subscriptions.v1.$1" ;;
    *) echo "siyu.crm.v1.$1" ;;
  esac
}

# What is different in every run or secret, as a program of sed; a scenario sets it.
mask=

# invoke TOKEN METHOD JSON FLAGS…: prints the call in short and its answer; fails where the call fails.
invoke() {
  local who=$1 method=$2 json='{}' status=0 header=()
  if (($# > 2)); then json=$3; fi
  shift $(($# < 3 ? $# : 3))
  [[ -z $who ]] || header=(-H "authorization: Bearer $who")
  printf '> %s%s %.200s\n' "$method" "${*:+ $*}" "$(printf '%s' "$json" | tr -s ' \n' ' ' | sed -E "$mask")"
  grpc "${header[@]}" "$@" -d @ "$address" "$(full_name "$method")" <<<"$json" >"$work/answer" 2>&1 || status=$?
  sed -E -e "s|$address|ADDRESS|g" -e "$mask" -e '$a\' "$work/answer"
  return "$status"
}

# call METHOD JSON FLAGS…
call() {
  invoke "$token" "$@"
}

# call_as TOKEN METHOD JSON FLAGS…: without a token where it is empty.
call_as() {
  invoke "$@"
}

# expect_error TEXT METHOD JSON FLAGS…: a call that fails, with the reason TEXT in its answer.
expect_error() {
  expect_error_as "$token" "$@"
}

# expect_error_as TOKEN TEXT METHOD JSON FLAGS…
expect_error_as() {
  local who=$1 text=$2
  shift 2
  if invoke "$who" "$@" || ! grep -qF -- "$text" "$work/answer"; then
    echo "UNEXPECTED: wanted the error $text"
    exit 1
  fi
}

# field NAME: a field of the answer to the last call.
field() {
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/answer" "$1"
}

# lumi: the company and the account that most scenarios act on.
lumi() {
  call AccountsService/CreateEnterprise '{"enterprise_id": "lumi", "enterprise": {"display_name": "Lumi"}}'
  call AccountsService/CreateAccount '{"parent": "enterprises/lumi", "account_id": "lumi-flagship",
    "account": {"display_name": "Lumi flagship"}}'
} >/dev/null

# ingest USER KIND TIME [PURCHASE [ACCOUNT]]: quietly stores one interaction; its id is counted up.
events=0
ingest() {
  events=$((events + 1))
  call InteractionService/IngestInteractions '{"parent": "accounts/'"${5:-lumi-flagship}"'", "interactions": [
    {"event_id": "'"$(printf 'e%03d' "$events")"'", "user": "users/'"$1"'", "kind": "INTERACTION_KIND_'"$2"'",
     "event_time": "'"$3"'"'"${4:+, \"purchase\": $4}"'}]}' >"$work/ingested"
  grep -q '"acceptedCount": "1"' "$work/ingested" || cat "$work/ingested"
}
