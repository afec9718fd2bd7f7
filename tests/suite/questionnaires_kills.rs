//! Questionnaires by message while processes are killed: everybody who answers all of it becomes one lead, and has their tag.

use std::{collections::BTreeMap, time::Duration};

use rand::RngExt;
use siyu::connect::Client;
use siyu_proto::{
    accounts::v1::{
        CreateCardRequest, ListLeadsRequest, card_service_client::CardServiceClient,
        lead_service_client::LeadServiceClient,
    },
    crm::v1::{CreateTagRequest, ListTaggedFansRequest, Tag, tag_service_client::TagServiceClient},
    messaging::v1::{
        GetQuestionnaireReportRequest, QuestionnaireReport, QuestionnaireTrigger, SendMessageRequest,
        inbox_service_client::InboxServiceClient, questionnaire_service_client::QuestionnaireServiceClient,
    },
};
use siyu_tests::{
    Engine,
    pushes::fleet::{Fleet, SHOP, eventually},
};

use crate::{
    leads::{form, form_card},
    messages::{from_user, text},
    questionnaires::{ANSWERS, creation, of_form},
    support::seeded,
    tags,
};

const USERS: usize = 40;
const KILLS: usize = 6;

/// Sends until there is an answer: the process that is called may be down. The next is sent by whichever is up.
async fn insist(fleet: &Fleet, number: usize, request: &SendMessageRequest) {
    let sent = async || {
        let client = fleet.client(number);
        Ok(InboxServiceClient::new(client).send_message(request.clone()).await.is_ok())
    };
    eventually(sent, "it is answered in the end").await.unwrap();
}

async fn report(client: Client) -> anyhow::Result<QuestionnaireReport> {
    let request = GetQuestionnaireReportRequest { name: format!("{SHOP}/questionnaires/skin") };
    let answer = QuestionnaireServiceClient::new(client).get_questionnaire_report(request).await?;
    Ok(answer.into_inner().questionnaire_report.unwrap_or_default())
}

async fn prepare(client: Client) {
    let request = CreateCardRequest {
        parent: SHOP.to_owned(),
        card_id: "skin-test".to_owned(),
        card: Some(form_card(form())),
        ..Default::default()
    };
    CardServiceClient::new(client.clone()).create_card(request).await.unwrap();
    let tag = Tag { display_name: "Dry".to_owned(), ..Tag::default() };
    let request = CreateTagRequest {
        parent: SHOP.to_owned(),
        tag_id: "dry".to_owned(),
        tag: Some(tag),
        ..Default::default()
    };
    TagServiceClient::new(client.clone()).create_tag(request).await.unwrap();
    let request = creation("skin", of_form(QuestionnaireTrigger::FirstMessage));
    QuestionnaireServiceClient::new(client).create_questionnaire(request).await.unwrap();
}

async fn kills_lose_and_double_no_lead(engine: Engine) {
    let processes = if engine == Engine::Sqlite { 1 } else { 2 };
    let Some(mut fleet) = Fleet::start(engine, processes, 0, 1).await.unwrap() else { return };
    prepare(fleet.client(0)).await;

    let mut random = seeded(20_261_124);
    let mut unfinished_kills = 0;
    let answers: Vec<&str> = std::iter::once("hi").chain(ANSWERS).collect();
    for kill in 0..KILLS {
        // Some say all of it, and the process is killed a moment later.
        for number in (0..USERS).filter(|number| number % KILLS == kill) {
            for (place, said) in answers.iter().enumerate() {
                let user = format!("u{number:02}");
                let request =
                    SendMessageRequest { content: text(said), ..from_user(&user, &format!("m{place}")) };
                insist(&fleet, number, &request).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..900))).await;
        let found = report(fleet.client(0)).await.unwrap();
        unfinished_kills += usize::from(found.submitting_count > 0);
        fleet.replace(kill % processes).await.unwrap();
        let found = report(fleet.client(0)).await.unwrap();
        assert_eq!((found.active_count, found.ends.len()), (0, 0), "{found:?}");
    }
    assert!(unfinished_kills > 0, "killed while leads were on their way");
    let everybody = i64::try_from(USERS).unwrap();
    let are_done = async || {
        let found = report(fleet.client(0)).await?;
        assert!(found.ends.is_empty(), "{found:?}");
        Ok(found.submitted_count == everybody)
    };
    eventually(are_done, "everybody's lead is stored").await.unwrap();

    let client = fleet.client(0);
    let request = ListLeadsRequest { parent: SHOP.to_owned(), page_size: 1_000, ..Default::default() };
    let leads = LeadServiceClient::new(client.clone()).list_leads(request).await.unwrap().into_inner().leads;
    let mut of_users: BTreeMap<String, usize> = BTreeMap::new();
    for lead in leads {
        *of_users.entry(lead.user).or_default() += 1;
    }
    let expected: BTreeMap<String, usize> =
        (0..USERS).map(|number| (format!("users/u{number:02}"), 1)).collect();
    assert_eq!(of_users, expected);
    let request = ListTaggedFansRequest { parent: tags::name("dry"), page_size: 1_000, ..Default::default() };
    let tagged = TagServiceClient::new(client).list_tagged_fans(request).await.unwrap().into_inner();
    assert_eq!(tagged.fan_tags.len(), USERS);
    fleet.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_no_lead_on_sqlite() {
    kills_lose_and_double_no_lead(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_no_lead_on_postgres() {
    kills_lose_and_double_no_lead(Engine::Postgres).await;
}
