//! What is read: homepages as brands have them, and who follows.

use siyu::connect::Client;
use siyu_clock::{Clock, Micros};
use siyu_proto::{
    accounts::v1::{
        Card, CardKind, CreateCardRequest, Entrance, EntranceKind, Homepage, HomepageDraft, HomepageLink,
        LinkSettings, Module, ModuleKind, ProductSettings, PublishHomepageRequest,
        UpdateHomepageDraftRequest, card_service_client::CardServiceClient,
        homepage_service_client::HomepageServiceClient,
    },
    crm::v1::{
        IngestInteractionsRequest, Interaction, InteractionKind, Tier,
        interaction_service_client::InteractionServiceClient,
    },
};
use siyu_rpc::time::to_proto;
use siyu_tests::installation::create_accounts;

use super::ACCOUNTS;

const PRODUCTS: usize = 8;
const BATCH: usize = 500;

/// Makes the accounts, publishes a homepage of each, and has every second viewer follow.
pub(super) async fn publish(client: &Client, viewers: usize) -> anyhow::Result<()> {
    let accounts: Vec<String> = (1..=ACCOUNTS).map(|number| format!("bench-{number}")).collect();
    create_accounts(client, &accounts).await?;
    for (place, account) in accounts.iter().enumerate() {
        publish_one(client, account).await?;
        let followers: Vec<String> = (place..viewers)
            .step_by(ACCOUNTS)
            .filter(|viewer| (viewer / ACCOUNTS).is_multiple_of(2))
            .map(|viewer| format!("v{viewer}"))
            .collect();
        for followers in followers.chunks(BATCH) {
            let events = followers.iter().map(|viewer| (format!("f-{viewer}"), viewer.clone()));
            follow(client, account, events).await?;
        }
    }
    Ok(())
}

async fn publish_one(client: &Client, account: &str) -> anyhow::Result<()> {
    let mut cards = CardServiceClient::new(client.clone());
    let mut products = Vec::new();
    for number in 0..PRODUCTS {
        let request = CreateCardRequest {
            parent: format!("accounts/{account}"),
            card: Some(product(number)),
            card_id: format!("product-{number}"),
            ..CreateCardRequest::default()
        };
        products.push(cards.create_card(request).await?.into_inner().card.unwrap_or_default().name);
    }
    let link = Card {
        kind: CardKind::Link.into(),
        display_name: "All about skin".to_owned(),
        link: Some(LinkSettings { uri: "https://lumi.example/skin".to_owned() }),
        ..Card::default()
    };
    let request = CreateCardRequest {
        parent: format!("accounts/{account}"),
        card: Some(link),
        card_id: "link".to_owned(),
        ..CreateCardRequest::default()
    };
    cards.create_card(request).await?;
    let mut homepages = HomepageServiceClient::new(client.clone());
    let draft = HomepageDraft {
        name: format!("accounts/{account}/homepage/draft"),
        homepage: Some(homepage(account, products)),
        ..HomepageDraft::default()
    };
    let update_mask = Some(prost_types::FieldMask { paths: vec!["homepage".to_owned()] });
    homepages
        .update_homepage_draft(UpdateHomepageDraftRequest {
            draft: Some(draft),
            update_mask,
            ..Default::default()
        })
        .await?;
    let name = format!("accounts/{account}/homepage");
    homepages.publish_homepage(PublishHomepageRequest { name, ..Default::default() }).await?;
    Ok(())
}

fn product(number: usize) -> Card {
    Card {
        kind: CardKind::Product.into(),
        display_name: format!("Night cream {number}, 50 ml"),
        description: "For skin that has seen a day. ".repeat(3),
        picture_uri: format!("https://img.lumi.example/products/{number}.webp"),
        product: Some(ProductSettings {
            price_minor: 19_900,
            original_price_minor: 25_900,
            uri: format!("https://shop.lumi.example/products/{number}"),
        }),
        ..Card::default()
    }
}

fn homepage(account: &str, products: Vec<String>) -> Homepage {
    let module = |kind: ModuleKind, title: &str, text: &str| Module {
        kind: kind.into(),
        title: title.to_owned(),
        text: text.to_owned(),
        ..Module::default()
    };
    let pictures = (0..3).map(|number| format!("https://img.lumi.example/banners/{number}.webp"));
    let link = HomepageLink { title: "Our story".to_owned(), uri: "https://lumi.example/story".to_owned() };
    let entrance = |kind: EntranceKind, follow_first: bool, min_tier: Tier| Entrance {
        kind: kind.into(),
        follow_first,
        min_tier: min_tier.into(),
        ..Entrance::default()
    };
    let entrances = vec![
        entrance(EntranceKind::Subscribe, false, Tier::Unspecified),
        entrance(EntranceKind::PrivateMessage, false, Tier::Unspecified),
        entrance(EntranceKind::Group, true, Tier::Favorable),
        entrance(EntranceKind::LiveRoom, false, Tier::Unspecified),
    ];
    let brand = "We make skincare for everyday skin, from plants that grow where we live. ".repeat(4);
    Homepage {
        modules: vec![
            Module { picture_uris: pictures.collect(), ..module(ModuleKind::Banner, "Spring", "") },
            Module { links: vec![link], ..module(ModuleKind::Brand, "Lumi", &brand) },
            module(ModuleKind::ServiceIntroduction, "Advice", "Ask us, seven days a week."),
            Module { cards: products, ..module(ModuleKind::ProductShowcase, "Bestsellers", "") },
            Module {
                cards: vec![format!("accounts/{account}/cards/link")],
                ..module(ModuleKind::Topics, "Topics", "")
            },
            module(ModuleKind::LiveSchedule, "Live", ""),
            Module { entrances, ..module(ModuleKind::Entrances, "", "") },
        ],
    }
}

/// Tells the CRM who follows now: event ids and users.
pub(super) async fn follow(
    client: &Client,
    account: &str,
    events: impl IntoIterator<Item = (String, String)>,
) -> anyhow::Result<()> {
    let now: Micros = Clock::System.now();
    let interaction = |(event_id, user): (String, String)| Interaction {
        event_id,
        user: format!("users/{user}"),
        kind: InteractionKind::Follow.into(),
        event_time: Some(to_proto(now)),
        ..Interaction::default()
    };
    let interactions: Vec<_> = events.into_iter().map(interaction).collect();
    let count = i64::try_from(interactions.len())?;
    let request = IngestInteractionsRequest { parent: format!("accounts/{account}"), interactions };
    let answer =
        InteractionServiceClient::new(client.clone()).ingest_interactions(request).await?.into_inner();
    anyhow::ensure!(answer.accepted_count == count, "not all follows were accepted: {answer:?}");
    Ok(())
}
