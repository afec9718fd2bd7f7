//! Entry codes that many scan at once.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use siyu_db::on_db;
use siyu_proto::{
    accounts::v1::{CreateEntryCodeRequest, EntryCode},
    crm::v1::{GetTagRequest, InteractionsObserved},
};
use siyu_tests::TestSuite;

use crate::{
    entry_codes::{SHOP, codes, create, create_request, disable, get, observed, on_a_package, scan},
    support::{open_db, reason},
};

async fn many_scan_at_once_and_each_counts_once(suite: TestSuite) {
    const SCANS: usize = 300;
    suite.account("lumi", "shop").await;
    suite.account("lumi", "store").await;
    let mut made = Vec::new();
    for (parent, id) in [("shop", "poster"), ("shop", "television"), ("store", "poster")] {
        let request = CreateEntryCodeRequest {
            parent: format!("accounts/{parent}"),
            ..create_request(id, on_a_package())
        };
        made.push(codes(&suite).create_entry_code(request).await.unwrap().into_inner().entry_code.unwrap());
    }
    disable(&suite, &made[0].name).await;
    // Each scan comes twice; those of the first code are refused.
    let answers =
        join_all((0..SCANS * 2).map(|number| {
            let scan_number = number % SCANS;
            let short_code = made[scan_number % 3].short_code.clone();
            let suite = &suite;
            async move {
                scan(suite, &short_code, &format!("u{}", scan_number / 3), &format!("s{scan_number}")).await
            }
        }))
        .await;
    for (number, answer) in answers.into_iter().enumerate() {
        match (number % SCANS % 3, answer) {
            (0, Err(status)) => assert_eq!(reason(&status), "WRONG_STATE"),
            (place, answer) => assert_eq!(answer.unwrap().entry_code, made[place].name),
        }
    }
    for (code, scans) in made.iter().zip([0, 100, 100]) {
        assert_eq!(get(&suite, &code.name).await.scan_count, scans);
    }
    let events: Vec<_> = observed(&suite).await.into_iter().flat_map(|event| event.interactions).collect();
    let ids: BTreeSet<_> = events.iter().map(|interaction| &interaction.event_id).collect();
    assert_eq!((events.len(), ids.len()), (200, 200));
    suite.finish().await;
}

/// What a crowd brings in one transaction is more than one event can tell, and so is what becomes of it in the CRM.
async fn a_crowd_gets_all_tags_out_of_one_transaction(suite: TestSuite) {
    const SCANS: usize = 256;
    suite.account("lumi", "shop").await;
    let tags: Vec<_> = (0..10).map(|number| format!("{number:0>50}")).collect();
    let television = EntryCode { tags: tags.clone(), ..on_a_package() };
    let television = create(&suite, "television", television).await.unwrap();

    // While this lock is held the first scan waits for it, and all others queue behind: they share a transaction.
    let accounts = open_db(suite.config.accounts_database_url()).await;
    let mut lock = accounts.begin().await.unwrap();
    let sql = "UPDATE account SET display_name = display_name WHERE account_id = 'shop'";
    on_db!(&mut lock, |conn| sqlx::query(sql).execute(conn).await.map(drop)).unwrap();
    let users: Vec<_> = (0..SCANS).map(|number| format!("u{number}")).collect();
    let scans = users.iter().map(|user| scan(&suite, &television.short_code, user, user));
    let release = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        drop(lock);
    };
    let (answers, ()) = tokio::join!(join_all(scans), release);
    assert!(answers.iter().all(Result::is_ok));

    let events = observed(&suite).await;
    // Done call by call there would be an event for each.
    assert!((3..20).contains(&events.len()), "{} events", events.len());
    let told: BTreeSet<_> =
        events.iter().flat_map(|event| &event.interactions).map(|scan| &scan.user).collect();
    assert_eq!(told.len(), SCANS);
    assert!(events.iter().all(has_all_tags_of_its_users));
    for tag in tags {
        let request = GetTagRequest { name: format!("{SHOP}/tags/{tag}") };
        let tag = suite.tags().get_tag(request).await.unwrap().into_inner().tag.unwrap();
        assert_eq!(usize::try_from(tag.fan_count).unwrap(), SCANS);
    }
    accounts.close().await;
    suite.finish().await;
}

fn has_all_tags_of_its_users(event: &InteractionsObserved) -> bool {
    event.interactions.iter().all(|scan| {
        let tags = event.tag_assignments.iter().filter(|tag| tag.user == scan.user);
        tags.count() == 10
    })
}

siyu_tests::on_both_engines!(
    many_scan_at_once_and_each_counts_once,
    a_crowd_gets_all_tags_out_of_one_transaction,
);
