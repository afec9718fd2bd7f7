//! Lead forms: what users leave, who sees how much of it, and what is refused.

use std::time::Duration;

use siyu_proto::{
    accounts::v1::{
        ArchiveCardRequest, Card, CardKind, Conditions, CreateCardRequest, DeleteLeadRequest,
        ExportLeadsRequest, GetLeadRequest, Lead, LeadAnswer, LeadField, LeadFieldKind, LeadForm, LeadState,
        ListLeadsRequest, SubmitLeadRequest, UpdateCardRequest, card_service_client::CardServiceClient,
        lead_service_client::LeadServiceClient,
    },
    common::v1::Role,
    crm::v1::{InteractionKind, InteractionsObserved, SourceDomain},
};
use siyu_rpc::auth::Caller;
use siyu_tests::TestSuite;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    events::events_after,
    mutations::entries,
    support::{fields, reason, texts_of_accounts_db},
};

type Client = LeadServiceClient<siyu::connect::Client>;

pub(crate) const FORM: &str = "accounts/shop/cards/skin-test";

pub(crate) fn leads(suite: &TestSuite) -> Client {
    LeadServiceClient::new(suite.client())
}

/// Makes a card in `accounts/shop`.
pub(crate) async fn create_card(suite: &TestSuite, card_id: &str, card: Card) -> Result<Card, Status> {
    let request = CreateCardRequest {
        parent: "accounts/shop".to_owned(),
        card_id: card_id.to_owned(),
        card: Some(card),
        ..CreateCardRequest::default()
    };
    let answer = CardServiceClient::new(suite.client()).create_card(request).await?;
    Ok(answer.into_inner().card.unwrap())
}

/// A field of a form, with its key as its label.
pub(crate) fn lead_field(key: &str, kind: LeadFieldKind, required: bool, options: &[&str]) -> LeadField {
    LeadField {
        key: key.to_owned(),
        label: key.to_owned(),
        kind: kind.into(),
        required,
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        max_length: 0,
    }
}

/// A form that asks for a name, a mobile number, and what they wish.
pub(crate) fn form() -> LeadForm {
    LeadForm {
        fields: vec![
            lead_field("name", LeadFieldKind::Name, true, &[]),
            lead_field("mobile", LeadFieldKind::Mobile, true, &[]),
            lead_field("phone", LeadFieldKind::Phone, false, &[]),
            lead_field("region", LeadFieldKind::Region, false, &[]),
            lead_field("skin", LeadFieldKind::Choice, false, &["Dry", "Oily"]),
            lead_field("note", LeadFieldKind::Text, false, &[]),
        ],
        consent_text: "We call you back about your skin test.".to_owned(),
        consent_version: String::new(),
    }
}

pub(crate) fn form_card(form: LeadForm) -> Card {
    Card {
        kind: CardKind::LeadForm.into(),
        display_name: "A free skin test".to_owned(),
        lead_form: Some(form),
        ..Card::default()
    }
}

/// Makes [`FORM`] in `accounts/shop`; answers the version of its text.
pub(crate) async fn shop_with_form(suite: &TestSuite) -> String {
    suite.account("lumi", "shop").await;
    let card = create_card(suite, "skin-test", form_card(form())).await.unwrap();
    card.lead_form.unwrap().consent_version
}

pub(crate) fn answer(key: &str, value: &str) -> LeadAnswer {
    LeadAnswer { key: key.to_owned(), values: vec![value.to_owned()], ..LeadAnswer::default() }
}

/// A good one to [`FORM`] from `users/{user}`.
pub(crate) fn lead(id: &str, user: &str, version: &str) -> SubmitLeadRequest {
    SubmitLeadRequest {
        parent: "accounts/shop".to_owned(),
        lead_id: id.to_owned(),
        form: FORM.to_owned(),
        user: format!("users/{user}"),
        answers: vec![answer("name", "王小明"), answer("mobile", "138 1234-5678")],
        consent_given: true,
        consent_version: version.to_owned(),
        mount: "accounts/shop/homepage".to_owned(),
        source_domain: SourceDomain::Private.into(),
        campaign: "spring".to_owned(),
    }
}

