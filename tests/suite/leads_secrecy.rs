//! What users leave in forms is nowhere but in the answers to those who may read it: a process at its most talkative, and
//! every place where it leaves something.

use std::fs;

use siyu::connect::Client;
use siyu_proto::{
    accounts::v1::{
        Card, ClaimLeadRequest, CreateBookingRequest, CreateCardRequest, CreateOperatorRequest,
        CreateSlotsRequest, ExportLeadsRequest, GetBookingRequest, GetLeadRequest, LeadFieldKind, LeadStage,
        ListBookingsRequest, ListLeadChangesRequest, ListLeadsRequest, MoveLeadRequest, Operator, Slot,
        SubmitLeadRequest, booking_service_client::BookingServiceClient,
        card_service_client::CardServiceClient, lead_pipeline_service_client::LeadPipelineServiceClient,
        lead_service_client::LeadServiceClient, operator_service_client::OperatorServiceClient,
    },
    common::v1::Role,
};
use siyu_tests::{Engine, installation::Installation};
use tonic::Code;

use crate::{
    bookings::{booking, booking_card},
    leads::{answer, form, form_card, lead, lead_field},
    secrecy::{Place, Talkative, found},
    support::at,
};

const NAME: &str = "欧阳绝密";
const NOTE: &str = "call-me-4711-in-the-evening";
const EMAIL: &str = "planted.person@secret-mail.example";
/// As it is written, and as it is stored.
const MOBILE: [&str; 2] = ["139 8765 4321", "13987654321"];
const PHONE: [&str; 2] = ["021-58765432", "2158765432"];
/// In calls that are refused.
const WRONG_MOBILE: &str = "139876543";
const WRONG_PHONE: &str = "58765433";
const WRONG_DATE: &str = "1987-13-04";
/// What an agent writes to a lead: it stands in the history of the lead alone.
const AGENTS_NOTE: &str = "planted-words-of-an-agent";
/// No secret: where this is not found, nothing would be.
const CAMPAIGN: &str = "planted-campaign";

fn secrets() -> Vec<&'static str> {
    [NAME, NOTE, EMAIL, WRONG_MOBILE, WRONG_PHONE, WRONG_DATE]
        .into_iter()
        .chain(MOBILE)
        .chain(PHONE)
        .collect()
}

fn planted_lead(id: &str, version: &str) -> SubmitLeadRequest {
    let mut request = lead(id, "u1", version);
    request.campaign = CAMPAIGN.to_owned();
    request.answers =
        vec![answer("name", NAME), answer("mobile", MOBILE[0]), answer("note", NOTE), answer("email", EMAIL)];
    request
}

pub(crate) async fn create_card(client: &Client, card_id: &str, card: Card) -> Card {
    let request = CreateCardRequest {
        parent: "accounts/shop".to_owned(),
        card_id: card_id.to_owned(),
        card: Some(card),
        ..CreateCardRequest::default()
    };
    CardServiceClient::new(client.clone()).create_card(request).await.unwrap().into_inner().card.unwrap()
}

