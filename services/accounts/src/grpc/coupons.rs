//! `CouponService`: decode, call the use case, encode.

use siyu_clock::Micros;
use siyu_observed::{Origin, named_domain, stored_domain};
use siyu_proto::accounts::v1::{
    self as pb, ClaimCouponRequest, ClaimCouponResponse, GetClaimRequest, GetClaimResponse,
    ListClaimsRequest, ListClaimsResponse, ListUserClaimsRequest, ListUserClaimsResponse,
    RedeemCouponRequest, RedeemCouponResponse, coupon_service_server::CouponService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name, time::to_proto};
use tonic::{Request, Response, Status};

use super::cards::{card_ids, to_value};
use crate::{
    Accounts,
    app::coupons::{NewClaim, Till},
    domain::coupon::{Claim, Order, Redemption},
};

#[tonic::async_trait]
impl CouponService for Accounts {
    async fn claim_coupon(
        &self,
        request: Request<ClaimCouponRequest>,
    ) -> Result<Response<ClaimCouponResponse>, Status> {
        let request = admit(request)?;
        let [account_id, card_id] = card_ids(&request.name, "name")?;
        let new = NewClaim {
            account_id: account_id.to_owned(),
            card_id: card_id.to_owned(),
            user_id: name::id(&request.user, "users", "user")?.to_owned(),
            origin: Origin {
                source_domain: stored_domain(request.source_domain()),
                mount: request.mount,
                campaign: request.campaign,
            },
            claim_id: request.claim_id,
        };
        let claim = self.claim_coupon(&new).await?;
        Ok(Response::new(ClaimCouponResponse { claim: Some(to_claim(claim, self.clock.now())) }))
    }

    async fn redeem_coupon(
        &self,
        request: Request<RedeemCouponRequest>,
    ) -> Result<Response<RedeemCouponResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let shown = shown(account_id, &request)?;
        let order = Order { id: request.order_id.clone(), amount_minor: request.order_amount_minor };
        let redeemed = self.redeem_coupon(&mutation, account_id, &shown, &order).await?;
        Ok(Response::new(RedeemCouponResponse {
            claim: Some(to_claim(redeemed.claim, self.clock.now())),
            value: Some(to_value(redeemed.value)),
        }))
    }

    async fn get_claim(
        &self,
        request: Request<GetClaimRequest>,
    ) -> Result<Response<GetClaimResponse>, Status> {
        let request = admit(request)?;
        let claim = self.get_claim(claim_ids(&request.name)?).await?;
        Ok(Response::new(GetClaimResponse { claim: Some(to_claim(claim, self.clock.now())) }))
    }

    async fn list_claims(
        &self,
        request: Request<ListClaimsRequest>,
    ) -> Result<Response<ListClaimsResponse>, Status> {
        let request = admit(request)?;
        let page =
            Page::read(request.page_size, &request.page_token, format!("ListClaims {}", request.parent))?;
        let [account_id, card_id] = card_ids(&request.parent, "parent")?;
        let (claims, next_page_token) = self.list_claims(account_id, card_id, &page).await?;
        let now = self.clock.now();
        let without_code = |claim| pb::Claim { code: String::new(), ..to_claim(claim, now) };
        let claims = claims.into_iter().map(without_code).collect();
        Ok(Response::new(ListClaimsResponse { claims, next_page_token }))
    }

    async fn list_user_claims(
        &self,
        request: Request<ListUserClaimsRequest>,
    ) -> Result<Response<ListUserClaimsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListUserClaims {} {}", request.parent, request.user);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let user_id = name::id(&request.user, "users", "user")?;
        let (claims, next_page_token) = self.list_user_claims(account_id, user_id, &page).await?;
        let now = self.clock.now();
        let claims = claims.into_iter().map(|claim| to_claim(claim, now)).collect();
        Ok(Response::new(ListUserClaimsResponse { claims, next_page_token }))
    }
}

fn claim_ids(name: &str) -> Result<[&str; 3], Error> {
    let rule = "must be accounts/{account}/cards/{card}/claims/{claim}";
    name::ids(name, ["accounts", "cards", "claims"]).ok_or_else(|| Error::invalid_field("name", rule))
}

/// What is shown at the till of an account: a name or a code.
fn shown(account_id: &str, request: &RedeemCouponRequest) -> Result<Till, Error> {
    match (request.name.as_str(), request.code.as_str()) {
        ("", "") => Err(Error::invalid_field("name", "must be set, or code")),
        ("", code) => Ok(Till::Code(code.to_owned())),
        (name, "") => {
            let [owner, card_id, claim_id] = claim_ids(name)?;
            if owner != account_id {
                return Err(Error::invalid_field("name", "must be a claim of the parent"));
            }
            Ok(Till::Name { card_id: card_id.to_owned(), claim_id: claim_id.to_owned() })
        }
        _ => Err(Error::invalid_field("code", "must be empty with name")),
    }
}

fn to_claim(claim: Claim, now: Micros) -> pb::Claim {
    let state = match &claim.redemption {
        Some(_) => pb::ClaimState::Redeemed,
        None if claim.expire_time <= now => pb::ClaimState::Expired,
        None => pb::ClaimState::Claimed,
    };
    let (name, source_domain) = (claim.name(), named_domain(&claim.origin.source_domain));
    let (redeem_time, order) = match claim.redemption {
        Some(Redemption { time, order }) => (Some(to_proto(time)), order),
        None => (None, Order::default()),
    };
    pb::Claim {
        name,
        user: format!("users/{}", claim.user_id),
        code: claim.code,
        state: state.into(),
        mount: claim.origin.mount,
        source_domain: source_domain.into(),
        campaign: claim.origin.campaign,
        claim_time: Some(to_proto(claim.claim_time)),
        expire_time: Some(to_proto(claim.expire_time)),
        redeem_time,
        order_id: order.id,
        order_amount_minor: order.amount_minor,
    }
}
