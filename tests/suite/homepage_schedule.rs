//! Homepages that are published at a time: once, as they were frozen, and dated at that time.

use std::time::Duration;

use siyu_clock::Micros;
use siyu_proto::{
    accounts::v1::{
        CancelScheduledPublishRequest, HomepagePublished, PublishHomepageRequest,
        homepage_service_client::HomepageServiceClient,
    },
    common::v1::Event,
};
use siyu_rpc::time::to_proto;
use siyu_tests::{Engine, TestSuite, cluster::Cluster, installation::create_accounts};
use tokio::time::sleep;
use tonic::Code;

use crate::{
    events::events_after,
    homepage::{Client, draft, edit, homepages, page, publish, publish_now, publishing, shown, versions},
    support::{at, fields, reason},
};

/// 2026-03-01T00:00:00Z
const START: Micros = Micros::from_seconds(1_772_323_200);
const HOUR: Duration = Duration::from_secs(3_600);

fn at_time(time: &str, etag: &str) -> PublishHomepageRequest {
    let publish_time = Some(at(time));
    PublishHomepageRequest { publish_time, etag: etag.to_owned(), ..publishing("shop", "night") }
}

fn cancelling(etag: &str) -> CancelScheduledPublishRequest {
    let name = "accounts/shop/homepage".to_owned();
    CancelScheduledPublishRequest { name, etag: etag.to_owned(), ..CancelScheduledPublishRequest::default() }
}

/// What was told of publications.
async fn told(suite: &TestSuite) -> Vec<HomepagePublished> {
    let is_one = |event: &Event| event.payload.as_ref()?.to_msg::<HomepagePublished>().ok();
    events_after(suite, Vec::new()).await.unwrap().iter().filter_map(is_one).collect()
}

async fn what_was_frozen_is_published_once_at_its_time(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut client = homepages(&suite);
    edit(&mut client, "shop", page("Day"), "").await.unwrap();
    publish_now(&suite, "shop").await;
    edit(&mut client, "shop", page("Night"), "").await.unwrap();
    let scheduled = publish(&mut client, at_time("2026-03-01T02:00:00Z", "")).await.unwrap();
    assert_eq!(scheduled.version, None);
    let frozen = scheduled.scheduled_publish.unwrap();
    assert_eq!((frozen.publish_time, frozen.note.as_str()), (Some(at("2026-03-01T02:00:00Z")), "night"));
    assert_eq!(draft(&mut client, "shop").await.scheduled_publish, Some(frozen));
    // Not part of it any more.
    edit(&mut client, "shop", page("Morning"), "").await.unwrap();

    suite.advance(HOUR).await;
    assert_eq!(versions(&mut client, "shop", 0).await.len(), 1);
    // Two hours late, and over and over.
    for _ in 0..3 {
        suite.advance(HOUR).await;
    }
    let published = versions(&mut client, "shop", 0).await;
    assert_eq!(published.len(), 2);
    assert_eq!(published[0].publish_time, Some(at("2026-03-01T02:00:00Z")));
    assert_eq!(published[0].note, "night");
    assert_eq!(shown(&mut client, "shop", 2).await.unwrap(), page("Night"));
    let after = draft(&mut client, "shop").await;
    assert_eq!((after.homepage, after.scheduled_publish), (Some(page("Morning")), None));
    let told: Vec<_> = told(&suite).await.into_iter().map(|it| it.version.unwrap()).collect();
    assert_eq!(told, published.into_iter().rev().collect::<Vec<_>>());
    suite.finish().await;
}