pub(crate) async fn submit(suite: &TestSuite, request: SubmitLeadRequest) -> Result<Lead, Status> {
    leads(suite).submit_lead(request).await.map(|answer| answer.into_inner().lead.unwrap())
}

async fn get(mut client: Client, id: &str) -> Result<Lead, Status> {
    let request = GetLeadRequest { name: format!("accounts/shop/leads/{id}") };
    client.get_lead(request).await.map(|answer| answer.into_inner().lead.unwrap())
}

/// All leads of the shop, or of a form, in pages of two.
async fn list(suite: &TestSuite, form: &str) -> Vec<Lead> {
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let (parent, form) = ("accounts/shop".to_owned(), form.to_owned());
        let request = ListLeadsRequest { parent, form, page_size: 2, page_token };
        let page = leads(suite).list_leads(request).await.unwrap().into_inner();
        listed.extend(page.leads);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return listed;
        }
    }
}

fn values(lead: &Lead) -> Vec<(&str, String)> {
    lead.answers.iter().map(|answer| (answer.key.as_str(), answer.values.join("|"))).collect()
}

fn refused(result: Result<Lead, Status>) -> (Code, String) {
    let status = result.unwrap_err();
    (status.code(), reason(&status))
}

const FULL: [(&str, &str); 2] = [("name", "王小明"), ("mobile", "+8613812345678")];
const MASKED: [(&str, &str); 2] = [("name", "王*"), ("mobile", "138****5678")];

