//! Who follows whom: changed by users, by many at once, brought in in bulk, and known to the CRM.

use std::time::Duration;

use futures_util::future::join_all;
use siyu_proto::{
    crm::v1::{InteractionKind, SourceDomain},
    subscriptions::v1::{
        Follow, FollowRequest, FollowState, GetFollowRequest, ImportFollowersRequest,
        ImportFollowersResponse, ImportedFollower, ListFollowersRequest, ListFollowingRequest,
        SetMutualRequest, UnfollowRequest, follow_service_client::FollowServiceClient,
    },
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::support::{all_fans, at, fan, reason, seconds_ago, timeline, try_fan};

pub(crate) const SHOP: &str = "accounts/shop";
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn follows(suite: &TestSuite) -> FollowServiceClient<siyu::connect::Client> {
    FollowServiceClient::new(suite.client())
}

pub(crate) fn wish(account: &str, user: &str) -> FollowRequest {
    FollowRequest { parent: account.to_owned(), user: format!("users/{user}"), ..FollowRequest::default() }
}

pub(crate) async fn follow(suite: &TestSuite, account: &str, user: &str) -> Result<Follow, Status> {
    Ok(follows(suite).follow(wish(account, user)).await?.into_inner().follow.unwrap())
}

pub(crate) async fn unfollow(suite: &TestSuite, account: &str, user: &str) -> Option<Follow> {
    let request = UnfollowRequest {
        parent: account.to_owned(),
        user: format!("users/{user}"),
        mount: "accounts/shop/pushes/loud".to_owned(),
    };
    follows(suite).unfollow(request).await.unwrap().into_inner().follow
}

async fn get(suite: &TestSuite, user: &str) -> Result<Follow, Status> {
    let request = GetFollowRequest { parent: SHOP.to_owned(), user: format!("users/{user}") };
    Ok(follows(suite).get_follow(request).await?.into_inner().follow.unwrap())
}

async fn followers(suite: &TestSuite, page_size: i32) -> Vec<String> {
    let mut users = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListFollowersRequest { parent: SHOP.to_owned(), page_size, page_token };
        let page = follows(suite).list_followers(request).await.unwrap().into_inner();
        users.extend(page.follows.into_iter().map(|follow| follow.user));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return users;
        }
    }
}

async fn import(
    suite: &TestSuite,
    messages: Vec<Vec<ImportedFollower>>,
) -> Result<ImportFollowersResponse, Status> {
    let messages: Vec<_> = messages
        .into_iter()
        .map(|followers| ImportFollowersRequest { parent: SHOP.to_owned(), followers })
        .collect();
    let stream = futures_util::stream::iter(messages);
    Ok(follows(suite).import_followers(stream).await?.into_inner())
}

fn imported(user: &str) -> ImportedFollower {
    ImportedFollower { user: format!("users/{user}"), ..ImportedFollower::default() }
}

async fn following_is_told_to_the_crm_once(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let request = FollowRequest {
        source_domain: SourceDomain::Private.into(),
        mount: "accounts/shop/homepage".to_owned(),
        campaign: "spring".to_owned(),
        ..wish(SHOP, "ann")
    };
    let first = follows(&suite).follow(request).await.unwrap().into_inner().follow.unwrap();
    assert_eq!(first.name, "accounts/shop/followers/ann");
    assert_eq!((first.state(), first.source_domain()), (FollowState::Following, SourceDomain::Private));
    suite.advance(MINUTE).await;
    assert_eq!(follow(&suite, SHOP, "ann").await.unwrap(), first);
    let known = fan(&suite, "shop", "ann").await;
    assert!(known.following);
    assert_eq!(known.ordinal, 1);
    let told = timeline(&suite, "shop", "ann").await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind(), told[0].target.as_str()), (InteractionKind::Follow, SHOP));
    assert_eq!((told[0].mount.as_str(), told[0].campaign.as_str()), ("accounts/shop/homepage", "spring"));

    let left = unfollow(&suite, SHOP, "ann").await.unwrap();
    assert_eq!((left.state(), left.follow_time), (FollowState::Unfollowed, first.follow_time));
    assert_eq!(unfollow(&suite, SHOP, "ann").await.unwrap(), left);
    suite.advance(MINUTE).await;
    assert!(!fan(&suite, "shop", "ann").await.following);
    assert_eq!(timeline(&suite, "shop", "ann").await.len(), 2);
    assert_eq!(followers(&suite, 10).await, Vec::<String>::new());
    assert_eq!(get(&suite, "ann").await.unwrap(), left);

    let again = follow(&suite, SHOP, "ann").await.unwrap();
    assert_eq!(again.unfollow_time, left.unfollow_time);
    assert_ne!(again.follow_time, first.follow_time);
    suite.advance(MINUTE).await;
    let known = fan(&suite, "shop", "ann").await;
    assert_eq!((known.following, known.ordinal), (true, 1));
    suite.finish().await;
}

