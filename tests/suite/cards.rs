//! The catalog of cards: what there is, what is refused, and who may change what.

use prost_types::FieldMask;
use siyu_proto::{
    accounts::v1::{
        ArchiveCardRequest, Card, CardChanged, CardKind, CardState, Conditions, CouponSettings, CouponValue,
        CouponValueKind, CreateCardRequest, GetCardRequest, GroupInviteSettings, LinkSettings,
        ListCardsRequest, LiveAppointmentSettings, ProductSettings, ServiceSettings, UpdateCardRequest,
        card_service_client::CardServiceClient,
    },
    common::v1::Role,
    crm::v1::Tier,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    events::events_after,
    support::{fields, on_accounts_db, reason},
};

pub(crate) fn cards(suite: &TestSuite) -> CardServiceClient<siyu::connect::Client> {
    CardServiceClient::new(suite.client())
}

pub(crate) fn link() -> Card {
    Card {
        kind: CardKind::Link.into(),
        display_name: "Shop".to_owned(),
        link: Some(LinkSettings { uri: "https://shop.example".to_owned() }),
        ..Card::default()
    }
}

/// A coupon of which there are so many: 10 off 100, for 30 days.
pub(crate) fn coupon(stock: i64) -> Card {
    let value = CouponValue {
        kind: CouponValueKind::AmountOff.into(),
        amount_off_minor: 1_000,
        threshold_minor: 10_000,
        ..CouponValue::default()
    };
    let settings = CouponSettings {
        stock: Some(stock),
        valid_days: 30,
        value: Some(value),
        ..CouponSettings::default()
    };
    Card {
        kind: CardKind::Coupon.into(),
        display_name: "10 off 100".to_owned(),
        coupon: Some(settings),
        ..Card::default()
    }
}

/// The coupon with other settings.
pub(crate) fn with(mut card: Card, change: impl FnOnce(&mut CouponSettings)) -> Card {
    change(card.coupon.as_mut().unwrap());
    card
}

pub(crate) fn creation(card_id: &str, card: Card) -> CreateCardRequest {
    CreateCardRequest {
        parent: "accounts/shop".to_owned(),
        card: Some(card),
        card_id: card_id.to_owned(),
        ..CreateCardRequest::default()
    }
}

pub(crate) async fn create(suite: &TestSuite, card_id: &str, card: Card) -> Result<Card, Status> {
    Ok(cards(suite).create_card(creation(card_id, card)).await?.into_inner().card.unwrap())
}

pub(crate) async fn get(suite: &TestSuite, card_id: &str) -> Card {
    let name = format!("accounts/shop/cards/{card_id}");
    cards(suite).get_card(GetCardRequest { name }).await.unwrap().into_inner().card.unwrap()
}

pub(crate) async fn update(suite: &TestSuite, card: &Card, paths: &[&str]) -> Result<Card, Status> {
    let request = UpdateCardRequest {
        card: Some(card.clone()),
        update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
        ..UpdateCardRequest::default()
    };
    Ok(cards(suite).update_card(request).await?.into_inner().card.unwrap())
}

pub(crate) async fn archive(suite: &TestSuite, card_id: &str) -> Result<Card, Status> {
    let name = format!("accounts/shop/cards/{card_id}");
    Ok(cards(suite).archive_card(ArchiveCardRequest { name }).await?.into_inner().card.unwrap())
}

/// The ids of the cards, in pages of two.
async fn list(suite: &TestSuite, kind: CardKind, state: CardState) -> Vec<String> {
    let mut request = ListCardsRequest {
        parent: "accounts/shop".to_owned(),
        kind: kind.into(),
        state: state.into(),
        page_size: 2,
        ..ListCardsRequest::default()
    };
    let mut ids = Vec::new();
    loop {
        let page = cards(suite).list_cards(request.clone()).await.unwrap().into_inner();
        assert!(page.cards.len() <= 2);
        ids.extend(page.cards.iter().map(|card| card.name.rsplit('/').next().unwrap().to_owned()));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return ids;
        }
    }
}

