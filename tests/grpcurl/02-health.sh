#!/usr/bin/env bash
# Health, as probes and load balancers ask for it: without a token, for all and for each service, and as a stream.
# A server that is told to stop says NOT_SERVING first.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"

for service in '' liveness readiness startup siyu.accounts.v1.AccountsService siyu.crm.v1.AnalyticsService \
  siyu.crm.v1.FanService siyu.crm.v1.InteractionService siyu.crm.v1.TierService siyu.testing.v1.ClockService; do
  call_as '' grpc.health.v1.Health/Check '{"service": "'"$service"'"}'
done
say "A bad token does not keep a probe away"
call_as garbage grpc.health.v1.Health/Check
say "A service that is not here"
expect_error_as '' NotFound grpc.health.v1.Health/Check '{"service": "siyu.crm.v1.NoSuchService"}'

say "Watched through the end of the server"
: >"$work/watch"
"$grpcurl" -plaintext -d '{"service": "readiness"}' "$address" grpc.health.v1.Health/Watch >"$work/watch" 2>&1 &
watch=$!
for ((i = 0; i < 100; i++)); do
  ! grep -q SERVING "$work/watch" || break
  sleep 0.1
done
kill -TERM "$server"
wait "$watch" || true # the server ends it: a probe that watches must not hold up a shutdown
sed '/^ERROR/,$d' "$work/watch"
stop "$server" 0 # it was told already, and a second signal would end it at once
echo "ended"
