//! `LeadService`: decode, call the use case, encode.

use siyu_clock::Micros;
use siyu_observed::{Origin, named_domain, stored_domain};
use siyu_proto::accounts::v1::{
    self as pb, DeleteLeadRequest, DeleteLeadResponse, ExportLeadsRequest, ExportLeadsResponse,
    GetLeadRequest, GetLeadResponse, ListLeadsRequest, ListLeadsResponse, SubmitLeadRequest,
    SubmitLeadResponse, lead_service_server::LeadService,
};
use siyu_rpc::{Error, Page, admit, admit_mutation, name, time::to_proto};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::cards::card_of;
use crate::{
    Accounts,
    app::{LeadView, NewLead, newest_lead},
    domain::{
        card,
        lead::{Answer, Given},
    },
};

#[tonic::async_trait]
impl LeadService for Accounts {
    type ExportLeadsStream = ReceiverStream<Result<ExportLeadsResponse, Status>>;

    async fn submit_lead(
        &self,
        request: Request<SubmitLeadRequest>,
    ) -> Result<Response<SubmitLeadResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let lead = self.submit_lead(&mutation, &new_lead(request)?).await?;
        Ok(Response::new(SubmitLeadResponse { lead: Some(to_lead(lead)) }))
    }

    async fn list_leads(
        &self,
        request: Request<ListLeadsRequest>,
    ) -> Result<Response<ListLeadsResponse>, Status> {
        let request = admit(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?;
        let card_id = form_of(&request.form, account_id)?;
        let arguments = format!("ListLeads {account_id} {card_id:?}");
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (leads, next_page_token) = self.list_leads(account_id, card_id, &page).await?;
        let leads = leads.into_iter().map(to_lead).collect();
        Ok(Response::new(ListLeadsResponse { leads, next_page_token }))
    }

    async fn get_lead(&self, request: Request<GetLeadRequest>) -> Result<Response<GetLeadResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, lead_id] = lead_ids(&request.name)?;
        let lead = self.get_lead(&mutation, account_id, lead_id).await?;
        Ok(Response::new(GetLeadResponse { lead: Some(to_lead(lead)) }))
    }

    async fn export_leads(
        &self,
        request: Request<ExportLeadsRequest>,
    ) -> Result<Response<Self::ExportLeadsStream>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account_id = name::id(&request.parent, "accounts", "parent")?.to_owned();
        let card_id = form_of(&request.form, &account_id)?.map(ToOwned::to_owned);
        self.begin_export(&mutation, &account_id).await?;
        let (accounts, (sender, receiver)) = (self.clone(), mpsc::channel(2));
        tokio::spawn(async move {
            let sent = accounts.send_leads(&account_id, card_id.as_deref(), &sender).await;
            if let Err(error) = sent {
                // A reader that has gone needs no answer.
                let _ = sender.send(Err(error.into())).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn delete_lead(
        &self,
        request: Request<DeleteLeadRequest>,
    ) -> Result<Response<DeleteLeadResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let [account_id, lead_id] = lead_ids(&request.name)?;
        let lead = self.delete_lead(&mutation, account_id, lead_id).await?;
        Ok(Response::new(DeleteLeadResponse { lead: Some(to_lead(lead)) }))
    }
}

impl Accounts {
    /// Sends the leads of an account, or of one form, until the reader goes.
    async fn send_leads(
        &self,
        account_id: &str,
        card_id: Option<&str>,
        reader: &mpsc::Sender<Result<ExportLeadsResponse, Status>>,
    ) -> Result<(), Error> {
        let mut before = Some(newest_lead());
        while let Some(place) = before {
            let (leads, next) = self.export_next(account_id, card_id, &place).await?;
            before = next;
            let leads: Vec<_> = leads.into_iter().map(to_lead).collect();
            if !leads.is_empty() && reader.send(Ok(ExportLeadsResponse { leads })).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

pub(super) fn lead_ids(name: &str) -> Result<[&str; 2], Error> {
    let rule = "must be accounts/{account}/leads/{lead}";
    name::ids(name, ["accounts", "leads"]).ok_or_else(|| Error::invalid_field("name", rule))
}

/// The id of the form that a list is limited to.
fn form_of<'a>(form: &'a str, account_id: &str) -> Result<Option<&'a str>, Error> {
    if form.is_empty() { Ok(None) } else { card_of(form, account_id, "form").map(Some) }
}

fn new_lead(request: SubmitLeadRequest) -> Result<NewLead, Error> {
    let account_id = name::id(&request.parent, "accounts", "parent")?;
    let source_domain = stored_domain(request.source_domain());
    let answers = request.answers.into_iter();
    Ok(NewLead {
        account_id: account_id.to_owned(),
        lead_id: request.lead_id,
        card_id: card_of(&request.form, account_id, "form")?.to_owned(),
        user_id: name::id(&request.user, "users", "user")?.to_owned(),
        answers: answers.map(|answer| Given { key: answer.key, values: answer.values }).collect(),
        consent_given: request.consent_given,
        consent_version: request.consent_version,
        origin: Origin { mount: request.mount, source_domain, campaign: request.campaign },
    })
}

fn to_lead(LeadView { lead, answers, consent_text }: LeadView) -> pb::Lead {
    let state = match lead.erase_time {
        None => pb::LeadState::Stored,
        Some(_) => pb::LeadState::Erased,
    };
    pb::Lead {
        name: lead.name(),
        form: card::name(&lead.account_id, &lead.card_id),
        user: format!("users/{}", lead.user_id),
        state: state.into(),
        answers: answers.into_iter().map(to_answer).collect(),
        consent_text,
        consent_version: lead.consent_version,
        mount: lead.origin.mount,
        source_domain: named_domain(&lead.origin.source_domain).into(),
        campaign: lead.origin.campaign,
        create_time: Some(to_proto(Micros(lead.create_time))),
        erase_time: lead.erase_time.map(|time| to_proto(Micros(time))),
    }
}

fn to_answer(answer: Answer) -> pb::LeadAnswer {
    pb::LeadAnswer {
        key: answer.key,
        values: answer.values,
        kind: pb::LeadFieldKind::from(answer.kind).into(),
    }
}