/// One card of each kind that can be made.
fn one_of_each() -> Vec<(&'static str, Card)> {
    let of = |kind: CardKind| Card {
        kind: kind.into(),
        display_name: "Card".to_owned(),
        description: "Description".to_owned(),
        picture_uri: "https://pictures.example/1.webp".to_owned(),
        ..Card::default()
    };
    let conditions = Conditions {
        follow_first: true,
        min_tier: Tier::Favorable.into(),
        required_tag: "member".to_owned(),
    };
    let product = ProductSettings {
        price_minor: 9_900,
        original_price_minor: 19_900,
        uri: "https://shop.example/1".to_owned(),
    };
    let service =
        ServiceSettings { price_minor: 30_000, duration_minutes: 90, store: "Nanjing Road".to_owned() };
    let live = LiveAppointmentSettings { content: "accounts/shop/contents/live-1".to_owned() };
    let group =
        GroupInviteSettings { group: "accounts/shop/groups/vip".to_owned(), min_tier: Tier::TrueLove.into() };
    vec![
        ("a-product", Card { product: Some(product), ..of(CardKind::Product) }),
        ("b-service", Card { service: Some(service), ..of(CardKind::Service) }),
        ("c-coupon", Card { conditions: Some(conditions.clone()), ..coupon(100) }),
        (
            "d-live",
            Card {
                conditions: Some(conditions),
                live_appointment: Some(live),
                ..of(CardKind::LiveAppointment)
            },
        ),
        ("e-group", Card { group_invite: Some(group), ..of(CardKind::GroupInvite) }),
        ("f-link", link()),
    ]
}

async fn cards_of_every_kind_are_kept_as_they_are(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    for (id, card) in one_of_each() {
        let made = create(&suite, id, card.clone()).await.unwrap();
        assert_eq!(made.name, format!("accounts/shop/cards/{id}"));
        assert_eq!((made.state(), made.etag.as_str()), (CardState::Active, "\"1\""));
        assert_eq!(get(&suite, id).await, made);
        // Nothing is lost, and a cap that was not told is 1.
        let told = Card {
            name: made.name.clone(),
            state: made.state,
            etag: made.etag.clone(),
            create_time: made.create_time,
            update_time: made.update_time,
            coupon: card
                .coupon
                .map(|settings| CouponSettings { per_fan_cap: settings.per_fan_cap.or(Some(1)), ..settings }),
            ..card
        };
        assert_eq!(made, told);
    }
    let all = ["a-product", "b-service", "c-coupon", "d-live", "e-group", "f-link"];
    assert_eq!(list(&suite, CardKind::Unspecified, CardState::Unspecified).await, all);
    assert_eq!(list(&suite, CardKind::Coupon, CardState::Unspecified).await, ["c-coupon"]);
    assert_eq!(list(&suite, CardKind::Unspecified, CardState::Archived).await, [""; 0]);

    let exists = create(&suite, "f-link", link()).await.unwrap_err();
    assert_eq!(exists.code(), Code::AlreadyExists);
    let unnamed = create(&suite, "", link()).await.unwrap();
    assert_eq!(unnamed.name.len(), "accounts/shop/cards/".len() + 26);
    suite.finish().await;
}

