#!/usr/bin/env bash
# Certification, operators, API keys, and the tokens that come of them.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mask='s/eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+/TOKEN/g; s/_[0-9a-f]{64}/_SECRET/g; s/"(kid|x)": "[^"]+"/"\1": "RANDOM"/'
start dev "$sim_clock" --set auth.reload_interval=1s
lumi
call AccountsService/CreateAccount '{"parent": "enterprises/lumi", "account_id": "lumi-store", "account": {"display_name": "Store"}}' >/dev/null
shop='"parent": "accounts/lumi-flagship"'
documents='"documents": [{"kind": "CERTIFICATION_DOCUMENT_KIND_BUSINESS_LICENCE", "name": "files/licence",
  "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}]'

# apply CODE: with the social credit code.
application() {
  echo "{$shop, \"certification\": {\"company_name\": \"Lumi Ltd.\", \"social_credit_code\": \"$1\", $documents}}"
}

say "A certification: applied for once, reviewed once, for a year"
expect_error "GB 32100-2015" CertificationService/ApplyCertification "$(application 91330100799655058A)"
call CertificationService/ApplyCertification "$(application 91330100799655058B)"
expect_error WRONG_STATE CertificationService/ApplyCertification "$(application 91330100799655058B)"
call CertificationService/ListCertifications '{"state": "CERTIFICATION_STATE_PENDING"}'
expect_error reject_reason CertificationService/ReviewCertification \
  '{"name": "accounts/lumi-flagship/certifications/1", "decision": "CERTIFICATION_DECISION_REJECT"}'
call CertificationService/ReviewCertification \
  '{"name": "accounts/lumi-flagship/certifications/1", "decision": "CERTIFICATION_DECISION_APPROVE"}'
expect_error WRONG_STATE CertificationService/ReviewCertification \
  '{"name": "accounts/lumi-flagship/certifications/1", "decision": "CERTIFICATION_DECISION_REJECT", "reject_reason": "Late"}'
call CertificationService/GetCertification "{$shop}"
expect_error WRONG_STATE CertificationService/ApplyCertification "$(application 91330100799655058B)"

say "Operators: somebody owns the account"
operator() {
  call OperatorService/CreateOperator "{\"parent\": \"$1\", \"operator_id\": \"$2\",
    \"operator\": {\"subject\": \"idp|$2\", \"display_name\": \"$2\", \"role\": \"$3\"}}"
}
operator accounts/lumi-flagship li-na ROLE_OWNER
operator accounts/lumi-flagship omar ROLE_ANALYST
expect_error LAST_OWNER OperatorService/DeleteOperator '{"name": "accounts/lumi-flagship/operators/li-na"}'
expect_error LAST_OWNER OperatorService/UpdateOperatorRole '{"name": "accounts/lumi-flagship/operators/li-na", "role": "ROLE_ADMIN"}'
call OperatorService/UpdateOperatorRole '{"name": "accounts/lumi-flagship/operators/omar", "role": "ROLE_OWNER"}'
call OperatorService/DeleteOperator '{"name": "accounts/lumi-flagship/operators/li-na"}'
call OperatorService/ListOperators "{$shop}"

say "A token for a person: their role in the company counts in its accounts"
operator enterprises/lumi omar ROLE_ANALYST >/dev/null
call TokenService/CreateOperatorToken '{"subject": "idp|omar"}'
omar=$(field token)
call_as "$omar" FanService/ListFans "{$shop}"
call_as "$omar" FanService/ListFans '{"parent": "accounts/lumi-store"}'
expect_error_as "$omar" ROLE_TOO_LOW OperatorService/ListOperators '{"parent": "accounts/lumi-store"}'
expect_error RESOURCE_NOT_FOUND TokenService/CreateOperatorToken '{"subject": "idp|li-na"}'

say "An API key: its secret is shown once, and is good for short tokens"
key() {
  echo "{$shop, \"api_key_id\": \"$1\", \"request_id\": \"$1\", \"api_key\": {\"display_name\": \"Till\", \"role\": \"$2\"}}"
}
call_as "$omar" ApiKeyService/CreateApiKey "$(key till ROLE_ANALYST)"
secret=$(field secret)
call_as "$omar" ApiKeyService/CreateApiKey "$(key till ROLE_ANALYST)"
call_as '' TokenService/ExchangeApiKey "{\"api_key\": \"$secret\"}"
till=$(field token)
call_as "$till" FanService/ListFans "{$shop}"
expect_error_as "$till" RESOURCE_NOT_FOUND FanService/ListFans '{"parent": "accounts/lumi-store"}'
call ApiKeyService/ListApiKeys "{$shop}"
call ApiKeyService/RevokeApiKey '{"name": "accounts/lumi-flagship/apiKeys/till"}'
expect_error_as '' API_KEY_INVALID TokenService/ExchangeApiKey "{\"api_key\": \"$secret\"}"
expect_error_as '' API_KEY_INVALID TokenService/ExchangeApiKey '{"api_key": "siyu_nobody_nothing_0"}'
grep -rqF "${secret##*_}" "$work"/*.log "$data" && echo "UNEXPECTED: the secret is in the log or in storage"

say "The keys that sign: one more after a rotation, none of the old ones after one at once"
call_as '' TokenService/ListSigningKeys
expect_error WRONG_STATE TokenService/RotateSigningKeys
call ClockService/AdvanceTime '{"by": "60s"}' >/dev/null
call TokenService/RotateSigningKeys
call_as "$omar" FanService/ListFans "{$shop}"
call TokenService/RotateSigningKeys '{"retire_at_once": true}'
for ((i = 0; i < 300; i++)); do
  call_as "$omar" FanService/ListFans "{$shop}" >"$work/refused" || break
  sleep 0.1
done
cat "$work/refused"

say "A year and a day later"
call ClockService/AdvanceTime '{"by": "31622400s"}'
call CertificationService/GetCertification "{$shop}"
stop "$server"