fn owned(values: [(&'static str, &str); 2]) -> Vec<(&'static str, String)> {
    values.map(|(key, value)| (key, value.to_owned())).to_vec()
}

async fn a_lead_is_stored_masked_read_and_erased(suite: TestSuite) {
    let version = shop_with_form(&suite).await;
    let stored = submit(&suite, lead("l1", "u1", &version)).await.unwrap();
    assert_eq!((stored.name.as_str(), stored.form.as_str()), ("accounts/shop/leads/l1", FORM));
    assert_eq!((values(&stored), stored.state()), (owned(MASKED), LeadState::Stored));
    assert_eq!(stored.consent_text, "");
    // Sent again, it is the same lead.
    assert_eq!(submit(&suite, lead("l1", "u1", &version)).await.unwrap(), stored);
    assert_eq!(list(&suite, "").await, std::slice::from_ref(&stored));

    let agent = LeadServiceClient::new(suite.operator("accounts/shop", Role::Agent).await);
    let in_full = get(agent, "l1").await.unwrap();
    assert_eq!((values(&in_full), in_full.consent_version.as_str()), (owned(FULL), version.as_str()));
    assert_eq!(in_full.consent_text, form().consent_text);
    assert_eq!(in_full.campaign, "spring");
    let analyst = LeadServiceClient::new(suite.operator("accounts/shop", Role::Analyst).await);
    assert_eq!(get(analyst, "l1").await.unwrap_err().code(), Code::PermissionDenied);

    let request = DeleteLeadRequest { name: stored.name.clone() };
    for _ in 0..2 {
        let erased = leads(&suite).delete_lead(request.clone()).await.unwrap().into_inner().lead.unwrap();
        assert_eq!((erased.state(), erased.answers.len()), (LeadState::Erased, 0));
        assert_eq!(
            get(leads(&suite), "l1").await.unwrap(),
            Lead { consent_text: form().consent_text, ..erased }
        );
    }
    let left = texts_of_accounts_db(&suite, "SELECT key_id || sealed FROM lead").await;
    assert_eq!(left, [""]);
    assert_eq!(
        refused(submit(&suite, lead("l1", "u1", &version)).await),
        (Code::AlreadyExists, "RESOURCE_EXISTS".to_owned())
    );

    let entries = entries(&suite, "accounts/shop", "accounts").await;
    let count = |method: &str, caller: &str| {
        entries.iter().filter(|entry| entry.method.ends_with(method) && entry.caller == caller).count()
    };
    assert_eq!(count("/GetLead", "operator:operator"), 1);
    assert_eq!(count("/GetLead", "service:test"), 2);
    assert_eq!(count("/SubmitLead", "service:test"), 1);
    assert_eq!(count("/DeleteLead", "service:test"), 2);
    suite.finish().await;
}

async fn the_crm_learns_that_there_is_a_lead(suite: TestSuite) {
    let version = shop_with_form(&suite).await;
    submit(&suite, lead("l1", "u1", &version)).await.unwrap();
    submit(&suite, lead("l1", "u1", &version)).await.unwrap();
    suite.advance(Duration::from_millis(1)).await;
    let events = events_after(&suite, Vec::new()).await.unwrap();
    let observed: Vec<_> = events
        .iter()
        .filter_map(|event| event.payload.as_ref()?.to_msg::<InteractionsObserved>().ok())
        .flat_map(|observed| observed.interactions)
        .collect();
    let [interaction] = &observed[..] else { panic!("{observed:?}") };
    assert_eq!((interaction.event_id.as_str(), interaction.user.as_str()), ("lead:l1", "users/u1"));
    assert_eq!((interaction.kind(), interaction.target.as_str()), (InteractionKind::Lead, FORM));
    assert_eq!(
        (interaction.mount.as_str(), interaction.campaign.as_str()),
        ("accounts/shop/homepage", "spring")
    );
    assert_eq!(interaction.source_domain(), SourceDomain::Private);
    suite.finish().await;
}

async fn leads_are_listed_and_exported(suite: TestSuite) {
    let version = shop_with_form(&suite).await;
    let other = create_card(&suite, "other-form", form_card(form())).await.unwrap();
    for number in 0..5 {
        submit(&suite, lead(&format!("l{number}"), &format!("u{number}"), &version)).await.unwrap();
        suite.advance(Duration::from_secs(1)).await;
    }
    let of_other = SubmitLeadRequest { form: other.name.clone(), ..lead("x1", "u1", &version) };
    submit(&suite, of_other).await.unwrap();
    leads(&suite).delete_lead(DeleteLeadRequest { name: "accounts/shop/leads/l3".to_owned() }).await.unwrap();
    let ids = |leads: &[Lead]| -> Vec<String> {
        leads.iter().map(|lead| lead.name.rsplit('/').next().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&list(&suite, "").await), ["x1", "l4", "l3", "l2", "l1", "l0"]);
    assert_eq!(ids(&list(&suite, FORM).await), ["l4", "l3", "l2", "l1", "l0"]);

    for (form, expected) in [("", &["x1", "l4", "l2", "l1", "l0"][..]), (&other.name, &["x1"])] {
        let request = ExportLeadsRequest { parent: "accounts/shop".to_owned(), form: form.to_owned() };
        let mut pages = leads(&suite).export_leads(request).await.unwrap().into_inner();
        let mut exported = Vec::new();
        while let Some(page) = pages.message().await.unwrap() {
            exported.extend(page.leads);
        }
        assert_eq!(ids(&exported), expected);
        assert!(exported.iter().all(|lead| values(lead) == owned(FULL)));
    }
    let entries = entries(&suite, "accounts/shop", "accounts").await;
    assert_eq!(entries.iter().filter(|entry| entry.method.ends_with("/ExportLeads")).count(), 2);
    let request =
        ExportLeadsRequest { parent: "accounts/nobody".to_owned(), ..ExportLeadsRequest::default() };
    assert_eq!(leads(&suite).export_leads(request).await.unwrap_err().code(), Code::NotFound);
    let request = ListLeadsRequest { parent: "accounts/nobody".to_owned(), ..ListLeadsRequest::default() };
    assert_eq!(leads(&suite).list_leads(request).await.unwrap_err().code(), Code::NotFound);
    suite.finish().await;
}

async fn bad_answers_are_named_and_nothing_is_stored(suite: TestSuite) {
    let version = shop_with_form(&suite).await;
    let with = |change: &dyn Fn(&mut SubmitLeadRequest)| {
        let mut request = lead("l1", "u1", &version);
        change(&mut request);
        request
    };
    let of_field = |key: &'static str, value: &'static str| {
        with(&|request| {
            request.answers.retain(|answer| answer.key != key);
            request.answers.push(answer(key, value));
        })
    };
    let wrong = [
        (of_field("mobile", "010-62345678"), "answers[1].values[0]"),
        (of_field("mobile", "+1 650-253-0000"), "answers[1].values[0]"),
        (of_field("mobile", "1381234567"), "answers[1].values[0]"),
        (of_field("mobile", " "), "answers"),
        (of_field("phone", "62345678"), "answers[2].values[0]"),
        (of_field("region", "990101"), "answers[2].values[0]"),
        (of_field("skin", "Normal"), "answers[2].values[0]"),
        (of_field("unknown", "x"), "answers[2].key"),
        (with(&|request| request.answers.truncate(1)), "answers"),
        (with(&|request| request.answers.push(answer("name", "x"))), "answers[2].key"),
        (with(&|request| request.answers[0].values.clear()), "answers[0].values"),
        (with(&|request| request.answers[0].values.push("x".to_owned())), "answers[0].values"),
        (with(&|request| request.answers[0].key = "Name".to_owned()), "answers[0].key"),
        (with(&|request| request.answers[0].values[0] = "x".repeat(900_000)), "answers[0].values[0]"),
        (with(&|request| request.consent_given = false), "consent_given"),
        (with(&|request| request.consent_version = String::new()), "consent_version"),
        (with(&|request| request.form = "accounts/other/cards/skin-test".to_owned()), "form"),
        (with(&|request| request.mount = "x".repeat(201)), "mount"),
        (with(&|request| request.campaign = "x".repeat(65)), "campaign"),
        (with(&|request| request.lead_id = "l/1".to_owned()), "lead_id"),
    ];
    for (request, field) in wrong {
        let status = submit(&suite, request).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
        let said = format!("{status:?}");
        assert!(!said.contains("62345678") && !said.contains("990101") && !said.contains("Normal"), "{said}");
    }
    assert_eq!(list(&suite, "").await, []);

    let good = [
        ("mobile", "＋８６ １３８１２３４５６７８"),
        ("phone", "400-820-8820"),
        ("region", "330106"),
        ("skin", "Ｄｒｙ"),
    ];
    for (number, (key, value)) in good.into_iter().enumerate() {
        let request = SubmitLeadRequest { lead_id: format!("good{number}"), ..of_field(key, value) };
        submit(&suite, request).await.unwrap();
    }
    let stored = get(leads(&suite), "good0").await.unwrap();
    assert_eq!(values(&stored), owned(FULL));
    suite.finish().await;
}

async fn the_text_that_counts_is_the_one_that_is_shown(suite: TestSuite) {
    let version = shop_with_form(&suite).await;
    submit(&suite, lead("l1", "u1", &version)).await.unwrap();
    let new = LeadForm { consent_text: "We call you back, and send you news.".to_owned(), ..form() };
    let request = UpdateCardRequest {
        card: Some(Card { name: FORM.to_owned(), ..form_card(new.clone()) }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["lead_form".to_owned()] }),
        ..UpdateCardRequest::default()
    };
    let card = CardServiceClient::new(suite.client()).update_card(request).await.unwrap().into_inner().card;
    let new_version = card.unwrap().lead_form.unwrap().consent_version;
    assert_ne!(new_version, version);
    let status = submit(&suite, lead("l2", "u1", &version)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "WRONG_STATE"));
    assert!(status.message().contains(&new_version), "{status}");
    submit(&suite, lead("l2", "u1", &new_version)).await.unwrap();
    // What was agreed to before is still known.
    assert_eq!(get(leads(&suite), "l1").await.unwrap().consent_text, form().consent_text);
    assert_eq!(get(leads(&suite), "l2").await.unwrap().consent_text, new.consent_text);
    suite.finish().await;
}

