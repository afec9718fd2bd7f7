//! Entry codes: made, drawn, scanned, and what is refused.

use std::{collections::BTreeSet, time::Duration};

use prost_types::FieldMask;
use siyu_proto::{
    accounts::v1::{
        BatchCreateEntryCodesRequest, CreateEntryCodeRequest, Destination, DisableEntryCodeRequest,
        EntryCode, EntryCodeState, GetEntryCodeRequest, Landing, LandingKind, ListEntryCodesRequest,
        ResolveEntryCodeRequest, ScanEntryCodeRequest, UpdateEntryCodeRequest,
        entry_code_service_client::EntryCodeServiceClient,
    },
    crm::v1::{InteractionKind, InteractionsObserved, SourceDomain},
};
use siyu_rpc::auth::Caller;
use siyu_tests::TestSuite;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    events::events_after,
    support::{at, fields, reason, texts_of_accounts_db, timeline},
};

pub(crate) const SHOP: &str = "accounts/shop";

pub(crate) fn codes(suite: &TestSuite) -> EntryCodeServiceClient<siyu::connect::Client> {
    EntryCodeServiceClient::new(suite.client())
}

fn landing(kind: LandingKind, resource: &str) -> Option<Landing> {
    Some(Landing { kind: kind.into(), resource: resource.to_owned() })
}

/// A code on a package that leads to the homepage.
pub(crate) fn on_a_package() -> EntryCode {
    EntryCode {
        display_name: "Spring box".to_owned(),
        channel: "package card".to_owned(),
        source_domain: SourceDomain::External.into(),
        campaign: "spring".to_owned(),
        tags: vec!["bought-offline".to_owned(), "spring_2026".to_owned()],
        landing: landing(LandingKind::Homepage, ""),
        ..EntryCode::default()
    }
}

pub(crate) fn create_request(id: &str, code: EntryCode) -> CreateEntryCodeRequest {
    CreateEntryCodeRequest {
        parent: SHOP.to_owned(),
        entry_code: Some(code),
        entry_code_id: id.to_owned(),
        ..CreateEntryCodeRequest::default()
    }
}

pub(crate) async fn create(suite: &TestSuite, id: &str, code: EntryCode) -> Result<EntryCode, Status> {
    let answer = codes(suite).create_entry_code(create_request(id, code)).await?;
    Ok(answer.into_inner().entry_code.unwrap())
}

pub(crate) fn batch(display_names: &[&str], prefix: &str, count: i32) -> BatchCreateEntryCodesRequest {
    BatchCreateEntryCodesRequest {
        parent: SHOP.to_owned(),
        entry_code: Some(EntryCode { display_name: String::new(), ..on_a_package() }),
        display_names: display_names.iter().map(|name| (*name).to_owned()).collect(),
        display_name_prefix: prefix.to_owned(),
        count,
        request_id: "batch".to_owned(),
    }
}

pub(crate) async fn get(suite: &TestSuite, name: &str) -> EntryCode {
    let request = GetEntryCodeRequest { name: name.to_owned() };
    codes(suite).get_entry_code(request).await.unwrap().into_inner().entry_code.unwrap()
}

/// All codes of the account, in pages.
async fn list(suite: &TestSuite, campaign: &str, page_size: i32) -> Vec<EntryCode> {
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListEntryCodesRequest {
            parent: SHOP.to_owned(),
            campaign: campaign.to_owned(),
            page_size,
            page_token,
        };
        let page = codes(suite).list_entry_codes(request).await.unwrap().into_inner();
        listed.extend(page.entry_codes);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return listed;
        }
    }
}

async fn update(suite: &TestSuite, code: EntryCode, paths: &[&str]) -> Result<EntryCode, Status> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request = UpdateEntryCodeRequest {
        entry_code: Some(code),
        update_mask: Some(FieldMask { paths }),
        ..UpdateEntryCodeRequest::default()
    };
    Ok(codes(suite).update_entry_code(request).await?.into_inner().entry_code.unwrap())
}

pub(crate) async fn disable(suite: &TestSuite, name: &str) -> EntryCode {
    let request = DisableEntryCodeRequest { name: name.to_owned() };
    codes(suite).disable_entry_code(request).await.unwrap().into_inner().entry_code.unwrap()
}

fn scan_request(short_code: &str, user: &str, scan_id: &str) -> ScanEntryCodeRequest {
    ScanEntryCodeRequest {
        short_code: short_code.to_owned(),
        user: format!("users/{user}"),
        scan_id: scan_id.to_owned(),
    }
}

