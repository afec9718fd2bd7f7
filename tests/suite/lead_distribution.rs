//! Who gets leads: the distribution, hand-over when somebody leaves, and leads that nobody moves.

use std::{collections::BTreeMap, time::Duration};

use siyu::{
    keys::Keys,
    suite::{ServiceName, Suite},
};
use siyu_clock::Ids;
use siyu_proto::{
    accounts::v1::{
        DistributeLeadsRequest, GetLeadPipelineSettingsRequest, HandOverLeadsRequest, HandOverLeadsResponse,
        LeadChangeCause, LeadDistributionMember, LeadHandOverTarget, LeadPipelineSettings, LeadStage,
        MoveLeadRequest, UpdateLeadPipelineSettingsRequest,
    },
    common::v1::Role,
};
use siyu_tests::TestSuite;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    lead_pipeline::{
        SHOP, agent, as_operator, causes, claim, history, in_pool, is_refused, leads_of, lost, move_lead,
        pipeline, shop_with_leads, task,
    },
    leads::{lead, leads, submit},
    operators::{add, delete, operators, set_role},
    support::fields,
};

const DAY: Duration = Duration::from_secs(86_400);

fn member(id: &str, weight: i32, cap: i32) -> LeadDistributionMember {
    LeadDistributionMember { agent: agent(id), weight, cap, open_count: 0 }
}

fn settings(return_after_days: i32, members: Vec<LeadDistributionMember>) -> LeadPipelineSettings {
    LeadPipelineSettings {
        name: format!("{SHOP}/leadPipelineSettings"),
        return_after_days,
        distribution_enabled: !members.is_empty(),
        members,
        ..LeadPipelineSettings::default()
    }
}

async fn set(suite: &TestSuite, settings: LeadPipelineSettings) -> Result<LeadPipelineSettings, Status> {
    let request = UpdateLeadPipelineSettingsRequest {
        settings: Some(settings),
        ..UpdateLeadPipelineSettingsRequest::default()
    };
    let answer = pipeline(suite).update_lead_pipeline_settings(request).await?;
    Ok(answer.into_inner().settings.unwrap())
}

async fn get(suite: &TestSuite) -> LeadPipelineSettings {
    let request = GetLeadPipelineSettingsRequest { name: format!("{SHOP}/leadPipelineSettings") };
    pipeline(suite).get_lead_pipeline_settings(request).await.unwrap().into_inner().settings.unwrap()
}

async fn hand_over(
    suite: &TestSuite,
    from: &str,
    target: LeadHandOverTarget,
    to: &str,
) -> Result<HandOverLeadsResponse, Status> {
    let request = HandOverLeadsRequest {
        parent: SHOP.to_owned(),
        from: agent(from),
        target: target.into(),
        to: to.to_owned(),
        ..HandOverLeadsRequest::default()
    };
    Ok(pipeline(suite).hand_over_leads(request).await?.into_inner())
}

async fn distribute(suite: &TestSuite) -> Result<i64, Status> {
    let request = DistributeLeadsRequest { parent: SHOP.to_owned(), ..DistributeLeadsRequest::default() };
    Ok(pipeline(suite).distribute_leads(request).await?.into_inner().distributed_count)
}

/// How many open leads each member has.
async fn open_counts(suite: &TestSuite) -> BTreeMap<String, i64> {
    let members = get(suite).await.members.into_iter();
    members.map(|member| (member.agent.rsplit('|').next().unwrap().to_owned(), member.open_count)).collect()
}

fn counts<const N: usize>(counts: [(&str, i64); N]) -> BTreeMap<String, i64> {
    counts.into_iter().map(|(id, count)| (id.to_owned(), count)).collect()
}

async fn new_leads_that_come_at_once_are_given_by_weight(suite: TestSuite) {
    let version = shop_with_leads(&suite, &["li-na", "wu-di", "zhao"], 0).await;
    set(&suite, settings(0, vec![member("li-na", 1, 100), member("wu-di", 2, 100), member("zhao", 3, 100)]))
        .await
        .unwrap();
    let mut submitting = JoinSet::new();
    for number in 0..36 {
        let request = lead(&format!("l{number}"), &format!("u{number}"), &version);
        let mut client = leads(&suite);
        submitting.spawn(async move { client.submit_lead(request).await.map(drop) });
    }
    for submitted in submitting.join_all().await {
        submitted.unwrap();
    }
    assert_eq!(open_counts(&suite).await, counts([("li-na", 6), ("wu-di", 12), ("zhao", 18)]));
    assert!(in_pool(&suite).await.is_empty());
    assert_eq!(causes(&suite, "l0").await, [LeadChangeCause::Submitted, LeadChangeCause::Distributed]);
    // Sent again, it is given to nobody once more.
    submit(&suite, lead("l0", "u0", &version)).await.unwrap();
    assert_eq!(history(&suite, "l0").await.len(), 2);
    suite.finish().await;
}

