#!/usr/bin/env bash
# The content registry and live appointments: videos, lives with their states, reminders.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
mask='s/"eventId": "[0-9a-z]{26}"/"eventId": "ULID"/; s/"traceParent": "00-[0-9a-f-]+"/"traceParent": "TRACE"/; s/appointment:[0-9a-z]{26}/appointment:ULID/'
lumi
shop='"parent": "accounts/lumi-flagship"'
live='accounts/lumi-flagship/contents/spring-live'

# register ID FIELDS
register() {
  echo "{$shop, \"content_id\": \"$1\", \"content\": {\"title\": \"Spring novelties\", $2}}"
}
# appoint USER [CONTENT]
appoint() {
  echo "{$shop, \"user\": \"users/$1\", \"content\": \"${2:-$live}\", \"mount\": \"accounts/lumi-flagship/homepage\"}"
}
# reminders: who was told what, of all events.
reminders() {
  call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null
  call EventFeedService/StreamEvents '{"parent": "feeds/accounts"}' | grep -E '"@type"|"kind": "LIVE_REMINDER|"users/' |
    grep -A3 -E 'LiveRemindersDue|LiveAppointmentsCancelled' || true
}

say "A video, and a live at noon; the same again is the same"
call ContentService/RegisterContent "$(register how-to '"kind": "CONTENT_KIND_VIDEO", "topics": ["skincare"], "advertisement": true')"
for _ in 1 2; do
  call ContentService/RegisterContent "$(register spring-live '"kind": "CONTENT_KIND_LIVE", "scheduled_time": "2026-03-01T12:00:00Z"')"
done
expect_error RESOURCE_EXISTS ContentService/RegisterContent "$(register spring-live '"kind": "CONTENT_KIND_VIDEO"')"
expect_error content.scheduled_time ContentService/RegisterContent "$(register other '"kind": "CONTENT_KIND_LIVE"')"
call ContentService/ListContents "{$shop, \"kind\": \"CONTENT_KIND_LIVE\"}"

say "Two want to be there; one of them changes their mind, and again"
user=$(mint --kind user --subject users/u1)
call_as "$user" AppointmentService/CreateAppointment "$(appoint u1)"
expect_error_as "$user" ROLE_TOO_LOW AppointmentService/CreateAppointment "$(appoint u2)"
call AppointmentService/CreateAppointment "$(appoint u2)" >/dev/null
call AppointmentService/CreateAppointment "$(appoint gone)" >/dev/null
call AppointmentService/CancelAppointment "{\"parent\": \"$live\", \"user\": \"users/gone\"}"
expect_error WRONG_STATE AppointmentService/CreateAppointment "$(appoint u1 accounts/lumi-flagship/contents/how-to)"
call AppointmentService/ListAppointments "{\"parent\": \"$live\"}"
call_as "$user" AppointmentService/ListUserAppointments "{$shop, \"user\": \"users/u1\"}"

say "Ten minutes before, and when it starts"
call ClockService/AdvanceTime '{"by": "42600s"}' >/dev/null
reminders
expect_error WRONG_STATE ContentService/EndLive "{\"name\": \"$live\"}"
call ContentService/StartLive "{\"name\": \"$live\"}"
reminders
call AppointmentService/CreateAppointment "$(appoint late)"
call ContentService/EndLive "{\"name\": \"$live\"}"
expect_error WRONG_STATE ContentService/StartLive "{\"name\": \"$live\"}"
call InteractionService/ListInteractions '{"parent": "accounts/lumi-flagship/fans/u1"}'

say "A live that will not be"
call ContentService/RegisterContent "$(register second '"kind": "CONTENT_KIND_LIVE", "scheduled_time": "2026-03-02T12:00:00Z"')" >/dev/null
call AppointmentService/CreateAppointment "$(appoint u3 accounts/lumi-flagship/contents/second)" >/dev/null
call ContentService/CancelLive '{"name": "accounts/lumi-flagship/contents/second"}'
reminders | tail -n 2
