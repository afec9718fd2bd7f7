#!/usr/bin/env bash
# The rights wallet: reserve, commit, release, move; grants; dated policies; what is refused, and the audit of it all.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
shop='"parent": "accounts/lumi-flagship"'
push='"kind": "RIGHT_KIND_PUSH"'

# reserve ID AMOUNT [FIELDS]
reserve() {
  call RightsService/ReserveRight "{$shop, $push, \"reservation_id\": \"$1\", \"amount\": $2${3:+, $3}}"
}
# on METHOD ID [FIELDS]: a call on a reservation.
on() {
  call "RightsService/$1" "{\"name\": \"accounts/lumi-flagship/rightReservations/$2\"${3:+, $3}}"
}
policy() {
  call RightsService/CreateRightPolicy '{"right_policy": {'"$push"', "certification_class": "CERTIFICATION_CLASS_BASIC",
    "period": "ALLOWANCE_PERIOD_MONTH", '"$1"'}}'
}

say "No policy for accounts that are not certified: no allowance"
call RightsService/GetWallet "{$shop}"
expect_error QUOTA_EXCEEDED RightsService/ReserveRight "{$shop, $push, \"reservation_id\": \"first\", \"amount\": 1}"
say "Two a month from now on"
policy '"amount": 2'
call RightsService/ListRightPolicies

say "Reserved twice with one id, then committed; another given back"
reserve push-1 1
reserve push-1 1
on CommitReservation push-1
reserve push-2 1
on ReleaseReservation push-2
say "The third of the month is refused, with rule, use and reset time"
reserve push-3 1
expect_error QUOTA_EXCEEDED RightsService/ReserveRight "{$shop, $push, \"reservation_id\": \"push-4\", \"amount\": 1}" -format-error
say "Moved to April, in the zone of the account, it leaves its place"
on MoveReservation push-3 '"use_time": "2026-03-31T16:00:00Z"'
reserve push-4 1
say "A grant is used after the allowance"
call RightsService/GrantRight "{$shop, $push, \"amount\": 3, \"reason\": \"Autumn festival\", \"expire_time\": \"2026-03-20T00:00:00Z\", \"request_id\": \"g1\"}"
call RightsService/GrantRight "{$shop, $push, \"amount\": 3, \"reason\": \"Autumn festival\", \"expire_time\": \"2026-03-20T00:00:00Z\", \"request_id\": \"g1\"}"
expect_error REQUEST_ID_REUSED RightsService/GrantRight "{$shop, $push, \"amount\": 4, \"reason\": \"Autumn festival\", \"request_id\": \"g1\"}"
reserve push-5 2 '"expire_time": "2026-03-10T00:00:00Z"'
call RightsService/GetWallet "{$shop}"
say "By the 20th the reservation has lapsed and the grant has ended"
call ClockService/AdvanceTime '{"by": "1728000s"}' >/dev/null
on ReleaseReservation push-5
call RightsService/GetWallet "{$shop}"
call RightsService/ListLedgerEntries "{$shop, $push, \"page_size\": 5}"

say "What is refused"
expect_error RESOURCE_EXISTS RightsService/ReserveRight "{$shop, $push, \"reservation_id\": \"push-1\", \"amount\": 2}"
expect_error WRONG_STATE RightsService/CommitReservation '{"name": "accounts/lumi-flagship/rightReservations/push-2"}'
expect_error WRONG_STATE RightsService/ReleaseReservation '{"name": "accounts/lumi-flagship/rightReservations/push-1"}'
expect_error RESOURCE_NOT_FOUND RightsService/CommitReservation '{"name": "accounts/lumi-flagship/rightReservations/nothing"}'
expect_error RESOURCE_NOT_FOUND RightsService/GetWallet '{"parent": "accounts/nobody"}'
expect_error INVALID_FIELD RightsService/ReserveRight '{}'
expect_error INVALID_FIELD RightsService/CreateRightPolicy '{"right_policy": {'"$push"', "certification_class": 1, "period": 1, "effective_time":
  "2026-01-01T00:00:00Z"}}'

say "Who changed what"
audit() {
  call AuditService/ListAuditEntries "$1" | sed -E 's|"[0-9a-f]{32}"|"TRACE"|'
}
audit "{$shop, \"service\": \"accounts\"}"
audit '{"parent": "platform", "service": "accounts", "page_size": 1}'
expect_error METHOD_NOT_FOUND AuditService/ListAuditEntries "{$shop, \"service\": \"strategy\"}"
