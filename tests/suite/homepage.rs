//! Homepages: drafts, templates, versions, and going back.

use prost::Message;
use prost_types::FieldMask;
use siyu_proto::{
    accounts::v1::{
        Account, ApplyHomepageTemplateRequest, Entrance, EntranceKind, GetHomepageDraftRequest,
        GetHomepageVersionRequest, Homepage, HomepageDraft, HomepageLink, HomepageVersion, Industry,
        ListHomepageTemplatesRequest, ListHomepageVersionsRequest, Module, ModuleKind, Profile,
        PublishHomepageRequest, PublishHomepageResponse, RollbackHomepageRequest, UpdateAccountRequest,
        UpdateHomepageDraftRequest, homepage_service_client::HomepageServiceClient,
    },
    common::v1::Role,
};
use siyu_tests::TestSuite;
use tonic::{Code, Status};

use crate::support::{fields, reason};

pub(crate) type Client = HomepageServiceClient<siyu::connect::Client>;

pub(crate) fn homepages(suite: &TestSuite) -> Client {
    HomepageServiceClient::new(suite.client())
}

pub(crate) fn module(kind: ModuleKind, text: &str) -> Module {
    Module { kind: kind.into(), text: text.to_owned(), ..Module::default() }
}

/// A homepage that says `text`, with an entrance.
pub(crate) fn page(text: &str) -> Homepage {
    let entrance = Entrance { kind: EntranceKind::Subscribe.into(), ..Entrance::default() };
    let entrances = Module { entrances: vec![entrance], ..module(ModuleKind::Entrances, "") };
    Homepage { modules: vec![module(ModuleKind::Brand, text), entrances] }
}

pub(crate) async fn draft(client: &mut Client, account: &str) -> HomepageDraft {
    let request = GetHomepageDraftRequest { name: format!("accounts/{account}/homepage/draft") };
    client.get_homepage_draft(request).await.unwrap().into_inner().draft.unwrap()
}

/// Has the draft show this, if it still is what `etag` stands for.
pub(crate) async fn edit(
    client: &mut Client,
    account: &str,
    homepage: Homepage,
    etag: &str,
) -> Result<HomepageDraft, Status> {
    let draft = HomepageDraft {
        name: format!("accounts/{account}/homepage/draft"),
        homepage: Some(homepage),
        etag: etag.to_owned(),
        ..HomepageDraft::default()
    };
    let request = UpdateHomepageDraftRequest {
        draft: Some(draft),
        update_mask: Some(FieldMask { paths: vec!["homepage".to_owned()] }),
        ..UpdateHomepageDraftRequest::default()
    };
    Ok(client.update_homepage_draft(request).await?.into_inner().draft.unwrap())
}

pub(crate) fn publishing(account: &str, note: &str) -> PublishHomepageRequest {
    let name = format!("accounts/{account}/homepage");
    PublishHomepageRequest { name, note: note.to_owned(), ..PublishHomepageRequest::default() }
}

pub(crate) async fn publish(
    client: &mut Client,
    request: PublishHomepageRequest,
) -> Result<PublishHomepageResponse, Status> {
    Ok(client.publish_homepage(request).await?.into_inner())
}

/// Publishes whatever the draft of the account shows.
pub(crate) async fn publish_now(suite: &TestSuite, account: &str) -> HomepageVersion {
    publish(&mut homepages(suite), publishing(account, "")).await.unwrap().version.unwrap()
}

/// All versions, newest first, in pages of `page_size`.
pub(crate) async fn versions(client: &mut Client, account: &str, page_size: i32) -> Vec<HomepageVersion> {
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let parent = format!("accounts/{account}/homepage");
        let request = ListHomepageVersionsRequest { parent, page_size, page_token };
        let page = client.list_homepage_versions(request).await.unwrap().into_inner();
        assert!(page.versions.iter().all(|version| version.homepage.is_none()));
        listed.extend(page.versions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return listed;
        }
    }
}

/// What a version shows.
pub(crate) async fn shown(client: &mut Client, account: &str, number: i64) -> Result<Homepage, Status> {
    let name = format!("accounts/{account}/homepage/versions/{number}");
    let version = client.get_homepage_version(GetHomepageVersionRequest { name }).await?.into_inner().version;
    Ok(version.unwrap().homepage.unwrap())
}