async fn what_breaks_a_rule_is_refused(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    suite.account("lumi", "other").await;
    let of_kind = |kind: i32| Card { kind, ..link() };
    let long = "长".repeat(1 << 18);
    let product = |price_minor, original_price_minor| ProductSettings {
        price_minor,
        original_price_minor,
        ..ProductSettings::default()
    };
    let of_product =
        |product| Card { kind: CardKind::Product.into(), link: None, product: Some(product), ..link() };
    let value =
        |change: fn(&mut CouponValue)| with(coupon(1), |settings| change(settings.value.as_mut().unwrap()));
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let wrong = [
        (of_kind(0), "card.kind"),
        (of_kind(99), "card.kind"),
        (of_kind(CardKind::Product.into()), "card.link"),
        (of_kind(CardKind::LeadForm.into()), "card.link"),
        (Card { link: None, ..link() }, "card.link"),
        (Card { product: Some(product(1, 0)), ..link() }, "card.product"),
        (Card { display_name: " ".to_owned(), ..link() }, "card.display_name"),
        (Card { display_name: "n".repeat(101), ..link() }, "card.display_name"),
        (Card { picture_uri: "http://pictures.example".to_owned(), ..link() }, "card.picture_uri"),
        (
            Card { conditions: Some(Conditions { follow_first: true, ..Conditions::default() }), ..link() },
            "card.conditions",
        ),
        (
            Card { link: Some(LinkSettings { uri: "https://li:pw@shop.example".to_owned() }), ..link() },
            "card.link.uri",
        ),
        (of_product(product(-1, 0)), "card.product.price_minor"),
        (of_product(product(100, 99)), "card.product.original_price_minor"),
        (
            Card {
                conditions: Some(Conditions { required_tag: "a b".to_owned(), ..Conditions::default() }),
                ..coupon(1)
            },
            "card.conditions.required_tag",
        ),
        (coupon(-1), "card.coupon.stock"),
        (with(coupon(1), |it| it.stock = None), "card.coupon.stock"),
        (with(coupon(1), |it| it.per_fan_cap = Some(0)), "card.coupon.per_fan_cap"),
        (with(coupon(1), |it| it.value = None), "card.coupon.value"),
        (with(coupon(1), |it| it.valid_days = 0), "card.coupon.valid_end_time"),
        (with(coupon(1), |it| it.valid_end_time = time(2_000_000_000)), "card.coupon.valid_days"),
        (
            with(coupon(1), |it| (it.claim_start_time, it.claim_end_time) = (time(10), time(10))),
            "card.coupon.claim_end_time",
        ),
        (
            with(coupon(1), |it| {
                (it.valid_days, it.valid_end_time, it.claim_end_time) = (0, time(10), time(11))
            }),
            "card.coupon.valid_end_time",
        ),
        (with(coupon(1), |it| it.claim_end_time = time(i64::MAX)), "card.coupon.claim_end_time"),
        (value(|it| it.kind = 0), "card.coupon.value.kind"),
        (value(|it| it.amount_off_minor = 0), "card.coupon.value.amount_off_minor"),
        (value(|it| it.amount_off_minor = 10_001), "card.coupon.value.amount_off_minor"),
        (value(|it| it.percent_off = 5), "card.coupon.value.percent_off"),
    ];
    for (card, field) in wrong {
        let status = create(&suite, "wrong", card).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
    }
    for foreign in [
        Card {
            live_appointment: Some(LiveAppointmentSettings {
                content: "accounts/other/contents/1".to_owned(),
            }),
            link: None,
            kind: CardKind::LiveAppointment.into(),
            ..link()
        },
        Card {
            group_invite: Some(GroupInviteSettings {
                group: "accounts/other/groups/1".to_owned(),
                min_tier: 0,
            }),
            link: None,
            kind: CardKind::GroupInvite.into(),
            ..link()
        },
    ] {
        let status = create(&suite, "wrong", foreign).await.unwrap_err();
        assert!(status.message().contains("of the same account"), "{status}");
    }
    let status = create(&suite, "wrong", Card { description: long, ..link() }).await.unwrap_err();
    assert!([Code::InvalidArgument, Code::ResourceExhausted].contains(&status.code()), "{status}");
    let nobody = CreateCardRequest { parent: "accounts/nobody".to_owned(), ..creation("c-1", link()) };
    assert_eq!(cards(&suite).create_card(nobody).await.unwrap_err().code(), Code::NotFound);
    let request = ListCardsRequest { parent: "accounts/nobody".to_owned(), ..ListCardsRequest::default() };
    assert_eq!(cards(&suite).list_cards(request).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(list(&suite, CardKind::Unspecified, CardState::Unspecified).await, [""; 0]);
    suite.finish().await;
}

async fn an_update_changes_what_it_names(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let made = create(&suite, "ten-off", coupon(100)).await.unwrap();
    let conditions = Conditions { follow_first: true, ..Conditions::default() };
    let wished = Card {
        display_name: "Ten off".to_owned(),
        description: "Not in the mask".to_owned(),
        conditions: Some(conditions.clone()),
        ..made.clone()
    };
    let renamed = update(&suite, &wished, &["display_name", "conditions"]).await.unwrap();
    assert_eq!(renamed.etag, "\"2\"");
    let expected = Card {
        display_name: "Ten off".to_owned(),
        conditions: Some(conditions),
        etag: renamed.etag.clone(),
        update_time: renamed.update_time,
        ..made.clone()
    };
    assert_eq!(renamed, expected);

    // The second of two editors has not seen the change of the first.
    let stale = update(&suite, &wished, &["description"]).await.unwrap_err();
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    let blind = Card { etag: String::new(), ..wished };
    assert_eq!(update(&suite, &blind, &["description"]).await.unwrap().description, "Not in the mask");

    // Only the stock, and settings as a whole.
    let stock = Card {
        name: made.name.clone(),
        coupon: Some(CouponSettings { stock: Some(7), ..CouponSettings::default() }),
        ..Card::default()
    };
    let changed = update(&suite, &stock, &["coupon.stock"]).await.unwrap().coupon.unwrap();
    assert_eq!((changed.stock, changed.valid_days), (Some(7), 30));
    let wider = with(Card { name: made.name.clone(), ..coupon(9) }, |it| it.per_fan_cap = Some(3));
    let changed = update(&suite, &wider, &["coupon"]).await.unwrap().coupon.unwrap();
    assert_eq!((changed.stock, changed.per_fan_cap), (Some(9), Some(3)));

    let worth_less = with(wider.clone(), |it| it.value.as_mut().unwrap().amount_off_minor = 1);
    let fixed = update(&suite, &worth_less, &["coupon"]).await.unwrap_err();
    assert_eq!(reason(&fixed), "IMMUTABLE_FIELD");
    assert_eq!(reason(&update(&suite, &wider, &["kind"]).await.unwrap_err()), "IMMUTABLE_FIELD");
    let of_product = Card { product: Some(ProductSettings::default()), ..wider.clone() };
    for (card, paths, field) in [
        (&of_product, &["product"][..], "update_mask"),
        (&wider, &[], "update_mask"),
        (&wider, &["price"], "update_mask"),
        (&wider, &["product"], "card.product"),
        (&Card { coupon: None, ..wider.clone() }, &["coupon"], "card.coupon"),
        (&Card { display_name: String::new(), ..wider.clone() }, &["display_name"], "card.display_name"),
    ] {
        let status = update(&suite, card, paths).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
    }
    let nobody = Card { name: "accounts/shop/cards/nobody".to_owned(), ..wider };
    assert_eq!(update(&suite, &nobody, &["display_name"]).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(get(&suite, "ten-off").await.etag, "\"5\"");
    suite.finish().await;
}

async fn an_archived_card_stays_as_it_is(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    create(&suite, "shop-link", link()).await.unwrap();
    create(&suite, "other-link", link()).await.unwrap();
    let archived = archive(&suite, "shop-link").await.unwrap();
    assert_eq!(archived.state(), CardState::Archived);
    assert_eq!(archive(&suite, "shop-link").await.unwrap(), archived);
    assert_eq!(get(&suite, "shop-link").await, archived);
    let status = update(&suite, &archived, &["display_name"]).await.unwrap_err();
    assert_eq!(reason(&status), "WRONG_STATE");
    assert_eq!(list(&suite, CardKind::Link, CardState::Active).await, ["other-link"]);
    assert_eq!(list(&suite, CardKind::Link, CardState::Archived).await, ["shop-link"]);
    assert_eq!(archive(&suite, "nobody").await.unwrap_err().code(), Code::NotFound);

    // Whoever caches cards was told of each change, once.
    suite.advance(std::time::Duration::from_millis(1)).await;
    let events = events_after(&suite, Vec::new()).await.unwrap();
    let told: Vec<Card> = events
        .iter()
        .filter_map(|event| event.payload.as_ref()?.to_msg::<CardChanged>().ok()?.card)
        .collect();
    let names: Vec<_> =
        told.iter().map(|card| (card.name.rsplit('/').next().unwrap(), card.state())).collect();
    let expected = [
        ("shop-link", CardState::Active),
        ("other-link", CardState::Active),
        ("shop-link", CardState::Archived),
    ];
    assert_eq!(names, expected);
    assert_eq!(told[2], archived);
    suite.finish().await;
}

async fn cards_of_others_do_not_exist(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    suite.account("lumi", "other").await;
    create(&suite, "shop-link", link()).await.unwrap();
    let mut others = CardServiceClient::new(suite.operator("accounts/other", Role::Owner).await);
    let name = "accounts/shop/cards/shop-link".to_owned();
    let read = others.get_card(GetCardRequest { name: name.clone() }).await.unwrap_err();
    let archived = others.archive_card(ArchiveCardRequest { name }).await.unwrap_err();
    assert_eq!((read.code(), archived.code()), (Code::NotFound, Code::NotFound));
    suite.finish().await;
}

async fn a_repeat_gets_the_first_answer(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let request = CreateCardRequest { request_id: "r1".to_owned(), ..creation("", coupon(5)) };
    let first = cards(&suite).create_card(request.clone()).await.unwrap().into_inner();
    assert_eq!(cards(&suite).create_card(request).await.unwrap().into_inner(), first);
    assert_eq!(list(&suite, CardKind::Unspecified, CardState::Unspecified).await.len(), 1);
    suite.finish().await;
}

/// 4,999 rows that are there already.
const MANY: &str = "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 4999) \
    INSERT INTO card (account_id, card_id, kind, state, revision, display_name, description, picture_uri, conditions, \
    settings, create_time, update_time) SELECT 'shop', 'card-' || n, 'link', 'archived', 1, 'Card', '', '', '{}', \
    '{\"link\": {\"uri\": \"https://shop.example\"}}', 0, 0 FROM number";

async fn an_account_has_so_many_cards_at_most(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    on_accounts_db(&suite, MANY).await;
    let (first, second) = tokio::join!(create(&suite, "last-1", link()), create(&suite, "last-2", link()));
    let refused: Vec<Status> = [first, second].into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].code(), reason(&refused[0]).as_str()), (Code::ResourceExhausted, "LIMIT_REACHED"));
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_repeat_gets_the_first_answer,
    an_account_has_so_many_cards_at_most,
    an_archived_card_stays_as_it_is,
    an_update_changes_what_it_names,
    cards_of_every_kind_are_kept_as_they_are,
    cards_of_others_do_not_exist,
    what_breaks_a_rule_is_refused,
);
