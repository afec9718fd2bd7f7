//! What each account of the brand puts up before its visitors come: cards, a homepage, codes for the world outside.

use anyhow::Context;
use siyu_proto::accounts::v1::{
    ApplyHomepageTemplateRequest, BookingSettings, Card, CardKind, Conditions, CouponSettings, CouponValue,
    CouponValueKind, CreateCardRequest, CreateEntryCodeRequest, CreateSlotsRequest, EntryCode, Homepage,
    Landing, LandingKind, LeadField, LeadFieldKind, LeadForm, ListHomepageTemplatesRequest, Module,
    ModuleKind, ProductSettings, PublishHomepageRequest, Slot, UpdateHomepageDraftRequest,
    booking_service_client::BookingServiceClient, card_service_client::CardServiceClient,
    entry_code_service_client::EntryCodeServiceClient, homepage_service_client::HomepageServiceClient,
};
use siyu_proto::crm::v1::SourceDomain;

use super::traffic::places::{
    FANS_COUPON, FANS_COUPON_OFF_MINOR, HYDRA_SERUM, HYDRA_SERUM_MINOR, PARCEL_CARD, PARCEL_TAG, ROSE_TONER,
    ROSE_TONER_MINOR, SKIN_TEST, STORE_VISIT, TILL_POSTER, WELCOME_COUPON, card, homepage,
};
use crate::connect::Client;