async fn a_user_leaves_at_most_five_a_day(suite: TestSuite) {
    let version = shop_with_form(&suite).await;
    // All at once: the database counts.
    let mut submitting = JoinSet::new();
    for number in 0..8 {
        let (mut client, request) = (leads(&suite), lead(&format!("l{number}"), "u1", &version));
        submitting.spawn(async move { client.submit_lead(request).await.map(drop) });
    }
    let refused: Vec<_> = submitting.join_all().await.into_iter().filter_map(Result::err).collect();
    for status in &refused {
        // Those who collide are told to try again.
        let answer = (status.code(), reason(status));
        let full = (Code::ResourceExhausted, "LIMIT_REACHED".to_owned());
        assert!(answer == full || status.code() == Code::Aborted, "{status}");
    }
    let stored = list(&suite, "").await.len();
    assert!(stored == 8 - refused.len() && stored <= 5, "{stored}");
    for number in 8..13 {
        let _ = submit(&suite, lead(&format!("l{number}"), "u1", &version)).await;
    }
    assert_eq!(list(&suite, "").await.len(), 5);
    submit(&suite, lead("of-another", "u2", &version)).await.unwrap();
    // The clock began at 08:00 in Shanghai: the day ends 16 hours later.
    suite.advance(Duration::from_secs(16 * 3600 - 1)).await;
    let sixth = submit(&suite, lead("l20", "u1", &version)).await;
    assert_eq!(self::refused(sixth), (Code::ResourceExhausted, "LIMIT_REACHED".to_owned()));
    suite.advance(Duration::from_secs(1)).await;
    submit(&suite, lead("l20", "u1", &version)).await.unwrap();
    suite.finish().await;
}

