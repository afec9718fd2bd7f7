#!/usr/bin/env bash
# Entry codes: made alone and in bulk, drawn, scanned, changed, disabled, expired; what the CRM hears of a scan.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock" --set accounts.entry_url_base=https://lumi.example/e
mask='s/"(shortCode|short_code)": "[0-9a-z]{10}"/"\1": "SHORT"/; s|/e/[0-9a-z]{10}|/e/SHORT|; s/the entry code [0-9a-z]{10}/the entry code SHORT/'
mask+='; s/"content": "[^"]{80,}"/"content": "PICTURE"/; s|entryCodes/[0-9a-z]{26}|entryCodes/ULID|; s/scan:[0-9a-z]{10}:/scan:SHORT:/'
lumi
shop='"parent": "accounts/lumi-flagship"'
box='"name": "accounts/lumi-flagship/entryCodes/spring-box"'

# code FIELDS [ID]: a code on packages.
code() {
  echo "{$shop, \"entry_code_id\": \"${2:-}\", \"entry_code\": {\"display_name\": \"Spring box\", \"channel\": \"package card\",
    \"source_domain\": \"SOURCE_DOMAIN_EXTERNAL\", \"campaign\": \"spring\", $1}}"
}
# short_code: that of the last answer.
short_code() {
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["entryCode"]["shortCode"])' "$work/answer"
}
homepage='"landing": {"kind": "LANDING_KIND_HOMEPAGE"}'

say "A code on a package, and one for each store"
call EntryCodeService/CreateEntryCode "$(code "$homepage, \"tags\": [\"bought-offline\"]" spring-box)"
short=$(short_code)
call EntryCodeService/BatchCreateEntryCodes "{$shop, \"display_name_prefix\": \"Store \", \"count\": 2,
  \"entry_code\": {\"channel\": \"store\", \"campaign\": \"stores\", \"landing\": {\"kind\": \"LANDING_KIND_PRIVATE_MESSAGE\"}}}"
call EntryCodeService/ListEntryCodes "{$shop, \"campaign\": \"spring\"}"
say "Pictures: one, and those of a print job"
call EntryCodeService/RenderEntryCode "{$box, \"picture\": {\"format\": \"PICTURE_FORMAT_PNG\", \"size\": 256}}"
call EntryCodeService/RenderEntryCodes "{$shop, \"campaign\": \"spring\", \"picture\": {\"format\": \"PICTURE_FORMAT_SVG\", \"error_correction\": \"ERROR_CORRECTION_HIGH\"}}"
expect_error picture.size EntryCodeService/RenderEntryCode "{$box, \"picture\": {\"format\": \"PICTURE_FORMAT_PNG\", \"size\": 63}}"

say "Somebody scans it: first without an account, then as themselves, twice"
user=$(mint --kind user --subject users/u1)
call_as "$user" EntryCodeService/ResolveEntryCode "{\"short_code\": \"$short\"}"
for _ in 1 2; do
  call_as "$user" EntryCodeService/ScanEntryCode "{\"short_code\": \"$short\", \"user\": \"users/u1\", \"scan_id\": \"s1\"}"
done
expect_error_as "$user" ROLE_TOO_LOW EntryCodeService/ScanEntryCode "{\"short_code\": \"$short\", \"user\": \"users/u2\", \"scan_id\": \"s2\"}"
expect_error REQUEST_ID_REUSED EntryCodeService/ScanEntryCode "{\"short_code\": \"$short\", \"user\": \"users/u2\", \"scan_id\": \"s1\"}"
call ClockService/AdvanceTime '{"by": "60s"}' >/dev/null
call InteractionService/ListInteractions '{"parent": "accounts/lumi-flagship/fans/u1"}'

say "It is changed by the first of two, and expires"
call EntryCodeService/UpdateEntryCode "{\"entry_code\": {$box, \"etag\": \"\\\"1\\\"\", \"expire_time\": \"2026-03-01T01:00:00Z\"}, \"update_mask\": {\"paths\": [\"expire_time\"]}}"
expect_error ETAG_MISMATCH EntryCodeService/UpdateEntryCode "{\"entry_code\": {$box, \"etag\": \"\\\"1\\\"\", \"campaign\": \"x\"}, \"update_mask\": {\"paths\": [\"campaign\"]}}"
expect_error IMMUTABLE_FIELD EntryCodeService/UpdateEntryCode "{\"entry_code\": {$box}, \"update_mask\": {\"paths\": [\"short_code\"]}}"
call ClockService/AdvanceTime '{"by": "3600s"}' >/dev/null
expect_error OUTSIDE_VALIDITY EntryCodeService/ScanEntryCode "{\"short_code\": \"$short\", \"user\": \"users/u1\", \"scan_id\": \"s3\"}"
call EntryCodeService/GetEntryCode "{$box}"
say "One that was disabled leads nowhere"
call EntryCodeService/CreateEntryCode "$(code "$homepage" poster)" >/dev/null
short=$(short_code)
call EntryCodeService/DisableEntryCode '{"name": "accounts/lumi-flagship/entryCodes/poster"}'
expect_error WRONG_STATE EntryCodeService/ResolveEntryCode "{\"short_code\": \"$short\"}"
expect_error RESOURCE_NOT_FOUND EntryCodeService/ResolveEntryCode '{"short_code": "0000000000"}'

say "What is refused"
expect_error entry_code.landing EntryCodeService/CreateEntryCode "$(code '"tags": []')"
expect_error entry_code.landing.resource EntryCodeService/CreateEntryCode \
  "$(code '"landing": {"kind": "LANDING_KIND_CARD", "resource": "accounts/aurora/cards/theirs"}')"
expect_error entry_code.tags EntryCodeService/CreateEntryCode "$(code "$homepage, \"tags\": [\"Not a tag\"]")"
expect_error entry_code.expire_time EntryCodeService/CreateEntryCode "$(code "$homepage, \"expire_time\": \"2026-01-01T00:00:00Z\"")"
expect_error RESOURCE_EXISTS EntryCodeService/CreateEntryCode "$(code "$homepage" poster)"
