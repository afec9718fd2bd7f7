//! `QuestionnaireService`: decode, call the use case, encode.

use siyu_proto::messaging::v1::{
    CreateQuestionnaireRequest, CreateQuestionnaireResponse, DeleteQuestionnaireRequest,
    DeleteQuestionnaireResponse, GetQuestionnaireReportRequest, GetQuestionnaireReportResponse,
    GetQuestionnaireRequest, GetQuestionnaireResponse, ListQuestionnaireRunsRequest,
    ListQuestionnaireRunsResponse, ListQuestionnairesRequest, ListQuestionnairesResponse,
    StartQuestionnaireRequest, StartQuestionnaireResponse, UpdateQuestionnaireRequest,
    UpdateQuestionnaireResponse, questionnaire_service_server::QuestionnaireService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name};
use tonic::{Request, Response, Status};

use super::{
    convert::{ids, to_message},
    convert_questionnaires::{draft, to_questionnaire, to_report, to_run},
};
use crate::{Messaging, domain::message::Sender};

#[tonic::async_trait]
impl QuestionnaireService for Messaging {
    async fn create_questionnaire(
        &self,
        request: Request<CreateQuestionnaireRequest>,
    ) -> Result<Response<CreateQuestionnaireResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let draft = draft(request.questionnaire.unwrap_or_default())?;
        let made =
            self.create_questionnaire(&mutation, account_id, &request.questionnaire_id, &draft).await?;
        let questionnaire = Some(to_questionnaire(account_id, made));
        Ok(Response::new(CreateQuestionnaireResponse { questionnaire }))
    }

    async fn get_questionnaire(
        &self,
        request: Request<GetQuestionnaireRequest>,
    ) -> Result<Response<GetQuestionnaireResponse>, Status> {
        let request = admit(request)?;
        let ids = questionnaire_ids(&request.name, "name")?;
        let found = self.get_questionnaire(ids).await?;
        Ok(Response::new(GetQuestionnaireResponse { questionnaire: Some(to_questionnaire(ids[0], found)) }))
    }

    async fn list_questionnaires(
        &self,
        request: Request<ListQuestionnairesRequest>,
    ) -> Result<Response<ListQuestionnairesResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListQuestionnaires {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let (found, next_page_token) = self.list_questionnaires(account_id, &page).await?;
        let questionnaires = found.into_iter().map(|found| to_questionnaire(account_id, found)).collect();
        Ok(Response::new(ListQuestionnairesResponse { questionnaires, next_page_token }))
    }

    async fn update_questionnaire(
        &self,
        request: Request<UpdateQuestionnaireRequest>,
    ) -> Result<Response<UpdateQuestionnaireResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let sent = request.questionnaire.unwrap_or_default();
        let (name, etag) = (sent.name.clone(), sent.etag.clone());
        let ids = questionnaire_ids(&name, "questionnaire.name")?;
        let changed = self.update_questionnaire(&mutation, ids, &draft(sent)?, &etag).await?;
        let questionnaire = Some(to_questionnaire(ids[0], changed));
        Ok(Response::new(UpdateQuestionnaireResponse { questionnaire }))
    }

    async fn delete_questionnaire(
        &self,
        request: Request<DeleteQuestionnaireRequest>,
    ) -> Result<Response<DeleteQuestionnaireResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let ids = questionnaire_ids(&request.name, "name")?;
        self.delete_questionnaire(&mutation, ids, &request.etag).await?;
        Ok(Response::new(DeleteQuestionnaireResponse {}))
    }

    async fn start_questionnaire(
        &self,
        request: Request<StartQuestionnaireRequest>,
    ) -> Result<Response<StartQuestionnaireResponse>, Status> {
        let request = admit(request)?;
        let ids = ids(&request.parent, &request.user)?;
        let [account_id, questionnaire_id] = questionnaire_ids(&request.questionnaire, "questionnaire")?;
        if account_id != ids[0] {
            return Err(Error::invalid_field("questionnaire", "must be one of the account").into());
        }
        let message = self.start_questionnaire(ids, questionnaire_id, request.client_message_id).await?;
        let message = Some(to_message(&message, Sender::Account));
        Ok(Response::new(StartQuestionnaireResponse { message }))
    }

    async fn list_questionnaire_runs(
        &self,
        request: Request<ListQuestionnaireRunsRequest>,
    ) -> Result<Response<ListQuestionnaireRunsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListQuestionnaireRuns {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let ids = questionnaire_ids(&request.parent, "parent")?;
        let (runs, next_page_token) = self.list_questionnaire_runs(ids, &page).await?;
        let questionnaire_runs = runs.into_iter().map(to_run).collect();
        Ok(Response::new(ListQuestionnaireRunsResponse { questionnaire_runs, next_page_token }))
    }

    async fn get_questionnaire_report(
        &self,
        request: Request<GetQuestionnaireReportRequest>,
    ) -> Result<Response<GetQuestionnaireReportResponse>, Status> {
        let request = admit(request)?;
        let counts = self.questionnaire_report(questionnaire_ids(&request.name, "name")?).await?;
        let questionnaire_report = Some(to_report(&counts));
        Ok(Response::new(GetQuestionnaireReportResponse { questionnaire_report }))
    }
}

/// Account and questionnaire of a questionnaire's name.
fn questionnaire_ids<'a>(name: &'a str, field: &str) -> Result<[&'a str; 2], Error> {
    let rule = "must be accounts/{account}/questionnaires/{questionnaire}";
    name::ids(name, ["accounts", "questionnaires"]).ok_or_else(|| Error::invalid_field(field, rule))
}