async fn two_editors_do_not_overwrite_each_other(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut li = HomepageServiceClient::new(suite.operator("accounts/shop", Role::Operator).await);
    let mut omar = homepages(&suite);
    let read = draft(&mut li, "shop").await;
    assert_eq!((read.author.as_str(), read.update_time), ("", None));

    let of_li = edit(&mut li, "shop", page("Li"), &read.etag).await.unwrap();
    assert_ne!(of_li.etag, read.etag);
    assert_eq!(of_li.author, "operator:operator");
    let refused = edit(&mut omar, "shop", page("Omar"), &read.etag).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    assert_eq!(draft(&mut omar, "shop").await, of_li);
    // Who has seen it may change it, and who does not ask overwrites it.
    edit(&mut omar, "shop", page("Omar"), &of_li.etag).await.unwrap();
    edit(&mut li, "shop", page("Li again"), "").await.unwrap();
    // What somebody else changed meanwhile is not published unseen.
    let stale = PublishHomepageRequest { etag: of_li.etag, ..publishing("shop", "") };
    assert_eq!(reason(&publish(&mut li, stale).await.unwrap_err()), "ETAG_MISMATCH");
    assert!(versions(&mut li, "shop", 0).await.is_empty());

    // Of eight at once one is first.
    let etag = draft(&mut li, "shop").await.etag;
    let edits = (0..8).map(|number| {
        let (mut client, etag) = (homepages(&suite), etag.clone());
        async move { edit(&mut client, "shop", page(&number.to_string()), &etag).await }
    });
    let edited = futures_util::future::join_all(edits).await;
    assert_eq!(edited.iter().filter(|answer| answer.is_ok()).count(), 1, "{edited:?}");
    suite.finish().await;
}

