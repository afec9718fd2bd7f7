//! Packages (C7): audiences as they were at a moment, combined, and sent in pieces.

use std::collections::BTreeSet;

use rand::RngExt;
use roaring::RoaringBitmap;
use siyu_proto::crm::v1::{
    CreatePackageRequest, CreatePackageResponse, DeletePackageRequest, GetPackageRequest,
    ListPackagesRequest, Package, PackageMemberForm, PackageSource, PackageSourceKind as Kind,
    StreamPackageMembersRequest,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::{
    support::{execute, fan, fields, follow, open_db, reason, seconds_ago, seeded, store},
    tags::shop_with_fans,
};

pub(crate) fn of_filter(filter: &str) -> PackageSource {
    PackageSource { kind: Kind::Filter.into(), filter: filter.to_owned(), ..PackageSource::default() }
}

pub(crate) fn of_users(users: &[&str]) -> PackageSource {
    let users = users.iter().map(|user| format!("users/{user}")).collect();
    PackageSource { kind: Kind::Users.into(), users, ..PackageSource::default() }
}

fn of_packages(kind: Kind, ids: &[&str]) -> PackageSource {
    let packages = ids.iter().map(|id| name(id)).collect();
    PackageSource { kind: kind.into(), packages, ..PackageSource::default() }
}

fn name(id: &str) -> String {
    format!("accounts/shop/packages/{id}")
}

/// Makes a package of `accounts/{account}` that is called as its id.
pub(crate) async fn make_in(
    suite: &TestSuite,
    account: &str,
    id: &str,
    source: PackageSource,
) -> Result<CreatePackageResponse, Status> {
    let package = Package { display_name: id.to_owned(), source: Some(source), ..Package::default() };
    let request = CreatePackageRequest {
        parent: format!("accounts/{account}"),
        package: Some(package),
        package_id: id.to_owned(),
        ..Default::default()
    };
    suite.packages().create_package(request).await.map(tonic::Response::into_inner)
}

pub(crate) async fn make(suite: &TestSuite, id: &str, source: PackageSource) -> Result<Package, Status> {
    make_in(suite, "shop", id, source).await.map(|answer| answer.package.unwrap())
}

async fn get(suite: &TestSuite, id: &str) -> Result<Package, Status> {
    let request = GetPackageRequest { name: name(id) };
    suite.packages().get_package(request).await.map(|answer| answer.into_inner().package.unwrap())
}

/// The users in a package with ordinals above `after`, and the last ordinal of each message.
async fn members(suite: &TestSuite, id: &str, after: i64) -> (Vec<String>, Vec<i64>) {
    let request = StreamPackageMembersRequest { name: name(id), after_ordinal: after, ..Default::default() };
    let mut stream = suite.packages().stream_package_members(request).await.unwrap().into_inner();
    let (mut users, mut lasts) = (Vec::new(), Vec::new());
    while let Some(message) = stream.message().await.unwrap() {
        users.extend(message.users.iter().map(|user| user.trim_start_matches("users/").to_owned()));
        lasts.push(message.last_ordinal);
    }
    (users, lasts)
}

async fn bitmap(suite: &TestSuite, id: &str, after: i64) -> RoaringBitmap {
    let form = PackageMemberForm::Bitmap.into();
    let request = StreamPackageMembersRequest { name: name(id), form, after_ordinal: after };
    let mut stream = suite.packages().stream_package_members(request).await.unwrap().into_inner();
    let mut fans = RoaringBitmap::new();
    while let Some(message) = stream.message().await.unwrap() {
        fans |= RoaringBitmap::deserialize_from(message.bitmap.as_slice()).unwrap();
        assert_eq!(fans.max().map(i64::from), Some(message.last_ordinal));
    }
    fans
}

async fn a_package_stays_what_it_was(suite: TestSuite) {
    shop_with_fans(&suite, &["u1", "u2", "u3"]).await;
    let made = make(&suite, "followers", of_filter("following = true")).await.unwrap();
    let expected = Package {
        name: name("followers"),
        display_name: "followers".to_owned(),
        source: Some(of_filter("following = true")),
        fan_count: 3,
        byte_count: made.byte_count,
        as_of: Some(seconds_ago(&suite, 0)),
        create_time: Some(seconds_ago(&suite, 0)),
    };
    assert_eq!(made, expected);
    assert!((1..40).contains(&made.byte_count), "{made:?}");

    store(&suite, "shop", &[follow("f9", "u4", seconds_ago(&suite, 1))]).await;
    assert_eq!(get(&suite, "followers").await.unwrap(), made);
    assert_eq!(members(&suite, "followers", 0).await.0, ["u1", "u2", "u3"]);
    let now = make(&suite, "now", of_filter("following = true")).await.unwrap();
    assert_eq!(now.fan_count, 4);

    let nobody = make(&suite, "nobody", of_filter("order_count > 9")).await.unwrap();
    assert_eq!((nobody.fan_count, nobody.byte_count), (0, 0));
    assert_eq!(members(&suite, "nobody", 0).await, (Vec::new(), Vec::new()));
    let known = make_in(&suite, "shop", "known", of_users(&["u4", "stranger", "u1"])).await.unwrap();
    assert_eq!((known.package.unwrap().fan_count, known.unknown_user_count), (2, 1));
    assert_eq!(members(&suite, "known", 0).await.0, ["u1", "u4"]);

    let request =
        ListPackagesRequest { parent: "accounts/shop".to_owned(), page_size: 3, ..Default::default() };
    let page = suite.packages().list_packages(request.clone()).await.unwrap().into_inner();
    let rest = ListPackagesRequest { page_token: page.next_page_token, ..request };
    let rest = suite.packages().list_packages(rest).await.unwrap().into_inner();
    let listed: Vec<String> =
        page.packages.into_iter().chain(rest.packages).map(|package| package.name).collect();
    assert_eq!(listed, ["followers", "known", "nobody", "now"].map(name));

    let deletion = DeletePackageRequest { name: name("now"), request_id: "r1".to_owned() };
    suite.packages().delete_package(deletion.clone()).await.unwrap();
    suite.packages().delete_package(deletion).await.unwrap();
    assert_eq!(get(&suite, "now").await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn packages_combine_as_sets_do(suite: TestSuite) {
    let users: Vec<String> = (0..40).map(|number| format!("u{number:02}")).collect();
    let all: Vec<&str> = users.iter().map(String::as_str).collect();
    shop_with_fans(&suite, &all).await;
    let mut random = seeded(5);
    let mut sets: Vec<(String, BTreeSet<&str>)> = Vec::new();
    for number in 0..3 {
        let some: BTreeSet<&str> = all.iter().copied().filter(|_| random.random_bool(0.5)).collect();
        let id = format!("p{number}");
        make(&suite, &id, of_users(&some.iter().copied().collect::<Vec<_>>())).await.unwrap();
        sets.push((id, some));
    }
    for step in 0..30 {
        let kind = [Kind::Union, Kind::Intersection, Kind::Difference][random.random_range(0..3)];
        let mut places: Vec<usize> = (0..3).map(|_| random.random_range(0..sets.len())).collect();
        places.sort_unstable();
        places.dedup();
        if places.len() < 2 {
            continue;
        }
        let id = format!("step-{step}");
        let ids: Vec<&str> = places.iter().map(|place| sets[*place].0.as_str()).collect();
        let made = make(&suite, &id, of_packages(kind, &ids)).await.unwrap();
        assert_eq!(made.source, Some(of_packages(kind, &ids)));
        let mut expected = sets[places[0]].1.clone();
        for place in &places[1..] {
            let other = &sets[*place].1;
            expected = match kind {
                Kind::Union => expected.union(other).copied().collect(),
                Kind::Intersection => expected.intersection(other).copied().collect(),
                _ => expected.difference(other).copied().collect(),
            };
        }
        assert_eq!(made.fan_count, i64::try_from(expected.len()).unwrap());
        let (found, _) = members(&suite, &id, 0).await;
        assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
        sets.push((id, expected));
    }
    suite.finish().await;
}

async fn members_are_sent_in_pieces_and_from_anywhere(suite: TestSuite) {
    let users: Vec<String> = (0..2_500).map(|number| format!("u{number:04}")).collect();
    suite.account("lumi", "shop").await;
    let follows: Vec<_> = users.iter().map(|user| follow(user, user, seconds_ago(&suite, 1))).collect();
    store(&suite, "shop", &follows).await;
    make(&suite, "all", of_filter("following = true")).await.unwrap();
    let (found, lasts) = members(&suite, "all", 0).await;
    assert_eq!((&found, lasts.as_slice()), (&users, &[1_000, 2_000, 2_500][..]));
    assert_eq!(members(&suite, "all", 2_000).await.0, users[2_000..]);
    assert_eq!(members(&suite, "all", 2_500).await.0, Vec::<String>::new());
    assert_eq!(bitmap(&suite, "all", 0).await, (1..=2_500).collect());
    assert_eq!(bitmap(&suite, "all", 2_490).await, (2_491..=2_500).collect());
    assert_eq!(fan(&suite, "shop", &users[2_499]).await.ordinal, 2_500);
    suite.finish().await;
}

async fn what_is_wrong_is_named(suite: TestSuite) {
    shop_with_fans(&suite, &["u1"]).await;
    make(&suite, "a", of_filter("following = true")).await.unwrap();
    let source = |field: &str| vec![format!("package.source.{field}")];
    let both = PackageSource { segment: "accounts/shop/segments/s".to_owned(), ..of_filter("tags:*") };
    let foreign = PackageSource {
        packages: vec![name("a"), "accounts/other/packages/a".to_owned()],
        ..of_packages(Kind::Union, &[])
    };
    let cases = [
        (of_filter(""), source("filter")),
        (of_filter("tier >"), source("filter")),
        (of_filter("tags:unknown"), source("filter")),
        (both, source("segment")),
        (of_users(&[]), source("users")),
        (of_users(&["a b"]), vec!["package.source.users[0]".to_owned()]),
        (of_packages(Kind::Union, &["a"]), source("packages")),
        (of_packages(Kind::Union, &["a", "a"]), source("packages")),
        (foreign, vec!["package.source.packages[1]".to_owned()]),
        (PackageSource::default(), source("kind")),
    ];
    for (source, field) in cases {
        let refused = make(&suite, "b", source.clone()).await.expect_err(&format!("{source:?}"));
        assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, field), "{source:?}");
    }
    let missing = make(&suite, "b", of_packages(Kind::Union, &["a", "missing"])).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let segment = PackageSource {
        kind: Kind::Segment.into(),
        segment: "accounts/shop/segments/missing".to_owned(),
        ..PackageSource::default()
    };
    assert_eq!(make(&suite, "b", segment).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(make(&suite, "a", of_filter("tags:*")).await.unwrap_err().code(), Code::AlreadyExists);
    let elsewhere = make_in(&suite, "nobody", "a", of_filter("tags:*")).await.unwrap_err();
    assert_eq!(elsewhere.code(), Code::NotFound);

    let db = open_db(suite.config.crm_database_url()).await;
    let many = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 999) \
                INSERT INTO package SELECT 'shop', 'p' || n, 'p', 'users', '', 0, 0, 0, 0 FROM numbers";
    execute(&db, many).await;
    db.close().await;
    let full = make(&suite, "one-more", of_filter("tags:*")).await.unwrap_err();
    assert_eq!((full.code(), reason(&full).as_str()), (Code::ResourceExhausted, "LIMIT_REACHED"));
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_package_stays_what_it_was,
    packages_combine_as_sets_do,
    members_are_sent_in_pieces_and_from_anywhere,
    what_is_wrong_is_named,
);