pub(crate) async fn scan(
    suite: &TestSuite,
    short_code: &str,
    user: &str,
    scan_id: &str,
) -> Result<Destination, Status> {
    let answer = codes(suite).scan_entry_code(scan_request(short_code, user, scan_id)).await?;
    Ok(answer.into_inner().destination.unwrap())
}

async fn resolve(suite: &TestSuite, short_code: &str) -> Result<Destination, Status> {
    let request = ResolveEntryCodeRequest { short_code: short_code.to_owned() };
    Ok(codes(suite).resolve_entry_code(request).await?.into_inner().destination.unwrap())
}

/// What users did, as accounts tells it: event by event.
pub(crate) async fn observed(suite: &TestSuite) -> Vec<InteractionsObserved> {
    suite.advance(Duration::from_millis(1)).await;
    let events = events_after(suite, Vec::new()).await.unwrap();
    let payloads = events.into_iter().filter_map(|event| event.payload);
    payloads.filter_map(|payload| payload.to_msg().ok()).collect()
}

async fn stored_scans(suite: &TestSuite) -> Vec<String> {
    texts_of_accounts_db(suite, "SELECT event_id FROM entry_scan ORDER BY event_id").await
}

async fn codes_are_made_changed_and_disabled(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let made = create(&suite, "spring-box", on_a_package()).await.unwrap();
    assert_eq!(made.name, "accounts/shop/entryCodes/spring-box");
    assert_eq!(made.uri, format!("https://example.com/e/{}", made.short_code));
    assert_eq!((made.short_code.len(), made.state()), (10, EntryCodeState::Active));
    assert_eq!(made.tags, ["bought-offline", "spring_2026"]);
    assert_eq!(get(&suite, &made.name).await, made);
    let again = create(&suite, "spring-box", on_a_package()).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);

    let poster = EntryCode { campaign: "summer".to_owned(), ..on_a_package() };
    let poster = create(&suite, "", poster).await.unwrap();
    let store = create(&suite, "store", on_a_package()).await.unwrap();
    let names = |codes: &[EntryCode]| codes.iter().map(|code| code.name.clone()).collect::<BTreeSet<_>>();
    let all = [made.clone(), poster.clone(), store.clone()];
    assert_eq!(names(&list(&suite, "", 2).await), names(&all));
    assert_eq!(list(&suite, "summer", 2).await, [poster]);

    // Two operators who have seen the same: the second is told.
    let moved = EntryCode { landing: landing(LandingKind::PrivateMessage, ""), ..made.clone() };
    let moved = update(&suite, moved, &["landing"]).await.unwrap();
    let kind = moved.landing.as_ref().map(Landing::kind);
    assert_eq!((kind, moved.campaign.as_str()), (Some(LandingKind::PrivateMessage), "spring"));
    let stale = EntryCode { campaign: "winter".to_owned(), ..made.clone() };
    let status = update(&suite, stale, &["campaign"]).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Aborted, "ETAG_MISMATCH".to_owned()));
    assert_eq!(get(&suite, &made.name).await, moved);

    let disabled = disable(&suite, &made.name).await;
    assert_eq!(disabled.state(), EntryCodeState::Disabled);
    assert_eq!(disable(&suite, &made.name).await, disabled);
    suite.finish().await;
}

async fn a_batch_is_made_as_a_whole(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let request = batch(&[], "Store ", 1_000);
    let made = codes(&suite).batch_create_entry_codes(request.clone()).await.unwrap().into_inner();
    let shorts: BTreeSet<_> = made.entry_codes.iter().map(|code| &code.short_code).collect();
    assert_eq!((made.entry_codes.len(), shorts.len()), (1_000, 1_000));
    assert_eq!(made.entry_codes[0].display_name, "Store 1");
    assert_eq!(made.entry_codes[999].display_name, "Store 1000");
    let again = codes(&suite).batch_create_entry_codes(request).await.unwrap().into_inner();
    assert_eq!(again, made);
    assert_eq!(list(&suite, "", 1_000).await.len(), 1_000);

    let too_many: Vec<_> = (0..1_001).map(|number| number.to_string()).collect();
    let too_many: Vec<_> = too_many.iter().map(String::as_str).collect();
    let blank = format!("display_names[{}]", 1);
    for (request, field) in [
        (batch(&too_many, "", 0), "display_names"),
        (batch(&["a", " "], "", 0), blank.as_str()),
        (batch(&["a"], "Store ", 0), "display_names"),
        (batch(&[], "Store ", 0), "display_names"),
        (batch(&[], "Store ", 1_001), "count"),
        (
            BatchCreateEntryCodesRequest { entry_code: Some(on_a_package()), ..batch(&["a"], "", 0) },
            "entry_code.display_name",
        ),
    ] {
        let request = BatchCreateEntryCodesRequest { request_id: String::new(), ..request };
        let status = codes(&suite).batch_create_entry_codes(request).await.unwrap_err();
        assert_eq!(fields(&status), [field], "{status}");
    }
    assert_eq!(list(&suite, "", 1_000).await.len(), 1_000);
    suite.finish().await;
}