async fn nobody_is_given_more_than_they_may(suite: TestSuite) {
    let version = shop_with_leads(&suite, &["li-na", "wu-di"], 2).await;
    assert_eq!(in_pool(&suite).await, ["l1", "l0"], "without settings they wait");
    let off = distribute(&suite).await.unwrap_err();
    is_refused(&off, Code::FailedPrecondition, "WRONG_STATE", "off");
    set(&suite, settings(0, vec![member("li-na", 1, 1), member("wu-di", 1, 2)])).await.unwrap();
    // Whoever waits longest is first.
    let one =
        DistributeLeadsRequest { parent: SHOP.to_owned(), max_count: 1, ..DistributeLeadsRequest::default() };
    let given = pipeline(&suite).distribute_leads(one).await.unwrap().into_inner().distributed_count;
    assert_eq!((given, in_pool(&suite).await), (1, vec!["l1".to_owned()]));
    assert_eq!(distribute(&suite).await.unwrap(), 1);
    for id in ["l2", "l3", "l4"] {
        submit(&suite, lead(id, id, &version)).await.unwrap();
    }
    assert_eq!(open_counts(&suite).await, counts([("li-na", 1), ("wu-di", 2)]));
    assert_eq!(in_pool(&suite).await, ["l4", "l3"]);
    assert_eq!(distribute(&suite).await.unwrap(), 0);
    // What has ended makes room.
    let of_li = leads_of(&suite, "li-na").await.remove(0);
    move_lead(as_operator(&suite, "li-na", Role::Agent).await, lost(&of_li)).await.unwrap();
    assert_eq!(distribute(&suite).await.unwrap(), 1);
    assert_eq!(in_pool(&suite).await, ["l4"]);
    suite.finish().await;
}

async fn what_nobody_moves_goes_back_to_the_pool_once(suite: TestSuite) {
    shop_with_leads(&suite, &["li-na"], 3).await;
    let li = as_operator(&suite, "li-na", Role::Agent).await;
    for id in ["l0", "l1", "l2"] {
        claim(li.clone(), id).await.unwrap();
    }
    assert_eq!(task(&suite, "l0").await.unwrap().return_time, None);
    suite.advance(30 * DAY).await;
    assert_eq!(leads_of(&suite, "li-na").await.len(), 3, "without a setting they stay");
    // From the move on it counts, also where that was before the setting.
    move_lead(li.clone(), lost("l2")).await.unwrap();
    set(&suite, settings(40, Vec::new())).await.unwrap();
    let contacted = MoveLeadRequest {
        name: format!("{SHOP}/leads/l1"),
        stage: LeadStage::Contacted.into(),
        ..MoveLeadRequest::default()
    };
    move_lead(li.clone(), contacted).await.unwrap();
    suite.advance(10 * DAY - Duration::from_secs(60)).await;
    assert!(in_pool(&suite).await.is_empty());

    // A second installation on the same databases begins, and ticks at once, while the first one does.
    let keys = Keys::load(&suite.config).unwrap();
    let clock = suite.clock.clone().into();
    let other = Suite::open(&suite.config, &ServiceName::ALL, clock, Ids::random(), &keys);
    let (other, ()) = tokio::join!(other, suite.advance(Duration::from_secs(60)));
    let (_, _, running) = other.unwrap().into_parts();
    suite.advance(Duration::from_secs(60)).await;
    running.stop().await;
    assert_eq!(in_pool(&suite).await, ["l0"]);
    let expected = [LeadChangeCause::Submitted, LeadChangeCause::Claimed, LeadChangeCause::Expired];
    assert_eq!(causes(&suite, "l0").await, expected);
    assert_eq!(history(&suite, "l0").await[2].actor, "service:accounts");
    // What moved has its own time, and what has ended stays.
    suite.advance(30 * DAY).await;
    assert_eq!((in_pool(&suite).await.len(), leads_of(&suite, "li-na").await), (2, vec!["l2".to_owned()]));
    // Off again, it counts for nobody.
    claim(li.clone(), "l0").await.unwrap();
    set(&suite, settings(0, Vec::new())).await.unwrap();
    assert_eq!(task(&suite, "l0").await.unwrap().return_time, None);
    suite.advance(400 * DAY).await;
    assert_eq!(task(&suite, "l0").await.unwrap().owner, agent("li-na"));
    suite.finish().await;
}

