#!/usr/bin/env bash
# Limits: messages that are too large, deadlines that are too short, of the caller and of the server; data outlives a restart.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi

# many NAME COUNT LENGTH: so many interactions with a target of LENGTH characters.
many() {
  python3 - "$@" <<'PY'
import json, sys
row = {"user": "users/u1", "kind": "INTERACTION_KIND_VIEW", "event_time": "2026-02-01T00:00:00Z", "target": "x" * int(sys.argv[3])}
rows = [row | {"event_id": "%s-%04d" % (sys.argv[1], number)} for number in range(int(sys.argv[2]))]
print(json.dumps({"parent": "accounts/lumi-flagship", "interactions": rows}))
PY
}
say "5 MiB, at once and as the second message of a stream, and in a field that is short"
expect_error MESSAGE_TOO_LARGE InteractionService/IngestInteractions "$(many large 5 1048576)"
expect_error MESSAGE_TOO_LARGE InteractionService/StreamInteractions "$(many good 2 10) $(many large 5 1048576)"
expect_error MESSAGE_TOO_LARGE AccountsService/GetAccount '{"name": "'"$(head -c 5242880 /dev/zero | tr '\0' x)"'"}'
say "The most that is allowed: 1,000 interactions of the longest target"
call InteractionService/IngestInteractions "$(many most 1000 200)"
say "The server is well"
call_as '' grpc.health.v1.Health/Check

say "A caller without patience does not even get a connection"
for method in ClockService/GetTime TierService/RebuildTiers; do
  expect_error 'context deadline exceeded' "$method" '{"parent": "accounts/lumi-flagship"}' -max-time 0.000001 -allow-unknown-fields
done
say "A stream that waits for its caller for a second"
mkfifo "$work/pipe"
sleep 2 >"$work/pipe" &
"$grpcurl" -plaintext -max-time 1 -H "authorization: Bearer $token" -d @ "$address" \
  siyu.crm.v1.InteractionService/StreamInteractions <"$work/pipe" 2>&1 | grep Code || true

say "The same data behind a server whose own deadline is a millisecond"
stop "$server"
start dev "$sim_clock" --set server.default_deadline=1ms
# Not `call`: that would bring a deadline of its own, which counts instead.
"$grpcurl" -plaintext -H "authorization: Bearer $token" -d @ "$address" siyu.crm.v1.InteractionService/IngestInteractions \
  <<<"$(many late 1000 200)" 2>&1 || echo "exit code $?"
say "Whether the rows were stored when time ran out, nobody can know; sent again with more time, they are stored once"
call InteractionService/IngestInteractions "$(many late 1000 200)" >"$work/again" || cat "$work/again"
call FanService/GetFan '{"name": "accounts/lumi-flagship/fans/u1"}'
say "A server that takes 1,000 bytes"
stop "$server"
start dev "$sim_clock" --set server.max_message_bytes=1000
expect_error MESSAGE_TOO_LARGE InteractionService/IngestInteractions "$(many small 10 100)"
call AccountsService/GetEnterprise '{"name": "enterprises/lumi"}'