async fn templates_follow_the_quadrant(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let profile = Profile {
        industry: Industry::Catering.into(),
        persona: "Noodles since 1987".to_owned(),
        ..Profile::default()
    };
    let account = Account { name: "accounts/shop".to_owned(), profile: Some(profile), ..Account::default() };
    let update_mask = Some(FieldMask { paths: vec!["profile".to_owned()] });
    let request = UpdateAccountRequest { account: Some(account), update_mask, ..Default::default() };
    suite.accounts().update_account(request).await.unwrap();

    let mut client = homepages(&suite);
    let mut templates = Vec::new();
    let mut page_token = String::new();
    loop {
        let parent = "accounts/shop".to_owned();
        let request = ListHomepageTemplatesRequest { parent, page_size: 3, page_token };
        let page = client.list_homepage_templates(request).await.unwrap().into_inner();
        templates.extend(page.templates);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(templates.len(), 4);
    let recommended: Vec<_> = templates.iter().filter(|template| template.recommended).collect();
    assert_eq!(recommended.len(), 1);
    assert_eq!(recommended[0].name, "homepageTemplates/local-merchant");

    let apply = |template: &str| ApplyHomepageTemplateRequest {
        name: "accounts/shop/homepage/draft".to_owned(),
        template: template.to_owned(),
        ..ApplyHomepageTemplateRequest::default()
    };
    let applied = client.apply_homepage_template(apply(&recommended[0].name)).await.unwrap().into_inner();
    let applied = applied.draft.unwrap();
    assert_eq!(applied.homepage, recommended[0].homepage);
    assert!(applied.homepage.as_ref().unwrap().modules.iter().any(|it| it.text == "Noodles since 1987"));
    assert_eq!(draft(&mut client, "shop").await, applied);
    let unknown = client.apply_homepage_template(apply("homepageTemplates/castle")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    suite.finish().await;
}

async fn what_was_published_comes_back_byte_for_byte(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut client = homepages(&suite);
    let spring = page("春天 🌸 \u{7f}");
    for (number, homepage) in [(1, spring.clone()), (2, page("Summer"))] {
        edit(&mut client, "shop", homepage.clone(), "").await.unwrap();
        let published = publish(&mut client, publishing("shop", "season")).await.unwrap();
        let version = published.version.unwrap();
        assert_eq!((version.number, version.restored_number, version.note.as_str()), (number, 0, "season"));
        assert_eq!(version.name, format!("accounts/shop/homepage/versions/{number}"));
        assert_eq!(shown(&mut client, "shop", number).await.unwrap(), homepage);
    }
    edit(&mut client, "shop", page("Autumn"), "").await.unwrap();
    let before = draft(&mut client, "shop").await;

    let request = RollbackHomepageRequest {
        name: "accounts/shop/homepage/versions/1".to_owned(),
        note: "too hot".to_owned(),
        request_id: "r1".to_owned(),
    };
    let first = client.rollback_homepage(request.clone()).await.unwrap().into_inner();
    assert_eq!(client.rollback_homepage(request).await.unwrap().into_inner(), first);
    let version = first.version.unwrap();
    assert_eq!((version.number, version.restored_number), (3, 1));
    let restored = shown(&mut client, "shop", 3).await.unwrap();
    assert_eq!(restored.encode_to_vec(), spring.encode_to_vec());
    assert_eq!(draft(&mut client, "shop").await, before);

    let missing = RollbackHomepageRequest {
        name: "accounts/shop/homepage/versions/9".to_owned(),
        ..RollbackHomepageRequest::default()
    };
    assert_eq!(client.rollback_homepage(missing).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn the_last_hundred_versions_are_kept(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let mut client = homepages(&suite);
    for number in 1..=103 {
        assert_eq!(publish_now(&suite, "shop").await.number, number);
    }
    let numbers: Vec<_> = versions(&mut client, "shop", 30).await.iter().map(|it| it.number).collect();
    assert_eq!(numbers, (4..=103).rev().collect::<Vec<_>>());
    assert_eq!(shown(&mut client, "shop", 3).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn mistakes_are_named_and_nothing_is_stored(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    suite.account("lumi", "other").await;
    let mut client = homepages(&suite);
    let before = draft(&mut client, "shop").await;
    let only = |module: Module| Homepage { modules: vec![module] };
    let entrance = |kind: i32| Entrance { kind, ..Entrance::default() };
    let link = |uri: &str| HomepageLink { title: "More".to_owned(), uri: uri.to_owned() };
    let cards = |name: &str| Module { cards: vec![name.to_owned()], ..module(ModuleKind::Coupons, "") };
    let brand = || module(ModuleKind::Brand, "");
    let wrong = [
        (only(module(ModuleKind::Unspecified, "")), "draft.homepage.modules[0].kind"),
        (only(module(ModuleKind::Brand, &"x".repeat(1_000_000))), "draft.homepage.modules[0].text"),
        (only(Module { title: "x".repeat(101), ..brand() }), "draft.homepage.modules[0].title"),
        (Homepage { modules: vec![brand(); 31] }, "draft.homepage.modules"),
        (Homepage { modules: vec![module(ModuleKind::Brand, &"界".repeat(5_000)); 20] }, "draft.homepage"),
        (
            only(Module { links: vec![link("http://x.example")], ..brand() }),
            "draft.homepage.modules[0].links[0].uri",
        ),
        (
            only(Module { picture_uris: vec!["javascript:alert(1)".to_owned()], ..brand() }),
            "draft.homepage.modules[0].picture_uris[0]",
        ),
        (only(Module { entrances: vec![entrance(1)], ..brand() }), "draft.homepage.modules[0].entrances"),
        (
            only(Module { entrances: vec![entrance(9)], ..module(ModuleKind::Entrances, "") }),
            "draft.homepage.modules[0].entrances[0].kind",
        ),
        (
            only(Module { entrances: vec![entrance(1); 2], ..module(ModuleKind::Entrances, "") }),
            "draft.homepage.modules[0].entrances[1].kind",
        ),
        (only(cards("accounts/other/cards/c1")), "draft.homepage.modules[0].cards[0]"),
        (only(cards("accounts/shop/cards/none")), "draft.homepage.modules[0].cards[0]"),
        (only(cards("c1")), "draft.homepage.modules[0].cards[0]"),
    ];
    for (homepage, field) in wrong {
        let status = edit(&mut client, "shop", homepage, "").await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
    }
    assert_eq!(draft(&mut client, "shop").await, before);

    for (paths, code) in [(vec![], Code::InvalidArgument), (vec!["etag".to_owned()], Code::InvalidArgument)] {
        let request = UpdateHomepageDraftRequest {
            draft: Some(before.clone()),
            update_mask: Some(FieldMask { paths }),
            ..UpdateHomepageDraftRequest::default()
        };
        assert_eq!(client.update_homepage_draft(request).await.unwrap_err().code(), code);
    }
    let nowhere = GetHomepageDraftRequest { name: "accounts/nobody/homepage/draft".to_owned() };
    assert_eq!(client.get_homepage_draft(nowhere).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    mistakes_are_named_and_nothing_is_stored,
    templates_follow_the_quadrant,
    the_last_hundred_versions_are_kept,
    two_editors_do_not_overwrite_each_other,
    what_was_published_comes_back_byte_for_byte,
);
