//! 512 claims at once of 100 coupons, from three processes on one database; a process that is killed right after it
//! answered.

use std::collections::{BTreeMap, BTreeSet};

use siyu::{
    connect::{Client, connect},
    suite::ServiceName,
};
use siyu_proto::{
    accounts::v1::{
        Claim, ClaimState, GetCardRequest, ListClaimsRequest, RedeemCouponRequest,
        card_service_client::CardServiceClient, coupon_service_client::CouponServiceClient,
    },
    common::v1::{StreamEventsRequest, event_feed_service_client::EventFeedServiceClient},
    crm::v1::{
        Interaction, InteractionKind as Kind, InteractionsObserved, ListInteractionsRequest,
        interaction_service_client::InteractionServiceClient,
    },
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    process::Process,
};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    cards::{coupon, creation},
    coupons::claim,
    support::reason,
};

const PROCESSES: usize = 3;
const USERS: usize = 448;
const CALLS: usize = 512;
const STOCK: usize = 100;

/// Processes of accounts that serve one database; from an SQLite file one alone may.
struct Shops {
    installation: Installation,
    processes: Vec<Process>,
    clients: Vec<Client>,
}

impl Shops {
    /// Starts them with `accounts/shop` and its coupon `ten-off`; none where the engine is not to be had.
    async fn open(engine: Engine, stock: usize) -> Option<Self> {
        let installation = Installation::create(engine).await.unwrap()?;
        let mut shops = Self { installation, processes: Vec::new(), clients: Vec::new() };
        let count = if engine == Engine::Sqlite { 1 } else { PROCESSES };
        for _ in 0..count {
            shops.start(&[ServiceName::Accounts]).await;
        }
        create_accounts(&shops.clients[0], &["shop".to_owned()]).await.unwrap();
        let card = creation("ten-off", coupon(i64::try_from(stock).unwrap()));
        CardServiceClient::new(shops.clients[0].clone()).create_card(card).await.unwrap();
        Some(shops)
    }

    async fn start(&mut self, services: &[ServiceName]) {
        let launch = Launch {
            services: services.to_vec(),
            set: vec!["accounts.max_connections=8".to_owned()],
            ..Launch::default()
        };
        let mut process = self.installation.start(&launch).unwrap();
        let url = process.ready().await.unwrap();
        self.clients.push(connect(&url, &self.installation.token).await.unwrap());
        self.processes.push(process);
    }

    /// The client of the process that such a call goes to.
    fn coupons(&self, call: usize) -> CouponServiceClient<Client> {
        CouponServiceClient::new(self.clients[call % self.clients.len()].clone())
    }

    async fn kill(&mut self) {
        self.clients.clear();
        for process in self.processes.drain(..) {
            process.kill().await.unwrap();
        }
    }

    async fn close(mut self) {
        self.kill().await;
        self.installation.remove().await.unwrap();
    }

    /// All claims that are stored.
    async fn claims(&self) -> Vec<Claim> {
        let request = ListClaimsRequest {
            parent: "accounts/shop/cards/ten-off".to_owned(),
            page_size: 1_000,
            ..ListClaimsRequest::default()
        };
        self.coupons(0).list_claims(request).await.unwrap().into_inner().claims
    }

    /// How many the coupon says were claimed and redeemed.
    async fn counts(&self) -> (usize, usize) {
        let name = "accounts/shop/cards/ten-off".to_owned();
        let card = CardServiceClient::new(self.clients[0].clone()).get_card(GetCardRequest { name }).await;
        let settings = card.unwrap().into_inner().card.unwrap().coupon.unwrap();
        let count = |count: i64| usize::try_from(count).unwrap();
        (count(settings.claimed_count), count(settings.redeemed_count))
    }

