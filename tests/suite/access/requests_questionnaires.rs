//! Good requests about questionnaires of the messaging service.

use siyu_proto::{
    accounts::v1::LeadFieldKind,
    common::v1::Role,
    messaging::v1::{
        CreateQuestionnaireRequest, DeleteQuestionnaireRequest, GetQuestionnaireReportRequest,
        GetQuestionnaireRequest, ListQuestionnaireRunsRequest, ListQuestionnairesRequest, Questionnaire,
        QuestionnaireTrigger, StartQuestionnaireRequest, UpdateQuestionnaireRequest,
    },
};
use siyu_tests::TestSuite;

use super::requests::{About, Good, good};
use crate::questionnaires::{creation, question, questionnaires, short};

fn asked() -> Questionnaire {
    let questions = vec![question("note", LeadFieldKind::Text, &[])];
    Questionnaire { questions, ..short(QuestionnaireTrigger::Manual) }
}

/// What there must be in `accounts/{id}` before: a questionnaire that agents begin.
pub(super) async fn prepare(suite: &TestSuite, id: &str) {
    let request =
        CreateQuestionnaireRequest { parent: format!("accounts/{id}"), ..creation("note", asked()) };
    questionnaires(suite).create_questionnaire(request).await.unwrap();
}

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let parent = || about.account();
    let note = || format!("{}/questionnaires/note", parent());
    let turn = about.turn;
    vec![
        good(Role::Operator, &CreateQuestionnaireRequest { parent: parent(), ..creation(turn, asked()) }),
        good(Role::Analyst, &GetQuestionnaireRequest { name: note() }),
        good(Role::Analyst, &ListQuestionnairesRequest { parent: parent(), ..Default::default() }),
        good(
            Role::Operator,
            &UpdateQuestionnaireRequest {
                questionnaire: Some(Questionnaire { name: note(), ..asked() }),
                ..Default::default()
            },
        ),
        good(
            Role::Operator,
            &DeleteQuestionnaireRequest {
                name: format!("{}/questionnaires/{turn}", parent()),
                ..Default::default()
            },
        ),
        good(
            Role::Agent,
            &StartQuestionnaireRequest {
                parent: parent(),
                user: "users/u1".to_owned(),
                questionnaire: note(),
                client_message_id: "ask".to_owned(),
            },
        ),
        good(Role::Analyst, &ListQuestionnaireRunsRequest { parent: note(), ..Default::default() }),
        good(Role::Analyst, &GetQuestionnaireReportRequest { name: note() }),
    ]
}
