#!/usr/bin/env bash
# Red envelopes: money for them, shares by luck, who is too late, what comes back, and that it all adds up.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
shop='"parent": "accounts/lumi-flagship"'
vip='"parent": "accounts/lumi-flagship/groups/vip"'
mask='s/"(seed|seedDigest)": "[0-9a-f]{64}"/"\1": "64 DIGITS"/'
operator=$(mint --kind operator --subject li --grant accounts/lumi-flagship=operator)

# grab USER ENVELOPE
grab() {
  printf '{"name": "accounts/lumi-flagship/groups/vip/envelopes/%s", "user": "users/%s"}' "$2" "$1"
}

call GroupService/CreateGroup "{$shop, \"group_id\": \"vip\", \"request_id\": \"g1\", \"group\": {\"display_name\": \"VIP\", \"purpose\": \"GROUP_PURPOSE_WELFARE\"}}" >/dev/null
for user in u1 u2 u3 u4; do
  call MembershipService/JoinGroup "{\"name\": \"accounts/lumi-flagship/groups/vip\", \"user\": \"users/$user\"}" >/dev/null
done

say "Money comes from the platform"
expect_error_as "$operator" ROLE_TOO_LOW EnvelopeBudgetService/FundEnvelopeBudget "{$shop, \"amount_minor\": 1000}"
call EnvelopeBudgetService/FundEnvelopeBudget "{$shop, \"amount_minor\": 1000, \"reason\": \"Spring\"}"
expect_error_as "$operator" QUOTA_EXCEEDED EnvelopeService/CreateEnvelope "{$vip, \"envelope\": {\"kind\": \"ENVELOPE_KIND_LUCKY\", \"total_minor\": 1001, \"share_count\": 10}}"

say "Three shares by luck"
call_as "$operator" EnvelopeService/CreateEnvelope "{$vip, \"envelope_id\": \"spring\", \"envelope\": {\"kind\": \"ENVELOPE_KIND_LUCKY\", \"total_minor\": 600, \"share_count\": 3, \"greeting\": \"Spring is here\"}}"
for user in u1 u2 u3; do
  call EnvelopeService/GrabEnvelope "$(grab "$user" spring)" >/dev/null
done
expect_error SOLD_OUT EnvelopeService/GrabEnvelope "$(grab u4 spring)"
call EnvelopeService/GrabEnvelope "$(grab u1 spring)" >/dev/null
call_as "$operator" EnvelopeService/GetEnvelope '{"name": "accounts/lumi-flagship/groups/vip/envelopes/spring"}'
call_as "$operator" EnvelopeService/ListEnvelopeGrabs '{"parent": "accounts/lumi-flagship/groups/vip/envelopes/spring"}' >"$work/grabs"
python3 -c 'import json, sys; grabs = json.load(open(sys.argv[1]))["grabs"]; print("sum:", sum(int(grab["amountMinor"]) for grab in grabs))' "$work/answer"

say "What is left after a day comes back"
call_as "$operator" EnvelopeService/CreateEnvelope "{$vip, \"envelope_id\": \"autumn\", \"envelope\": {\"kind\": \"ENVELOPE_KIND_FIXED\", \"total_minor\": 400, \"share_count\": 4}}" >/dev/null
call EnvelopeService/GrabEnvelope "$(grab u1 autumn)"
call ClockService/AdvanceTime '{"by": "86400s"}' >/dev/null
expect_error OUTSIDE_VALIDITY EnvelopeService/GrabEnvelope "$(grab u2 autumn)"
call_as "$operator" EnvelopeService/ListEnvelopes "{$vip}"
call EnvelopeBudgetService/GetEnvelopeBudget "{$shop}"
call EnvelopeBudgetService/CompareEnvelopeLedger "{$shop}"

say "Caps, and what makes no sense"
call EnvelopeBudgetService/SetEnvelopeCaps "{$shop, \"caps\": {\"daily_minor\": 50, \"fan_daily_minor\": 10}}"
expect_error QUOTA_EXCEEDED EnvelopeService/CreateEnvelope "{$vip, \"envelope\": {\"kind\": \"ENVELOPE_KIND_LUCKY\", \"total_minor\": 51, \"share_count\": 1}}"
call EnvelopeService/CreateEnvelope "{$vip, \"envelope_id\": \"large\", \"envelope\": {\"kind\": \"ENVELOPE_KIND_LUCKY\", \"total_minor\": 11, \"share_count\": 1}}" >/dev/null
expect_error QUOTA_EXCEEDED EnvelopeService/GrabEnvelope "$(grab u1 large)"
expect_error CONDITION_NOT_MET EnvelopeService/GrabEnvelope "$(grab stranger large)"
expect_error envelope.total_minor EnvelopeService/CreateEnvelope "{$vip, \"envelope\": {\"kind\": \"ENVELOPE_KIND_LUCKY\", \"total_minor\": 10, \"share_count\": 100}}"
expect_error envelope.total_minor EnvelopeService/CreateEnvelope "{$vip, \"envelope\": {\"kind\": \"ENVELOPE_KIND_FIXED\", \"total_minor\": 101, \"share_count\": 100}}"
expect_error envelope.share_count EnvelopeService/CreateEnvelope "{$vip, \"envelope\": {\"kind\": \"ENVELOPE_KIND_LUCKY\", \"total_minor\": 10}}"
expect_error RESOURCE_NOT_FOUND EnvelopeService/GrabEnvelope "$(grab u1 none)"