async fn a_schedule_is_replaced_by_who_knows_of_it(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut client = homepages(&suite);
    for (time, field) in [
        ("2026-02-28T23:59:59Z", "publish_time"),
        ("2026-03-01T00:00:00Z", "publish_time"),
        ("2027-04-01T00:00:00Z", "publish_time"),
    ] {
        let status = publish(&mut client, at_time(time, "")).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    assert_eq!(reason(&client.cancel_scheduled_publish(cancelling("")).await.unwrap_err()), "WRONG_STATE");
    let before = draft(&mut client, "shop").await.etag;
    let first = publish(&mut client, at_time("2026-03-01T02:00:00Z", &before)).await.unwrap();
    let unaware = publish(&mut client, at_time("2026-03-01T03:00:00Z", "")).await.unwrap_err();
    assert_eq!(reason(&unaware), "WRONG_STATE", "{unaware}");
    let stale = publish(&mut client, at_time("2026-03-01T03:00:00Z", &before)).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");
    let second = publish(&mut client, at_time("2026-03-01T04:00:00Z", &first.etag)).await.unwrap();

    suite.advance(3 * HOUR).await;
    assert!(versions(&mut client, "shop", 0).await.is_empty());
    let stale = client.cancel_scheduled_publish(cancelling(&first.etag)).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");
    client.cancel_scheduled_publish(cancelling(&second.etag)).await.unwrap();
    suite.advance(3 * HOUR).await;
    assert!(versions(&mut client, "shop", 0).await.is_empty());
    assert_eq!(draft(&mut client, "shop").await.scheduled_publish, None);
    suite.finish().await;
}

/// What was scheduled for a time when nobody was there is not put over what was published since.
async fn what_was_due_before_comes_before(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut client = homepages(&suite);
    edit(&mut client, "shop", page("Scheduled"), "").await.unwrap();
    publish(&mut client, at_time("2026-03-01T02:00:00Z", "")).await.unwrap();
    edit(&mut client, "shop", page("By hand"), "").await.unwrap();
    // The clock alone: no background work.
    suite.clock.advance_to(START.plus(3 * HOUR));
    assert_eq!(publish_now(&suite, "shop").await.number, 2);
    suite.advance(HOUR).await;
    assert_eq!(shown(&mut client, "shop", 1).await.unwrap(), page("Scheduled"));
    assert_eq!(shown(&mut client, "shop", 2).await.unwrap(), page("By hand"));
    assert_eq!(versions(&mut client, "shop", 0).await.len(), 2);
    suite.finish().await;
}

/// The process dies and is away when the time comes; once it is back, it happens, once, and is dated as it should be.
async fn it_survives_processes(engine: Engine) {
    let Some(mut cluster) = Cluster::start(engine, 0, START, &[]).await.unwrap() else { return };
    create_accounts(&cluster.accounts_client(), &["shop".to_owned()]).await.unwrap();
    let mut client = HomepageServiceClient::new(cluster.accounts_client());
    edit(&mut client, "shop", page("Night"), "").await.unwrap();
    publish(&mut client, at_time("2026-03-01T02:00:00Z", "")).await.unwrap();
    for hours_later in [1, 2, 3] {
        drop(client);
        cluster.accounts.take().unwrap().process.kill().await.unwrap();
        cluster.now = cluster.now.plus(HOUR * hours_later);
        cluster.start_accounts().await.unwrap();
        client = HomepageServiceClient::new(cluster.accounts_client());
        if hours_later > 1 {
            wait_for_version(&mut client).await;
        }
    }
    let published = versions(&mut client, "shop", 0).await;
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].publish_time, Some(to_proto(START.plus(2 * HOUR))));
    assert_eq!(shown(&mut client, "shop", 1).await.unwrap(), page("Night"));
    drop(client);
    cluster.remove().await.unwrap();
}

async fn wait_for_version(client: &mut Client) {
    for _ in 0..200 {
        if !versions(client, "shop", 0).await.is_empty() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("it is never published");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_survives_processes_on_sqlite() {
    it_survives_processes(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_survives_processes_on_postgres() {
    it_survives_processes(Engine::Postgres).await;
}

siyu_tests::on_both_engines!(
    a_schedule_is_replaced_by_who_knows_of_it,
    what_was_due_before_comes_before,
    what_was_frozen_is_published_once_at_its_time,
);
