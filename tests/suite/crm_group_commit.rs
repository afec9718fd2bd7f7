//! Calls that share a transaction are answered each on their own.

use std::time::Duration;

use futures_util::future::join_all;
use siyu_db::on_db;
use siyu_proto::crm::v1::{InteractionKind as Kind, ListFansRequest};
use siyu_tests::TestSuite;
use tonic::Code;

use crate::support::{event, open_db, refuse_rows, seconds_ago, send, timeline};

async fn one_poisoned_call_among_64_fails_alone(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let time = seconds_ago(&suite, 60);
    send(&suite, "shop", vec![event("first", "u0", Kind::View, time)]).await.unwrap();
    let crm = open_db(suite.config.crm_database_url()).await;
    refuse_rows(&crm, "interaction", "event_id", "poison").await;

    // 62 new ones, one that repeats another of them, and the bad one.
    let mut ids: Vec<String> = (0..62).map(|number| format!("e{number}")).collect();
    ids.insert(31, "e7".to_owned());
    ids.insert(40, "poison".to_owned());
    // While this lock is held the first call waits for it, and all others queue behind: they will share a transaction.
    let mut lock = crm.begin().await.unwrap();
    let sql = "UPDATE account SET last_ordinal = last_ordinal WHERE account_id = 'shop'";
    on_db!(&mut lock, |conn| sqlx::query(sql).execute(conn).await.map(drop)).unwrap();
    let calls = join_all(ids.iter().enumerate().map(|(number, id)| {
        let user = if id == "e7" { "u7".to_owned() } else { format!("u{}", number % 20) };
        send(&suite, "shop", vec![event(id, &user, Kind::View, time)])
    }));
    let release = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        drop(lock);
    };
    let (answers, ()) = tokio::join!(calls, release);

    let (mut accepted, mut duplicates) = (0, 0);
    for (id, answer) in ids.iter().zip(answers) {
        if id == "poison" {
            let status = answer.unwrap_err();
            assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"));
            continue;
        }
        let answer = answer.unwrap_or_else(|status| panic!("{id}: {status}"));
        accepted += answer.accepted_count;
        duplicates += answer.duplicate_count;
    }
    assert_eq!((accepted, duplicates), (62, 1));

    let request = ListFansRequest { parent: "accounts/shop".to_owned(), ..ListFansRequest::default() };
    let fans = suite.fans().list_fans(request).await.unwrap().into_inner().fans;
    let mut stored = Vec::new();
    for fan in fans {
        let user = fan.name.rsplit('/').next().unwrap().to_owned();
        stored.extend(timeline(&suite, "shop", &user).await.into_iter().map(|each| each.event_id));
    }
    stored.sort();
    let mut expected: Vec<String> = (0..62).map(|number| format!("e{number}")).collect();
    expected.push("first".to_owned());
    expected.sort();
    assert_eq!(stored, expected);
    crm.close().await;
    suite.finish().await;
}

async fn calls_of_many_accounts_share_transactions_and_keep_apart(suite: TestSuite) {
    const ACCOUNTS: usize = 8;
    for number in 0..ACCOUNTS {
        suite.account("lumi", &format!("shop-{number}")).await;
    }
    let time = seconds_ago(&suite, 60);
    let calls = (0..ACCOUNTS * 40).map(|number| {
        let (account, user) = (format!("shop-{}", number % ACCOUNTS), format!("u{}", number / ACCOUNTS % 10));
        let suite = &suite;
        async move {
            let interaction = event(&format!("e{}", number / ACCOUNTS), &user, Kind::View, time);
            send(suite, &account, vec![interaction]).await
        }
    });
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap().accepted_count, 1);
    }
    for number in 0..ACCOUNTS {
        let request =
            ListFansRequest { parent: format!("accounts/shop-{number}"), ..ListFansRequest::default() };
        let fans = suite.fans().list_fans(request).await.unwrap().into_inner().fans;
        let mut ordinals: Vec<i64> = fans.iter().map(|fan| fan.ordinal).collect();
        ordinals.sort_unstable();
        assert_eq!(ordinals, (1..=10).collect::<Vec<_>>());
        assert_eq!(timeline(&suite, &format!("shop-{number}"), "u3").await.len(), 4);
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    one_poisoned_call_among_64_fails_alone,
    calls_of_many_accounts_share_transactions_and_keep_apart,
);
