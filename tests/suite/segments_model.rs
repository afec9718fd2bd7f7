//! Random changes of fans, one after the other and at once, and filters counted after each: by the service, which keeps
//! fans in memory, and by SQL over all rows.

use std::time::Duration;

use futures_util::future::join_all;
use rand::RngExt;
use siyu_db::{Db, on_db};
use siyu_proto::crm::v1::{
    EstimateSegmentRequest, Interaction, InteractionKind as Kind, SourceDomain, TagCondition,
};
use siyu_tests::{Engine, TestSuite};
use sqlx::AssertSqlSafe;

use crate::{
    segments::estimate,
    support::{event, open_db, purchase, seconds_ago, seeded, send, tiers_rebuilt},
    tag_rules::make_in,
    tags::{create, delete, tag, untag},
};

const TAGS: [&str; 3] = ["a", "b", "c"];
const KINDS: [Kind; 8] = [
    Kind::Follow,
    Kind::Unfollow,
    Kind::Like,
    Kind::Share,
    Kind::View,
    Kind::Order,
    Kind::OrderCancel,
    Kind::Refund,
];
/// A filter, and the SQL that counts the same fans; `$now` is the moment in microseconds.
const QUESTIONS: [(&str, &str); 12] = [
    ("following = true", "following = 1"),
    ("tier >= FAVORABLE", "tier IN ('favorable', 'true_love')"),
    ("tier != PASSERBY share_count = 0", "tier <> 'passerby' AND share_count = 0"),
    ("source = PRIVATE OR source = PUBLIC", "first_source IN ('private', 'public')"),
    ("-source:*", "first_source = ''"),
    ("tags:a", "ordinal IN (SELECT ordinal FROM fan_tag JOIN tag ON tag.number = tag WHERE tag_id = 'a')"),
    (
        "NOT (tags:b OR tags:c) AND interaction_count > 2",
        "interaction_count > 2 AND ordinal NOT IN (SELECT ordinal FROM fan_tag JOIN tag ON tag.number = tag \
         WHERE tag_id IN ('b', 'c'))",
    ),
    (
        "order_count >= 2",
        "(SELECT COUNT(*) FROM purchase WHERE ordinal = fan.ordinal AND placed = 1 AND cancelled = 0) >= 2",
    ),
    (
        "net_gmv_minor < 300",
        "(SELECT COALESCE(SUM(amount_minor - refunded_minor), 0) FROM purchase WHERE ordinal = fan.ordinal \
         AND placed = 1 AND cancelled = 0) < 300",
    ),
    ("last_active_age <= 2d", "last_active_time >= $now - 172800000000"),
    ("follow_age > 1d", "following = 1 AND follow_time < $now - 86400000000"),
    (
        "first_interaction_age > 3d AND last_interaction_age < 3d",
        "first_time < $now - 259200000000 AND last_time > $now - 259200000000",
    ),
];

async fn filters_count_what_sql_counts(suite: TestSuite) {
    run(suite, 11).await;
}

/// Nothing stays in memory beside the account that was asked about last, and rows of changes are few.
async fn they_do_also_when_fans_have_to_leave_memory(engine: Engine) {
    let suite = TestSuite::start_with(engine, &["crm.audience_cache_bytes=1"]).await.unwrap();
    if let Some(suite) = suite {
        run(suite, 12).await;
    }
}

async fn run(suite: TestSuite, seed: u64) {
    suite.account("lumi", "shop").await;
    suite.account("lumi", "other").await;
    for tag_id in TAGS {
        create(&suite, "shop", tag_id).await.unwrap();
    }
    let db = open_db(suite.config.crm_database_url()).await;
    let mut random = seeded(seed);
    for step in 0..60 {
        change(&suite, &mut random, step).await;
        if step % 7 == 0 {
            let request = EstimateSegmentRequest {
                parent: "accounts/other".to_owned(),
                filter: "following = true".to_owned(),
                ..Default::default()
            };
            assert_eq!(suite.segments().estimate_segment(request).await.unwrap().into_inner().fan_count, 0);
        }
        for (filter, sql) in QUESTIONS {
            let expected = counted(&db, sql, suite.clock.now().0).await;
            let found = estimate(&suite, filter).await.unwrap().fan_count;
            assert_eq!(found, expected, "step {step}: {filter}");
        }
    }
    db.close().await;
    suite.finish().await;
}

/// Something that changes fans, or several such things at once.
async fn change(suite: &TestSuite, random: &mut impl RngExt, step: u32) {
    let users: Vec<String> = (0..4).map(|_| user(random)).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let tag_id = TAGS[random.random_range(0..TAGS.len())];
    match random.random_range(0..20) {
        0..3 => drop(tag(suite, tag_id, &users).await),
        3 => drop(untag(suite, tag_id, &users).await),
        4 if step > 20 => {
            delete(suite, "c", "").await.unwrap();
            create(suite, "shop", "c").await.unwrap();
        }
        5 | 6 => suite.advance(Duration::from_secs(random.random_range(1..3 * 86_400))).await,
        7 => drop(tiers_rebuilt(suite, "shop").await),
        8 => {
            let condition = TagCondition { min_order_count: 1, ..TagCondition::default() };
            drop(make_in(suite, "shop", &format!("rule-{step}"), "b", condition).await);
            suite.advance(Duration::from_secs(1)).await;
        }
        9..12 => {
            let calls = (0..4).map(|number| interactions(suite, random, step, number)).collect::<Vec<_>>();
            let calls = calls.into_iter().map(|batch| send(suite, "shop", batch));
            for answer in join_all(calls).await {
                answer.unwrap();
            }
        }
        _ => drop(send(suite, "shop", interactions(suite, random, step, 9)).await.unwrap()),
    }
}

fn user(random: &mut impl RngExt) -> String {
    format!("u{}", random.random_range(0..40))
}

fn interactions(suite: &TestSuite, random: &mut impl RngExt, step: u32, call: u32) -> Vec<Interaction> {
    let interaction = |number: u32| {
        let (user, kind) = (user(random), KINDS[random.random_range(0..KINDS.len())]);
        let id = format!("{step}-{call}-{number}");
        let time = seconds_ago(suite, random.random_range(0..5 * 86_400));
        let mut interaction = match kind {
            Kind::Order | Kind::OrderCancel | Kind::Refund => {
                let order_id = format!("{user}-{}", random.random_range(0..3));
                purchase(&id, &user, kind, time, (&order_id, random.random_range(1..300)))
            }
            _ => event(&id, &user, kind, time),
        };
        let source = random.random_range(0..5);
        interaction.source_domain = SourceDomain::try_from(source).unwrap().into();
        interaction
    };
    (0..12).map(interaction).collect()
}

async fn counted(db: &Db, condition: &str, now: i64) -> i64 {
    let condition = condition.replace("$now", &now.to_string());
    let sql = format!("SELECT COUNT(*) FROM fan WHERE account_id = 'shop' AND {condition}");
    let mut tx = db.begin_read().await.unwrap();
    on_db!(&mut tx, |conn| sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(conn).await).unwrap()
}

siyu_tests::on_both_engines!(filters_count_what_sql_counts);

#[tokio::test(flavor = "multi_thread")]
async fn they_do_also_when_fans_have_to_leave_memory_sqlite() {
    they_do_also_when_fans_have_to_leave_memory(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_do_also_when_fans_have_to_leave_memory_postgres() {
    they_do_also_when_fans_have_to_leave_memory(Engine::Postgres).await;
}
