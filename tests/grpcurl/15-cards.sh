#!/usr/bin/env bash
# Cards and coupons: what an account offers, claimed while there is any, redeemed once, and told to the CRM.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mask='s/"code": "[0-9A-Z]{12}"/"code": "CODE"/'
start dev "$sim_clock"
lumi
shop='"parent": "accounts/lumi-flagship"'
ten_off='"name": "accounts/lumi-flagship/cards/ten-off"'

# card ID KIND SETTINGS: the request that makes one.
card() {
  echo "{$shop, \"card_id\": \"$1\", \"card\": {\"kind\": \"CARD_KIND_$2\", \"display_name\": \"$1\", $3}}"
}

say "A catalog"
call CardService/CreateCard "$(card serum PRODUCT '"product": {"price_minor": 19900, "original_price_minor": 25900,
  "uri": "https://shop.example/serum"}')"
value='"value": {"kind": "COUPON_VALUE_KIND_AMOUNT_OFF", "amount_off_minor": 1000, "threshold_minor": 10000}'
call CardService/CreateCard "$(card ten-off COUPON "\"conditions\": {\"follow_first\": true},
  \"coupon\": {\"stock\": 2, \"valid_days\": 30, $value}")"
call CardService/ListCards "{$shop, \"kind\": \"CARD_KIND_PRODUCT\"}"

say "What breaks a rule is refused, with its field"
expect_error card.coupon.stock CardService/CreateCard "$(card bad COUPON "\"coupon\": {\"stock\": -1, \"valid_days\": 30, $value}")"
expect_error card.product.original_price_minor CardService/CreateCard \
  "$(card bad PRODUCT '"product": {"price_minor": 2, "original_price_minor": 1}')"
expect_error card.link.uri CardService/CreateCard "$(card bad LINK '"link": {"uri": "https://li:secret@shop.example"}')"
expect_error card.product CardService/CreateCard "$(card bad LINK '"product": {"price_minor": 1}')"

say "Two editors: the second has not seen the change of the first"
call CardService/UpdateCard "{\"update_mask\": {\"paths\": [\"display_name\"]}, \"card\": {$ten_off, \"display_name\": \"Ten off\", \"etag\": \"\\\"1\\\"\"}}"
expect_error ETAG_MISMATCH CardService/UpdateCard \
  "{\"update_mask\": {\"paths\": [\"description\"]}, \"card\": {$ten_off, \"description\": \"Mine\", \"etag\": \"\\\"1\\\"\"}}"

# claim USER ID: the request that claims the coupon on the homepage.
claim() {
  echo "{$ten_off, \"user\": \"users/$1\", \"claim_id\": \"$2\", \"mount\": \"accounts/lumi-flagship/homepage\"}"
}

say "Follow first"
expect_error CONDITION_NOT_MET CouponService/ClaimCoupon "$(claim u1 c1)"
for user in u1 u2 u3; do ingest "$user" FOLLOW 2026-02-28T08:00:00Z; done
call CouponService/ClaimCoupon "$(claim u1 c1)"
code=$(python3 -c 'import json; print(json.load(open("'"$work/answer"'"))["claim"]["code"])')

say "A repeat gets the first answer; one for a fan; two in all"
call CouponService/ClaimCoupon "$(claim u1 c1)"
expect_error LIMIT_REACHED CouponService/ClaimCoupon "$(claim u1 c2)"
user2=$(mint --kind user --subject users/u2)
expect_error_as "$user2" ROLE_TOO_LOW CouponService/ClaimCoupon "$(claim u3 c3)"
call_as "$user2" CouponService/ClaimCoupon "$(claim u2 c4)"
expect_error SOLD_OUT CouponService/ClaimCoupon "$(claim u3 c3)"
expect_error claimed_count CardService/UpdateCard "{\"update_mask\": {\"paths\": [\"coupon.stock\"]}, \"card\": {$ten_off, \"coupon\": {\"stock\": 1}}}"
call CardService/UpdateCard "{\"update_mask\": {\"paths\": [\"coupon.stock\"]}, \"card\": {$ten_off, \"coupon\": {\"stock\": 3}}}"
call CouponService/ClaimCoupon "$(claim u3 c3)"

say "Redeemed once: by its code, by its name, and not for too small an order"
expect_error threshold_minor CouponService/RedeemCoupon \
  "{$shop, \"name\": \"accounts/lumi-flagship/cards/ten-off/claims/c1\", \"order_amount_minor\": 9900}"
mask+="; s/$code/CODE/"
call CouponService/RedeemCoupon "{$shop, \"code\": \"$code\", \"order_id\": \"o1\", \"order_amount_minor\": 12900}"
expect_error WRONG_STATE CouponService/RedeemCoupon "{$shop, \"name\": \"accounts/lumi-flagship/cards/ten-off/claims/c1\"}"
call CouponService/ListClaims '{"parent": "accounts/lumi-flagship/cards/ten-off", "page_size": 1}' | grep -v PageToken
call CouponService/ListUserClaims "{$shop, \"user\": \"users/u1\"}"
grep -rqF "$code" "$work"/*.log && echo "UNEXPECTED: the code is in the log"

say "The CRM knows where it happened"
call ClockService/AdvanceTime '{"by": "1s"}' >/dev/null
call InteractionService/ListInteractions '{"parent": "accounts/lumi-flagship/fans/u1"}'

say "Archived: nobody claims it, what was claimed is still good, until its time is over"
call CardService/ArchiveCard "{$ten_off}" | grep -E 'state|Count'
expect_error WRONG_STATE CouponService/ClaimCoupon "$(claim u4 c5)"
call CouponService/RedeemCoupon "{$shop, \"name\": \"accounts/lumi-flagship/cards/ten-off/claims/c4\"}" | grep -E 'state|redeemTime'
call ClockService/AdvanceTime '{"by": "2592000s"}' >/dev/null
expect_error OUTSIDE_VALIDITY CouponService/RedeemCoupon "{$shop, \"name\": \"accounts/lumi-flagship/cards/ten-off/claims/c3\"}"
stop "$server"