    /// What the feed tells the CRM, once everything is published.
    async fn told(&self, expected: usize) -> Vec<Interaction> {
        let mut feeds = EventFeedServiceClient::new(self.clients[0].clone());
        let mut told = Vec::new();
        for _ in 0..100 {
            let request =
                StreamEventsRequest { parent: "feeds/accounts".to_owned(), ..StreamEventsRequest::default() };
            let mut pages = feeds.stream_events(request).await.unwrap().into_inner();
            told.clear();
            while let Some(page) = pages.message().await.unwrap() {
                let payloads = page.events.iter().filter_map(|event| event.payload.as_ref());
                let observed = payloads.filter_map(|payload| payload.to_msg::<InteractionsObserved>().ok());
                told.extend(observed.flat_map(|observed| observed.interactions));
            }
            if told.len() >= expected {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        told
    }
}

/// Asks until there is an answer, as a client does that is told to try again: the claim id makes it safe.
async fn claimed(mut coupons: CouponServiceClient<Client>, user: &str, id: &str) -> Result<Claim, Status> {
    for _ in 0..20 {
        match coupons.claim_coupon(claim("ten-off", user, id)).await {
            Err(status) if matches!(status.code(), Code::Unavailable | Code::Aborted) => {}
            answered => return answered.map(|answer| answer.into_inner().claim.unwrap()),
        }
    }
    Err(Status::unavailable("20 times"))
}

/// The event ids of what was told, each of which must be told once.
fn event_ids(told: &[Interaction]) -> BTreeSet<String> {
    let ids: BTreeSet<String> = told.iter().map(|it| it.event_id.clone()).collect();
    assert_eq!(ids.len(), told.len(), "told twice");
    ids
}

async fn coupons_are_given_out_exactly(engine: Engine) {
    let Some(shops) = Shops::open(engine, STOCK).await else { return };
    let mut calls = JoinSet::new();
    for call in 0..CALLS {
        let coupons = shops.coupons(call);
        // Some users ask twice, with different ids, at different processes.
        let (user, id) = (format!("u{}", call % USERS), format!("c{call:03}"));
        calls.spawn(async move { (user.clone(), claimed(coupons, &user, &id).await) });
    }
    let mut given: BTreeMap<String, Claim> = BTreeMap::new();
    let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
    for (user, answer) in calls.join_all().await {
        match answer {
            Ok(claim) => assert!(given.insert(user, claim).is_none(), "two for one fan"),
            Err(status) => *refusals.entry(reason(&status)).or_default() += 1,
        }
    }
    println!("{engine:?}: {} given, refused {refusals:?}", given.len());
    assert_eq!(given.len(), STOCK);
    assert!(refusals.keys().all(|reason| reason == "SOLD_OUT" || reason == "LIMIT_REACHED"), "{refusals:?}");

    // What was answered, the rows, the counter and what the CRM is told agree.
    let stored = shops.claims().await;
    let names = |claims: Vec<&Claim>| claims.iter().map(|claim| claim.name.clone()).collect::<BTreeSet<_>>();
    assert_eq!((stored.len(), names(stored.iter().collect())), (STOCK, names(given.values().collect())));
    let fans: BTreeSet<_> = stored.iter().map(|claim| claim.user.clone()).collect();
    let codes: BTreeSet<_> = given.values().map(|claim| claim.code.clone()).collect();
    assert_eq!((fans.len(), codes.len(), shops.counts().await), (STOCK, STOCK, (STOCK, 0)));
    let told = event_ids(&shops.told(STOCK).await);
    let expected: BTreeSet<_> =
        given.values().map(|claim| format!("claim:{}", claim.name.rsplit('/').next().unwrap())).collect();
    assert_eq!(told, expected);
    shops.close().await;
}

async fn of_32_tills_one_redeems(engine: Engine) {
    let Some(shops) = Shops::open(engine, 1).await else { return };
    let claim = claimed(shops.coupons(0), "u1", "c1").await.unwrap();
    let mut calls = JoinSet::new();
    for call in 0..32 {
        let mut coupons = shops.coupons(call);
        let mut request = RedeemCouponRequest {
            parent: "accounts/shop".to_owned(),
            request_id: format!("till-{call}"),
            ..RedeemCouponRequest::default()
        };
        match call % 2 {
            0 => request.name.clone_from(&claim.name),
            _ => request.code.clone_from(&claim.code),
        }
        calls.spawn(async move { coupons.redeem_coupon(request).await.map(|answer| answer.into_inner()) });
    }
    let (redeemed, refused): (Vec<_>, Vec<_>) = calls.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(redeemed.len(), 1);
    for status in refused.into_iter().filter_map(Result::err) {
        assert_eq!(reason(&status), "WRONG_STATE", "{status}");
    }
    assert_eq!(shops.counts().await, (1, 1));
    assert_eq!(shops.claims().await[0].state(), ClaimState::Redeemed);
    let told = event_ids(&shops.told(2).await);
    assert_eq!(told, BTreeSet::from(["claim:c1".to_owned(), "redeem:c1".to_owned()]));
    shops.close().await;
}

/// A process is killed the moment it has answered: before anything of it is published, or in the middle of that.
async fn a_crash_after_the_answer_loses_nothing(engine: Engine) {
    const ROUNDS: usize = 4;
    const FANS: usize = 20;
    let Some(mut shops) = Shops::open(engine, ROUNDS * FANS).await else { return };
    for round in 0..ROUNDS {
        let mut calls = JoinSet::new();
        for fan in 0..FANS {
            let coupons = shops.coupons(fan);
            let (user, id) = (format!("u{round}-{fan}"), format!("c{round}-{fan}"));
            calls.spawn(async move { claimed(coupons, &user, &id).await.unwrap() });
        }
        calls.join_all().await;
        shops.kill().await;
        shops.start(&[ServiceName::Accounts]).await;
    }
    assert_eq!(shops.counts().await, (ROUNDS * FANS, 0));
    let told = event_ids(&shops.told(ROUNDS * FANS).await);
    assert_eq!(told.len(), ROUNDS * FANS);

    // And it reaches the CRM, which starts only now.
    shops.kill().await;
    shops.start(&[ServiceName::Accounts, ServiceName::Crm]).await;
    for round in 0..ROUNDS {
        for fan in 0..FANS {
            let user = format!("u{round}-{fan}");
            let known = interactions_of(&shops.clients[0], &user).await;
            let kinds: Vec<_> = known.iter().map(|it| (it.event_id.clone(), it.kind())).collect();
            assert_eq!(kinds, [(format!("claim:c{round}-{fan}"), Kind::CouponClaim)], "{user}");
        }
    }
    shops.close().await;
}

/// What the CRM knows of a user, as soon as it knows anything.
async fn interactions_of(client: &Client, user: &str) -> Vec<Interaction> {
    let parent = format!("accounts/shop/fans/{user}");
    let request = ListInteractionsRequest { parent, ..ListInteractionsRequest::default() };
    for _ in 0..200 {
        let answer = InteractionServiceClient::new(client.clone()).list_interactions(request.clone()).await;
        if let Ok(answer) = answer {
            return answer.into_inner().interactions;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Vec::new()
}

#[tokio::test(flavor = "multi_thread")]
async fn coupons_are_given_out_exactly_on_sqlite() {
    coupons_are_given_out_exactly(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn coupons_are_given_out_exactly_on_postgres() {
    coupons_are_given_out_exactly(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_tills_one_redeems_on_sqlite() {
    of_32_tills_one_redeems(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_tills_one_redeems_on_postgres() {
    of_32_tills_one_redeems(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_the_answer_loses_nothing_on_sqlite() {
    a_crash_after_the_answer_loses_nothing(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_the_answer_loses_nothing_on_postgres() {
    a_crash_after_the_answer_loses_nothing(Engine::Postgres).await;
}
