//! Homepages as users see them: by who they are, and soon after something changes.

use std::time::Duration;

use siyu::connect::{Client, connect};
use siyu_clock::Micros;
use siyu_proto::{
    accounts::v1::{
        CardAvailability, CardKind, Conditions, Entrance, EntranceKind, EntranceState, GetHomepageRequest,
        Homepage, HomepageView, Module, ModuleKind, PreviewHomepageRequest, ProductSettings,
        RollbackHomepageRequest, homepage_service_client::HomepageServiceClient,
    },
    crm::v1::{
        IngestInteractionsRequest, InteractionKind, Tier,
        interaction_service_client::InteractionServiceClient,
    },
};
use siyu_rpc::auth::Caller;
use siyu_tests::{
    Engine, TestSuite,
    cluster::Cluster,
    installation::{Installation, Launch, create_accounts},
};
use tokio::time::sleep;
use tonic::{Code, Status};

use crate::{
    cards::{archive, coupon, create, link, update, with},
    contents::{contents, end, live, register, start},
    coupons::{claim, coupons},
    homepage::{edit, homepages, module, page, publish, publish_now, publishing},
    support::{at, event, fields, reason, seconds_ago, store},
};

/// 2026-03-01T00:00:00Z
const START: Micros = Micros::from_seconds(1_772_323_200);

/// What `viewer` sees; nobody in particular where that is empty.
pub(crate) async fn see(client: &Client, account: &str, viewer: &str) -> Result<HomepageView, Status> {
    let viewer = if viewer.is_empty() { String::new() } else { format!("users/{viewer}") };
    let request = GetHomepageRequest { name: format!("accounts/{account}/homepage"), viewer };
    let answer = HomepageServiceClient::new(client.clone()).get_homepage(request).await?;
    Ok(answer.into_inner().homepage.unwrap())
}

/// Waits until `viewer` sees what is expected.
async fn see_soon(
    client: &Client,
    account: &str,
    viewer: &str,
    expected: impl Fn(&HomepageView) -> bool,
) -> HomepageView {
    for _ in 0..200 {
        let view = see(client, account, viewer).await.unwrap();
        if expected(&view) {
            return view;
        }
        sleep(Duration::from_millis(25)).await;
    }
    panic!("it never looks so: {:?}", see(client, account, viewer).await);
}

/// The state of each entrance.
fn entrances(view: &HomepageView) -> Vec<EntranceState> {
    view.modules.iter().flat_map(|module| &module.entrances).map(|entrance| entrance.state()).collect()
}

/// What can be done with each card.
fn availability(view: &HomepageView) -> Vec<CardAvailability> {
    view.modules.iter().flat_map(|module| &module.cards).map(|card| card.availability()).collect()
}

fn entrance(kind: EntranceKind, follow_first: bool, min_tier: Tier) -> Entrance {
    Entrance { kind: kind.into(), follow_first, min_tier: min_tier.into(), ..Entrance::default() }
}

fn with_entrances(entrances: Vec<Entrance>) -> Homepage {
    Homepage { modules: vec![Module { entrances, ..module(ModuleKind::Entrances, "") }] }
}

fn with_cards(kind: ModuleKind, cards: &[&str]) -> Homepage {
    let cards = cards.iter().map(|card| format!("accounts/shop/cards/{card}")).collect();
    Homepage { modules: vec![Module { cards, ..module(kind, "") }] }
}

