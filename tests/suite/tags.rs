//! Tags (C5): of an account, and on its fans, one by one and in bulk.

use std::time::Duration;

use prost_types::FieldMask;
use siyu_proto::{
    common::v1::ErrorReason,
    crm::v1::{
        CreateTagRequest, DeleteTagRequest, FanTag, FanTagRow, GetFanStandingRequest, GetTagRequest,
        ImportFanTagsRequest, ImportFanTagsResponse, InteractionKind, ListFanTagsRequest,
        ListTaggedFansRequest, ListTagsRequest, Tag, TagFansRequest, TagFansResponse, TagOrigin,
        TagRejection, UntagFansRequest, UntagFansResponse, UpdateTagRequest,
    },
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    fans_changed::told,
    support::{at, event, fields, follow, reason, seconds_ago, store, tiers_rebuilt},
};

/// Makes a tag that is called as its id.
pub(crate) async fn create(suite: &TestSuite, account: &str, tag_id: &str) -> Result<Tag, Status> {
    let tag = Tag { display_name: tag_id.to_owned(), ..Tag::default() };
    create_as(suite, account, tag_id, tag).await
}

async fn create_as(suite: &TestSuite, account: &str, tag_id: &str, tag: Tag) -> Result<Tag, Status> {
    let request = CreateTagRequest {
        parent: format!("accounts/{account}"),
        tag: Some(tag),
        tag_id: tag_id.to_owned(),
        ..Default::default()
    };
    suite.tags().create_tag(request).await.map(|answer| answer.into_inner().tag.unwrap())
}

pub(crate) fn name(tag_id: &str) -> String {
    format!("accounts/shop/tags/{tag_id}")
}

pub(crate) async fn get(suite: &TestSuite, tag_id: &str) -> Result<Tag, Status> {
    let answer = suite.tags().get_tag(GetTagRequest { name: name(tag_id) }).await;
    answer.map(|answer| answer.into_inner().tag.unwrap())
}

async fn update(suite: &TestSuite, tag: Tag, paths: &[&str]) -> Result<Tag, Status> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request =
        UpdateTagRequest { tag: Some(tag), update_mask: Some(FieldMask { paths }), ..Default::default() };
    suite.tags().update_tag(request).await.map(|answer| answer.into_inner().tag.unwrap())
}

pub(crate) async fn delete(suite: &TestSuite, tag_id: &str, etag: &str) -> Result<(), Status> {
    let request = DeleteTagRequest { name: name(tag_id), etag: etag.to_owned(), request_id: String::new() };
    suite.tags().delete_tag(request).await.map(drop)
}

fn named(users: &[&str]) -> Vec<String> {
    users.iter().map(|user| format!("users/{user}")).collect()
}

pub(crate) async fn tag(suite: &TestSuite, tag_id: &str, users: &[&str]) -> Result<TagFansResponse, Status> {
    let request = TagFansRequest { name: name(tag_id), users: named(users) };
    suite.tags().tag_fans(request).await.map(tonic::Response::into_inner)
}

pub(crate) async fn untag(
    suite: &TestSuite,
    tag_id: &str,
    users: &[&str],
) -> Result<UntagFansResponse, Status> {
    let request = UntagFansRequest { name: name(tag_id), users: named(users) };
    suite.tags().untag_fans(request).await.map(tonic::Response::into_inner)
}

/// Rows of an import: (user, tag).
pub(crate) fn batch(account: &str, rows: &[(&str, &str)]) -> ImportFanTagsRequest {
    let row =
        |(user, tag): &(&str, &str)| FanTagRow { user: format!("users/{user}"), tag: (*tag).to_owned() };
    ImportFanTagsRequest {
        parent: format!("accounts/{account}"),
        rows: rows.iter().map(row).collect(),
        cause: "members.csv".to_owned(),
    }
}

pub(crate) async fn import(
    suite: &TestSuite,
    batches: Vec<ImportFanTagsRequest>,
) -> Result<ImportFanTagsResponse, Status> {
    suite.tags().import_fan_tags(tokio_stream::iter(batches)).await.map(tonic::Response::into_inner)
}

/// All tags of a fan, read two at a time.
pub(crate) async fn tags_of(suite: &TestSuite, user: &str) -> Vec<FanTag> {
    let mut fan_tags = Vec::new();
    let mut page_token = String::new();
    loop {
        let parent = format!("accounts/shop/fans/{user}");
        let request = ListFanTagsRequest { parent, page_size: 2, page_token };
        let page = suite.tags().list_fan_tags(request).await.unwrap().into_inner();
        fan_tags.extend(page.fan_tags);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return fan_tags;
        }
    }
}