async fn what_is_not_for_the_user_is_refused(suite: TestSuite) {
    let version = shop_with_form(&suite).await;
    submit(&suite, lead("l1", "u1", &version)).await.unwrap();
    let exists = (Code::AlreadyExists, "RESOURCE_EXISTS".to_owned());
    assert_eq!(refused(submit(&suite, lead("l1", "u2", &version)).await), exists);
    let mut other_answers = lead("l1", "u1", &version);
    other_answers.answers[0] = answer("name", "李");
    assert_eq!(refused(submit(&suite, other_answers).await), exists);

    let missing =
        SubmitLeadRequest { form: "accounts/shop/cards/nothing".to_owned(), ..lead("l2", "u1", &version) };
    assert_eq!(refused(submit(&suite, missing).await).0, Code::NotFound);
    let link = Card {
        kind: CardKind::Link.into(),
        display_name: "Link".to_owned(),
        link: Some(siyu_proto::accounts::v1::LinkSettings { uri: "https://shop.example".to_owned() }),
        ..Card::default()
    };
    let link = create_card(&suite, "link", link).await.unwrap();
    let of_link = SubmitLeadRequest { form: link.name, ..lead("l2", "u1", &version) };
    assert_eq!(fields(&submit(&suite, of_link).await.unwrap_err()), ["form"]);

    let as_user = |user: &str| {
        let caller = Caller::user(&format!("users/{user}"));
        let suite = &suite;
        async move { LeadServiceClient::new(suite.client_as(&caller).await) }
    };
    as_user("u2").await.submit_lead(lead("l2", "u2", &version)).await.unwrap();
    let for_another = as_user("u2").await.submit_lead(lead("l3", "u1", &version)).await.unwrap_err();
    assert_eq!(for_another.code(), Code::PermissionDenied);
    assert_eq!(get(as_user("u2").await, "l2").await.unwrap_err().code(), Code::PermissionDenied);

    let archive = ArchiveCardRequest { name: FORM.to_owned() };
    CardServiceClient::new(suite.client()).archive_card(archive).await.unwrap();
    let archived = (Code::FailedPrecondition, "WRONG_STATE".to_owned());
    assert_eq!(refused(submit(&suite, lead("l4", "u1", &version)).await), archived);
    // What was stored before is answered as before.
    submit(&suite, lead("l1", "u1", &version)).await.unwrap();
    suite.finish().await;
}