async fn a_scan_leads_somewhere_and_is_known_to_the_crm(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let code = create(&suite, "spring-box", on_a_package()).await.unwrap();
    let user = suite.client_as(&Caller::user("users/u1")).await;
    let mut as_user = EntryCodeServiceClient::new(user);
    let resolved = ResolveEntryCodeRequest { short_code: code.short_code.clone() };
    let resolved = as_user.resolve_entry_code(resolved).await.unwrap().into_inner().destination.unwrap();
    assert_eq!(stored_scans(&suite).await, [] as [String; 0]);

    let scanned = as_user.scan_entry_code(scan_request(&code.short_code, "u1", "s1")).await.unwrap();
    let destination = scanned.into_inner().destination.unwrap();
    assert_eq!(destination, resolved);
    assert_eq!(destination.entry_code, code.name);
    assert_eq!(
        (destination.source_domain(), destination.campaign.as_str()),
        (SourceDomain::External, "spring")
    );
    assert_eq!(destination.landing.unwrap().kind(), LandingKind::Homepage);
    // Again, and again later.
    scan(&suite, &code.short_code, "u1", "s1").await.unwrap();
    suite.advance(Duration::from_secs(3600)).await;
    scan(&suite, &code.short_code, "u1", "s1").await.unwrap();
    assert_eq!(get(&suite, &code.name).await.scan_count, 1);
    // Somebody else cannot be the same scan.
    let status = scan(&suite, &code.short_code, "u2", "s1").await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::FailedPrecondition, "REQUEST_ID_REUSED".to_owned()));
    let status = as_user.scan_entry_code(scan_request(&code.short_code, "u2", "s2")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::PermissionDenied, "ROLE_TOO_LOW".to_owned()));

    let observed = observed(&suite).await;
    assert_eq!(observed.len(), 1);
    let tags = observed[0].tag_assignments.iter();
    let tags: Vec<_> = tags.map(|tag| (tag.user.as_str(), tag.tag.as_str(), tag.cause.as_str())).collect();
    let cause = code.name.as_str();
    assert_eq!(tags, [("users/u1", "bought-offline", cause), ("users/u1", "spring_2026", cause)]);
    let timeline = timeline(&suite, "shop", "u1").await;
    assert_eq!(timeline.len(), 1);
    let seen = &timeline[0];
    assert_eq!(seen.kind(), InteractionKind::Scan);
    assert_eq!((seen.target.as_str(), seen.mount.as_str()), ("accounts/shop/homepage", cause));
    assert_eq!((seen.source_domain(), seen.campaign.as_str()), (SourceDomain::External, "spring"));
    suite.finish().await;
}

async fn what_leads_nowhere_is_refused_and_leaves_nothing(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let end = at("2026-03-01T01:00:00Z");
    let expiring = EntryCode { expire_time: Some(end), ..on_a_package() };
    let expiring = create(&suite, "expiring", expiring).await.unwrap();
    let disabled = create(&suite, "disabled", on_a_package()).await.unwrap();
    disable(&suite, &disabled.name).await;
    scan(&suite, &expiring.short_code, "u1", "in-time").await.unwrap();
    let before = stored_scans(&suite).await;
    suite.advance(Duration::from_secs(3600)).await;

    assert_eq!(get(&suite, &expiring.name).await.state(), EntryCodeState::Expired);
    for (code, expected) in [
        (expiring.short_code.as_str(), (Code::FailedPrecondition, "OUTSIDE_VALIDITY")),
        (&disabled.short_code, (Code::FailedPrecondition, "WRONG_STATE")),
        ("0000000000", (Code::NotFound, "RESOURCE_NOT_FOUND")),
    ] {
        for status in
            [scan(&suite, code, "u1", "late").await.unwrap_err(), resolve(&suite, code).await.unwrap_err()]
        {
            assert_eq!((status.code(), reason(&status).as_str()), expected, "{status}");
            if expected.1 == "OUTSIDE_VALIDITY" {
                let metadata = &status.get_error_details().error_info().unwrap().metadata.clone();
                assert_eq!(metadata["end_time"], "2026-03-01T01:00:00Z");
            }
        }
    }
    // The answer to a scan that was in time may have been lost.
    scan(&suite, &expiring.short_code, "u1", "in-time").await.unwrap();
    assert_eq!(stored_scans(&suite).await, before);
    assert_eq!(observed(&suite).await.len(), 1);
    // It can be given more time.
    let later = EntryCode { expire_time: Some(at("2026-04-01T00:00:00Z")), ..expiring };
    let later = update(&suite, EntryCode { etag: String::new(), ..later }, &["expire_time"]).await.unwrap();
    scan(&suite, &later.short_code, "u1", "late").await.unwrap();
    // After a week scans are forgotten here; the CRM knows them for ever.
    suite.advance(Duration::from_secs(7 * 86_400 + 60)).await;
    assert_eq!(stored_scans(&suite).await, [] as [String; 0]);
    suite.finish().await;
}