async fn entrances_open_to_those_who_come_closer(suite: TestSuite) {
    use EntranceState::{FollowFirst, FollowingAlready, Open, TierTooLow};
    suite.account("lumi", "shop").await;
    let (client, mut pages) = (suite.client(), homepages(&suite));
    let all = vec![
        entrance(EntranceKind::Subscribe, false, Tier::Unspecified),
        entrance(EntranceKind::PrivateMessage, true, Tier::Unspecified),
        entrance(EntranceKind::Group, true, Tier::Favorable),
        entrance(EntranceKind::LiveRoom, false, Tier::Unspecified),
    ];
    edit(&mut pages, "shop", with_entrances(all), "").await.unwrap();
    publish_now(&suite, "shop").await;

    let stranger = [Open, FollowFirst, FollowFirst, Open];
    let nobody = see(&client, "shop", "").await.unwrap();
    assert_eq!((entrances(&nobody), nobody.viewer_known, nobody.version), (stranger.to_vec(), false, 1));
    let before = see(&client, "shop", "u1").await.unwrap();
    assert_eq!((entrances(&before), before.viewer_known), (stranger.to_vec(), true));

    let act = |id: &str, kind| event(id, "u1", kind, seconds_ago(&suite, 5));
    store(&suite, "shop", &[act("f1", InteractionKind::Follow)]).await;
    let follower = [FollowingAlready, Open, TierTooLow, Open];
    let view = see_soon(&client, "shop", "u1", |view| entrances(view) == follower).await;
    assert_eq!((view.following, view.tier()), (true, Tier::Passerby));
    let group = &view.modules[0].entrances[2];
    assert_eq!(group.required_tier(), Tier::Favorable);
    assert_eq!(group.name, "accounts/shop/homepage/entrances/group");
    // Somebody else is where they were.
    assert_eq!(entrances(&see(&client, "shop", "u2").await.unwrap()), stranger);

    let warm: Vec<_> = (0..40).map(|n| act(&format!("g{n}"), InteractionKind::GroupMessage)).collect();
    store(&suite, "shop", &warm).await;
    let warm = [FollowingAlready, Open, Open, Open];
    see_soon(&client, "shop", "u1", |view| entrances(view) == warm).await;
    let left = event("x1", "u1", InteractionKind::Unfollow, seconds_ago(&suite, 1));
    store(&suite, "shop", &[left]).await;
    see_soon(&client, "shop", "u1", |view| entrances(view) == stranger).await;

    // The same, imagined.
    for (following, tier, expected) in
        [(false, Tier::Unspecified, stranger), (true, Tier::Passerby, follower), (true, Tier::TrueLove, warm)]
    {
        let request = PreviewHomepageRequest {
            name: "accounts/shop/homepage/draft".to_owned(),
            following,
            tier: tier.into(),
            tags: Vec::new(),
        };
        let preview = pages.preview_homepage(request).await.unwrap().into_inner().homepage.unwrap();
        assert_eq!(entrances(&preview), expected);
    }
    suite.finish().await;
}

async fn cards_are_shown_as_they_are(suite: TestSuite) {
    use CardAvailability::{FollowFirst, Gone, NotYet, Open, Over, SoldOut};
    suite.account("lumi", "shop").await;
    let (client, mut pages) = (suite.client(), homepages(&suite));
    let conditions = Conditions { follow_first: true, ..Conditions::default() };
    let for_followers = siyu_proto::accounts::v1::Card { conditions: Some(conditions), ..coupon(10) };
    let of_an_hour = with(coupon(5), |it| {
        it.claim_start_time = Some(at("2026-03-01T01:00:00Z"));
        it.claim_end_time = Some(at("2026-03-01T02:00:00Z"));
    });
    create(&suite, "few", coupon(10)).await.unwrap();
    create(&suite, "none", coupon(0)).await.unwrap();
    create(&suite, "fans", for_followers).await.unwrap();
    create(&suite, "hour", of_an_hour).await.unwrap();
    let shown = with_cards(ModuleKind::Coupons, &["few", "none", "fans", "hour"]);
    edit(&mut pages, "shop", shown, "").await.unwrap();
    publish_now(&suite, "shop").await;

    let view = see(&client, "shop", "u1").await.unwrap();
    assert_eq!(availability(&view), [Open, SoldOut, FollowFirst, NotYet]);
    let card = view.modules[0].cards[0].card.clone().unwrap();
    assert_eq!((card.display_name.as_str(), card.etag.as_str()), ("10 off 100", ""));
    assert_eq!(card.coupon.unwrap().stock, None);
    // By time alone, without any event.
    suite.advance(Duration::from_secs(3_600)).await;
    assert_eq!(availability(&see(&client, "shop", "u1").await.unwrap())[3], Open);
    suite.advance(Duration::from_secs(3_600)).await;
    assert_eq!(availability(&see(&client, "shop", "u1").await.unwrap())[3], Over);

    let mut renamed = crate::cards::get(&suite, "few").await;
    renamed.display_name = "Ten".to_owned();
    update(&suite, &renamed, &["display_name"]).await.unwrap();
    let name = |view: &HomepageView| view.modules[0].cards[0].card.clone().unwrap().display_name;
    see_soon(&client, "shop", "u1", |view| name(view) == "Ten").await;

    // What is archived is gone from what was published, and cannot be published again but by going back.
    archive(&suite, "few").await.unwrap();
    see_soon(&client, "shop", "u1", |view| availability(view)[0] == Gone).await;
    let refused = publish(&mut pages, publishing("shop", "")).await.unwrap_err();
    assert_eq!(fields(&refused), ["homepage.modules[0].cards[0]"]);
    let name = "accounts/shop/homepage/versions/1".to_owned();
    pages.rollback_homepage(RollbackHomepageRequest { name, ..Default::default() }).await.unwrap();
    let restored = see(&client, "shop", "u1").await.unwrap();
    assert_eq!((restored.version, availability(&restored)[0]), (2, Gone));
    assert_eq!(restored.modules[0].cards[0].name, "accounts/shop/cards/few");
    suite.finish().await;
}