/// Leads that are stored and refused, and read in every way there is; answers what could be read.
async fn leads_come_and_are_read(client: &Client) -> String {
    let mut asked = form();
    asked.fields.push(lead_field("email", LeadFieldKind::Email, false, &[]));
    asked.fields.push(lead_field("birthday", LeadFieldKind::Date, false, &[]));
    let card = create_card(client, "skin-test", form_card(asked)).await;
    let version = card.lead_form.unwrap().consent_version;
    let mut leads = LeadServiceClient::new(client.clone());
    let stored = leads.submit_lead(planted_lead("l1", &version)).await.unwrap().into_inner();

    let mut wrong =
        [planted_lead("l2", &version), planted_lead("l3", &version), planted_lead("l4", &version)];
    wrong[0].answers[1] = answer("mobile", WRONG_MOBILE);
    wrong[1].answers.push(answer("birthday", WRONG_DATE));
    wrong[2].answers[2].values[0] = NOTE.repeat(100);
    for request in wrong {
        let status = leads.submit_lead(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        let told = Place::new("the refusal", format!("{status:?}").as_bytes());
        assert!(!secrets().into_iter().any(|secret| told.has(secret)), "{}", told.content);
    }
    let listed = ListLeadsRequest { parent: "accounts/shop".to_owned(), ..ListLeadsRequest::default() };
    let listed = leads.list_leads(listed).await.unwrap().into_inner();
    let masked = [stored.lead.unwrap()].into_iter().chain(listed.leads);
    for answer in masked.flat_map(|lead| lead.answers) {
        let values = Place::new("masked", answer.values.concat().as_bytes());
        assert!(!secrets().into_iter().any(|secret| values.has(secret)), "{}", answer.key);
    }
    let export = ExportLeadsRequest { parent: "accounts/shop".to_owned(), ..ExportLeadsRequest::default() };
    leads.export_leads(export).await.unwrap().into_inner().message().await.unwrap().unwrap();
    let read = GetLeadRequest { name: "accounts/shop/leads/l1".to_owned() };
    let read = leads.get_lead(read).await.unwrap().into_inner().lead.unwrap();
    assert!(!format!("{read:?}").contains(NOTE), "Debug shows answers");
    read.answers.into_iter().flat_map(|answer| answer.values).collect()
}

/// What an agent does with a lead.
async fn a_lead_is_worked_on(client: &Client) {
    let operator = Operator {
        subject: "idp|li".to_owned(),
        display_name: "Li".to_owned(),
        role: Role::Agent.into(),
        ..Operator::default()
    };
    let request = CreateOperatorRequest {
        parent: "accounts/shop".to_owned(),
        operator: Some(operator),
        ..CreateOperatorRequest::default()
    };
    OperatorServiceClient::new(client.clone()).create_operator(request).await.unwrap();
    let mut pipeline = LeadPipelineServiceClient::new(client.clone());
    let claim = ClaimLeadRequest {
        name: "accounts/shop/leads/l1".to_owned(),
        agent: "accounts/shop/agents/idp|li".to_owned(),
        note: AGENTS_NOTE.to_owned(),
        ..ClaimLeadRequest::default()
    };
    pipeline.claim_lead(claim).await.unwrap();
    let contacted = MoveLeadRequest {
        name: "accounts/shop/leads/l1".to_owned(),
        stage: LeadStage::Contacted.into(),
        note: AGENTS_NOTE.to_owned(),
        ..MoveLeadRequest::default()
    };
    pipeline.move_lead(contacted).await.unwrap();
    let history = ListLeadChangesRequest {
        parent: "accounts/shop/leads/l1".to_owned(),
        ..ListLeadChangesRequest::default()
    };
    let changes = pipeline.list_lead_changes(history).await.unwrap().into_inner().lead_changes;
    assert_eq!(changes.last().unwrap().note, AGENTS_NOTE);
}

/// Bookings that are stored and refused, and read in every way there is; answers what could be read.
async fn bookings_come_and_are_read(client: &Client) -> String {
    create_card(client, "store-visit", booking_card(false)).await;
    let mut bookings = BookingServiceClient::new(client.clone());
    let slot = Slot {
        start_time: Some(at("2100-01-01T00:00:00Z")),
        end_time: Some(at("2100-01-01T01:00:00Z")),
        capacity: 5,
        ..Slot::default()
    };
    let request = CreateSlotsRequest {
        parent: "accounts/shop/cards/store-visit".to_owned(),
        slots: vec![slot],
        ..CreateSlotsRequest::default()
    };
    let slot = bookings.create_slots(request).await.unwrap().into_inner().slots.remove(0).name;
    let planted = |id: &str, phone: &str| CreateBookingRequest {
        contact_phone: phone.to_owned(),
        campaign: CAMPAIGN.to_owned(),
        ..booking(id, "u1", &slot)
    };
    bookings.create_booking(planted("b1", PHONE[0])).await.unwrap();
    let status = bookings.create_booking(planted("b2", WRONG_PHONE)).await.unwrap_err();
    assert!(!format!("{status:?}").contains(WRONG_PHONE), "{status}");
    let listed = ListBookingsRequest { parent: "accounts/shop".to_owned(), ..ListBookingsRequest::default() };
    bookings.list_bookings(listed).await.unwrap();
    let read = GetBookingRequest { name: "accounts/shop/bookings/b1".to_owned() };
    bookings.get_booking(read).await.unwrap().into_inner().booking.unwrap().contact_phone
}

async fn planted_values_are_found_nowhere(engine: Engine) {
    let Some(process) = Talkative::start(engine).await else { return };
    let read_of_leads = leads_come_and_are_read(&process.client).await;
    a_lead_is_worked_on(&process.client).await;
    let read = read_of_leads + &bookings_come_and_are_read(&process.client).await;
    for secret in [NAME, NOTE, EMAIL, MOBILE[1], PHONE[1]] {
        assert!(read.contains(secret), "those who may read it get {secret}");
    }
    let feed = process.feed("accounts", "booking:b1").await;
    let mut databases = process.tables("accounts").await;
    databases.extend(process.tables("crm").await);
    // While the process runs its WAL is there; afterwards all is in the file.
    let files = |installation: &Installation| {
        let paths = fs::read_dir(installation.folder()).unwrap().map(|entry| entry.unwrap().path());
        let places = paths
            .filter(|path| path.is_file())
            .map(|path| Place::new(path.display().to_string(), &fs::read(&path).unwrap_or_default()));
        places.collect::<Vec<_>>()
    };
    let while_it_runs = files(&process.installation);
    let (installation, log, spans) = process.end().await;

    for place in [&log, &spans, &feed] {
        assert!(!place.has(AGENTS_NOTE), "what an agent wrote is in {}", place.name);
    }
    assert!(feed.has("accounts/shop/agents/idp|li"), "the feed has nothing of the pipeline");
    let with_note = databases.iter().filter(|place| place.has(AGENTS_NOTE)).map(|place| place.name.as_str());
    assert_eq!(with_note.collect::<Vec<_>>(), ["table lead_change"]);
    // The same search finds what is no secret, in each place that has it.
    for place in [&log, &spans] {
        assert!(place.has("LeadService/SubmitLead"), "{} has no calls", place.name);
    }
    assert!(feed.has(CAMPAIGN), "the feed has no events");
    let with_campaign = |places: &[Place], part: &str| {
        places.iter().any(|place| place.name.contains(part) && place.has(CAMPAIGN))
    };
    for table in ["table lead", "table booking", "table event", "table audit_entry"] {
        assert!(with_campaign(&databases, table), "{table} has no campaign");
    }
    if engine == Engine::Sqlite {
        assert!(with_campaign(&while_it_runs, "accounts.db"), "the files have no campaign");
    }

    let places = [log, spans, feed].into_iter().chain(databases).chain(while_it_runs);
    let found = found(&secrets(), places.chain(files(&installation)));
    assert!(found.is_empty(), "{found:#?}");
    installation.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_values_are_found_nowhere_on_sqlite() {
    planted_values_are_found_nowhere(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_values_are_found_nowhere_on_postgres() {
    planted_values_are_found_nowhere(Engine::Postgres).await;
}