async fn many_at_once_are_each_stored_once(suite: TestSuite) {
    const USERS: usize = 300;
    suite.account("mine", "shop").await;
    suite.account("mine", "other").await;
    let wishes = (0..2 * USERS).map(|number| {
        let account = if number % 3 == 0 { "accounts/other" } else { SHOP };
        let (suite, user) = (&suite, format!("u{:03}", number % USERS));
        async move { follow(suite, account, &user).await.unwrap() }
    });
    let answers = join_all(wishes).await;
    assert!(answers.iter().all(|follow| follow.state() == FollowState::Following));
    let expected: Vec<String> =
        (0..USERS).filter(|number| number % 3 != 0).map(|number| format!("users/u{number:03}")).collect();
    assert_eq!(followers(&suite, 7).await, expected);
    suite.advance(MINUTE).await;
    assert_eq!(all_fans(&suite, "shop").await.len(), expected.len());
    assert_eq!(timeline(&suite, "shop", "u001").await.len(), 1);
    let request = ListFollowingRequest { user: "users/u001".to_owned(), ..Default::default() };
    let following = follows(&suite).list_following(request).await.unwrap().into_inner().follows;
    assert_eq!(following.len(), 1);
    assert_eq!(following[0].account, SHOP);
    suite.finish().await;
}

async fn followers_are_brought_in_and_nobody_is_lost_for_a_neighbour(suite: TestSuite) {
    suite.account("mine", "shop").await;
    follow(&suite, SHOP, "ann").await.unwrap();
    follow(&suite, SHOP, "bea").await.unwrap();
    unfollow(&suite, SHOP, "bea").await;
    let since = at("2024-05-01T08:00:00Z");
    let old = |user: &str| ImportedFollower {
        follow_time: Some(since),
        source_domain: SourceDomain::External.into(),
        campaign: "stores".to_owned(),
        ..imported(user)
    };
    let future = ImportedFollower { follow_time: Some(seconds_ago(&suite, -3_600)), ..imported("eve") };
    let strange = ImportedFollower { source_domain: 99, ..imported("eve") };
    let long = ImportedFollower { campaign: "x".repeat(65), ..imported("eve") };
    let answer = import(
        &suite,
        vec![
            vec![old("ann"), old("bea"), old("cat"), imported("a b"), old("cat")],
            vec![future, strange, long, imported("dan")],
        ],
    );
    let answer = answer.await.unwrap();
    // Ann follows since before, Bea left since, and Cat comes twice.
    assert_eq!((answer.imported_count, answer.known_count, answer.rejected_count), (2, 3, 4));
    let wrong: Vec<_> = answer.rejections.iter().map(|one| (one.index, one.field.as_str())).collect();
    assert_eq!(wrong, [(3, "user"), (5, "follow_time"), (6, "source_domain"), (7, "campaign")]);
    assert_eq!(followers(&suite, 100).await, ["users/ann", "users/cat", "users/dan"]);
    let cat = get(&suite, "cat").await.unwrap();
    assert_eq!((cat.follow_time, cat.campaign.as_str()), (Some(since), "stores"));
    suite.advance(MINUTE).await;
    let told = timeline(&suite, "shop", "cat").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event_time, Some(since));
    assert!(!fan(&suite, "shop", "bea").await.following);
    // Sent again it changes nothing.
    let again = import(&suite, vec![vec![old("cat"), imported("dan")]]).await.unwrap();
    assert_eq!((again.imported_count, again.known_count), (0, 2));
    // As many as a message takes: more than one event holds.
    let crowd = (0..5_000).map(|number| old(&format!("crowd{number:04}"))).collect();
    assert_eq!(import(&suite, vec![crowd]).await.unwrap().imported_count, 5_000);
    suite.advance(MINUTE).await;
    assert_eq!(all_fans(&suite, "shop").await.len(), 5_004);
    suite.finish().await;
}

async fn an_account_follows_back(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let set = |user: &str, mutual| {
        let request = SetMutualRequest { parent: SHOP.to_owned(), user: format!("users/{user}"), mutual };
        let mut follows = follows(&suite);
        async move { follows.set_mutual(request).await.map(|answer| answer.into_inner().follow.unwrap()) }
    };
    assert_eq!(set("ann", true).await.unwrap_err().code(), Code::NotFound);
    follow(&suite, SHOP, "ann").await.unwrap();
    assert!(set("ann", true).await.unwrap().mutual);
    assert!(unfollow(&suite, SHOP, "ann").await.unwrap().mutual);
    assert!(follow(&suite, SHOP, "ann").await.unwrap().mutual);
    assert!(!set("ann", false).await.unwrap().mutual);
    suite.advance(MINUTE).await;
    assert_eq!(timeline(&suite, "shop", "ann").await.len(), 3);
    suite.finish().await;
}

async fn what_makes_no_sense_is_refused(suite: TestSuite) {
    suite.account("mine", "shop").await;
    let nowhere = follow(&suite, "accounts/nowhere", "ann").await.unwrap_err();
    assert_eq!((nowhere.code(), reason(&nowhere)), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
    let request = FollowRequest { mount: "x".repeat(201), ..wish(SHOP, "ann") };
    assert_eq!(follows(&suite).follow(request).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(unfollow(&suite, SHOP, "ann").await, None);
    assert_eq!(get(&suite, "ann").await.unwrap_err().code(), Code::NotFound);
    let nobody =
        ImportFollowersRequest { parent: "accounts/nowhere".to_owned(), followers: vec![imported("a")] };
    let refused = follows(&suite).import_followers(futures_util::stream::iter([nobody])).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    suite.advance(MINUTE).await;
    assert_eq!(try_fan(&suite, "shop", "ann").await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    following_is_told_to_the_crm_once,
    many_at_once_are_each_stored_once,
    followers_are_brought_in_and_nobody_is_lost_for_a_neighbour,
    an_account_follows_back,
    what_makes_no_sense_is_refused
);