async fn bad_codes_are_refused_and_leave_nothing(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let with = |change: fn(&mut EntryCode)| {
        let mut code = on_a_package();
        change(&mut code);
        code
    };
    let cases = [
        (with(|code| code.display_name = " ".to_owned()), "entry_code.display_name"),
        (with(|code| code.display_name = "x".repeat(1_000_000)), "entry_code.display_name"),
        (with(|code| code.channel = "x".repeat(65)), "entry_code.channel"),
        (with(|code| code.campaign = "x".repeat(65)), "entry_code.campaign"),
        (with(|code| code.source_domain = 99), "entry_code.source_domain"),
        (with(|code| code.tags = vec!["Bad Tag".to_owned()]), "entry_code.tags[0]"),
        (with(|code| code.tags = vec!["twice".to_owned(); 2]), "entry_code.tags"),
        (with(|code| code.tags = (0..11).map(|n| n.to_string()).collect()), "entry_code.tags"),
        (with(|code| code.landing = None), "entry_code.landing"),
        (with(|code| code.landing = landing(LandingKind::Unspecified, "")), "entry_code.landing.kind"),
        (with(|code| code.landing = landing(LandingKind::Homepage, SHOP)), "entry_code.landing.resource"),
        (with(|code| code.landing = landing(LandingKind::Card, "")), "entry_code.landing.resource"),
        (
            with(|code| code.landing = landing(LandingKind::Card, "accounts/other/cards/theirs")),
            "entry_code.landing.resource",
        ),
        (
            with(|code| code.landing = landing(LandingKind::Card, "accounts/shop/cards/nothing")),
            "entry_code.landing.resource",
        ),
        (
            with(|code| code.landing = landing(LandingKind::Content, "accounts/shop/contents/nothing")),
            "entry_code.landing.resource",
        ),
        (
            with(|code| code.landing = landing(LandingKind::Group, "accounts/other/groups/theirs")),
            "entry_code.landing.resource",
        ),
        (with(|code| code.expire_time = Some(at("2026-03-01T00:00:00Z"))), "entry_code.expire_time"),
    ];
    for (code, field) in cases {
        let status = create(&suite, "bad", code).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status:.200}"
        );
    }
    let mut elsewhere = create_request("bad", on_a_package());
    elsewhere.parent = "accounts/nowhere".to_owned();
    assert_eq!(codes(&suite).create_entry_code(elsewhere).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(list(&suite, "", 10).await, []);

    let made = create(&suite, "good", on_a_package()).await.unwrap();
    for (paths, expected) in [
        (&["short_code"] as &[&str], "IMMUTABLE_FIELD"),
        (&["nothing"], "INVALID_FIELD"),
        (&[], "INVALID_FIELD"),
    ] {
        let status = update(&suite, made.clone(), paths).await.unwrap_err();
        assert_eq!(reason(&status), expected);
    }
    for (short_code, user, scan_id, field) in [
        ("TOO-SHORT", "u1", "s", "short_code"),
        (&made.short_code, "a b", "s", "user"),
        (&made.short_code, "u1", "", "scan_id"),
        (&made.short_code, "u1", "a/b", "scan_id"),
    ] {
        assert_eq!(fields(&scan(&suite, short_code, user, scan_id).await.unwrap_err()), [field]);
    }
    assert_eq!(get(&suite, &made.name).await, made);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    codes_are_made_changed_and_disabled,
    a_batch_is_made_as_a_whole,
    a_scan_leads_somewhere_and_is_known_to_the_crm,
    what_leads_nowhere_is_refused_and_leaves_nothing,
    bad_codes_are_refused_and_leave_nothing,
);