/// What visitors need to know of it.
#[derive(Debug)]
pub(super) struct Storefront {
    /// The version of the consent that the lead form asks for.
    pub(super) consent_version: String,
    /// Short codes, by entry code id.
    pub(super) short_codes: Vec<(&'static str, String)>,
}

/// Puts it all up for one account. Booking times lie on the days from `first_midnight` on, in Unix seconds.
pub(super) async fn put_up(
    client: &Client,
    account_id: &str,
    first_midnight: i64,
    day_count: i64,
) -> anyhow::Result<Storefront> {
    let parent = format!("accounts/{account_id}");
    let mut cards = CardServiceClient::new(client.clone());
    let mut consent_version = String::new();
    for (card_id, card) in catalog() {
        let request = CreateCardRequest {
            parent: parent.clone(),
            card: Some(card),
            card_id: card_id.to_owned(),
            ..Default::default()
        };
        let created = cards.create_card(request).await?.into_inner().card.unwrap_or_default();
        if let Some(form) = created.lead_form {
            consent_version = form.consent_version;
        }
    }
    create_slots(client, card(account_id, STORE_VISIT), first_midnight, day_count).await?;
    publish_homepage(client, account_id).await?;
    let short_codes = create_codes(client, &parent).await?;
    Ok(Storefront { consent_version, short_codes })
}

/// The cards of an account, by id.
fn catalog() -> Vec<(&'static str, Card)> {
    let titled = |kind: CardKind, title: &str| Card {
        kind: kind.into(),
        display_name: title.to_owned(),
        ..Card::default()
    };
    let coupon = |stock, off_minor, threshold_minor| CouponSettings {
        stock: Some(stock),
        valid_days: 30,
        value: Some(CouponValue {
            kind: CouponValueKind::AmountOff.into(),
            amount_off_minor: off_minor,
            threshold_minor,
            ..CouponValue::default()
        }),
        ..CouponSettings::default()
    };
    let product = |price_minor| Some(ProductSettings { price_minor, ..ProductSettings::default() });
    let field = |key: &str, label: &str, kind: LeadFieldKind| LeadField {
        key: key.to_owned(),
        label: label.to_owned(),
        kind: kind.into(),
        required: true,
        ..LeadField::default()
    };
    let skin_test = LeadForm {
        fields: vec![
            field("name", "称呼 Name", LeadFieldKind::Name),
            field("mobile", "手机号 Mobile number", LeadFieldKind::Mobile),
        ],
        consent_text:
            "露米仅用此信息联系您预约测肤。 Lumi uses this to arrange your skin test, and for nothing else."
                .to_owned(),
        ..LeadForm::default()
    };
    let followers_only = Conditions { follow_first: true, ..Conditions::default() };
    vec![
        (
            HYDRA_SERUM,
            Card {
                product: product(HYDRA_SERUM_MINOR), ..titled(CardKind::Product, "水润精华 Hydra serum")
            },
        ),
        (
            ROSE_TONER,
            Card { product: product(ROSE_TONER_MINOR), ..titled(CardKind::Product, "玫瑰水 Rose toner") },
        ),
        (
            WELCOME_COUPON,
            Card {
                coupon: Some(coupon(80, 1_000, 9_900)),
                ..titled(CardKind::Coupon, "新客满99减10 10 off 99")
            },
        ),
        (
            FANS_COUPON,
            Card {
                coupon: Some(coupon(500, FANS_COUPON_OFF_MINOR, 19_900)),
                conditions: Some(followers_only),
                ..titled(CardKind::Coupon, "粉丝满199减30 For followers: 30 off 199")
            },
        ),
        (
            SKIN_TEST,
            Card {
                lead_form: Some(skin_test), ..titled(CardKind::LeadForm, "免费测肤 A free skin test")
            },
        ),
        (
            STORE_VISIT,
            Card {
                booking: Some(BookingSettings {
                    place: "静安店 Jing'an store".to_owned(),
                    ..Default::default()
                }),
                ..titled(CardKind::Booking, "到店护理预约 Book a visit")
            },
        ),
    ]
}

/// Two times a day, noon and evening, for three people each.
async fn create_slots(
    client: &Client,
    parent: String,
    first_midnight: i64,
    day_count: i64,
) -> anyhow::Result<()> {
    const HOUR: i64 = 3_600;
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let slot =
        |start| Slot { start_time: at(start), end_time: at(start + HOUR), capacity: 3, ..Slot::default() };
    let starts =
        (0..=day_count).flat_map(|day| [12, 19].map(|hour| first_midnight + (day * 24 + hour) * HOUR));
    let request = CreateSlotsRequest { parent, slots: starts.map(slot).collect(), ..Default::default() };
    BookingServiceClient::new(client.clone()).create_slots(request).await?;
    Ok(())
}

/// Takes the template that fits the account, mounts its cards where they fit, and publishes.
async fn publish_homepage(client: &Client, account_id: &str) -> anyhow::Result<()> {
    let mut homepages = HomepageServiceClient::new(client.clone());
    let parent = format!("accounts/{account_id}");
    let request = ListHomepageTemplatesRequest { parent, ..Default::default() };
    let templates = homepages.list_homepage_templates(request).await?.into_inner().templates;
    let fitting = templates.into_iter().find(|template| template.recommended);
    let template = fitting.context("no template is recommended")?.name;
    let draft = format!("{}/draft", homepage(account_id));
    let request = ApplyHomepageTemplateRequest { name: draft.clone(), template, ..Default::default() };
    let applied = homepages.apply_homepage_template(request).await?.into_inner().draft.unwrap_or_default();

    let mut decorated = applied.clone();
    let page = decorated.homepage.get_or_insert_default();
    for (kind, title, card_ids) in mounts() {
        let cards: Vec<String> = card_ids.iter().map(|card_id| card(account_id, card_id)).collect();
        mount(page, kind, title, cards);
    }
    let update_mask = Some(prost_types::FieldMask { paths: vec!["homepage".to_owned()] });
    let request = UpdateHomepageDraftRequest { draft: Some(decorated), update_mask, ..Default::default() };
    let draft = homepages.update_homepage_draft(request).await?.into_inner().draft.unwrap_or_default();
    let request = PublishHomepageRequest {
        name: homepage(account_id),
        etag: draft.etag,
        note: "开业 Opening".to_owned(),
        ..Default::default()
    };
    homepages.publish_homepage(request).await?;
    Ok(())
}

/// Which cards are mounted in which modules.
fn mounts() -> [(ModuleKind, &'static str, &'static [&'static str]); 4] {
    [
        (ModuleKind::ProductShowcase, "明星单品 Favourites", &[HYDRA_SERUM, ROSE_TONER]),
        (ModuleKind::Coupons, "领券 Coupons", &[WELCOME_COUPON, FANS_COUPON]),
        (ModuleKind::LeadForm, "免费测肤 Skin test", &[SKIN_TEST]),
        (ModuleKind::Booking, "预约到店 Visit us", &[STORE_VISIT]),
    ]
}

fn mount(page: &mut Homepage, kind: ModuleKind, title: &str, cards: Vec<String>) {
    match page.modules.iter_mut().find(|module| module.kind() == kind) {
        Some(module) => module.cards = cards,
        None => page.modules.push(Module {
            kind: kind.into(),
            title: title.to_owned(),
            cards,
            ..Module::default()
        }),
    }
}

async fn create_codes(client: &Client, parent: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut codes = EntryCodeServiceClient::new(client.clone());
    let mut short_codes = Vec::new();
    for (code_id, title, channel, tag) in [
        (PARCEL_CARD, "包裹卡 Card in the parcel", "parcel", PARCEL_TAG),
        (TILL_POSTER, "收银台海报 Poster at the till", "store", "store-guest"),
    ] {
        let entry_code = EntryCode {
            display_name: title.to_owned(),
            channel: channel.to_owned(),
            source_domain: SourceDomain::External.into(),
            campaign: "opening".to_owned(),
            tags: vec![tag.to_owned()],
            landing: Some(Landing { kind: LandingKind::Homepage.into(), ..Landing::default() }),
            ..EntryCode::default()
        };
        let request = CreateEntryCodeRequest {
            parent: parent.to_owned(),
            entry_code: Some(entry_code),
            entry_code_id: code_id.to_owned(),
            ..Default::default()
        };
        let created = codes.create_entry_code(request).await?.into_inner().entry_code.unwrap_or_default();
        short_codes.push((code_id, created.short_code));
    }
    Ok(short_codes)
}