/// The ids of the tags of a fan, as other services are told.
pub(crate) async fn standing_tags(suite: &TestSuite, user: &str) -> Vec<String> {
    let request = GetFanStandingRequest { name: format!("accounts/shop/fans/{user}") };
    suite.fans().get_fan_standing(request).await.unwrap().into_inner().standing.unwrap().tags
}

/// The users with a tag, read `page_size` at a time.
pub(crate) async fn tagged(suite: &TestSuite, tag_id: &str, page_size: i32) -> Vec<String> {
    let mut users = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListTaggedFansRequest { parent: name(tag_id), page_size, page_token };
        let page = suite.tags().list_tagged_fans(request).await.unwrap().into_inner();
        users.extend(page.fan_tags.iter().map(|tagged| tagged.fan.rsplit('/').next().unwrap().to_owned()));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return users;
        }
    }
}

pub(crate) async fn shop_with_fans(suite: &TestSuite, users: &[&str]) {
    suite.account("lumi", "shop").await;
    let followed = |(place, user): (usize, &&str)| follow(&format!("f-{place}"), user, seconds_ago(suite, 5));
    let follows: Vec<_> = users.iter().enumerate().map(followed).collect();
    store(suite, "shop", &follows).await;
}

async fn a_tag_is_made_listed_changed_and_deleted(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let words = Tag {
        display_name: "干皮".to_owned(),
        category: "skin type".to_owned(),
        description: "Said so".to_owned(),
        ..Tag::default()
    };
    let made = create_as(&suite, "shop", "dry-skin", words.clone()).await.unwrap();
    let expected = Tag {
        name: name("dry-skin"),
        create_time: Some(at("2026-03-01T00:00:00Z")),
        update_time: Some(at("2026-03-01T00:00:00Z")),
        etag: "\"1\"".to_owned(),
        ..words.clone()
    };
    assert_eq!(made, expected);
    let again = create_as(&suite, "shop", "dry-skin", words).await.unwrap_err();
    assert_eq!((again.code(), reason(&again).as_str()), (Code::AlreadyExists, "RESOURCE_EXISTS"));
    create(&suite, "shop", "a_1").await.unwrap();

    suite.advance(Duration::from_secs(60)).await;
    let changed = Tag { display_name: "Dry".to_owned(), category: "lost".to_owned(), ..made.clone() };
    let changed = update(&suite, changed, &["display_name"]).await.unwrap();
    let update_time = Some(at("2026-03-01T00:01:00Z"));
    let etag = "\"2\"".to_owned();
    assert_eq!(changed, Tag { display_name: "Dry".to_owned(), update_time, etag, ..expected });
    assert_eq!(get(&suite, "dry-skin").await.unwrap(), changed);

    // Who read it before that overwrites nothing.
    let stale = update(&suite, made.clone(), &["description"]).await.unwrap_err();
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    assert_eq!(reason(&delete(&suite, "dry-skin", &made.etag).await.unwrap_err()), "ETAG_MISMATCH");
    assert_eq!(get(&suite, "dry-skin").await.unwrap(), changed);

    let request = ListTagsRequest { parent: "accounts/shop".to_owned(), page_size: 1, ..Default::default() };
    let first = suite.tags().list_tags(request.clone()).await.unwrap().into_inner();
    let second = ListTagsRequest { page_token: first.next_page_token, ..request };
    let second = suite.tags().list_tags(second).await.unwrap().into_inner();
    assert_eq!([first.tags, second.tags].concat(), [get(&suite, "a_1").await.unwrap(), changed.clone()]);
    assert_eq!(second.next_page_token, "");

    delete(&suite, "dry-skin", &changed.etag).await.unwrap();
    assert_eq!(get(&suite, "dry-skin").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(delete(&suite, "dry-skin", "").await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn mistakes_are_named_and_nothing_is_stored(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let called = |display_name: &str| Tag { display_name: display_name.to_owned(), ..Tag::default() };
    let long = "长".repeat(1_000_000 / 3);
    let cases = [
        ("tag_id", "", called("x")),
        ("tag_id", "Dry", called("x")),
        ("tag_id", "-dry", called("x")),
        ("tag_id", "dry skin", called("x")),
        ("tag.display_name", "dry", called("")),
        ("tag.display_name", "dry", called(" \u{3000}")),
        ("tag.display_name", "dry", called(&long)),
        ("tag.category", "dry", Tag { category: "x".repeat(65), ..called("x") }),
        ("tag.description", "dry", Tag { description: long.clone(), ..called("x") }),
    ];
    for (field, tag_id, tag) in cases {
        let status = create_as(&suite, "shop", tag_id, tag).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    assert_eq!(create(&suite, "nowhere", "dry").await.unwrap_err().code(), Code::NotFound);
    let all = ListTagsRequest { parent: "accounts/shop".to_owned(), ..Default::default() };
    assert_eq!(suite.tags().list_tags(all).await.unwrap().into_inner().tags, []);

    let made = create(&suite, "shop", "dry").await.unwrap();
    let wrong = [
        ("INVALID_FIELD", made.clone(), vec![]),
        ("INVALID_FIELD", made.clone(), vec!["colour"]),
        ("IMMUTABLE_FIELD", made.clone(), vec!["category", "fan_count"]),
        ("INVALID_FIELD", Tag { display_name: String::new(), ..made.clone() }, vec!["display_name"]),
        ("INVALID_FIELD", Tag { name: "accounts/shop".to_owned(), ..made.clone() }, vec!["category"]),
        ("RESOURCE_NOT_FOUND", Tag { name: name("oily"), ..made.clone() }, vec!["category"]),
    ];
    for (expected, tag, paths) in wrong {
        assert_eq!(reason(&update(&suite, tag, &paths).await.unwrap_err()), expected, "{paths:?}");
    }
    assert_eq!(get(&suite, "dry").await.unwrap(), made);
    suite.finish().await;
}

/// Place, user, reason and field of each.
fn rejected(rejections: &[TagRejection]) -> Vec<(i64, &str, ErrorReason, &str)> {
    rejections
        .iter()
        .map(|rejection| {
            let TagRejection { index, user, field, .. } = rejection;
            (*index, user.as_str(), rejection.reason(), field.as_str())
        })
        .collect()
}

async fn each_user_of_a_bulk_call_is_judged_alone(suite: TestSuite) {
    shop_with_fans(&suite, &["u1", "u2", "用户:3"]).await;
    create(&suite, "shop", "vip").await.unwrap();
    let answer = tag(&suite, "vip", &["u1", "nobody", "用户:3"]).await.unwrap();
    assert_eq!((answer.tagged_count, answer.unchanged_count), (2, 0));
    let unknown = ErrorReason::ResourceNotFound;
    assert_eq!(rejected(&answer.rejections), [(1, "users/nobody", unknown, "user")]);
    let again = tag(&suite, "vip", &["u1", "u2"]).await.unwrap();
    assert_eq!((again.tagged_count, again.unchanged_count, again.rejections.len()), (1, 1, 0));
    assert_eq!(get(&suite, "vip").await.unwrap().fan_count, 3);
    assert_eq!(tagged(&suite, "vip", 2).await, ["u1", "u2", "用户:3"]);
    let expected = FanTag {
        fan: "accounts/shop/fans/u2".to_owned(),
        tag: name("vip"),
        origin: TagOrigin::Manual.into(),
        cause: String::new(),
        since: Some(at("2026-03-01T00:00:00Z")),
    };
    assert_eq!(tags_of(&suite, "u2").await, [expected]);

    let answer = untag(&suite, "vip", &["nobody", "u2"]).await.unwrap();
    assert_eq!((answer.untagged_count, answer.unchanged_count), (1, 0));
    assert_eq!(rejected(&answer.rejections), [(0, "users/nobody", unknown, "user")]);
    let again = untag(&suite, "vip", &["u2"]).await.unwrap();
    assert_eq!((again.untagged_count, again.unchanged_count), (0, 1));
    assert_eq!(tags_of(&suite, "u2").await, []);
    assert_eq!(get(&suite, "vip").await.unwrap().fan_count, 2);
    // Somebody unknown was not made known by it.
    assert_eq!(standing_tags(&suite, "nobody").await, Vec::<String>::new());
    assert_eq!(tag(&suite, "oily", &["u1"]).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(fields(&tag(&suite, "vip", &["u1", "u1"]).await.unwrap_err()), ["users"]);
    assert_eq!(fields(&tag(&suite, "vip", &[]).await.unwrap_err()), ["users"]);
    assert_eq!(fields(&tag(&suite, "vip", &["u1", "a b"]).await.unwrap_err()), ["users[1]"]);
    suite.finish().await;
}

async fn an_import_keeps_the_good_rows_and_names_the_others(suite: TestSuite) {
    shop_with_fans(&suite, &["u1", "u2"]).await;
    for tag_id in ["dry", "oily"] {
        create(&suite, "shop", tag_id).await.unwrap();
    }
    tag(&suite, "dry", &["u1"]).await.unwrap();
    suite.advance(Duration::from_secs(60)).await;
    let batches = vec![
        batch("shop", &[("u1", "dry"), ("u1", "oily"), ("nobody", "dry"), ("u2", "sensitive")]),
        batch("shop", &[("u2", "dry"), ("u2", "dry"), ("u2", "Dry"), (&"x".repeat(1_000_000), "dry")]),
    ];
    let answer = import(&suite, batches.clone()).await.unwrap();
    assert_eq!((answer.tagged_count, answer.unchanged_count, answer.rejected_count), (2, 2, 4));
    let cut = format!("users/{}", "x".repeat(128));
    let expected = [
        (2, "users/nobody", ErrorReason::ResourceNotFound, "user"),
        (3, "users/u2", ErrorReason::ResourceNotFound, "tag"),
        (6, "users/u2", ErrorReason::InvalidField, "tag"),
        (7, cut.as_str(), ErrorReason::InvalidField, "user"),
    ];
    assert_eq!(rejected(&answer.rejections), expected);
    assert_eq!(standing_tags(&suite, "u1").await, ["dry", "oily"]);
    let [dry, oily]: [FanTag; 2] = tags_of(&suite, "u1").await.try_into().unwrap();
    assert_eq!((dry.origin(), dry.cause.as_str()), (TagOrigin::Manual, ""));
    assert_eq!((oily.origin(), oily.cause.as_str()), (TagOrigin::Imported, "members.csv"));
    assert_eq!((dry.since, oily.since), (Some(at("2026-03-01T00:00:00Z")), Some(at("2026-03-01T00:01:00Z"))));

    // Sent again, for example because the stream broke before the answer, it changes nothing.
    let again = import(&suite, batches).await.unwrap();
    assert_eq!((again.tagged_count, again.unchanged_count, again.rejected_count), (0, 4, 4));
    assert_eq!(get(&suite, "dry").await.unwrap().fan_count, 2);

    let two = vec![batch("shop", &[("u2", "oily")]), batch("store", &[("u1", "oily")])];
    assert_eq!(fields(&import(&suite, two).await.unwrap_err()), ["parent"]);
    assert_eq!(standing_tags(&suite, "u2").await, ["dry", "oily"]);
    let nowhere = import(&suite, vec![batch("nowhere", &[("u1", "dry")])]).await.unwrap_err();
    assert_eq!(nowhere.code(), Code::NotFound);
    assert_eq!(fields(&import(&suite, vec![batch("shop", &[])]).await.unwrap_err()), ["rows"]);
    let many = vec![batch("shop", &[("u1", "dry"); 1_001])];
    assert_eq!(fields(&import(&suite, many).await.unwrap_err()), ["rows"]);
    suite.finish().await;
}

async fn an_account_and_a_fan_have_so_many_tags_and_no_more(suite: TestSuite) {
    shop_with_fans(&suite, &["u1", "u2"]).await;
    let tag_ids: Vec<String> = (0..1_000).map(|number| format!("t{number:03}")).collect();
    for tag_id in &tag_ids {
        create(&suite, "shop", tag_id).await.unwrap();
    }
    let status = create(&suite, "shop", "one-more").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "LIMIT_REACHED"));
    delete(&suite, "t999", "").await.unwrap();
    create(&suite, "shop", "one-more").await.unwrap();

    let rows: Vec<(&str, &str)> = tag_ids[..101].iter().map(|tag_id| ("u1", tag_id.as_str())).collect();
    let answer = import(&suite, vec![batch("shop", &rows)]).await.unwrap();
    assert_eq!((answer.tagged_count, answer.rejected_count), (100, 1));
    assert_eq!(rejected(&answer.rejections), [(100, "users/u1", ErrorReason::LimitReached, "user")]);
    let answer = tag(&suite, "t500", &["u1", "u2"]).await.unwrap();
    assert_eq!(answer.tagged_count, 1);
    assert_eq!(rejected(&answer.rejections), [(0, "users/u1", ErrorReason::LimitReached, "user")]);
    // What the fan has already is no more.
    assert_eq!(tag(&suite, "t000", &["u1"]).await.unwrap().unchanged_count, 1);
    untag(&suite, "t000", &["u1"]).await.unwrap();
    assert_eq!(tag(&suite, "t500", &["u1"]).await.unwrap().tagged_count, 1);
    // A deleted tag makes room at once.
    delete(&suite, "t001", "").await.unwrap();
    assert_eq!(tag(&suite, "t501", &["u1"]).await.unwrap().tagged_count, 1);
    assert_eq!(tags_of(&suite, "u1").await.len(), 100);
    suite.finish().await;
}

async fn a_deleted_tag_is_gone_at_once_and_its_traces_in_the_background(suite: TestSuite) {
    let users: Vec<String> = (0..1_200).map(|number| format!("u{number:04}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    suite.account("lumi", "shop").await;
    let follows: Vec<_> = users.iter().map(|user| follow(user, user, seconds_ago(&suite, 5))).collect();
    store(&suite, "shop", &follows).await;
    for tag_id in ["kept", "old"] {
        create(&suite, "shop", tag_id).await.unwrap();
        for part in users.chunks(1_000) {
            tag(&suite, tag_id, part).await.unwrap();
        }
    }
    delete(&suite, "old", "").await.unwrap();
    assert_eq!(standing_tags(&suite, "u0007").await, ["kept"]);
    // Another tag of that name is another tag.
    create(&suite, "shop", "old").await.unwrap();
    tag(&suite, "old", &["u0003"]).await.unwrap();
    assert_eq!(
        (tagged(&suite, "old", 0).await, get(&suite, "old").await.unwrap().fan_count),
        (vec!["u0003".to_owned()], 1)
    );

    suite.advance(Duration::from_secs(1)).await;
    let crm = crate::support::open_db(suite.config.crm_database_url()).await;
    let mut tx = crm.begin_read().await.unwrap();
    let count = "SELECT COUNT(*) FROM fan_tag";
    let rows: i64 = siyu_db::on_db!(&mut tx, |conn| sqlx::query_scalar(count).fetch_one(conn).await).unwrap();
    drop(tx);
    crm.close().await;
    assert_eq!(rows, 1_201);
    assert_eq!(tagged(&suite, "old", 0).await, ["u0003"]);
    assert_eq!(tagged(&suite, "kept", 1_000).await.len(), 1_200);
    assert_eq!(get(&suite, "kept").await.unwrap().fan_count, 1_200);
    suite.finish().await;
}

/// Who stands where, in the order in which others were told: user and tags.
async fn told_tags(suite: &TestSuite) -> Vec<(String, Vec<String>)> {
    let standings = told(suite).await.into_iter().flat_map(|event| event.standings);
    standings.map(|standing| (standing.user.replace("users/", ""), standing.tags)).collect()
}

async fn others_are_told_whose_tags_are_others_now(suite: TestSuite) {
    shop_with_fans(&suite, &["u1", "u2"]).await;
    let before = told_tags(&suite).await.len();
    for tag_id in ["b", "a"] {
        create(&suite, "shop", tag_id).await.unwrap();
        tag(&suite, tag_id, &["u1"]).await.unwrap();
    }
    // What changes nothing is not told.
    tag(&suite, "b", &["u1"]).await.unwrap();
    untag(&suite, "b", &["u2"]).await.unwrap();
    import(&suite, vec![batch("shop", &[("u1", "a"), ("u2", "b")])]).await.unwrap();
    untag(&suite, "b", &["u1"]).await.unwrap();
    delete(&suite, "b", "").await.unwrap();
    suite.advance(Duration::from_secs(1)).await;
    // Who moves for another reason keeps the tags.
    store(&suite, "shop", &[event("gone", "u1", InteractionKind::Unfollow, seconds_ago(&suite, 0))]).await;
    let told = told_tags(&suite).await.split_off(before);
    let told: Vec<(&str, Vec<&str>)> =
        told.iter().map(|(user, tags)| (user.as_str(), tags.iter().map(String::as_str).collect())).collect();
    let expected = [
        ("u1", vec!["b"]),
        ("u1", vec!["a", "b"]),
        ("u2", vec!["b"]),
        ("u1", vec!["a"]),
        ("u2", vec![]),
        ("u1", vec!["a"]),
    ];
    assert_eq!(told, expected);
    suite.finish().await;
}

async fn tags_outlast_a_rebuild_of_tiers(suite: TestSuite) {
    shop_with_fans(&suite, &["u1"]).await;
    create(&suite, "shop", "vip").await.unwrap();
    tag(&suite, "vip", &["u1"]).await.unwrap();
    let before = tags_of(&suite, "u1").await;
    suite.advance(Duration::from_secs(60)).await;
    tiers_rebuilt(&suite, "shop").await;
    assert_eq!(tags_of(&suite, "u1").await, before);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_tag_is_made_listed_changed_and_deleted,
    mistakes_are_named_and_nothing_is_stored,
    each_user_of_a_bulk_call_is_judged_alone,
    an_import_keeps_the_good_rows_and_names_the_others,
    an_account_and_a_fan_have_so_many_tags_and_no_more,
    a_deleted_tag_is_gone_at_once_and_its_traces_in_the_background,
    others_are_told_whose_tags_are_others_now,
    tags_outlast_a_rebuild_of_tiers,
);
