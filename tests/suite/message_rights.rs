//! Private messages beyond what the policy allows: each costs a right of the wallet, once.

use siyu_proto::accounts::v1::{
    GetWalletRequest, GrantRightRequest, LedgerEntryKind, ListLedgerEntriesRequest, RightKind,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    follows::SHOP,
    messages::{desk, from_user, inbox, to_user},
    rights::rights,
    support::reason,
};

async fn grant(suite: &TestSuite, amount: i64) {
    let request = GrantRightRequest {
        parent: SHOP.to_owned(),
        kind: RightKind::PrivateMessage.into(),
        amount,
        reason: "Autumn festival".to_owned(),
        ..GrantRightRequest::default()
    };
    rights(suite).grant_right(request).await.unwrap();
}

/// What is left in the wallet, and what is held in it.
async fn left(suite: &TestSuite) -> i64 {
    let request = GetWalletRequest { parent: SHOP.to_owned(), time: None };
    let wallet = rights(suite).get_wallet(request).await.unwrap().into_inner().wallet.unwrap();
    let right = wallet.rights.into_iter().find(|right| right.kind() == RightKind::PrivateMessage);
    right.map_or(0, |right| right.available)
}

/// Steps of the wallet of one kind.
async fn steps(suite: &TestSuite, kind: LedgerEntryKind) -> usize {
    let request = ListLedgerEntriesRequest {
        parent: SHOP.to_owned(),
        kind: RightKind::PrivateMessage.into(),
        page_size: 1_000,
        ..ListLedgerEntriesRequest::default()
    };
    let entries = rights(suite).list_ledger_entries(request).await.unwrap().into_inner().ledger_entries;
    entries.iter().filter(|entry| entry.entry_kind() == kind).count()
}

async fn send(suite: &TestSuite, user: &str, id: &str) -> Result<i64, Status> {
    let answer = desk(suite).send_desk_message(to_user(user, id)).await?;
    Ok(answer.into_inner().message.unwrap().sequence)
}

async fn what_is_beyond_the_policy_costs_a_right(suite: TestSuite) {
    suite.account("mine", "shop").await;
    grant(&suite, 2).await;
    for number in 1..=5 {
        assert_eq!(send(&suite, "ann", &format!("r{number}")).await.unwrap(), number);
    }
    assert_eq!((left(&suite).await, steps(&suite, LedgerEntryKind::Commit).await), (0, 2));
    let status = send(&suite, "ann", "r6").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "QUOTA_EXCEEDED"));
    // A repeat costs nothing; a user who answers lets the policy begin anew, which comes first.
    assert_eq!(send(&suite, "ann", "r5").await.unwrap(), 5);
    grant(&suite, 1).await;
    inbox(&suite).send_message(from_user("ann", "hello")).await.unwrap();
    assert_eq!(send(&suite, "ann", "r6").await.unwrap(), 7);
    assert_eq!((left(&suite).await, steps(&suite, LedgerEntryKind::Commit).await), (1, 2));
    suite.finish().await;
}

async fn rights_go_to_as_many_as_there_are(suite: TestSuite) {
    suite.account("mine", "shop").await;
    const RIGHTS: i64 = 5;
    grant(&suite, RIGHTS).await;
    for number in 1..=3 {
        send(&suite, "ann", &format!("r{number}")).await.unwrap();
    }
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..24 {
        let mut desk = desk(&suite);
        // Each message is sent twice at once, as by a client that lost patience.
        calls.spawn(async move { desk.send_desk_message(to_user("ann", &format!("m{}", number / 2))).await });
    }
    let mut sequences = std::collections::BTreeSet::new();
    while let Some(call) = calls.join_next().await {
        match call.unwrap() {
            Ok(answer) => _ = sequences.insert(answer.into_inner().message.unwrap().sequence),
            Err(status) => assert_eq!(reason(&status), "QUOTA_EXCEEDED"),
        }
    }
    assert_eq!(sequences, (4..4 + RIGHTS).collect());
    suite.advance(std::time::Duration::from_secs(5)).await;
    assert_eq!((left(&suite).await, steps(&suite, LedgerEntryKind::Commit).await), (0, 5));
    // What was held and not used is back when its time is over: nothing is.
    suite.advance(std::time::Duration::from_secs(2 * 3_600)).await;
    assert_eq!(left(&suite).await, 0);
    suite.finish().await;
}

siyu_tests::on_both_engines!(what_is_beyond_the_policy_costs_a_right, rights_go_to_as_many_as_there_are);