async fn the_last_coupon_is_seen_to_be_gone(suite: TestSuite) {
    use CardAvailability::{Open, SoldOut};
    suite.account("lumi", "shop").await;
    let (client, mut pages) = (suite.client(), homepages(&suite));
    create(&suite, "two", coupon(2)).await.unwrap();
    edit(&mut pages, "shop", with_cards(ModuleKind::Coupons, &["two"]), "").await.unwrap();
    publish_now(&suite, "shop").await;
    for (user, expected) in [("u1", Open), ("u2", SoldOut)] {
        assert_eq!(availability(&see(&client, "shop", "u9").await.unwrap()), [Open]);
        coupons(&suite).claim_coupon(claim("two", user, user)).await.unwrap();
        see_soon(&client, "shop", "u9", |view| availability(view) == [expected]).await;
    }
    suite.finish().await;
}

async fn lives_are_announced_until_they_are_over(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let (client, mut pages) = (suite.client(), homepages(&suite));
    let schedule = Homepage { modules: vec![module(ModuleKind::LiveSchedule, "Live")] };
    edit(&mut pages, "shop", schedule, "").await.unwrap();
    publish_now(&suite, "shop").await;
    let shown = |view: &HomepageView| -> Vec<String> {
        let lives = view.modules[0].lives.iter();
        lives.map(|live| live.name.rsplit('/').next().unwrap().to_owned()).collect()
    };
    assert!(shown(&see(&client, "shop", "u1").await.unwrap()).is_empty());
    for (id, time) in [("late", "2026-03-02T00:00:00Z"), ("soon", "2026-03-01T06:00:00Z")] {
        register(contents(&suite), id, live(at(time))).await.unwrap();
    }
    let view = see_soon(&client, "shop", "u1", |view| shown(view) == ["soon", "late"]).await;
    assert_eq!(view.modules[0].lives[0].etag, "");
    let late = "accounts/shop/contents/late";
    start(contents(&suite), late).await.unwrap();
    see_soon(&client, "shop", "u1", |view| shown(view) == ["late", "soon"]).await;
    end(contents(&suite), late).await.unwrap();
    see_soon(&client, "shop", "u1", |view| shown(view) == ["soon"]).await;
    suite.finish().await;
}

async fn what_does_not_fit_is_refused(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    suite.account("lumi", "other").await;
    let mut pages = homepages(&suite);
    let product = siyu_proto::accounts::v1::Card {
        kind: CardKind::Product.into(),
        display_name: "Cream".to_owned(),
        product: Some(ProductSettings { price_minor: 9_900, ..ProductSettings::default() }),
        ..Default::default()
    };
    create(&suite, "cream", product).await.unwrap();
    create(&suite, "link", link()).await.unwrap();
    create(&suite, "old", link()).await.unwrap();
    archive(&suite, "old").await.unwrap();
    let first = with_cards(ModuleKind::ProductShowcase, &["cream"]).modules;
    for module in [
        with_cards(ModuleKind::ProductShowcase, &["cream", "link"]),
        with_cards(ModuleKind::Banner, &["cream", "old"]),
        with_cards(ModuleKind::Banner, &["link", "none"]),
    ] {
        let homepage = Homepage { modules: [first.clone(), module.modules].concat() };
        let refused = edit(&mut pages, "shop", homepage, "").await.unwrap_err();
        assert_eq!(fields(&refused), ["draft.homepage.modules[1].cards[1]"], "{refused}");
    }
    let of_another = with_cards(ModuleKind::ProductShowcase, &["cream"]);
    let refused = edit(&mut pages, "other", of_another, "").await.unwrap_err();
    assert_eq!(fields(&refused), ["draft.homepage.modules[0].cards[0]"], "{refused}");
    edit(&mut pages, "shop", Homepage { modules: first }, "").await.unwrap();
    suite.finish().await;
}

