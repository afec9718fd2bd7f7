//! What users answer by message is in the conversation, and else nowhere in the open: a process at its most talkative, and every place
//! where it leaves something.

use siyu::connect::Client;
use siyu_proto::{
    accounts::v1::{GetLeadRequest, LeadFieldKind, lead_service_client::LeadServiceClient},
    crm::v1::{CreateTagRequest, Tag, tag_service_client::TagServiceClient},
    messaging::v1::{
        ListQuestionnaireRunsRequest, QuestionnaireTrigger, SendMessageRequest,
        inbox_service_client::InboxServiceClient, questionnaire_service_client::QuestionnaireServiceClient,
    },
};
use siyu_tests::{Engine, pushes::fleet::eventually};

use crate::{
    follows::SHOP,
    leads::{form, form_card},
    leads_secrecy::create_card,
    messages::{from_user, text},
    questionnaires::{creation, of_form, question},
    secrecy::{Talkative, found},
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

async fn answers_are_in_the_conversation_alone(engine: Engine) {
    let Some(process) = Talkative::start(engine).await else { return };
    let read = answers_become_a_lead(&process.client).await;
    for secret in [NAME, NOTE, MOBILE[1]] {
        assert!(read.contains(secret), "those who may read it get {secret}");
    }
    let mut places = vec![process.feed("accounts", KNOWN).await, process.feed("messaging", KNOWN).await];
    places.extend(process.tables("accounts").await);
    places.extend(process.tables("crm").await);
    let (messages, others): (Vec<_>, Vec<_>) =
        process.tables("messaging").await.into_iter().partition(|place| place.name == "table message");
    assert!(SECRETS.iter().any(|secret| messages[0].has(secret)), "messages are where they are");
    assert!(others.iter().any(|place| place.name == "table questionnaire_run" && place.has(KNOWN)));
    places.extend(others);
    let (installation, log, spans) = process.end().await;
    for place in [&log, &spans] {
        assert!(place.has("LeadService/SubmitLead"), "{} has no calls", place.name);
    }
    let found = found(&SECRETS, places.into_iter().chain([log, spans]));
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