async fn leads_are_handed_over(suite: TestSuite) {
    shop_with_leads(&suite, &["li-na", "wu-di", "zhao"], 5).await;
    let li = as_operator(&suite, "li-na", Role::Agent).await;
    for id in ["l0", "l1", "l2", "l3", "l4"] {
        claim(li.clone(), id).await.unwrap();
    }
    move_lead(li.clone(), lost("l4")).await.unwrap();
    use LeadHandOverTarget::{Agent, Distribution, Pool};
    for (target, to, field) in [
        (Agent, String::new(), "to"),
        (Agent, agent("li-na"), "to"),
        (Agent, agent("typo"), "to"),
        (Pool, agent("wu-di"), "to"),
        (LeadHandOverTarget::Unspecified, String::new(), "target"),
    ] {
        assert_eq!(fields(&hand_over(&suite, "li-na", target, &to).await.unwrap_err()), [field]);
    }
    let off = hand_over(&suite, "li-na", Distribution, "").await.unwrap_err();
    is_refused(&off, Code::FailedPrecondition, "WRONG_STATE", "off");

    let all_to = |agent_count, pool_count| HandOverLeadsResponse { agent_count, pool_count };
    assert_eq!(hand_over(&suite, "li-na", Agent, &agent("wu-di")).await.unwrap(), all_to(4, 0));
    assert_eq!(leads_of(&suite, "wu-di").await, ["l3", "l2", "l1", "l0"]);
    assert_eq!(leads_of(&suite, "li-na").await, ["l4"], "what has ended stays");
    // Who hands over gets nothing back, and what there is no room for goes to the pool.
    set(&suite, settings(0, vec![member("li-na", 1, 2), member("wu-di", 9, 9), member("zhao", 1, 1)]))
        .await
        .unwrap();
    assert_eq!(hand_over(&suite, "wu-di", Distribution, "").await.unwrap(), all_to(3, 1));
    assert_eq!(open_counts(&suite).await, counts([("li-na", 2), ("wu-di", 0), ("zhao", 1)]));
    assert_eq!(hand_over(&suite, "li-na", Pool, "").await.unwrap(), all_to(0, 2));
    assert_eq!(in_pool(&suite).await.len(), 3);
    assert_eq!(hand_over(&suite, "li-na", Pool, "").await.unwrap(), all_to(0, 0));
    let handed_over =
        causes(&suite, "l0").await.iter().filter(|cause| **cause == LeadChangeCause::HandedOver).count();
    assert!(handed_over >= 2);
    suite.finish().await;
}

async fn who_leaves_leaves_their_leads(suite: TestSuite) {
    shop_with_leads(&suite, &["li-na", "wu-di", "zhao"], 6).await;
    add(&suite, "enterprises/lumi", "chen", Role::Agent).await;
    let claims =
        [("li-na", "l0"), ("li-na", "l1"), ("wu-di", "l2"), ("zhao", "l3"), ("chen", "l4"), ("chen", "l5")];
    for (id, lead) in claims {
        claim(as_operator(&suite, id, Role::Agent).await, lead).await.unwrap();
    }
    move_lead(as_operator(&suite, "li-na", Role::Agent).await, lost("l1")).await.unwrap();
    // The distribution is off: they go to the pool.
    delete(operators(&suite), "accounts/shop/operators/li-na").await.unwrap();
    assert_eq!(
        (in_pool(&suite).await, leads_of(&suite, "li-na").await),
        (vec!["l0".into()], vec!["l1".into()])
    );
    let gone = history(&suite, "l0").await.pop().unwrap();
    assert_eq!((gone.cause(), gone.previous_owner.clone()), (LeadChangeCause::OwnerRemoved, agent("li-na")));
    assert_eq!(gone.actor, "service:test");

    // On: they go to the others, and who left is given no more. Who may do less is no agent any more either.
    set(&suite, settings(0, vec![member("wu-di", 1, 5), member("zhao", 1, 5), member("chen", 1, 1)]))
        .await
        .unwrap();
    set_role(&suite, "accounts/shop/operators/wu-di", Role::Operator).await.unwrap();
    assert_eq!(leads_of(&suite, "wu-di").await, ["l2"]);
    set_role(&suite, "accounts/shop/operators/wu-di", Role::Analyst).await.unwrap();
    assert_eq!(open_counts(&suite).await, counts([("chen", 2), ("zhao", 2)]));

    // Whoever also works for the account itself stays an agent of it.
    add(&suite, SHOP, "chen", Role::Agent).await;
    delete(operators(&suite), "enterprises/lumi/operators/chen").await.unwrap();
    assert_eq!(leads_of(&suite, "chen").await, ["l5", "l4"]);
    add(&suite, "enterprises/lumi", "chen", Role::Agent).await;
    delete(operators(&suite), "accounts/shop/operators/chen").await.unwrap();
    assert_eq!(leads_of(&suite, "chen").await, ["l5", "l4"]);
    delete(operators(&suite), "enterprises/lumi/operators/chen").await.unwrap();
    assert_eq!(open_counts(&suite).await, counts([("zhao", 4)]));
    // The last one leaves: there is nobody to give them to.
    delete(operators(&suite), "accounts/shop/operators/zhao").await.unwrap();
    assert_eq!(in_pool(&suite).await, ["l5", "l4", "l3", "l2", "l0"]);
    suite.finish().await;
}

