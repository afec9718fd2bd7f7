#!/usr/bin/env bash
# Lead forms and bookings: what users leave, who sees how much of it, and places that are taken.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mask='s/"traceId": "[0-9a-f]{32}"/"traceId": "TRACE"/'
start dev "$sim_clock"
lumi
parent='"parent": "accounts/lumi-flagship"'
card() {
  call CardService/CreateCard "{$parent, \"card_id\": \"$1\", \"card\": {\"display_name\": \"$1\", $2}}"
}
form='"kind": "CARD_KIND_LEAD_FORM", "lead_form": {"consent_text": "We call you back about your skin test.", "fields": [
  {"key": "name", "label": "Name", "kind": "LEAD_FIELD_KIND_NAME", "required": true},
  {"key": "mobile", "label": "Mobile", "kind": "LEAD_FIELD_KIND_MOBILE", "required": true},
  {"key": "city", "label": "City", "kind": "LEAD_FIELD_KIND_REGION"},
  {"key": "skin", "label": "Skin", "kind": "LEAD_FIELD_KIND_CHOICE", "options": ["Dry", "Oily"]}]}'

# lead ID MOBILE [CONSENT]: from users/u1.
lead() {
  echo "{$parent, \"lead_id\": \"$1\", \"form\": \"accounts/lumi-flagship/cards/skin-test\", \"user\": \"users/u1\",
    ${3:-\"consent_given\": true, \"consent_version\": \"$version\"}, \"mount\": \"accounts/lumi-flagship/homepage\",
    \"answers\": [{\"key\": \"name\", \"values\": [\"王小明\"]}, {\"key\": \"mobile\", \"values\": [\"$2\"]},
      {\"key\": \"city\", \"values\": [\"3301\"]}, {\"key\": \"skin\", \"values\": [\"Dry\"]}]}"
}

say "A form, and the version of the text that users agree to"
card skin-test "$form"
version=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["card"]["leadForm"]["consentVersion"])' "$work/answer")
expect_error 'card.lead_form.fields[0].options' CardService/CreateCard "{$parent, \"card\": {\"display_name\": \"x\",
  \"kind\": \"CARD_KIND_LEAD_FORM\", \"lead_form\": {\"consent_text\": \"x\", \"fields\": [
    {\"key\": \"skin\", \"label\": \"Skin\", \"kind\": \"LEAD_FIELD_KIND_CHOICE\", \"options\": [\"Dry\"]}]}}}"

say "A lead: full-width digits are fine, landlines and foreign numbers are no mobiles, and nothing without consent"
call LeadService/SubmitLead "$(lead l1 '１３８ 1234-5678')"
expect_error 'landline' LeadService/SubmitLead "$(lead l2 010-62345678)"
expect_error 'another country' LeadService/SubmitLead "$(lead l2 '+1 650-253-0000')"
expect_error consent_given LeadService/SubmitLead "$(lead l2 13812345678 "\"consent_version\": \"$version\"")"
expect_error WRONG_STATE LeadService/SubmitLead "$(lead l2 13812345678 '"consent_given": true, "consent_version": "old"')"

say "In a list it is masked; in full it is read by those who may, and the audit log says so"
call LeadService/ListLeads "{$parent}"
analyst=$(mint --kind operator --subject omar --grant accounts/lumi-flagship=analyst)
expect_error_as "$analyst" ROLE_TOO_LOW LeadService/GetLead '{"name": "accounts/lumi-flagship/leads/l1"}'
call LeadService/GetLead '{"name": "accounts/lumi-flagship/leads/l1"}'
call LeadService/ExportLeads "{$parent}"
call LeadService/DeleteLead '{"name": "accounts/lumi-flagship/leads/l1"}'
call LeadService/GetLead '{"name": "accounts/lumi-flagship/leads/l1"}'
grep -rqF -e 王小明 -e 13812345678 -e 62345678 "$work"/*.log "$data" && echo "UNEXPECTED: an answer is in the log or in storage"

say "Slots do not overlap"
card store-visit '"kind": "CARD_KIND_BOOKING", "booking": {"place": "Nanjing Road 1"}'
visit=accounts/lumi-flagship/cards/store-visit
slots() {
  echo "{\"parent\": \"$visit\", \"slots\": [{\"start_time\": \"$1\", \"end_time\": \"$2\", \"capacity\": $3}]}"
}
call BookingService/CreateSlots "$(slots 2026-03-02T02:00:00Z 2026-03-02T03:00:00Z 1)"
expect_error 'must not overlap' BookingService/CreateSlots "$(slots 2026-03-02T02:30:00Z 2026-03-02T03:30:00Z 1)"
expect_error 'slots[0].capacity' BookingService/CreateSlots "$(slots 2026-03-02T04:00:00Z 2026-03-02T05:00:00Z 0)"
expect_error 'in the future' BookingService/CreateSlots "$(slots 2026-02-02T04:00:00Z 2026-02-02T05:00:00Z 1)"
call BookingService/ListFreeSlots "{\"parent\": \"$visit\", \"user\": \"users/u1\"}"

say "One place is taken once; who cancels makes room"
slot=$visit/slots/1772416800
booking() {
  echo "{$parent, \"booking_id\": \"$1\", \"slot\": \"$slot\", \"user\": \"users/$2\", \"contact_phone\": \"010-62345678\"}"
}
call BookingService/CreateBooking "$(booking b1 u1)"
expect_error SOLD_OUT BookingService/CreateBooking "$(booking b2 u2)"
expect_error WRONG_STATE BookingService/DeleteSlot "{\"name\": \"$slot\"}"
call BookingService/CancelBooking '{"name": "accounts/lumi-flagship/bookings/b1", "user": "users/u1"}'
call BookingService/CreateBooking "$(booking b2 u2)"
expect_error WRONG_STATE BookingService/CompleteBooking '{"name": "accounts/lumi-flagship/bookings/b2"}'
call ClockService/AdvanceTime '{"by": "93600s"}' >/dev/null
call BookingService/CompleteBooking '{"name": "accounts/lumi-flagship/bookings/b2"}'
call BookingService/GetBooking '{"name": "accounts/lumi-flagship/bookings/b2"}'
call BookingService/ListBookings "{$parent}"
call AuditService/ListAuditEntries "{$parent, \"service\": \"accounts\", \"page_size\": 4}"
stop "$server"
