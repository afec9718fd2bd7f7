//! Visits and clicks: recorded, each judged alone, and known to the CRM once.

use siyu_proto::{
    accounts::v1::{
        Engagement, EngagementAction, RecordEngagementsRequest, RecordEngagementsResponse,
        engagement_service_client::EngagementServiceClient,
    },
    common::v1::{ErrorReason, Role},
    crm::v1::{InteractionKind, SourceDomain},
};
use siyu_tests::TestSuite;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    cards::{archive, create, link},
    support::{at, fields, reason, seconds_ago, timeline},
};

const ENTRANCE: &str = "accounts/shop/homepage/entrances/private_message";

fn engagement(suite: &TestSuite, id: &str, action: EngagementAction, target: &str) -> Engagement {
    Engagement {
        event_id: id.to_owned(),
        user: "users/u1".to_owned(),
        action: action.into(),
        target: target.to_owned(),
        event_time: Some(seconds_ago(suite, 5)),
        ..Engagement::default()
    }
}

async fn record(
    suite: &TestSuite,
    account: &str,
    engagements: Vec<Engagement>,
) -> Result<RecordEngagementsResponse, Status> {
    let request = RecordEngagementsRequest { parent: format!("accounts/{account}"), engagements };
    let mut client = EngagementServiceClient::new(suite.client());
    Ok(client.record_engagements(request).await?.into_inner())
}

async fn settle(suite: &TestSuite) {
    suite.advance(std::time::Duration::from_millis(1)).await;
}

async fn the_crm_learns_of_each_once(suite: TestSuite) {
    use EngagementAction::{CardClick, EntranceClick, HomepageVisit};
    suite.account("lumi", "shop").await;
    create(&suite, "link", link()).await.unwrap();
    let card = "accounts/shop/cards/link";
    let visit = Engagement {
        mount: "accounts/shop/entryCodes/c1".to_owned(),
        source_domain: SourceDomain::External.into(),
        campaign: "spring".to_owned(),
        ..engagement(&suite, "e1", HomepageVisit, "")
    };
    let mounted = Engagement {
        mount: "accounts/shop/homepage".to_owned(),
        ..engagement(&suite, "e3", CardClick, card)
    };
    let all = vec![visit, engagement(&suite, "e2", EntranceClick, ENTRANCE), mounted];
    for _ in 0..3 {
        let answer = record(&suite, "shop", all.clone()).await.unwrap();
        assert_eq!((answer.accepted_count, answer.rejections.len()), (3, 0));
    }
    settle(&suite).await;
    let mut known = timeline(&suite, "shop", "u1").await;
    known.sort_by(|one, other| one.event_id.cmp(&other.event_id));
    let told: Vec<_> = known
        .iter()
        .map(|it| (it.kind(), it.target.as_str(), it.mount.as_str(), it.campaign.as_str()))
        .collect();
    let homepage = "accounts/shop/homepage";
    let expected = [
        (InteractionKind::HomepageVisit, homepage, "accounts/shop/entryCodes/c1", "spring"),
        (InteractionKind::Click, ENTRANCE, homepage, ""),
        (InteractionKind::Click, card, homepage, ""),
    ];
    assert_eq!(told, expected);
    assert_eq!(known[0].source_domain(), SourceDomain::External);
    suite.finish().await;
}

