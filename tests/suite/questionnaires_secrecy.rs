//! What users answer by message is in the conversation, and else nowhere in the open: a process at its most talkative, and every place
//! where it leaves something.

use std::fs;

use siyu::connect::{Client, connect};
use siyu_proto::{
    accounts::v1::{GetLeadRequest, LeadFieldKind, lead_service_client::LeadServiceClient},
    common::v1::{StreamEventsRequest, event_feed_service_client::EventFeedServiceClient},
    crm::v1::{CreateTagRequest, Tag, tag_service_client::TagServiceClient},
    messaging::v1::{
        ListQuestionnaireRunsRequest, QuestionnaireTrigger, SendMessageRequest,
        inbox_service_client::InboxServiceClient, questionnaire_service_client::QuestionnaireServiceClient,
    },
};
use siyu_tests::{
    Engine,
    installation::{Installation, Launch, create_accounts},
    pushes::fleet::eventually,
};

use crate::{
    follows::SHOP,
    leads::{form, form_card},
    leads_secrecy::{Place, create_card, tables},
    messages::{from_user, text},
    questionnaires::{creation, of_form, question},
    traces::Collector,
};

const NAME: &str = "欧阳机密";
const NOTE: &str = "whisper-5823-at-noon";
/// As it is written, and as it is stored.
const MOBILE: [&str; 2] = ["137 6543 2109", "13765432109"];
const WRONG_MOBILE: &str = "137654321";
const SECRETS: [&str; 5] = [NAME, NOTE, MOBILE[0], MOBILE[1], WRONG_MOBILE];
/// No secret: where this is not found, nothing would be.
const KNOWN: &str = "planted-user";

/// A user answers all questions; answers the lead that comes of it, in full.
async fn answers_become_a_lead(client: &Client) -> String {
    create_card(client, "skin-test", form_card(form())).await;
    let tag = Tag { display_name: "Dry".to_owned(), ..Tag::default() };
    let (parent, tag_id) = (SHOP.to_owned(), "dry".to_owned());
    let request = CreateTagRequest { parent, tag_id, tag: Some(tag), ..Default::default() };
    TagServiceClient::new(client.clone()).create_tag(request).await.unwrap();
    let mut asked = of_form(QuestionnaireTrigger::FirstMessage);
    asked.questions.push(question("note", LeadFieldKind::Text, &[]));
    let mut questionnaires = QuestionnaireServiceClient::new(client.clone());
    questionnaires.create_questionnaire(creation("skin", asked)).await.unwrap();
    let said = ["hi", NAME, WRONG_MOBILE, MOBILE[0], "1", NOTE, "同意"];
    for (place, said) in said.iter().enumerate() {
        let request = SendMessageRequest { content: text(said), ..from_user(KNOWN, &format!("m{place}")) };
        InboxServiceClient::new(client.clone()).send_message(request).await.unwrap();
    }
    let mut lead = String::new();
    let is_stored = async || {
        let parent = format!("{SHOP}/questionnaires/skin");
        let request = ListQuestionnaireRunsRequest { parent, ..Default::default() };
        let runs = questionnaires.list_questionnaire_runs(request).await?.into_inner().questionnaire_runs;
        lead = runs.into_iter().next().map(|run| run.lead).unwrap_or_default();
        Ok(!lead.is_empty())
    };
    eventually(is_stored, "the lead is stored").await.unwrap();
    let read = LeadServiceClient::new(client.clone()).get_lead(GetLeadRequest { name: lead }).await.unwrap();
    read.into_inner().lead.unwrap().answers.into_iter().flat_map(|answer| answer.values).collect()
}

/// Every event in a feed, as its readers get it.
async fn feed(client: &Client, service: &str) -> Place {
    let mut content = Vec::new();
    let has_all = async || {
        let request =
            StreamEventsRequest { parent: format!("feeds/{service}"), ..StreamEventsRequest::default() };
        let mut feeds = EventFeedServiceClient::new(client.clone());
        let mut pages = feeds.stream_events(request).await?.into_inner();
        content.clear();
        while let Some(page) = pages.message().await? {
            content.extend(page.events.into_iter().flat_map(|event| event.payload.unwrap_or_default().value));
        }
        // What was written a moment ago is published a moment later.
        Ok(Place::new("", &content).has(KNOWN))
    };
    eventually(has_all, "the feed has what the user did").await.unwrap();
    Place::new(format!("the feed of {service}"), &content)
}

async fn answers_are_in_the_conversation_alone(engine: Engine) {
    let Some(installation) = Installation::create(engine).await.unwrap() else { return };
    let (collector, otlp_endpoint) = Collector::start().await;
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("log");
    let tee = format!("exec \"$0\" \"$@\" 2> >(tee {} >&2)", log.display());
    let launch = Launch {
        wrapper: vec!["bash".to_owned(), "-c".to_owned(), tee],
        set: vec![
            "telemetry.log=trace".to_owned(),
            "telemetry.log_format=json".to_owned(),
            format!("telemetry.otlp_endpoint={otlp_endpoint}"),
        ],
        ..Launch::default()
    };
    let mut process = installation.start(&launch).unwrap();
    let client = connect(&process.ready().await.unwrap(), &installation.token).await.unwrap();
    create_accounts(&client, &["shop".to_owned()]).await.unwrap();
    let read = answers_become_a_lead(&client).await;
    for secret in [NAME, NOTE, MOBILE[1]] {
        assert!(read.contains(secret), "those who may read it get {secret}");
    }
    let mut places = vec![feed(&client, "accounts").await, feed(&client, "messaging").await];
    for service in ["accounts", "crm", "messaging"] {
        let key = format!("{service}.database_url=");
        let url = installation.settings().iter().find_map(|setting| setting.strip_prefix(&key)).unwrap();
        let tables = tables(url).await;
        if service == "messaging" {
            let messages = tables.iter().find(|place| place.name == "table message").unwrap();
            assert!(SECRETS.iter().any(|secret| messages.has(secret)), "messages are where they are");
            assert!(tables.iter().any(|place| place.name == "table questionnaire_run" && place.has(KNOWN)));
        }
        places.extend(tables.into_iter().filter(|place| place.name != "table message"));
    }
    drop(client);
    process.terminate().await.unwrap();
    places.push(Place::new("the log", &fs::read(&log).unwrap()));
    places.push(Place::new("the spans", format!("{:?}", collector.spans()).as_bytes()));
    for name in ["the log", "the spans"] {
        let place = places.iter().find(|place| place.name == name).unwrap();
        assert!(place.has("LeadService/SubmitLead"), "{name} has no calls");
    }
    let found: Vec<String> = places
        .iter()
        .flat_map(|place| {
            SECRETS.iter().filter(|secret| place.has(secret)).map(|s| format!("{s} in {}", place.name))
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    installation.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_in_the_conversation_alone_on_sqlite() {
    answers_are_in_the_conversation_alone(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_in_the_conversation_alone_on_postgres() {
    answers_are_in_the_conversation_alone(Engine::Postgres).await;
}
