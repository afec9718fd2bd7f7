//! The wire: decode, call the use case, encode.

mod api_keys;
mod appointments;
mod bookings;
mod cards;
mod certification;
mod contents;
mod convert;
mod coupons;
mod engagement;
mod entry_codes;
mod homepage;
mod lead_pipeline;
mod leads;
mod operators;
mod rights;
mod snapshot;
mod tokens;

pub(crate) use cards::to_card;
pub(crate) use certification::to_certification;
pub(crate) use contents::to_content;
pub(crate) use convert::to_account;
pub(crate) use homepage::{HomepageServer, to_version};
pub(crate) use lead_pipeline::{to_change_cause, to_lead_task, to_owner, to_stage};

use convert::{changes, new_account, to_enterprise};
use siyu_proto::accounts::v1::{
    self as pb, CreateAccountRequest, CreateAccountResponse, CreateEnterpriseRequest,
    CreateEnterpriseResponse, GetAccountRequest, GetAccountResponse, GetEnterpriseRequest,
    GetEnterpriseResponse, ListAccountsRequest, ListAccountsResponse, ListEnterprisesRequest,
    ListEnterprisesResponse, SnapshotAccountsRequest, SnapshotAccountsResponse, UpdateAccountRequest,
    UpdateAccountResponse, accounts_service_server::AccountsService,
};
use siyu_rpc::{Page, admit, admit_mutation, name};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::Accounts;

#[tonic::async_trait]
impl AccountsService for Accounts {
    type SnapshotAccountsStream = ReceiverStream<Result<SnapshotAccountsResponse, Status>>;

    async fn create_enterprise(
        &self,
        request: Request<CreateEnterpriseRequest>,
    ) -> Result<Response<CreateEnterpriseResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let display_name = request.enterprise.unwrap_or_default().display_name;
        let enterprise = self.create_enterprise(&mutation, request.enterprise_id, display_name).await?;
        Ok(Response::new(CreateEnterpriseResponse { enterprise: Some(to_enterprise(enterprise)) }))
    }

    async fn get_enterprise(
        &self,
        request: Request<GetEnterpriseRequest>,
    ) -> Result<Response<GetEnterpriseResponse>, Status> {
        let request = admit(request)?;
        let enterprise = self.get_enterprise(name::id(&request.name, "enterprises", "name")?).await?;
        Ok(Response::new(GetEnterpriseResponse { enterprise: Some(to_enterprise(enterprise)) }))
    }

    async fn list_enterprises(
        &self,
        request: Request<ListEnterprisesRequest>,
    ) -> Result<Response<ListEnterprisesResponse>, Status> {
        let request = admit(request)?;
        let page = Page::read(request.page_size, &request.page_token, "ListEnterprises".to_owned())?;
        let (enterprises, next_page_token) = self.list_enterprises(&page).await?;
        let enterprises = enterprises.into_iter().map(to_enterprise).collect();
        Ok(Response::new(ListEnterprisesResponse { enterprises, next_page_token }))
    }

    async fn create_account(
        &self,
        request: Request<CreateAccountRequest>,
    ) -> Result<Response<CreateAccountResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let new = new_account(request.account.unwrap_or_default())?;
        let enterprise_id = name::id(&request.parent, "enterprises", "parent")?;
        let account = self.create_account(&mutation, enterprise_id, request.account_id, new).await?;
        Ok(Response::new(CreateAccountResponse { account: Some(to_account(account)?) }))
    }

    async fn get_account(
        &self,
        request: Request<GetAccountRequest>,
    ) -> Result<Response<GetAccountResponse>, Status> {
        let request = admit(request)?;
        let account = self.get_account(name::id(&request.name, "accounts", "name")?).await?;
        Ok(Response::new(GetAccountResponse { account: Some(to_account(account)?) }))
    }

    async fn list_accounts(
        &self,
        request: Request<ListAccountsRequest>,
    ) -> Result<Response<ListAccountsResponse>, Status> {
        let request = admit(request)?;
        let arguments = format!("ListAccounts {}", request.parent);
        let page = Page::read(request.page_size, &request.page_token, arguments)?;
        let (accounts, next_page_token) =
            self.list_accounts(name::id(&request.parent, "enterprises", "parent")?, &page).await?;
        let accounts = accounts.into_iter().map(to_account).collect::<Result<_, _>>()?;
        Ok(Response::new(ListAccountsResponse { accounts, next_page_token }))
    }

    async fn update_account(
        &self,
        request: Request<UpdateAccountRequest>,
    ) -> Result<Response<UpdateAccountResponse>, Status> {
        let (mutation, request) = admit_mutation(request)?;
        let account: pb::Account = request.account.unwrap_or_default();
        let id = name::id(&account.name, "accounts", "account.name")?.to_owned();
        let changes = changes(account, &request.update_mask.unwrap_or_default().paths)?;
        let account = self.update_account(&mutation, &id, &changes).await?;
        Ok(Response::new(UpdateAccountResponse { account: Some(to_account(account)?) }))
    }

    async fn snapshot_accounts(
        &self,
        request: Request<SnapshotAccountsRequest>,
    ) -> Result<Response<Self::SnapshotAccountsStream>, Status> {
        admit(request)?;
        let (tx, cursors) = self.begin_snapshot().await?;
        let (sender, receiver) = mpsc::channel(2);
        tokio::spawn(async move {
            let first = SnapshotAccountsResponse { cursors, accounts: Vec::new() };
            // A reader that has gone needs no answer.
            let _ = sender.send(Ok(first)).await;
            if let Err(error) = snapshot::send(tx, sender.clone()).await {
                let _ = sender.send(Err(error.into())).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
