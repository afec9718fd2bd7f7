#!/usr/bin/env bash
# The lead pipeline: the public pool, stages, distribution, hand-over, and what becomes of the leads of who leaves.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
start dev "$sim_clock"
lumi
account=accounts/lumi-flagship
parent="\"parent\": \"$account\""
agent() {
  echo "\"$account/agents/idp|$1\""
}
for id in li wu; do
  call OperatorService/CreateOperator "{$parent, \"operator_id\": \"$id-na\",
    \"operator\": {\"subject\": \"idp|$id\", \"display_name\": \"$id\", \"role\": \"ROLE_AGENT\"}}" >/dev/null
done
call CardService/CreateCard "{$parent, \"card_id\": \"skin-test\", \"card\": {\"display_name\": \"Skin test\",
  \"kind\": \"CARD_KIND_LEAD_FORM\", \"lead_form\": {\"consent_text\": \"We call you back.\", \"fields\": [
    {\"key\": \"name\", \"label\": \"Name\", \"kind\": \"LEAD_FIELD_KIND_NAME\", \"required\": true}]}}}" >/dev/null
version=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["card"]["leadForm"]["consentVersion"])' "$work/answer")

# lead ID: quietly leaves one, a second after the one before.
lead() {
  call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null
  call LeadService/SubmitLead "{$parent, \"lead_id\": \"$1\", \"form\": \"$account/cards/skin-test\", \"user\": \"users/of-$1\",
    \"consent_given\": true, \"consent_version\": \"$version\", \"answers\": [{\"key\": \"name\", \"values\": [\"王小明\"]}]}" >/dev/null
}
li=$(mint --kind operator --subject 'idp|li' --grant "$account=agent")
wu=$(mint --kind operator --subject 'idp|wu' --grant "$account=agent")

say "A new lead waits in the pool; of two agents who claim it, one gets it"
lead l1
call LeadPipelineService/ListLeadTasks "{$parent, \"in_pool\": true}"
call_as "$li" LeadPipelineService/ClaimLead "{\"name\": \"$account/leads/l1\"}"
expect_error_as "$wu" WRONG_STATE LeadPipelineService/ClaimLead "{\"name\": \"$account/leads/l1\"}"
expect_error_as "$wu" ROLE_TOO_LOW LeadPipelineService/MoveLead "{\"name\": \"$account/leads/l1\", \"stage\": \"LEAD_STAGE_CONTACTED\"}"

say "It goes from stage to stage, and nobody overwrites what they have not seen"
expect_error_as "$li" WRONG_STATE LeadPipelineService/MoveLead "{\"name\": \"$account/leads/l1\", \"stage\": \"LEAD_STAGE_CONVERTED\"}"
call_as "$li" LeadPipelineService/MoveLead "{\"name\": \"$account/leads/l1\", \"stage\": \"LEAD_STAGE_CONTACTED\", \"note\": \"Call again on Monday\"}"
expect_error_as "$li" ETAG_MISMATCH LeadPipelineService/MoveLead "{\"name\": \"$account/leads/l1\", \"stage\": \"LEAD_STAGE_QUALIFIED\", \"etag\": \"\\\"2\\\"\"}"
expect_error_as "$li" lost_reason LeadPipelineService/MoveLead "{\"name\": \"$account/leads/l1\", \"stage\": \"LEAD_STAGE_LOST\"}"
call_as "$li" LeadPipelineService/ListLeadChanges "{\"parent\": \"$account/leads/l1\"}"

say "From now on new leads are given to the members by weight, and go back to the pool after a week without a move"
expect_error 'settings.members[0].agent' LeadPipelineService/UpdateLeadPipelineSettings "{\"settings\": {
  \"name\": \"$account/leadPipelineSettings\", \"members\": [{\"agent\": $(agent nobody), \"weight\": 1, \"cap\": 10}]}}"
call LeadPipelineService/UpdateLeadPipelineSettings "{\"settings\": {\"name\": \"$account/leadPipelineSettings\",
  \"return_after_days\": 7, \"distribution_enabled\": true, \"members\": [
    {\"agent\": $(agent li), \"weight\": 1, \"cap\": 10}, {\"agent\": $(agent wu), \"weight\": 2, \"cap\": 10}]}}"
for id in l2 l3 l4 l5 l6; do lead "$id"; done
call LeadPipelineService/GetLeadReport "{$parent}"
call ClockService/AdvanceTime '{"by": "604795s"}' >/dev/null
call_as "$wu" LeadPipelineService/ListLeadTasks "{$parent, \"in_pool\": true}"

say "Leads are handed over, and distributed once more when an operator is removed"
call LeadPipelineService/HandOverLeads "{$parent, \"from\": $(agent wu), \"target\": \"LEAD_HAND_OVER_TARGET_AGENT\", \"to\": $(agent li)}"
call LeadPipelineService/DistributeLeads "{$parent}"
call OperatorService/DeleteOperator "{\"name\": \"$account/operators/wu-na\"}"
call LeadPipelineService/GetLeadReport "{$parent}"
call LeadPipelineService/GetLeadPipelineSettings "{\"name\": \"$account/leadPipelineSettings\"}"

say "An erased lead leaves the pipeline; others hear of all that, and of no answer"
call LeadService/DeleteLead "{\"name\": \"$account/leads/l1\"}" >/dev/null
expect_error RESOURCE_NOT_FOUND LeadPipelineService/GetLeadTask "{\"name\": \"$account/leads/l1\"}"
call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null
call EventFeedService/StreamEvents '{"parent": "feeds/accounts"}' >"$work/feed"
grep -oE 'siyu.accounts.v1.Lead[A-Za-z]+' "$work/feed" | sort | uniq -c
if grep -qF -e 王小明 -e Monday "$work/feed" "$work"/*.log; then echo "UNEXPECTED: an answer or a note is in the feed or the log"; fi
stop "$server"
