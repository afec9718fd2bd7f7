//! What users do at the places an account puts up, carried out through its API.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, bail};
use futures_util::stream;
use siyu_proto::{
    accounts::v1::{
        ClaimCouponRequest, CreateBookingRequest, Engagement, EngagementAction, LeadAnswer,
        ListFreeSlotsRequest, RecordEngagementsRequest, RedeemCouponRequest, ScanEntryCodeRequest,
        SubmitLeadRequest, booking_service_client::BookingServiceClient,
        coupon_service_client::CouponServiceClient, engagement_service_client::EngagementServiceClient,
        entry_code_service_client::EntryCodeServiceClient, lead_service_client::LeadServiceClient,
    },
    crm::v1::{Interaction, InteractionKind as Kind},
    subscriptions::v1::{
        FollowRequest, ImportFollowersRequest, ImportedFollower, UnfollowRequest,
        follow_service_client::FollowServiceClient,
    },
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{
    storefront::Storefront,
    traffic::places::{FANS_COUPON, STORE_VISIT},
};
use crate::connect::Client;

/// Those who visit the accounts of the brand.
pub(super) struct Visitors {
    coupons: CouponServiceClient<Client>,
    leads: LeadServiceClient<Client>,
    bookings: BookingServiceClient<Client>,
    codes: EntryCodeServiceClient<Client>,
    engagements: EngagementServiceClient<Client>,
    follows: FollowServiceClient<Client>,
    storefronts: HashMap<String, Storefront>,
    /// Names of claims, by user and card.
    claims: HashMap<(String, String), String>,
    /// What was refused, by card and reason.
    refusals: BTreeMap<(String, String), i64>,
}

/// Whether it goes through the messaging service, at its moment.
pub(super) fn is_message(interaction: &Interaction) -> bool {
    interaction.kind() == Kind::PrivateMessage
}

/// Whether an interaction goes through the service that it is for, one call for each at its moment: what comes of it
/// depends on what was before. To follow is one at a place, which is told with it; who follows in a video or a live room
/// is told of in bulk.
pub(super) fn is_wish(interaction: &Interaction) -> bool {
    match interaction.kind() {
        Kind::Follow => !interaction.mount.is_empty(),
        Kind::Unfollow | Kind::Scan | Kind::CouponClaim | Kind::CouponRedeem | Kind::Lead | Kind::Booking => {
            true
        }
        _ => false,
    }
}

/// Whether only followers get it.
pub(super) fn is_for_followers(wish: &Interaction) -> bool {
    wish.kind() == Kind::CouponClaim && wish.target.ends_with(FANS_COUPON)
}

/// Whether it goes through the accounts service, many in a call.
pub(super) fn is_engagement(interaction: &Interaction) -> bool {
    matches!(interaction.kind(), Kind::HomepageVisit | Kind::Click)
}

impl Visitors {
    pub(super) fn new(client: &Client, storefronts: HashMap<String, Storefront>) -> Self {
        Self {
            coupons: CouponServiceClient::new(client.clone()),
            leads: LeadServiceClient::new(client.clone()),
            bookings: BookingServiceClient::new(client.clone()),
            codes: EntryCodeServiceClient::new(client.clone()),
            engagements: EngagementServiceClient::new(client.clone()),
            follows: FollowServiceClient::new(client.clone()),
            storefronts,
            claims: HashMap::new(),
            refusals: BTreeMap::new(),
        }
    }

    /// What was refused: card, reason, how often.
    pub(super) fn refusals(&self) -> impl Iterator<Item = (&str, &str, i64)> {
        self.refusals.iter().map(|((card, reason), times)| (card.as_str(), reason.as_str(), *times))
    }

    /// Records visits and clicks of an account.
    pub(super) async fn engage(&self, parent: &str, done: &[Interaction]) -> anyhow::Result<()> {
        let engagements = done.iter().map(engagement).collect();
        let request = RecordEngagementsRequest { parent: parent.to_owned(), engagements };
        let answer = self.engagements.clone().record_engagements(request).await?.into_inner();
        if let Some(first) = answer.rejections.first() {
            bail!("{parent}: {} of {} rejected: {first:?}", answer.rejections.len(), done.len());
        }
        Ok(())
    }

    /// Has users follow an account, each from their moment on.
    pub(super) async fn bring_in(&self, parent: &str, follows: &[Interaction]) -> anyhow::Result<()> {
        let follower = |done: &Interaction| ImportedFollower {
            user: done.user.clone(),
            follow_time: done.event_time,
            source_domain: done.source_domain,
            campaign: done.campaign.clone(),
        };
        let followers = follows.iter().map(follower).collect();
        let request = ImportFollowersRequest { parent: parent.to_owned(), followers };
        let answer = self.follows.clone().import_followers(stream::iter([request])).await?.into_inner();
        if let Some(first) = answer.rejections.first() {
            bail!("{parent}: {} of {} rejected: {first:?}", answer.rejected_count, follows.len());
        }
        Ok(())
    }

    /// Does what a user wishes. A refusal by a rule is told to the user, and counted.
    pub(super) async fn fulfil(&mut self, account_id: &str, wish: &Interaction) -> anyhow::Result<()> {
        let done = match wish.kind() {
            Kind::Follow => self.follow(account_id, wish).await?,
            Kind::Unfollow => self.unfollow(account_id, wish).await?,
            Kind::Scan => self.scan(account_id, wish).await?,
            Kind::CouponClaim => self.claim(wish).await?,
            Kind::CouponRedeem => self.redeem(account_id, wish).await?,
            Kind::Lead => self.leave_contact(account_id, wish).await?,
            _ => self.book(account_id, wish).await?,
        };
        let Err(status) = done else { return Ok(()) };
        if !matches!(status.code(), Code::FailedPrecondition | Code::ResourceExhausted) {
            return Err(status).with_context(|| format!("{wish:?}"));
        }
        let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
        *self.refusals.entry((wish.target.clone(), reason)).or_default() += 1;
        Ok(())
    }

    async fn follow(&mut self, account_id: &str, wish: &Interaction) -> Answer {
        let request = FollowRequest {
            parent: format!("accounts/{account_id}"),
            user: wish.user.clone(),
            source_domain: wish.source_domain,
            mount: wish.mount.clone(),
            campaign: wish.campaign.clone(),
        };
        Ok(self.follows.follow(request).await.map(drop))
    }

    async fn unfollow(&mut self, account_id: &str, wish: &Interaction) -> Answer {
        let (parent, user) = (format!("accounts/{account_id}"), wish.user.clone());
        let request = UnfollowRequest { parent, user, mount: wish.mount.clone() };
        Ok(self.follows.unfollow(request).await.map(drop))
    }

    async fn scan(&mut self, account_id: &str, wish: &Interaction) -> Answer {
        let storefront = self.storefront(account_id)?;
        let code = storefront.short_codes.iter().find(|(code_id, _)| wish.mount.ends_with(code_id));
        let request = ScanEntryCodeRequest {
            short_code: code.context("nobody put this code up")?.1.clone(),
            user: wish.user.clone(),
            scan_id: wish.event_id.clone(),
        };
        Ok(self.codes.scan_entry_code(request).await.map(drop))
    }

    async fn claim(&mut self, wish: &Interaction) -> Answer {
        let request = ClaimCouponRequest {
            name: wish.target.clone(),
            user: wish.user.clone(),
            claim_id: wish.event_id.clone(),
            mount: wish.mount.clone(),
            source_domain: wish.source_domain,
            ..Default::default()
        };
        Ok(self.coupons.claim_coupon(request).await.map(|answer| {
            let claim = answer.into_inner().claim.unwrap_or_default();
            self.claims.insert((wish.user.clone(), wish.target.clone()), claim.name);
        }))
    }

    async fn redeem(&mut self, account_id: &str, wish: &Interaction) -> Answer {
        // Who came too late has none to use.
        let Some(name) = self.claims.remove(&(wish.user.clone(), wish.target.clone())) else {
            return Ok(Ok(()));
        };
        let parent = format!("accounts/{account_id}");
        let request = RedeemCouponRequest { parent, name, ..Default::default() };
        Ok(self.coupons.redeem_coupon(request).await.map(drop))
    }

    async fn leave_contact(&mut self, account_id: &str, wish: &Interaction) -> Answer {
        let storefront = self.storefront(account_id)?;
        let answer = |key: &str, value: String| LeadAnswer {
            key: key.to_owned(),
            values: vec![value],
            ..LeadAnswer::default()
        };
        // The last digits of a user's id make a number that nobody else has.
        let number = wish.user.trim_start_matches("users/u");
        let request = SubmitLeadRequest {
            parent: format!("accounts/{account_id}"),
            lead_id: wish.event_id.clone(),
            form: wish.target.clone(),
            user: wish.user.clone(),
            answers: vec![
                answer("name", "林小姐".to_owned()),
                answer("mobile", format!("138 0013 {:0>4}", &number[number.len().saturating_sub(4)..])),
            ],
            consent_given: true,
            consent_version: storefront.consent_version.clone(),
            mount: wish.mount.clone(),
            source_domain: wish.source_domain,
            ..Default::default()
        };
        Ok(self.leads.submit_lead(request).await.map(drop))
    }

    /// Books the next time that is free.
    async fn book(&mut self, account_id: &str, wish: &Interaction) -> Answer {
        let request = ListFreeSlotsRequest {
            parent: format!("accounts/{account_id}/cards/{STORE_VISIT}"),
            user: wish.user.clone(),
            page_size: 1,
            ..Default::default()
        };
        let free = self.bookings.list_free_slots(request).await?.into_inner().slots;
        let Some(slot) = free.into_iter().next() else { return Ok(Ok(())) };
        let request = CreateBookingRequest {
            parent: format!("accounts/{account_id}"),
            booking_id: wish.event_id.clone(),
            slot: slot.name,
            user: wish.user.clone(),
            mount: wish.mount.clone(),
            source_domain: wish.source_domain,
            ..Default::default()
        };
        Ok(self.bookings.create_booking(request).await.map(drop))
    }

    fn storefront(&self, account_id: &str) -> anyhow::Result<&Storefront> {
        self.storefronts.get(account_id).with_context(|| format!("{account_id} put nothing up"))
    }
}

/// Within: what the service answered.
type Answer = anyhow::Result<Result<(), Status>>;

fn engagement(done: &Interaction) -> Engagement {
    let action = match done.kind() {
        Kind::HomepageVisit => EngagementAction::HomepageVisit,
        _ if done.target.contains("/cards/") => EngagementAction::CardClick,
        _ => EngagementAction::EntranceClick,
    };
    let is_visit = action == EngagementAction::HomepageVisit;
    Engagement {
        event_id: done.event_id.clone(),
        user: done.user.clone(),
        action: action.into(),
        target: if is_visit { String::new() } else { done.target.clone() },
        mount: done.mount.clone(),
        source_domain: done.source_domain,
        event_time: done.event_time,
        ..Engagement::default()
    }
}
