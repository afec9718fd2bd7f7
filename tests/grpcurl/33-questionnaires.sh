#!/usr/bin/env bash
# Questionnaires by message: what is asked, what is no answer, and the lead and the tag that come of it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# The CRM hears of a user a moment after they wrote.
mask='s/"since": "[^"]*"/"since": "TIME"/'
start dev "$sim_clock"
lumi
shop='"parent": "accounts/lumi-flagship"'
u1="$shop, \"user\": \"users/u1\""
user=$(mint --kind user --subject users/u1)
agent=$(mint --kind operator --subject li --grant accounts/lumi-flagship=agent)
operator=$(mint --kind operator --subject omar --grant accounts/lumi-flagship=operator)
skin='accounts/lumi-flagship/questionnaires/skin'

# write ID TEXT: the user writes.
write() {
  call_as "$user" InboxService/SendMessage \
    "{$u1, \"client_message_id\": \"$1\", \"content\": {\"kind\": \"MESSAGE_CONTENT_KIND_TEXT\", \"text\": \"$2\"}}" >/dev/null
}

# questionnaire ID FIELDS QUESTIONS: one of the lead form.
questionnaire() {
  printf '{%s, "questionnaire_id": "%s", "questionnaire": {"form": "accounts/lumi-flagship/cards/skin-test", "introduction": "您好！两个问题：", %s, "questions": [%s]}}' \
    "$shop" "$1" "$2" "$3"
}

say "A form and a tag"
call CardService/CreateCard "{$shop, \"card_id\": \"skin-test\", \"card\": {\"display_name\": \"Skin test\", \"kind\": \"CARD_KIND_LEAD_FORM\",
  \"lead_form\": {\"consent_text\": \"我们会就皮肤测试给您回电。\", \"fields\": [
    {\"key\": \"mobile\", \"label\": \"Mobile\", \"kind\": \"LEAD_FIELD_KIND_MOBILE\", \"required\": true},
    {\"key\": \"skin\", \"label\": \"Skin\", \"kind\": \"LEAD_FIELD_KIND_CHOICE\", \"options\": [\"干性\", \"油性\"]}]}}}" >/dev/null
call TagService/CreateTag "{$shop, \"tag_id\": \"dry-skin\", \"tag\": {\"display_name\": \"Dry skin\"}}" >/dev/null

say "A questionnaire for those who write for the first time"
first='"trigger": "QUESTIONNAIRE_TRIGGER_FIRST_MESSAGE"'
mobile='{"key": "mobile", "text": "您的手机号是？"}'
dry='{"key": "skin", "text": "您的皮肤是？", "options": [{"text": "干性", "tags": ["accounts/lumi-flagship/tags/dry-skin"]}, {"text": "油性"}]}'
call_as "$operator" QuestionnaireService/CreateQuestionnaire "$(questionnaire skin "$first" "$dry, $mobile")"
expect_error 'which the form requires' QuestionnaireService/CreateQuestionnaire "$(questionnaire other "$first" "$dry")"
expect_error 'questions[1].key' QuestionnaireService/CreateQuestionnaire "$(questionnaire other "$first" "$mobile, {\"key\": \"age\", \"text\": \"?\"}")"
expect_error keywords QuestionnaireService/CreateQuestionnaire "$(questionnaire other '"trigger": "QUESTIONNAIRE_TRIGGER_KEYWORD"' "$mobile")"
expect_error_as "$agent" ROLE_TOO_LOW QuestionnaireService/DeleteQuestionnaire "{\"name\": \"$skin\"}"

say "The user answers; what is no answer is asked again"
write m1 '你好'
write m2 '１'
write m3 '010-62345678'
write m4 '138 1234 5678'
write m5 '同意'
call_as "$user" InboxService/ListMessages "{$u1}"
call_as "$operator" QuestionnaireService/ListQuestionnaireRuns "{\"parent\": \"$skin\"}"

say "A moment later it is a lead, masked here, and the CRM has the tag"
for _ in 1 2 3; do call ClockService/AdvanceTime '{"by": "60s"}' >/dev/null; done
call_as "$operator" QuestionnaireService/ListQuestionnaireRuns "{\"parent\": \"$skin\"}"
call LeadService/ListLeads "{$shop}"
call TagService/ListFanTags '{"parent": "accounts/lumi-flagship/fans/u1"}'

say "An agent asks once more; the user has had enough"
again="{$u1, \"questionnaire\": \"$skin\", \"client_message_id\": \"again\"}"
call_as "$agent" QuestionnaireService/StartQuestionnaire "$again"
write m6 '2'
write m7 '取消'
call_as "$user" InboxService/ListMessages "{$u1, \"after_sequence\": 12}"
call_as "$operator" QuestionnaireService/GetQuestionnaireReport "{\"name\": \"$skin\"}"