async fn everybody_sees_something_and_users_see_for_themselves(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let view = see(&suite.client(), "shop", "u1").await.unwrap();
    assert_eq!((view.version, view.display_name.as_str(), view.certified), (0, "shop", false));
    assert!(!entrances(&view).is_empty());
    assert_eq!(see(&suite.client(), "nobody", "u1").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(fields(&see(&suite.client(), "shop", "u/1").await.unwrap_err()), ["viewer"]);

    let user = suite.client_as(&Caller::user("users/u1")).await;
    assert!(see(&user, "shop", "u1").await.is_ok());
    for other in ["u2", ""] {
        assert_eq!(reason(&see(&user, "shop", other).await.unwrap_err()), "ROLE_TOO_LOW");
    }
    suite.finish().await;
}

/// The CRM is away: everybody is a stranger, and is told so.
async fn without_the_crm_everybody_is_a_stranger(engine: Engine) {
    let settings = ["peers.crm=http://127.0.0.1:1"];
    let Some(cluster) = Cluster::start(engine, 0, START, &settings).await.unwrap() else { return };
    let client = cluster.accounts_client();
    create_accounts(&client, &["shop".to_owned()]).await.unwrap();
    let view = see(&client, "shop", "u1").await.unwrap();
    assert_eq!((view.viewer_known, view.following, view.tier()), (false, false, Tier::Potential));
    drop(client);
    cluster.remove().await.unwrap();
}

/// Accounts by itself opens the entrance to messages where it is told that there is such a service.
async fn messages_are_open_where_they_are_installed(engine: Engine) {
    let installed = [
        (None, EntranceState::NotInstalled),
        (Some("peers.messaging=http://127.0.0.1:1"), EntranceState::Open),
    ];
    for (setting, state) in installed {
        let settings = Vec::from_iter(setting);
        let Some(cluster) = Cluster::start(engine, 0, START, &settings).await.unwrap() else { return };
        let client = cluster.accounts_client();
        create_accounts(&client, &["shop".to_owned()]).await.unwrap();
        // To follow, and to write: what is made of the profile has both.
        assert_eq!(entrances(&see(&client, "shop", "").await.unwrap()), [EntranceState::Open, state]);
        drop(client);
        cluster.remove().await.unwrap();
    }
}

/// What one process changes, the other shows soon, though it keeps what it showed for an hour.
async fn processes_hear_of_each_other(engine: Engine) {
    let Some(installation) = Installation::create(engine).await.unwrap() else { return };
    let launch = Launch { set: vec!["accounts.homepage_cache_ttl=1h".to_owned()], ..Launch::default() };
    let (mut processes, mut clients) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let mut process = installation.start(&launch).unwrap();
        let url = process.ready().await.unwrap();
        clients.push(connect(&url, &installation.token).await.unwrap());
        processes.push(process);
    }
    let [one, other] = &clients[..] else { panic!("two") };
    create_accounts(one, &["shop".to_owned()]).await.unwrap();
    let follows = |view: &HomepageView| view.following;
    for client in &clients {
        see_soon(client, "shop", "u1", |view| view.viewer_known && !view.following).await;
    }
    let mut pages = HomepageServiceClient::new(one.clone());
    for round in 1..=5 {
        let text = format!("Round {round}");
        edit(&mut pages, "shop", page(&text), "").await.unwrap();
        publish(&mut pages, publishing("shop", "")).await.unwrap();
        for client in &clients {
            see_soon(client, "shop", "u1", |view| view.modules[0].text == text).await;
        }
    }
    let interactions = vec![event("f1", "u1", InteractionKind::Follow, at("2026-01-01T00:00:00Z"))];
    let request = IngestInteractionsRequest { parent: "accounts/shop".to_owned(), interactions };
    InteractionServiceClient::new(one.clone()).ingest_interactions(request).await.unwrap();
    for client in [other, one] {
        see_soon(client, "shop", "u1", follows).await;
    }
    drop(clients);
    for process in processes {
        process.kill().await.unwrap();
    }
    installation.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_crm_everybody_is_a_stranger_on_sqlite() {
    without_the_crm_everybody_is_a_stranger(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_crm_everybody_is_a_stranger_on_postgres() {
    without_the_crm_everybody_is_a_stranger(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_open_where_they_are_installed_on_sqlite() {
    messages_are_open_where_they_are_installed(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_open_where_they_are_installed_on_postgres() {
    messages_are_open_where_they_are_installed(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_hear_of_each_other_on_sqlite() {
    processes_hear_of_each_other(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_hear_of_each_other_on_postgres() {
    processes_hear_of_each_other(Engine::Postgres).await;
}

siyu_tests::on_both_engines!(
    cards_are_shown_as_they_are,
    entrances_open_to_those_who_come_closer,
    everybody_sees_something_and_users_see_for_themselves,
    lives_are_announced_until_they_are_over,
    the_last_coupon_is_seen_to_be_gone,
    what_does_not_fit_is_refused,
);