async fn each_is_judged_alone(suite: TestSuite) {
    use EngagementAction::{CardClick, EntranceClick, HomepageVisit, Unspecified};
    suite.account("lumi", "shop").await;
    suite.account("lumi", "other").await;
    create(&suite, "old", link()).await.unwrap();
    archive(&suite, "old").await.unwrap();
    let good = engagement(&suite, "good", EntranceClick, ENTRANCE);
    let of = |action, target: &str| engagement(&suite, "x", action, target);
    let old = "accounts/shop/cards/old";
    let wrong = [
        (Engagement { event_id: "é".to_owned(), ..good.clone() }, "event_id"),
        (Engagement { user: "u1".to_owned(), ..good.clone() }, "user"),
        (Engagement { event_time: None, ..good.clone() }, "event_time"),
        (Engagement { event_time: Some(at("2026-04-01T00:00:00Z")), ..good.clone() }, "event_time"),
        (Engagement { mount: "accounts/other/homepage".to_owned(), ..good.clone() }, "mount"),
        (Engagement { campaign: "x".repeat(65), ..good.clone() }, "campaign"),
        (of(Unspecified, ""), "action"),
        (of(HomepageVisit, ENTRANCE), "target"),
        (of(EntranceClick, ""), "target"),
        (of(EntranceClick, "accounts/shop/homepage/entrances/castle"), "target"),
        (of(EntranceClick, "accounts/other/homepage/entrances/group"), "target"),
        (of(CardClick, "accounts/shop/cards/none"), "target"),
        (of(CardClick, "accounts/other/cards/old"), "target"),
        (Engagement { event_time: Some(at("2026-03-01T00:00:05Z")), ..of(CardClick, old) }, "target"),
    ];
    let mut sent: Vec<_> = wrong.iter().map(|(engagement, _)| engagement.clone()).collect();
    // Reported late: it was clicked before it was archived.
    sent.extend([good, engagement(&suite, "late", CardClick, old)]);
    let answer = record(&suite, "shop", sent).await.unwrap();
    assert_eq!(answer.accepted_count, 2);
    let named: Vec<_> = answer.rejections.iter().map(|it| (it.index, it.field.as_str())).collect();
    let expected: Vec<_> = (0..).zip(wrong.iter().map(|(_, field)| *field)).collect();
    assert_eq!(named, expected);
    assert_eq!(answer.rejections[3].reason(), ErrorReason::EventTimeOutOfRange);
    settle(&suite).await;
    assert_eq!(timeline(&suite, "shop", "u1").await.len(), 2);

    assert_eq!(fields(&record(&suite, "shop", Vec::new()).await.unwrap_err()), ["engagements"]);
    let many = vec![engagement(&suite, "x", HomepageVisit, ""); 501];
    assert_eq!(fields(&record(&suite, "shop", many).await.unwrap_err()), ["engagements"]);
    let nobody = record(&suite, "nobody", vec![engagement(&suite, "x", HomepageVisit, "")]).await;
    assert_eq!(nobody.unwrap_err().code(), Code::NotFound);
    let mut operator = EngagementServiceClient::new(suite.operator("accounts/shop", Role::Owner).await);
    let request = RecordEngagementsRequest { parent: "accounts/shop".to_owned(), ..Default::default() };
    assert_eq!(reason(&operator.record_engagements(request).await.unwrap_err()), "ROLE_TOO_LOW");
    suite.finish().await;
}

/// Many calls at once share transactions, and nothing is lost or told twice.
async fn nothing_is_lost_among_many(suite: TestSuite) {
    for account in ["shop-1", "shop-2", "shop-3"] {
        suite.account("lumi", account).await;
    }
    let mut calls = JoinSet::new();
    for call in 0..60 {
        let parent = format!("accounts/shop-{}", call % 3 + 1);
        let visit = |number| {
            let id = format!("c{call}-{number}");
            Engagement {
                user: format!("users/{id}"),
                campaign: "界".repeat(64),
                ..engagement(&suite, &id, EngagementAction::HomepageVisit, "")
            }
        };
        let request = RecordEngagementsRequest { parent, engagements: (0..50).map(visit).collect() };
        let mut client = EngagementServiceClient::new(suite.client());
        calls.spawn(async move { client.record_engagements(request).await.unwrap().into_inner() });
    }
    assert!(calls.join_all().await.iter().all(|answer| answer.accepted_count == 50));
    settle(&suite).await;
    for account in ["shop-1", "shop-2", "shop-3"] {
        assert_eq!(crate::support::all_fans(&suite, account).await.len(), 1_000);
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(each_is_judged_alone, nothing_is_lost_among_many, the_crm_learns_of_each_once);