/// A lead given away and its new owner removed at the same time: whoever comes first, it is nobody's who has gone.
async fn nothing_is_given_to_whoever_leaves_meanwhile(suite: TestSuite) {
    shop_with_leads(&suite, &["li-na"], 1).await;
    claim(as_operator(&suite, "li-na", Role::Agent).await, "l0").await.unwrap();
    for (round, parent) in [SHOP, "enterprises/lumi"].into_iter().cycle().take(8).enumerate() {
        let id = format!("temp-{round}");
        add(&suite, parent, &id, Role::Agent).await;
        let removed = format!("{parent}/operators/{id}");
        let to = agent(&id);
        let (given, removed) = tokio::join!(
            hand_over(&suite, "li-na", LeadHandOverTarget::Agent, &to),
            delete(operators(&suite), &removed)
        );
        removed.unwrap();
        if let Err(status) = given {
            assert_eq!(fields(&status), ["to"], "{status}");
        }
        let owner = task(&suite, "l0").await.unwrap().owner;
        assert!(owner.is_empty() || owner == agent("li-na"), "{owner}");
        if owner.is_empty() {
            claim(as_operator(&suite, "li-na", Role::Agent).await, "l0").await.unwrap();
        }
    }
    suite.finish().await;
}

async fn settings_with_mistakes_change_nothing(suite: TestSuite) {
    shop_with_leads(&suite, &["li-na"], 0).await;
    add(&suite, SHOP, "zhao", Role::Analyst).await;
    let first = get(&suite).await;
    assert_eq!((first.return_after_days, first.distribution_enabled, first.update_time), (0, false, None));
    let stored = set(&suite, settings(7, vec![member("li-na", 2, 50)])).await.unwrap();
    let enabled = LeadPipelineSettings { distribution_enabled: true, ..settings(0, Vec::new()) };
    let foreign =
        LeadDistributionMember { agent: "accounts/other/agents/li".to_owned(), ..member("li-na", 1, 1) };
    let wrong = [
        (enabled, "settings.members"),
        (settings(366, Vec::new()), "settings.return_after_days"),
        (settings(-1, Vec::new()), "settings.return_after_days"),
        (settings(0, vec![member("li-na", 0, 1)]), "settings.members[0].weight"),
        (settings(0, vec![member("li-na", 101, 1)]), "settings.members[0].weight"),
        (settings(0, vec![member("li-na", 1, 0)]), "settings.members[0].cap"),
        (settings(0, vec![member("li-na", 1, 1_001)]), "settings.members[0].cap"),
        (settings(0, vec![member("li-na", 1, 1), member("li-na", 2, 2)]), "settings.members[1].agent"),
        (settings(0, vec![member("typo", 1, 1)]), "settings.members[0].agent"),
        (settings(0, vec![member("li-na", 1, 1), member("zhao", 1, 1)]), "settings.members[1].agent"),
        (settings(0, vec![foreign]), "settings.members[0].agent"),
        (
            settings(0, (0..201).map(|number| member(&format!("a{number}"), 1, 1)).collect()),
            "settings.members",
        ),
    ];
    for (settings, field) in wrong {
        let status = set(&suite, settings).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
    }
    let stale = LeadPipelineSettings { etag: first.etag, ..settings(1, Vec::new()) };
    let stale = set(&suite, stale).await.unwrap_err();
    is_refused(&stale, Code::Aborted, "ETAG_MISMATCH", "");
    assert_eq!(get(&suite).await, stored);
    set(&suite, LeadPipelineSettings { etag: stored.etag, ..settings(1, Vec::new()) }).await.unwrap();
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    leads_are_handed_over,
    new_leads_that_come_at_once_are_given_by_weight,
    nobody_is_given_more_than_they_may,
    nothing_is_given_to_whoever_leaves_meanwhile,
    settings_with_mistakes_change_nothing,
    what_nobody_moves_goes_back_to_the_pool_once,
    who_leaves_leaves_their_leads,
);