async fn forms_with_mistakes_are_not_made(suite: TestSuite) {
    suite.account("lumi", "shop").await;
    let with = |change: &dyn Fn(&mut LeadForm)| {
        let mut form = form();
        change(&mut form);
        form_card(form)
    };
    let twenty_one = (0..21).map(|number| lead_field(&format!("f{number}"), LeadFieldKind::Text, false, &[]));
    let many: Vec<_> = twenty_one.collect();
    let wrong = [
        (with(&|form| form.fields.clear()), "card.lead_form.fields"),
        (with(&|form| form.fields.clone_from(&many)), "card.lead_form.fields"),
        (with(&|form| form.fields[1].key = "name".to_owned()), "card.lead_form.fields[1].key"),
        (with(&|form| form.fields[1].kind = 0), "card.lead_form.fields[1].kind"),
        (with(&|form| form.fields[4].options.truncate(1)), "card.lead_form.fields[4].options"),
        (with(&|form| form.fields[0].options.push("x".to_owned())), "card.lead_form.fields[0].options"),
        (with(&|form| form.fields[0].max_length = 5), "card.lead_form.fields[0].max_length"),
        (with(&|form| form.consent_text = " ".to_owned()), "card.lead_form.consent_text"),
        (with(&|form| form.consent_text = "x".repeat(900_000)), "card.lead_form.consent_text"),
        (Card { lead_form: None, ..form_card(form()) }, "card.lead_form"),
    ];
    for (card, field) in wrong {
        let status = create_card(&suite, "wrong", card).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()]),
            "{status}"
        );
    }
    suite.finish().await;
}

async fn conditions_count(suite: TestSuite) {
    let version = shop_with_form(&suite).await;
    let conditions = Conditions { follow_first: true, ..Conditions::default() };
    let card = Card { conditions: Some(conditions), ..form_card(form()) };
    let card = create_card(&suite, "for-fans", card).await.unwrap();
    let of_fans =
        |id: &str, user: &str| SubmitLeadRequest { form: card.name.clone(), ..lead(id, user, &version) };
    let unmet = (Code::FailedPrecondition, "CONDITION_NOT_MET".to_owned());
    assert_eq!(refused(submit(&suite, of_fans("l1", "u1")).await), unmet);
    let follow = crate::support::follow("f1", "u1", crate::support::seconds_ago(&suite, 1));
    crate::support::store(&suite, "shop", &[follow]).await;
    submit(&suite, of_fans("l1", "u1")).await.unwrap();
    suite.finish().await;
}

/// With another key under the same id, nothing is made up.
async fn without_its_key_a_lead_cannot_be_read(suite: TestSuite) {
    let version = shop_with_form(&suite).await;
    submit(&suite, lead("l1", "u1", &version)).await.unwrap();
    crate::support::on_accounts_db(&suite, "UPDATE lead SET key_id = 'lost'").await;
    let status = get(leads(&suite), "l1").await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    let message = status.message();
    assert!(message.contains("accounts.lead_keys_file") && message.contains("lost"), "{message}");
    // Under another name it is not the lead that was sealed.
    crate::support::on_accounts_db(&suite, "UPDATE lead SET key_id = 'k1', lead_id = 'l2'").await;
    assert_eq!(get(leads(&suite), "l2").await.unwrap_err().code(), Code::Internal);
    suite.finish().await;
}

siyu_tests::on_both_engines!(
    a_lead_is_stored_masked_read_and_erased,
    a_user_leaves_at_most_five_a_day,
    bad_answers_are_named_and_nothing_is_stored,
    conditions_count,
    forms_with_mistakes_are_not_made,
    leads_are_listed_and_exported,
    the_crm_learns_that_there_is_a_lead,
    the_text_that_counts_is_the_one_that_is_shown,
    what_is_not_for_the_user_is_refused,
    without_its_key_a_lead_cannot_be_read,
);
